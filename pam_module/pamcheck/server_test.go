package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/pamcheck"
	"github.com/latchkey/latchkey/core/pamcheck/wire"
	"github.com/latchkey/latchkey/core/secret"
)

// stranger is the uid of a process that has no business here. The test binary starts itself under it.
const stranger = 64321

func TestMain(m *testing.M) {
	switch os.Getenv("LATCHKEY_TEST_AS") {
	case "asks":
		os.Exit(asks(os.Getenv("LATCHKEY_TEST_SOCKET")))
	case "listens":
		os.Exit(listens(os.Getenv("LATCHKEY_TEST_SOCKET")))
	}
	os.Exit(m.Run())
}

var question = core.PasswordCheck{Request: "r1", Name: "lutz", Password: secret.New("geheim")}

// asks is a process that puts a question, and says whether it was answered.
func asks(socket string) int {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	r := wire.Request{Kind: wire.KindCheck, Within: time.Second, Service: "latchkey-x", Name: "lutz", Password: "geheim"}
	raw, err := r.Append(nil)
	if err == nil {
		_, _ = conn.Write(raw) // it may be closed already
		_, err = wire.ReadFrame(conn, make([]byte, wire.MaxFrame))
	}
	fmt.Println("answered:", err == nil)
	return 0
}

// listens is a process that says yes to whatever it is asked.
func listens(socket string) int {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return 1
	}
	fmt.Println("listening")
	conn, err := l.Accept()
	if err != nil {
		return 1
	}
	raw, _ := (&wire.Response{Outcome: wire.Right}).Append(nil)
	_, _ = conn.Write(raw)
	n, _ := conn.Read(make([]byte, 1))
	fmt.Println("heard:", n)
	return 0
}

func as(t *testing.T, part, socket string) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this needs root, to be somebody else: run make test as root")
	}
	// Where it was built nobody else may look.
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(socket), "self")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = []string{"LATCHKEY_TEST_AS=" + part, "LATCHKEY_TEST_SOCKET=" + socket}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	return cmd
}

// public is a folder that everybody may use.
func public(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "latchkey-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestWhoMayAsk: strangers hear nothing, even where the file lets them come as far.
func TestWhoMayAsk(t *testing.T) {
	socket := filepath.Join(public(t), "socket")
	l, err := listen(socket, "root")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket's mode: %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	asked := 0
	p := newPool(poolConfig{
		Workers: 1, Log: slog.New(slog.DiscardHandler), Start: func() (*worker, error) { return nil, errors.New("none") },
		Vet: func(string) (string, error) { asked++; return "", errors.New("no such service") },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s := &server{pool: p, log: p.cfg.Log, may: func(uid int) bool { return uid == 0 }}
	go func() { ended <- s.serve(ctx, l) }()

	out, err := as(t, "asks", socket).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "answered: false" || asked != 0 {
		t.Errorf("a stranger: %s, %v; %d questions came through", out, err, asked)
	}
	client := pamcheck.New(pamcheck.Config{Socket: socket, Service: "latchkey-x", Timeout: 5 * time.Second})
	if v, err := client.CheckPassword(t.Context(), question); err == nil || v != 0 || !strings.Contains(err.Error(), "no such service") {
		t.Errorf("root: %v, %v", v, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := client.CheckPassword(t.Context(), question); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("after the end: %v", err)
	}
}

// TestWhoIsAsked: the daemon says no password to a socket that a stranger listens at, whatever it would answer.
func TestWhoIsAsked(t *testing.T) {
	socket := filepath.Join(public(t), "socket")
	cmd := as(t, "listens", socket)
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	word := make([]byte, 64)
	if n, err := said.Read(word); err != nil || string(word[:n]) != "listening\n" {
		t.Fatalf("%q, %v", word[:n], err)
	}
	client := pamcheck.New(pamcheck.Config{Socket: socket, Service: "latchkey-x", Timeout: 5 * time.Second})
	v, err := client.CheckPassword(t.Context(), question)
	if err == nil || v != 0 || !strings.Contains(err.Error(), "neither root's nor our own") {
		t.Errorf("%v, %v", v, err)
	}
	n, err := said.Read(word)
	if err != nil || string(word[:n]) != "heard: 0\n" {
		t.Errorf("the stranger says %q, %v", word[:n], err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
