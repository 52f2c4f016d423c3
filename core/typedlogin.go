package core

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/token"
)

// typesLetters tells whether the characters of a message may be typed behind the password: the message must be there
// before, since nothing can say that one was sent.
func (p *policy) typesLetters() bool {
	return p.message() && p.Presend && slices.Contains(p.Second, MethodPINphrase)
}

// secondTyped gives the step after a right first factor where no challenge can be shown. second is what was typed
// behind the password.
func (c *Core) secondTyped(ctx context.Context, a Attempt, p *policy, who subject, second behind) (Step, error) {
	if p.First == FirstNone || !slices.Contains(p.Second, MethodApp) && !p.typesLetters() {
		return c.dismiss(ctx, a, who, NeedsPrompt)
	}
	var step Step
	var said []func()
	var begun bool
	err := c.store.Update(ctx, func(t store.Txn) error {
		j := judgement{Core: c, t: t, now: c.clock.Now(), a: a, p: p, who: who}
		var err error
		begun, err = j.typedBehind(second)
		step, said = j.step, j.said
		return err
	})
	switch {
	case errors.Is(err, errNothing): // no phone, no answers
		if p.Unenrolled == UnenrolledAllow {
			return c.passUnenrolled(ctx, a, p, who)
		}
		return c.dismiss(ctx, a, who, NotEnrolled)
	case err != nil:
		return Step{}, silence(err)
	}
	tell(said)
	if begun {
		c.ring(who.id)
	}
	return step, nil
}

// typedBehind judges what was typed behind the password by the first method that the user has. errNothing: none.
func (j *judgement) typedBehind(second behind) (begun bool, err error) {
	if stale, err := j.stale(); err != nil {
		return false, err
	} else if stale {
		return false, j.dismiss(StaleToken)
	}
	if pre, err := j.barrier(j.t, j.now, j.who, j.a); err != nil {
		return false, err
	} else if pre != "" {
		j.who.vouched = false // a lock looks like a wrong password
		return false, j.wrong(pre)
	}
	missing := false
	for _, method := range j.p.Second {
		switch {
		case method == MethodApp && (second.letters == "" || !j.p.Fallback || !j.p.typesLetters()):
			// A phone is no second choice: characters do not get past it, unless the policy lets them.
			begun, err = j.typed(second.code)
			if !errors.Is(err, errNothing) {
				return begun, err
			}
		case method == MethodPINphrase && j.p.typesLetters():
			o, err := j.opened(j.t, j.who, j.p.series())
			if errors.Is(err, errNotEnrolled) {
				continue
			}
			if locked, err := j.phoneLocked(); err != nil {
				return false, err
			} else if locked {
				return false, j.dismiss(PhoneUnusable)
			}
			if errors.Is(err, pinphrase.ErrNoQuestion) {
				return false, j.dismiss(Exhausted)
			}
			if err != nil {
				return false, err
			}
			if reaches, err := j.reaches(j.t, j.who, j.p); err != nil {
				return false, err
			} else if !reaches {
				missing = true
				continue
			}
			if second.letters == "" {
				return false, j.awaitLetters(o)
			}
			j.claims = token.Claims{Kind: token.PINphrase, First: true, Form: j.p.formNumber(), Challenge: o.record.ID}
			return false, j.pinphrase(secret.New(second.letters))
		}
	}
	if missing {
		return false, j.dismiss(NoAddress)
	}
	return false, errNothing
}

// phoneLocked tells whether the policy asks a phone first, and the user has none but locked ones: they open no way round.
func (j *judgement) phoneLocked() (bool, error) {
	app := slices.Index(j.p.Second, MethodApp)
	if app < 0 || app > slices.Index(j.p.Second, MethodPINphrase) {
		return false, nil
	}
	has, usable, err := j.hasPhone(j.t, j.who.id)
	return has && !usable, err
}

// awaitLetters refuses in words that name the message. To log in without characters is also how a person without a
// prompt says that the message has not come.
func (j *judgement) awaitLetters(o *opened) error {
	if err := j.askMessage(o, true, wishedTyped); err != nil || j.step.Kind != Challenge {
		return err
	}
	if err := j.dismiss(MessageAwaited); err != nil {
		return err
	}
	tag := j.tag(j.who.user.Language, j.a.Language)
	texts := &language.In(tag).Texts
	j.step.Text = j.spell(j.a, tag, fmt.Sprintf("%s %s", texts.MessageBehind(markOf(j.state, o.record.ID)), texts.Reference(j.step.Reference)))
	return nil
}
