package core

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/token"
)

// The form of a challenge, as series and tokens name it.
const (
	formPrompt  = "prompt"
	formMessage = "message"
)

// seriesOf names the series of challenges of a realm and form.
func seriesOf(realm, form string) string { return realm + "/" + form }

// second gives the step after the first factor: the challenge of the first method that the
// user has.
func (c *Core) second(ctx context.Context, a Attempt, p *policy, who subject, now time.Time) (Step, error) {
	checked := p.First != FirstNone
	// What rings, or helps a newcomer, needs a password that somebody has checked.
	vouched := checked || a.PasswordChecked
	var step Step
	var pre Reason
	var app, message, decoy bool
	err := c.store.View(ctx, func(r store.Reader) error {
		step, pre, app, message, decoy = Step{}, "", false, false, false
		if checked {
			// The check took its time, and others may have run beside it: of many guesses at
			// once only those count as right that finish before the lock.
			var err error
			if pre, err = c.barrier(r, c.clock.Now(), who, a); err != nil || pre != "" {
				return err
			}
		}
		if !who.known {
			if !a.TellUnenrolled {
				step, decoy = c.decoy(a, p, who, now), true
			}
			return nil
		}
		for _, method := range p.Second {
			if method == MethodApp && vouched {
				has, _, err := c.hasPhone(r, who.id)
				if err != nil {
					return err
				}
				if app = has; has {
					return nil
				}
			}
			if method != MethodPINphrase {
				continue
			}
			open, err := c.opened(r, who, p.series())
			if err == nil && p.message() {
				reaches, err := c.reaches(r, who, p)
				if err != nil {
					return err
				}
				verdict, there, err := c.hasMessage(r, who, p.series(), open, c.clock.Now())
				if err == nil && (!reaches && !there || !vouched) {
					step.Reason = NoAddress
					continue
				}
				if message = verdict == sent || verdict == onlyResend; err == nil && !message {
					step = c.mark(a, p, who, now, checked, open.record.ID, 0, said(verdict, wished))
				}
				return err
			}
			if err == nil {
				step = c.ask(a, p, who, now, checked, open)
				return nil
			}
			if !errors.Is(err, errNotEnrolled) && !errors.Is(err, pinphrase.ErrNoQuestion) {
				return err
			}
			if errors.Is(err, pinphrase.ErrNoQuestion) && checked {
				step.Reason = Exhausted
			}
		}
		if vouched && a.Door != DoorSelfService && c.codeWordOpens(who, now) && slices.Contains(p.Second, MethodPINphrase) {
			open, err := c.codeWordChallenge(who)
			if err != nil {
				return err
			}
			step = c.ask(a, p, who, now, checked, open)
			return nil
		}
		if vouched {
			opens, err := c.codeOpens(r, who)
			if opens {
				step = c.askCode(a, p, who, now, checked, false)
			}
			if err != nil || opens {
				return err
			}
		}
		if !checked && !a.TellUnenrolled {
			step, decoy = c.decoy(a, p, who, now), true
		}
		return nil
	})
	switch {
	case err != nil:
		return Step{}, silence(err)
	case pre != "":
		who.vouched = false // a lock looks like a wrong password
		return c.refuse(ctx, a, who, pre, false)
	case app:
		return c.beginApp(ctx, a, p, who)
	case message:
		return c.beginMessage(ctx, a, p, who)
	case decoy && step.Waiting:
		if err := c.storeNothing(ctx, who); err != nil {
			return Step{}, silence(err)
		}
		return step, nil
	case decoy && p.message():
		if err := c.sendNothing(ctx, a, who); err != nil {
			return Step{}, silence(err)
		}
		return step, nil
	case step.Kind == Challenge:
		return step, nil
	case step.Reason == Exhausted, step.Reason == NoAddress:
		return c.dismiss(ctx, a, who, step.Reason)
	case p.Unenrolled == UnenrolledAllow && a.Door != DoorSelfService:
		return c.passUnenrolled(ctx, a, p, who)
	}
	return c.tellUnenrolled(ctx, a, p, who)
}

// opened is a user's open challenge with what is needed to show and to judge it.
type opened struct {
	kind     token.Kind
	record   openRecord
	question pinphrase.Question
	length   int              // characters of the answer
	answer   pinphrase.Answer // empty until it is needed: see answerOf
	answers  answersRecord
	state    stateRecord
	retired  []*answerRecord // found without a fresh set by the draw
}

var errNotEnrolled = errors.New("core: too few answers")

// opened gives the user's open challenge in a series: the one that was prepared when the
// last was used up, or draw 0, which is derived and therefore the same at every Begin, on
// every node and after every restart. A challenge whose answer was replaced is void.
func (c *Core) opened(r store.Reader, who subject, series string) (*opened, error) {
	o := &opened{kind: token.PINphrase}
	if _, err := get(r, keyAnswers(who.id), &o.answers); err != nil {
		return nil, err
	}
	if c.countEnrolled(&o.answers) < c.set.PINphrase.MinimumAnswers {
		return nil, errNotEnrolled
	}
	if _, err := get(r, keyState(who.id), &o.state); err != nil {
		return nil, err
	}
	if c.stands(o, series) {
		o.record = o.state.Series[series].Open
		o.question, _ = c.question(o.record.Question)
		o.length = o.answers.find(o.record.Question).Length
		return o, nil
	}
	// Draw 0. It depends on nothing that an outsider can change. Where a series lost its open
	// challenge, the count of draws keeps the new one apart from it.
	var count string
	if _, ok := o.state.Series[series]; ok {
		count = fmt.Sprint(o.state.Asked)
	}
	stream := pinphrase.Stream(c.drawKey.key, who.id.String(), fmt.Sprintf("%016x", c.generation),
		fmt.Sprint(o.answers.Version), series, count, fmt.Sprint(c.set.PINphrase.Positions))
	return o, c.draw(o, who.id, stream)
}

// stands tells whether the challenge that was prepared for a series can still be asked.
func (c *Core) stands(o *opened, series string) bool {
	open := o.state.Series[series].Open
	if o.state.Generation != c.generation || open.Question == "" {
		return false
	}
	item := o.answers.find(open.Question)
	_, ok := c.question(open.Question)
	return ok && item != nil && item.Serial == open.Serial && open.Set.Len() == c.set.PINphrase.Positions
}

// settle puts the derived challenges of all realms into o's state, before something changes that
// they are derived from: a challenge stays until it is answered, also when another realm's is
// answered or an answer is added. Else each login in one realm would be a redraw in another.
// o must hold the state as r has it. first is settled before the others.
func (c *Core) settle(r store.Reader, who subject, o *opened, first string) (changed bool, err error) {
	type derived struct {
		series string
		*opened
	}
	var all []derived
	for _, series := range append([]string{first}, c.series...) {
		if c.stands(o, series) || len(all) > 0 && series == first {
			continue
		}
		x, err := o, error(nil)
		if series != first || o.record.Question == "" {
			x, err = c.opened(r, who, series) // the one that is being answered is derived already
		}
		switch {
		case errors.Is(err, errNotEnrolled), errors.Is(err, pinphrase.ErrNoQuestion):
		case err != nil:
			return false, err
		default:
			all = append(all, derived{series, x})
		}
	}
	if len(all) == 0 {
		return false, nil
	}
	if o.state.Generation != c.generation {
		// Challenges of before a restore are void; what was asked stays asked.
		o.state.Generation, o.state.Series = c.generation, nil
	}
	if o.state.Series == nil {
		o.state.Series = map[string]seriesRecord{}
	}
	if o.state.Usage == nil {
		o.state.Usage = map[[8]byte]pinphrase.Usage{}
	}
	for _, x := range all {
		item := o.answers.find(x.record.Question)
		usage := o.usage(item)
		if len(usage.Used) > 0 {
			answer, err := c.answerOf(who.id, x.opened)
			if err != nil {
				return false, err
			}
			letters := x.record.Set.Spelled(answer)
			if slices.ContainsFunc(usage.Used, func(s pinphrase.Set) bool { return s.Spelled(answer).Equal(letters) }) {
				continue // two realms derived the same one: the later is drawn anew
			}
		}
		o.state.Asked++
		usage.Asked(x.record.Set, o.state.Asked)
		o.state.Usage[item.Mark] = usage
		series := o.state.Series[x.series]
		series.Open = x.record
		o.state.Series[x.series] = series
	}
	return true, nil
}

// settled is settle for what changes a user's answers.
func (c *Core) settled(t store.Txn, who subject, answers *answersRecord) error {
	if c.countEnrolled(answers) < c.set.PINphrase.MinimumAnswers || len(c.series) == 0 {
		return nil
	}
	o := &opened{answers: *answers}
	if _, err := get(t, keyState(who.id), &o.state); err != nil {
		return err
	}
	changed, err := c.settle(t, who, o, c.series[0])
	if err != nil || !changed {
		return err
	}
	return put(t, keyState(who.id), &o.state)
}

// draw prepares a challenge from the randomness given and puts it into o. The usage of an answer
// is one for all series, so that no set is asked twice at whatever door.
func (c *Core) draw(o *opened, id userID, random io.Reader) error {
	var candidates []pinphrase.Candidate
	var items []*answerRecord
	for i := range o.answers.Items {
		item := &o.answers.Items[i]
		if _, ok := c.question(item.Question); !ok {
			continue
		}
		candidates = append(candidates, pinphrase.Candidate{Length: item.Length, Usage: o.usage(item)})
		items = append(items, item)
	}
	var answer pinphrase.Answer
	next, err := c.set.PINphrase.Prepare(candidates, func(i int) (a pinphrase.Answer, err error) {
		answer, err = c.openAnswer(id, items[i])
		return answer, err
	}, random)
	for _, i := range next.Retired {
		o.retired = append(o.retired, items[i])
	}
	if err != nil {
		return err
	}
	item := items[next.Index]
	o.answer, o.length = answer, item.Length
	o.question, _ = c.question(item.Question)
	o.record = openRecord{Question: item.Question, Serial: item.Serial, Set: next.Set, Pressed: next.Pressed}
	if _, err = io.ReadFull(random, o.record.ID[:]); err != nil {
		return err
	}
	// The id names what is asked: the same stream over another usage gives another one.
	o.record.ID = mac8(c.drawKey, "challenge", id.String(), string(o.record.ID[:]), item.Question,
		strconv.FormatUint(item.Serial, 10), strconv.FormatUint(uint64(next.Set), 10))
	return nil
}

// answerOf opens the answer that the challenge is about: to show it, its length is enough.
func (c *Core) answerOf(id userID, o *opened) (a pinphrase.Answer, err error) {
	if o.answer.Len() == 0 {
		o.answer, err = c.openAnswer(id, o.answers.find(o.record.Question))
	}
	return o.answer, err
}

// usage is what was asked of an answer so far.
func (o *opened) usage(item *answerRecord) pinphrase.Usage {
	return o.state.Usage[item.Mark]
}

// countEnrolled counts the answers to questions that are in the pool now.
func (c *Core) countEnrolled(a *answersRecord) (n int) {
	for i := range a.Items {
		if _, ok := c.question(a.Items[i].Question); ok {
			n++
		}
	}
	return n
}

func (c *Core) openAnswer(id userID, item *answerRecord) (pinphrase.Answer, error) {
	s, err := c.keys.Open(item.Sealed, answerContext(id, item))
	if err != nil {
		return pinphrase.Answer{}, fmt.Errorf("answer %s of user %s: %w", item.Question, id, err)
	}
	return pinphrase.Decode([]byte(s.Reveal()))
}

func answerContext(id userID, item *answerRecord) string {
	return "answer|" + id.String() + "|" + item.Question + "|" + strconv.FormatUint(item.Serial, 10)
}

// ask makes the step that shows an open challenge.
func (c *Core) ask(a Attempt, p *policy, who subject, now time.Time, checked bool, o *opened) Step {
	tag := c.tag(who.user.Language, a.Language)
	prompt := c.spell(a, tag, c.prompts[tag].Prompt(o.question, o.record.Set, o.length))
	return c.challenge(a, p, who, now, o.kind, checked, o.record.ID, prompt)
}

// challenge seals the token and makes the step.
func (c *Core) challenge(a Attempt, p *policy, who subject, now time.Time, kind token.Kind, checked bool, id [8]byte, prompt string) Step {
	return Step{
		Kind: Challenge, User: who.name, Prompt: prompt, Secret: true,
		Token: c.tokens.Seal(now, token.Claims{
			Kind: kind, Door: uint8(a.Door), First: checked, Origin: c.origin(a),
			User: who.id, Epoch: who.user.Epoch, Challenge: id, Policy: p.hash, Expires: now.Add(c.set.TokenLife), Form: formOf(kind, p),
		}),
	}
}

// formOf is the form that a token of the kind names.
func formOf(kind token.Kind, p *policy) uint8 {
	if kind == token.PINphrase || kind == token.Decoy {
		return p.formNumber()
	}
	return 0
}

// origin is where an attempt comes from, as tokens are bound to it.
func (c *Core) origin(a Attempt) (h [16]byte) {
	copy(h[:], mac(c.bindKey, a.NAS, a.Service, a.Source.String(), a.self.bind(), a.hostKey()))
	return h
}

// decoy makes the challenge of somebody who has none, or whom a lock refuses: by the methods of the policy, and in
// the population's proportions.
func (c *Core) decoy(a Attempt, p *policy, who subject, now time.Time) Step {
	if a.PasswordChecked && slices.Contains(p.Second, MethodApp) && c.decoyHasPhone(p, who) {
		return c.decoyApp(a, p, who, now)
	}
	return c.decoyQuestion(a, p, who, now, 0)
}

// decoyQuestion makes the question of somebody who has none: the same form, stable over restarts and
// nodes, in a language as the population speaks. It changes at moments that only the keyset
// knows, as a real user's does by logging in.
func (c *Core) decoyQuestion(a Attempt, p *policy, who subject, now time.Time, round uint8) Step {
	seed := mac(c.decoyKey, "moments", who.name, p.series())
	period := time.Duration(4+binary.BigEndian.Uint16(seed)%92) * time.Hour
	offset := time.Duration(binary.BigEndian.Uint32(seed[2:])) * time.Second
	moment := uint64((now.Unix() + int64(offset/time.Second)) / int64(period/time.Second))
	var asked pinphrase.DecoyChallenge
	tag := c.tag(who.user.Language, a.Language)
	d, err := c.set.PINphrase.NewDecoy(c.decoyKey.key, c.population, tag, who.name, p.Realm, fmt.Sprintf("%016x", c.generation))
	if err == nil {
		asked, err = d.Challenge(moment)
	}
	if err != nil {
		// The settings were validated: a pool that serves users serves decoys.
		c.log.Error("no decoy", "request", a.Request, "error", err)
	}
	if !who.known {
		copy(who.id[:], mac(c.decoyKey, "id", who.name))
		tag = c.tag(string(d.Language))
	}
	if p.message() {
		id := mac8(c.decoyKey, "message", who.name, p.Realm, strconv.FormatUint(c.generation, 16), strconv.FormatUint(moment, 10))
		w := wished
		if round > 0 {
			w = wishedAgain
		}
		return c.marked(a, p, who, now, token.Decoy, tag, false, id, round, said(sent, w))
	}
	prompt := c.spell(a, tag, c.prompts[tag].Prompt(asked.Question, asked.Set, asked.Length))
	return c.challenge(a, p, who, now, token.Decoy, false, [8]byte(seed[8:]), prompt)
}

// tag is the language to speak: the user's, else what the door knows, else the appliance's.
func (c *Core) tag(wishes ...string) language.Tag {
	for _, w := range wishes {
		if t := language.Tag(w); t.Known() {
			return t
		}
	}
	return language.Best(language.Tag(c.set.Language))
}

// spell fits a text to what the NAS can show.
func (c *Core) spell(a Attempt, tag language.Tag, text string) string {
	if a.ASCII {
		return language.In(tag).ASCII(text)
	}
	return text
}
