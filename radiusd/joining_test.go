package radiusd

import (
	"testing"

	"layeh.com/radius"
)

// OpenVPN's plugin retransmits from a new port with a new authenticator and the same
// identifier: one call of core, and both packets are replied to, each in its own right.
func TestRetransmissionFromAnotherPortJoins(t *testing.T) {
	core, entered, release := held()
	s := start(t, Config{}, core, nas(nil))
	one, two := dial(t, s.Addrs()[0]), dial(t, s.Addrs()[0])
	first := asked(identified(7), user("lutz"), password("pw"), with(31, "198.51.100.7"))
	second := asked(identified(7), user("lutz"), password("pw"), with(31, "198.51.100.7"), with(33, "mine"))
	one.send(first)
	<-entered
	two.send(second)
	until(t, "joined", func() bool { return s.Stats().Joined == 1 })
	two.send(second) // a duplicate of what has joined waits as any other
	until(t, "dropped", func() bool { return s.Stats().Dropped[InFlight] == 1 })
	close(release)
	if p := checked(t, one.receive(), first, testSecret); p.Code != radius.CodeAccessAccept {
		t.Errorf("first: %v", p.Code)
	}
	p := checked(t, two.receive(), second, testSecret)
	wantAttributes(t, p, "80:*", `33:"mine"`)
	if begun, _ := core.calls(); begun != 1 {
		t.Errorf("core asked %d times", begun)
	}
	// What has ended is never joined: the same from a third port asks core again.
	three := dial(t, s.Addrs()[0])
	three.ask(asked(identified(7), user("lutz"), password("pw"), with(31, "198.51.100.7")), testSecret)
	if begun, _ := core.calls(); begun != 2 {
		t.Errorf("core asked %d times", begun)
	}
}

// Whatever differs keeps two requests apart: nobody shares the victim's approval.
func TestNothingElseJoins(t *testing.T) {
	type option = func(*radius.Packet)
	base := []option{identified(7), user("lutz"), password("pw"), with(31, "198.51.100.7")}
	for name, other := range map[string][]option{
		"another identifier":     {identified(8), user("lutz"), password("pw"), with(31, "198.51.100.7")},
		"another user":           {identified(7), user("lotz"), password("pw"), with(31, "198.51.100.7")},
		"another password":       {identified(7), user("lutz"), password("pv"), with(31, "198.51.100.7")},
		"another address":        {identified(7), user("lutz"), password("pw"), with(31, "198.51.100.8")},
		"no address":             {identified(7), user("lutz"), password("pw")},
		"an empty address":       {identified(7), user("lutz"), password("pw"), with(31, "")},
		"shifted between fields": {identified(7), user("lutz1"), password("pw"), with(31, "98.51.100.7")},
	} {
		t.Run(name, func(t *testing.T) {
			core, entered, release := held()
			s := start(t, Config{}, core, nas(nil))
			one, two := dial(t, s.Addrs()[0]), dial(t, s.Addrs()[0])
			one.send(asked(base...))
			<-entered
			two.send(asked(other...))
			<-entered // hangs where it has joined
			close(release)
			one.receive()
			two.receive()
		})
	}
	for name, none := range map[string][]option{"both without address": nil, "both with an empty address": {with(31, "")}} {
		t.Run(name, func(t *testing.T) {
			core, entered, release := held()
			s := start(t, Config{}, core, nas(nil))
			one, two := dial(t, s.Addrs()[0]), dial(t, s.Addrs()[0])
			for _, g := range []gateway{one, two} {
				g.send(asked(append(none, identified(7), user("lutz"), password("pw"))...))
				<-entered
			}
			close(release)
			one.receive()
			two.receive()
		})
	}
	t.Run("another NAS", func(t *testing.T) {
		core, entered, release := held()
		s := start(t, Config{Listen: []string{"127.0.0.1:0", "[::1]:0"}}, core,
			nas(nil), nas(func(c *Client) { c.Name = "vpn"; c.Prefix = loopback6 }))
		one, two := dial(t, s.Addrs()[0]), dial(t, s.Addrs()[1])
		for _, g := range []gateway{one, two} {
			g.send(asked(base...))
			<-entered
		}
		close(release)
		one.receive()
		two.receive()
	})
	t.Run("first and second round", func(t *testing.T) {
		core, entered, release := held()
		s := start(t, Config{}, core, nas(nil))
		one, two := dial(t, s.Addrs()[0]), dial(t, s.Addrs()[0])
		one.send(asked(base...))
		<-entered
		two.ask(asked(append(base[:4:4], with(24, "TOKEN234"))...), testSecret)
		if _, answered := core.calls(); answered != 1 {
			t.Error("the second round joined the first")
		}
		close(release)
		one.receive()
	})
}

// Too many joiners are dropped, and each who waits is replied to.
func TestJoiningIsBounded(t *testing.T) {
	core, entered, release := held()
	s := start(t, Config{}, core, nas(nil))
	for i := range maxJoined + 3 {
		g := dial(t, s.Addrs()[0])
		g.send(asked(identified(7), user("lutz"), password("pw"), with(31, "198.51.100.7")))
		if i == 0 {
			<-entered
		}
	}
	until(t, "the rest dropped", func() bool {
		st := s.Stats()
		return st.Joined == maxJoined-1 && st.Dropped[InFlight] == 3
	})
	close(release)
	until(t, "all replied to", func() bool { return s.Stats().Accepts == maxJoined })
}
