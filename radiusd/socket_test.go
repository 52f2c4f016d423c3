package radiusd

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"
)

var loopback6 = netip.MustParsePrefix("::1/128")

// What is sent to 127.0.0.2 on a wildcard socket is answered from there; a connected client
// would not even see a reply from another address.
func TestWildcardRepliesFromTheRightAddress(t *testing.T) {
	s := start(t, Config{Listen: []string{"0.0.0.0:0", "[::]:0"}}, accepting(), nas(nil),
		nas(func(c *Client) { c.Name = "six"; c.Prefix = loopback6 }))
	port4, port6 := s.Addrs()[0].Port(), s.Addrs()[1].Port()
	for _, c := range []struct {
		to   string
		port uint16
	}{{"127.0.0.1", port4}, {"127.0.0.2", port4}, {"127.3.2.1", port4}, {"::1", port6}} {
		for range 2 { // the second time by the remembered source
			conn, err := net.ListenPacket("udp", net.JoinHostPort(map[bool]string{true: "::1", false: "127.0.0.1"}[c.to == "::1"], "0"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			to := netip.AddrPortFrom(netip.MustParseAddr(c.to), c.port)
			raw := asked(user("lutz"), password("pw"))
			if _, err := conn.WriteTo(raw, net.UDPAddrFromAddrPort(to)); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			reply := make([]byte, maxPacket)
			n, from, err := conn.ReadFrom(reply)
			if err != nil {
				t.Fatalf("%s: %v", c.to, err)
			}
			if from.String() != to.String() {
				t.Errorf("sent to %v, answered from %v", to, from)
			}
			checked(t, reply[:n], raw, testSecret)
		}
	}
}

// "[::]" is IPv6 only: the same port is free for IPv4.
func TestBothWildcardsOnOnePort(t *testing.T) {
	free, err := net.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	port := netip.MustParseAddrPort(free.LocalAddr().String()).Port()
	free.Close()
	p := netip.AddrPortFrom(netip.IPv4Unspecified(), port).String()
	p6 := netip.AddrPortFrom(netip.IPv6Unspecified(), port).String()
	s := start(t, Config{Listen: []string{p, p6}}, accepting(), nas(nil),
		nas(func(c *Client) { c.Name = "six"; c.Prefix = loopback6 }))
	for _, to := range []string{"127.0.0.1", "::1"} {
		dial(t, netip.AddrPortFrom(netip.MustParseAddr(to), port)).ask(asked(user("lutz"), password("pw")), testSecret)
	}
	_ = s
}

func TestListenRefuses(t *testing.T) {
	s := start(t, Config{}, accepting(), nas(nil))
	before := s.Addrs()
	for _, bad := range [][]string{
		nil, {"localhost:1812"}, {":1812"}, {"127.0.0.1"}, {"127.0.0.1:1812x"},
		{"127.0.0.1:0", before[0].String()}, // taken, by ourselves under another name
		{before[0].String(), before[0].String()},
		{"192.0.2.1:0"}, // not an address of this machine
	} {
		if err := s.Listen(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
		if now := s.Addrs(); len(now) != 1 || now[0] != before[0] {
			t.Fatalf("%q left %v", bad, now)
		}
	}
	dial(t, before[0]).ask(asked(user("lutz"), password("pw")), testSecret)

	// What was opened before the failure is closed again.
	free, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	if err := s.Listen([]string{free.LocalAddr().String(), "nonsense"}); err == nil {
		t.Error("nonsense was taken")
	}
	again, err := net.ListenPacket("udp4", free.LocalAddr().String())
	if err != nil {
		t.Fatalf("left open: %v", err)
	}
	again.Close()
}

// A reload adds and takes away addresses; a request in work at one that goes away is still
// replied to from there.
func TestListenAgain(t *testing.T) {
	core, entered, release := held()
	s := start(t, Config{Listen: []string{"127.0.0.1:0"}}, core, nas(nil))
	old := s.Addrs()[0]
	g := dial(t, old)
	raw := asked(user("lutz"), password("pw"))
	g.send(raw)
	<-entered
	if err := s.Listen([]string{"127.0.0.2:0"}); err != nil {
		t.Fatal(err)
	}
	fresh := s.Addrs()
	if len(fresh) != 1 || fresh[0].Addr().String() != "127.0.0.2" {
		t.Fatalf("%v", fresh)
	}
	close(release)
	checked(t, g.receive(), raw, testSecret)
	until(t, "the old socket closed", func() bool {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(old))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	dial(t, fresh[0]).ask(asked(user("lutz"), password("pw")), testSecret)
	if err := s.Listen([]string{"127.0.0.2:0"}); err != nil || s.Addrs()[0] != fresh[0] {
		t.Errorf("listening where it listens already: %v, %v", err, s.Addrs())
	}
}

// Shutdown lets what is in work end, and what is queued too.
func TestShutdownLetsRequestsEnd(t *testing.T) {
	core, entered, release := held()
	s, err := New(Config{Listen: []string{"127.0.0.1:0"}, Log: quiet(), Limits: Limits{FirstWorkers: 1}},
		Snapshot{Clients: []Client{nas(nil)}, Logins: core})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	g := dial(t, s.Addrs()[0])
	g.send(asked(user("one"), password("pw")))
	<-entered
	g.send(asked(user("two"), password("pw")))
	until(t, "queued", func() bool { return s.Stats().QueuedFirst == 1 })
	cancel()
	until(t, "closing", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.closed })
	close(release)
	g.receive()
	g.receive()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := s.Serve(context.Background()); err != ErrClosed {
		t.Errorf("a second Serve: %v", err)
	}
	if err := s.Listen([]string{"127.0.0.1:0"}); err != ErrClosed {
		t.Errorf("Listen after the end: %v", err)
	}
}

// Where core does not end in time its contexts are cancelled, and Serve says so.
func TestShutdownCutsOff(t *testing.T) {
	core, entered, _ := held()
	s, err := New(Config{Listen: []string{"127.0.0.1:0"}, Log: quiet()}, Snapshot{Clients: []Client{nas(nil)}, Logins: core})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(context.Background()) }()
	g := dial(t, s.Addrs()[0])
	g.send(asked(user("one"), password("pw")))
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); err == nil {
		t.Error("no word of the requests that were cut off")
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if s.Stats().Dropped[NoAnswer] != 1 {
		t.Errorf("%+v", s.Stats())
	}
}
