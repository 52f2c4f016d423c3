// Package browser lets the phone app's own tests, which drive a real Chromium, run against the
// real latchkeyd: its HTTPS door with its own authority, the real command line, and RADIUS
// logins that wait, by openconnect too. They are written in TypeScript, in web/app/test; here
// is the control door through which they invite phones and raise logins.
//
// It must never know what is on a screen: that is for those tests to say.
package browser

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
	"github.com/latchkey/latchkey/web/appfiles"
)

// The gateway's patience is long enough that a login mostly ends in the round in which the phone answers.
const client = "message_authenticator: accept, trust_calling_station: true, timeout: 10s, tries: 2, wait: 8s"

const app = "../../web/app"

// As long as a person has; and the least that latchkeyd lets one have, for logins that shall run out.
const usual, least = 90 * time.Second, 10 * time.Second

func TestJourney(t *testing.T) {
	binaries := prepare(t)
	orders := make(chan func())
	d, other := open(t, binaries, "127.0.0.1", orders), open(t, binaries, "other.test", orders)
	d.vpn = appliance.StartVPN(t, d.Appliance)
	if err := drive(t, "browser", slices.Concat(d.environment(""), other.environment("_2")), orders); err != nil {
		t.Fatalf("the journey: %v\n%s\nThe other appliance:\n%s", err, d.Log, other.Log)
	}
	d.inspect()
	other.Latchkey("", "audit", "--verify")
}

// prepare wants what a journey needs.
func prepare(t *testing.T) appliance.Binaries {
	t.Helper()
	if !appfiles.Built() {
		t.Fatal("the phone app is not in the daemon: make app")
	}
	if _, err := os.Stat(filepath.Join(app, "node_modules/playwright-core")); err != nil {
		t.Fatal("web/app has no node_modules: (cd web/app && npm ci)")
	}
	appliance.Need(t, "chromium", "chromium")
	binaries, err := appliance.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return binaries
}

// drive runs one kind of the app's tests, and carries out what they order.
func drive(t *testing.T, kind string, environment []string, orders chan func()) error {
	t.Helper()
	node := appliance.Need(t, "node", "nodejs")
	// What it waits for longest is a dead end: then what was seen up to there is the finding.
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "test/run.mjs", kind)
	cmd.Dir = app
	cmd.Env = append(os.Environ(), environment...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// Node and its browsers: all of the group.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	screen := appliance.NewScreen("test/run.mjs " + kind)
	cmd.Stdout, cmd.Stderr = screen, screen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(screen)
		}
		if err := cmd.Cancel(); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
	})
	for {
		select {
		case order := <-orders:
			order()
		case err := <-ended:
			if err == nil {
				t.Log(screen)
			}
			return err
		}
	}
}

// open starts an appliance that browsers find under a name of its own, with its control door.
func open(t *testing.T, binaries appliance.Binaries, name string, orders chan func()) *door {
	t.Helper()
	port := appliance.Port(t)
	d := &door{t: t, web: fmt.Sprintf("127.0.0.1:%d", port), url: fmt.Sprintf("https://%s:%d", name, port), folder: appliance.Folder(t),
		users: map[string]bool{}, logins: map[string]*login{}, orders: orders}
	d.Appliance = appliance.Start(t, appliance.Config{Binaries: binaries, Client: client, Second: "[app]", Sections: d.sections(usual)})
	d.control = httptest.NewServer(d)
	t.Cleanup(d.control.Close)
	return d
}

// environment tells the journey where the appliance is.
func (d *door) environment(which string) []string {
	return []string{"LATCHKEY_URL" + which + "=" + d.url, "LATCHKEY_CONTROL" + which + "=" + d.control.URL, "LATCHKEY_SPKI" + which + "=" + spki(d.t, d.web)}
}

// spki names the key of the HTTPS door in the way of Chromium, which does not know the authority.
func spki(t *testing.T, address string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}
