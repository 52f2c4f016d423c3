package radiusd

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"layeh.com/radius"

	"github.com/latchkey/latchkey/core"
)

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
		{"waiting", state(core.Step{Prompt: "Symbol: sun", Waiting: true}), []string{`80:*`, `24:"T"`, `18:"Symbol: sun "`, `76:"\x00\x00\x00\x01"`}, true},
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
