package web

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func TestBuckets(t *testing.T) {
	b := newBuckets(Rate{3, time.Second})
	now := start
	for i := range 3 {
		if !b.take("a", now) {
			t.Errorf("token %d is not there", i)
		}
	}
	if b.take("a", now) || b.has("a", now) || !b.has("b", now) || !b.take("b", now) {
		t.Error("a has none left, b has")
	}
	now = now.Add(999 * time.Millisecond)
	if b.take("a", now) {
		t.Error("a token came too early")
	}
	now = now.Add(time.Millisecond)
	if !b.has("a", now) || !b.take("a", now) || b.take("a", now) {
		t.Error("one token a second")
	}
	now = now.Add(time.Hour)
	for range 3 {
		if !b.take("a", now) {
			t.Error("not full again")
		}
	}
	if b.take("a", now) {
		t.Error("more than full")
	}
}

func TestBucketsAreBounded(t *testing.T) {
	b := newBuckets(Rate{2, time.Minute})
	b.most = 100
	taken := 0
	for i := range 1000 {
		if b.take(fmt.Sprint(i), start) {
			taken++
		}
	}
	if len(b.full) != 100 || taken != 102 {
		t.Errorf("%d keys, %d tokens: those beyond share one bucket", len(b.full), taken)
	}
	if !b.take("0", start) || b.take("0", start) {
		t.Error("a key that was there keeps its own")
	}
	if !b.take("new", start.Add(time.Hour)) || len(b.full) != 1 {
		t.Errorf("full buckets are forgotten: %d", len(b.full))
	}
}

func TestNetworks(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:4": "192.0.2.1", "[::ffff:192.0.2.1]:4": "192.0.2.1", "[2001:db8:1:2:3::4]:5": "2001:db8:1:2::/64", "[fe80::1%eth0]:5": "fe80::/64",
	} {
		if got := network(peer(remote)); got != want {
			t.Errorf("%s: %s", remote, got)
		}
	}
}

func TestStrangersDoNotSlowDownPhonesBehindTheSameAddress(t *testing.T) {
	s := newStrangers(Rate{5, time.Second})
	shared := netip.MustParseAddr("192.0.2.1")
	s.judge(shared, "phone", nil, start)
	for range 5 {
		if !s.admit(shared, "guess", start) {
			t.Error("too early")
		}
		s.judge(shared, "guess", refuse(core.CodeUnknownDevice, ""), start)
	}
	if s.admit(shared, "guess", start) || s.admit(shared, "another", start) {
		t.Error("the stranger is not slowed down")
	}
	if !s.admit(shared, "phone", start) || !s.admit(netip.MustParseAddr("192.0.2.2"), "guess", start) {
		t.Error("others are")
	}
	s.judge(shared, "phone", refuse(core.CodeWrongSymbol, ""), start)
	for range 5 {
		s.judge(shared, "phone", refuse(core.CodeBadSignature, ""), start)
	}
	if s.admit(shared, "phone", start) {
		t.Error("whoever plays a phone that is known is not slowed down")
	}
	if !s.admit(shared, "guess", start.Add(time.Second)) {
		t.Error("for good")
	}
}

func TestRatesAtTheDoor(t *testing.T) {
	p := &told{reply: func(core.DeviceCall) ([]byte, error) { return nil, refuse(core.CodeUnknownDevice, "") }}
	d := openDoor(t, p, func(c *Config) {
		c.Now = func() time.Time { return start }
		c.Limits = Limits{Failures: Rate{2, time.Second}, Enrolments: Rate{2, time.Second}}
	})
	for range 5 {
		d.do(t, ask(t, "POST", "/api/v1/enrolments", `{}`)).want(t, 201, "")
	}
	p.void = refuse(core.CodeInvitationVoid, "")
	for range 2 {
		d.do(t, signedCall(t, "POST", "/api/v1/device/hello", `{}`)).want(t, 401, core.CodeUnknownDevice)
		d.do(t, ask(t, "POST", "/api/v1/enrolments", `{}`)).want(t, 410, core.CodeInvitationVoid)
	}
	for _, r := range []*http.Request{signedCall(t, "POST", "/api/v1/device/hello", `{}`), events(t), ask(t, "POST", "/api/v1/enrolments", `{}`)} {
		g := d.do(t, r)
		g.want(t, 503, core.CodeBusy)
		if g.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if p.count() != 9 {
		t.Errorf("core heard %d times", p.count())
	}
}

func TestCallsInWorkAreBounded(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{})
	p := &told{reply: func(core.DeviceCall) ([]byte, error) {
		entered <- struct{}{}
		<-release
		return []byte(`{}`), nil
	}}
	d := openDoor(t, p, func(c *Config) { c.Limits = Limits{Calls: 1, Patience: time.Millisecond} })
	var wait sync.WaitGroup
	wait.Go(func() { d.do(t, signedCall(t, "POST", "/api/v1/device/hello", `{}`)).want(t, 200, "") })
	<-entered
	d.do(t, signedCall(t, "POST", "/api/v1/device/hello", `{}`)).want(t, 503, core.CodeBusy)
	close(release)
	wait.Wait()
}

// raw is a TLS connection without an HTTP client.
func (d *door) raw(t *testing.T) *tls.Conn {
	t.Helper()
	config := d.trust()
	config.ServerName = "latchkey.test"
	c, err := tls.Dial("tcp", d.Addrs()[0].String(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

func closed(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, c)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Error("the connection is still open")
	}
}

func TestSlowCallersAreCutOff(t *testing.T) {
	d := openDoor(t, &told{}, func(c *Config) {
		c.Limits = Limits{Header: 50 * time.Millisecond, Request: 100 * time.Millisecond, Idle: 50 * time.Millisecond}
	})
	t.Run("in the handshake", func(t *testing.T) {
		c, err := net.Dial("tcp", d.Addrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(patience))
		closed(t, c)
	})
	t.Run("in the header", func(t *testing.T) {
		c := d.raw(t)
		_, _ = io.WriteString(c, "POST /api/v1/enrolments HTTP/1.1\r\nHost: latchkey.test\r\nContent-")
		closed(t, c)
	})
	t.Run("in the body", func(t *testing.T) {
		c := d.raw(t)
		_, _ = io.WriteString(c, "POST /api/v1/enrolments HTTP/1.1\r\nHost: latchkey.test\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || response.StatusCode != 400 {
			t.Fatalf("%v %v", response, err)
		}
	})
	t.Run("between requests", func(t *testing.T) {
		c := d.raw(t)
		_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		closed(t, c)
	})
}

func TestLongHeadersAreRefused(t *testing.T) {
	d := openDoor(t, &told{}, nil)
	c := d.raw(t)
	go func() {
		_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", 64<<10)+"\r\n\r\n")
	}()
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%v %v", response, err)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	d := openDoor(t, &told{}, func(c *Config) { c.Limits = Limits{OfNetwork: 2} })
	first := d.raw(t)
	d.raw(t)
	c, err := net.Dial("tcp", d.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	closed(t, c)
	_, _ = io.WriteString(first, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	closed(t, first)
	// The place is free once the server has let go of it, which the client cannot see.
	for until := time.Now().Add(patience); ; {
		response, err := d.client.Do(ask(t, "GET", "/healthz", ""))
		if err == nil {
			_ = response.Body.Close()
			return
		}
		if time.Now().After(until) {
			t.Fatal(err)
		}
	}
}

func TestRefusalsFillNoLog(t *testing.T) {
	var q quiet
	written := 0
	for range 1000 {
		if _, ok := q.allow(codeNotFound, start); ok {
			written++
		}
	}
	if _, ok := q.allow(core.CodeBadRequest, start); !ok || written != linesPerWindow {
		t.Errorf("%d lines; another code has its own", written)
	}
	if n, ok := q.allow(codeNotFound, start.Add(logWindow)); !ok || n != 1000-linesPerWindow {
		t.Errorf("%d left out", n)
	}
}

// TestADevicesOwnRate: what it signs well is bounded; what others send in its name is not charged to it.
func TestADevicesOwnRate(t *testing.T) {
	now := start
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	forged := false
	p := &told{reply: func(core.DeviceCall) ([]byte, error) {
		if forged {
			return nil, &core.DeviceError{Code: core.CodeBadSignature}
		}
		return []byte(`{}`), nil
	}}
	d := openDoor(t, p, func(c *Config) { c.Now = clock; c.Limits.Device = Rate{5, 2 * time.Second} })
	call := func() got { return d.do(t, signedCall(t, "POST", "/api/v1/device/hello", `{}`)) }
	forged = true
	for range 20 {
		call().want(t, 401, core.CodeBadSignature)
	}
	forged = false
	for range 5 {
		call().want(t, 200, "")
	}
	before := p.count()
	for range 50 {
		g := call()
		if g.want(t, 429, codeTooManyCalls); g.header.Get("Retry-After") != "2" {
			t.Fatalf("Retry-After: %q", g.header.Get("Retry-After"))
		}
	}
	if p.count() != before {
		t.Error("core heard of calls above the rate")
	}
	other := signedCall(t, "POST", "/api/v1/device/hello", `{}`)
	other.Header.Set(headerDevice, "fedcba987654321001234567")
	d.do(t, other).want(t, 200, "")
	mu.Lock()
	now = now.Add(2 * time.Second)
	mu.Unlock()
	call().want(t, 200, "")
	call().want(t, 429, codeTooManyCalls)
}
