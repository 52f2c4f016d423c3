package core

import (
	"encoding/base64"
	"strings"

	"github.com/latchkey/latchkey/core/secret"
)

// codeLength is how many digits a phone shows.
const codeLength = 6

// readTyped reads what a person typed where there is one field only: the password, and behind it the code that the
// phone shows. There is ONE reading of a text, found by its form alone, never by what fits: a second one would be a
// second guess for the price of one.
//
//   - "SCRV1:" and two parts in base64 with a colon between them are password and answer, as OpenVPN's
//     static-challenge sends them. An answer that is not six digits is no code: its field cannot be left empty everywhere.
//   - Else, six digits behind the last comma are a code, and what is before that comma is the password.
//   - Else all of it is the password.
//
// So whoever has a password that ends in a comma and six digits always types a code; any will do to begin with.
func readTyped(text secret.Secret) (password secret.Secret, code string) {
	typed := text.Reveal()
	if rest, ok := strings.CutPrefix(typed, "SCRV1:"); ok {
		first, second, two := strings.Cut(rest, ":")
		given, err := base64.StdEncoding.Strict().DecodeString(first)
		answer, wrong := base64.StdEncoding.Strict().DecodeString(second)
		if two && err == nil && wrong == nil {
			if code = string(answer); !isCode(code) {
				code = ""
			}
			return secret.FromBytes(given), code
		}
	}
	if comma := strings.LastIndexByte(typed, ','); comma >= 0 && isCode(typed[comma+1:]) {
		return secret.New(typed[:comma]), typed[comma+1:]
	}
	return text, ""
}

func isCode(text string) bool {
	return len(text) == codeLength && strings.Trim(text, "0123456789") == ""
}
