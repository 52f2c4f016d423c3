package pinphrase

import (
	"encoding/binary"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Result says how a reply fared. An outsider is told the same of every Result
// but Right; the audit log may tell them apart.
type Result int

// The results. The zero value lets nobody in.
const (
	Wrong       Result = iota
	Right              // the letters asked for, in their order
	TooFew             // fewer characters than positions
	TooMany            // more characters than any spelling of the letters has
	Undecodable        // not UTF-8, or with control characters
)

// Malformed tells whether the reply could not have been right for any answer.
func (r Result) Malformed() bool { return r > Right }

// String names the result for the audit log.
func (r Result) String() string {
	switch r {
	case Right:
		return "right"
	case TooFew:
		return "too few characters"
	case TooMany:
		return "too many characters"
	case Undecodable:
		return "undecodable"
	default:
		return "wrong"
	}
}

// The fixed sizes of a comparison.
const (
	symbolSize      = 64 // bytes of one symbol, padded with NUL
	spellingSymbols = 2  // symbols of one spelling
	maxSpellings    = 2  // spellings of one letter, padded by repetition
)

// symbol is one grapheme of a reply or a spelling in fixed size. NUL pads it,
// which no text contains.
type symbol [symbolSize / 8]uint64

// spelling is one way to type a letter.
type spelling struct {
	symbols [spellingSymbols]symbol
	pair    uint64 // 1 where two symbols count, 0 where one does
}

// Match judges a reply to the question for the characters of a at set. Spaces,
// case, hyphens and punctuation of the reply do not count. With equivalents
// several spellings of a letter are taken (ü, u, ue; ß, s, ss; é, e), in every
// way in which the reply can be cut into them.
//
// # Timing
//
// All letters, all spellings and all cuts are always compared, byte by byte,
// without a branch on what is found: the time does not tell how many letters
// were right, nor which. It depends on the reply (its length and characters), on
// the number of positions, and on whether the letters asked for are ASCII (others
// take the longer way through the Unicode tables), which is the same for every
// reply to one challenge.
func (a Answer) Match(set Set, reply string, equivalents bool) Result {
	asked := set.Positions()
	if len(asked) == 0 || asked[len(asked)-1] > a.Len() {
		return Wrong
	}
	typed, err := graphemes(reply)
	if err != nil {
		return Undecodable
	}
	row, ok := replySymbols(typed, equivalents)
	switch {
	case !ok || len(row) > spellingSymbols*len(asked):
		return TooMany
	case len(row) < len(asked):
		return TooFew
	}

	// reach[j] is 1 when the letters so far can be spelt by exactly the first j
	// symbols of the reply.
	length := len(row)
	row = append(row, make([]symbol, spellingSymbols*len(asked)+1-length)...)
	reach := make([]uint64, len(row)+spellingSymbols)
	reach[0] = 1
	next := make([]uint64, len(reach))
	for _, p := range asked {
		clear(next)
		for _, way := range padded(a.letters[p-1], equivalents) {
			for j := 0; j+1 < len(row); j++ {
				one := reach[j] & same(&row[j], &way.symbols[0])
				two := one & same(&row[j+1], &way.symbols[1])
				next[j+1] |= one & (1 - way.pair)
				next[j+2] |= two & way.pair
			}
		}
		reach, next = next, reach
	}
	if reach[length] == 1 {
		return Right
	}
	return Wrong
}

// CanonicalReply is what of a reply counts, as one text: two replies that were
// typed alike but for spaces, case, punctuation and Unicode form give the same.
// It serves to recognise the retransmission of an answer by its HMAC; an
// undecodable reply gives "". It is as secret as the reply.
func CanonicalReply(reply string) string {
	typed, err := graphemes(reply)
	if err != nil {
		return ""
	}
	var out strings.Builder
	for _, letter := range typed {
		out.WriteString(fold(letter))
	}
	return out.String()
}

// Typed tells whether a text is n characters as a reply has them, spaces aside, of which not all are digits. It is a
// question of form alone.
func Typed(text string, n int) bool {
	letters, err := graphemes(text)
	if err != nil || len(letters) != n {
		return false
	}
	bare := strings.Join(strings.Fields(norm.NFKC.String(text)), "")
	return strings.Join(letters, "") == bare && strings.ContainsFunc(bare, func(r rune) bool { return !unicode.IsDigit(r) })
}

// replySymbols folds, and with equivalents reduces, what was typed. It fails for
// what no answer can contain.
func replySymbols(typed []string, equivalents bool) ([]symbol, bool) {
	row := make([]symbol, 0, 2*spellingSymbols*MaxPositions)
	for _, letter := range typed {
		if len(letter) == 1 { // its own and only spelling
			row = append(row, fixed(fold(letter)))
			if len(row) > spellingSymbols*MaxPositions {
				return nil, false
			}
			continue
		}
		for _, part := range symbols(fold(letter)) {
			if equivalents {
				part = reduce(part)
			}
			for _, s := range symbols(part) {
				if len(s) > symbolSize {
					return nil, false
				}
				row = append(row, fixed(s))
			}
		}
		if len(row) > spellingSymbols*MaxPositions {
			return nil, false
		}
	}
	return row, true
}

// padded gives always maxSpellings spellings: a letter with one has it twice.
func padded(letter string, equivalents bool) [maxSpellings]spelling {
	var out [maxSpellings]spelling
	if len(letter) == 1 {
		out[0].symbols[0] = fixed(fold(letter))
		out[1] = out[0]
		return out
	}
	ways := spellings(letter, equivalents)
	for i := range out {
		way := ways[min(i, len(ways)-1)]
		for k, part := range symbols(way) {
			out[i].symbols[k] = fixed(part)
			out[i].pair = uint64(k)
		}
	}
	return out
}

func fixed(text string) symbol {
	var bytes [symbolSize]byte
	copy(bytes[:], text)
	var s symbol
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(bytes[8*i:])
	}
	return s
}

// same gives 1 when a and b are equal, else 0, in the same time.
func same(a, b *symbol) uint64 {
	var difference uint64
	for i := range a {
		difference |= a[i] ^ b[i]
	}
	return 1 ^ (difference|-difference)>>63
}
