package load

import (
	"bytes"
	"errors"
)

// errPrompt: the prompt is none that a person could answer who reads English.
var errPrompt = errors.New("load: the prompt cannot be read")

// maxAsked is the most characters that one prompt asks for.
const maxAsked = 16

// asked is what a prompt asks for: positions of the answer, and the phrase that names the
// question. A position counts from 1; those that are not positive count from the end: 0 is the
// last character, -1 the second to last.
type asked struct {
	positions [maxAsked]int
	count     int
	phrase    []byte // part of the prompt
}

var (
	beforePositions = []byte("enter the ")
	afterPositions  = []byte(" character ")
	comma           = []byte(", ")
	and             = []byte(" and ")
)

// readPrompt reads "… enter the 1st, 3rd, 4th and last character of your place of birth."
func readPrompt(prompt []byte) (a asked, err error) {
	_, rest, ok := bytes.Cut(prompt, beforePositions)
	list, phrase, ok2 := bytes.Cut(rest, afterPositions)
	if !ok || !ok2 {
		return a, errPrompt
	}
	a.phrase = bytes.TrimRight(phrase, ". ")
	for more := true; more; {
		var word []byte
		if word, list, more = bytes.Cut(list, comma); !more {
			if word, list, more = bytes.Cut(word, and); more && bytes.Contains(list, and) {
				return a, errPrompt
			}
		}
		if a.count == maxAsked {
			return a, errPrompt
		}
		if a.positions[a.count], err = readPosition(word); err != nil {
			return a, err
		}
		a.count++
	}
	return a, nil
}

// readPosition reads "1st", "12th", "last" or "second to last".
func readPosition(word []byte) (int, error) {
	switch string(word) {
	case "last":
		return 0, nil
	case "second to last":
		return -1, nil
	}
	n, digits := 0, 0
	for digits < len(word) && word[digits] >= '0' && word[digits] <= '9' && digits < 4 {
		n = 10*n + int(word[digits]-'0')
		digits++
	}
	switch string(word[digits:]) {
	case "st", "nd", "rd", "th":
		if n > 0 {
			return n, nil
		}
	}
	return 0, errPrompt
}

// appendCharacters appends the characters of answer that are asked for.
func (a *asked) appendCharacters(dst, answer []byte) ([]byte, error) {
	for _, p := range a.positions[:a.count] {
		if p <= 0 {
			p += len(answer)
		}
		if p < 1 || p > len(answer) {
			return dst, errPrompt
		}
		dst = append(dst, answer[p-1])
	}
	return dst, nil
}
