package core

import (
	"encoding/base64"
	"testing"
	"unicode/utf8"

	"github.com/latchkey/latchkey/core/secret"
)

func TestReadTyped(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct{ typed, password, code string }{
		{"", "", ""},
		{"password", "password", ""},
		{"password,123456", "password", "123456"},
		{",123456", "", "123456"},
		{"123456", "123456", ""},
		{"password,12345", "password,12345", ""},
		{"password,1234567", "password,1234567", ""},
		{"password, 123456", "password, 123456", ""},
		{"password,123456 ", "password,123456 ", ""},
		{"password,١٢٣٤٥٦", "password,١٢٣٤٥٦", ""},
		{"password,+12345", "password,+12345", ""},
		{"password,abcd", "password,abcd", ""},
		{"with,comma", "with,comma", ""},
		{"with,comma,000000", "with,comma", "000000"},
		{"like,111111,222222", "like,111111", "222222"},
		{"like,111111,", "like,111111,", ""},
		{"SCRV1:" + b64("password") + ":" + b64("123456"), "password", "123456"},
		{"SCRV1:" + b64("like,111111") + ":" + b64("123456"), "like,111111", "123456"},
		{"SCRV1:" + b64("like,111111") + ":", "like,111111", ""},
		{"SCRV1:" + b64("password") + ":" + b64("12345"), "password", ""},
		{"SCRV1:" + b64("pässword") + ":" + b64("ok"), "pässword", ""},
		// Malformed: it stands as it is.
		{"SCRV1:", "SCRV1:", ""},
		{"SCRV1:" + b64("password"), "SCRV1:" + b64("password"), ""},
		{"SCRV1:" + b64("password") + ":" + b64("123456") + ":", "SCRV1:" + b64("password") + ":" + b64("123456") + ":", ""},
		{"SCRV1:????:" + b64("123456"), "SCRV1:????:" + b64("123456"), ""},
		{"SCRV1:cGFzc3dvcmQ:MTIzNDU2", "SCRV1:cGFzc3dvcmQ:MTIzNDU2", ""},
		{"SCRV1:cGFzc3dvcmQ,123456", "SCRV1:cGFzc3dvcmQ", "123456"},
		{"scrv1:" + b64("password") + ":" + b64("123456"), "scrv1:" + b64("password") + ":" + b64("123456"), ""},
	} {
		password, code := readTyped(secret.New(c.typed))
		if password.Reveal() != c.password || code != c.code {
			t.Errorf("%q: %q and %q, want %q and %q", c.typed, password.Reveal(), code, c.password, c.code)
		}
	}
}

// FuzzReadTyped: a code can be put behind any password that is no text of OpenVPN's, and is then found again.
func FuzzReadTyped(f *testing.F) {
	for _, s := range []string{"", "password", "a,111111", ",", "SCRV1:YQ==:MTIzNDU2", "ü,1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		password, code := readTyped(secret.New(s + ",123456"))
		if password.Reveal() != s || code != "123456" {
			t.Errorf("%q: %q and %q", s, password.Reveal(), code)
		}
		wrapped := "SCRV1:" + base64.StdEncoding.EncodeToString([]byte(s)) + ":" + base64.StdEncoding.EncodeToString([]byte("654321"))
		if password, code = readTyped(secret.New(wrapped)); password.Reveal() != s || code != "654321" {
			t.Errorf("%q: %q and %q", wrapped, password.Reveal(), code)
		}
		if _, code = readTyped(secret.New(s)); code != "" && !isCode(code) {
			t.Errorf("%q: the code is %q", s, code)
		}
	})
}
