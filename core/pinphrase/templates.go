package pinphrase

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/latchkey/latchkey/core/language"
)

// Templates are the sentences of one language; an empty one means the default.
// Placeholders are {positions}, {phrase} and {mark}.
type Templates struct {
	// Prompt asks on the same screen. It needs {positions}.
	Prompt string `json:"prompt,omitempty"`
	// Message asks on a separate device. It needs {positions}; {mark} is appended
	// in brackets where it has none.
	Message string `json:"message,omitempty"`
	// MarkPrompt stands on the screen while the question is on the device. It
	// needs {mark} and may name neither {positions} nor {phrase}.
	MarkPrompt string `json:"mark_prompt,omitempty"`
}

// DefaultTemplates are the built-in sentences of a language.
func DefaultTemplates(tag language.Tag) Templates {
	p := language.In(tag).PINphrase
	return Templates{Prompt: p.Prompt, Message: p.Message, MarkPrompt: p.MarkPrompt}
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// Validate checks the sentences that are set. Errors are of type *KeyError with
// the key of the sentence.
func (t Templates) Validate() error {
	rules := []struct {
		key, text       string
		needs, may, not []string
	}{
		{"prompt", t.Prompt, []string{"{positions}"}, []string{"{phrase}"}, nil},
		{"message", t.Message, []string{"{positions}"}, []string{"{phrase}", "{mark}"}, nil},
		{"mark_prompt", t.MarkPrompt, []string{"{mark}"}, nil, []string{"{positions}", "{phrase}"}},
	}
	var problems problems
	for _, rule := range rules {
		if rule.text == "" {
			continue
		}
		for _, need := range rule.needs {
			if !strings.Contains(rule.text, need) {
				problems.add(rule.key, "lacks "+need, "the user could not tell what is asked for")
			}
		}
		for _, found := range placeholder.FindAllString(rule.text, -1) {
			switch {
			case slices.Contains(rule.not, found):
				problems.add(rule.key, "contains "+found, "the screen must not show what the device asks")
			case !slices.Contains(rule.needs, found) && !slices.Contains(rule.may, found):
				problems.add(rule.key, fmt.Sprintf("has the unknown placeholder %q", found),
					"here "+strings.Join(append(rule.needs, rule.may...), " and ")+" can be filled in")
			}
		}
		if bare := placeholder.ReplaceAllString(rule.text, ""); strings.ContainsAny(bare, "{}\x00\r\n") {
			problems.add(rule.key, "has a stray brace or a line break", "braces stand around placeholders only")
		}
	}
	return problems.join()
}

// Form is where a question is shown.
type Form int

// The two forms. Challenges of one are never shown in the other.
const (
	PromptForm  Form = iota // on the screen where the reply is typed: 1.5 factor
	MessageForm             // on a separate device: 2 factor
)

// Texts renders the prompts of a login in one language: the configured sentences
// over the default ones.
type Texts struct {
	language  *language.Language
	templates Templates
	fallback  language.Tag
}

// In gives the texts for a reader of tag. Questions without a wording in that
// language are put in the language of fallback.
func (s Settings) In(tag, fallback language.Tag) Texts {
	tag = language.Best(tag, fallback)
	t := DefaultTemplates(tag)
	own := s.Templates[tag]
	t.Prompt = first(own.Prompt, t.Prompt)
	t.Message = first(own.Message, t.Message)
	t.MarkPrompt = first(own.MarkPrompt, t.MarkPrompt)
	return Texts{language: language.In(tag), templates: t, fallback: fallback}
}

// Language is the language that the texts are in.
func (t Texts) Language() *language.Language { return t.language }

// Prompt puts the question for the characters at set of an answer of n
// characters, for the screen.
func (t Texts) Prompt(q Question, set Set, n int) string {
	return t.fill(t.templates.Prompt, q.phrase(PromptForm, t.language.Tag, t.fallback), set, n, "")
}

// Message puts the question for a separate device. With a mark it ends in the
// mark in brackets, unless the template places it.
func (t Texts) Message(q Question, set Set, n int, mark string) string {
	template := t.templates.Message
	if mark != "" && !strings.Contains(template, "{mark}") {
		template += " ({mark})"
	}
	return t.fill(template, q.phrase(MessageForm, t.language.Tag, t.fallback), set, n, mark)
}

// MarkPrompt says on the screen that the question is in the message with this
// mark.
func (t Texts) MarkPrompt(mark string) string {
	return strings.ReplaceAll(t.templates.MarkPrompt, "{mark}", mark)
}

func (t Texts) fill(template, phrase string, set Set, n int, mark string) string {
	// One after the other: a Replacer costs more to make than to use.
	text := strings.ReplaceAll(template, "{positions}", t.language.Positions(set.Positions(), n))
	text = strings.ReplaceAll(text, "{mark}", mark)
	return strings.ReplaceAll(text, "{phrase}", phrase)
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
