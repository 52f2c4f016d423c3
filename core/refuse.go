package core

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/store"
)

// refuse counts a wrong try and audits it in one commit, then rejects. second says that
// it was a wrong second factor after a right first factor.
func (c *Core) refuse(ctx context.Context, a Attempt, who subject, reason Reason, second bool) (Step, error) {
	step := Step{}
	var said []func()
	err := c.store.Update(ctx, func(t store.Txn) (err error) {
		said = nil
		now := c.clock.Now()
		why, err := c.stillSo(t, now, who, a.Source, reason) // fn may run twice: reason stays
		if err != nil {
			return err
		}
		if err := c.count(t, now, a, who, why, second, &said); err != nil {
			return err
		}
		step, err = c.reject(t, now, a, who, why)
		return err
	})
	if err != nil {
		return Step{}, silence(err)
	}
	tell(said)
	return step, nil
}

func tell(said []func()) {
	for _, say := range said {
		say()
	}
}

// stillSo looks again whether a lock says more than the reason known so far: of two wrong
// guesses at once the second may meet the lock that the first one set.
func (c *Core) stillSo(r store.Reader, now time.Time, who subject, source Source, reason Reason) (Reason, error) {
	again, err := c.refusal(r, now, who, source)
	// What was compared is counted: a limit of the NAS that was reached meanwhile is no excuse.
	if again != "" && again != Throttled {
		reason = again
	}
	return reason, err
}

// count writes the counters of one wrong try. Throttled tries are not counted: they were not
// looked at, and a NAS's flood must not lock its users.
//
// What is to be logged is put into said, to be told once the commit is durable: a transaction may
// run twice, or not be kept.
func (c *Core) count(t store.Txn, now time.Time, a Attempt, who subject, reason Reason, second bool, said *[]func()) error {
	if reason == Throttled || reason == HostBudget {
		return nil
	}
	alone, err := c.countHost(t, now, a, who, said)
	if err != nil {
		return err
	}
	key := c.countKey(who)
	var counts countRecord
	if _, err := get(t, key, &counts); err != nil {
		return err
	}
	was := counts.locked(now, c.set.Locks, a.Source)
	wrong, at := counts.Wrong, counts.At
	counts.wrong(now, c.set.Locks, a.Source, second)
	if alone {
		counts.Wrong, counts.At = wrong, at // a stolen host locks nobody out elsewhere
	}
	if err := put(t, key, &counts); err != nil {
		return err
	}
	if is := counts.locked(now, c.set.Locks, a.Source); is != was && is != "" && who.known {
		if err := c.notify(t, now, who.id, &who.user, notice{Kind: noticeLocked, Until: c.lockedUntil(now, &counts, is, a.Source)}); err != nil {
			return err
		}
		*said = append(*said, func() {
			c.log.Warn("user locked", "request", a.Request, "user", who.name, "lock", string(is), "source", a.Source.String(),
				"hint", "latchkey user unlock "+who.name)
		})
		if err := audit(t, c.record(now, a, who, eventLock, string(is), "")); err != nil {
			return err
		}
	}
	source := a.Source.counterKey()
	var row sourceRow
	if _, err := get(t, c.sourceRowKey(source), &row); err != nil {
		return err
	}
	reached := row.wrong(now, c.set.Locks, source)
	if reached {
		*said = append(*said, func() {
			c.log.Warn("too many wrong tries from one source", "request", a.Request, "source", a.Source.String(), "nas", a.NAS)
		})
		r := c.record(now, a, subject{}, eventAlert, "source-limit", "")
		if err := audit(t, r); err != nil {
			return err
		}
	}
	return put(t, c.sourceRowKey(source), &row)
}

// lockedUntil is when a lock that is in force ends by itself; zero: never.
func (c *Core) lockedUntil(now time.Time, counts *countRecord, lock Reason, source Source) time.Time {
	for _, l := range c.locks(now, &userRecord{}, counts) {
		if l.Until != nil && (lock == LockedUser && l.Kind == "user" || lock == LockedPair && l.Kind == "pair" && l.Source == source.counterKey()) {
			return *l.Until
		}
	}
	return time.Time{}
}

// dismiss rejects without counting: nothing was compared. It is audited all the same.
func (c *Core) dismiss(ctx context.Context, a Attempt, who subject, reason Reason) (Step, error) {
	step := Step{}
	err := c.store.Update(ctx, func(t store.Txn) (err error) {
		step, err = c.reject(t, c.clock.Now(), a, who, reason)
		return err
	})
	if err != nil {
		return Step{}, silence(err)
	}
	return step, nil
}

// reject audits a reject and makes its step. What an outsider hears is the same for every
// reason but those that come after a right first factor and help the user on.
func (c *Core) reject(t store.Txn, now time.Time, a Attempt, who subject, reason Reason) (Step, error) {
	ref := reference()
	r := c.record(now, a, who, eventLogin, "reject", reason)
	r.Reference = ref
	if err := audit(t, r); err != nil {
		return Step{}, err
	}
	tag := c.tag(a.Language)
	if who.vouched {
		tag = c.tag(who.user.Language, a.Language)
	}
	texts := &language.In(tag).Texts
	text := texts.Denied
	switch reason {
	case NotEnrolled:
		text = texts.NotEnrolled
	case Exhausted:
		text = texts.PressedAnswers
	case TooManyPending:
		text = texts.OtherLogin
	case PhoneUnusable:
		text = texts.PhoneLocked
	case CodeAwaited:
		text = texts.CodeOnPhone
	case PendingExpired:
		text = texts.PhoneSilent
	case NoAddress:
		text = texts.MessageNowhere
	case TooManyMessages:
		text = texts.MessageLimit
	case TooManyRounds:
		text = texts.TooManyRounds
	}
	return Step{
		Kind: Reject, User: who.name, Reason: reason, Reference: ref,
		Text: c.spell(a, tag, fmt.Sprintf("%s %s", text, texts.Reference(ref))),
	}, nil
}

// record is an audit record about an attempt.
func (c *Core) record(now time.Time, a Attempt, who subject, event, result string, reason Reason) auditRecord {
	r := auditRecord{
		Time: now.UnixMilli(), Event: event, Result: result, Reason: reason, User: who.name,
		Door: a.Door, NAS: a.NAS, Source: printable(a.Source.String()), Policy: a.Policy, Detail: "",
	}
	if who.given != who.name {
		r.Given = who.given
	}
	if who.known {
		r.UserID = who.id.String()
	}
	if a.Service != "" {
		r.Detail = "service " + printable(a.Service)
	}
	return r
}

// LogValue lets a step be logged without its token.
func (s Step) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", s.Kind.String()), slog.String("user", s.User),
		slog.String("reason", string(s.Reason)), slog.String("reference", s.Reference))
}
