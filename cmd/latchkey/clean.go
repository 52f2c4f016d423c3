package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unsafe tells whether a terminal would act on r rather than show it: control characters, those
// that turn the direction of writing or cannot be seen, and line separators.
func unsafeRune(r rune) bool {
	switch r {
	case '\u200c', '\u200d': // joiners, which Persian and emoji are written with
		return false
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}

// clean makes a text harmless on one line of a terminal: what is unsafe is written out.
func clean(text string) string {
	safe := true
	for _, r := range text {
		if unsafeRune(r) || r == utf8.RuneError {
			safe = false
			break
		}
	}
	if safe {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case unsafeRune(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
		text = text[size:]
	}
	return b.String()
}

// cleanLines is clean for a text of several lines.
func cleanLines(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// safeJSON collects encoded JSON and escapes what encoding/json leaves raw though a terminal
// acts on it. In JSON such characters stand in strings only, where an escape means the same.
type safeJSON struct{ bytes []byte }

func (s *safeJSON) Write(p []byte) (int, error) {
	for _, r := range string(p) {
		switch {
		case r == '\n': // between values, when indented
			s.bytes = append(s.bytes, '\n')
		case unsafeRune(r) && r > 0xffff:
			high, low := 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff
			s.bytes = fmt.Appendf(s.bytes, `\u%04x\u%04x`, high, low)
		case unsafeRune(r):
			s.bytes = fmt.Appendf(s.bytes, `\u%04x`, r)
		default:
			s.bytes = utf8.AppendRune(s.bytes, r)
		}
	}
	return len(p), nil
}
