package radiusd

import (
	"bytes"
	"context"
	"encoding/hex"
	"strings"
	"testing"

	"layeh.com/radius"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
)

// rfcSecret is the shared secret of all examples in RFC 2865 section 7 and RFC 5997 section 6.
const rfcSecret = "xyzzy5461"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rfcNAS(c *Client) {
	c.Secrets = []secret.Secret{secret.New(rfcSecret)}
	c.MessageAuthenticator = Omit
}

// RFC 2865 section 7.1, the reply byte for byte: this NAS gets no Message-Authenticator.
func TestRFC2865Telnet(t *testing.T) {
	core := &logins{begin: func(_ context.Context, a core.Attempt) (core.Step, error) {
		if a.User != "nemo" || a.Password.Reveal() != "arctangent" {
			t.Errorf("user %q", a.User)
		}
		return core.Step{Kind: core.Accept, Attributes: []core.Attribute{
			{Type: 6, Value: []byte{0, 0, 0, 1}}, {Type: 15, Value: []byte{0, 0, 0, 0}}, {Type: 14, Value: []byte{192, 168, 1, 3}},
		}}, nil
	}}
	s := start(t, Config{}, core, nas(rfcNAS))
	g := dial(t, s.Addrs()[0])
	g.send(unhex(t, `01000038 0f403f9473978057bd83d5cb98f4227a 01066e656d6f
		02120dbe708d93d413ce3196e43f782a0aee 0406c0a80110 050600000003`))
	want := unhex(t, `02000026 86fe220e7624ba2a1005f6bf9b55e0b2 060600000001 0f0600000000 0e06c0a80103`)
	if got := g.receive(); !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
}

// RFC 2865 section 7.2 uses CHAP, which is refused in words.
func TestRFC2865CHAP(t *testing.T) {
	core := new(logins)
	s := start(t, Config{}, core, nas(rfcNAS))
	request := unhex(t, `01010047 2aee86f08d0d55969ca5978e0d3367a2 0108666c6f707379
		031316e97557c316185895f293ff634407 7275 0406c0a80110 050600000014 060600000002 070600000001`)
	reply := dial(t, s.Addrs()[0]).ask(request, rfcSecret)
	if text := string(reply.Get(18)); reply.Code != radius.CodeAccessReject || !strings.Contains(text, "carries CHAP") {
		t.Errorf("%v %q", reply.Code, text)
	}
	if begun, _ := core.calls(); begun != 0 {
		t.Error("core was asked")
	}
}

// The response authenticators of RFC 2865 sections 7.1 to 7.3, as seal computes them.
func TestRFC2865ResponseAuthenticators(t *testing.T) {
	for _, c := range []struct{ name, requestAuthenticator, reply string }{
		{"7.1", "0f403f9473978057bd83d5cb98f4227a",
			"02000026 86fe220e7624ba2a1005f6bf9b55e0b2 060600000001 0f0600000000 0e06c0a80103"},
		{"7.2", "2aee86f08d0d55969ca5978e0d3367a2",
			`02010038 15efbc7dab26cfa3dc34d9c03c8601a4 060600000002 070600000001 0806fffffffe 0a0600000002
			0d0600000001 0c06000005dc`},
		{"7.3 challenge", "f3a47a1f6a6d76710b947ab93041a039",
			`0b02004e 36f3c8764ae8c7115740 3c0c71ff9c45 12304368616c6c656e67652033323736393433302e2020456e746572
			20726573706f6e73652061742070726f6d70742e 180a3332373639343330`},
		{"7.3 reject", "b122556d428a13d0d6253807c457ecf0", "03030014 a42f4fca45916c4e09c8340f9e746aa0"},
	} {
		want := unhex(t, c.reply)
		got := bytes.Clone(want)
		copy(got[4:], unhex(t, c.requestAuthenticator))
		newSigner(secret.New(rfcSecret)).seal(got, 0)
		if !bytes.Equal(got, want) {
			t.Errorf("%s\n got %x\nwant %x", c.name, got, want)
		}
	}
}

// RFC 2865 section 7.3, both requests of a challenged login. The second one's State is printed
// there with a length of 16; its ten bytes are meant.
func TestRFC2865ChallengeRequests(t *testing.T) {
	for _, c := range []struct{ request, password, state string }{
		{`01020039 f3a47a1f6a6d76710b947ab93041a039 01076d6f707379 0212336575737782 89b570885e15084825c5
			0406c0a80110 050600000007`, "challenge", ""},
		{`01030043 b122556d428a13d0d6253807c457ecf0 01076d6f707379 0212692c1f205fc081b919b95195f561a581
			0406c0a80110 050600000007 180a3332373639343330`, "99101462", "32769430"},
	} {
		var p packet
		raw := unhex(t, c.request)
		if why := p.length(raw); why != none {
			t.Fatal(why)
		}
		if why := p.attributes(); why != none {
			t.Fatal(why)
		}
		plain, ok := unpadded(newSigner(secret.New(rfcSecret)).password(nil, p.userPassword, p.authenticator()))
		if string(plain) != c.password || !ok || string(p.state) != c.state || string(p.userName) != "mopsy" {
			t.Errorf("password %q, state %q, user %q", plain, p.state, p.userName)
		}
	}
}

const rfcStatusServer = "0cda00268a54f4686fb394c52866e302185d062350125a665e2e1e8411f3e243822097c84fa3"

// RFC 5997 section 6.1, both packets byte for byte; and with Message-Authenticator where the
// NAS may see it.
func TestRFC5997StatusServer(t *testing.T) {
	core := new(logins)
	s := start(t, Config{}, core, nas(rfcNAS))
	g := dial(t, s.Addrs()[0])
	g.send(unhex(t, rfcStatusServer))
	if got, want := g.receive(), unhex(t, "02da0014ef0d552a4bf2d693ec2b6fe8b5411d66"); !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}

	s = start(t, Config{}, core, nas(func(c *Client) { rfcNAS(c); c.MessageAuthenticator = Require }))
	reply := dial(t, s.Addrs()[0]).ask(unhex(t, rfcStatusServer), rfcSecret)
	wantAttributes(t, reply, "80:*")
	if st := s.Stats(); st.StatusServer != 1 || st.First != 0 {
		t.Errorf("%+v", st)
	}
}

func TestStatusServerIsBounded(t *testing.T) {
	s := start(t, Config{Now: stopped}, new(logins), nas(nil))
	g := dial(t, s.Addrs()[0])
	for range statusPerSecond + 10 {
		g.send(asked(coded(radius.CodeStatusServer)))
	}
	until(t, "all read", func() bool { return s.Stats().Received == statusPerSecond+10 })
	until(t, "the rest dropped", func() bool { return s.Stats().Dropped[StatusLimited] == 10 })
	if got := s.Stats().StatusServer; got != statusPerSecond {
		t.Errorf("%d answered", got)
	}
}
