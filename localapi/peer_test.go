package localapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/latchkey/latchkey/core"
)

// dialAs connects as another user. Credentials belong to a thread in Linux: a thread takes
// them on by raw system calls and dies with its goroutine, since it is never unlocked.
func dialAs(path string, uid, gid int, groups ...uint32) (net.Conn, error) {
	type outcome struct {
		conn net.Conn
		err  error
	}
	done := make(chan outcome)
	go func() {
		runtime.LockOSThread()
		groups := append(groups, uint32(gid))
		_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0)
		if errno == 0 {
			_, _, errno = unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid))
		}
		if errno == 0 {
			_, _, errno = unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
		}
		if errno != 0 {
			done <- outcome{err: fmt.Errorf("becoming uid %d: %w (the tests need root)", uid, errno)}
			return
		}
		conn, err := net.Dial("unix", path)
		done <- outcome{conn, err}
	}()
	o := <-done
	return o.conn, o.err
}

// clientAs is a client that another user runs.
func clientAs(t *testing.T, path string, uid, gid int, groups ...uint32) *Client {
	t.Helper()
	c := NewClient(path)
	c.http.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
		return dialAs(path, uid, gid, groups...)
	}
	t.Cleanup(c.Close)
	return c
}

const (
	admins, helpdesk, auditors, others = 65101, 65102, 65103, 65104
	stranger                           = 65001
)

var testRoles = Roles{"65101": core.RoleAdmin, "65102": core.RoleHelpdesk, "65103": core.RoleAuditor}

// TestRolesAreSettledByTheKernel calls every route as everybody.
func TestRolesAreSettledByTheKernel(t *testing.T) {
	d := start(t, realCore(t), testRoles)
	if _, err := d.client.AddUser(t.Context(), core.NewUser{Name: "lutz"}); err != nil {
		t.Fatal(err) // as root
	}
	server := &Server{}
	for _, who := range []struct {
		name   string
		client *Client
		rank   int
	}{
		{"admin", clientAs(t, d.path, stranger, admins), 3},
		{"helpdesk by a supplementary group", clientAs(t, d.path, stranger, others, helpdesk), 2},
		{"auditor", clientAs(t, d.path, stranger, auditors), 1},
		{"the highest of two roles", clientAs(t, d.path, stranger, auditors, admins), 3},
	} {
		for _, r := range server.routes() {
			if r.path == "/v1/audit" {
				continue // the same as the others, but it may follow
			}
			resp, err := who.client.open(t.Context(), r.method, r.path, nil, strings.NewReader("{}"))
			status := 0
			var refused *Error
			switch {
			case errors.As(err, &refused):
				status = refused.Status
			case err != nil:
				t.Fatal(err)
			default:
				status = resp.StatusCode
				_ = resp.Body.Close()
			}
			if forbidden := status == http.StatusForbidden; forbidden != (who.rank < rank(r.role)) {
				t.Errorf("%s at %s %s: status %d", who.name, r.method, r.path, status)
			}
			if status == http.StatusForbidden && (!strings.Contains(refused.Text, "this needs "+string(r.role)) || refused.Hint == "") {
				t.Errorf("refused in these words: %q, %q", refused.Text, refused.Hint)
			}
		}
	}
}

func TestStrangersAreKeptOutByTheFile(t *testing.T) {
	d := start(t, realCore(t), testRoles)
	_, err := clientAs(t, d.path, stranger, others).Status(t.Context())
	var refused *Error
	if !errors.As(err, &refused) || !errors.Is(err, os.ErrPermission) || !strings.Contains(refused.Hint, "socket.roles") {
		t.Errorf("a stranger is told: %v", err)
	}
}

// TestNoRoleIsRefusedBehindTheFileToo opens the file to all: the kernel's word must do alone.
func TestNoRoleIsRefusedBehindTheFileToo(t *testing.T) {
	d := start(t, realCore(t), testRoles)
	if err := unix.Removexattr(d.path, "system.posix_acl_access"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(d.path, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := clientAs(t, d.path, stranger, others).Status(t.Context())
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != http.StatusForbidden || refused.Text != "uid 65001 may not administer latchkey" {
		t.Errorf("a stranger is told: %v", err)
	}
}

func TestManyGroups(t *testing.T) {
	d := start(t, realCore(t), testRoles)
	groups := make([]uint32, 0, 500)
	for gid := uint32(70000); gid < 70499; gid++ {
		groups = append(groups, gid)
	}
	if _, err := clientAs(t, d.path, stranger, others, append(groups, auditors)...).Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRolesThatDoNotExist(t *testing.T) {
	for _, roles := range []Roles{{"65101": "boss"}, {"no-such-group-here": core.RoleAdmin}} {
		if _, err := NewServer(Config{Roles: roles}); err == nil || !strings.Contains(err.Error(), "socket.roles") {
			t.Errorf("%v: %v", roles, err)
		}
		if _, err := Listen(filepath.Join(socketDir(t), "s"), roles); err == nil {
			t.Errorf("%v: listens", roles)
		}
	}
}
