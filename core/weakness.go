package core

import (
	"strings"
	"sync"
	"unicode"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/pinphrase/common"
	"github.com/latchkey/latchkey/core/secret"
)

// What is wrong with an answer at enrolment. Every way in which an answer can be given (command line,
// import, self-service) judges it here.

// WeaknessKind is what is wrong with an answer.
type WeaknessKind string

// The kinds.
const (
	WeakUnusable   WeaknessKind = "unusable"    // no letter is left, not UTF-8, a control character, too long
	WeakShort      WeaknessKind = "too-short"   // Have of Need characters
	WeakFewLetters WeaknessKind = "few-letters" // Have of Need different letters
	WeakCommon     WeaknessKind = "common"      // many people give it
	WeakPersonal   WeaknessKind = "personal"    // who knows the user's name, number or address knows it, or it is the question
)

// AnswerWeakness is one thing that is wrong with an answer. It shows numbers, never letters.
type AnswerWeakness struct {
	Kind    WeaknessKind `json:"kind"`
	Have    int          `json:"have,omitempty"`
	Need    int          `json:"need,omitempty"`
	Refused bool         `json:"refused"` // else it is only to be said
	cause   error
}

// In gives the sentence for a reader of a language.
func (w AnswerWeakness) In(tag language.Tag) string {
	texts := &language.In(tag).Weak
	switch w.Kind {
	case WeakShort:
		return texts.Short(w.Have, w.Need)
	case WeakFewLetters:
		return texts.FewLetters(w.Have, w.Need)
	case WeakCommon:
		return texts.Common
	case WeakPersonal:
		return texts.Personal
	}
	return texts.Unusable
}

// AnswerOwner is what everybody knows who knows the user. Empty fields rule nothing out.
type AnswerOwner struct {
	Name  string
	Phone string
	Mail  string
}

func ownerOf(u *userRecord) AnswerOwner {
	return AnswerOwner{Name: u.Name, Phone: u.Phone, Mail: u.Mail}
}

// AnswerWeaknesses gives all that is wrong with an answer to a question of the pool, for its owner; none: it is
// taken, if it is no answer that the user gives already (which SetAnswer finds out). It touches no state.
func (c *Core) AnswerWeaknesses(q pinphrase.Question, text Secret, owner AnswerOwner) (weak []AnswerWeakness) {
	answer, err := pinphrase.Normalise(text.Reveal())
	if err != nil {
		return []AnswerWeakness{{Kind: WeakUnusable, Refused: true, cause: err}}
	}
	p := c.set.PINphrase
	own := c.rulesOf(q)
	rules := []pinphrase.Check{func(_ pinphrase.Question, a pinphrase.Answer) error { return personal(own.own, a, owner) }}
	if p.CommonAnswers != pinphrase.CommonAllow {
		rules = append(rules, own.common)
	}
	kinds := map[error]WeaknessKind{
		pinphrase.ErrTooShort: WeakShort, pinphrase.ErrFewLetters: WeakFewLetters, pinphrase.ErrCommon: WeakCommon, pinphrase.ErrPersonal: WeakPersonal,
	}
	for _, w := range p.Weaknesses(q, answer, rules...) {
		kind := kinds[w.Reason]
		weak = append(weak, AnswerWeakness{
			Kind: kind, Have: w.Have, Need: w.Need, cause: w, Refused: kind != WeakCommon || p.CommonAnswers == pinphrase.CommonRefuse,
		})
	}
	return weak
}

// commonRules are the rules of a snapshot's questions, each made when it is first needed.
type commonRules struct {
	mu    sync.Mutex
	rules map[string]questionRules
}

type questionRules struct {
	common pinphrase.Check
	own    []string // parts of the question itself, which are no answer to it
}

func (c *Core) commonRule(q pinphrase.Question) pinphrase.Check { return c.rulesOf(q).common }

func (c *Core) rulesOf(q pinphrase.Question) questionRules {
	c.common.mu.Lock()
	defer c.common.mu.Unlock()
	rules, ok := c.common.rules[q.ID]
	if !ok {
		rules = questionRules{pinphrase.Rule(c.commonLists(q)), partsOf(q)}
		if c.common.rules == nil {
			c.common.rules = map[string]questionRules{}
		}
		c.common.rules[q.ID] = rules
	}
	return rules
}

// partsOf gives the question's id, its texts and their longer words.
func partsOf(q pinphrase.Question) (parts []string) {
	parts = addPart(parts, q.ID)
	for _, texts := range []map[language.Tag]string{q.Label, q.Phrase, q.MessagePhrase} {
		for _, text := range texts {
			parts = addPart(parts, text)
			for _, part := range strings.Fields(text) {
				if len([]rune(part)) >= 5 {
					parts = addPart(parts, part)
				}
			}
		}
	}
	return parts
}

// addPart adds a text in each way in which it may be written, if it is longer than a letter.
func addPart(parts []string, text string) []string {
	for _, way := range pinphrase.Written(text) {
		if part := speltText(way); len([]rune(part)) >= 2 {
			parts = append(parts, part)
		}
	}
	return parts
}

// commonLists gives the lists that a question names. The configuration has checked that they are there.
func (c *Core) commonLists(q pinphrase.Question) (lists []pinphrase.List) {
	for _, name := range q.Common {
		if own, ok := c.set.PINphrase.Lists[name]; ok {
			lists = append(lists, own)
			continue
		}
		lists = append(lists, common.Lists(name)...)
	}
	return lists
}

// personal finds an answer that is made of nothing but what everybody knows: parts of name, address and number,
// with digits between, in any order; or of the question.
func personal(own []string, a pinphrase.Answer, owner AnswerOwner) error {
	whole := spelt(a)
	var weak error = &pinphrase.Weakness{Reason: pinphrase.ErrPersonal}
	digits := onlyDigits(owner.Phone)
	if given := onlyDigits(whole); given == strings.TrimPrefix(whole, "+") && len(given) >= 5 && len(digits) >= 5 {
		// 0171… for +49171…, 0049171… too: what follows the prefix decides.
		if strings.Contains(digits, strings.TrimLeft(given, "0")) || strings.HasSuffix(given, digits) {
			return weak
		}
	}
	parts := append(make([]string, 0, len(own)+16), own...)
	for _, text := range []string{owner.Name, owner.Mail} {
		parts = addPart(parts, text)
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }) {
			parts = addPart(parts, part)
		}
	}
	if madeOf(whole, parts) {
		return weak
	}
	return nil
}

// madeOf tells whether text is a row of parts and digits, at least one part among them.
func madeOf(text string, parts []string) bool {
	const none, digitsOnly, some = 0, 1, 2
	reach := make([]int, len(text)+1)
	reach[0] = digitsOnly
	for i := range text {
		if reach[i] == none {
			continue
		}
		if text[i] >= '0' && text[i] <= '9' {
			reach[i+1] = max(reach[i+1], reach[i])
		}
		for _, part := range parts {
			if strings.HasPrefix(text[i:], part) {
				reach[i+len(part)] = some
			}
		}
	}
	return reach[len(text)] == some
}

// spelt is an answer in its plainest spelling, as answers are compared at enrolment.
func spelt(a pinphrase.Answer) string {
	all := ^pinphrase.Set(0)
	return all.Spelled(a).Reveal()
}

func speltText(text string) string {
	a, err := pinphrase.Normalise(text)
	if err != nil {
		return ""
	}
	return spelt(a)
}

func onlyDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
}

// refusedFor gives the first weakness that an answer is refused for, or nil.
func refusedFor(weak []AnswerWeakness) *AnswerWeakness {
	for i := range weak {
		if weak[i].Refused {
			return &weak[i]
		}
	}
	return nil
}

// judgeAnswer is AnswerWeaknesses for those who set one: what is refused is an error.
func (c *Core) judgeAnswer(question string, text secret.Secret, owner AnswerOwner) (q pinphrase.Question, a pinphrase.Answer, weak []AnswerWeakness, err error) {
	q, ok := c.question(question)
	if !ok {
		return q, a, nil, problem(ErrNoSuchQuestion, "no question "+printable(question), "`latchkey question list` shows the pool")
	}
	weak = c.AnswerWeaknesses(q, text, owner)
	if w := refusedFor(weak); w != nil {
		return q, a, nil, problem(ErrInvalid, "the answer to "+question+" is not usable: "+w.said(), w.hint())
	}
	a, err = pinphrase.Normalise(text.Reveal())
	return q, a, weak, err
}

// said is the weakness in the words of the command line.
func (w AnswerWeakness) said() string { return strings.TrimPrefix(w.cause.Error(), "pinphrase: ") }

func (w AnswerWeakness) hint() string {
	switch w.Kind {
	case WeakCommon:
		return "add a word that only the user would add (\"Heidelberg bei Oma\"), or take another question; pinphrase.common_answers says what happens to such answers"
	case WeakPersonal:
		return "it may hold name, number and address beside other words, but not these alone"
	}
	return "spaces, hyphens and punctuation are not counted"
}
