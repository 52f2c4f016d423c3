package load

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"strings"
	"testing"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

// TestRequest reads requests with another codec.
func TestRequest(t *testing.T) {
	for _, c := range []struct{ secret, name, password, state string }{
		{testSecret, "lutz", "HIDG", "TOKEN"},
		{testSecret, "lutz", "", ""},
		{strings.Repeat("longer than a block of MD5, ", 4), strings.Repeat("n", 253), strings.Repeat("p", 128), strings.Repeat("s", 253)},
		{testSecret, "lutz", "sixteen letters!", ""},
	} {
		codec := newCodec(c.secret, "bench")
		raw := codec.request(make([]byte, 0, maxRequest), 7, []byte(c.name), []byte(c.password), []byte(c.state))
		p, err := radius.Parse(raw, []byte(c.secret))
		if err != nil {
			t.Fatal(err)
		}
		if got := rfc2865.UserName_GetString(p); got != c.name {
			t.Errorf("name %q, want %q", got, c.name)
		}
		if got := rfc2865.UserPassword_GetString(p); got != c.password {
			t.Errorf("password %q, want %q", got, c.password)
		}
		if got := rfc2865.State_GetString(p); got != c.state {
			t.Errorf("state %q, want %q", got, c.state)
		}
		if got := rfc2865.NASIdentifier_GetString(p); got != "bench" || p.Identifier != 7 || p.Code != radius.CodeAccessRequest {
			t.Errorf("NAS %q, identifier %d, code %v", got, p.Identifier, p.Code)
		}
		if got, want := rfc2869.MessageAuthenticator_Get(p), signature(raw, c.secret, headerLength+2); !bytes.Equal(got, want) {
			t.Errorf("Message-Authenticator %x, want %x", got, want)
		}
		again := codec.request(make([]byte, 0, maxRequest), 7, []byte(c.name), []byte(c.password), []byte(c.state))
		if bytes.Equal(raw[4:headerLength], again[4:headerLength]) {
			t.Error("two requests have the same authenticator")
		}
	}
}

// signature is a Message-Authenticator by the letter of RFC 3579 section 3.2.
func signature(raw []byte, secret string, at int) []byte {
	raw = bytes.Clone(raw)
	clear(raw[at : at+16])
	h := hmac.New(md5.New, []byte(secret))
	h.Write(raw)
	return h.Sum(nil)
}

// answered is a reply made with another codec; sign says whether it has a Message-Authenticator.
func answered(t *testing.T, request []byte, secret string, sign bool) []byte {
	t.Helper()
	q, err := radius.Parse(request, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	p := q.Response(radius.CodeAccessChallenge)
	if sign {
		_ = rfc2869.MessageAuthenticator_Set(p, make([]byte, 16))
	}
	_ = rfc2865.State_SetString(p, "TOKEN")
	_ = rfc2865.ReplyMessage_SetString(p, heidelberg)
	raw, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	copy(raw[4:], request[4:headerLength])
	if sign {
		copy(raw[headerLength+2:], signature(raw, secret, headerLength+2))
	}
	h := md5.Sum(append(bytes.Clone(raw), secret...))
	copy(raw[4:], h[:])
	return raw
}

func TestCheck(t *testing.T) {
	codec := newCodec(testSecret, "bench")
	request := codec.request(make([]byte, 0, maxRequest), 1, []byte("lutz"), []byte("x"), nil)
	good := answered(t, request, testSecret, true)
	r, err := codec.check(bytes.Clone(good), request)
	if err != nil || r.code != codeChallenge || string(r.state) != "TOKEN" || string(r.message) != heidelberg {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := codec.check(answered(t, request, testSecret, false), request); !errors.Is(err, errUnsigned) {
		t.Errorf("without Message-Authenticator: %v", err)
	}
	if _, err := codec.check(bytes.Clone(good[:len(good)-1]), request); !errors.Is(err, errMalformed) {
		t.Errorf("cut: %v", err)
	}
	for i := range good {
		changed := bytes.Clone(good)
		changed[i] ^= 1
		if _, err := codec.check(changed, request); err == nil {
			t.Errorf("a change of byte %d was not noticed", i)
		}
	}
	// A reply that is authentic by its Response Authenticator alone.
	forged := answered(t, request, testSecret, true)
	copy(forged[4:], request[4:headerLength])
	forged[headerLength+2] ^= 1
	h := md5.Sum(append(bytes.Clone(forged), testSecret...))
	copy(forged[4:], h[:])
	if _, err := codec.check(forged, request); !errors.Is(err, errMissigned) {
		t.Errorf("a wrong Message-Authenticator: %v", err)
	}
}

// FuzzCheck feeds replies that nobody has signed, and looks for a crash.
func FuzzCheck(f *testing.F) {
	codec := newCodec(testSecret, "bench")
	request := codec.request(make([]byte, 0, maxRequest), 1, []byte("lutz"), []byte("x"), nil)
	f.Add([]byte{11, 1, 0, 22, 24, 1})
	f.Add([]byte{2, 1, 0, 20})
	f.Add([]byte("\x0b\x01\x00\x26\x50\x12\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x18\x00"))
	f.Fuzz(func(t *testing.T, attributes []byte) {
		raw := append([]byte{codeChallenge, 1, 0, 0}, make([]byte, 16)...)
		raw = append(raw, attributes[:min(len(attributes), maxPacket-headerLength)]...)
		raw[2], raw[3] = byte(len(raw)>>8), byte(len(raw))
		copy(raw[4:], request[4:headerLength])
		h := md5.Sum(append(bytes.Clone(raw), testSecret...))
		copy(raw[4:], h[:])
		if r, err := codec.check(raw, request); err == nil && r.code != codeChallenge {
			t.Errorf("code %d", r.code)
		}
	})
}
