package delivery

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The default alphabet of short messages (3GPP TS 23.038 section 6.2.1), by code, and its extension (6.2.1.1), whose
// characters take two codes.
const (
	basicAlphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	escape        = 0x1b
)

var extension = map[rune]byte{
	'\f': 0x0a, '^': 0x14, '{': 0x28, '}': 0x29, '\\': 0x2f, '[': 0x3c, '~': 0x3d, ']': 0x3e, '|': 0x40, '€': 0x65,
}

var basic = func() map[rune]byte {
	codes := map[rune]byte{}
	code := byte(0)
	for _, r := range basicAlphabet {
		if r != escape {
			codes[r] = code
		}
		code++
	}
	return codes
}()

// same are characters that mean what one of the alphabet means, and would cost a whole message its alphabet.
var same = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2009", " ", "’", "'", "‘", "'", "‚", "'", "´", "'", "`", "'",
	"“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "–", "-", "—", "-", "‑", "-", "…", "...", "ç", "Ç", "\t", " ")

// Plain replaces quotation marks, dashes and spaces outside of the alphabet by those in it, if the text then is within it. Other texts stay as
// they are.
func Plain(text string) string {
	if IsGSM7(text) {
		return text
	}
	if plain := same.Replace(text); IsGSM7(plain) {
		return plain
	}
	return text
}

// IsGSM7 tells whether every character of a text is in the alphabet or its extension.
func IsGSM7(text string) bool {
	for _, r := range text {
		if _, ok := basic[r]; ok {
			continue
		}
		if _, ok := extension[r]; !ok {
			return false
		}
	}
	return utf8.ValidString(text)
}

// What fits into one short message and into a part of a longer one, whose header takes six octets.
const (
	gsm7Alone, gsm7Part = 160, 153
	ucs2Alone, ucs2Part = 140, 134 // octets
)

// GSM7 encodes a text one code an octet, as SMPP carries it, cut into the parts that one message each can hold. An
// escape is never parted from its character. The text must be within the alphabet.
func GSM7(text string) [][]byte {
	var codes [][]byte
	total := 0
	for _, r := range text {
		code := []byte{basic[r]}
		if ext, ok := extension[r]; ok {
			code = []byte{escape, ext}
		}
		codes = append(codes, code)
		total += len(code)
	}
	if total <= gsm7Alone {
		return pack(codes, gsm7Alone)
	}
	return pack(codes, gsm7Part)
}

// UCS2 encodes a text in UTF-16, big-endian, cut into parts. A surrogate pair is never parted: phones take both halves
// since UCS-2 was only its name.
func UCS2(text string) [][]byte {
	var codes [][]byte
	total := 0
	for _, r := range text {
		var code []byte
		for _, u := range utf16.AppendRune(nil, r) {
			code = append(code, byte(u>>8), byte(u))
		}
		codes = append(codes, code)
		total += len(code)
	}
	if total <= ucs2Alone {
		return pack(codes, ucs2Alone)
	}
	return pack(codes, ucs2Part)
}

// pack fills parts of at most so many octets with whole codes.
func pack(codes [][]byte, octets int) [][]byte {
	parts := [][]byte{nil}
	for _, code := range codes {
		last := len(parts) - 1
		if len(parts[last])+len(code) > octets {
			parts = append(parts, nil)
			last++
		}
		parts[last] = append(parts[last], code...)
	}
	return parts
}
