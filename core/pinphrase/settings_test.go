package pinphrase

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core/language"
)

func TestDefaultsAreValid(t *testing.T) {
	for _, tag := range language.Known() {
		if err := Defaults().Validate(tag); err != nil {
			t.Errorf("%s: %v", tag, err)
		}
		if err := DefaultTemplates(tag).Validate(); err != nil {
			t.Errorf("templates %s: %v", tag, err)
		}
	}
	if n := len(SampleQuestions()); n != 10 {
		t.Errorf("%d sample questions", n)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
		keys   []string
	}{
		{"one position", func(s *Settings) { s.Positions = 1 }, []string{"positions"}},
		{"nine positions", func(s *Settings) { s.Positions = 9 }, []string{"positions", "minimum_length"}},
		{"the whole answer", func(s *Settings) { s.MinimumLength = 4 }, []string{"minimum_length"}},
		{"too long", func(s *Settings) { s.MinimumLength = 65 }, []string{"minimum_length"}},
		{"no answers", func(s *Settings) { s.MinimumAnswers = 0 }, []string{"minimum_answers"}},
		{"more answers than questions", func(s *Settings) { s.MinimumAnswers = 11 }, []string{"minimum_answers"}},
		{"a share of 30", func(s *Settings) { s.ExposureWarn = 30; s.ExposureStop = 60 }, []string{"exposure.stop", "exposure.warn"}},
		{"warned too late", func(s *Settings) { s.ExposureWarn = .7 }, []string{"exposure.warn"}},
		{"never warned", func(s *Settings) { s.ExposureWarn = 0; s.ExposureStop = 0 }, nil},
		{"reserved id", func(s *Settings) { s.Questions[2].ID = CodeWordID }, []string{"questions[2].id"}},
		{"two of one id", func(s *Settings) { s.Questions[2].ID = "pet" }, []string{"questions[4].id"}},
		{"bad id", func(s *Settings) { s.Questions[1].ID = "First Car" }, []string{"questions[1].id"}},
		{"own minimum too small", func(s *Settings) { s.Questions[4].MinimumLength = 4 }, []string{"questions[4].minimum_length"}},
		{"own minimum", func(s *Settings) { s.Questions[4].MinimumLength = 5 }, nil},
		{"no German label", func(s *Settings) { delete(s.Questions[0].Label, "de") }, []string{"questions[0].label.de"}},
		{"no English label", func(s *Settings) { delete(s.Questions[0].Label, "en") }, nil},
		{"empty phrase", func(s *Settings) { s.Questions[0].Phrase["en"] = "" }, []string{"questions[0].phrase.en"}},
		{"unknown language", func(s *Settings) { s.Questions[0].Phrase["tlh"] = "x" }, []string{"questions[0].phrase.tlh"}},
		{"no positions", func(s *Settings) { s.Templates = templates("en", Templates{Prompt: "Your {phrase}?"}) }, []string{"templates.en.prompt"}},
		{"no positions in a message", func(s *Settings) { s.Templates = templates("en", Templates{Message: "{phrase} {mark}"}) }, []string{"templates.en.message"}},
		{"unknown placeholder", func(s *Settings) { s.Templates = templates("de", Templates{Prompt: "{positions} {name}"}) }, []string{"templates.de.prompt"}},
		{"stray brace", func(s *Settings) { s.Templates = templates("de", Templates{Prompt: "{positions} {{x"}) }, []string{"templates.de.prompt"}},
		{"mark prompt tells", func(s *Settings) { s.Templates = templates("de", Templates{MarkPrompt: "{positions} {mark}"}) }, []string{"templates.de.mark_prompt"}},
		{"mark prompt without mark", func(s *Settings) { s.Templates = templates("de", Templates{MarkPrompt: "Code?"}) }, []string{"templates.de.mark_prompt"}},
		{"templates of an unknown language", func(s *Settings) { s.Templates = templates("tlh", Templates{}) }, []string{"templates.tlh"}},
		{"own templates", func(s *Settings) {
			s.Templates = templates("de", Templates{"{positions} {phrase}", "{mark}: {positions}", "{mark}?"})
		}, nil},
	} {
		s := Defaults()
		c.change(&s)
		var keys []string
		if err := s.Validate("de"); err != nil {
			for _, part := range err.(interface{ Unwrap() []error }).Unwrap() {
				fault := part.(*KeyError)
				keys = append(keys, fault.Key)
				if !strings.HasPrefix(fault.Error(), "pinphrase."+fault.Key+": ") {
					t.Errorf("%s: %v", c.name, fault)
				}
			}
		}
		slices.Sort(keys)
		slices.Sort(c.keys)
		if !slices.Equal(keys, c.keys) {
			t.Errorf("%s: %v, want %v", c.name, keys, c.keys)
		}
	}
}

func templates(tag language.Tag, t Templates) map[language.Tag]Templates {
	return map[language.Tag]Templates{tag: t}
}

func TestOwnTemplates(t *testing.T) {
	s := Defaults()
	s.Templates = templates("en", Templates{Prompt: "Give {positions} {phrase}", Message: "{mark}: {positions}"})
	q, _ := s.Question("pet")
	texts, set := s.In("en", "de"), NewSet(1, 2, 3, 5)
	for _, c := range []struct{ got, want string }{
		{texts.Prompt(q, set, 5), "Give 1st, 2nd, 3rd and last of the name of your pet"},
		{texts.Message(q, set, 5, "KX"), "KX: 1st, 2nd, 3rd and last"},
		{texts.MarkPrompt("KX"), "PINphrase: Enter the characters asked for in message KX."},
		{s.In("fr", "de").Prompt(q, set, 5), "PINphrase: Bitte wählen Sie das 1., 2., 3. und letzte Zeichen vom Namen Ihres Haustiers."},
		{q.LabelIn("fr", "en"), "Name of your pet?"},
		{Question{ID: "x"}.LabelIn("de", "en"), "x"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	// A phrase that looks like a placeholder is text.
	odd := Question{ID: "odd", Phrase: map[language.Tag]string{"en": "of {mark}"}}
	if got := s.In("en", "en").Prompt(odd, set, 5); got != "Give 1st, 2nd, 3rd and last of {mark}" {
		t.Errorf("%q", got)
	}
}

// A question that has a wording in another language only is still put into words.
func TestEveryPromptOfTheSample(t *testing.T) {
	s := Defaults()
	for _, tag := range language.Known() {
		texts := s.In(tag, "de")
		for _, q := range append(s.Questions, CodeWordQuestion()) {
			for _, text := range []string{texts.Prompt(q, NewSet(1, 3, 4, 9), 9), texts.Message(q, NewSet(1, 3, 4, 9), 9, "KX")} {
				if strings.ContainsAny(text, "{}") || strings.Contains(text, "  ") {
					t.Errorf("%s %s: %q", tag, q.ID, text)
				}
				if tag == language.German && len([]rune(text)) > 160 {
					t.Errorf("%s %s: %d characters are more than one SMS", tag, q.ID, len([]rune(text)))
				}
			}
		}
	}
	if fmt.Sprint(PromptForm) == fmt.Sprint(MessageForm) {
		t.Error("the forms are one")
	}
}
