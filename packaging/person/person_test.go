package person

import "testing"

var answers = map[string]string{
	"von Ihrem Geburtsort":              "Heidelberg",
	"of your place of birth":            "Heidelberg",
	"of your first holiday resort":      "Tegernsee",
	"of your mother's maiden name":      "Müller",
	"von Ihrem Lieblings-Fußballverein": "FCBayern",
}

func TestCharacters(t *testing.T) {
	for _, c := range []struct{ prompt, typed string }{
		{"PINphrase: Bitte wählen Sie das 1., 3., 4. und letzte Zeichen von Ihrem Geburtsort.", "HIDG"},
		{"PINphrase: Please enter the 1st, 3rd, 4th and last character of your place of birth.", "HIDG"},
		{"PINphrase: Please enter the 1st, 3rd, 5th and second to last character of your first holiday resort.", "TGRE"},
		{"PINphrase: Please enter the 1st, 2nd, second to last and last character of your mother's maiden name.\n", "MÜER"},
		{"PINphrase: Bitte wählen Sie das 2., 3., vorletzte und letzte Zeichen von Ihrem Lieblings-Fußballverein.", "CBRN"},
	} {
		if typed, err := Characters(c.prompt, answers); err != nil || typed != c.typed {
			t.Errorf("%q: typed %q, %v; want %q", c.prompt, typed, err, c.typed)
		}
	}
	for _, prompt := range []string{
		"",
		"Password: ",
		"PINphrase: Please enter the 1st, 3rd, 4th and last character of your favourite colour.",
		"PINphrase: Please enter the 1st, 3rd, 4th and 11th character of your place of birth.",
		"PINphrase: Please enter the 0th character of your place of birth.",
		"PINphrase: Please enter the first character of your place of birth.",
	} {
		if typed, err := Characters(prompt, answers); err == nil {
			t.Errorf("%q: typed %q, want an error", prompt, typed)
		}
	}
}
