package radiusd

import (
	"bytes"
	"testing"

	"layeh.com/radius"
)

// Every case of CVE-2024-3596 under every switch: what is answered, and what is dropped and why.
func TestMessageAuthenticatorRules(t *testing.T) {
	type change = func(*Client)
	require := func(c *Client) { c.MessageAuthenticator = Require }
	letOff := func(c *Client) { c.MessageAuthenticator = LetOff }
	omit := func(c *Client) { c.MessageAuthenticator = Omit }
	unlimited := func(of change) change {
		return func(c *Client) { of(c); c.LimitProxyState = false }
	}
	pap := []func(*radius.Packet){user("lutz"), password("pw")}
	proxied := append(pap[:2:2], with(33, "p1"))
	eap := []func(*radius.Packet){user("lutz"), with(79, "\x02\x00\x00\x09\x01lutz")}
	status := []func(*radius.Packet){coded(radius.CodeStatusServer)}

	tamper := func(raw []byte) []byte { raw = bytes.Clone(raw); raw[len(raw)-1] ^= 1; return raw }
	short := func(raw []byte) []byte { // the last attribute with 15 bytes of value
		raw = bytes.Clone(raw[:len(raw)-1])
		raw[3]--
		raw[len(raw)-16]--
		return raw
	}
	twice := func(raw []byte) []byte { return signedBy(raw, testSecret) }
	plain := func(raw []byte) []byte { return raw }

	for _, c := range []struct {
		name    string
		nas     change
		signed  bool
		packet  []func(*radius.Packet)
		alter   func([]byte) []byte
		want    Drop // none: a reply comes
		carries bool // the reply carries Message-Authenticator
	}{
		{"require, signed", require, true, pap, plain, none, true},
		{"require, unsigned", require, false, pap, plain, MissingMessageAuthenticator, false},
		{"require, signed and proxied", require, true, proxied, plain, none, true},
		{"require, unsigned and proxied", require, false, proxied, plain, MissingMessageAuthenticator, false},
		{"require, forged", require, true, pap, tamper, BadMessageAuthenticator, false},
		{"require, of 15 bytes", require, true, pap, short, Malformed, false},
		{"require, twice", require, true, pap, twice, Malformed, false},
		{"require, EAP signed", require, true, eap, plain, none, true},
		{"require, EAP unsigned", require, false, eap, plain, MissingMessageAuthenticator, false},
		{"require, status signed", require, true, status, plain, none, true},
		{"require, status unsigned", require, false, status, plain, MissingMessageAuthenticator, false},

		{"accept, signed", letOff, true, pap, plain, none, true},
		{"accept, unsigned", letOff, false, pap, plain, none, true},
		{"accept, signed and proxied", letOff, true, proxied, plain, none, true},
		{"accept, unsigned and proxied", letOff, false, proxied, plain, ProxyStateLimited, false},
		{"accept without limit, unsigned and proxied", unlimited(letOff), false, proxied, plain, none, true},
		{"accept, forged", letOff, true, pap, tamper, BadMessageAuthenticator, false},
		{"accept, of 15 bytes", letOff, true, pap, short, Malformed, false},
		{"accept, EAP unsigned", letOff, false, eap, plain, MissingMessageAuthenticator, false},
		{"accept, status unsigned", letOff, false, status, plain, MissingMessageAuthenticator, false},
		{"accept, status forged", letOff, true, status, tamper, BadMessageAuthenticator, false},

		{"omit, signed", omit, true, pap, plain, none, false},
		{"omit, unsigned", omit, false, pap, plain, none, false},
		{"omit, unsigned and proxied", omit, false, proxied, plain, ProxyStateLimited, false},
		{"omit without limit, unsigned and proxied", unlimited(omit), false, proxied, plain, none, false},
		{"omit, forged", omit, true, pap, tamper, BadMessageAuthenticator, false},
		{"omit, EAP unsigned", omit, false, eap, plain, MissingMessageAuthenticator, false},
		{"omit, status unsigned", omit, false, status, plain, MissingMessageAuthenticator, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := accepting()
			s := start(t, Config{}, core, nas(c.nas))
			g := dial(t, s.Addrs()[0])
			options := c.packet
			if !c.signed {
				options = append(options[:len(options):len(options)], unsigned)
			}
			raw := c.alter(asked(options...))
			if c.want != none {
				g.send(raw)
				until(t, "the drop "+c.want.String(), func() bool { return s.Stats().Dropped[c.want] == 1 })
				if begun, _ := core.calls(); begun != 0 {
					t.Error("core was asked")
				}
				if st := s.Stats(); st.First != 0 || st.Remembered != 0 {
					t.Errorf("it touched more than it may: %+v", st)
				}
				return
			}
			reply := g.ask(raw, testSecret)
			if _, carries := reply.Lookup(80); carries != c.carries {
				t.Errorf("Message-Authenticator in the reply: %v", carries)
			}
		})
	}
}

// Accept, Reject and Challenge alike carry it first; checked does the looking.
func TestMessageAuthenticatorIsFirstInEveryReply(t *testing.T) {
	s := start(t, Config{}, new(logins), nas(nil))
	g := dial(t, s.Addrs()[0])
	for _, text := range []string{"ac", "no"} {
		reply := g.ask(asked(with(33, "one"), user("lutz"), password(text), with(24, "TOKEN234"), with(33, "two")), testSecret)
		if reply.Attributes[0].Type != 80 {
			t.Errorf("%v begins with attribute %d", reply.Code, reply.Attributes[0].Type)
		}
	}
	challenge := g.ask(asked(with(33, "one"), user("lutz"), password("pw"), with(33, "two")), testSecret)
	wantAttributes(t, challenge, `80:*`, `24:"TOKEN234"`, `18:"Letters 1, 3? "`, `76:"\x00\x00\x00\x00"`, `33:"one"`, `33:"two"`)
}
