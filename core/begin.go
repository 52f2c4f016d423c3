package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/store"
)

// ErrSilence: there is nothing to say, since the outcome is not known or the appliance is
// overloaded. A door answers nothing (RADIUS) or "try again" (503); a retransmission
// finds out. It never means that the user was wrong.
var ErrSilence = errors.New("core: no answer")

// subject is whom an attempt is about, as far as a snapshot of the store told.
type subject struct {
	name  string // canonical; of a name that can be none, its printable form
	given string // as it came, printable
	known bool
	id    userID
	user  userRecord
	// vouched: the first factor was checked here and was right. Only then does a text speak the
	// user's language: else the language of a reject would tell users from unknown names.
	vouched bool
	// barred: there may be such a user, but the host may not ask for her.
	barred bool
}

// Begin hears of a new attempt. It checks the first factor, and gives the challenge of the
// second. Showing a challenge writes nothing; every reject is counted and audited first.
// An error wraps ErrSilence.
func (c *Core) Begin(ctx context.Context, a Attempt) (Step, error) {
	p, ok := c.policies[a.Policy]
	if !ok {
		return c.dismiss(ctx, a, subject{given: printable(a.User)}, NoSuchPolicy)
	}
	var second behind
	if a.NoChallenge {
		positions := 0
		if p.typesLetters() {
			positions = c.set.PINphrase.Positions
		}
		a.Password, second = readTyped(a.Password, positions)
	}
	now := c.clock.Now()
	var who subject
	var pre Reason
	err := c.store.View(ctx, func(r store.Reader) (err error) {
		if who, err = c.asked(r, a); err != nil || p.First == FirstNone {
			return err // what nobody checks here is refused, and counted, by its answer
		}
		pre, err = c.barrier(r, now, who, a)
		return err
	})
	if err != nil {
		return Step{}, silence(err)
	}
	if p.First != FirstNone { // else somebody before us has checked it
		var verdict Verdict
		switch p.First {
		case FirstPassword:
			verdict, err = c.kept(ctx, a, who)
		case FirstPAM:
			var back func()
			verdict, back, err = c.elsewhere(ctx, c.set.PAM, a, &who, &pre)
			defer back()
		default:
			// What nobody here checks is not checked: the zero value, or a kind of a newer version.
			return c.dismiss(ctx, a, who, NoSuchPolicy)
		}
		if err != nil {
			return Step{}, silence(err)
		}
		if reason := wrongFirst(verdict, who, pre); reason != "" {
			return c.refuse(ctx, a, who, reason, false)
		}
		who.vouched = true
	}
	if a.NoChallenge {
		return c.secondTyped(ctx, a, p, who, second)
	}
	if step, spared, err := c.spare(ctx, a, p, who); err != nil || spared {
		return step, err
	}
	return c.second(ctx, a, p, who, now)
}

// PasswordPrompt gives the words that ask for the first factor of a policy; needed is false where it has none.
func (c *Core) PasswordPrompt(policy, tag string) (prompt string, needed bool) {
	p, ok := c.policies[policy]
	if !ok || p.First == FirstNone {
		return "", false
	}
	return language.In(c.tag(tag)).Texts.Password, true
}

// lookup finds the user of a name as it came.
func (c *Core) lookup(r store.Reader, raw string) (subject, error) {
	name, valid := c.set.Names.Canonical(raw)
	who := subject{name: name, given: printable(raw)}
	if !valid {
		who.name = who.given
		return who, nil
	}
	id, found, err := c.findName(r, name)
	if err != nil || !found {
		return who, err
	}
	who.id = id
	found, err = get(r, keyUser(id), &who.user)
	if err != nil {
		return who, err
	}
	who.known = found && who.user.Name == name
	return who, nil
}

// findName gives the id of a canonical name. A name of an import that is not published yet
// is nobody's.
func (c *Core) findName(r store.Reader, name string) (id userID, found bool, err error) {
	var n nameRecord
	if found, err = get(r, keyName(name), &n); err != nil || !found {
		return id, false, err
	}
	visible, err := c.published(r, n.Import)
	return n.ID, visible, err
}

// refusal tells why who cannot pass now, whatever the password or answer is; "" if nothing speaks against it.
func (c *Core) refusal(r store.Reader, now time.Time, who subject, source Source) (Reason, error) {
	if who.known {
		switch {
		case who.user.Disabled:
			return Disabled, nil
		case who.user.Expires != 0 && now.Unix() >= who.user.Expires:
			return Expired, nil
		case who.user.Locked:
			return Locked, nil
		}
	}
	var counts countRecord
	if _, err := get(r, c.countKey(who), &counts); err != nil {
		return "", err
	}
	if reason := counts.locked(now, c.set.Locks, source); reason != "" {
		return reason, nil
	}
	key := source.counterKey()
	var row sourceRow
	if _, err := get(r, c.sourceRowKey(key), &row); err != nil {
		return "", err
	}
	if c.set.Locks.SourceAfter > 0 && row.over(now, key) {
		if source.person() {
			return LockedSource, nil
		}
		// Everybody behind a NAS cannot be locked out for one guesser there: those pass who
		// have guessed nothing wrong from it of late; the rest wait.
		if p := counts.pair(key); !who.known || p != nil && p.Wrong > 0 && now.UnixMilli()-p.At < c.set.Locks.SourceFor.Milliseconds() {
			return Throttled, nil
		}
	}
	return "", nil
}

// countKey is where wrong tries for who are counted: unknown names share a table of fixed
// size, at the place that a keyed hash gives, so that they cost a write too but no growth.
func (c *Core) countKey(who subject) []byte {
	if who.known {
		return keyCount(who.id)
	}
	h := mac(c.nameKey, "unknown", who.name)
	return keyUnknown(uint16(h[0])<<8 | uint16(h[1]))
}

func (c *Core) sourceRowKey(source string) []byte {
	h := mac(c.nameKey, "source", source)
	return keySource(uint16(h[0])<<8 | uint16(h[1]))
}

// silence wraps an error that leaves nothing to say.
func silence(err error) error {
	switch {
	case errors.Is(err, ErrSilence):
		return err
	case errors.Is(err, store.ErrUnknown), errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrClosed),
		errors.Is(err, password.ErrBusy), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrSilence, err)
	}
	return fmt.Errorf("%w: internal: %w", ErrSilence, err)
}
