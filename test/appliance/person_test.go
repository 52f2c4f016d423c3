package appliance

import "testing"

func TestCharacters(t *testing.T) {
	for _, c := range []struct{ prompt, typed string }{
		{"PINphrase: Bitte wählen Sie das 1., 3., 4. und letzte Zeichen von Ihrem Geburtsort.", "Hidg"},
		{"PINphrase: Please enter the 1st, 3rd, 4th and last character of your place of birth. ", "Hidg"},
		{"PINphrase: Please enter the 1st, 2nd, second to last and last character of your mother's maiden name.", "Müer"},
		{"PINphrase: Bitte wählen Sie das 2., 3., vorletzte und letzte Zeichen von Ihrem Lieblings-Fußballverein.", "CBrn"},
	} {
		if typed, err := characters(c.prompt); err != nil || typed != c.typed {
			t.Errorf("%q: typed %q, %v; want %q", c.prompt, typed, err, c.typed)
		}
	}
	for _, prompt := range []string{
		"",
		"Password: ",
		"PINphrase: Please enter the 1st character of your favourite colour.",
		"PINphrase: Please enter the 1st and 11th character of your place of birth.",
		"PINphrase: Please enter the 0th character of your place of birth.",
	} {
		if typed, err := characters(prompt); err == nil {
			t.Errorf("%q: typed %q, want an error", prompt, typed)
		}
	}
}
