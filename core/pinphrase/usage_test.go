package pinphrase

import (
	"crypto/rand"
	"errors"
	"math"
	"slices"
	"testing"
)

func TestExposure(t *testing.T) {
	for _, c := range []struct {
		n, m int
		seen Set
		want float64
	}{
		{8, 4, 0, 0}, {8, 4, NewSet(1, 2, 3), 0}, {8, 4, NewSet(1, 2, 3, 4), 1.0 / 70},
		{8, 4, NewSet(1, 2, 3, 4, 5, 6), 15.0 / 70}, {8, 4, 255, 1}, {8, 4, ^Set(0), 1},
		{64, 8, ^Set(0), 1}, {64, 8, 255, 1 / 4426165368.0},
	} {
		if got := Exposure(c.n, c.m, c.seen); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("Exposure(%d,%d,%v) = %v, want %v", c.n, c.m, c.seen.Positions(), got, c.want)
		}
	}
	if got := Exposure(3, 4, 7); !math.IsNaN(got) {
		t.Errorf("Exposure of what cannot be asked: %v", got)
	}
}

func TestChooseQuestion(t *testing.T) {
	s := Defaults() // warn at 30 %, stop at 60 %
	seen := func(k int) Set { return 1<<k - 1 }
	for _, c := range []struct {
		name           string
		candidates     []Candidate
		want           []int // any of these, each of them at some time
		pressed, renew bool
	}{
		{"never asked", []Candidate{{8, Usage{LastAsked: 1}}, {8, Usage{}}, {9, Usage{}}}, []int{1, 2}, false, false},
		{"least recently", []Candidate{{8, Usage{LastAsked: 7}}, {8, Usage{LastAsked: 3}}, {8, Usage{LastAsked: 5}}}, []int{1}, false, false},
		{"retired", []Candidate{{8, Usage{Retired: true}}, {8, Usage{LastAsked: 9}}}, []int{1}, false, false},
		{"too short", []Candidate{{4, Usage{}}, {8, Usage{LastAsked: 9}}}, []int{1}, false, false},
		{"too exposed", []Candidate{{8, Usage{Seen: seen(8)}}, {8, Usage{LastAsked: 9}}}, []int{1}, false, false},
		{"soon too exposed", []Candidate{{8, Usage{Seen: seen(7)}}, {8, Usage{LastAsked: 9}}}, []int{0}, false, true},
		{"all exposed: the least", []Candidate{{8, Usage{Seen: seen(8)}}, {10, Usage{Seen: seen(9), LastAsked: 9}}, {8, Usage{Retired: true}}}, []int{1}, true, true},
		{"all exposed alike: the least recent", []Candidate{{8, Usage{Seen: seen(8), LastAsked: 4}}, {8, Usage{Seen: seen(8), LastAsked: 2}}}, []int{1}, true, true},
	} {
		var got []int
		for range 64 {
			choice, err := s.Choose(c.candidates, rand.Reader)
			if err != nil {
				t.Fatal(c.name, err)
			}
			if choice.Pressed != c.pressed || choice.Renew != c.renew {
				t.Errorf("%s: %+v", c.name, choice)
			}
			if !slices.Contains(got, choice.Index) {
				got = append(got, choice.Index)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	for name, candidates := range map[string][]Candidate{"none": nil, "all retired": {{8, Usage{Retired: true}}}, "all short": {{4, Usage{}}}} {
		if _, err := s.Choose(candidates, rand.Reader); !errors.Is(err, ErrNoQuestion) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.ExposureStop, s.ExposureWarn = 0, 0
	if choice, err := s.Choose([]Candidate{{8, Usage{Seen: seen(8)}}}, rand.Reader); err != nil || choice.Pressed || choice.Renew {
		t.Errorf("limits off: %+v, %v", choice, err)
	}
}

// A user's whole life: every challenge is fresh, no answer is asked twice before
// all others, and the end comes as ErrNoQuestion, not as a repetition.
func TestPrepareToTheEnd(t *testing.T) {
	s := Defaults()
	answers := []Answer{answer(t, "Bello"), answer(t, "Müller"), answer(t, "FCBayern")}
	candidates := make([]Candidate, len(answers))
	asked := map[[2]string]bool{}
	for i, a := range answers {
		candidates[i].Length = a.Len()
	}
	logins, warned, pressed, last := uint64(0), false, false, -1
	for {
		prepared, err := s.Prepare(candidates, func(i int) (Answer, error) { return answers[i], nil }, rand.Reader)
		for _, i := range prepared.Retired {
			candidates[i].Usage.Retired = true
		}
		if errors.Is(err, ErrNoQuestion) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		logins++
		i := prepared.Index
		key := [2]string{string(rune('a' + i)), prepared.Set.Spelled(answers[i]).Reveal()}
		if asked[key] {
			t.Fatalf("login %d asks for the same letters again", logins)
		}
		if last == i && !pressed && !candidates[(i+1)%3].Usage.Retired && logins < 4 {
			t.Errorf("login %d asks about answer %d again", logins, i)
		}
		asked[key], last = true, i
		warned, pressed = warned || prepared.Renew, pressed || prepared.Pressed
		candidates[i].Usage.Asked(prepared.Set, logins)
		candidates[i].Usage.Observed(prepared.Set)
	}
	if !warned || !pressed || logins < 40 {
		t.Errorf("%d logins, warned %v, pressed %v", logins, warned, pressed)
	}
	if _, err := s.Prepare(make([]Candidate, 1), func(int) (Answer, error) { return Answer{}, nil }, rand.Reader); !errors.Is(err, ErrNoQuestion) {
		t.Errorf("no answer at all: %v", err)
	}
	broken := errors.New("sealed with another key")
	if _, err := s.Prepare([]Candidate{{Length: 9, Usage: Usage{Used: []Set{15}}}}, func(int) (Answer, error) { return Answer{}, broken }, rand.Reader); !errors.Is(err, broken) {
		t.Errorf("unsealing failed: %v", err)
	}
}

func TestMark(t *testing.T) {
	seen := map[string]int{}
	random := Stream([]byte("mark"))
	for range 256 * 40 {
		mark, err := NewMark(random)
		if err != nil || len(mark) != 2 {
			t.Fatal(mark, err)
		}
		seen[mark]++
	}
	if len(seen) != 256 || seen["KX"] == 0 {
		t.Errorf("%d marks", len(seen))
	}
	if _, err := NewMark(emptyReader{}); err == nil {
		t.Error("a mark without randomness")
	}
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, errors.New("empty") }

// The first draw of an answer needs only its length, and is the one that the answer itself gives.
func TestTheFirstDrawOpensNothing(t *testing.T) {
	s := Defaults()
	a := answer(t, "Donaudampfschiff")
	for i := range 100 {
		key := []byte{byte(i)}
		want, err := Draw(a, s.Positions, nil, Stream(key))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Prepare([]Candidate{{Length: a.Len()}}, func(int) (Answer, error) {
			t.Fatal("the answer was opened")
			return a, nil
		}, Stream(key))
		if err != nil || got.Set != want {
			t.Fatal(got, err, want)
		}
	}
}
