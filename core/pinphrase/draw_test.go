package pinphrase

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/bits"
	"slices"
	"testing"
)

func TestSet(t *testing.T) {
	s := NewSet(64, 1, 3)
	if !slices.Equal(s.Positions(), []int{1, 3, 64}) || s.Len() != 3 || s != 1<<63|0b101 {
		t.Errorf("%v", s.Positions())
	}
	if got := NewSet(1, 3, 4, 10).Spelled(answer(t, "Heidelberg")).Reveal(); got != "hidg" {
		t.Errorf("spelled %q", got)
	}
	if got := NewSet(1, 2).Union(NewSet(2, 5)); got != NewSet(1, 2, 5) {
		t.Errorf("union %v", got.Positions())
	}
}

func TestChoose(t *testing.T) {
	for _, c := range [][3]uint64{{8, 4, 70}, {10, 4, 210}, {64, 8, 4426165368}, {4, 5, 0}, {5, 0, 1}, {64, 2, 2016}} {
		if got := choose(int(c[0]), int(c[1])); got != c[2] {
			t.Errorf("choose(%d,%d) = %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

// subsets enumerates all sets of m of n positions.
func subsets(n, m int) []Set {
	var all []Set
	for s := range uint64(1) << n {
		if bits.OnesCount64(s) == m {
			all = append(all, Set(s))
		}
	}
	return all
}

// Every answer is drawn until it is exhausted: no letters twice, no set twice,
// all words that the answer can spell, and only then ErrExhausted.
func TestDrawUntilExhausted(t *testing.T) {
	for _, c := range []struct {
		text string
		m    int
	}{{"Heidelberg", 4}, {"Bello", 4}, {"Volkswagen", 3}, {"abab abab", 4}, {"Mississippi", 5}, {"Großsachsen", 4}, {"Müüller", 3}, {"aaaaab", 2}} {
		a := answer(t, c.text)
		words := map[string]bool{}
		for _, s := range subsets(a.Len(), c.m) {
			words[s.Spelled(a).Reveal()] = true
		}
		var used []Set
		spelt := map[string]bool{}
		for {
			s, err := Draw(a, c.m, used, rand.Reader)
			if err != nil {
				if !errors.Is(err, ErrExhausted) {
					t.Fatal(err)
				}
				break
			}
			word := s.Spelled(a).Reveal()
			if s.Len() != c.m || s>>a.Len() != 0 || slices.Contains(used, s) || spelt[word] {
				t.Fatalf("%s: %v after %d draws is not fresh", c.text, s.Positions(), len(used))
			}
			used, spelt[word] = append(used, s), true
		}
		if len(used) != len(words) {
			t.Errorf("%s: exhausted after %d of %d words", c.text, len(used), len(words))
		}
	}
}

// An answer with more sets than could ever be enumerated, and few words.
func TestDrawFromALongPoorAnswer(t *testing.T) {
	a := answer(t, "abc"+string(bytes.Repeat([]byte("d"), 61)))
	var used []Set
	for {
		s, err := Draw(a, 8, used, rand.Reader)
		if errors.Is(err, ErrExhausted) {
			break
		}
		if err != nil || len(used) > 100 {
			t.Fatal(err, len(used))
		}
		used = append(used, s)
	}
	if len(used) != 8 { // a, b, c each there or not, then d
		t.Errorf("%d words, want 8", len(used))
	}
}

// The counted draw maps the ranks one to one to the fresh sets, so that it is as
// uniform as the rank.
func TestCountedDrawIsABijection(t *testing.T) {
	for _, c := range []struct {
		text string
		m    int
		used []Set
	}{
		{"Heidelberg", 4, []Set{NewSet(1, 2, 3, 4), NewSet(2, 5, 7, 10), NewSet(1, 3, 4, 10)}},
		{"Mississippi", 4, []Set{NewSet(1, 2, 3, 4), NewSet(2, 3, 9, 11), NewSet(3, 4, 6, 7)}},
		{"Großsachsen", 3, []Set{NewSet(4, 5, 6), NewSet(5, 8, 9)}},
		{"abcdef", 2, nil},
	} {
		a := answer(t, c.text)
		row, stale := plainRow(a), map[string]bool{}
		for _, s := range c.used {
			stale[spelled(s, row)] = true
		}
		want := map[Set]bool{}
		for _, s := range subsets(a.Len(), c.m) {
			if !stale[spelled(s, row)] {
				want[s] = true
			}
		}
		got := map[Set]bool{}
		width := (bits.Len(uint(len(want)-1)) + 7) / 8
		for rank := range len(want) {
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], uint64(rank))
			s, err := drawCounted(row, c.m, stale, bytes.NewReader(b[:width]))
			if err != nil || !want[s] {
				t.Fatalf("%s: rank %d gives %v, %v", c.text, rank, s.Positions(), err)
			}
			got[s] = true
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d ranks give %d sets", c.text, len(want), len(got))
		}
	}
}

// Chi-square over all fresh sets, from a fixed stream: it cannot fail by chance
// tomorrow. The bound is about six standard deviations.
func TestDrawIsUniform(t *testing.T) {
	a := answer(t, "Heidelberg")
	used := []Set{NewSet(1, 2, 3, 4), NewSet(2, 5, 7, 10)}
	stale := map[string]bool{}
	for _, s := range used {
		stale[s.Spelled(a).Reveal()] = true
	}
	count := map[Set]int{}
	for _, s := range subsets(10, 4) {
		if !stale[s.Spelled(a).Reveal()] {
			count[s] = 0
		}
	}
	cells := len(count)
	random := Stream([]byte("uniform"), "test")
	const each = 200
	for range each * cells {
		s, err := Draw(a, 4, used, random)
		if err != nil {
			t.Fatal(err)
		}
		count[s]++
	}
	if len(count) != cells {
		t.Fatal("a stale set was drawn")
	}
	chi := 0.0
	for _, n := range count {
		d := float64(n - each)
		chi += d * d / each
	}
	// Mean cells-1, variance 2(cells-1).
	if freedom := float64(cells - 1); chi < freedom-130 || chi > freedom+130 {
		t.Errorf("chi-square %.0f with %.0f degrees of freedom", chi, freedom)
	}
}

func TestDrawRefuses(t *testing.T) {
	a := answer(t, "Bello")
	for _, m := range []int{-1, 0, 1, 5, 6, 9} {
		if _, err := Draw(a, m, nil, rand.Reader); err == nil || errors.Is(err, ErrExhausted) {
			t.Errorf("%d of 5: %v", m, err)
		}
	}
	if _, err := Draw(a, 4, nil, bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Errorf("no randomness: %v", err)
	}
	if _, err := Draw(Answer{}, 4, nil, rand.Reader); err == nil {
		t.Error("drew from nothing")
	}
}

// Derived draws must be the same on every node and in every version: a change of
// these vectors would change the open challenge of every user who has not yet
// answered one.
func TestStreamVectors(t *testing.T) {
	b := make([]byte, 40)
	if _, err := io.ReadFull(Stream([]byte("key"), "a", "bc"), b); err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(b), "be49a643f5deff8b378f10eabb081bb987cabd9d1fc94842694c4b7a4a4b3604b670b26084f342fb"; got != want {
		t.Errorf("stream %s, want %s", got, want)
	}
	other := make([]byte, 40)
	_, _ = io.ReadFull(Stream([]byte("key"), "ab", "c"), other)
	if bytes.Equal(b, other) {
		t.Error("the context is not framed")
	}
	// The same bytes, however they are read.
	slow := make([]byte, 40)
	r := Stream([]byte("key"), "a", "bc")
	for i := range slow {
		_, _ = io.ReadFull(r, slow[i:i+1])
	}
	if !bytes.Equal(b, slow) {
		t.Error("the stream depends on how it is read")
	}
	s, err := Draw(answer(t, "Heidelberg"), 4, nil, Stream([]byte("key"), "user 1", "version 1", "default", "prompt"))
	if err != nil || !slices.Equal(s.Positions(), []int{2, 4, 7, 8}) {
		t.Errorf("draw %v, %v, want 2 4 7 8", s.Positions(), err)
	}
}

func FuzzDraw(f *testing.F) {
	f.Add("Heidelberg", 4, []byte("abcdefgh"))
	f.Add("Mississippi", 5, []byte{})
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 8, []byte{1})
	f.Add("Großsachsen", 3, []byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, text string, m int, seed []byte) {
		a, err := Normalise(text)
		if err != nil {
			return
		}
		random := Stream(seed)
		var used []Set
		spelt := map[string]bool{}
		for range 20 {
			s, err := Draw(a, m, used, random)
			if err != nil {
				if m >= MinPositions && m <= MaxPositions && m < a.Len() && !errors.Is(err, ErrExhausted) {
					t.Fatal(err)
				}
				if errors.Is(err, ErrExhausted) && len(used) == 0 {
					t.Fatal("exhausted at once")
				}
				return
			}
			word := s.Spelled(a).Reveal()
			positions := s.Positions()
			if len(positions) != m || positions[m-1] > a.Len() || spelt[word] {
				t.Fatalf("%v of %d is not fresh", positions, a.Len())
			}
			used, spelt[word] = append(used, s), true
		}
	})
}

func BenchmarkDraw(b *testing.B) {
	a := answer(b, "Heidelberg")
	used := []Set{NewSet(1, 2, 3, 4), NewSet(2, 5, 7, 10), NewSet(1, 3, 4, 10)}
	for b.Loop() {
		if _, err := Draw(a, 4, used, rand.Reader); err != nil {
			b.Fatal(err)
		}
	}
}
