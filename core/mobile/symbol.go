package mobile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey/latchkey/core/language"
)

// Symbol is one of the sixteen shapes that a login shows and the phone asks for, by the id that frames and
// documents carry. Each has one colour, a short name in each language, because terminals and VPN
// clients may show text only, and a glyph of Unicode.
type Symbol string

// pairMark stands between the two symbols of a pair.
const pairMark = ","

// Pair is an ordered pair of symbols, where a login shows two: "anchor,star". It stands wherever one symbol
// does, so that the signature covers both and their order.
func Pair(first, second Symbol) Symbol { return first + pairMark + second }

// Parts are the symbols of a pair in their order, or the one symbol itself.
func (s Symbol) Parts() []Symbol {
	if first, second, pair := strings.Cut(string(s), pairMark); pair {
		return []Symbol{Symbol(first), Symbol(second)}
	}
	return []Symbol{s}
}

// InsteadOfSymbol is what stands in the place of the symbol where a login could show none: the phone gets a code to
// be typed. It is none of the sixteen.
const InsteadOfSymbol Symbol = "code"

// ErrSymbol says that a text names no symbol.
var ErrSymbol = errors.New("mobile: no such symbol")

// GridSize is how many symbols a phone is shown.
const GridSize = 9

type shape struct {
	id              Symbol
	english, german string
	glyph           string
}

func shapes() [16]shape {
	return [16]shape{
		{"anchor", "anchor", "Anker", "⚓"},
		{"umbrella", "umbrella", "Schirm", "☂"},
		{"star", "star", "Stern", "★"},
		{"moon", "moon", "Mond", "☾"},
		{"sun", "sun", "Sonne", "☀"},
		{"scissors", "scissors", "Schere", "✂"},
		{"telephone", "telephone", "Telefon", "☎"},
		{"envelope", "envelope", "Umschlag", "✉"},
		{"crown", "crown", "Krone", "♛"},
		{"scales", "scales", "Waage", "⚖"},
		{"plane", "plane", "Flugzeug", "✈"},
		{"house", "house", "Haus", "⌂"},
		{"music", "music", "Musik", "♫"},
		{"cup", "cup", "Tasse", "☕"},
		{"gear", "gear", "Zahnrad", "⚙"},
		{"clover", "clover", "Klee", "♣"},
	}
}

// Symbols lists all sixteen, in the order of the protocol's description.
func Symbols() []Symbol {
	all := shapes()
	symbols := make([]Symbol, len(all))
	for i, s := range all {
		symbols[i] = s.id
	}
	return symbols
}

func (s Symbol) shape() (shape, bool) {
	for _, one := range shapes() {
		if one.id == s {
			return one, true
		}
	}
	return shape{}, false
}

// Known tells whether there is such a symbol.
func (s Symbol) Known() bool { _, ok := s.shape(); return ok }

// Glyph is the symbol's character in Unicode.
func (s Symbol) Glyph() string { one, _ := s.shape(); return one.glyph }

// Name is what a person calls the symbol; in a language that has no names of its own, English.
func (s Symbol) Name(tag language.Tag) string {
	one, ok := s.shape()
	switch {
	case !ok:
		return string(s)
	case tag == language.German:
		return one.german
	default:
		return one.english
	}
}

// Upper is the name as a prompt shows it: ANKER.
func (s Symbol) Upper(tag language.Tag) string { return strings.ToUpper(s.Name(tag)) }

// ParseSymbol reads an id, or a name in any language, in any case: what a person types. ErrSymbol if it is none.
func ParseSymbol(text string) (Symbol, error) {
	text = strings.TrimSpace(text)
	for _, one := range shapes() {
		if strings.EqualFold(text, string(one.id)) || strings.EqualFold(text, one.english) ||
			strings.EqualFold(text, one.german) || text == one.glyph {
			return one.id, nil
		}
	}
	return "", ErrSymbol
}

// ParsePick reads what a person types for one symbol, or for two with a comma or space between. ErrSymbol if it is
// neither, or twice the same.
func ParsePick(text string) (Symbol, error) {
	names := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	if len(names) == 0 || len(names) > 2 {
		return "", ErrSymbol
	}
	first, err := ParseSymbol(names[0])
	if err != nil || len(names) == 1 {
		return first, err
	}
	second, err := ParseSymbol(names[1])
	if err != nil || first == second {
		return "", ErrSymbol
	}
	return Pair(first, second), nil
}

// DrawPair picks an ordered pair of which neither is one of taken.
func DrawPair(taken ...Symbol) (Symbol, error) {
	first, err := Draw(taken...)
	if err != nil {
		return "", err
	}
	second, err := Draw(append(slices.Clone(taken), first)...)
	if err != nil {
		return "", err
	}
	return Pair(first, second), nil
}

// Draw picks a symbol at random that is none of taken: that of a new login. Two logins of one user must
// differ, because the pick on the phone chooses between them.
func Draw(taken ...Symbol) (Symbol, error) {
	free := slices.DeleteFunc(Symbols(), func(s Symbol) bool { return slices.Contains(taken, s) })
	if len(free) == 0 {
		return "", errors.New("mobile: no symbol is left")
	}
	return free[below(len(free))], nil
}

// Grid is what a phone is shown: n different symbols, those of must among them, in an order that says nothing
// about which they are. The others are drawn alike from the rest, so that no symbol tells by its absence.
func Grid(must []Symbol, n int) ([]Symbol, error) {
	all := Symbols()
	grid := make([]Symbol, 0, n)
	for _, s := range must {
		if !s.Known() || slices.Contains(grid, s) {
			return nil, fmt.Errorf("%w, or twice the same: %q", ErrSymbol, string(s))
		}
		grid = append(grid, s)
	}
	if n < len(must) || n > len(all) {
		return nil, fmt.Errorf("mobile: a grid of %d cannot hold %d of %d symbols", n, len(must), len(all))
	}
	rest := slices.DeleteFunc(all, func(s Symbol) bool { return slices.Contains(must, s) })
	shuffle(rest)
	grid = append(grid, rest[:n-len(must)]...)
	shuffle(grid)
	return grid, nil
}

// shuffle is that of Fisher and Yates.
func shuffle(s []Symbol) {
	for i := len(s) - 1; i > 0; i-- {
		j := below(i + 1)
		s[i], s[j] = s[j], s[i]
	}
}

// below draws from [0,n), n ≤ 256, each as likely as the others: bytes past the last whole multiple
// of n are drawn again.
func below(n int) int {
	var one [1]byte
	for limit := 256 - 256%n; ; {
		_, _ = rand.Read(one[:]) // never fails
		if int(one[0]) < limit {
			return int(one[0]) % n
		}
	}
}
