package core

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// The helpdesk checks a caller on the telephone: it reads out a question by random characters, types what the caller
// says, and hears right or wrong. The letters never reach it.
//
// The challenges are a series of their own, which no realm can have: the login's open ones are neither shown nor used
// up, and what is heard on the line answers no login. All else is as at a login: a challenge stays until it is
// answered rightly, no set of positions is ever asked twice, each try is counted and audited before its result is
// told, and what was said on the telephone counts as seen.

// callSeries cannot be a realm's: those begin with a letter or a digit.
const callSeries = "(helpdesk)/call"

// callSource is where the tries come from: one for the whole helpdesk, so that whoever calls three helpers one after
// the other has no more tries than with one. It is a NAS's kind, that is never locked as a whole.
var callSource = Source{Kind: SourceNAS, Value: "(helpdesk)"}

const eventVerify = "user.verify"

// CallerCheck is a question to a caller.
type CallerCheck struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Language   string     `json:"language"`
	Question   string     `json:"question"`
	Label      string     `json:"label"`
	Prompt     string     `json:"prompt"`     // to be read out, in the user's language
	Characters int        `json:"characters"` // that are asked for
	Locks      []LockInfo `json:"locks"`      // in force at logins: they do not end by this
}

func callAttempt() Attempt {
	return Attempt{Door: DoorAdmin, NAS: callSource.Value, Source: callSource}
}

// callRecord is an audit record about a caller.
func (c *Core) callRecord(now time.Time, actor Actor, who subject, result string, reason Reason, detail string) auditRecord {
	r := c.record(now, Attempt{Door: DoorAdmin}, who, eventVerify, result, reason)
	r.Source, r.Actor, r.Detail = "", printable(actor.Name), detail
	return r
}

// callable refuses where the helpdesk has had too many wrong answers. A lock of the user's does not speak against a
// check: those who are locked out call.
func (c *Core) callable(r store.Reader, now time.Time, who subject) error {
	if who.user.Disabled {
		return problem(ErrRefused, fmt.Sprintf("user %s is disabled", who.name), "nobody is to be let in under this name")
	}
	var counts countRecord
	if _, err := get(r, keyCount(who.id), &counts); err != nil {
		return err
	}
	key := callSource.counterKey()
	if p := counts.pair(key); p != nil && c.set.Locks.PairAfter > 0 && now.UnixMilli() < p.Until {
		return problem(ErrRefused, fmt.Sprintf("too many wrong answers by telephone for user %s", who.name),
			fmt.Sprintf("another try is possible from %s on; is it the right person?", time.UnixMilli(p.Until).UTC().Format(time.RFC3339)))
	}
	return nil
}

// called opens the challenge of the telephone.
func (c *Core) called(r store.Reader, who subject) (*opened, error) {
	o, err := c.opened(r, who, callSeries)
	switch {
	case errors.Is(err, errNotEnrolled):
		return nil, problem(ErrRefused, fmt.Sprintf("user %s has not given enough answers to be asked", who.name), "check the caller in another way")
	case errors.Is(err, pinphrase.ErrNoQuestion):
		return nil, problem(ErrRefused, fmt.Sprintf("the answers of user %s are used up", who.name), "check the caller in another way; the user needs new answers")
	}
	return o, err
}

// AskCaller shows the question that the user's caller is to be asked. It is the same until it is answered rightly.
func (c *Core) AskCaller(ctx context.Context, actor Actor, name string) (check CallerCheck, err error) {
	err = c.store.Update(ctx, func(t store.Txn) error {
		now := c.clock.Now()
		who, err := c.wanted(t, name)
		if err != nil {
			return err
		}
		if err := c.callable(t, now, who); err != nil {
			return err
		}
		// The logins' challenges first: none of them may move for the sake of a call.
		var answers answersRecord
		if _, err := get(t, keyAnswers(who.id), &answers); err != nil {
			return err
		}
		if err := c.settled(t, who, &answers); err != nil {
			return err
		}
		o, err := c.called(t, who)
		if err != nil {
			return err
		}
		// A derived challenge is written down, lest a login change what it is derived from: that would be a redraw.
		changed, err := c.settle(t, who, o, callSeries)
		if err != nil {
			return err
		}
		if changed {
			if err := put(t, keyState(who.id), &o.state); err != nil {
				return err
			}
			if o, err = c.called(t, who); err != nil {
				return err
			}
		}
		info, err := c.info(t, who.id)
		if err != nil {
			return err
		}
		tag := c.tag(who.user.Language)
		check = CallerCheck{
			ID: hex.EncodeToString(o.record.ID[:]), Name: who.name, Language: string(tag), Question: o.question.ID,
			Label: o.question.LabelIn(tag, language.Tag(c.set.Language)), Prompt: c.prompts[tag].Prompt(o.question, o.record.Set, o.length),
			Characters: o.record.Set.Len(), Locks: info.Locks,
		}
		return audit(t, c.callRecord(now, actor, who, "asked", "", "question "+o.question.ID))
	})
	return check, err
}

// JudgeCaller tells whether the caller was right. What is wrong is counted, and what was said has been seen, before
// this returns.
func (c *Core) JudgeCaller(ctx context.Context, actor Actor, name, id string, text Secret) (right bool, err error) {
	var said []func()
	err = c.store.Update(ctx, func(t store.Txn) error {
		right, said = false, nil
		now := c.clock.Now()
		who, err := c.wanted(t, name)
		if err != nil {
			return err
		}
		if err := c.callable(t, now, who); err != nil {
			return err
		}
		o, err := c.called(t, who)
		if err != nil {
			return err
		}
		if hex.EncodeToString(o.record.ID[:]) != id {
			return problem(ErrRefused, "this question is not the open one any more: it was answered, or an answer was changed", "ask the caller the one that `latchkey user verify` shows now")
		}
		j := judgement{Core: c, t: t, now: now, a: callAttempt(), p: &policy{}, who: who}
		right, err = j.call(o, text)
		if err != nil {
			return err
		}
		said = j.said
		result, reason := "wrong", WrongAnswer
		if right {
			result, reason = "right", Right
		}
		return audit(t, c.callRecord(now, actor, who, result, reason, "question "+o.question.ID))
	})
	if err == nil {
		tell(said)
	}
	return right && err == nil, err
}

// call compares, and writes what follows from it.
func (j *judgement) call(o *opened, text secret.Secret) (right bool, err error) {
	answer, err := j.answerOf(j.who.id, o)
	if err != nil {
		return false, err
	}
	letters := pinphrase.CanonicalReply(text.Reveal())
	consumed := mac(j.replayKey, j.who.id.String(), letters)
	result := answer.Match(o.record.Set, text.Reveal(), j.set.PINphrase.Equivalents)
	if result != pinphrase.Right && hmac.Equal(consumed, o.state.Series[callSeries].Last) {
		return false, problem(ErrRefused, "this is the answer to the question before", "ask the caller the new one")
	}
	seen, err := j.materialise(o, callSeries)
	if err != nil {
		return false, err
	}
	if result == pinphrase.Right {
		if err := j.consume(o, callSeries, consumed); err != nil {
			return false, err
		}
		return true, j.forgiveCall()
	}
	if seen {
		if err := put(j.t, keyState(j.who.id), &o.state); err != nil {
			return false, err
		}
	}
	return false, j.count(j.t, j.now, j.a, j.who, WrongAnswer, false, &j.said)
}

// forgiveCall ends the row of wrong answers by telephone. It makes the helpdesk no source with an earlier success.
func (j *judgement) forgiveCall() error {
	var counts countRecord
	if _, err := get(j.t, keyCount(j.who.id), &counts); err != nil {
		return err
	}
	p := counts.pair(callSource.counterKey())
	if p == nil || p.Wrong == 0 && p.Until == 0 {
		return nil
	}
	p.Wrong, p.Until, p.At = 0, 0, 0
	return put(j.t, keyCount(j.who.id), &counts)
}
