package pinphrase

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/latchkey/latchkey/core/language"
)

// Settings of the method: what stands under `pinphrase:` in the configuration,
// as far as it concerns this package.
type Settings struct {
	Positions      int        // characters asked for, MinPositions to MaxPositions
	MinimumAnswers int        // of the pool, before a user is enrolled
	MinimumLength  int        // characters of an answer
	Questions      []Question // the pool
	ExposureWarn   float64    // share at which the user is asked to renew; 0: never
	ExposureStop   float64    // share at which an answer is asked no more; 0: never
	Equivalents    bool       // take ue for ü, ss for ß, e for é
	Templates      map[language.Tag]Templates
	CommonAnswers  CommonAnswers   // what happens to an answer that many people give
	Lists          map[string]List // the admin's own lists of common answers, by the name that questions use
}

// CommonAnswers says what happens at enrolment to an answer of a question's lists.
type CommonAnswers string

// The zero value warns.
const (
	CommonRefuse CommonAnswers = "refuse"
	CommonWarn   CommonAnswers = "warn"
	CommonAllow  CommonAnswers = "allow"
)

// Defaults are the settings of the shipped sample, with its ten questions.
func Defaults() Settings {
	return Settings{
		Positions:      4,
		MinimumAnswers: 6,
		MinimumLength:  8,
		Questions:      SampleQuestions(),
		ExposureWarn:   0.3,
		ExposureStop:   0.6,
		Equivalents:    true,
		CommonAnswers:  CommonWarn,
	}
}

// Question finds a question of the pool, or the built-in one, by its id.
func (s Settings) Question(id string) (Question, bool) {
	if id == CodeWordID {
		return CodeWordQuestion(), true
	}
	for _, q := range s.Questions {
		if q.ID == id {
			return q, true
		}
	}
	return Question{}, false
}

// Minimum is the least number of characters of an answer to q.
func (s Settings) Minimum(q Question) int {
	switch {
	case q.ID == CodeWordID:
		return s.Positions + 1
	case q.MinimumLength > 0:
		return q.MinimumLength
	default:
		return s.MinimumLength
	}
}

// KeyError is a fault of the settings at one key, relative to `pinphrase:`.
type KeyError struct {
	Key     string // "questions[2].phrase.de"
	Problem string
	Hint    string
}

func (e *KeyError) Error() string {
	text := "pinphrase." + e.Key + ": " + e.Problem
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// problems gathers KeyErrors, so that an admin sees all of them at once.
type problems []error

func (p *problems) add(key, problem, hint string) {
	*p = append(*p, &KeyError{Key: key, Problem: problem, Hint: hint})
}

func (p problems) join() error { return errors.Join(p...) }

var questionID = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// Validate checks the settings; every question needs its wording in the language
// fallback, which serves readers of languages without one. The error is the join
// of one *KeyError for each fault.
func (s Settings) Validate(fallback language.Tag) error {
	var p problems
	if s.Positions < MinPositions || s.Positions > MaxPositions {
		p.add("positions", fmt.Sprintf("is %d", s.Positions), fmt.Sprintf("from %d to %d characters can be asked for", MinPositions, MaxPositions))
	}
	p.length("minimum_length", s.MinimumLength, s.Positions)
	if s.MinimumAnswers < 1 {
		p.add("minimum_answers", fmt.Sprintf("is %d", s.MinimumAnswers), "a user needs at least one answer")
	}
	if s.MinimumAnswers > len(s.Questions) {
		p.add("minimum_answers", fmt.Sprintf("is %d, but there are %d questions", s.MinimumAnswers, len(s.Questions)), "no user could ever be enrolled")
	}
	p.share("exposure.warn", s.ExposureWarn)
	p.share("exposure.stop", s.ExposureStop)
	if s.ExposureStop > 0 && s.ExposureWarn > s.ExposureStop {
		p.add("exposure.warn", "is above exposure.stop", "the user would be asked to renew an answer only after it is out of use")
	}
	seen := map[string]bool{}
	for i, q := range s.Questions {
		p.question(fmt.Sprintf("questions[%d]", i), q, s.Positions, fallback, seen)
	}
	for _, tag := range sortedTags(s.Templates) {
		key := "templates." + string(tag)
		if !tag.Known() {
			p.add(key, "is no language known here", fmt.Sprintf("known are %v", language.Known()))
		}
		p.nested(key, s.Templates[tag].Validate())
	}
	return p.join()
}

func (p *problems) question(key string, q Question, positions int, fallback language.Tag, seen map[string]bool) {
	switch {
	case !questionID.MatchString(q.ID):
		p.add(key+".id", fmt.Sprintf("%q is no id", q.ID), "small letters, digits and underscores, beginning with a letter")
	case q.ID == CodeWordID:
		p.add(key+".id", CodeWordID+" is reserved", "it is the built-in question for the code word")
	case seen[q.ID]:
		p.add(key+".id", q.ID+" stands there twice", "answers are stored under the id")
	}
	seen[q.ID] = true
	if q.MinimumLength != 0 {
		p.length(key+".minimum_length", q.MinimumLength, positions)
	}
	wordings := []struct {
		key   string
		texts map[language.Tag]string
		must  bool
	}{{"label", q.Label, true}, {"phrase", q.Phrase, true}, {"message_phrase", q.MessagePhrase, false}}
	for _, w := range wordings {
		if _, ok := w.texts[fallback]; w.must && !ok {
			p.add(fmt.Sprintf("%s.%s.%s", key, w.key, fallback), "is missing", "the default language is what everybody else is asked in")
		}
		for _, tag := range sortedTags(w.texts) {
			at := fmt.Sprintf("%s.%s.%s", key, w.key, tag)
			if !tag.Known() {
				p.add(at, "is no language known here", fmt.Sprintf("known are %v", language.Known()))
			}
			if w.texts[tag] == "" {
				p.add(at, "is empty", "")
			}
		}
	}
}

func (p *problems) length(key string, length, positions int) {
	if length <= positions {
		p.add(key, fmt.Sprintf("is %d, with %d positions", length, positions), "it must be above them, so that the whole answer is never asked")
	}
	if length > MaxLength {
		p.add(key, fmt.Sprintf("is %d", length), fmt.Sprintf("an answer has at most %d characters", MaxLength))
	}
}

func (p *problems) share(key string, share float64) {
	if !(share >= 0 && share <= 1) {
		p.add(key, fmt.Sprintf("is %v", share), "a share from 0 (off) to 1")
	}
}

// nested puts the faults of a part under the key of that part.
func (p *problems) nested(key string, err error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return
	}
	for _, part := range joined.Unwrap() {
		if fault, ok := errors.AsType[*KeyError](part); ok {
			p.add(key+"."+fault.Key, fault.Problem, fault.Hint)
		}
	}
}

func sortedTags[T any](table map[language.Tag]T) []language.Tag {
	var tags []language.Tag
	for tag := range table {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	return tags
}
