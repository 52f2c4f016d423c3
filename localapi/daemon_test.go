package localapi

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store/memory"
)

// canary stands in every secret that the tests send; no log and no error may hold it.
const canary = "Kanarienvogel"

var _ Admin = (*core.Core)(nil)

// daemon is a server at a real socket.
type daemon struct {
	path   string
	log    *logBuffer
	client *Client
	stop   func() // ends it and waits
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// socketDir is a directory that other uids can enter, unlike t.TempDir.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// realCore is the domain over a store in memory, with cheap passwords.
func realCore(t *testing.T) *core.Core {
	t.Helper()
	set, err := keys.Generate()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := memory.New(memory.Config{Link: core.AuditLink(set)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	pool := password.NewPool(password.PoolConfig{Params: password.Params{Memory: 64, Time: 1, Threads: 1}})
	c, err := core.Open(t.Context(), core.Config{Store: engine, Keys: set, Passwords: pool, Settings: core.Settings{
		Language: "en", Names: core.NameRules{FoldCase: true}, PINphrase: pinphrase.Defaults(),
		CodeWords: core.CodeWords{Words: 4, Valid: 72 * time.Hour, OpensLogin: true},
		Device:    core.DeviceSettings{Origin: "https://latchkey.example.org:8443", Appliance: "Example"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func start(t *testing.T, admin Admin, roles Roles) *daemon {
	t.Helper()
	d := &daemon{path: filepath.Join(socketDir(t), "run", "admin.sock"), log: &logBuffer{}}
	server, err := NewServer(Config{Admin: func() Admin { return admin }, Roles: roles, Log: slog.New(slog.NewJSONHandler(d.log, nil)),
		Status: func(context.Context) Status { return Status{Version: "1.2.3", Ready: true} }})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := Listen(d.path, roles)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	d.client = NewClient(d.path)
	t.Cleanup(func() {
		d.client.Close()
		d.stop()
		if log := d.log.String(); bytes.Contains([]byte(log), []byte(canary)) {
			t.Errorf("the log holds a secret:\n%s", log)
		}
	})
	return d
}

// say is a secret with the canary.
func say(suffix string) secret.Secret { return secret.New(canary + suffix) }
