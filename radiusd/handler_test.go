package radiusd

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"

	"github.com/latchkey/latchkey/core"
)

// A first round that blocks in core sheds more first rounds, never the reader and never a
// second round.
func TestSheddingNeverBlocksTheReader(t *testing.T) {
	core, entered, release := held()
	s := start(t, Config{Limits: Limits{FirstQueue: 8, FirstWorkers: 2}}, core, nas(nil),
		nas(func(c *Client) { c.Name = "other"; c.Prefix = netip.MustParsePrefix("127.9.0.0/16") }))
	g := dial(t, s.Addrs()[0])
	for i := range 2 {
		g.send(asked(identified(byte(i)), user("lutz"), password("pw")))
		<-entered
	}
	const shed = 20
	var last []byte
	for i := range 4 + shed { // one NAS may fill half of the queue
		last = asked(identified(byte(10+i)), user("lutz"), password("pw"))
		g.send(last)
	}
	until(t, "shedding", func() bool { return s.Stats().Dropped[QueueFull] == shed })
	if st := s.Stats(); st.QueuedFirst != 4 || st.First != 6+shed {
		t.Errorf("%+v", st)
	}
	// The reader is well: second rounds and Status-Server come through.
	if reply := g.ask(asked(identified(200), user("lutz"), password("ac"), with(24, "TOKEN234")), testSecret); reply.Code != radius.CodeAccessAccept {
		t.Errorf("second round: %v", reply.Code)
	}
	g.ask(asked(identified(201), coded(radius.CodeStatusServer)), testSecret)
	// What was shed was not remembered: when there is room, the same packet is new.
	close(release)
	until(t, "the queue empty", func() bool { return s.Stats().Accepts == 7 })
	for range 6 {
		g.receive()
	}
	g.ask(last, testSecret)
	if !strings.Contains(s.log.String(), "reason=queue-full") {
		t.Error("shedding is not in the log")
	}
	if n := strings.Count(s.log.String(), "reason=queue-full"); n > linesPerWindow {
		t.Errorf("%d lines of one kind", n)
	}
}

// A request that waited longer than its NAS is dropped, not worked on.
func TestStaleRequestIsDropped(t *testing.T) {
	hands := new(clock)
	core, entered, release := held()
	s := start(t, Config{Now: hands.now, Limits: Limits{FirstWorkers: 1}}, core,
		nas(func(c *Client) { c.Timeout = 2 * time.Second; c.Tries = 3 }))
	g := dial(t, s.Addrs()[0])
	g.send(asked(identified(1), user("one"), password("pw")))
	<-entered
	g.send(asked(identified(2), user("two"), password("pw")))
	until(t, "queued", func() bool { return s.Stats().QueuedFirst == 1 })
	hands.advance(6 * time.Second)
	close(release)
	until(t, "dropped", func() bool { return s.Stats().Dropped[Stale] == 1 })
	if begun, _ := core.calls(); begun != 1 {
		t.Errorf("core asked %d times", begun)
	}
}

// A panic in core is silence, a counter and a log line with the place; the door goes on.
func TestPanickingHandler(t *testing.T) {
	core := &logins{begin: func(_ context.Context, a core.Attempt) (core.Step, error) {
		if a.User == "bad" {
			panic("what a pity")
		}
		return core.Step{Kind: core.Accept}, nil
	}}
	s := start(t, Config{Limits: Limits{FirstWorkers: 1}}, core, nas(nil))
	g := dial(t, s.Addrs()[0])
	for i, station := range []string{"", "198.51.100.7"} {
		g.send(asked(identified(byte(i)), user("bad"), password("pw"), with(31, station)))
		until(t, "a panic", func() bool { return s.Stats().Dropped[Panicked] == uint64(i+1) })
	}
	g.ask(asked(identified(9), user("good"), password("pw")), testSecret)
	if log := s.log.String(); !strings.Contains(log, "what a pity") || !strings.Contains(log, "handler_test.go") || strings.Contains(log, "pw") {
		t.Errorf("log:\n%s", log)
	}
	if st := s.Stats(); st.Remembered != 1 {
		t.Errorf("%+v", st)
	}
	for i := range s.joining.shards {
		if len(s.joining.shards[i].pending) != 0 {
			t.Error("a flight never landed")
		}
	}
}

func TestPasswords(t *testing.T) {
	long := strings.Repeat("x", 128)
	for _, c := range []struct {
		name     string
		password string
		signed   bool
		want     string // "dropped": not passed to core
	}{
		{"plain", "pw", true, "pw"},
		{"plain, unsigned", "pw", false, "pw"},
		{"empty", "", true, ""},
		{"empty, unsigned", "", false, ""},
		{"UTF-8, unsigned", "pässwörd…", false, "pässwörd…"},
		{"128 bytes, unsigned", long, false, long},
		{"16 bytes", "0123456789abcdef", false, "0123456789abcdef"},
		{"Latin-1, unsigned: another secret", "p\xe4ss", false, "dropped"},
		{"zero inside, unsigned", "a\x00b", false, "dropped"},
		// With Message-Authenticator the secret is right, so the garbage is the user's own.
		{"Latin-1, signed", "p\xe4ss", true, "p\xe4ss"},
		{"zero inside, signed", "a\x00b", true, "a\x00b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := accepting()
			s := start(t, Config{}, core, nas(func(c *Client) { c.MessageAuthenticator = LetOff }))
			g := dial(t, s.Addrs()[0])
			options := []func(*radius.Packet){user("lutz"), password(c.password)}
			if !c.signed {
				options = append(options, unsigned)
			}
			raw := asked(options...)
			if c.want == "dropped" {
				g.send(raw)
				until(t, "dropped", func() bool { return s.Stats().Dropped[WrongSecret] == 1 })
				if begun, _ := core.calls(); begun != 0 {
					t.Error("core was asked")
				}
				return
			}
			g.ask(raw, testSecret)
			if begun, _ := core.last(); begun.Password.Reveal() != c.want {
				t.Errorf("password %q", begun.Password.Reveal())
			}
		})
	}
}

func TestSourceOfThePerson(t *testing.T) {
	for _, c := range []struct {
		trusted bool
		station string
		want    string
	}{
		{false, "198.51.100.7", "nas:vpn"},
		{true, "198.51.100.7", "addr:198.51.100.7"},
		{true, "198.51.100.7:4711", "addr:198.51.100.7"},
		{true, "[2001:DB8::1]:4711", "addr:2001:db8::1"},
		{true, "2001:db8:0::1", "addr:2001:db8::1"},
		{true, "::ffff:198.51.100.7", "addr:198.51.100.7"},
		{true, "fe80::1%eth0", "addr:fe80::1"},
		{true, "00-10-A4-23-19-C0", "nas:vpn"},
		{true, "host.example", "nas:vpn"},
		{true, "", "nas:vpn"},
	} {
		r := &request{client: &client{Client: nas(func(n *Client) { n.TrustCallingStation = c.trusted })}}
		r.packet.callingStation = []byte(c.station)
		if got := r.source().String(); got != c.want {
			t.Errorf("%v %q: %s, want %s", c.trusted, c.station, got, c.want)
		}
	}
}

// An empty answer comes in three forms: without User-Password (radclient), with an empty one
// (radcli, and so ocserv), and as the RFC has it. All are an answer.
func TestEmptyAnswers(t *testing.T) {
	for name, empty := range map[string]func(*radius.Packet){
		"absent": with(31, "198.51.100.7"), "of no bytes": with(2, ""), "padded": password(""),
	} {
		for _, sign := range []bool{true, false} {
			core := new(logins)
			s := start(t, Config{}, core, nas(func(c *Client) { c.MessageAuthenticator = LetOff }))
			options := []func(*radius.Packet){user("lutz"), with(24, "TOKEN234"), empty}
			if !sign {
				options = append(options, unsigned)
			}
			dial(t, s.Addrs()[0]).ask(asked(options...), testSecret)
			if _, got := core.last(); got.Token != "TOKEN234" || !got.Text.IsEmpty() {
				t.Errorf("%s, signed %v: %+v", name, sign, got)
			}
		}
	}
}

// A gateway that can show nothing: core is told, and should a challenge come all the same, it leaves as a reject in words.
func TestCoreHearsOfNoChallenge(t *testing.T) {
	core := new(logins)
	s := start(t, Config{}, core, nas(func(c *Client) { c.Challenge = false }))
	g := dial(t, s.Addrs()[0])
	if reply := g.ask(asked(user("lutz"), password("first factor,123456")), testSecret); reply.Code != radius.CodeAccessReject {
		t.Errorf("code %v", reply.Code)
	}
	if got, _ := core.last(); !got.NoChallenge || got.Password.Reveal() != "first factor,123456" {
		t.Errorf("the attempt was %+v", got)
	}
}
