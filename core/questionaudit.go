package core

import (
	"context"
	"fmt"
	"sync"

	"github.com/latchkey/latchkey/core/pinphrase"
)

// QuestionAudit is how well a question of the pool stands against guesses and against those who watch logins.
// Chances are shares from 0 to 1.
type QuestionAudit struct {
	ID            string   `json:"id"`
	Label         string   `json:"label"` // in the appliance's language
	Positions     int      `json:"positions"`
	MinimumLength int      `json:"minimum_length"`
	Lists         []string `json:"lists"` // "towns.de", of which the guesser is thought to know
	// Population is how many answers of the lists can be asked about, and Weights how they are drawn: "weighted",
	// "uniform", or "mixed" where some lists have weights. 0: nothing can be reckoned.
	Population int    `json:"population"`
	Weights    string `json:"weights,omitempty"`
	// CommonAnswers is the policy in force. Under refuse the population is what is left of the lists, and IfRefused is nil.
	CommonAnswers string            `json:"common_answers"`
	Guess         *pinphrase.Chance `json:"guess,omitempty"`      // of who has watched nothing
	IfRefused     *pinphrase.Chance `json:"if_refused,omitempty"` // the same, were the common answers refused
	Watched       []WatchedChance   `json:"watched"`
	Verdict       QuestionVerdict   `json:"verdict"`
	Advice        []string          `json:"advice"`
}

// WatchedChance is the chance of somebody who has watched logins of the user that asked for this answer.
type WatchedChance struct {
	Logins   int               `json:"logins"`
	Guess    *pinphrase.Chance `json:"guess,omitempty"` // who knows the lists besides
	Recorded float64           `json:"recorded"`        // who knows no list, of an answer of the minimum length
}

// QuestionVerdict is one word for a question.
type QuestionVerdict string

// The verdicts, by the first guess of who has watched nothing.
const (
	QuestionGood    QuestionVerdict = "good"    // below 1 %
	QuestionFair    QuestionVerdict = "fair"    // below 5 %
	QuestionBad     QuestionVerdict = "bad"     // more
	QuestionUnknown QuestionVerdict = "unknown" // no list to reckon by
)

// Shares at which a question is no longer good, or bad.
const (
	fairGuess = .01
	badGuess  = .05
)

// watchedLogins are the rows of an audit.
var watchedLogins = []int{1, 2, 3, 5}

// questionAudits keeps the audit of a snapshot, which costs seconds and does not change.
type questionAudits struct {
	mu  sync.Mutex
	all []QuestionAudit
}

// AuditQuestions reckons each question of the pool.
func (c *Core) AuditQuestions(ctx context.Context) ([]QuestionAudit, error) {
	c.audits.mu.Lock()
	defer c.audits.mu.Unlock()
	if c.audits.all != nil {
		return c.audits.all, nil
	}
	all := []QuestionAudit{}
	for _, q := range c.set.PINphrase.Questions {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		one, err := c.auditQuestion(q)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	c.audits.all = all
	return all, nil
}

func (c *Core) auditQuestion(q pinphrase.Question) (QuestionAudit, error) {
	p := c.set.PINphrase
	a := QuestionAudit{
		ID: q.ID, Label: q.LabelIn(c.tag(), c.tag()), Positions: p.Positions, MinimumLength: max(p.Minimum(q), p.Positions+1), Lists: []string{},
		CommonAnswers: string(p.CommonAnswers), Watched: []WatchedChance{}, Advice: []string{}, Verdict: QuestionUnknown,
	}
	if a.CommonAnswers == "" {
		a.CommonAnswers = string(pinphrase.CommonWarn)
	}
	lists := c.commonLists(q)
	weighted := 0
	for _, list := range lists {
		a.Lists = append(a.Lists, list.Name)
		if list.Weighted {
			weighted++
		}
	}
	refuse := p.CommonAnswers == pinphrase.CommonRefuse
	chances, n, err := c.chances(q, lists, refuse, watchedLogins[len(watchedLogins)-1])
	if err != nil {
		return a, err
	}
	a.Population = n
	if n > 0 {
		a.Weights = map[bool]string{true: "mixed", false: "uniform"}[weighted > 0]
		if weighted == len(lists) {
			a.Weights = "weighted"
		}
		a.Guess = &chances[0]
		a.Verdict = verdictOf(chances[0])
		if !refuse {
			less, left, err := c.chances(q, lists, true, 0)
			if err != nil {
				return a, err
			}
			if left > 0 {
				a.IfRefused = &less[0]
			}
		}
	}
	for _, k := range watchedLogins {
		w := WatchedChance{Logins: k, Recorded: pinphrase.ExposureAfter(a.MinimumLength, a.Positions, k)}
		if n > 0 {
			w.Guess = &chances[k]
		}
		a.Watched = append(a.Watched, w)
	}
	a.Advice = c.advice(&a, lists)
	return a, nil
}

func verdictOf(c pinphrase.Chance) QuestionVerdict {
	switch {
	case c.First >= badGuess:
		return QuestionBad
	case c.First >= fairGuess:
		return QuestionFair
	}
	return QuestionGood
}

// chances gives them for who has watched 0 to watched logins, and the number of answers they are reckoned from.
func (c *Core) chances(q pinphrase.Question, lists []pinphrase.List, without bool, watched int) ([]pinphrase.Chance, int, error) {
	p := c.set.PINphrase
	g, err := pinphrase.NewGuesser(pinphrase.Likely(lists, without), p.Minimum(q), p.Positions)
	if err != nil {
		return nil, 0, nil // ErrNoList: there is nothing to reckon by
	}
	chances, err := g.Chances(watched, pinphrase.Stream([]byte("latchkey/question audit"), q.ID))
	return chances, g.Len(), err
}

// advice says what could be done.
func (c *Core) advice(a *QuestionAudit, lists []pinphrase.List) []string {
	advice := []string{}
	say := func(format string, args ...any) { advice = append(advice, fmt.Sprintf(format, args...)) }
	switch {
	case len(lists) == 0:
		say("nothing can be reckoned without a list: name one under `common`, of those that come with Latchkey or a file of your own")
	case a.Population == 0 && a.CommonAnswers == string(pinphrase.CommonRefuse):
		say("every answer of its lists is refused: what is left cannot be reckoned")
	case a.Population == 0:
		say("no answer of its lists is long enough for minimum_length: what is left cannot be reckoned")
	}
	if a.Verdict == QuestionFair || a.Verdict == QuestionBad {
		switch {
		case a.IfRefused != nil && a.IfRefused.First < .8*a.Guess.First:
			say("common_answers: refuse would bring the first guess from %s to %s", percent(a.Guess.First), percent(a.IfRefused.First))
		case a.IfRefused == nil && a.CommonAnswers != string(pinphrase.CommonRefuse):
			say("common_answers: refuse would take every answer of its lists out")
		}
		say("ask users for an answer that only they would give (\"Heidelberg bei Oma\"), or ask another question")
	}
	if a.MinimumLength < 8 {
		say("minimum_length: 8 would let a recorder of two logins answer %s of the challenges, now it is %s",
			percent(pinphrase.ExposureAfter(8, a.Positions, 2)), percent(a.Watched[1].Recorded))
	}
	return advice
}

// percent is a share as a person reads it; what is almost nothing is not said to be nothing.
func percent(share float64) string {
	switch {
	case share > 0 && share < .001:
		return "<0.1%"
	case share < .1:
		return fmt.Sprintf("%.1f%%", 100*share)
	}
	return fmt.Sprintf("%.0f%%", 100*share)
}
