package core

import (
	"encoding/base64"
	"strings"

	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
)

// codeLength is how many digits a phone shows.
const codeLength = 6

// behind is what a person typed behind the password: a code of the phone, or the characters that a message asks for,
// or neither.
type behind struct{ code, letters string }

// readTyped reads what a person typed where there is one field only: the password, and behind it the code that the
// phone shows. There is ONE reading of a text, found by its form alone, never by what fits: a second one would be a
// second guess for the price of one.
//
//   - "SCRV1:" and two parts in base64 with a colon between them are password and answer, as OpenVPN's
//     static-challenge sends them. An answer that is not six digits is no code: its field cannot be left empty everywhere.
//   - Else, six digits behind the last comma are a code, and what is before that comma is the password.
//   - Else, where messages ask for that many positions (0: they do not), as many characters behind the last comma are
//     those; not all of them are digits.
//   - Else all of it is the password.
//
// So whoever has a password that ends in a comma and six digits always types a code; any will do to begin with. It is
// the same with the characters.
func readTyped(text secret.Secret, positions int) (password secret.Secret, second behind) {
	all := text.Reveal()
	if rest, ok := strings.CutPrefix(all, "SCRV1:"); ok {
		first, second, two := strings.Cut(rest, ":")
		given, err := base64.StdEncoding.Strict().DecodeString(first)
		answer, wrong := base64.StdEncoding.Strict().DecodeString(second)
		if two && err == nil && wrong == nil {
			return secret.FromBytes(given), readSecond(string(answer), positions)
		}
	}
	if comma := strings.LastIndexByte(all, ','); comma >= 0 {
		if second = readSecond(all[comma+1:], positions); second.code != "" || second.letters != "" {
			return secret.New(all[:comma]), second
		}
	}
	return text, second
}

func readSecond(text string, positions int) (second behind) {
	switch {
	case isCode(text):
		second.code = text
	case positions > 0 && pinphrase.Typed(text, positions):
		second.letters = text
	}
	return second
}

func isCode(text string) bool {
	return len(text) == codeLength && strings.Trim(text, "0123456789") == ""
}
