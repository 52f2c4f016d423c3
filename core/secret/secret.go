// Package secret holds the one type in which Latchkey carries a text that must
// not be seen: answers, passwords, code words, shared secrets, keys.
//
// A Secret prints as "[secret]" through every door that fmt, log/slog and the
// encoders have. Whoever needs the text calls Reveal, so that a search for
// ".Reveal(" lists every place where a secret leaves its wrapping. The package
// must never know what the secret is for.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what every printed Secret looks like.
const Redacted = "[secret]"

// Secret is a text that no log, error, argument list or encoded document shows.
// The zero value is an empty secret. It is deliberately not comparable with ==
// in a useful way: use Equal.
type Secret struct {
	text *string
}

// New wraps text. An empty text gives the zero Secret.
func New(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// FromBytes wraps a copy of b.
func FromBytes(b []byte) Secret { return New(string(b)) }

// Reveal gives the text itself. Every caller is a place to review.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Len is the length of the text in bytes.
func (s Secret) Len() int { return len(s.Reveal()) }

// IsEmpty tells whether there is no text.
func (s Secret) IsEmpty() bool { return s.text == nil }

// Equal compares in a time that depends on the lengths only.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

// Format implements fmt.Formatter: every verb prints Redacted.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// String implements fmt.Stringer.
func (s Secret) String() string { return Redacted }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return Redacted }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON, YAML, XML and CBOR text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// MarshalBinary refuses: a secret is stored sealed, never by encoding its wrapper.
func (s Secret) MarshalBinary() ([]byte, error) {
	return nil, fmt.Errorf("secret: refusing to encode a secret; seal it first")
}
