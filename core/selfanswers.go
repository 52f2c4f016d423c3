package core

import (
	"errors"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
)

// The overview, and the answers of a user.

type selfQuestion struct {
	ID      string                  `json:"id"`
	Label   map[language.Tag]string `json:"label"`
	Minimum int                     `json:"minimum_length"`
}

type selfProof struct {
	Strength string    `json:"strength"`
	Until    time.Time `json:"until"`
}

// selfOverview is everything that the pages show before something is done.
type selfOverview struct {
	User       string          `json:"user"`
	Language   string          `json:"language"`
	Guard      string          `json:"guard"`
	Newcomer   bool            `json:"newcomer"`
	Signed     string          `json:"signed_in_by"` // none: by the code word
	Ends       time.Time       `json:"ends"`
	Idle       int             `json:"idle_seconds"`
	Proof      *selfProof      `json:"proof"`
	CodeWord   *time.Time      `json:"code_word_until"`
	Enrolled   bool            `json:"enrolled"`
	Minimum    int             `json:"minimum_answers"`
	Positions  int             `json:"positions"`
	Answers    []AnswerInfo    `json:"answers"`
	Devices    []selfDevice    `json:"devices"`
	AddPhone   string          `json:"add_phone"` // yes, proof, ask-admin, not-offered
	Invitation *selfInvitation `json:"invitation"`
	Recovery   *selfRecovery   `json:"recovery"` // null: not offered
	Questions  []selfQuestion  `json:"questions"`
}

func (k *selfCall) overview() (any, error) {
	info, err := k.info(k.t, k.who.id)
	if err != nil {
		return nil, err
	}
	o := selfOverview{
		User: k.who.name, Language: string(k.tag(k.who.user.Language)), Guard: k.guard(k.call.Session), Newcomer: k.s.Newcomer, Signed: k.s.Strength.String(),
		Ends: time.UnixMilli(k.s.Created).Add(k.sessionLasts()).UTC(), Idle: int(k.sessionIdle() / time.Second),
		CodeWord: info.CodeWord, Enrolled: info.Enrolled, Minimum: k.set.PINphrase.MinimumAnswers, Positions: k.set.PINphrase.Positions,
		Answers: info.Answers, Questions: []selfQuestion{},
	}
	if until := k.proofUntil(); until != nil {
		o.Proof = &selfProof{k.proved().String(), *until}
	}
	for _, q := range k.set.PINphrase.Questions {
		o.Questions = append(o.Questions, selfQuestion{q.ID, q.Label, max(k.set.PINphrase.Minimum(q), k.set.PINphrase.Positions+1)})
	}
	if o.Recovery, err = k.recoveryState(); err != nil {
		return nil, err
	}
	return o, k.phoneState(&o)
}

// setAnswer sets or renews an answer; its letters are numbered in the reply, this once.
func (k *selfCall) setAnswer() (any, error) {
	var in struct {
		Question string      `json:"question"`
		Answer   typedSecret `json:"answer"`
	}
	if err := k.call.body(&in); err != nil {
		return nil, err
	}
	q, ok := k.question(in.Question)
	if !ok {
		return nil, refuseCall(CodeNoSuchQuestion, "there is no such question")
	}
	weak := k.AnswerWeaknesses(q, in.Answer.Secret, ownerOf(&k.who.user))
	if w := refusedFor(weak); w != nil {
		return nil, k.weak(w)
	}
	answer, err := pinphrase.Normalise(in.Answer.Reveal())
	if err != nil {
		return nil, err
	}
	var answers answersRecord
	if _, err := get(k.t, keyAnswers(k.who.id), &answers); err != nil {
		return nil, err
	}
	if err := k.maySet(&answers, q.ID); err != nil {
		return nil, err
	}
	before := k.who.user
	info, replaced, err := k.storeAnswer(k.t, &k.who, &answers, q, answer)
	switch {
	case errors.Is(err, errAnswerSame):
		return nil, refuseCall(CodeAnswerSame, "it is the one that it was")
	case errors.Is(err, errAnswerTwice):
		return nil, refuseCall(CodeAnswerTwice, "it is the one to another question too")
	case err != nil:
		return nil, err
	}
	info.Weaknesses = weak
	if replaced {
		if err := k.stays(k.who.user.Epoch); err != nil {
			return nil, err
		}
	}
	if err := k.audit("answer.set", q.ID); err != nil {
		return nil, err
	}
	tag := k.tag(k.who.user.Language)
	changes := &language.In(tag).Changes
	what := changes.AnswerSet(q.LabelIn(tag, language.Tag(k.set.Language)))
	if k.s.Newcomer && k.proved() == strengthNone {
		what = changes.FirstAnswers
	}
	return info, k.notify(k.t, k.now, k.who.id, &before, notice{Kind: noticeChanged, What: what})
}

// maySet: a newcomer sets what is missing; whatever is there, and whatever more, needs an equal factor.
func (k *selfCall) maySet(answers *answersRecord, question string) error {
	if answers.find(question) == nil && k.countEnrolled(answers) < k.set.PINphrase.MinimumAnswers {
		if k.s.Newcomer {
			return nil
		}
		// Who was never enrolled has no equal factor; a stronger one does.
		if k.proved() < strengthPrompt {
			had, err := k.hadPhone(k.t, k.who.id)
			if err != nil {
				return err
			}
			if !had && k.countEnrolled(answers) == 0 {
				return refuseCall(CodeAskAdmin, "the first answers are set with a code word")
			}
		}
	}
	return k.needs(strengthPrompt)
}

// weak says why an answer is not taken: by a code, and in the words of the page's language.
func (k *selfCall) weak(w *AnswerWeakness) error {
	codes := map[WeaknessKind]DeviceCode{
		WeakShort: CodeAnswerShort, WeakFewLetters: CodeAnswerRepeats, WeakCommon: CodeAnswerCommon, WeakPersonal: CodeAnswerPersonal,
	}
	code, ok := codes[w.Kind]
	if !ok {
		code = CodeAnswerUnusable
	}
	return refuseCall(code, w.In(k.tag(k.call.Language, k.who.user.Language)))
}

// removeAnswer takes one away. Below the minimum nobody gets by himself: he would lock himself out.
func (k *selfCall) removeAnswer() (any, error) {
	var in struct {
		Question string `json:"question"`
	}
	if err := k.call.body(&in); err != nil {
		return nil, err
	}
	if err := k.needs(strengthPrompt); err != nil {
		return nil, err
	}
	var answers answersRecord
	if _, err := get(k.t, keyAnswers(k.who.id), &answers); err != nil {
		return nil, err
	}
	if answers.find(in.Question) == nil {
		return nil, refuseCall(CodeNoSuchQuestion, "this question is not answered")
	}
	if _, asked := k.question(in.Question); asked && k.countEnrolled(&answers) <= k.set.PINphrase.MinimumAnswers {
		return nil, refuseCall(CodeTooFewLeft, "first answer another question: with fewer answers than the minimum you could not log in")
	}
	before := k.who.user
	if err := k.dropAnswer(k.t, &k.who, &answers, in.Question); err != nil {
		return nil, err
	}
	if err := errors.Join(k.stays(k.who.user.Epoch), k.audit("answer.remove", in.Question)); err != nil {
		return nil, err
	}
	tag := k.tag(k.who.user.Language)
	label := in.Question
	if q, ok := k.question(in.Question); ok {
		label = q.LabelIn(tag, language.Tag(k.set.Language))
	}
	return struct{}{}, k.notify(k.t, k.now, k.who.id, &before, notice{Kind: noticeChanged, What: language.In(tag).Changes.AnswerRemoved(label)})
}

// setLanguage chooses the language of prompts, messages and pages.
func (k *selfCall) setLanguage() (any, error) {
	var in struct {
		Language language.Tag `json:"language"`
	}
	if err := k.call.body(&in); err != nil {
		return nil, err
	}
	if !in.Language.Known() {
		return nil, refuseCall(CodeBadRequest, "this language is not known")
	}
	k.who.user.Language = string(in.Language)
	if err := put(k.t, keyUser(k.who.id), &k.who.user); err != nil {
		return nil, err
	}
	return struct{}{}, k.audit("user.set", "language")
}
