package core

import (
	"context"
	"errors"

	"github.com/latchkey/latchkey/core/store"
)

// passUnenrolled lets a user in who has no second factor, where the policy says so; each
// such login is in the audit log.
func (c *Core) passUnenrolled(ctx context.Context, a Attempt, p *policy, who subject) (Step, error) {
	var step Step
	err := c.store.Update(ctx, func(t store.Txn) error {
		j := judgement{Core: c, t: t, now: c.clock.Now(), a: a, p: p}
		var err error
		if j.who, err = c.asked(t, a); err != nil {
			return err
		}
		pre, err := c.barrier(t, j.now, j.who, a)
		if err != nil {
			return err
		}
		// What was checked must still stand: the same user, the same password.
		if !j.who.known || j.who.id != who.id || j.who.user.Epoch != who.user.Epoch || pre != "" {
			err = j.dismiss(StaleToken)
		} else if _, errOpen := c.opened(t, j.who, p.series()); !errors.Is(errOpen, errNotEnrolled) {
			if err = errOpen; err == nil {
				err = j.dismiss(StaleToken) // enrolled in the meantime
			}
		} else if had, errPhone := c.hadPhone(t, j.who.id); errPhone != nil || had {
			if err = errPhone; err == nil {
				err = j.dismiss(NotEnrolled) // who has, or had, a phone is no newcomer
			}
		} else if was, errGet := get(t, keyState(j.who.id), &stateRecord{}); errGet != nil || was {
			// Who has answered a challenge before is no newcomer: a question that left the pool,
			// or a higher minimum, must not make the password alone enough.
			if err = errGet; err == nil {
				err = j.dismiss(NotEnrolled)
			}
		} else {
			err = j.accept(UnenrolledPassed, "")
		}
		step = j.step
		return err
	})
	if err != nil {
		return Step{}, silence(err)
	}
	return step, nil
}

// tellUnenrolled rejects for want of a second factor. It tells newcomers from those who had one and lost it: a host
// that lets newcomers pass must not do so for somebody whose phone was stolen and revoked.
func (c *Core) tellUnenrolled(ctx context.Context, a Attempt, p *policy, who subject) (Step, error) {
	var step Step
	var said []func()
	err := c.store.Update(ctx, func(t store.Txn) error {
		j := judgement{Core: c, t: t, now: c.clock.Now(), a: a, p: p}
		var err error
		if j.who, err = c.asked(t, a); err != nil {
			return err
		}
		pre, err := c.barrier(t, j.now, j.who, a)
		if err != nil {
			return err
		}
		j.who.vouched = who.vouched && pre == "" // a lock looks like a wrong password
		newcomer := false
		switch {
		case pre != "" && p.First == FirstNone:
			// Nothing was compared, and nothing will be: this host is told, and does not ask.
			err = j.dismiss(pre)
		case j.who.known != who.known || j.who.known && (j.who.id != who.id || j.who.user.Epoch != who.user.Epoch):
			err = j.dismiss(StaleToken)
		case pre != "":
			err = j.wrong(pre)
		default:
			if newcomer, err = c.newcomer(t, j.who, a); err == nil {
				err = j.dismiss(NotEnrolled)
			}
		}
		step, said = j.step, j.said
		step.Newcomer = newcomer
		return err
	})
	if err != nil {
		return Step{}, silence(err)
	}
	tell(said)
	return step, nil
}

// newcomer tells whether somebody never had a second factor, as far as anybody remembers.
func (c *Core) newcomer(r store.Reader, who subject, a Attempt) (bool, error) {
	if !a.host.allows(who) {
		return false, nil // who is known here the host is not told, and so lets nobody pass whom it may not ask for
	}
	if !who.known {
		_, valid := c.set.Names.Canonical(a.User)
		return valid, nil
	}
	if had, err := c.hadPhone(r, who.id); err != nil || had {
		return false, err
	}
	was, err := get(r, keyState(who.id), &stateRecord{})
	return !was, err
}
