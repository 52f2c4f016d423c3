package pinphrase

import (
	"github.com/latchkey/latchkey/core/language"
)

// CodeWordID is the reserved id of the built-in question for the code word.
const CodeWordID = "code_word"

// Question is one of the pool. Grammar cannot be derived, so each language has
// its own wordings.
type Question struct {
	ID string `json:"id"`
	// Label asks for the whole answer, at enrolment: "Place of birth?".
	Label map[language.Tag]string `json:"label"`
	// Phrase stands in a prompt, with its own preposition and case: "of your
	// place of birth", "von Ihrem Geburtsort".
	Phrase map[language.Tag]string `json:"phrase"`
	// MessagePhrase stands in a message where that needs another case: "Ihres
	// ersten Urlaubsorts". Without it Phrase serves.
	MessagePhrase map[language.Tag]string `json:"message_phrase,omitempty"`
	// MinimumLength of the answer in characters; 0 means that of the settings.
	MinimumLength int `json:"minimum_length,omitempty"`
	// Common names the lists of common answers to it: those that come with the product, and
	// those of Settings.Lists.
	Common []string `json:"common,omitempty"`
}

// CodeWordQuestion is the built-in question for the code word of a new user. Its
// answer has no minimum but that of the number of positions.
func CodeWordQuestion() Question {
	q := Question{ID: CodeWordID, Label: map[language.Tag]string{}, Phrase: map[language.Tag]string{}}
	for _, tag := range language.Known() {
		p := language.In(tag).PINphrase
		q.Label[tag], q.Phrase[tag] = p.CodeWordLabel, p.CodeWordPhrase
	}
	return q
}

// LabelIn gives the label for a reader of tag, or of fallback, or the id.
func (q Question) LabelIn(tag, fallback language.Tag) string {
	if label, _, ok := language.Pick(q.Label, tag, fallback); ok {
		return label
	}
	return q.ID
}

func (q Question) phrase(form Form, tag, fallback language.Tag) string {
	if form == MessageForm && q.MessagePhrase[tag] != "" {
		return q.MessagePhrase[tag]
	}
	phrase, _, _ := language.Pick(q.Phrase, tag, fallback)
	return phrase
}
