package language

import "strconv"

// Weak are the sentences about an answer that is not taken, or only with a warning. What
// varies stands in braces.
type Weak struct {
	Unusable   string // no letter is left, or something that is none
	short      string // {have} and {need} characters
	fewLetters string // {have} and {need} different letters
	Common     string // many people give it
	Personal   string // it can be read off the user's name, address or number
}

// Short says how many characters an answer has and needs.
func (w *Weak) Short(have, need int) string { return counted(w.short, have, need) }

// FewLetters says how many different letters an answer has and needs.
func (w *Weak) FewLetters(have, need int) string { return counted(w.fewLetters, have, need) }

func counted(text string, have, need int) string {
	return fill(fill(text, "{have}", strconv.Itoa(have)), "{need}", strconv.Itoa(need))
}
