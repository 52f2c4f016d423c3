package common

import (
	"math"
	"testing"

	"github.com/latchkey/latchkey/core/pinphrase"
)

// TestTowns: what was published of a birthplace drawn from German town names (6,386 of them, by 4 of its
// characters: 7 % at the first guess, 12 % in three; 89 and 98 % after one login was watched) comes out of the
// shipped list too, by inhabitants, within what a few more towns and sampling change.
func TestTowns(t *testing.T) {
	g, err := pinphrase.NewGuesser(pinphrase.Likely(Lists("towns")[:1], false), 6, 4)
	if err != nil {
		t.Fatal(err)
	}
	got, err := g.Chances(1, pinphrase.Stream([]byte("towns")))
	for watched, want := range []pinphrase.Chance{{First: .07, Three: .12}, {First: .89, Three: .98}} {
		if err != nil || math.Abs(got[watched].First-want.First) > .02 || math.Abs(got[watched].Three-want.Three) > .02 {
			t.Errorf("%d towns, after %d: %.3f, want %.3f, %v", g.Len(), watched, got[watched], want, err)
		}
	}
}
