package localapi

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/hostapi"
	"github.com/latchkey/latchkey/hostapi/hostdoor"
)

// hosts is the door of the machine's own PAM module, at real sockets over a real core.
type hosts struct {
	root, users string
	core        *core.Core
	log         *logBuffer
	clock       time.Time
}

func startHosts(t *testing.T) *hosts {
	t.Helper()
	c := realCore(t)
	c = c.With(core.Settings{
		Language: "en", Names: core.NameRules{FoldCase: true}, PINphrase: pinphrase.Defaults(),
		Policies: map[string]core.Policy{"ssh": {First: core.FirstNone, Second: []core.Method{core.MethodPINphrase}, Realm: "default"}},
		Locks:    core.Locks{PairAfter: 3, PairFor: time.Minute, UserAfter: 20, UserHalves: time.Hour, SourceAfter: 30, SourceFor: time.Minute},
	})
	dir := socketDir(t)
	h := &hosts{root: filepath.Join(dir, "pam.sock"), users: filepath.Join(dir, "pam-user.sock"), core: c, log: &logBuffer{}, clock: time.Now()}
	door := NewHosts(HostsConfig{
		Name: "web1", Log: slog.New(slog.NewJSONHandler(h.log, nil)), Now: func() time.Time { return h.clock },
		Rules: func() hostdoor.Rules { return hostdoor.Rules{Logins: c, Policy: "ssh", PasswordChecked: true} },
	})
	root, err := ListenPAM(h.root)
	if err != nil {
		t.Fatal(err)
	}
	users, err := ListenPAMUser(h.users)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := door.ServeRoot(ctx, root); err != nil {
			t.Errorf("ServeRoot: %v", err)
		}
	})
	ended.Go(func() {
		if err := door.ServeUsers(ctx, users); err != nil {
			t.Errorf("ServeUsers: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); ended.Wait() })
	return h
}

// as is a helper that runs as uid, at a socket.
func as(path string, uid int) *hostapi.Client {
	return hostapi.OverConn(func(ctx context.Context) (net.Conn, error) {
		if uid == 0 {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
		return dialAs(path, uid, uid)
	})
}

func login(user string) hostapi.Begin {
	return hostapi.Begin{Context: hostapi.Context{Request: "r1", Service: "locker", User: user}}
}

func TestSocketsOfHosts(t *testing.T) {
	h := startHosts(t)
	for path, mode := range map[string]fs.FileMode{h.root: 0o600, h.users: 0o666} {
		if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, mode)
		}
	}
	const daemon = 1 // an account of every Debian
	if step, err := as(h.root, 0).Begin(t.Context(), login("lutz")); err != nil || step.Kind != hostapi.Challenge {
		t.Errorf("root for anybody: %+v, %v", step, err)
	}
	var unreached *hostapi.NotReached
	if _, err := as(h.root, daemon).Begin(t.Context(), login("daemon")); !errors.As(err, &unreached) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("somebody at root's socket: %v", err)
	}
	if step, err := as(h.users, daemon).Begin(t.Context(), login("daemon")); err != nil || step.Kind != hostapi.Challenge {
		t.Errorf("somebody for himself: %+v, %v", step, err)
	}
	for _, other := range []string{"lutz", "root", "DAEMON", "daemon ", "nobody"} {
		var refused *hostapi.Refused
		if step, err := as(h.users, daemon).Begin(t.Context(), login(other)); !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
			t.Errorf("somebody for %q: %+v, %v", other, step, err)
		}
	}
	var refused *hostapi.Refused
	if step, err := as(h.users, stranger).Begin(t.Context(), login("daemon")); !errors.As(err, &refused) {
		t.Errorf("a uid without an account: %+v, %v", step, err)
	}
}

// What root's file lets in by mistake is refused by the kernel's word.
func TestRootsSocketIsRoots(t *testing.T) {
	h := startHosts(t)
	if err := os.Chmod(h.root, 0o666); err != nil {
		t.Fatal(err)
	}
	var refused *hostapi.Refused
	if step, err := as(h.root, 1).Begin(t.Context(), login("daemon")); !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		t.Errorf("somebody at root's socket: %+v, %v", step, err)
	}
}

// A guess at everybody's socket counts for its uid, whatever address the program claims.
func TestOwnUidIsTheSource(t *testing.T) {
	h := startHosts(t)
	begin := login("daemon")
	begin.RHost, begin.RealUID = "192.0.2.7", 0
	client := as(h.users, 1)
	step, err := client.Begin(t.Context(), begin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Answer(t.Context(), hostapi.Answer{Context: begin.Context, Token: step.Token, Text: secret.Disclosed{Secret: secret.New("none")}}); err != nil {
		t.Fatal(err)
	}
	source := ""
	if err := h.core.Audit(t.Context(), core.AuditFilter{User: "daemon"}, func(e core.AuditEntry) bool { source = e.Source; return true }); err != nil || source != "uid:web1/1" {
		t.Errorf("the source is %q, %v", source, err)
	}
}

// One user who floods keeps nobody else away, least of all root.
func TestACrowdKeepsNobodyAway(t *testing.T) {
	h := startHosts(t)
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for range connsOfOne {
		c, err := dialAs(h.users, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	// Those are taken in when the next is turned away; and being turned away is silence, not "unreachable".
	var unreached *hostapi.NotReached
	if _, err := as(h.users, 1).Begin(t.Context(), login("daemon")); !errors.Is(err, hostapi.ErrSilence) || errors.As(err, &unreached) {
		t.Errorf("one connection more: %v", err)
	}
	if step, err := as(h.users, 2).Begin(t.Context(), login("bin")); err != nil || step.Kind != hostapi.Challenge {
		t.Errorf("another user meanwhile: %+v, %v", step, err)
	}
	if step, err := as(h.root, 0).Begin(t.Context(), login("lutz")); err != nil || step.Kind != hostapi.Challenge {
		t.Errorf("root meanwhile: %+v, %v", step, err)
	}

	// And so for calls; they come back with time.
	client := as(h.users, 2)
	for range callsAtOnce - 1 {
		if _, err := client.Begin(t.Context(), login("bin")); err != nil {
			t.Fatal(err)
		}
	}
	var refused *hostapi.Refused
	if _, err := client.Begin(t.Context(), login("bin")); !errors.As(err, &refused) || refused.Status != http.StatusTooManyRequests {
		t.Errorf("one call more: %v", err)
	}
	if _, err := as(h.users, 3).Begin(t.Context(), login("sys")); err != nil {
		t.Errorf("another user meanwhile: %v", err)
	}
	h.clock = h.clock.Add(callEvery)
	if _, err := client.Begin(t.Context(), login("bin")); err != nil {
		t.Errorf("after %s: %v", callEvery, err)
	}
}
