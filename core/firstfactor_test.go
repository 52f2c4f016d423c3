package core

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/latchkey/latchkey/core/secret"
)

// directory is somebody else who keeps passwords.
type directory struct {
	mu    sync.Mutex
	asked []PasswordCheck
	say   func(PasswordCheck) (Verdict, error)
}

func (d *directory) CheckPassword(_ context.Context, check PasswordCheck) (Verdict, error) {
	d.mu.Lock()
	d.asked = append(d.asked, check)
	d.mu.Unlock()
	return d.say(check)
}

func (d *directory) last() PasswordCheck {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked[len(d.asked)-1]
}

func byPAM(d *directory) func(*Settings) {
	return func(s *Settings) {
		s.PAM = d
		s.Policies["pam"] = Policy{First: FirstPAM, Second: []Method{MethodPINphrase}, Realm: "default"}
	}
}

func pamAttempt(user string) Attempt {
	a := attempt(user)
	a.Policy, a.Password = "pam", secret.New("of the account")
	return a
}

func TestFirstPAM(t *testing.T) {
	d := &directory{say: func(PasswordCheck) (Verdict, error) { return VerdictRight, nil }}
	h := newHouse(t, byPAM(d))
	h.enrol("lutz")
	if s := h.login(pamAttempt(`CORP\LUTZ`)); s.Kind != Accept {
		t.Fatalf("%+v", s)
	}
	if c := d.last(); c.Name != "lutz" || c.Password.Reveal() != "of the account" || c.Remote != "192.0.2.7" || c.Decoy {
		t.Errorf("PAM was asked %+v", c)
	}
	// What Latchkey keeps is not looked at.
	d.say = func(PasswordCheck) (Verdict, error) { return VerdictWrong, nil }
	a := pamAttempt("lutz")
	a.Password = secret.New("latchkey-demo")
	want(t, h.begin(a), Reject, WrongPassword)
}

// TestPAMVerdicts: to an outsider all rejects are the same, and all are counted.
func TestPAMVerdicts(t *testing.T) {
	for verdict, reason := range map[Verdict]Reason{
		0: WrongPassword, VerdictWrong: WrongPassword, VerdictRefused: AccountRefused, VerdictStale: PasswordExpired, 99: WrongPassword,
	} {
		d := &directory{say: func(PasswordCheck) (Verdict, error) { return verdict, nil }}
		h := newHouse(t, byPAM(d))
		h.enrol("lutz")
		first := h.begin(pamAttempt("lutz"))
		want(t, first, Reject, reason)
		unknown := h.begin(pamAttempt("nobody"))
		want(t, unknown, Reject, UnknownUser)
		if text := first.Text[:len(first.Text)-len(first.Reference)-1]; unknown.Text[:len(text)] != text {
			t.Errorf("%s: %q, and of an unknown name %q", reason, first.Text, unknown.Text)
		}
		h.begin(pamAttempt("lutz"))
		h.begin(pamAttempt("lutz"))
		d.say = func(PasswordCheck) (Verdict, error) { return VerdictRight, nil }
		want(t, h.begin(pamAttempt("lutz")), Reject, LockedPair)
	}
}

// TestPAMHearsOfKnownUsersOnly: for unknown names, locked users and passwords that are none it is asked for time only.
func TestPAMHearsOfKnownUsersOnly(t *testing.T) {
	d := &directory{say: func(PasswordCheck) (Verdict, error) { return VerdictRight, nil }}
	h := newHouse(t, byPAM(d))
	h.enrol("lutz")
	decoy := func(what string, a Attempt, reason Reason) {
		t.Helper()
		n := len(d.asked)
		want(t, h.begin(a), Reject, reason)
		if c := d.last(); len(d.asked) != n+1 || !c.Decoy || c.Name != "" || !c.Password.IsEmpty() || c.Remote != "" {
			t.Errorf("%s: PAM was asked %+v", what, d.asked[n:])
		}
	}
	decoy("an account of the system that is no user", pamAttempt("root"), UnknownUser)
	decoy("no name at all", pamAttempt("a\x00b"), UnknownUser)
	a := pamAttempt("lutz")
	a.Password = secret.Secret{}
	decoy("no password", a, WrongPassword)
	a.Password = secret.New("of the account\x00")
	decoy("a NUL", a, WrongPassword)
	if err := h.LockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	decoy("locked", pamAttempt("lutz"), Locked)
}

// TestPAMSilence: where it is not known whether the password is right, nothing is answered, written or counted; that
// holds for unknown names alike.
func TestPAMSilence(t *testing.T) {
	d := &directory{say: func(PasswordCheck) (Verdict, error) { return VerdictRight, errors.New("the directory is gone") }}
	h := newHouse(t, byPAM(d))
	h.enrol("lutz")
	before := h.audited()
	for _, name := range []string{"lutz", "nobody"} {
		for range 5 {
			if s, err := h.Begin(t.Context(), pamAttempt(name)); !errors.Is(err, ErrSilence) {
				t.Fatalf("%s: %+v, %v", name, s, err)
			}
		}
	}
	if after := h.audited(); after.Seq != before.Seq {
		t.Errorf("written: %+v", after)
	}
	d.say = func(PasswordCheck) (Verdict, error) { return VerdictRight, nil }
	if s := h.login(pamAttempt("lutz")); s.Kind != Accept {
		t.Errorf("afterwards: %+v", s)
	}
	h.set.PAM = nil
	h.Core = h.Core.With(h.set)
	if s, err := h.Begin(t.Context(), pamAttempt("lutz")); !errors.Is(err, ErrSilence) {
		t.Errorf("nobody to ask: %+v, %v", s, err)
	}
}

// TestPAMGuessesThatWaited: many guesses come at once and wait for their turn. Those whose turn comes after the lock
// are not asked about: a directory of accounts with a lock of its own would lock the user everywhere.
func TestPAMGuessesThatWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		d := &directory{say: func(c PasswordCheck) (Verdict, error) {
			<-hold
			return VerdictWrong, nil
		}}
		h := newHouse(t, byPAM(d))
		defer h.Core.store.Close()
		h.enrol("lutz")
		const guesses = 40
		for range guesses {
			go func() { _, _ = h.Begin(t.Context(), pamAttempt("lutz")) }()
		}
		synctest.Wait()
		if len(d.asked) != 8 {
			t.Fatalf("%d at once", len(d.asked))
		}
		close(hold)
		synctest.Wait()
		real := 0
		for _, c := range d.asked {
			if !c.Decoy {
				real++
			}
		}
		if len(d.asked) != guesses || real > 8+3 {
			t.Errorf("of %d guesses %d reached PAM", len(d.asked), real)
		}
	})
}
