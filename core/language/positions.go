package language

import "strings"

// Ordinal says a position from 1: "1st" and "22nd", "1." and "22.".
func (l *Language) Ordinal(n int) string { return l.ordinal(n) }

// Position says the position p of a text of n characters. The last two are
// always said from the end, whatever their number: otherwise an observer would
// learn the length of the answer from the prompts that do and those that do
// not.
func (l *Language) Position(p, n int) string {
	switch p {
	case n:
		return l.last
	case n - 1:
		return l.secondToLast
	default:
		return l.ordinal(p)
	}
}

// Positions joins the positions of a text of n characters as a sentence needs
// them: "1st, 3rd, 4th and last", "1., 3., 4. und letzte". They are said in the
// order given.
func (l *Language) Positions(positions []int, n int) string {
	said := make([]string, len(positions))
	for i, p := range positions {
		said[i] = l.Position(p, n)
	}
	return l.Join(said)
}

// Join joins a list as the language does: "a, b and c".
func (l *Language) Join(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	end := len(list) - 1
	return strings.Join(list[:end], ", ") + " " + l.and + " " + list[end]
}
