package language

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// DictionarySize is the number of words of each dictionary: 11 bits a word, so
// that four words carry 44 bits.
const DictionarySize = 2048

// SingleWordLetters is the least length of a code word that stands alone: it
// must be longer than the number of positions asked, and a short one would be
// half typed at its only login.
const SingleWordLetters = 6

// MaxCodeWords bounds n of CodeWords.
const MaxCodeWords = 8

// CodeWords draws n words (1 to MaxCodeWords) of the dictionary of t, each
// independently and uniformly, from random (crypto/rand.Reader in service).
// With n = 1 only the words of at least SingleWordLetters take part. Joined
// they are the code word; written with spaces or hyphens between them they stay
// the same answer.
func CodeWords(t Tag, n int, random io.Reader) ([]string, error) {
	if n < 1 || n > MaxCodeWords {
		return nil, fmt.Errorf("language: a code word has 1 to %d words, not %d", MaxCodeWords, n)
	}
	dictionary := In(t).words()
	if n == 1 {
		dictionary = longWords(dictionary)
	}
	words := make([]string, 0, n)
	for len(words) < n {
		i, err := below(random, len(dictionary))
		if err != nil {
			return nil, fmt.Errorf("language: drawing a code word: %w", err)
		}
		words = append(words, dictionary[i])
	}
	return words, nil
}

// Dictionary gives the words of t, sorted, DictionarySize of them.
func Dictionary(t Tag) []string { return slices.Clone(In(t).words()) }

// dictionary splits a file of words, one a line, when it is first asked for.
func dictionary(file string) func() []string {
	return sync.OnceValue(func() []string { return strings.Fields(file) })
}

func longWords(words []string) []string {
	var long []string
	for _, w := range words {
		if len(w) >= SingleWordLetters {
			long = append(long, w)
		}
	}
	return long
}

// below draws a number in [0,n), n at most 65536, without modulo bias: draws
// beyond the largest multiple of n are thrown away.
func below(random io.Reader, n int) (int, error) {
	limit := 65536 / n * n
	for {
		var b [2]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return 0, err
		}
		if v := int(binary.BigEndian.Uint16(b[:])); v < limit {
			return v % n, nil
		}
	}
}
