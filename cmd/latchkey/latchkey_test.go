package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/store/memory"
	"github.com/latchkey/latchkey/localapi"
)

// canary stands in every secret that the tests type.
const canary = "Kanarienvogel"

// appliance is the admin socket of a real core over a store in memory.
type appliance struct {
	t      *testing.T
	socket string
	tty    bool // what comes next is printed for a terminal
	now    time.Time
	core   *core.Core
}

func newAppliance(t *testing.T) *appliance {
	t.Helper()
	return applianceAt(t, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), nil)
}

// applianceAt has another time, or other settings.
func applianceAt(t *testing.T, now time.Time, change func(*core.Settings)) *appliance {
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
	a := &appliance{t: t, socket: filepath.Join(t.TempDir(), "admin.sock"), now: now}
	settings := core.Settings{Language: "en", Names: core.NameRules{FoldCase: true}, PINphrase: pinphrase.Defaults(),
		CodeWords: core.CodeWords{Words: 4, Valid: 72 * time.Hour, OpensLogin: true}}
	if change != nil {
		change(&settings)
	}
	domain, err := core.Open(t.Context(), core.Config{Store: engine, Keys: set, Now: func() time.Time { return a.now },
		Passwords: password.NewPool(password.PoolConfig{Params: password.Params{Memory: 64, Time: 1, Threads: 1}}),
		Settings:  settings})
	if err != nil {
		t.Fatal(err)
	}
	a.core = domain
	var log bytes.Buffer
	server, err := localapi.NewServer(localapi.Config{Admin: func() localapi.Admin { return domain },
		Log: slog.New(slog.NewJSONHandler(&log, nil)), Now: func() time.Time { return a.now },
		Status: func(context.Context) localapi.Status {
			return localapi.Status{Version: "1.2.3", Ready: true, Since: a.now.Add(-2 * time.Hour), Store: map[string]any{"disk_bytes": 12345678},
				RADIUS: map[string]uint64{"accepts": 7}, Warnings: []string{"the clock went back"}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := localapi.Listen(a.socket, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if strings.Contains(log.String(), canary) {
			t.Errorf("the log holds a secret:\n%s", log.String())
		}
	})
	return a
}

// ran is what a command line did.
type ran struct {
	code     int
	out, err string
}

// run does a command line with standard input.
func (a *appliance) run(in string, args ...string) ran {
	a.t.Helper()
	return runWith(a.t, a.tty, a.now, in, map[string]string{"LATCHKEY_SOCKET": a.socket}, args...)
}

func runWith(t *testing.T, tty bool, now time.Time, in string, env map[string]string, args ...string) ran {
	t.Helper()
	var out, errors bytes.Buffer
	u := &ui{in: strings.NewReader(in), out: &out, err: &errors, inFD: -1, outTTY: tty, now: func() time.Time { return now }}
	code := run(t.Context(), args, u, func(name string) string { return env[name] })
	r := ran{code, out.String(), errors.String()}
	if strings.Contains(r.err, canary) {
		t.Errorf("latchkey %s: standard error holds a secret: %s", strings.Join(args, " "), r.err)
	}
	return r
}

// want fails unless the command was done, and gives its output.
func (a *appliance) want(in string, args ...string) string {
	a.t.Helper()
	r := a.run(in, args...)
	if r.code != exitDone {
		a.t.Fatalf("latchkey %s: exit %d, %s", strings.Join(args, " "), r.code, r.err)
	}
	return r.out
}

func (a *appliance) json(into any, in string, args ...string) {
	a.t.Helper()
	out := a.want(in, append([]string{"--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		a.t.Fatalf("latchkey --json %s: %v in %q", strings.Join(args, " "), err, out)
	}
}
