package pinphrase

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"
)

// maxInput bounds what is normalised at all, in bytes: NFKC may lengthen a text
// elevenfold.
const maxInput = 4096

const (
	zeroWidthJoiner = '\u200d'
	keycap          = '\u20e3'
)

// graphemes cuts a text, an answer or a reply alike, into the characters that
// count. Both go through this one function: what is stripped at enrolment is
// stripped at login.
func graphemes(text string) ([]string, error) {
	if len(text) > maxInput {
		return nil, ErrTooLong
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError) {
		return nil, ErrEncoding
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return nil, ErrControl
	}
	if letters, ok := plain(text); ok {
		return letters, nil
	}
	visible := norm.NFKC.String(strings.Map(dropInvisible, norm.NFKC.String(text)))
	var letters []string
	for rest, state := visible, -1; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		letters = append(letters, clean(cluster)...)
	}
	return letters, nil
}

// plain is the short way for ASCII, where every letter or digit is a grapheme.
func plain(text string) ([]string, bool) {
	letters := make([]string, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= utf8.RuneSelf {
			return nil, false
		}
		if !stripped(rune(c)) {
			letters = append(letters, text[i:i+1])
		}
	}
	return letters, true
}

// clean gives what of a cluster counts as a character: nothing of spaces,
// punctuation and marks without a letter; a joiner stays between the parts of an
// emoji only.
func clean(cluster string) []string {
	first, _ := utf8.DecodeRuneInString(cluster)
	if unicode.IsMark(first) || stripped(first) && !strings.ContainsRune(cluster, keycap) {
		return nil
	}
	bare := dropStray(cluster)
	if bare == cluster {
		return []string{cluster}
	}
	var letters []string
	for rest, state := norm.NFKC.String(bare), -1; rest != ""; {
		var letter string
		letter, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		letters = append(letters, letter)
	}
	return letters
}

// stripped says which characters are no part of an answer: spaces, hyphens,
// punctuation, and the accents and letters that people type for an apostrophe.
func stripped(r rune) bool {
	switch r {
	case '`', '^', '´', '¨', 'ʹ', 'ʻ', 'ʼ', 'ʽ', '|', '~':
		return true
	}
	return unicode.IsSpace(r) || unicode.In(r, unicode.P, unicode.Z)
}

// dropInvisible removes what nobody sees and nobody types on purpose: format
// characters (bidi marks and isolates, soft hyphen, zero width non-joiner),
// fillers, and the Arabic tatweel that only stretches a word. The joiner and the
// tags of flags are judged with their cluster.
func dropInvisible(r rune) rune {
	switch {
	case r == zeroWidthJoiner || isTag(r):
		return r
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5,
		r == 0x2800, r == 0x3164, r == 0xffa0, r == 0x0640:
		return -1
	case r >= 0x180b && r <= 0x180f:
		return -1
	case unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}

// dropStray removes joiners and tags from a cluster that is no emoji, and a
// joiner that joins nothing.
func dropStray(cluster string) string {
	if !strings.ContainsRune(cluster, zeroWidthJoiner) && !strings.ContainsFunc(cluster, isTag) {
		return cluster
	}
	runes := []rune(cluster)
	emoji := unicode.Is(unicode.S, runes[0])
	var kept []rune
	for i, r := range runes {
		joins := r == zeroWidthJoiner && i+1 < len(runes) && unicode.Is(unicode.S, runes[i+1])
		if (r == zeroWidthJoiner || isTag(r)) && !(emoji && (joins || isTag(r))) {
			continue
		}
		kept = append(kept, r)
	}
	return string(kept)
}

func isTag(r rune) bool { return r >= 0xe0020 && r <= 0xe007f }
