package pinphrase

import (
	"testing"
)

// The worked examples of the published method and of its documentation, word for
// word. "vorletzte" and "letzte" are positions 8 and 10 of the answers.
func TestWorkedExamples(t *testing.T) {
	s := Defaults()
	question := func(id string) Question {
		q, ok := s.Question(id)
		if !ok {
			t.Fatalf("no question %s", id)
		}
		return q
	}
	heidelberg, tegernsee := answer(t, "Heidelberg"), answer(t, "Tegernsee")
	first, second := NewSet(1, 3, 4, 10), NewSet(1, 3, 5, 8)
	german, english := s.In("de", "en"), s.In("en", "de")
	for _, c := range []struct{ name, got, want string }{
		{"prompt de", german.Prompt(question("birthplace"), first, heidelberg.Len()),
			"PINphrase: Bitte wählen Sie das 1., 3., 4. und letzte Zeichen von Ihrem Geburtsort."},
		{"prompt en", english.Prompt(question("birthplace"), first, heidelberg.Len()),
			"PINphrase: Please enter the 1st, 3rd, 4th and last character of your place of birth."},
		{"message de", german.Message(question("first_holiday"), second, tegernsee.Len(), ""),
			"PINphrase: Bitte geben Sie das 1., 3., 5. und vorletzte Zeichen Ihres ersten Urlaubsorts ein."},
		{"message en", english.Message(question("first_holiday"), second, tegernsee.Len(), ""),
			"PINphrase: Please enter the 1st, 3rd, 5th and second to last character of your first holiday resort."},
		{"message with mark", german.Message(question("first_holiday"), second, tegernsee.Len(), "KX"),
			"PINphrase: Bitte geben Sie das 1., 3., 5. und vorletzte Zeichen Ihres ersten Urlaubsorts ein. (KX)"},
		{"mark prompt en", english.MarkPrompt("KX"), "PINphrase: Enter the characters asked for in message KX."},
		{"code word de", german.Prompt(CodeWordQuestion(), NewSet(1, 2, 5, 6), 6),
			"PINphrase: Bitte wählen Sie das 1., 2., vorletzte und letzte Zeichen von Ihrem Codewort."},
		{"ascii", german.Language().ASCII("wählen Sie «Straße»"), `waehlen Sie "Strasse"`},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, c.got, c.want)
		}
	}
	if n := len([]rune(german.Message(question("first_holiday"), second, tegernsee.Len(), ""))); n != 93 {
		t.Errorf("the German message has %d characters, want 93", n)
	}
	for _, reply := range []string{"H I D G", "hidg", "HIDG", "h-i-d-g"} {
		if got := heidelberg.Match(first, reply, true); got != Right {
			t.Errorf("Heidelberg, %q: %v", reply, got)
		}
	}
	if got := tegernsee.Match(second, "T G R E", true); got != Right {
		t.Errorf("Tegernsee: %v", got)
	}
}

func answer(t testing.TB, text string) Answer {
	t.Helper()
	a, err := Normalise(text)
	if err != nil {
		t.Fatalf("Normalise: %v", err)
	}
	return a
}
