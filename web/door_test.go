package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/latchkey/latchkey/core"
)

const (
	testOrigin = "https://latchkey.test:8443"
	testDevice = "0123456789abcdef01234567"
)

// told is what stands behind the door in tests of the door alone: it keeps what it was given, and says
// what the test wants to be said. The whole journey, against core itself, is in journey_test.go.
type told struct {
	mu     sync.Mutex
	enrols []core.EnrolCall
	calls  []core.DeviceCall
	void   error // what every enrolment is told
	reply  func(core.DeviceCall) ([]byte, error)
	stream func(ctx context.Context, begun func(), send func(core.DeviceEvent) error) error
}

func (p *told) Enrol(_ context.Context, call core.EnrolCall) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enrols = append(p.enrols, call)
	return []byte(`{"device":"` + testDevice + `"}`), p.void
}

func (p *told) Device(_ context.Context, call core.DeviceCall) ([]byte, error) {
	p.mu.Lock()
	p.calls = append(p.calls, call)
	p.mu.Unlock()
	if p.reply != nil {
		return p.reply(call)
	}
	return []byte(`{}`), nil
}

func (p *told) DeviceEvents(ctx context.Context, call core.DeviceCall, begun func(), send func(core.DeviceEvent) error) error {
	p.mu.Lock()
	p.calls = append(p.calls, call)
	p.mu.Unlock()
	return p.stream(ctx, begun, send)
}

func (p *told) last(t *testing.T) core.DeviceCall {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.calls) == 0 {
		t.Fatal("core heard of no call")
	}
	return p.calls[len(p.calls)-1]
}

func (p *told) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls) + len(p.enrols)
}

// door is a Server on loopback, and a client that finds it under its name.
type door struct {
	*Server
	client *http.Client
	log    *logged
	end    func() error
}

// logged is a log that a test can search.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var testApp = fstest.MapFS{
	"index.html":             {Data: []byte("<!doctype html><title>app</title>")},
	"app-0A1B2C3D.js":        {Data: []byte("export {};")},
	"style.css":              {Data: []byte("body{}")},
	"manifest.webmanifest":   {Data: []byte("{}")},
	"sw.js":                  {Data: []byte("// the worker")},
	"symbols/anchor.svg":     {Data: []byte("<svg/>")},
	".gitignore":             {Data: []byte("*")},
	"symbols/not-a-hash.svg": {Data: []byte("<svg/>")},
}

func openDoor(t *testing.T, p core.Phones, change func(*Config)) *door {
	t.Helper()
	d, _ := openWitnessed(t, p, change, nil)
	return d
}

// openWitnessed holds all that goes through the door against a description, if there is one.
func openWitnessed(t *testing.T, p core.Phones, change func(*Config), described *document) (*door, *witness) {
	t.Helper()
	s := newServer(t, p, change)
	w := &witness{t: t, d: described, next: s, seen: map[string]int{}}
	if described != nil {
		s.http.Handler = w
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	d := &door{Server: s, log: s.log.Handler().(*searched).text}
	d.end = sync.OnceValue(func() error { cancel(); return <-served })
	d.client = &http.Client{Transport: d.transport(true), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		d.client.CloseIdleConnections()
		if err := d.end(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return d, w
}

// searched is a log handler whose text a test can get at.
type searched struct {
	slog.Handler
	text *logged
}

// newServer does not serve yet.
func newServer(t *testing.T, p core.Phones, change func(*Config)) *Server {
	t.Helper()
	l := &logged{}
	log := slog.New(&searched{slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}), l})
	certificates, err := LocalAuthority(Authority{Dir: t.TempDir(), URL: testOrigin, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{
		Listen: []string{"127.0.0.1:0"}, URL: testOrigin, Certificates: certificates, Phones: func() core.Phones { return p },
		App: testApp, Brand: Brand{Name: "Example"}, Log: log,
	}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (d *door) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", d.Addrs()[0].String())
}

func (d *door) transport(http2 bool) *http.Transport {
	return &http.Transport{DialContext: d.dial, ForceAttemptHTTP2: http2, TLSClientConfig: d.trust()}
}

func (d *door) trust() *tls.Config { return trusting(d.certificates) }

// got is a reply as tests look at it.
type got struct {
	status int
	header http.Header
	body   string
	code   core.DeviceCode
}

func (d *door) do(t *testing.T, r *http.Request) got {
	t.Helper()
	response, err := d.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	g := got{status: response.StatusCode, header: response.Header, body: string(body)}
	if r.Method != "HEAD" && strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json") {
		var p problem
		if err := json.Unmarshal(body, &p); err != nil {
			t.Fatalf("%q is no problem document: %v", body, err)
		}
		if p.Status != g.status || p.Type != "urn:latchkey:problem:"+string(p.Code) || p.Title == "" {
			t.Errorf("a problem document that contradicts itself: %d %+v", g.status, p)
		}
		g.code = p.Code
	}
	return g
}

func ask(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, testOrigin+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// signedCall is a call with headers of the right form; nobody verifies them here.
func signedCall(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	r := ask(t, method, path, body)
	r.Header.Set(headerDevice, testDevice)
	r.Header.Set(headerCounter, "7")
	r.Header.Set(headerSignature, base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{9}, 64)))
	return r
}

func (g got) want(t *testing.T, status int, code core.DeviceCode) {
	t.Helper()
	if g.status != status || g.code != code {
		t.Errorf("%d %q, want %d %q: %s", g.status, g.code, status, code, g.body)
	}
}

var errInternal = errors.New("the-secret-of-the-store is broken")

const patience = 5 * time.Second
