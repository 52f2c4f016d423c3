// Package kannel runs Debian's Kannel for tests: bearerbox and smsbox in front of a message centre, on loopback.
package kannel

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// User and Password are those of its sendsms-user.
const (
	User     = "latchkey"
	Password = "kannel & geheim"
)

// Gateway is a running Kannel.
type Gateway struct {
	URL string // of sendsms
}

// Start runs Kannel against the message centre at a port, with its password.
func Start(t testing.TB, centre int, password string) *Gateway {
	t.Helper()
	dir := t.TempDir()
	admin, boxes, sendsms := freePort(t), freePort(t), freePort(t)
	config := filepath.Join(dir, "kannel.conf")
	text := fmt.Sprintf(`group = core
admin-port = %d
admin-password = %q
admin-deny-ip = "*.*.*.*"
admin-allow-ip = "127.0.0.1"
smsbox-port = %d
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"

group = smsc
smsc = smpp
smsc-id = fast
host = 127.0.0.1
port = %d
transceiver-mode = true
smsc-username = kannel
smsc-password = %q
system-type = ""
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = %d
sendsms-port = %d

group = sendsms-user
username = %s
password = %q
concatenation = true
max-messages = 3
`, admin, Password, boxes, centre, password, boxes, sendsms, User, Password)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "bearerbox", config)
	waitFor(t, boxes)
	run(t, dir, "smsbox", config)
	g := &Gateway{URL: fmt.Sprintf("http://127.0.0.1:%d/cgi-bin/sendsms", sendsms)}
	for end := time.Now().Add(30 * time.Second); ; {
		answer, err := http.Get(g.URL)
		if err == nil {
			_ = answer.Body.Close()
			return g
		}
		if time.Now().After(end) {
			t.Fatalf("smsbox does not answer: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// run starts one of Kannel's boxes, which ends with the test.
func run(t testing.TB, dir, box, config string) {
	t.Helper()
	path, err := exec.LookPath(box)
	if err != nil {
		if path = "/usr/sbin/" + box; os.Chdir(".") != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("Debian's package kannel is not installed: %v", err)
		}
	}
	out, err := os.Create(filepath.Join(dir, box+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-v", "1", config)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(3 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		_ = out.Close()
		if t.Failed() {
			text, _ := os.ReadFile(out.Name())
			t.Logf("%s:\n%s", box, text[max(0, len(text)-4000):])
		}
	})
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func waitFor(t testing.TB, port int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("bearerbox does not listen: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
