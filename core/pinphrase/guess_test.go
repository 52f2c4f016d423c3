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
