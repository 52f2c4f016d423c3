package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/token"
)

// PINphrase as a second factor: the question goes to the person's own device, and the prompt names its mark alone.
// The challenges of messages are a series of their own, so that no prompt ever shows one, nor answers it.

// Reasons of a login by message. None is counted: nothing was compared.
const (
	NoAddress       Reason = "no-address"        // no carrier finds the user
	TooManyMessages Reason = "too-many-messages" // a limit of delivery is reached
	MessageAwaited  Reason = "message-awaited"   // of a NAS that can show nothing: the characters are typed behind the password
)

const eventMessage = "message"

// markOf is the mark of a challenge: two letters that its message bears and its prompt names. It is no secret.
func markOf(s *state, challenge [8]byte) string {
	mark, err := pinphrase.NewMark(strings.NewReader(string(mac(s.drawKey, "mark", string(challenge[:])))))
	if err != nil {
		panic(err) // 32 bytes are enough
	}
	return mark
}

// sending is what came of the wish to send a challenge's message.
type sending string

const (
	sent       sending = "sent"        // it is in the outbox now
	onItsWay   sending = "on-its-way"  // it was before, and that is enough
	overLimit  sending = "over-limit"  // not sent: a limit
	nowhere    sending = "nowhere"     // not sent: no carrier finds the user
	onlyResend sending = "only-resend" // nobody knows whether it was sent: only who types so has it sent again
)

// how a message is wished for.
type wish int

const (
	wished      wish = iota // a login needs it
	wishedAgain             // the person says that it did not come
	wishedAhead             // nobody needs it yet
	wishedTyped             // a login needs it that can show no prompt, and so cannot be asked to send it again
)

// needed tells whether a wish leads to a message, given what the user was sent last.
func (c *Core) needed(d deliveryRecord, o *opened, now time.Time, w wish) sending {
	ms := now.UnixMilli()
	switch {
	case d.Challenge != o.record.ID:
		return sent
	case d.State == deliveryQueued && ms < d.Until+leaseFor.Milliseconds():
		return onItsWay // the outbox has it, and tries
	case w == wishedAgain:
		return sent
	case w == wishedAhead && d.Reached:
		return onItsWay
	case d.State == deliveryFailed || d.State == deliveryUndelivered || d.State == deliveryQueued:
		return sent
	case ms < d.At+c.set.Delivery.resendAfter().Milliseconds():
		return onItsWay
	case d.State == deliveryUnknown && w != wishedTyped:
		return onlyResend
	}
	return sent
}

// send puts the message of an open challenge into the outbox, where it is needed and may be. deliver are the
// policy's carriers. Only the transaction t knows of it: it must be the one that shows the challenge, or made it.
func (c *Core) send(t store.Txn, now time.Time, who subject, deliver []string, series string, o *opened, w wish) (sending, error) {
	var all deliveriesRecord
	if _, err := get(t, keyDeliveries(who.id), &all); err != nil {
		return "", err
	}
	d := all.Series[series]
	if d.Challenge != o.record.ID {
		d = deliveryRecord{Challenge: o.record.ID}
	}
	verdict := c.needed(d, o, now, w)
	if verdict != sent && verdict != onlyResend {
		return verdict, nil
	}
	carriers, err := c.reachable(t, who.id, &who.user, deliver, d.Doubtful)
	if err != nil {
		return "", err
	}
	if w != wishedAgain && w != wishedTyped {
		// A carrier that may have taken it is not given it again unasked.
		carriers = slices.DeleteFunc(carriers, func(name string) bool { return slices.Contains(d.Doubtful, name) })
		if len(carriers) == 0 && len(d.Doubtful) > 0 {
			return onlyResend, nil
		}
	}
	if len(carriers) == 0 {
		return nowhere, nil
	}
	carrier := c.carrier(carriers[0])
	to, err := c.address(t, who.id, &who.user, carrier.Address())
	if err != nil {
		return "", err
	}
	entry := outboxRecord{
		Kind: outboxChallenge, User: who.id, Carrier: carriers[0], Next: carriers[1:], Created: now.UnixMilli(),
		Until: now.Add(c.set.TokenLife).UnixMilli(), Series: series, Challenge: o.record.ID, Ahead: w == wishedAhead,
	}
	if w == wishedAhead {
		entry.Until = now.Add(c.set.Delivery.presendFor()).UnixMilli()
	}
	over, err := c.charge(t, now, who, &all, &entry, to)
	if err != nil {
		return "", err
	}
	if over {
		return overLimit, put(t, keyDeliveries(who.id), &all)
	}
	if _, err := c.enqueue(t, now, &entry); err != nil {
		return "", err
	}
	d.At, d.Until, d.State, d.Carrier, d.Message = now.UnixMilli(), entry.Until, deliveryQueued, entry.Carrier, entry.ID
	if all.Series == nil {
		all.Series = map[string]deliveryRecord{}
	}
	all.Series[series] = d
	if err := put(t, keyDeliveries(who.id), &all); err != nil {
		return "", err
	}
	return sent, c.auditMessage(t, now, &entry, "queued", "to "+masked(carrier.Address(), to))
}

// charge counts one challenge for its user and number, or says that a limit is reached.
func (c *Core) charge(t store.Txn, now time.Time, who subject, all *deliveriesRecord, entry *outboxRecord, to Secret) (over bool, err error) {
	limits := c.set.Delivery
	var number, carrier, total windowRecord
	keyNumber := c.keyNumber(to)
	for _, x := range []struct {
		key []byte
		w   *windowRecord
	}{{keyNumber, &number}, {keyCarrierRate(entry.Carrier), &carrier}, {keyAllRate, &total}} {
		if _, err := get(t, x.key, x.w); err != nil {
			return false, err
		}
	}
	var limit string
	var first bool
	switch {
	case !all.Sent.room(now, limits.User):
		limit, first = "user", all.Sent.tell()
	case !number.room(now, limits.Number):
		limit, first = "number", number.tell()
		if first {
			if err := put(t, keyNumber, &number); err != nil {
				return false, err
			}
		}
	case !carrier.room(now, limits.Carrier), !total.room(now, limits.All):
		// Their windows are the sender's, which has told of it. Who waits at a login is told at once; what is sent
		// ahead waits.
		return !entry.Ahead, nil
	default:
		all.Sent.take(now, limits.User)
		number.take(now, limits.Number)
		return false, put(t, keyNumber, &number)
	}
	if first {
		r := c.record(now, Attempt{}, who, eventAlert, "message-limit", "")
		r.Source, r.Detail = "", "limit of one "+limit
		err = audit(t, r)
	}
	return true, err
}

// reaches tells whether a message of the policy would find the user.
func (c *Core) reaches(r store.Reader, who subject, p *policy) (bool, error) {
	carriers, err := c.reachable(r, who.id, &who.user, p.Deliver, nil)
	return len(carriers) > 0, err
}

// hasMessage tells whether the message of an open challenge is out already, so that a login may name it without
// anything being written; there says that it may be in the person's hands.
func (c *Core) hasMessage(r store.Reader, who subject, series string, o *opened, now time.Time) (verdict sending, there bool, err error) {
	var all deliveriesRecord
	if _, err := get(r, keyDeliveries(who.id), &all); err != nil {
		return "", false, err
	}
	d := all.Series[series]
	return c.needed(d, o, now, wished), d.Challenge == o.record.ID && d.Reached, nil
}

// beginMessage sends the message of the user's open challenge, and shows its mark. All that decides is read again by
// the transaction that puts the message into the outbox.
func (c *Core) beginMessage(ctx context.Context, a Attempt, p *policy, who subject) (Step, error) {
	var step Step
	var say []func()
	checked := p.First != FirstNone
	err := c.store.Update(ctx, func(t store.Txn) error {
		j := judgement{Core: c, t: t, now: c.clock.Now(), a: a, p: p, who: who}
		err := j.message(checked)
		step, say = j.step, j.said
		return err
	})
	if err != nil {
		return Step{}, silence(err)
	}
	tell(say)
	return step, nil
}

// stale tells whether the user is another one than the one whose first factor was checked.
func (j *judgement) stale() (bool, error) {
	var fresh userRecord
	found, err := get(j.t, keyUser(j.who.id), &fresh)
	if err != nil || !found || fresh.Epoch != j.who.user.Epoch {
		return true, err
	}
	j.who.user = fresh
	return false, nil
}

func (j *judgement) message(checked bool) error {
	if stale, err := j.stale(); err != nil {
		return err
	} else if stale {
		return j.dismiss(StaleToken)
	}
	if checked {
		pre, err := j.barrier(j.t, j.now, j.who, j.a)
		if err != nil {
			return err
		}
		if pre != "" {
			j.who.vouched = false // a lock looks like a wrong password
			return j.wrong(pre)
		}
	}
	o, err := j.opened(j.t, j.who, j.p.series())
	if errors.Is(err, errNotEnrolled) || errors.Is(err, pinphrase.ErrNoQuestion) {
		return j.dismiss(StaleToken) // since a moment ago
	}
	if err != nil {
		return err
	}
	return j.askMessage(o, checked, wished)
}

// askMessage sends what is to be sent, and makes the step that names the mark.
func (j *judgement) askMessage(o *opened, checked bool, w wish) error {
	verdict, err := j.send(j.t, j.now, j.who, j.p.Deliver, j.p.series(), o, w)
	if err != nil {
		return err
	}
	said := said(verdict, w)
	if verdict == overLimit {
		request, user := j.a.Request, j.who.name
		j.said = append(j.said, func() {
			j.log.Warn("too many messages: one was not sent", "request", request, "user", user, "hint", "delivery.limits")
		})
	}
	if verdict == nowhere || verdict == overLimit {
		reached, err := j.reached(o)
		if err != nil {
			return err
		}
		switch {
		case reached || !checked: // what is there can be answered; without a first factor nobody hears more
		case verdict == nowhere:
			return j.dismiss(NoAddress)
		default:
			return j.dismiss(TooManyMessages)
		}
	}
	j.step = j.mark(j.a, j.p, j.who, j.now, checked, o.record.ID, j.claims.Round, said)
	return nil
}

// reached tells whether the message of an open challenge may be in the person's hands.
func (j *judgement) reached(o *opened) (bool, error) {
	var all deliveriesRecord
	_, err := get(j.t, keyDeliveries(j.who.id), &all)
	d := all.Series[j.p.series()]
	return d.Challenge == o.record.ID && d.Reached, err
}

// said is what the prompt says before the mark: why there is another prompt, where the person has asked for it.
func said(verdict sending, w wish) func(*language.Texts) string {
	switch {
	case w != wishedAgain:
	case verdict == sent || verdict == onItsWay:
		return func(t *language.Texts) string { return t.MessageSent }
	default:
		return func(t *language.Texts) string { return t.MessageLimit }
	}
	return func(*language.Texts) string { return "" }
}

// maxPrompt is what a RADIUS attribute carries, less what a door may put before it; see Step.Prompt.
const maxPrompt = 250

// mark makes the step that names a message by its mark. It names neither question nor positions.
func (c *Core) mark(a Attempt, p *policy, who subject, now time.Time, checked bool, id [8]byte, round uint8, said func(*language.Texts) string) Step {
	return c.marked(a, p, who, now, token.PINphrase, c.tag(who.user.Language, a.Language), checked, id, round, said)
}

func (c *Core) marked(a Attempt, p *policy, who subject, now time.Time, kind token.Kind, tag language.Tag, checked bool, id [8]byte, round uint8,
	said func(*language.Texts) string) Step {
	texts := &language.In(tag).Texts
	prompt := c.spell(a, tag, c.prompts[tag].MarkPrompt(markOf(c.state, id)))
	// What does not fit is left out: the mark is what counts.
	if before := said(texts); before != "" {
		if longer := c.spell(a, tag, before) + " " + prompt; len(longer) <= maxPrompt {
			prompt = longer
		}
	}
	if longer := prompt + " " + c.spell(a, tag, texts.MessageAgain); len(longer) <= maxPrompt {
		prompt = longer
	}
	s := c.challenge(a, p, who, now, kind, checked, id, prompt)
	s.Resend = true
	if round > 0 {
		s.Token = c.tokens.Seal(now, token.Claims{
			Kind: kind, Door: uint8(a.Door), First: checked, Form: p.formNumber(), Round: round, Origin: c.origin(a),
			User: who.id, Epoch: who.user.Epoch, Challenge: id, Policy: p.hash, Expires: now.Add(c.set.TokenLife),
		})
	}
	return s
}

// Resend is what a person types to have the message sent again.
const Resend = "resend"

// resends tells whether a reply asks for that.
func (j *judgement) resends(text secret.Secret) bool {
	return j.p.message() && (j.claims.Kind == token.PINphrase || j.claims.Kind == token.Decoy) &&
		strings.EqualFold(strings.TrimSpace(text.Reveal()), Resend)
}

// resend sends the message of the open challenge again. No guess is spent, and none is to be had: mark and challenge
// stay.
func (j *judgement) resend() error {
	if j.claims.Round >= maxRounds {
		return j.dismiss(TooManyRounds)
	}
	j.claims.Round++
	if j.claims.Kind == token.Decoy {
		if err := j.resendNothing(); err != nil {
			return err
		}
		j.step = j.decoyQuestion(j.a, j.p, j.who, j.now, j.claims.Round)
		return nil
	}
	o, err := j.opened(j.t, j.who, j.p.series())
	if errors.Is(err, errNotEnrolled) || errors.Is(err, pinphrase.ErrNoQuestion) {
		return j.dismiss(StaleToken)
	}
	if err != nil {
		return err
	}
	if o.record.ID != j.claims.Challenge {
		return j.dismiss(StaleToken)
	}
	return j.askMessage(o, j.claims.First, wishedAgain)
}

// quietRecord stands under keyQuiet.
type quietRecord struct {
	At int64 `cbor:"1,keyasint"`
}

// sendNothing costs what a message does, for somebody who gets none: else the time of a reply would tell who does. It
// is for policies without a first factor here only.
func (c *Core) sendNothing(ctx context.Context, a Attempt, who subject) error {
	return c.store.Update(ctx, func(t store.Txn) error {
		var q quietRecord
		now := c.clock.Now()
		if _, err := get(t, c.keyQuiet(who.name), &q); err != nil {
			return err
		}
		if q.At != 0 && now.UnixMilli() < q.At+c.set.Delivery.resendAfter().Milliseconds() {
			return nil
		}
		return c.noteNothing(t, now, a, who)
	})
}

func (c *Core) noteNothing(t store.Txn, now time.Time, a Attempt, who subject) error {
	if err := put(t, c.keyQuiet(who.name), quietRecord{At: now.UnixMilli()}); err != nil {
		return err
	}
	return audit(t, c.record(now, a, who, eventMessage, "nobody", ""))
}

func (j *judgement) resendNothing() error { return j.noteNothing(j.t, j.now, j.a, j.who) }

// ahead sends the messages of a user's open challenges that are to be there before a login: after each change of
// what they depend on, in its transaction. who is the user after the change.
func (c *Core) ahead(t store.Txn, now time.Time, who subject) error {
	for _, series := range c.series {
		p := c.presend[series]
		if p == nil || who.user.Disabled {
			continue
		}
		o, err := c.opened(t, who, series)
		if errors.Is(err, errNotEnrolled) || errors.Is(err, pinphrase.ErrNoQuestion) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := c.send(t, now, who, p.Deliver, series, o, wishedAhead); err != nil {
			return err
		}
	}
	return nil
}

// moved voids the open message challenges of a user whose number or address is another one: what was sent to the
// old one is in somebody's hands, and must open nothing. The next ones are new. who is the user after the change.
func (c *Core) moved(t store.Txn, now time.Time, who subject) error {
	var answers answersRecord
	if _, err := get(t, keyAnswers(who.id), &answers); err != nil {
		return err
	}
	// A challenge that is only derived so far is written down first: the next one is derived from how many there were.
	if err := c.settled(t, who, &answers); err != nil {
		return err
	}
	var s stateRecord
	if _, err := get(t, keyState(who.id), &s); err != nil {
		return err
	}
	voided := false
	for name, series := range s.Series {
		if strings.HasSuffix(name, "/"+formMessage) && series.Open.Question != "" {
			s.Series[name] = seriesRecord{Last: series.Last}
			voided = true
		}
	}
	if voided {
		if err := put(t, keyState(who.id), &s); err != nil {
			return err
		}
	}
	return c.ahead(t, now, who)
}

// Sent tells what became of a user's message.
type Sent struct {
	Mark    string `json:"mark"`
	Carrier string `json:"carrier"`
	To      string `json:"to"` // masked
	Realm   string `json:"realm"`
}

// ResendMessage sends the messages of a user's open challenges again: those that a login has asked for, and those
// that are sent ahead. It is the helpdesk's, and the user's own at self-service.
func (c *Core) ResendMessage(ctx context.Context, actor Actor, name string) (out []Sent, err error) {
	err = c.change(ctx, actor, "user.resend", name, func(t store.Txn, who *subject) (string, error) {
		out = nil
		now := c.clock.Now()
		var over, way, missing bool
		for _, series := range c.series {
			p := c.messages[series]
			if p == nil {
				continue
			}
			o, err := c.opened(t, *who, series)
			if errors.Is(err, errNotEnrolled) || errors.Is(err, pinphrase.ErrNoQuestion) {
				continue
			}
			if err != nil {
				return "", err
			}
			var all deliveriesRecord
			if _, err := get(t, keyDeliveries(who.id), &all); err != nil {
				return "", err
			}
			if all.Series[series].Challenge != o.record.ID && c.presend[series] == nil {
				continue // no login has asked for it
			}
			verdict, err := c.send(t, now, *who, p.Deliver, series, o, wishedAgain)
			if err != nil {
				return "", err
			}
			over, way, missing = over || verdict == overLimit, way || verdict == onItsWay, missing || verdict == nowhere
			if verdict != sent {
				continue
			}
			if _, err := get(t, keyDeliveries(who.id), &all); err != nil {
				return "", err
			}
			d := all.Series[series]
			s := Sent{Mark: markOf(c.state, o.record.ID), Carrier: d.Carrier, Realm: p.Realm}
			if carrier := c.carrier(d.Carrier); carrier != nil {
				to, err := c.address(t, who.id, &who.user, carrier.Address())
				if err != nil {
					return "", err
				}
				s.To = masked(carrier.Address(), to)
			}
			out = append(out, s)
		}
		switch {
		case len(out) > 0:
			return fmt.Sprintf("%d messages", len(out)), nil
		case over:
			return "", problem(ErrRefused, fmt.Sprintf("%s was sent too many messages of late", who.name), "wait a while, or raise delivery.limits")
		case way:
			return "", problem(ErrRefused, fmt.Sprintf("the message to %s is still waiting for its carrier", who.name), "`latchkey status` shows how the carriers are")
		case missing:
			return "", problem(ErrRefused, fmt.Sprintf("no carrier finds %s", who.name), fmt.Sprintf("`latchkey user set %s --phone NUMBER`", who.name))
		}
		return "", problem(ErrRefused, fmt.Sprintf("no message to %s is open", who.name), "one is sent when the user logs in")
	})
	return out, err
}

// aheadOf is ahead for users that were imported just now.
func (c *Core) aheadOf(ctx context.Context, users []staged) error {
	const atOnce = 50
	for len(c.presend) > 0 && len(users) > 0 {
		n := min(atOnce, len(users))
		err := c.store.Update(ctx, func(t store.Txn) error {
			for _, s := range users[:n] {
				who := subject{name: s.name, given: s.name, known: true, id: s.id}
				if found, err := get(t, keyUser(s.id), &who.user); err != nil {
					return err
				} else if !found {
					continue
				}
				if err := c.ahead(t, c.clock.Now(), who); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		users = users[n:]
	}
	return nil
}

// rehomed follows a change of a user's number, address or preference. before is the record as it was; who.user as it
// is in the store now.
func (c *Core) rehomed(t store.Txn, who subject, before *userRecord) error {
	now := c.clock.Now()
	for _, x := range []struct{ what, was, is string }{{"phone", before.Phone, who.user.Phone}, {"mail", before.Mail, who.user.Mail}} {
		if x.was == x.is {
			continue
		}
		if err := c.notify(t, now, who.id, before, notice{Kind: noticeChanged, What: x.what}); err != nil {
			return err
		}
	}
	if before.Phone == who.user.Phone && before.Mail == who.user.Mail {
		return nil
	}
	return c.moved(t, now, who)
}
