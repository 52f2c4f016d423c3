package core

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// Verdict is what a PasswordChecker found. The zero value is none of them.
type Verdict uint8

// The verdicts.
const (
	VerdictWrong   Verdict = iota + 1
	VerdictRight           // and the account may log in now
	VerdictRefused         // right, but the account is locked or expired, or not for now
	VerdictStale           // right, but it has expired and must be changed, which Latchkey cannot do
)

// PasswordCheck is one question to a PasswordChecker.
type PasswordCheck struct {
	Request  string // the door's id of the request, for logs
	Name     string // canonical, of a known user
	Password Secret // without NUL; never empty
	Remote   string // the person's address, where it is known
	// Decoy asks for nothing but the time: it takes as long, waits at the same places and fails as often as a check
	// of a known user does, and is never right. Name and Password are empty.
	Decoy bool
}

// PasswordChecker checks passwords that somebody else keeps. An error says that it is not known whether the password
// is right: the service is down, overloaded or does not understand. The login is then not answered, and not counted.
// It must end soon after ctx has, be safe for many goroutines, and keep no password.
type PasswordChecker interface {
	CheckPassword(ctx context.Context, check PasswordCheck) (Verdict, error)
}

var errNoChecker = errors.New("core: nobody is there to check passwords by PAM")

// kept checks the password that Latchkey keeps. Unknown users, and those without a password, pay the same time. It
// runs outside any transaction: it takes 20 ms.
func (c *Core) kept(ctx context.Context, a Attempt, who subject) (Verdict, error) {
	var hash secret.Secret
	if who.known && len(who.user.Password) > 0 {
		var err error
		if hash, err = c.keys.Open(who.user.Password, passwordContext(who.id)); err != nil {
			return 0, fmt.Errorf("password of user %s: %w", who.id, err)
		}
	}
	right, err := c.passwords.Verify(ctx, turnOf(a), a.Password, hash)
	switch {
	case err != nil:
		return 0, err
	case right:
		return VerdictRight, nil
	}
	return VerdictWrong, nil
}

// elsewhere lets somebody else check the password. Only of users who are known here and not locked: else this would be a
// way to try passwords of accounts that are none of Latchkey's, and to get an account locked over there by guesses that
// the lock here has stopped. The others get a decoy. who and pre are read again when its turn has come: of many guesses
// that waited together, those after the lock are not asked about any more. Hence back, which ends the turn, is to be
// called when a wrong password has been counted, and not before.
func (c *Core) elsewhere(ctx context.Context, with PasswordChecker, a Attempt, who *subject, pre *Reason) (verdict Verdict, back func(), err error) {
	if with == nil {
		return 0, func() {}, errNoChecker
	}
	if back, err = c.turns.Take(ctx, turnOf(a)); err != nil {
		return 0, func() {}, err
	}
	err = c.store.View(ctx, func(r store.Reader) (err error) {
		if *who, err = c.asked(r, a); err != nil {
			return err
		}
		*pre, err = c.barrier(r, c.clock.Now(), *who, a)
		return err
	})
	if err != nil {
		return 0, back, err
	}
	check := PasswordCheck{Request: a.Request, Decoy: true}
	// A NUL would cut the password short on its way through C: "right\x00whatever".
	if who.known && *pre == "" && !a.Password.IsEmpty() && !strings.ContainsRune(a.Password.Reveal(), 0) {
		check.Name, check.Password, check.Decoy = who.name, a.Password, false
		if a.Source.Kind == SourcePerson {
			check.Remote = a.Source.address()
		}
	}
	verdict, err = with.CheckPassword(ctx, check)
	switch {
	case err != nil:
		return 0, back, err
	case check.Decoy:
		return VerdictWrong, back, nil
	}
	return verdict, back, nil
}

// turnOf is by whom checks take turns.
func turnOf(a Attempt) string { return a.NAS + "\x00" + a.Source.counterKey() }

func passwordContext(id userID) string { return "password|" + id.String() }

// wrongFirst is why a first factor is not good enough; "" where it is. A lock looks like a wrong password, and costs
// the same; so does an account that may not log in.
func wrongFirst(verdict Verdict, who subject, pre Reason) Reason {
	switch {
	case pre != "":
		return pre
	case who.barred:
		return NotForHost
	case !who.known:
		return UnknownUser
	case verdict == VerdictRight:
		return ""
	case verdict == VerdictRefused:
		return AccountRefused
	case verdict == VerdictStale:
		return PasswordExpired
	}
	return WrongPassword
}
