// Package person reads a PINphrase prompt as a person would and gives what the person types.
// The demo and the trial of the quickstart log in with it. It knows nothing but the sentence:
// whether that can be understood is what they show.
package person

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// asked finds the two parts of a prompt: which characters, and of what.
var asked = regexp.MustCompile(`(?:the|das) (.+) (?:character|Zeichen) (.+)\.$`)

// Characters gives for the 1st, 3rd, 4th and last character of a place of birth "HIDG".
// answers are by the words with which the prompt names the question, "of your place of birth",
// and hold letters only, since spaces do not count.
func Characters(prompt string, answers map[string]string) (string, error) {
	parts := asked.FindStringSubmatch(strings.TrimSpace(prompt))
	if parts == nil {
		return "", fmt.Errorf("no question in the prompt %q", prompt)
	}
	answer, ok := answers[parts[2]]
	if !ok {
		return "", fmt.Errorf("no answer to %q", prompt)
	}
	return pick([]rune(answer), parts[1])
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
