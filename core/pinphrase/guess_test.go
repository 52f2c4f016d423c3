package pinphrase

import (
	"errors"
	"math"
	"testing"
)

func TestGuessChance(t *testing.T) {
	list := func(texts ...string) []Common {
		var out []Common
		for _, text := range texts {
			out = append(out, Common{answer(t, text), 1})
		}
		return out
	}
	heavy := list("abcdefgh", "ijklmnop", "qrstuvwx")
	heavy[1].Weight = 8
	for _, c := range []struct {
		name         string
		list         []Common
		first, three float64
	}{
		{"one", list("Heidelberg"), 1, 1},
		{"one in another spelling", list("Münchnerin", "MUNCHNERIN"), 1, 1},
		{"four with nothing in common", list("abcdefgh", "ijklmnop", "qrstuvwx", "yz123456"), .25, .75},
		{"one that most give", heavy, .8, 1},
		{"short ones do not count", list("Bello", "Heidelberg"), 1, 1},
	} {
		first, three, err := GuessChance(c.list, 8, 4, Stream([]byte("guess")))
		if err != nil || math.Abs(first-c.first) > .03 || math.Abs(three-c.three) > .03 {
			t.Errorf("%s: %.2f, %.2f, %v; want %.2f, %.2f", c.name, first, three, err, c.first, c.three)
		}
	}
	// What is said from the end tells something of the length.
	short, long := list("abcdefgh", "abcdefghijklmnop"), list("abcdefgh", "abcdefgi")
	a, _, _ := GuessChance(short, 8, 4, Stream([]byte("x")))
	b, _, _ := GuessChance(long, 8, 4, Stream([]byte("x")))
	if a <= .5 || b <= .5 || a == 1 || b == 1 {
		t.Errorf("%.2f and %.2f", a, b)
	}
	if _, _, err := GuessChance(list("Bello"), 8, 4, Stream(nil)); !errors.Is(err, ErrNoList) {
		t.Errorf("an empty list: %v", err)
	}
}

// TestExposureAfter: the published table of what a recorder of k logins can answer, in percent.
func TestExposureAfter(t *testing.T) {
	for _, row := range []struct {
		n, m int
		want map[int]float64
	}{
		{6, 4, map[int]float64{1: 7, 2: 58, 3: 85, 5: 98}},
		{8, 4, map[int]float64{1: 1, 2: 26, 3: 56, 5: 88}},
		{10, 4, map[int]float64{1: 0, 2: 12, 3: 34, 5: 71}},
		{16, 4, map[int]float64{1: 0, 2: 2, 3: 9, 5: 32}},
	} {
		for k, want := range row.want {
			if got := math.Round(100 * ExposureAfter(row.n, row.m, k)); got != want {
				t.Errorf("n=%d m=%d k=%d: %v %%, want %v", row.n, row.m, k, got, want)
			}
		}
	}
	if got := ExposureAfter(10, 4, 1); got <= 0 || got >= .01 {
		t.Errorf("n=10 k=1: %v", got)
	}
	if got := ExposureAfter(5, 4, 0); got != 0 {
		t.Errorf("nothing watched: %v", got)
	}
	// The walk over all pairs of sets says the same.
	const n, m = 6, 3
	sum, pairs := 0.0, 0.0
	for a := Set(0); a < 1<<n; a++ {
		for b := Set(0); b < 1<<n; b++ {
			if a.Len() == m && b.Len() == m {
				sum += Exposure(n, m, a.Union(b))
				pairs++
			}
		}
	}
	if got := ExposureAfter(n, m, 2); math.Abs(got-sum/pairs) > 1e-12 {
		t.Errorf("%v, by walking %v", got, sum/pairs)
	}
}

// TestWatchedGuesses: who has seen one login of a known list knows the rest.
func TestWatchedGuesses(t *testing.T) {
	var list []Common
	for _, text := range []string{"abcdefgh", "ijklmnop", "qrstuvwx", "yz123456"} {
		list = append(list, Common{answer(t, text), 1})
	}
	g, err := NewGuesser(list, 8, 4)
	if err != nil || g.Len() != 4 {
		t.Fatal(err)
	}
	chances, err := g.Chances(2, Stream([]byte("w")))
	for watched, want := range []float64{.25, 1, 1} {
		if c := chances[watched]; err != nil || math.Abs(c.First-want) > .03 {
			t.Errorf("after %d: %v, %v", watched, c, err)
		}
	}
	// The same letters at two places: a login may leave two answers open.
	twins := []Common{{answer(t, "abcdefgh"), 1}, {answer(t, "abcdefgx"), 1}}
	g, _ = NewGuesser(twins, 8, 4)
	chances, err = g.Chances(100, Stream([]byte("w")))
	if c := chances[1]; err != nil || c.First < .75 || c.First > .95 || c.Three < .999 {
		t.Errorf("twins: %v", c)
	}
	// More logins than sets: nothing is left to draw, and it ends.
	if c := chances[100]; c.First < .999 {
		t.Errorf("%v", c)
	}
}
