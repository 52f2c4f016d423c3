package mobile

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/latchkey/latchkey/core/secret"
)

// Why a PIN is refused when it is set. One that is in use is never judged.
var (
	ErrPINShort  = errors.New("mobile: the PIN is too short")
	ErrPINLong   = errors.New("mobile: the PIN is too long")
	ErrPINCommon = errors.New("mobile: the PIN is one of those that are tried first")
	ErrPINText   = errors.New("mobile: the PIN has characters that keyboards do not agree on")
)

// Bounds of PINs.
const (
	PINDigits       = 6 // unless the policy has another number
	PINDigitsLeast  = 4
	PINDigitsMost   = 12
	passphraseLeast = 8  // characters
	passphraseMost  = 64 // characters
)

// NormalisePIN gives a PIN the form in which it is used: Unicode NFKC, because keyboards differ in how they
// compose an umlaut and whether their digits are wide, and no spaces at either end.
func NormalisePIN(pin secret.Secret) secret.Secret {
	return secret.New(strings.Trim(norm.NFKC.String(pin.Reveal()), " "))
}

// PINInput is what the oblivious PRF is asked for: the normalised PIN, bound to the device.
func PINInput(device DeviceID, pin secret.Secret) []byte {
	return Frame("latchkey/v1/pin", device[:], []byte(NormalisePIN(pin).Reveal()))
}

// CheckPIN judges a PIN that is to be set: digits of them at least and PINDigitsMost at most (digits outside
// its bounds means the default), or a passphrase, which is anything with a character that is no digit. What
// everybody would try first is refused by rule: see common.go.
func CheckPIN(pin secret.Secret, digits int) error {
	if digits < PINDigitsLeast || digits > PINDigitsMost {
		digits = PINDigits
	}
	text := NormalisePIN(pin).Reveal()
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) {
		return ErrPINText
	}
	if onlyDigits(text) {
		switch {
		case len(text) < digits:
			return ErrPINShort
		case len(text) > PINDigitsMost:
			return ErrPINLong
		case commonDigits(text):
			return ErrPINCommon
		}
		return nil
	}
	switch n := utf8.RuneCountInString(text); {
	case n < passphraseLeast:
		return ErrPINShort
	case n > passphraseMost:
		return ErrPINLong
	case commonPassphrase(text):
		return ErrPINCommon
	}
	return nil
}

func onlyDigits(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}
