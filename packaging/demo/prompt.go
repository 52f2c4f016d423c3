package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// question is one of the pool, with what lutz answers to it.
type question struct {
	id, german, english string // how the prompt names it
	minimum             int    // letters that an answer must have; 0: the pool's
	answer              string
}

// answers are those of the seed of PINphrase. Three of them are shorter than what is asked
// for by default, so their questions are less strict.
var answers = []question{
	{"birthplace", "von Ihrem Geburtsort", "of your place of birth", 0, "Heidelberg"},
	{"first_car", "von Ihrem ersten Auto", "of your first car", 0, "Volkswagen"},
	{"mothers_maiden_name", "vom Mädchennamen Ihrer Mutter", "of your mother's maiden name", 6, "Müller"},
	{"first_holiday", "von Ihrem ersten Urlaubsort", "of your first holiday resort", 0, "Tegernsee"},
	{"pet", "vom Namen Ihres Haustiers", "of the name of your pet", 5, "Bello"},
	{"football_club", "von Ihrem Lieblings-Fußballverein", "of your favourite football club", 0, "FCBayern"},
}

// asked finds the two parts of a prompt: which characters, and of what.
var asked = regexp.MustCompile(`(?:the|das) (.+) (?:character|Zeichen) (.+)\.$`)

// characters reads a prompt as lutz would, and gives what he types: for the 1st, 3rd, 4th and
// last character of his place of birth "HIDG".
func characters(prompt string) (string, error) {
	parts := asked.FindStringSubmatch(strings.TrimSpace(prompt))
	if parts == nil {
		return "", fmt.Errorf("no question in the prompt %q", prompt)
	}
	for _, q := range answers {
		if parts[2] == q.german || parts[2] == q.english {
			return pick([]rune(q.answer), parts[1])
		}
	}
	return "", fmt.Errorf("lutz has no answer to %q", prompt)
}

// pick takes the letters that a list such as "1st, 3rd and second to last" names.
func pick(letters []rune, list string) (string, error) {
	var picked strings.Builder
	for _, said := range regexp.MustCompile(`, | and | und `).Split(list, -1) {
		position, err := position(said, len(letters))
		if err != nil {
			return "", err
		}
		picked.WriteRune(letters[position-1])
	}
	return strings.ToUpper(picked.String()), nil
}

func position(said string, letters int) (int, error) {
	switch said {
	case "last", "letzte":
		return letters, nil
	case "second to last", "vorletzte":
		return letters - 1, nil
	}
	n, err := strconv.Atoi(strings.TrimRight(said, ".stndrh"))
	if err != nil || n < 1 || n > letters {
		return 0, fmt.Errorf("no %q character in an answer of %d", said, letters)
	}
	return n, nil
}
