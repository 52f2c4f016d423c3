package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/hostapi"
	"github.com/latchkey/latchkey/hostapi/member"
)

// machine is a host of the fleet, with the code that real ones have.
type machine struct {
	a   *appliance
	dir string
	member.Config
	dials *atomic.Int64
}

func (a *appliance) machine() *machine {
	m := &machine{a: a, dir: filepath.Join(a.t.TempDir(), "host"), dials: new(atomic.Int64)}
	m.Config = member.Config{Dir: m.dir, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		m.dials.Add(1)
		if strings.HasPrefix(address, "dead.") {
			return nil, errors.New("connection refused")
		}
		return a.dial(ctx, network, address)
	}}
	return m
}

func (a *appliance) host(name string) *machine {
	a.t.Helper()
	m := a.machine()
	url, _, err := a.InviteHost(a.t.Context(), root, name, 0)
	if err != nil {
		a.t.Fatal(err)
	}
	out, err := m.Enrol(a.t.Context(), url.Reveal(), false)
	if err != nil || out.Host != name {
		a.t.Fatalf("%+v %v", out, err)
	}
	m.trusting()
	return m
}

// trusting takes URL and trust as the written files say, as the PAM module does.
func (m *machine) trusting() {
	m.a.t.Helper()
	conf, err := os.ReadFile(filepath.Join(m.dir, member.ConfFile))
	if err != nil || !strings.Contains(string(conf), "url="+testOrigin+"\n") || !strings.Contains(string(conf), "credential="+m.dir+"\n") {
		m.a.t.Fatalf("%v\n%s", err, conf)
	}
	pem, err := os.ReadFile(filepath.Join(m.dir, member.RootsFile))
	if err != nil {
		m.a.t.Fatal(err)
	}
	if m.Roots, err = member.ReadRoots(pem); err != nil {
		m.a.t.Fatal(err)
	}
	m.URLs = []string{testOrigin}
}

func (m *machine) transport() *member.Transport {
	m.a.t.Helper()
	way, err := member.NewTransport(m.Config)
	if err != nil {
		m.a.t.Fatal(err)
	}
	return way
}

func sshd(user string) hostapi.Begin {
	return hostapi.Begin{
		Context:  hostapi.Context{Request: "abc-1", Service: "sshd", User: user, UID: 1000, RHost: "198.51.100.7", Language: "en"},
		Password: secret.Disclosed{Secret: secret.New("latchkey-demo")},
	}
}

func wantRefusal(t *testing.T, err error, code core.DeviceCode) {
	t.Helper()
	var refused *hostapi.Refused
	if !errors.As(err, &refused) || refused.Code != string(code) {
		t.Errorf("%v, want %s", err, code)
	}
}

func TestTheJourneyOfAHost(t *testing.T) {
	// Nothing of this has a say.
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("SSL_CERT_FILE", "/nonexistent")
	t.Setenv("SSL_CERT_DIR", "/nonexistent")
	a := newAppliance(t)
	ctx := t.Context()
	m := a.host("web01")
	for name, mode := range map[string]os.FileMode{"host.pem": 0o600, "ca.pem": 0o644, "pam.conf": 0o644} {
		if info, err := os.Stat(filepath.Join(m.dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	way := m.transport()
	client := way.Client()

	// A first factor is asked for, then the temporary code, and it is an accept.
	begin := sshd("lutz")
	begin.Password = secret.Disclosed{}
	if s, err := client.Begin(ctx, begin); err != nil || s.Kind != hostapi.AskPassword || !s.Secret {
		t.Fatalf("%+v %v", s, err)
	}
	code, _, err := a.TemporaryCode(ctx, root, "lutz", time.Hour, 3)
	if err != nil {
		t.Fatal(err)
	}
	login := func() (hostapi.Step, error) {
		s, err := client.Begin(ctx, sshd("lutz"))
		if err != nil || s.Kind != hostapi.Challenge {
			return s, fmt.Errorf("%+v: %w", s, err)
		}
		return client.Answer(ctx, hostapi.Answer{Context: sshd("lutz").Context, Token: s.Token, Text: secret.Disclosed{Secret: code}, WaitMS: 1})
	}
	if s, err := login(); err != nil || s.Kind != hostapi.Accept {
		t.Fatalf("%+v %v", s, err)
	}
	var last core.AuditEntry
	_ = a.Audit(ctx, core.AuditFilter{Newest: 1}, func(e core.AuditEntry) bool { last = e; return true })
	if last.NAS != "web01" || last.Door != "pam" || last.Source != "addr:198.51.100.7@web01" || last.Policy != "vpn" {
		t.Errorf("%+v", last)
	}
	// Whom it may not ask for is a stranger.
	if s, err := client.Begin(ctx, sshd("root")); err != nil || s.Kind != hostapi.Reject || s.Reason != hostapi.Denied {
		t.Errorf("%+v %v", s, err)
	}

	// Renewed by another process: the next call of this one is refused, finds the new certificate, and goes through.
	if renewed, err := m.Renew(ctx, false); err != nil || renewed {
		t.Errorf("renewed before its time: %v", err)
	}
	if renewed, err := m.Renew(ctx, true); err != nil || !renewed {
		t.Fatal(err)
	}
	if s, err := m.transport().Client().Begin(ctx, begin); err != nil || s.Kind != hostapi.AskPassword {
		t.Fatalf("%+v %v", s, err)
	}
	if s, err := login(); err != nil || s.Kind != hostapi.Accept {
		t.Fatalf("after another's renewal: %+v %v", s, err)
	}

	if err := a.RevokeHost(ctx, root, "web01"); err != nil {
		t.Fatal(err)
	}
	_, err = client.Begin(ctx, sshd("lutz"))
	wantRefusal(t, err, core.CodeHostRevoked)

	a.must(a.end())
	for _, path := range []string{"/api/v1/hosts/enrolments", "/api/v1/host/renew", "/api/v1/host/begin", "/api/v1/host/answer"} {
		if a.seen.count(path) == 0 {
			t.Errorf("the journey never came by %s", path)
		}
	}
	for _, text := range []string{"latchkey-demo", code.Reveal(), "PRIVATE KEY"} {
		if strings.Contains(a.log.String(), text) {
			t.Errorf("the log has %s", text)
		}
	}
}

// Browsers and phones are never asked for a certificate, and hosts without the right one hear so.
func TestOnlyHostsAreAskedForACertificate(t *testing.T) {
	a := newAppliance(t)
	asked := false
	usual := a.trust()
	usual.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		return new(tls.Certificate), nil
	}
	for _, http2 := range []bool{true, false} {
		browser := &http.Client{Transport: &http.Transport{DialContext: a.dial, ForceAttemptHTTP2: http2, TLSClientConfig: usual.Clone()}}
		r, _ := http.NewRequestWithContext(t.Context(), "POST", testOrigin+"/api/v1/host/begin", strings.NewReader(`{"version":1}`))
		r.Header.Set("Content-Type", "application/json")
		resp, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		var p problem
		if json.Unmarshal(body, &p) != nil || p.Code != codeNoCertificate || p.Status != http.StatusUnauthorized {
			t.Errorf("%s", body)
		}
		browser.CloseIdleConnections()
	}
	if asked {
		t.Error("a browser was asked for a certificate")
	}
}

func TestAttackCertificatesAtTheDoor(t *testing.T) {
	a := newAppliance(t)
	m := a.host("web01")
	id, err := member.Identity(m.dir)
	if err != nil {
		t.Fatal(err)
	}
	hostID, err := fleet.IDOf(id.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := fleet.NewAuthority(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	key, err := fleet.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	der, err := stranger.Sign(&key.PublicKey, hostID, "web01", time.Now(), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	try := func(chain ...[]byte) error {
		secure := a.trust()
		secure.MinVersion, secure.NextProtos, secure.ServerName = tls.VersionTLS13, []string{fleet.ALPN, "http/1.1"}, "latchkey.test"
		var private any = key
		if bytes.Equal(chain[0], id.Certificate[0]) {
			private = id.PrivateKey
		}
		secure.Certificates = []tls.Certificate{{Certificate: chain, PrivateKey: private}}
		secure.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &secure.Certificates[0], nil }
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: secure, DialTLSContext: func(ctx context.Context, n, addr string) (net.Conn, error) {
			raw, err := a.dial(ctx, n, addr)
			if err != nil {
				return nil, err
			}
			conn := tls.Client(raw, secure)
			return conn, conn.HandshakeContext(ctx)
		}}}
		defer c.CloseIdleConnections()
		resp, err := c.Post(testOrigin+"/api/v1/host/begin", "application/json", strings.NewReader(`{"version":1,"request":"x","user":"lutz","service":"sshd"}`))
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	}
	if err := try(id.Certificate[0]); err != nil {
		t.Fatalf("the host itself: %v", err)
	}
	for what, chain := range map[string][][]byte{
		"another authority's": {der}, "with the authority itself": {a.HostAuthority().Raw}, "two of them": {id.Certificate[0], a.HostAuthority().Raw},
	} {
		if err := try(chain...); err == nil {
			t.Errorf("a certificate of %s is taken", what)
		}
	}
}

func TestNodesAreTriedInOrder(t *testing.T) {
	a := newAppliance(t)
	m := a.host("web01")
	m.URLs = []string{"https://dead.test:8443", testOrigin}
	if s, err := m.transport().Client().Begin(t.Context(), sshd("lutz")); err != nil || s.Kind == "" {
		t.Errorf("%+v %v", s, err)
	}
	m.URLs = []string{"https://dead.test:8443", "https://dead.test:8444"}
	_, err := m.transport().Client().Begin(t.Context(), sshd("lutz"))
	var unreached *hostapi.NotReached
	if !errors.As(err, &unreached) {
		t.Errorf("%v", err)
	}
	// What answers with another certificate is there, and is not the appliance: no other node is asked, nothing opens.
	other := newAppliance(t)
	m.Dial = other.dial
	m.URLs = []string{testOrigin, testOrigin}
	_, err = m.transport().Client().Begin(t.Context(), sshd("lutz"))
	var no *hostapi.Refused
	if !errors.As(err, &no) || errors.As(err, &unreached) {
		t.Errorf("%v", err)
	}
	// Right roots and a pin of somebody else's.
	m.Dial, m.Pin = a.dial, mobile.Pin{1}
	_, err = m.transport().Client().Begin(t.Context(), sshd("lutz"))
	if !errors.As(err, &no) || !strings.Contains(no.Text, "pinned") {
		t.Errorf("%v", err)
	}
}

// A call whose reply is lost is not made again at another node: it may have rung a phone.
func TestALostReplyIsNoReasonForAnotherNode(t *testing.T) {
	a := newAppliance(t)
	cut := &cutting{next: a.http.Handler}
	a.http.Handler = cut // nobody has called yet
	m := a.host("web01")
	m.URLs = []string{testOrigin, testOrigin}
	_, err := m.transport().Client().Begin(t.Context(), sshd("lutz"))
	var lost *member.Lost
	var unreached *hostapi.NotReached
	if !errors.As(err, &lost) || errors.As(err, &unreached) || cut.calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, cut.calls.Load())
	}
}

// cutting ends the connection of each begin after it was served.
type cutting struct {
	next  http.Handler
	calls atomic.Int64
}

func (c *cutting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/api/v1/host/begin" {
		c.next.ServeHTTP(w, r)
		return
	}
	c.calls.Add(1)
	c.next.ServeHTTP(new(recorded), r)
	panic(http.ErrAbortHandler)
}

func TestHostsAreBounded(t *testing.T) {
	a := newAppliance(t)
	m := a.host("web01")
	client := m.transport().Client()
	big := sshd("lutz")
	big.TTY = strings.Repeat("x", hostapi.MaxBody)
	_, err := client.Begin(t.Context(), big)
	wantRefusal(t, err, codeTooLarge)
	// By host: this one has asked too often, that one not.
	id, _ := member.Identity(m.dir)
	hostID, _ := fleet.IDOf(id.Leaf)
	for a.hostCalls.take(hostID.String(), time.Now()) {
	}
	begin := sshd("lutz")
	if _, err = client.Begin(t.Context(), begin); !errors.Is(err, hostapi.ErrSilence) {
		t.Errorf("%v", err)
	}
	if _, err = a.host("web02").transport().Client().Begin(t.Context(), begin); err != nil {
		t.Errorf("another host: %v", err)
	}
	// No entry fits: it may ask nothing.
	idle := a.host("idle")
	set := core.Settings{Language: "en", Hosts: core.HostSettings{Served: true, Fleet: []core.HostRule{{Match: "web*", Policy: "vpn"}}}}
	a.Core = a.With(set)
	a.hosts = func() core.Hosts { return a.Core }
	_, err = idle.transport().Client().Begin(t.Context(), begin)
	wantRefusal(t, err, codeNotForHost)
	// The fleet is switched off.
	set.Hosts.Served = false
	a.Core = a.With(set)
	_, err = idle.transport().Client().Begin(t.Context(), begin)
	wantRefusal(t, err, core.CodeNoFleet)
}

// Two processes renew at once, a hundred times: the directory always holds a pair that works.
func TestProcessesRenewAtOnce(t *testing.T) {
	a := newAppliance(t)
	m := a.host("web01")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				if _, err := m.Renew(t.Context(), true); err != nil {
					var refused *hostapi.Refused
					if !errors.As(err, &refused) {
						t.Error(err)
					}
				}
				if _, err := m.transport().Client().Begin(t.Context(), sshd("lutz")); err != nil && !errors.Is(err, hostapi.ErrSilence) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if _, err := m.transport().Client().Begin(t.Context(), sshd("lutz")); err != nil {
		t.Error(err)
	}
	names, _ := filepath.Glob(filepath.Join(m.dir, "*"))
	if hidden, _ := filepath.Glob(filepath.Join(m.dir, ".new-*")); len(hidden) != 0 || len(names) != 4 {
		t.Errorf("left: %v %v", names, hidden)
	}
}

func TestEnrolmentKeepsWhatIsThere(t *testing.T) {
	a := newAppliance(t)
	m := a.host("web01")
	before, err := os.ReadFile(filepath.Join(m.dir, "host.pem"))
	if err != nil {
		t.Fatal(err)
	}
	url, _, err := a.InviteHost(t.Context(), root, "web02", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Enrol(t.Context(), url.Reveal(), false); !errors.Is(err, member.ErrThere) {
		t.Errorf("%v", err)
	}
	if _, err := m.Enrol(t.Context(), url.Reveal()[:len(url.Reveal())-3], true); !errors.Is(err, fleet.ErrInvitation) {
		t.Errorf("%v", err)
	}
	if after, err := os.ReadFile(filepath.Join(m.dir, "host.pem")); err != nil || !bytes.Equal(before, after) {
		t.Error("the credential is another one")
	}
	if out, err := m.Enrol(t.Context(), url.Reveal(), true); err != nil || out.Host != "web02" {
		t.Errorf("%+v %v", out, err)
	}
	// Spent: another machine with the same invitation locks the host.
	thief := a.machine()
	if _, err := thief.Enrol(t.Context(), url.Reveal(), false); err == nil {
		t.Error("spent twice")
	}
	m.trusting()
	_, err = m.transport().Client().Begin(t.Context(), sshd("lutz"))
	wantRefusal(t, err, core.CodeHostLocked)
	if _, err := member.NewTransport(thief.Config); !errors.Is(err, member.ErrNotEnrolled) {
		t.Errorf("%v", err)
	}
}

// What an older helper says, and what a newer one adds, is understood.
func TestHelpersOfOtherVersions(t *testing.T) {
	a := newAppliance(t)
	m := a.host("web01")
	way := m.transport()
	ask := func(body string) (int, map[string]any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", "https://appliance.invalid/api/v1/host/begin", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := way.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var out map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, out
	}
	// The least that version 1 had.
	if status, out := ask(`{"version":1,"request":"x","service":"sshd","user":"lutz"}`); status != 200 || out["step"] != "password" {
		t.Errorf("%d %v", status, out)
	}
	if status, out := ask(`{"version":99,"request":"x","service":"sshd","user":"lutz","of_tomorrow":{"a":[1]}}`); status != 200 || out["step"] != "password" {
		t.Errorf("%d %v", status, out)
	}
	if status, out := ask(`{"request":"x","service":"sshd","user":"lutz"}`); status != 400 || out["code"] != "bad-request" {
		t.Errorf("%d %v", status, out)
	}
}
