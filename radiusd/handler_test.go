package radiusd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"layeh.com/radius"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
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
	for i := range 4 + shed { // one NAS may fill half of the queue
		g.send(asked(identified(byte(10+i)), user("lutz"), password("pw")))
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
	g.ask(asked(identified(33), user("lutz"), password("pw")), testSecret)
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
	g.send(asked(under("a-third-secret-that-nobody-knows"), user("lutz"), password("pw")))
	g.send(asked(under("a-third-secret-that-nobody-knows"), user("lutz"), password("a longer one than that"), unsigned))
	until(t, "both dropped", func() bool {
		st := s.Stats()
		return st.Dropped[BadMessageAuthenticator] == 1 && st.Dropped[WrongSecret] == 1
	})
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

// Requests that core could not judge are refused in words, or dropped where they are no requests.
func TestRequestsThatNeverGetToCore(t *testing.T) {
	microsoft := func(kind byte) string {
		return string(binary.BigEndian.AppendUint32(nil, 311)) + string([]byte{kind, 4, 0, 0})
	}
	for _, c := range []struct {
		name   string
		packet []func(*radius.Packet)
		want   string // words, or a Drop
	}{
		{"no user", []func(*radius.Packet){password("pw")}, "names no user"},
		{"empty user", []func(*radius.Packet){user(""), password("pw")}, "names no user"},
		{"CHAP", []func(*radius.Packet){user("lutz"), with(3, "\x01aaaaaaaaaaaaaaaa")}, "carries CHAP"},
		{"MS-CHAP", []func(*radius.Packet){user("lutz"), with(26, microsoft(1))}, "carries MS-CHAP"},
		{"MS-CHAPv2", []func(*radius.Packet){user("lutz"), with(26, microsoft(25))}, "carries MS-CHAP"},
		{"EAP", []func(*radius.Packet){user("lutz"), with(79, "\x02\x00\x00\x09\x01lutz")}, "carries EAP"},
		{"ARAP", []func(*radius.Packet){user("lutz"), with(70, "0123456789abcdef")}, "carries ARAP"},
		{"accounting", []func(*radius.Packet){coded(radius.CodeAccountingRequest)}, "unsupported-code"},
		{"a reply", []func(*radius.Packet){coded(radius.CodeAccessAccept)}, "unsupported-code"},
		{"two users", []func(*radius.Packet){user("lutz"), user("lotz"), password("pw")}, "malformed"},
		{"two passwords", []func(*radius.Packet){user("lutz"), password("pw"), password("pw")}, "malformed"},
		{"two States", []func(*radius.Packet){user("lutz"), with(24, "a"), with(24, "b")}, "malformed"},
		{"a password of 15 bytes", []func(*radius.Packet){user("lutz"), with(2, "0123456789abcde")}, "malformed"},
		{"a password of 144 bytes", []func(*radius.Packet){user("lutz"), with(2, strings.Repeat("0", 144))}, "malformed"},
		{"Proxy-State without end", func() (all []func(*radius.Packet)) {
			for range 14 {
				all = append(all, with(33, strings.Repeat("x", 253)))
			}
			return append(all, user("lutz"), password("pw"))
		}(), "malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := accepting()
			s := start(t, Config{}, core, nas(nil))
			g := dial(t, s.Addrs()[0])
			raw := asked(c.packet...)
			if strings.Contains(c.want, " ") {
				reply := g.ask(raw, testSecret)
				if text := string(reply.Get(18)); reply.Code != radius.CodeAccessReject || !strings.Contains(text, c.want) {
					t.Errorf("%v %q", reply.Code, text)
				}
				if s.Stats().Refused != 1 {
					t.Errorf("%+v", s.Stats())
				}
			} else {
				g.send(raw)
				until(t, c.want, func() bool { return dropped(s, c.want) == 1 })
				if !strings.Contains(s.log.String(), "reason="+c.want) {
					t.Errorf("log:\n%s", s.log)
				}
			}
			if begun, answered := core.calls(); begun+answered != 0 {
				t.Error("core was asked")
			}
		})
	}
}

func dropped(s house, word string) uint64 {
	for d, n := range s.Stats().Dropped {
		if d.String() == word {
			return n
		}
	}
	return 0
}

// Datagrams that are no packets.
func TestBrokenDatagrams(t *testing.T) {
	whole := asked(user("lutz"), password("pw"))
	patched := func(change func(b []byte)) []byte { b := bytes.Clone(whole); change(b); return b }
	for _, c := range []struct {
		name string
		raw  []byte
		want Drop
	}{
		{"one byte", []byte{1}, TooShort},
		{"19 bytes", whole[:19], TooShort},
		{"truncated", whole[:len(whole)-1], BadLength},
		{"length 19", patched(func(b []byte) { b[2], b[3] = 0, 19 }), BadLength},
		{"length 4097", append(patched(func(b []byte) { b[2], b[3] = 0x10, 1 }), make([]byte, 4200)...), BadLength},
		{"attribute of length 0", patched(func(b []byte) { b[21] = 0 }), Malformed},
		{"attribute of length 1", patched(func(b []byte) { b[21] = 1 }), Malformed},
		{"attribute beyond the end", patched(func(b []byte) { b[len(b)-17] = 19 }), Malformed},
		{"half an attribute", patched(func(b []byte) { b[2], b[3] = 0, 21 }), Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := accepting()
			s := start(t, Config{}, core, nas(nil))
			g := dial(t, s.Addrs()[0])
			g.send(c.raw)
			until(t, c.want.String(), func() bool { return s.Stats().Dropped[c.want] == 1 })
			if !strings.Contains(s.log.String(), "reason="+c.want.String()) {
				t.Errorf("log:\n%s", s.log)
			}
			// And padding behind a whole packet is no harm (RFC 2865 section 3).
			g.ask(append(bytes.Clone(whole), make([]byte, 4200)...)[:len(whole)+50], testSecret)
			g.ask(append(asked(user("lutz"), password("pw")), make([]byte, 4500)...), testSecret)
		})
	}
}

// Names of any bytes come to core as they are and to the log in quotes.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{
		strings.Repeat("x", 253), "nul\x00nul", "line\nline", "esc\x1b[31m", "\xff\xfe", "rtl\u202e", `a"b`, "user=root level=ERROR",
	} {
		core := accepting()
		s := start(t, Config{}, core, nas(nil))
		g := dial(t, s.Addrs()[0])
		g.ask(asked(user(name), password("pw")), testSecret)
		if begun, _ := core.last(); begun.User != name {
			t.Errorf("%q came as %q", name, begun.User)
		}
		g.send(asked(user(name), password("pw"), with(2, "short"))) // and a drop that names the user
		until(t, "both logged", func() bool { return s.Stats().Dropped[Malformed] == 1 })
		for _, c := range []byte(s.log.String()) {
			if c != '\n' && c < ' ' || c >= 0x7f {
				t.Fatalf("%q is raw in the log: %q", name, s.log)
			}
		}
		if n := strings.Count(s.log.String(), "\n"); n > 3 {
			t.Errorf("%q made %d lines", name, n)
		}
	}
}

func TestUnknownClientIsSilentAndLoggedSparingly(t *testing.T) {
	hands := new(clock)
	s := start(t, Config{Now: hands.now}, accepting(), nas(func(c *Client) { c.Prefix = netip.MustParsePrefix("192.0.2.0/24") }))
	g := dial(t, s.Addrs()[0])
	for range 100 {
		g.send(asked(user("lutz"), password("pw")))
	}
	until(t, "all dropped", func() bool { return s.Stats().Dropped[UnknownClient] == 100 })
	if n := strings.Count(s.log.String(), "unknown-client"); n != linesPerWindow {
		t.Errorf("%d lines", n)
	}
	hands.advance(logWindow)
	g.send(asked(user("lutz"), password("pw")))
	until(t, "the sum", func() bool { return strings.Contains(s.log.String(), "suppressed=95") })
}

// A reload takes effect for what comes after it; a request in work keeps its snapshot.
func TestReload(t *testing.T) {
	first, entered, release := held()
	s := start(t, Config{}, first, nas(nil))
	g := dial(t, s.Addrs()[0])
	early := asked(identified(1), user("early"), password("pw"))
	g.send(early)
	<-entered
	second := accepting()
	fresh := nas(func(c *Client) {
		c.Secrets = []secret.Secret{secret.New("another-secret-altogether")}
		c.Policy = "strict"
	})
	if err := s.Reload(Snapshot{Clients: []Client{fresh}, Logins: second}); err != nil {
		t.Fatal(err)
	}
	g.ask(asked(identified(2), under("another-secret-altogether"), user("late"), password("pw")), "another-secret-altogether")
	if begun, _ := second.last(); begun.Policy != "strict" {
		t.Errorf("policy %q", begun.Policy)
	}
	close(release)
	checked(t, g.receive(), early, testSecret)
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

// A NAS that knows no Access-Challenge never gets one.
func TestNoChallengeForANASThatKnowsNone(t *testing.T) {
	s := start(t, Config{}, new(logins), nas(func(c *Client) { c.Challenge = false }))
	reply := dial(t, s.Addrs()[0]).ask(asked(user("lutz"), password("pw")), testSecret)
	if reply.Code != radius.CodeAccessReject || !strings.Contains(string(reply.Get(18)), "cannot ask for it") {
		t.Errorf("%v %q", reply.Code, reply.Get(18))
	}
}

func TestRender(t *testing.T) {
	state := func(s core.Step) core.Step { s.Kind, s.Token = core.Challenge, "T"; return s }
	for _, c := range []struct {
		name string
		step core.Step
		want []string
		ok   bool
	}{
		{"prompt with its own space", state(core.Step{Prompt: "Go: "}), []string{`80:*`, `24:"T"`, `18:"Go: "`}, true},
		{"no prompt", state(core.Step{}), []string{`80:*`, `24:"T"`, `18:" "`}, true},
		{"waiting", state(core.Step{Prompt: "Symbol: sun", Waiting: true}), []string{`80:*`, `24:"T"`, `18:"Symbol: sun "`}, true},
		{"reject without text", core.Step{Kind: core.Reject}, []string{`80:*`}, true},
		{"accept with text", core.Step{Kind: core.Accept, Text: "Hello"}, []string{`80:*`, `18:"Hello"`}, true},
		{"zero step", core.Step{}, nil, false},
		{"challenge without token", core.Step{Kind: core.Challenge, Prompt: "x"}, nil, false},
		{"token too long", core.Step{Kind: core.Challenge, Token: strings.Repeat("x", 254)}, nil, false},
		{"attribute too long", core.Step{Kind: core.Accept, Attributes: []core.Attribute{{Type: 25, Value: make([]byte, 254)}}}, nil, false},
		{"attributes too many", core.Step{Kind: core.Accept, Attributes: slicesOf(17, 253)}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := asked(user("lutz"), password("pw"))
			clients, err := newClients([]Client{nas(nil)})
			if err != nil {
				t.Fatal(err)
			}
			r := &request{client: clients.find(netip.MustParseAddr("127.0.0.1"))}
			r.signer = r.client.signer(0)
			if r.packet.length(raw) != none || r.packet.attributes() != none {
				t.Fatal("the request is no packet")
			}
			reply, err := render(r, &c.step)
			if (err == nil) != c.ok {
				t.Fatalf("error %v", err)
			}
			if err == nil {
				wantAttributes(t, checked(t, reply, raw, testSecret), c.want...)
			}
		})
	}
}

func slicesOf(n, size int) []core.Attribute {
	var list []core.Attribute
	for range n {
		list = append(list, core.Attribute{Type: 25, Value: make([]byte, size)})
	}
	return list
}

// What does not fit becomes a refusal in words, with a log line.
func TestReplyThatDoesNotFit(t *testing.T) {
	core := &logins{begin: func(context.Context, core.Attempt) (core.Step, error) {
		return core.Step{Kind: core.Accept, Attributes: slicesOf(17, 253)}, nil
	}}
	s := start(t, Config{}, core, nas(nil))
	reply := dial(t, s.Addrs()[0]).ask(asked(user("lutz"), password("pw")), testSecret)
	if reply.Code != radius.CodeAccessReject || s.Stats().Dropped[Unencodable] != 1 {
		t.Errorf("%v %+v", reply.Code, s.Stats())
	}
}

func TestLongTexts(t *testing.T) {
	for _, c := range []struct {
		text, reference string
		most            int
		end             string
	}{
		{strings.Repeat("ä", 200), "", 253, "ä"},
		{strings.Repeat("👩‍👩‍👧‍👦", 20), "", 253, "👦"}, // 25 bytes each, never cut inside
		{strings.Repeat("e\u0301", 100), "", 253, "\u0301"},
		{strings.Repeat("Nein. ", 60) + "R-77", "R-77", 253, " R-77"},
	} {
		b := &replyPacket{}
		b.message(c.text, c.reference)
		got := string(b.packet.Attributes[0].Attribute)
		if len(got) > c.most || len(got) < c.most-30 || !utf8.ValidString(got) || !strings.HasSuffix(got, c.end) {
			t.Errorf("%d bytes: %q", len(got), got)
		}
	}
	if got := cut("a\xffb", 253); got != "a?b" {
		t.Errorf("%q", got)
	}
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

// Every reason has a word of its own.
func TestDropWords(t *testing.T) {
	seen := map[string]bool{}
	for d := none; d < drops; d++ {
		if d.String() == "" || seen[d.String()] {
			t.Errorf("reason %d: %q", d, d)
		}
		seen[d.String()] = true
	}
	if fmt.Sprint(Drop(200)) != "unknown" {
		t.Error("an unknown reason has a word")
	}
}
