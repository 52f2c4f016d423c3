package radiusd

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/latchkey/latchkey/core/secret"
)

// While a secret is changed both serve: the reply is signed with the one that the request used.
func TestSeveralSecrets(t *testing.T) {
	s := start(t, Config{}, accepting(), nas(func(c *Client) {
		c.Secrets = []secret.Secret{secret.New("the-new-secret-of-the-gateway"), secret.New("the-old-secret-of-the-gateway")}
		c.MessageAuthenticator = LetOff
	}))
	g := dial(t, s.Addrs()[0])
	for range 3 {
		for _, text := range []string{"the-new-secret-of-the-gateway", "the-old-secret-of-the-gateway"} {
			g.ask(asked(under(text), user("lutz"), password("pw")), text)
			g.ask(asked(under(text), user("lutz"), password("pw"), unsigned), text)
			// Nothing in this one tells the secret; it is answered with the one that fitted last.
			g.ask(asked(under(text), user("lutz"), with(24, "TOKEN234"), unsigned), text)
		}
	}
	for _, text := range []string{"the-new-secret-of-the-gateway", "the-old-secret-of-the-gateway"} {
		g.ask(asked(under(text), user("lutz"), password("pw"), unsigned), text)
		g.ask(asked(under(text), user("lutz"), with(24, "TOKEN234"), unsigned), text)
	}
	g.send(asked(under("a-third-secret-that-nobody-knows"), user("lutz"), password("pw")))
	g.send(asked(under("a-third-secret-that-nobody-knows"), user("lutz"), password("a longer one than that"), unsigned))
	until(t, "both dropped", func() bool {
		st := s.Stats()
		return st.Dropped[BadMessageAuthenticator] == 1 && st.Dropped[WrongSecret] == 1
	})
}

// A reload takes effect for what comes after it; a request in work keeps its snapshot.
func TestReload(t *testing.T) {
	first, entered, release := held()
	s := start(t, Config{Limits: Limits{FirstWorkers: 2}}, first, nas(nil))
	g := dial(t, s.Addrs()[0])
	early := [][]byte{}
	for i := range 3 { // two in work, one in the queue
		raw := asked(identified(byte(10+i)), user("early"), password("pw"))
		early = append(early, raw)
		g.send(raw)
		if i < 2 {
			<-entered
		}
	}
	until(t, "queued", func() bool { return s.Stats().QueuedFirst == 1 })
	second := accepting()
	fresh := nas(func(c *Client) {
		c.Secrets = []secret.Secret{secret.New("another-secret-altogether")}
		c.Policy = "strict"
	})
	if err := s.Reload(Snapshot{Clients: []Client{fresh}, Logins: second}); err != nil {
		t.Fatal(err)
	}
	late := dial(t, s.Addrs()[0])
	lateRaw := asked(identified(2), under("another-secret-altogether"), user("late"), password("pw"))
	late.send(lateRaw)
	until(t, "queued too", func() bool { return s.Stats().QueuedFirst == 2 })
	close(release)
	checked(t, late.receive(), lateRaw, "another-secret-altogether")
	if begun, _ := second.last(); begun.Policy != "strict" || begun.User != "late" {
		t.Errorf("the second core was asked %+v", begun)
	}
	for range early {
		reply := g.receive()
		checked(t, reply, early[reply[1]-10], testSecret)
	}
	if begun, _ := first.calls(); begun != 3 {
		t.Errorf("the first core was asked %d times, want 3", begun)
	}
	for _, bad := range []Snapshot{
		{Clients: []Client{nas(nil)}},
		{Logins: second, Clients: []Client{nas(nil), nas(func(c *Client) { c.Name = "again" })}},
		{Logins: second, Clients: []Client{nas(func(c *Client) { c.Secrets = nil })}},
		{Logins: second, Clients: []Client{nas(func(c *Client) { c.Secrets = []secret.Secret{{}} })}},
		{Logins: second, Clients: []Client{nas(func(c *Client) { c.Prefix = netip.Prefix{} })}},
	} {
		if err := s.Reload(bad); err == nil {
			t.Errorf("taken: %v", bad)
		}
	}
	g.ask(asked(identified(3), under("another-secret-altogether"), user("late"), password("pw")), "another-secret-altogether")
}

func TestLongestPrefixWins(t *testing.T) {
	var list []Client
	for _, p := range []string{"0.0.0.0/0", "192.0.2.0/24", "192.0.2.128/25", "192.0.2.200/32", "::/0", "2001:db8::/32", "2001:db8::7/128", "::ffff:198.51.100.0/120"} {
		list = append(list, nas(func(c *Client) { c.Name = p; c.Prefix = netip.MustParsePrefix(p) }))
	}
	clients, err := newClients(list)
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"203.0.113.1": "0.0.0.0/0", "192.0.2.1": "192.0.2.0/24", "192.0.2.199": "192.0.2.128/25", "192.0.2.200": "192.0.2.200/32",
		"::ffff:192.0.2.200": "192.0.2.200/32", "2001:db9::1": "::/0", "2001:db8::1": "2001:db8::/32", "2001:db8::7": "2001:db8::7/128",
		"fe80::1%eth0": "::/0", "198.51.100.9": "::ffff:198.51.100.0/120",
	} {
		if got := clients.find(netip.MustParseAddr(addr)); got == nil || got.Name != want {
			t.Errorf("%s: %+v, want %s", addr, got, want)
		}
	}
	_, err = newClients([]Client{nas(nil), nas(func(c *Client) { c.Prefix = netip.MustParsePrefix("::ffff:127.0.0.0/104") })})
	if !errors.Is(err, errTwice) {
		t.Errorf("equal prefixes: %v", err)
	}
	none, err := newClients(nil)
	if err != nil || none.find(netip.MustParseAddr("127.0.0.1")) != nil {
		t.Errorf("no clients: %v", err)
	}
}
