package pinphrase

import (
	"errors"
	"io"
	"slices"
	"strings"
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

// GuessChance estimates how often somebody who knows the list, and nothing of the
// user, is right at the first guess, and within three, when m characters of an
// answer of at least minimum are asked for. The guesser sees the positions as
// they are said: not the length of the answer, but what "last" and "second to
// last" tell of it. The chance is averaged over users as the list weights them
// and over their challenges, by sampling from random (a Stream, so that the same
// list gives the same figure).
func GuessChance(list []Common, minimum, m int, random io.Reader) (first, three float64, err error) {
	type known struct {
		row    []string
		weight float64 // of one challenge: the share of the answer over its sets
	}
	var answers []known
	weights := map[int]uint64{}
	for _, c := range list {
		n := c.Answer.Len()
		if n < minimum || n <= m || c.Weight == 0 {
			continue
		}
		weights[len(answers)] = c.Weight
		answers = append(answers, known{plainRow(c.Answer), float64(c.Weight) / float64(choose(n, m))})
	}
	if len(answers) == 0 {
		return 0, 0, ErrNoList
	}
	for range guessSamples {
		i, err := weighted(random, weights)
		if err != nil {
			return 0, 0, err
		}
		n := len(answers[i].row)
		set, err := drawAny(n, m, random)
		if err != nil {
			return 0, 0, err
		}
		said := asSaid(set, n)
		mass, total := map[string]float64{}, 0.0
		for _, a := range answers {
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
		first += best[0] / guessSamples
		for _, share := range best[:min(3, len(best))] {
			three += share / guessSamples
		}
	}
	return first, three, nil
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

// reply spells what the answer would be to the saying, if it could be said of an
// answer of that length.
func (s saying) reply(row []string) (string, bool) {
	n := len(row)
	if k := len(s.front); k > 0 && s.front[k-1] > n-2 {
		return "", false
	}
	var out strings.Builder
	for _, p := range s.front {
		out.WriteString(row[p-1])
	}
	if s.secondToLast {
		out.WriteString(row[n-2])
	}
	if s.last {
		out.WriteString(row[n-1])
	}
	return out.String(), true
}
