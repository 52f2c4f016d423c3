package pinphrase

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// fold folds the case of one grapheme. It may become two: ß and ẞ are ss.
// Variation selectors go: keyboards differ in them, eyes hardly.
func fold(letter string) string {
	if len(letter) == 1 {
		return strings.ToLower(letter) // allocates nothing where there is nothing to do
	}
	// Lowered once more, for Cherokee folds upwards, and a letter that was folded
	// before must stay as it is.
	folded := norm.NFKC.String(strings.ToLower(cases.Fold().String(letter)))
	return strings.Map(func(r rune) rune {
		if r >= 0xfe00 && r <= 0xfe0f {
			return -1
		}
		return r
	}, folded)
}

// reduce gives the plainest spelling of a folded letter: without accents, and
// with the letters of basic Latin where there is a habit (é is e, æ is ae).
// Answers and replies are both reduced, so that é is taken for e and e for é.
// Marks that make another letter in their script stay: Cyrillic й, Japanese
// が, the vowels of Indic scripts, the syllables of Hangul.
func reduce(folded string) string {
	if len(folded) == 1 {
		return folded
	}
	if plain, ok := plainSpelling[folded]; ok {
		return plain
	}
	decomposed := norm.NFD.String(folded)
	first, _ := utf8.DecodeRuneInString(decomposed)
	if !unicode.In(first, unicode.Latin, unicode.Greek, unicode.Hebrew, unicode.Arabic) {
		return folded
	}
	bare := norm.NFKC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, decomposed))
	if plain, ok := plainSpelling[bare]; ok {
		return plain
	}
	return bare
}

// plainSpelling is the reduction of letters that do not decompose.
var plainSpelling = map[string]string{
	"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h",
	"ı": "i", "ŋ": "n", "ŧ": "t", "ĸ": "k", "ɓ": "b", "ɗ": "d", "ƙ": "k", "ё": "е",
}

// otherSpelling lists what else is taken for a letter, beside its reduction.
var otherSpelling = map[string]string{
	"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "đ": "dj", "ŋ": "ng", "ss": "s",
}

// spellings gives the ways in which a letter of an answer may be typed, at most
// maxSpellings, each of one or two symbols. Without equivalents there is one.
func spellings(letter string, equivalents bool) []string {
	folded := fold(letter)
	if !equivalents {
		return []string{folded}
	}
	ways := []string{reduce(folded)}
	if other, ok := otherSpelling[folded]; ok {
		ways = append(ways, other)
	}
	return ways
}

// plainest is the shortest spelling: what two sets of positions are compared by
// when the question is whether an old reply would answer a new challenge.
func plainest(letter string) string {
	if len(letter) == 1 {
		return fold(letter)
	}
	ways := spellings(letter, true)
	short := ways[0]
	for _, way := range ways[1:] {
		if len(way) < len(short) {
			short = way
		}
	}
	return short
}

// symbols cuts a spelling into graphemes again: "ss" has two.
func symbols(spelling string) []string {
	if len(spelling) == 1 {
		return []string{spelling}
	}
	var out []string
	for rest, state := spelling, -1; rest != ""; {
		var s string
		s, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		out = append(out, s)
	}
	return out
}

// fits says whether a letter, in every spelling, keeps the fixed sizes in which
// Match compares.
func fits(letter string) bool {
	if len(letter) == 1 {
		return true // one symbol in its only spelling
	}
	if len(letter) > symbolSize {
		return false
	}
	for _, equivalents := range []bool{false, true} {
		for _, way := range spellings(letter, equivalents) {
			parts := symbols(way)
			if len(parts) < 1 || len(parts) > spellingSymbols {
				return false
			}
			for _, part := range parts {
				if len(part) > symbolSize {
					return false
				}
			}
		}
	}
	return true
}
