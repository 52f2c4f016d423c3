package pinphrase

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/latchkey/latchkey/core/secret"
)

// MaxLength is the largest number of characters (graphemes) of an answer: the
// positions of a Set are the bits of a word of 64.
const MaxLength = 64

// Errors of Normalise and Decode. None of them shows the text.
var (
	ErrEmpty     = errors.New("pinphrase: no letter is left after spaces and punctuation are stripped")
	ErrTooLong   = fmt.Errorf("pinphrase: an answer has at most %d characters", MaxLength)
	ErrEncoding  = errors.New("pinphrase: not valid UTF-8")
	ErrControl   = errors.New("pinphrase: control characters are not allowed")
	ErrCharacter = errors.New("pinphrase: a character has too many marks")
	ErrEncoded   = errors.New("pinphrase: not an encoded answer")
)

// Answer is a normalised answer: a row of characters as a person counts them.
// It prints as "[secret]" in every format. The zero value is empty.
type Answer struct {
	letters []string // each one grapheme, NFKC, in the user's own case
}

// Normalise takes an answer as a person gives it. It is brought to NFKC, loses
// spaces, hyphens, punctuation and invisible characters, and is split into
// graphemes: "FC Bayern" has 8, "Straße" 6. Case is kept for showing it and is
// folded, each grapheme by itself, only when letters are compared: folding first
// would move the positions (strasse has 7).
func Normalise(text string) (Answer, error) {
	letters, err := graphemes(text)
	if err != nil {
		return Answer{}, err
	}
	if len(letters) == 0 {
		return Answer{}, ErrEmpty
	}
	if len(letters) > MaxLength {
		return Answer{}, ErrTooLong
	}
	for _, letter := range letters {
		// A mark that lost its letter on the way would be nothing when it is typed alone.
		if alone, err := graphemes(letter); err != nil || len(alone) != 1 || !fits(letter) {
			return Answer{}, ErrCharacter
		}
	}
	return Answer{letters}, nil
}

// Len is the number of characters, 1 to MaxLength; 0 of the zero value.
func (a Answer) Len() int { return len(a.letters) }

// Letters gives the characters in order, to be shown once, numbered from 1, to
// the user who has just given them. It is the answer itself: handle it as such.
func (a Answer) Letters() []secret.Secret {
	shown := make([]secret.Secret, len(a.letters))
	for i, letter := range a.letters {
		shown[i] = secret.New(letter)
	}
	return shown
}

// The encodings. Boundaries are stored, not found again: a later Unicode version
// may cut graphemes elsewhere, and positions that move would lock users out.
const (
	encodedRunes   = 1 // every rune is a grapheme
	encodedStrings = 2 // graphemes, each ended by NUL
	encodedBlock   = 16
)

// Encode gives the canonical bytes to be sealed, a multiple of 16, so that the
// size of what is sealed says little about the length of the answer.
func (a Answer) Encode() []byte {
	out := []byte{encodedRunes}
	for _, letter := range a.letters {
		if utf8.RuneCountInString(letter) != 1 {
			out[0] = encodedStrings
		}
	}
	for _, letter := range a.letters {
		out = append(out, letter...)
		if out[0] == encodedStrings {
			out = append(out, 0)
		}
	}
	if rest := len(out) % encodedBlock; rest != 0 {
		out = append(out, make([]byte, encodedBlock-rest)...)
	}
	return out
}

// Decode is the inverse of Encode. It fails with ErrEncoded.
func Decode(encoded []byte) (Answer, error) {
	if len(encoded) == 0 {
		return Answer{}, ErrEncoded
	}
	body := string(bytes.TrimRight(encoded[1:], "\x00"))
	var letters []string
	switch {
	case body == "" || !utf8.ValidString(body):
		return Answer{}, ErrEncoded
	case encoded[0] == encodedRunes && !strings.Contains(body, "\x00"):
		letters = make([]string, 0, len(body))
		for rest := body; rest != ""; {
			_, size := utf8.DecodeRuneInString(rest)
			letters = append(letters, rest[:size])
			rest = rest[size:]
		}
	case encoded[0] == encodedStrings:
		letters = strings.Split(body, "\x00")
	default:
		return Answer{}, ErrEncoded
	}
	if len(letters) > MaxLength {
		return Answer{}, ErrEncoded
	}
	for _, letter := range letters {
		if letter == "" || !fits(letter) {
			return Answer{}, ErrEncoded
		}
	}
	return Answer{letters}, nil
}

// Format implements fmt.Formatter: every verb prints secret.Redacted.
func (a Answer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secret.Redacted) }

// LogValue implements slog.LogValuer.
func (a Answer) LogValue() slog.Value { return slog.StringValue(secret.Redacted) }

// MarshalText implements encoding.TextMarshaler: encoders show nothing either.
func (a Answer) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }

// MarshalBinary refuses: an answer is stored sealed, by way of Encode.
func (a Answer) MarshalBinary() ([]byte, error) {
	return nil, errors.New("pinphrase: refusing to encode an answer; seal what Encode gives")
}
