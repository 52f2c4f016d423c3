package appliance

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// question is one of the pool, with what everybody here answers to it.
type question struct {
	id, german, message, english string // how the prompt names it; message is German in a message
	minimum                      int
	answer                       string
}

var questions = [...]question{
	{"birthplace", "von Ihrem Geburtsort", "Ihres Geburtsorts", "of your place of birth", 8, "Heidelberg"},
	{"first_car", "von Ihrem ersten Auto", "Ihres ersten Autos", "of your first car", 8, "Volkswagen"},
	{"mothers_maiden_name", "vom Mädchennamen Ihrer Mutter", "des Mädchennamens Ihrer Mutter", "of your mother's maiden name", 6, "Müller"},
	{"first_holiday", "von Ihrem ersten Urlaubsort", "Ihres ersten Urlaubsorts", "of your first holiday resort", 8, "Tegernsee"},
	{"pet", "vom Namen Ihres Haustiers", "des Namens Ihres Haustiers", "of the name of your pet", 5, "Bello"},
	{"football_club", "von Ihrem Lieblings-Fußballverein", "Ihres Lieblings-Fußballvereins", "of your favourite football club", 8, "FCBayern"},
}

var (
	asked     = regexp.MustCompile(`PINphrase: .*(?:the|das) (.+) (?:character|Zeichen) (.+?)(?: ein)?\.`)
	separator = regexp.MustCompile(`, | and | und `)
)

// Right is what a person types who reads the prompt and knows the answer.
func Right(t testing.TB, prompt string) string {
	t.Helper()
	typed, err := characters(prompt)
	if err != nil {
		t.Fatal(err)
	}
	return typed
}

// Of is what a person types who knows the whole answer that a prompt asks of, such as a code word.
func Of(t testing.TB, prompt, answer string) string {
	t.Helper()
	parts := asked.FindStringSubmatch(prompt)
	if parts == nil {
		t.Fatalf("no question in the prompt %q", prompt)
	}
	typed, err := pick([]rune(strings.ReplaceAll(answer, " ", "")), parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return typed
}

// Wrong is as long as the right characters, and none of them: no answer has a Q.
func Wrong(t testing.TB, prompt string) string {
	t.Helper()
	return strings.Repeat("Q", len([]rune(Right(t, prompt))))
}

func characters(prompt string) (string, error) {
	parts := asked.FindStringSubmatch(prompt)
	if parts == nil {
		return "", fmt.Errorf("no question in the prompt %q", prompt)
	}
	for _, q := range questions {
		if parts[2] == q.german || parts[2] == q.message || parts[2] == q.english {
			return pick([]rune(q.answer), parts[1])
		}
	}
	return "", fmt.Errorf("nobody has an answer to %q", prompt)
}

func pick(letters []rune, list string) (string, error) {
	var picked strings.Builder
	for _, said := range separator.Split(list, -1) {
		n, err := strconv.Atoi(strings.TrimRight(said, ".stndrh"))
		switch said {
		case "last", "letzte":
			n, err = len(letters), nil
		case "second to last", "vorletzte":
			n, err = len(letters)-1, nil
		}
		if err != nil || n < 1 || n > len(letters) {
			return "", fmt.Errorf("no %q character in an answer of %d", said, len(letters))
		}
		picked.WriteRune(letters[n-1])
	}
	return picked.String(), nil
}
