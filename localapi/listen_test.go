package localapi

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core"
)

func TestListenMakesTheFileSafely(t *testing.T) {
	path := filepath.Join(socketDir(t), "run", "admin.sock")
	l, err := Listen(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{path: fs.ModeSocket | 0o660, filepath.Dir(path): fs.ModeDir | 0o755} {
		if info, err := os.Lstat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if _, err := Listen(path, nil); err == nil || !strings.Contains(err.Error(), "another latchkeyd answers") {
		t.Errorf("a live socket: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestListenReplacesWhatADeadDaemonLeft(t *testing.T) {
	path := filepath.Join(socketDir(t), "admin.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	_ = dead.Close()
	l, err := Listen(path, Roles{"65101": core.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	// Somebody else takes the name: his file is not ours to remove.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("took away another's file: %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	dir := socketDir(t)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		file:                              "no socket",
		filepath.Join(file, "admin.sock"): "not a directory",
		filepath.Join(dir, strings.Repeat("x", 120)): "too long",
	} {
		if _, err := Listen(path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if content, _ := os.ReadFile(file); string(content) != "precious" {
		t.Error("the file was harmed")
	}
}

func TestNobodyAnswersInWords(t *testing.T) {
	path := filepath.Join(socketDir(t), "admin.sock")
	missing := func() error { _, err := NewClient(path).Status(t.Context()); return err }
	var refused *Error
	if err := missing(); !errors.As(err, &refused) || !strings.Contains(refused.Text, "latchkeyd is not running") || refused.Status != 0 {
		t.Errorf("no socket: %v", err)
	}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	_ = dead.Close()
	if err := missing(); !errors.As(err, &refused) || !strings.Contains(refused.Text, "latchkeyd is not running") {
		t.Errorf("a stale socket: %v", err)
	}
}
