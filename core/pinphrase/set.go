package pinphrase

import (
	"fmt"
	"math"
	"math/bits"
	"strings"

	"github.com/latchkey/latchkey/core/secret"
)

// The number of positions that a challenge may ask for.
const (
	MinPositions = 2
	MaxPositions = 8
)

// Set is a set of positions of an answer: bit p-1 stands for position p, from 1.
type Set uint64

// NewSet gathers positions from 1 to MaxLength; others are a programming error
// and panic.
func NewSet(positions ...int) Set {
	var s Set
	for _, p := range positions {
		if p < 1 || p > MaxLength {
			panic(fmt.Sprintf("pinphrase: position %d out of range", p))
		}
		s |= 1 << (p - 1)
	}
	return s
}

// Positions lists the positions in ascending order, from 1.
func (s Set) Positions() []int {
	positions := make([]int, 0, s.Len())
	for rest := uint64(s); rest != 0; rest &= rest - 1 {
		positions = append(positions, bits.TrailingZeros64(rest)+1)
	}
	return positions
}

// Len is the number of positions.
func (s Set) Len() int { return bits.OnesCount64(uint64(s)) }

// Union holds the positions of both.
func (s Set) Union(t Set) Set { return s | t }

// Spelled gives the letters of a at the positions of s, in their plainest
// spelling: two sets with the same Spelled are answered by the same reply.
// Positions beyond the end of a are passed over.
func (s Set) Spelled(a Answer) secret.Secret { return secret.New(spelled(s, plainRow(a))) }

func spelled(s Set, row []string) string {
	var out strings.Builder
	for rest := uint64(s); rest != 0; rest &= rest - 1 {
		if i := bits.TrailingZeros64(rest); i < len(row) {
			out.WriteString(row[i])
		}
	}
	return out.String()
}

// plainRow is the answer with each letter in its plainest spelling.
func plainRow(a Answer) []string {
	row := make([]string, a.Len())
	for i, letter := range a.letters {
		row[i] = plainest(letter)
	}
	return row
}

// choose is the number of ways to choose m of n, exact for n up to MaxLength and
// m up to MaxPositions.
func choose(n, m int) uint64 {
	if m < 0 || n < m {
		return 0
	}
	result := uint64(1)
	for i := 1; i <= m; i++ {
		result = result * uint64(n-m+i) / uint64(i)
	}
	return result
}

// Exposure is the share of the challenges for m of n characters that somebody
// could answer who has seen the characters at seen: C(|seen|,m)/C(n,m).
func Exposure(n, m int, seen Set) float64 {
	all := choose(n, m)
	if all == 0 {
		return math.NaN()
	}
	if n < MaxLength {
		seen &= 1<<n - 1
	}
	return float64(choose(seen.Len(), m)) / float64(all)
}

// ExposureAfter is the expected Exposure of an answer of n characters after k watched logins, each for m positions
// drawn anew among all: the chance that the next challenge can be answered by who has recorded k.
func ExposureAfter(n, m, k int) float64 {
	all := float64(choose(n, m))
	if all == 0 {
		return math.NaN()
	}
	// seen[u] is the probability that u positions are known.
	seen := make([]float64, n+1)
	seen[0] = 1
	for range k {
		next := make([]float64, n+1)
		for u, p := range seen {
			for fresh := 0; p > 0 && fresh <= m && u+fresh <= n; fresh++ {
				next[u+fresh] += p * float64(choose(n-u, fresh)) * float64(choose(u, m-fresh)) / all
			}
		}
		seen = next
	}
	chance := 0.0
	for u, p := range seen {
		chance += p * float64(choose(u, m)) / all
	}
	return chance
}
