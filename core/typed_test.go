package core

import (
	"encoding/base64"
	"strings"
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
		password, second := readTyped(secret.New(c.typed), 0)
		if password.Reveal() != c.password || second.code != c.code || second.letters != "" {
			t.Errorf("%q: %q and %q, want %q and %q", c.typed, password.Reveal(), second.code, c.password, c.code)
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
		password, second := readTyped(secret.New(s+",123456"), 4)
		if password.Reveal() != s || second != (behind{code: "123456"}) {
			t.Errorf("%q: %q and %q", s, password.Reveal(), second)
		}
		password, second = readTyped(secret.New(s+",tgre"), 4)
		if !strings.HasPrefix(s, "SCRV1:") && (password.Reveal() != s || second != (behind{letters: "tgre"})) {
			t.Errorf("%q: %q and %q", s, password.Reveal(), second)
		}
		wrapped := "SCRV1:" + base64.StdEncoding.EncodeToString([]byte(s)) + ":" + base64.StdEncoding.EncodeToString([]byte("654321"))
		if password, second = readTyped(secret.New(wrapped), 4); password.Reveal() != s || second.code != "654321" {
			t.Errorf("%q: %q and %q", wrapped, password.Reveal(), second.code)
		}
		_, second = readTyped(secret.New(s), 4)
		if second.code != "" && (!isCode(second.code) || second.letters != "") {
			t.Errorf("%q: the code is %q", s, second)
		}
	})
}

// The characters of a message behind the password: as many as are asked for, and nothing else, is one reading.
func TestReadTypedLetters(t *testing.T) {
	for _, c := range []struct {
		text, password string
		want           behind
	}{
		{"password,TGRE", "password", behind{letters: "TGRE"}},
		{"password,t g r e", "password", behind{letters: "t g r e"}},
		{"password,tg1e", "password", behind{letters: "tg1e"}},
		{"password,üöäß", "password", behind{letters: "üöäß"}},
		{"password,tgré", "password", behind{letters: "tgré"}},
		{"a,bcde,tgre", "a,bcde", behind{letters: "tgre"}},
		{"a,tgre,123456", "a,tgre", behind{code: "123456"}},
		{"password,1234", "password,1234", behind{}},
		{"password,tgr", "password,tgr", behind{}},
		{"password,tgree", "password,tgree", behind{}},
		{"password,t-g-r-e", "password,t-g-r-e", behind{}},
		{"password,tgre!", "password,tgre!", behind{}},
		{"password,", "password,", behind{}},
		{"SCRV1:cGFzc3dvcmQ=:VEdSRQ==", "password", behind{letters: "TGRE"}},
	} {
		password, got := readTyped(secret.New(c.text), 4)
		if password.Reveal() != c.password || got != c.want {
			t.Errorf("%q: %q and %+v, want %q and %+v", c.text, password.Reveal(), got, c.password, c.want)
		}
		if password, got := readTyped(secret.New(c.text), 0); got.letters != "" || c.want.letters != "" && !strings.HasPrefix(c.text, "SCRV1:") && password.Reveal() != c.text {
			t.Errorf("%q is read as %q and %+v where no message asks", c.text, password.Reveal(), got)
		}
	}
}
