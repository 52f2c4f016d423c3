package delivery

import "strings"

// NumberForm is how a gateway wants an international number to be written.
type NumberForm string

// The forms of +491711234567.
const (
	NumberPlus   NumberForm = "plus"   // +491711234567
	NumberDigits NumberForm = "digits" // 491711234567
	NumberZeros  NumberForm = "zeros"  // 00491711234567
)

// Number writes a number in E.164 in another form. False: it is none, and nothing may be sent there.
func Number(e164 string, form NumberForm) (string, bool) {
	digits, ok := strings.CutPrefix(e164, "+")
	if !ok || !isDigits(digits) || len(digits) < 5 || len(digits) > 15 || digits[0] == '0' {
		return "", false
	}
	switch form {
	case NumberDigits:
		return digits, true
	case NumberZeros:
		return "00" + digits, true
	}
	return e164, true
}

// Sender tells what kind of sender a text can be: "international" for +49…, "short" for digits alone (up to 16, a
// short code or a national number), "name" for up to eleven characters that phones show as they are (3GPP TS 23.040
// section 9.1.2.5). Empty: none of these.
func Sender(text string) string {
	digits, plus := strings.CutPrefix(text, "+")
	switch {
	case plus && isDigits(digits) && len(digits) >= 5 && len(digits) <= 15:
		return "international"
	case plus:
		return ""
	case isDigits(text) && len(text) >= 3 && len(text) <= 16:
		return "short"
	case text != "" && len(text) <= 11 && strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0 && strings.TrimSpace(text) == text && !isDigits(text):
		return "name"
	}
	return ""
}

func isDigits(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// Masked is a number or an address that a log may hold: enough to tell two of a user's apart, not enough to call.
func Masked(address string) string {
	if name, host, ok := strings.Cut(address, "@"); ok {
		first := ""
		for _, r := range name {
			first = string(r)
			break
		}
		return first + "…@" + host
	}
	if len(address) < 6 {
		return "…"
	}
	return address[:3] + "…" + address[len(address)-2:]
}
