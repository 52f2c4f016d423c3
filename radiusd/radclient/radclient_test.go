package radclient

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RFC 2865 knows no other
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"

	"github.com/latchkey/latchkey/core/secret"
)

var shared = secret.New("a shared secret of some length")

// reply makes a reply to a request: its attributes, in their order, signed where it has a
// Message-Authenticator of zeros.
func reply(t *testing.T, request []byte, code radius.Code, key string, attributes ...radius.AVP) []byte {
	t.Helper()
	p := &radius.Packet{Code: code, Identifier: request[1], Secret: []byte(key)}
	copy(p.Authenticator[:], request[4:20])
	offset, mac := 20, 0
	for _, a := range attributes {
		if a.Type == typeMessageAuthenticator {
			mac = offset + 2
		}
		offset += 2 + len(a.Attribute)
		p.Add(a.Type, a.Attribute)
	}
	raw, err := p.MarshalBinary() // with the request's authenticator
	if err != nil {
		t.Fatal(err)
	}
	if mac > 0 {
		h := hmac.New(md5.New, p.Secret)
		h.Write(raw)
		copy(raw[mac:], h.Sum(nil))
	}
	h := md5.New() //nolint:gosec // RFC 2865 section 3
	h.Write(raw)
	h.Write(p.Secret)
	copy(raw[4:20], h.Sum(nil))
	return raw
}

func avp(kind radius.Type, value string) radius.AVP {
	return radius.AVP{Type: kind, Attribute: radius.Attribute(value)}
}

var zeros = avp(typeMessageAuthenticator, strings.Repeat("\x00", 16))

// server answers each packet with what handle gives.
func server(t *testing.T, handle func(n int, request []byte) [][]byte) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 4096)
		for n := 1; ; n++ {
			size, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			for _, packet := range handle(n, bytes.Clone(buffer[:size])) {
				_, _ = conn.WriteTo(packet, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return conn.LocalAddr().String()
}

func dial(t *testing.T, config Config) *Client {
	t.Helper()
	config.Secret = shared
	c, err := Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestLoginInTwoRounds(t *testing.T) {
	key := shared.Reveal()
	address := server(t, func(_ int, raw []byte) [][]byte {
		p, err := radius.Parse(raw, []byte(key))
		if err != nil || p.Attributes[0].Type != typeMessageAuthenticator {
			t.Errorf("request: %v, %v", p, err)
			return nil
		}
		given := bytes.Clone(p.Attributes[0].Attribute)
		copy(raw[22:38], make([]byte, 16))
		h := hmac.New(md5.New, []byte(key))
		h.Write(raw)
		if !hmac.Equal(h.Sum(nil), given) {
			t.Error("the request's Message-Authenticator is wrong")
		}
		password, err := radius.UserPassword(p.Get(typeUserPassword), p.Secret, p.Authenticator[:])
		if err != nil || string(p.Get(typeUserName)) != "lutz" || string(p.Get(typeNASIdentifier)) != "vpn1" || string(p.Get(typeCallingStation)) != "192.0.2.7" {
			t.Errorf("request: %v, %v", p.Attributes, err)
		}
		switch state, has := p.Lookup(typeState); {
		case !has && string(password) == "geheim":
			return [][]byte{reply(t, raw, radius.CodeAccessChallenge, key, zeros, avp(typeState, "the state"),
				avp(typeReplyMessage, "Which "), avp(typeReplyMessage, "letters? "), avp(typePrompt, "\x00\x00\x00\x00"))}
		case string(state) == "the state" && string(password) == "HIDG":
			return [][]byte{reply(t, raw, radius.CodeAccessAccept, key, zeros, avp(25, "staff"), avp(8, "\xc0\x00\x02\x09"))}
		}
		return [][]byte{reply(t, raw, radius.CodeAccessReject, key, zeros, avp(typeReplyMessage, "denied"))}
	})
	c := dial(t, Config{Server: address, NASIdentifier: "vpn1", CallingStation: "192.0.2.7"})
	for answer, want := range map[string]Code{"HIDG": Accept, "HIDX": Reject} {
		asked := Reply{}
		got, err := c.Login(t.Context(), "lutz", secret.New("geheim"), func(r Reply) (secret.Secret, error) {
			asked = r
			return secret.New(answer), nil
		})
		if err != nil || got.Code != want || !got.Signed || !got.SignedFirst || got.Tries != 1 {
			t.Errorf("%s: %+v, %v", answer, got, err)
		}
		if asked.Message != "Which letters? " || asked.Echo || string(asked.State) != "the state" {
			t.Errorf("challenge: %+v", asked)
		}
		if want == Accept && (got.Attributes[1].Name() != "Class" || got.Attributes[1].String() != `"staff"` || got.Attributes[2].String() != "192.0.2.9") {
			t.Errorf("attributes: %v", got.Attributes)
		}
	}
	stop := errors.New("no more")
	if _, err := c.Login(t.Context(), "lutz", secret.New("geheim"), func(Reply) (secret.Secret, error) { return secret.Secret{}, stop }); !errors.Is(err, stop) {
		t.Errorf("who gives up: %v", err)
	}
}

func TestRetransmitsTheSameBytes(t *testing.T) {
	var first []byte
	address := server(t, func(n int, raw []byte) [][]byte {
		if n == 1 {
			first = raw
		}
		if !bytes.Equal(raw, first) {
			t.Error("a retransmission differs from its first")
		}
		if n < 3 {
			return nil
		}
		return [][]byte{reply(t, raw, radius.CodeAccessAccept, shared.Reveal(), zeros)}
	})
	got, err := dial(t, Config{Server: address, Timeout: 50 * time.Millisecond}).Ask(t.Context(), Request{User: "lutz"})
	if err != nil || got.Code != Accept || got.Tries != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRepliesThatAreNotTaken(t *testing.T) {
	key := shared.Reveal()
	tampered := func(raw []byte, at int) []byte { raw = bytes.Clone(raw); raw[at] ^= 1; return raw }
	for name, c := range map[string]struct {
		handle   func(raw []byte) [][]byte
		unsigned bool
		want     error // nil: an accept
	}{
		"silence":                      {func([]byte) [][]byte { return nil }, false, ErrSilent},
		"wrong secret":                 {func(r []byte) [][]byte { return [][]byte{reply(t, r, 2, "another", zeros)} }, false, ErrForged},
		"unsigned":                     {func(r []byte) [][]byte { return [][]byte{reply(t, r, 2, key, avp(25, "x"))} }, false, ErrUnsigned},
		"unsigned, which is let pass":  {func(r []byte) [][]byte { return [][]byte{reply(t, r, 2, key, avp(25, "x"))} }, true, nil},
		"reply authenticator tampered": {func(r []byte) [][]byte { return [][]byte{tampered(reply(t, r, 2, key, zeros), 4)} }, false, ErrForged},
		"code tampered":                {func(r []byte) [][]byte { return [][]byte{tampered(reply(t, r, 3, key, zeros), 0)} }, false, ErrForged},
		"two Message-Authenticators":   {func(r []byte) [][]byte { return [][]byte{reply(t, r, 2, key, zeros, zeros)} }, true, ErrForged},
		"a short Message-Authenticator": {func(r []byte) [][]byte {
			return [][]byte{reply(t, r, 2, key, avp(typeMessageAuthenticator, "x"))}
		}, true, ErrForged},
		"another identifier": {func(r []byte) [][]byte { o := bytes.Clone(r); o[1]++; return [][]byte{reply(t, o, 2, key, zeros)} }, false, ErrSilent},
		"another code":       {func(r []byte) [][]byte { return [][]byte{reply(t, r, 5, key, zeros)} }, false, ErrSilent},
		"garbage":            {func([]byte) [][]byte { return [][]byte{{}, {2}, bytes.Repeat([]byte{255}, 4096)} }, false, ErrSilent},
		"forged, then right": {func(r []byte) [][]byte {
			return [][]byte{reply(t, r, 2, "another", zeros), reply(t, r, 2, key, zeros)}
		}, false, nil},
		"padded": {func(r []byte) [][]byte { return [][]byte{append(reply(t, r, 2, key, zeros), 0, 0, 0)} }, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			address := server(t, func(_ int, raw []byte) [][]byte { return c.handle(raw) })
			client := dial(t, Config{Server: address, Timeout: 20 * time.Millisecond, Tries: 2, Unsigned: c.unsigned})
			got, err := client.Ask(t.Context(), Request{User: "lutz", Password: secret.New("x")})
			if !errors.Is(err, c.want) || err == nil && got.Code != Accept {
				t.Errorf("%+v, %v, want %v", got, err, c.want)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := conn.LocalAddr().String()
	_ = conn.Close()
	if _, err := dial(t, Config{Server: address}).Ask(t.Context(), Request{User: "lutz"}); !errors.Is(err, ErrNobody) {
		t.Errorf("%v", err)
	}
}

func TestAskEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int32
	address := server(t, func(int, []byte) [][]byte { asked.Add(1); cancel(); return nil })
	if _, err := dial(t, Config{Server: address, Timeout: time.Minute}).Ask(ctx, Request{User: "lutz"}); !errors.Is(err, context.Canceled) || asked.Load() != 1 {
		t.Errorf("%v after %d packets", err, asked.Load())
	}
}

func TestWhatDoesNotFit(t *testing.T) {
	c := dial(t, Config{Server: "127.0.0.1:1"})
	for _, r := range []Request{
		{User: "lutz", Password: secret.New(strings.Repeat("x", 129))},
		{User: strings.Repeat("x", 254)},
		{User: "lutz", State: make([]byte, 254)},
	} {
		if _, err := c.Ask(t.Context(), r); err == nil || !strings.Contains(err.Error(), "does not fit") {
			t.Errorf("%v", err)
		}
	}
	if _, err := Dial(Config{Server: "127.0.0.1:1"}); err == nil {
		t.Error("dials without a secret")
	}
}

// TestVector is the exchange of RFC 2865 section 7.1, which has no Message-Authenticator.
func TestVector(t *testing.T) {
	request, _ := hex.DecodeString("010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a80110050600000003")
	response, _ := hex.DecodeString("0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103")
	got, err := decode(response, request, secret.New("xyzzy5461"))
	if err != nil || got.Code != Accept || got.Signed || len(got.Attributes) != 3 || got.Attributes[0].Name() != "Service-Type" || got.Attributes[0].String() != "1" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAttributesReadWell(t *testing.T) {
	for _, c := range []struct {
		attribute  Attribute
		name, text string
	}{
		{Attribute{25, []byte("staff")}, "Class", `"staff"`},
		{Attribute{25, []byte("a\x1b[2J")}, "Class", "0x611b5b324a"},
		{Attribute{27, []byte{0, 0, 14, 16}}, "Session-Timeout", "3600"},
		{Attribute{27, []byte{1}}, "Session-Timeout", "0x01"},
		{Attribute{26, []byte("\x00\x00\x00\x09\x01\x06priv")}, "Vendor-Specific.9.1", `"priv"`},
		{Attribute{26, []byte("\x00\x00")}, "Vendor-Specific", "0x0000"},
		{Attribute{200, []byte("x")}, "Attribute-200", `"x"`},
		{Attribute{18, nil}, "Reply-Message", `""`},
	} {
		if c.attribute.Name() != c.name || c.attribute.String() != c.text {
			t.Errorf("%v: %s = %s, want %s = %s", c.attribute, c.attribute.Name(), c.attribute, c.name, c.text)
		}
	}
}

// FuzzReply: no reply without the right signature is taken, and nothing panics.
func FuzzReply(f *testing.F) {
	request := make([]byte, 20)
	request[0], request[3] = 1, 20
	f.Add([]byte{2, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{11, 0, 0, 38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 80, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Fuzz(func(t *testing.T, raw []byte) {
		given, err := decode(raw, request, shared)
		p, parseErr := radius.Parse(raw, []byte(shared.Reveal()))
		if parseErr != nil || p.Identifier != request[1] {
			if err == nil {
				t.Fatalf("taken: %+v", given)
			}
			return
		}
		raw = bytes.Clone(raw) // the fuzzer keeps what it gave
		end := int(raw[2])<<8 | int(raw[3])
		h := md5.New() //nolint:gosec // RFC 2865 section 3
		h.Write(raw[:4])
		h.Write(request[4:20])
		h.Write(raw[20:end])
		h.Write([]byte(shared.Reveal()))
		right := h.Sum(nil)
		if err == nil && !bytes.Equal(raw[4:20], right) {
			t.Fatalf("taken: %+v", given)
		}
		// Past the Response Authenticator too, whose MD5 no fuzzer finds.
		copy(raw[4:20], right)
		if got, err := decode(raw, request, shared); err == nil {
			for _, a := range got.Attributes {
				_, _ = a.Name(), a.String()
			}
			if got.Signed {
				t.Fatalf("a Message-Authenticator is taken: %+v", got)
			}
		}
	})
}
