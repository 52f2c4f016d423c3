package pinphrase

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/latchkey/latchkey/core/language"
)

// Population says how the real users are made up, so that decoys are like them.
// Weights are relative; the zero value means the language of the fallback and
// the built-in lengths.
type Population struct {
	Languages map[language.Tag]uint64 // users by language
	Lengths   map[int]uint64          // answers by number of characters
}

// Decoy is what an unknown name is asked, where a first factor has not been
// checked: an invented user with a language, questions and lengths of answers,
// the same on every node and after every restart, for it depends on the key and
// the name alone. Nothing of it is stored.
type Decoy struct {
	Language  language.Tag
	questions []Question // in the order in which they are asked
	lengths   map[int]uint64
	settings  Settings
	key       []byte
	name      string
}

// DecoyChallenge is one of the challenges of a decoy.
type DecoyChallenge struct {
	Question Question
	Length   int // characters of the invented answer
	Set      Set
}

// decoyDraws is after how many challenges for one answer a decoy begins again. A
// real answer would be retired by its exposure before.
const decoyDraws = 24

// NewDecoy invents the user for a canonical name (with the realm and form, where
// challenges differ by them). Settings must be valid.
func (s Settings) NewDecoy(key []byte, population Population, fallback language.Tag, name ...string) (Decoy, error) {
	if len(s.Questions) == 0 {
		return Decoy{}, fmt.Errorf("pinphrase: no question to invent an answer to")
	}
	d := Decoy{Language: fallback, lengths: population.Lengths, settings: s, key: key, name: joined(name)}
	random := d.stream("who")
	if len(population.Languages) > 0 {
		tag, err := weighted(random, population.Languages)
		if err != nil {
			return Decoy{}, err
		}
		d.Language = tag
	}
	if len(d.lengths) == 0 {
		d.lengths = commonLengths()
	}
	// A real user answers the minimum of the pool, each one a choice of their own,
	// and after the first round the order of the questions stays.
	order, err := shuffled(random, len(s.Questions))
	if err != nil {
		return Decoy{}, err
	}
	for _, i := range order[:max(1, min(s.MinimumAnswers, len(order)))] {
		d.questions = append(d.questions, s.Questions[i])
	}
	return d, nil
}

// Challenge gives the challenge number k, from 0. Like those of a real user it
// stays until the caller moves on to k+1, asks the questions in turn, and asks no
// set of an answer twice in a row of visits.
func (d Decoy) Challenge(k uint64) (DecoyChallenge, error) {
	i := int(k % uint64(len(d.questions)))
	visit := k / uint64(len(d.questions))
	q, m := d.questions[i], d.settings.Positions
	n, err := d.length(q)
	if err != nil {
		return DecoyChallenge{}, err
	}
	draws := min(choose(n, m), decoyDraws)
	random := d.stream("sets", q.ID, strconv.FormatUint(visit/draws, 10))
	used := map[Set]bool{}
	for {
		set, err := drawAny(n, m, random)
		if err != nil {
			return DecoyChallenge{}, err
		}
		used[set] = true // the loop ends with the first set that is new enough
		if uint64(len(used)) > visit%draws {
			return DecoyChallenge{q, n, set}, nil
		}
	}
}

// length is how many characters the invented answer to q has. Each question has a
// stream of its own: no answer grows when another question enters the pool.
func (d Decoy) length(q Question) (int, error) {
	least := max(d.settings.Minimum(q), d.settings.Positions+1)
	return lengthFrom(d.stream("length", q.ID), d.lengths, least)
}

func (d Decoy) stream(context ...string) io.Reader {
	return Stream(d.key, append([]string{"decoy", d.name}, context...)...)
}

func joined(parts []string) string {
	var out []byte
	for _, part := range parts {
		out = strconv.AppendQuote(out, part)
	}
	return string(out)
}

// commonLengths is how long names of places, persons, cars and clubs are, as far
// as answers of that length are taken.
func commonLengths() map[int]uint64 {
	return map[int]uint64{
		5: 12, 6: 14, 7: 14, 8: 15, 9: 14, 10: 11, 11: 8, 12: 5, 13: 3, 14: 2, 15: 1, 16: 1,
	}
}

// lengthFrom draws a length of at least least, by the weights.
func lengthFrom(random io.Reader, weights map[int]uint64, least int) (int, error) {
	possible := map[int]uint64{}
	for n, weight := range weights {
		if n >= least && n <= MaxLength && weight > 0 {
			possible[n] = weight
		}
	}
	if len(possible) == 0 {
		return least, nil
	}
	return weighted(random, possible)
}

// weighted draws a key of table by its weight. Keys are taken in their order, so
// that the same bytes give the same key.
func weighted[K int | language.Tag](random io.Reader, table map[K]uint64) (K, error) {
	var keys []K
	var total uint64
	for key, weight := range table {
		keys = append(keys, key)
		total += weight
	}
	slices.Sort(keys)
	rank, err := below(random, total)
	if err != nil {
		return keys[0], err
	}
	for _, key := range keys {
		if rank < table[key] {
			return key, nil
		}
		rank -= table[key]
	}
	return keys[len(keys)-1], nil
}

// shuffled gives the numbers below n in random order.
func shuffled(random io.Reader, n int) ([]int, error) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j, err := below(random, uint64(i+1))
		if err != nil {
			return nil, err
		}
		order[i], order[j] = order[j], order[i]
	}
	return order, nil
}
