package language

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"regexp"
	"slices"
	"testing"
)

func TestDictionaries(t *testing.T) {
	word := regexp.MustCompile(`^[a-z]{4,9}$`)
	for _, tag := range Known() {
		words := Dictionary(tag)
		if len(words) != DictionarySize {
			t.Errorf("%s: %d words, want %d", tag, len(words), DictionarySize)
		}
		if !slices.IsSorted(words) || len(slices.Compact(slices.Clone(words))) != len(words) {
			t.Errorf("%s: not sorted, or a word stands there twice", tag)
		}
		for _, w := range words {
			if !word.MatchString(w) {
				t.Errorf("%s: %q", tag, w)
			}
		}
		// A single word must still be worth ten bits.
		if n := len(longWords(words)); n < 1024 {
			t.Errorf("%s: only %d long words", tag, n)
		}
	}
	if slices.Equal(Dictionary(German), Dictionary(English)) {
		t.Error("two languages have one dictionary")
	}
}

func TestCodeWords(t *testing.T) {
	// The draw is fixed by its bytes: 0x0000 is the first word, 2047 the last.
	words, err := CodeWords(English, 2, bytes.NewReader([]byte{0, 0, 0x07, 0xff}))
	dictionary := Dictionary(English)
	if err != nil || !slices.Equal(words, []string{dictionary[0], dictionary[2047]}) {
		t.Errorf("%v, %v", words, err)
	}
	for range 2000 {
		words, err := CodeWords(German, 1, rand.Reader)
		if err != nil || len(words) != 1 || len(words[0]) < SingleWordLetters {
			t.Fatalf("one word: %v, %v", words, err)
		}
	}
	for _, n := range []int{-1, 0, MaxCodeWords + 1} {
		if _, err := CodeWords(English, n, rand.Reader); err == nil {
			t.Errorf("%d words were drawn", n)
		}
	}
	if _, err := CodeWords(English, 4, bytes.NewReader([]byte{1})); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short randomness: %v", err)
	}
}

// A draw beyond the largest multiple of the size is thrown away.
func TestNoModuloBias(t *testing.T) {
	n, err := below(bytes.NewReader([]byte{0xff, 0xff, 0, 5}), 1000)
	if n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// The German words were chosen so that one slip of a letter never gives another.
func TestGermanWordsAreFarApart(t *testing.T) {
	words := Dictionary(German)
	known := make(map[string]bool, len(words))
	for _, w := range words {
		known[w] = true
	}
	for _, w := range words {
		for i := range len(w) {
			if other := w[:i] + w[i+1:]; known[other] {
				t.Errorf("%s and %s", w, other)
			}
			for c := byte('a'); c <= 'z'; c++ {
				if other := w[:i] + string(c) + w[i+1:]; other != w && known[other] {
					t.Errorf("%s and %s", w, other)
				}
			}
		}
	}
}
