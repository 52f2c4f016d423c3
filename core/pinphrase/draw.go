package pinphrase

import (
	"errors"
	"fmt"
	"io"
)

// ErrExhausted says that no fresh set of positions is left: the answer retires.
var ErrExhausted = errors.New("pinphrase: no fresh set of positions is left")

// rejections is how often Draw tries before it counts. With half of the sets
// fresh, all tries fail once in 2^32 draws.
const rejections = 32

// Draw draws a fresh set of m positions of a, uniformly among the fresh ones: no
// set of used, and none that spells the same letters as a set of used, for an
// observer could answer it with what was typed then. m is below the length of a,
// so that the whole answer is never asked. It fails with ErrExhausted exactly
// when nothing fresh is left.
func Draw(a Answer, m int, used []Set, random io.Reader) (Set, error) {
	n := a.Len()
	if err := askable(n, m); err != nil {
		return 0, err
	}
	row := plainRow(a)
	stale := make(map[string]bool, len(used))
	for _, s := range used {
		if s.Len() == m {
			stale[spelled(s, row)] = true
		}
	}
	for range rejections {
		s, err := drawAny(n, m, random)
		if err != nil {
			return 0, err
		}
		if !stale[spelled(s, row)] {
			return s, nil
		}
	}
	return drawCounted(row, m, stale, random)
}

func askable(n, m int) error {
	if m < MinPositions || m > MaxPositions || m >= n {
		return fmt.Errorf("pinphrase: cannot ask for %d of %d characters", m, n)
	}
	return nil
}

// drawAny draws m of n positions uniformly, by Floyd's method.
func drawAny(n, m int, random io.Reader) (Set, error) {
	var s Set
	for j := n - m; j < n; j++ {
		t, err := below(random, uint64(j+1))
		if err != nil {
			return 0, err
		}
		if s&(1<<t) != 0 {
			t = uint64(j)
		}
		s |= 1 << t
	}
	return s, nil
}

// drawCounted draws uniformly among the fresh sets without trying: it counts them
// exactly, draws a rank and finds the set of that rank. The number of sets that
// spell a stale word is the number of ways in which that word is a subsequence
// of the answer, so that nothing is enumerated: an answer of 64 characters has
// four thousand million sets of 8.
func drawCounted(row []string, m int, stale map[string]bool, random io.Reader) (Set, error) {
	n := len(row)
	words := make([]subsequences, 0, len(stale))
	for word := range stale {
		words = append(words, countSubsequences(row, m, word))
	}
	// fresh is the number of fresh completions when j positions are chosen and the
	// next one is at index p or later.
	live := words
	fresh := func(live []subsequences, j, p int) uint64 {
		count := choose(n-p, m-j)
		for i := range live {
			count -= live[i].ways(j, p)
		}
		return count
	}
	total := fresh(live, 0, 0)
	if total == 0 {
		return 0, ErrExhausted
	}
	rank, err := below(random, total)
	if err != nil {
		return 0, err
	}
	var s Set
	for j, p := 0, 0; j < m; p++ {
		// The words that go on with the letter at p, once p is chosen.
		var following []subsequences
		for _, w := range live {
			if next, ok := w.after(row[p]); ok {
				following = append(following, next)
			}
		}
		if count := fresh(following, j+1, p+1); rank >= count {
			rank -= count
			continue
		}
		s |= 1 << p
		live = following
		j++
	}
	return s, nil
}

// subsequences counts in how many ways one word can be spelt by m positions of a
// row of letters.
type subsequences struct {
	word   string
	offset int             // bytes of word that the chosen positions have spelt
	count  map[cell]uint64 // by what is left to spell and to choose from
	m      int
}

type cell struct{ offset, j, p int }

func countSubsequences(row []string, m int, word string) subsequences {
	s := subsequences{word: word, count: make(map[cell]uint64), m: m}
	s.fill(row, 0, 0, 0)
	return s
}

// fill counts the ways to spell word[offset:] with m-j letters from index p on.
func (s *subsequences) fill(row []string, offset, j, p int) uint64 {
	if j == s.m {
		if offset == len(s.word) {
			return 1
		}
		return 0
	}
	if len(row)-p < s.m-j {
		return 0
	}
	at := cell{offset, j, p}
	if count, ok := s.count[at]; ok {
		return count
	}
	count := s.fill(row, offset, j, p+1)
	if letter := row[p]; hasPrefixAt(s.word, offset, letter) {
		count += s.fill(row, offset+len(letter), j+1, p+1)
	}
	s.count[at] = count
	return count
}

func (s *subsequences) ways(j, p int) uint64 {
	if j == s.m {
		if s.offset == len(s.word) {
			return 1
		}
		return 0
	}
	return s.count[cell{s.offset, j, p}]
}

func (s subsequences) after(letter string) (subsequences, bool) {
	if !hasPrefixAt(s.word, s.offset, letter) {
		return s, false
	}
	s.offset += len(letter)
	return s, true
}

func hasPrefixAt(word string, offset int, letter string) bool {
	return len(word)-offset >= len(letter) && word[offset:offset+len(letter)] == letter
}
