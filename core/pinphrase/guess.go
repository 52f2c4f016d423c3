package pinphrase

import (
	"errors"
	"io"
	"slices"
)

// Common is an answer of a list of common ones, with the share of people who
// give it, in any unit.
type Common struct {
	Answer Answer
	Weight uint64
}

// guessSamples bounds the work of GuessChance: the estimate is then good to about
// two percentage points.
const guessSamples = 400

// ErrNoList says that no answer of the list can be asked about.
var ErrNoList = errors.New("pinphrase: no answer of the list is long enough")

// Chance is how often a guess is right.
type Chance struct {
	First float64 `json:"first"` // at the first guess
	Three float64 `json:"three"` // within three, the same challenge standing
}

// GuessChance estimates how often somebody who knows the list, and nothing of the
// user, is right at the first guess, and within three, when m characters of an
// answer of at least minimum are asked for. The guesser sees the positions as
// they are said: not the length of the answer, but what "last" and "second to
// last" tell of it. The chance is averaged over users as the list weights them
// and over their challenges, by sampling from random (a Stream, so that the same
// list gives the same figure).
func GuessChance(list []Common, minimum, m int, random io.Reader) (first, three float64, err error) {
	g, err := NewGuesser(list, minimum, m)
	if err != nil {
		return 0, 0, err
	}
	chances, err := g.Chances(0, random)
	return chances[0].First, chances[0].Three, err
}

// Guesser reckons how often somebody guesses right who knows a list.
type Guesser struct {
	m       int
	answers []guessed
	upTo    []uint64 // the sum of the weights of the answers up to this one
}

type guessed struct {
	row    []uint32 // the letters, by number
	weight float64  // of one challenge: the share of the answer over its sets
}

// NewGuesser prepares the answers of a list that can be asked about: those of at least minimum characters, when m
// of them are asked for. It fails with ErrNoList where there are none.
func NewGuesser(list []Common, minimum, m int) (*Guesser, error) {
	g := &Guesser{m: m}
	letters := map[string]uint32{}
	var total uint64
	for _, c := range list {
		n := c.Answer.Len()
		if n < minimum || n <= m || c.Weight == 0 {
			continue
		}
		row := make([]uint32, n)
		for i, letter := range plainRow(c.Answer) {
			number, ok := letters[letter]
			if !ok {
				number = uint32(len(letters) + 1)
				letters[letter] = number
			}
			row[i] = number
		}
		total += c.Weight
		g.upTo = append(g.upTo, total)
		g.answers = append(g.answers, guessed{row, float64(c.Weight) / float64(choose(n, m))})
	}
	if len(g.answers) == 0 {
		return nil, ErrNoList
	}
	return g, nil
}

// Len is the number of answers that can be asked about.
func (g *Guesser) Len() int { return len(g.answers) }

// Chances gives, for 0 to watched logins of the user that asked for this answer, each for another set of positions,
// the chance at the next one of somebody who knows the list and has watched them.
func (g *Guesser) Chances(watched int, random io.Reader) ([]Chance, error) {
	chances := make([]Chance, watched+1)
	for range guessSamples {
		rank, err := below(random, g.upTo[len(g.upTo)-1])
		if err != nil {
			return chances, err
		}
		i, _ := slices.BinarySearch(g.upTo, rank+1)
		row, possible := g.answers[i].row, g.answers
		asked := map[Set]bool{}
		for k := range chances {
			set, err := g.drawFresh(len(row), asked, random)
			if err != nil {
				return chances, err
			}
			said := asSaid(set, len(row))
			best := shares(possible, said)
			chances[k].First += best[0] / guessSamples
			for _, share := range best[:min(3, len(best))] {
				chances[k].Three += share / guessSamples
			}
			possible = consistent(possible, said, row) // once it was answered it was watched
		}
	}
	return chances, nil
}

// drawFresh draws a set that was not asked, as long as there is one.
func (g *Guesser) drawFresh(n int, asked map[Set]bool, random io.Reader) (Set, error) {
	for {
		set, err := drawAny(n, g.m, random)
		if err != nil || !asked[set] || uint64(len(asked)) >= choose(n, g.m) {
			asked[set] = true
			return set, err
		}
	}
}

// shares gives the share of each possible reply, the largest first.
func shares(possible []guessed, said saying) []float64 {
	mass, total := map[spelt]float64{}, 0.0
	for _, a := range possible {
		if reply, ok := said.reply(a.row); ok {
			mass[reply] += a.weight
			total += a.weight
		}
	}
	best := make([]float64, 0, len(mass))
	for _, share := range mass {
		best = append(best, share/total)
	}
	slices.Sort(best)
	slices.Reverse(best)
	return best
}

// consistent keeps the answers that would have been typed alike.
func consistent(answers []guessed, said saying, row []uint32) []guessed {
	typed, _ := said.reply(row)
	var kept []guessed
	for _, a := range answers {
		if reply, ok := said.reply(a.row); ok && reply == typed {
			kept = append(kept, a)
		}
	}
	return kept
}

// saying is a set of positions as a prompt says it.
type saying struct {
	front              []int
	secondToLast, last bool
}

func asSaid(set Set, n int) saying {
	var s saying
	for _, p := range set.Positions() {
		switch p {
		case n:
			s.last = true
		case n - 1:
			s.secondToLast = true
		default:
			s.front = append(s.front, p)
		}
	}
	return s
}

// spelt is a reply: letters by number, 0 behind its end.
type spelt [MaxPositions]uint32

// reply spells what the answer would be to the saying, if it could be said of an
// answer of that length.
func (s saying) reply(row []uint32) (typed spelt, ok bool) {
	n, k := len(row), 0
	if last := len(s.front); last > 0 && s.front[last-1] > n-2 {
		return typed, false
	}
	for _, p := range s.front {
		typed[k] = row[p-1]
		k++
	}
	if s.secondToLast {
		typed[k] = row[n-2]
		k++
	}
	if s.last {
		typed[k] = row[n-1]
	}
	return typed, true
}
