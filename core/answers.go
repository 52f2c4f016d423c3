package core

import (
	"context"
	"fmt"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// Questions gives the pool.
func (c *Core) Questions() []QuestionInfo {
	infos := []QuestionInfo{}
	for _, q := range c.set.PINphrase.Questions {
		info := QuestionInfo{ID: q.ID, Label: map[string]string{}, Phrase: map[string]string{}, MinimumLength: c.set.PINphrase.Minimum(q)}
		for tag, text := range q.Label {
			info.Label[string(tag)] = text
		}
		for tag, text := range q.Phrase {
			info.Phrase[string(tag)] = text
		}
		infos = append(infos, info)
	}
	return infos
}

// Answers lists a user's questions, never the answers.
func (c *Core) Answers(ctx context.Context, name string) ([]AnswerInfo, error) {
	info, err := c.User(ctx, name)
	return info.Answers, err
}

// SetAnswer sets the answer to a question. The result holds its letters, numbered as the
// prompts count them, to be shown once.
func (c *Core) SetAnswer(ctx context.Context, actor Actor, name, question string, text Secret) (info AnswerInfo, err error) {
	if q, ok := c.question(question); ok {
		c.commonRule(q) // not inside the transaction, since it takes a moment the first time
	}
	err = c.change(ctx, actor, "answer.set", name, func(t store.Txn, who *subject) (string, error) {
		q, answer, weak, err := c.judgeAnswer(question, text, ownerOf(&who.user))
		if err != nil {
			return "", err
		}
		var answers answersRecord
		if _, err := get(t, keyAnswers(who.id), &answers); err != nil {
			return "", err
		}
		before := who.user
		if info, _, err = c.storeAnswer(t, who, &answers, q, answer); err != nil {
			return "", err
		}
		info.Weaknesses = weak
		return question, c.tellChange(t, who.id, &before, func(said *language.Changes) string { return said.AnswerSet(info.Label) })
	})
	return info, err
}

// storeAnswer sets an answer that was checked, among those that the user has. The result holds its letters.
func (c *Core) storeAnswer(t store.Txn, who *subject, answers *answersRecord, q pinphrase.Question, answer pinphrase.Answer) (info AnswerInfo, replaced bool, err error) {
	if err := c.settled(t, *who, answers); err != nil {
		return info, false, err
	}
	if replaced, err = c.putAnswer(answers, who.id, q.ID, answer); err != nil {
		return info, false, err
	}
	if err := put(t, keyAnswers(who.id), answers); err != nil {
		return info, false, err
	}
	if err := c.enrolled(t, who, answers, replaced); err != nil {
		return info, false, err
	}
	var state stateRecord
	if _, err := get(t, keyState(who.id), &state); err != nil {
		return info, false, err
	}
	o := &opened{answers: *answers, state: state}
	info = c.answerInfo(o, answers.find(q.ID), who.user.Language)
	info.Length = answer.Len()
	for _, l := range answer.Letters() {
		info.Letters = append(info.Letters, l.Reveal())
	}
	return info, replaced, nil
}

// Two kinds of ErrRefused that a page tells apart.
var (
	errAnswerSame  = fmt.Errorf("%w: the same answer", ErrRefused)
	errAnswerTwice = fmt.Errorf("%w: the same answer twice", ErrRefused)
)

// putAnswer puts a sealed answer into the record.
func (c *Core) putAnswer(answers *answersRecord, id userID, question string, answer pinphrase.Answer) (replaced bool, err error) {
	old := answers.find(question)
	mark := c.answerMark(id, answer)
	if old != nil && old.Mark == mark {
		return false, problem(errAnswerSame, fmt.Sprintf("the answer to %s is the one that it was", question),
			"to go on with it nothing needs to be done; to renew it, choose another text")
	}
	for _, other := range answers.Items {
		if other.Mark == mark {
			return false, problem(errAnswerTwice, fmt.Sprintf("the answer to %s is the one to %s too", question, other.Question),
				"an answer that was watched at one question would answer the other")
		}
	}
	answers.Version++
	item := answerRecord{Question: question, Set: c.clock.Now().Unix(), Serial: answers.Version, Length: answer.Len(), Mark: mark}
	if item.Sealed, err = c.keys.Seal(secret.FromBytes(answer.Encode()), answerContext(id, &item)); err != nil {
		return false, err
	}
	if old != nil {
		*old = item
		return true, nil
	}
	answers.Items = append(answers.Items, item)
	return false, nil
}

// answerMark is a keyed hash by which an answer is known again: given once more, also after
// others, to another question or with other accents, it keeps its usage, else its used sets would be asked anew.
func (c *Core) answerMark(id userID, answer pinphrase.Answer) [8]byte {
	all := ^pinphrase.Set(0)
	return mac8(c.replayKey, "answer", id.String(), all.Spelled(answer).Reveal())
}

// enrolled updates the user's record after a change of answers: a replaced or removed one raises the
// epoch, and the code word ends with the minimum of answers. A message that is sent ahead may be due.
func (c *Core) enrolled(t store.Txn, who *subject, answers *answersRecord, taken bool) error {
	ends := who.user.CodeWord != nil && c.countEnrolled(answers) >= c.set.PINphrase.MinimumAnswers
	if taken {
		who.user.Epoch++
	}
	if ends {
		who.user.CodeWord = nil
	}
	if taken || ends {
		if err := put(t, keyUser(who.id), &who.user); err != nil {
			return err
		}
	}
	return c.ahead(t, c.clock.Now(), *who)
}

// RemoveAnswer removes an answer.
func (c *Core) RemoveAnswer(ctx context.Context, actor Actor, name, question string) error {
	return c.change(ctx, actor, "answer.remove", name, func(t store.Txn, who *subject) (string, error) {
		var answers answersRecord
		if _, err := get(t, keyAnswers(who.id), &answers); err != nil {
			return "", err
		}
		if answers.find(question) == nil {
			return "", problem(ErrNoSuchQuestion, fmt.Sprintf("user %s has no answer to %s", who.name, printable(question)),
				fmt.Sprintf("`latchkey answer list %s` shows which there are", who.name))
		}
		before, label := who.user, question
		if q, ok := c.question(question); ok {
			label = q.LabelIn(c.tag(before.Language), language.Tag(c.set.Language))
		}
		if err := c.dropAnswer(t, who, &answers, question); err != nil {
			return "", err
		}
		return question, c.tellChange(t, who.id, &before, func(said *language.Changes) string { return said.AnswerRemoved(label) })
	})
}

// dropAnswer takes an answer away that is there.
func (c *Core) dropAnswer(t store.Txn, who *subject, answers *answersRecord, question string) error {
	if err := c.settled(t, *who, answers); err != nil {
		return err
	}
	kept := answersRecord{Version: answers.Version + 1}
	for _, item := range answers.Items {
		if item.Question != question {
			kept.Items = append(kept.Items, item)
		}
	}
	if err := put(t, keyAnswers(who.id), &kept); err != nil {
		return err
	}
	return c.enrolled(t, who, &kept, true)
}
