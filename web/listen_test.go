package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
)

func TestListen(t *testing.T) {
	d := openDoor(t, &told{}, nil)
	old := d.Addrs()[0].String()
	first := d.raw(t)
	for _, bad := range [][]string{nil, {"localhost:0"}, {"127.0.0.1:0", "nowhere"}, {"127.0.0.1:0", old}} {
		if err := d.Listen(bad); err == nil || len(d.Addrs()) != 1 || d.Addrs()[0].String() != old {
			t.Fatalf("%v: %v, %v", bad, err, d.Addrs())
		}
	}
	if err := d.Listen([]string{"127.0.0.1:0", "[::1]:0"}); err != nil {
		t.Fatal(err)
	}
	if addrs := d.Addrs(); len(addrs) != 2 || addrs[0].String() != old || !addrs[1].Addr().Is6() {
		t.Fatalf("%v", addrs)
	}
	if err := d.Listen([]string{"[::1]:0"}); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", old); err == nil {
		_ = c.Close()
		t.Error("the old address is still open")
	}
	// At the new one calls are answered, and connections at the old one live on.
	d.do(t, ask(t, "GET", "/healthz", "")).want(t, 200, "")
	if _, err := first.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answered := make([]byte, 15)
	if _, err := first.Read(answered); err != nil || string(answered) != "HTTP/1.1 200 OK" {
		t.Errorf("%q %v", answered, err)
	}
}

func TestTheEndWaitsForCalls(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{})
	d := openDoor(t, &told{reply: func(core.DeviceCall) ([]byte, error) {
		close(entered)
		<-release
		return []byte(`{}`), nil
	}}, nil)
	var wait sync.WaitGroup
	wait.Go(func() { d.do(t, signedCall(t, "POST", "/api/v1/device/hello", `{}`)).want(t, 200, "") })
	<-entered
	ended := make(chan error, 1)
	go func() { ended <- d.end() }()
	<-d.stopping.Done()
	close(release)
	wait.Wait()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := d.Serve(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("served again: %v", err)
	}
	if err := d.Listen([]string{"127.0.0.1:0"}); !errors.Is(err, ErrClosed) {
		t.Errorf("listens again: %v", err)
	}
}

func TestTheEndLosesPatience(t *testing.T) {
	entered := make(chan struct{})
	release := make(chan struct{})
	p := &told{reply: func(core.DeviceCall) ([]byte, error) { close(entered); <-release; return nil, errInternal }}
	s := newServer(t, p, func(c *Config) { c.Limits.Drain = 10 * time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	d := &door{Server: s}
	d.client = &http.Client{Transport: d.transport(true)}
	var wait sync.WaitGroup
	wait.Go(func() {
		if response, err := d.client.Do(signedCall(t, "POST", "/api/v1/device/hello", `{}`)); err == nil {
			_ = response.Body.Close()
			t.Error("it was answered")
		}
	})
	<-entered
	cancel()
	if err := <-served; err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("Serve: %v", err)
	}
	wait.Wait()
	close(release)
}

func TestABrokenSocketEndsServe(t *testing.T) {
	s := newServer(t, &told{}, nil)
	_ = s.sockets[0].Close()
	if err := s.Serve(t.Context()); err == nil {
		t.Error("Serve says nothing")
	}
}

func TestServersThatCannotBe(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	c := &clock{start}
	certificates := local(t, t.TempDir(), testOrigin, c)
	phones := func() core.Phones { return &told{} }
	for name, config := range map[string]Config{
		"no URL":          {Listen: []string{"127.0.0.1:0"}, Certificates: certificates, Phones: phones},
		"no certificates": {Listen: []string{"127.0.0.1:0"}, URL: testOrigin, Phones: phones},
		"no phones":       {Listen: []string{"127.0.0.1:0"}, URL: testOrigin, Certificates: certificates},
		"address taken":   {Listen: []string{taken.Addr().String()}, URL: testOrigin, Certificates: certificates, Phones: phones},
		"bad brand":       {Listen: []string{"127.0.0.1:0"}, URL: testOrigin, Certificates: certificates, Phones: phones, Brand: Brand{Colour: "#12"}},
	} {
		if s, err := New(config); err == nil {
			_ = s.Close()
			t.Errorf("%s: taken", name)
		}
	}
	for _, url := range []string{"", "http://latchkey.test"} {
		if _, err := LocalAuthority(Authority{Dir: t.TempDir(), URL: url}); err == nil {
			t.Errorf("an authority for %q", url)
		}
		if _, err := FromFiles(Files{URL: url}); err == nil {
			t.Errorf("files for %q", url)
		}
	}
}
