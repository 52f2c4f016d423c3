package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// radiusSecret and firstFactor are in the documentation: the demo listens on loopback only.
	radiusSecret = "latchkey-demo-secret"
	firstFactor  = "latchkey-demo"

	usualPort = 18120
)

// appliance is a latchkeyd with all that it keeps in one temporary folder.
type appliance struct {
	bin    string // folder of the binaries
	folder string
	server string // address of its RADIUS door
	daemon *exec.Cmd
	ended  chan error
}

func (a *appliance) file(name string) string   { return filepath.Join(a.folder, name) }
func (a *appliance) binary(name string) string { return filepath.Join(a.bin, name) }

// newAppliance makes the folder and the configuration, and starts nothing.
func newAppliance(bin string) (*appliance, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "latchkey-demo-")
	if err != nil {
		return nil, err
	}
	a := &appliance{bin: bin, folder: folder, ended: make(chan error, 1)}
	port, err := freePort()
	if err == nil {
		a.server = net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
		err = os.WriteFile(a.file("latchkey.yaml"), []byte(a.configuration()), 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return a, nil
}

// freePort is the demo's usual one, so that its hints can be copied from one run to the next;
// any other where that is taken.
func freePort() (int, error) {
	var err error
	for _, port := range []int{usualPort, 0} {
		var conn *net.UDPConn
		if conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}); err == nil {
			port = conn.LocalAddr().(*net.UDPAddr).Port
			return port, conn.Close()
		}
	}
	return 0, err
}

func (a *appliance) configuration() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The demo's configuration. The whole story of each key stands in config/latchkey.yaml.
state_dir: %s
keys: {file: %s}
socket: {admin: %s}

radius:
  listen: ["%s"]
  clients:
    - name: demo
      address: 127.0.0.1
      secret: "%s"
      policy: vpn

policies:
  vpn:
    first: password
    second: [pinphrase]
    reply: {Class: staff}

pinphrase:
  questions:
`, a.file("state"), a.file("keyset"), a.file("admin.sock"), a.server, radiusSecret)
	for _, q := range answers {
		fmt.Fprintf(&b, "    - id: %s\n      label: {de: \"%s?\", en: \"%[1]s?\"}\n      phrase: {de: %q, en: %q}\n", q.id, q.german, q.english)
		if q.minimum > 0 {
			fmt.Fprintf(&b, "      minimum_length: %d\n", q.minimum)
		}
	}
	return b.String()
}

// start returns when the daemon says that it is ready, or why it is not.
func (a *appliance) start() error {
	log, err := os.OpenFile(a.file("latchkeyd.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	a.daemon = exec.Command(a.binary("latchkeyd"), "--config", a.file("latchkey.yaml"))
	// Ctrl-C is for the demo, which then ends the daemon in order; and if the demo is killed, so is the daemon.
	a.daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	lines, err := a.daemon.StderrPipe()
	if err != nil {
		return err
	}
	if err := a.daemon.Start(); err != nil {
		return fmt.Errorf("%w (make build?)", err)
	}
	ready := make(chan struct{})
	go func() {
		defer log.Close()
		told := false
		for scanner := bufio.NewScanner(io.TeeReader(lines, log)); scanner.Scan(); {
			if !told && strings.Contains(scanner.Text(), `"ready"`) {
				told = true
				close(ready)
			}
		}
		a.ended <- a.daemon.Wait()
	}()
	select {
	case <-ready:
		return nil
	case err := <-a.ended:
		a.daemon = nil
		return fmt.Errorf("latchkeyd ended before it was ready: %v\n%s", err, a.log())
	case <-time.After(30 * time.Second):
		return fmt.Errorf("latchkeyd was not ready after 30 s\n%s", a.log())
	}
}

func (a *appliance) log() string {
	content, err := os.ReadFile(a.file("latchkeyd.log"))
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// stop ends the daemon and takes the folder away.
func (a *appliance) stop() error {
	var err error
	if a.daemon != nil {
		if err = a.daemon.Process.Signal(syscall.SIGTERM); err == nil {
			select {
			case err = <-a.ended:
			case <-time.After(10 * time.Second):
				err = errors.Join(errors.New("latchkeyd did not end in 10 s, so it was killed"), a.daemon.Process.Kill())
				<-a.ended
			}
		}
	}
	return errors.Join(err, os.RemoveAll(a.folder))
}
