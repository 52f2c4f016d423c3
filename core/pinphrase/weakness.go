package pinphrase

import (
	"errors"
	"fmt"
	"strings"
)

// DistinctLetters is the least number of different letters of an answer: with
// fewer, sets of positions differ but replies do not.
const DistinctLetters = 4

// What Weakness wraps.
var (
	ErrTooShort   = errors.New("pinphrase: the answer is too short")
	ErrFewLetters = errors.New("pinphrase: the answer has too few different letters")
	ErrCommon     = errors.New("pinphrase: the answer is one that many people give")
	ErrPersonal   = errors.New("pinphrase: the answer is known to everybody who knows the name")
)

// Weakness says why an answer is not taken. It wraps one of the errors above and
// shows numbers, never letters.
type Weakness struct {
	Reason     error
	Have, Need int // characters or letters; 0 where the reason has no number
}

func (w *Weakness) Error() string {
	if w.Need == 0 {
		return w.Reason.Error()
	}
	return fmt.Sprintf("%v: %d, at least %d are needed", w.Reason, w.Have, w.Need)
}

func (w *Weakness) Unwrap() error { return w.Reason }

// Check is one more rule that an answer to a question must keep: a list of common
// answers, the user's own name. It gives nil or a *Weakness.
type Check func(Question, Answer) error

// Check judges an answer at enrolment: its length for this question, its
// distinct letters, then the further rules in their order. The first weakness is
// returned, as a *Weakness.
func (s Settings) Check(q Question, a Answer, rules ...Check) error {
	if all := s.Weaknesses(q, a, rules...); len(all) > 0 {
		return all[0]
	}
	return nil
}

// Weaknesses gives all that is wrong with an answer, in the order of Check.
func (s Settings) Weaknesses(q Question, a Answer, rules ...Check) (all []*Weakness) {
	if need := max(s.Minimum(q), s.Positions+1); a.Len() < need {
		all = append(all, &Weakness{ErrTooShort, a.Len(), need})
	}
	if have := a.distinct(); have < DistinctLetters {
		all = append(all, &Weakness{ErrFewLetters, have, DistinctLetters})
	}
	for _, rule := range rules {
		if weak, ok := errors.AsType[*Weakness](rule(q, a)); ok {
			all = append(all, weak)
		}
	}
	return all
}

// NoneOf gives a rule that refuses the answers of a list, whatever their
// spelling, for reason (ErrCommon, ErrPersonal). Entries that are no answers are
// passed over.
func NoneOf(reason error, list ...string) Check {
	refused := make(map[string]bool, len(list))
	for _, text := range list {
		for _, way := range Written(text) {
			if a, err := Normalise(way); err == nil {
				refused[whole(a)] = true
			}
		}
	}
	return func(_ Question, a Answer) error {
		if refused[whole(a)] {
			return &Weakness{Reason: reason}
		}
		return nil
	}
}

var twoLetters = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ß", "ss", "å", "aa", "ø", "oe", "Å", "Aa", "Ø", "Oe")

// Written gives a text as it may be written: as it is, and with two letters for one, where that is a
// habit (Müller, Mueller). It is the same habit in which a letter may be typed at a login.
func Written(text string) []string {
	if other := twoLetters.Replace(text); other != text {
		return []string{text, other}
	}
	return []string{text}
}

func whole(a Answer) string { return spelled(^Set(0), plainRow(a)) }

func (a Answer) distinct() int {
	letters := map[string]bool{}
	for _, letter := range plainRow(a) {
		letters[letter] = true
	}
	return len(letters)
}
