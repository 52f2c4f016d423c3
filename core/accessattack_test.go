package core

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// Attacks by ways that lead round a counter, a lock or a word to the owner.

// TestAttackGuessingCodesByAStaleChallenge: a reply that was compared with a temporary or recovery code counts, though
// the challenge that it answers is over.
func TestAttackGuessingCodesByAStaleChallenge(t *testing.T) {
	h := newHouse(t, withPhones)
	h.enrol("lutz")
	thief := attempt("lutz")
	thief.Source.Value = "198.51.100.66"
	stale := h.begin(thief)
	want(t, h.login(attempt("lutz")), Accept, Right) // the owner's, which uses the challenge up
	if _, _, err := h.TemporaryCode(t.Context(), root, "lutz", time.Hour, 1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		want(t, h.answer(thief, stale.Token, "BCDFGHJK"), Reject, WrongAnswer)
	}
	if info, _ := h.User(t.Context(), "lutz"); info.Wrong != 2 {
		t.Errorf("%d of 2 guesses at the temporary code were counted", info.Wrong)
	}
	// What cannot be a code was compared with nothing.
	want(t, h.answer(thief, stale.Token, "ABC"), Reject, StaleToken)

	// The same with recovery codes, where a phone has come since the question was asked.
	p := h.newPhone("lutz", true)
	b := h.browser()
	b.byPhone(p, "sign-in")
	b.byPhone(p, "proof")
	b.must("recovery/make", doc{}, nil)
	h.now = h.now.Add(time.Minute)
	before, _ := h.User(t.Context(), "lutz")
	a := thief
	a.Policy = "vpn"
	open := h.begin(a)
	want(t, h.login(attempt("lutz")), Accept, Right)
	want(t, h.answer(a, open.Token, "BCDFG-HJKLM"), Reject, WrongAnswer)
	if info, _ := h.User(t.Context(), "lutz"); info.Wrong != before.Wrong+1 {
		t.Errorf("a guess at the recovery codes was not counted: %d, then %d", before.Wrong, info.Wrong)
	}
}

// TestAttackLockedByWrongSymbolsInSilence: who is locked since somebody picks symbols at random hears of it.
func TestAttackLockedByWrongSymbolsInSilence(t *testing.T) {
	p := newPhonePost(t)
	phone := p.newPhone("lutz", true)
	p.mails()
	for range 3 {
		s := p.begin(by("phone"))
		want(t, s, Challenge, "")
		o, code := phone.open()
		if code != "" {
			t.Fatal(code)
		}
		for _, symbol := range o.Symbols {
			if symbol != symbolOf(t, s.Prompt) {
				phone.approve(o, symbol)
				break
			}
		}
	}
	want(t, p.begin(by("phone")), Reject, LockedPair)
	p.wantTold("locked by wrong symbols", "gesperrt")
}

// TestAttackNullokMeetsTheLock: a lock that came while the password was checked is not passed by nullok.
func TestAttackNullokMeetsTheLock(t *testing.T) {
	h := newHostHouse(t)
	if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: "anna"}); err != nil {
		t.Fatal(err)
	}
	a := onHost("anna")
	a.Policy, a.TellUnenrolled = "phone", true
	p := h.policies["phone"]
	var who subject
	err := h.store.View(t.Context(), func(r store.Reader) (err error) { who, err = h.lookup(r, "anna"); return err })
	if err != nil {
		t.Fatal(err)
	}
	who.vouched = true
	for range 3 { // guesses beside it, from the same place
		if _, err := h.refuse(t.Context(), a, who, WrongPassword, false); err != nil {
			t.Fatal(err)
		}
	}
	s, err := h.tellUnenrolled(t.Context(), a, p, who)
	if err != nil || s.Newcomer || s.Reason != LockedPair {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestAttackSessionOfWhoIsLockedForGood: a lock for good ends what is open at self-service.
func TestAttackSessionOfWhoIsLockedForGood(t *testing.T) {
	h := newHouse(t, selfServed, func(s *Settings) { s.Locks.PermanentlyAfter = 2 })
	h.enrol("lutz")
	b := h.signIn("lutz")
	b.prove()
	for range 2 {
		s := h.begin(attempt("lutz"))
		want(t, h.answer(attempt("lutz"), s.Token, "QQQQQQ"[:len(h.solve(s.Prompt))]), Reject, WrongAnswer)
	}
	want(t, h.begin(attempt("lutz")), Reject, LockedForGood)
	b.refused("answers/set", doc{"question": "pet", "answer": "Wackeldackel"}, CodeSignedOut)
}

// TestAttackTheFormerCodeWord: whoever used a code word first is out as soon as the administrator makes another one.
func TestAttackTheFormerCodeWord(t *testing.T) {
	h := newHouse(t, withPhones)
	for name, again := range map[string]func() error{
		"user codeword": func() error { _, _, err := h.NewCodeWord(t.Context(), root, "lutz"); return err },
		"user invite":   func() error { _, err := h.InviteUser(t.Context(), root, "anna", false); return err },
	} {
		user := map[string]string{"user codeword": "lutz", "user invite": "anna"}[name]
		thief := h.newcomer(user)
		if err := again(); err != nil {
			t.Fatal(err)
		}
		if code := thief.call("devices/invite", doc{}, nil); code != CodeSignedOut {
			t.Errorf("%s: the thief's session gets %q", name, code)
		}
	}
}

// TestAttackInvitationFromBeforeAReset: a reset voids the invitations that are open, trusted ones too.
func TestAttackInvitationFromBeforeAReset(t *testing.T) {
	h := newPhoneHouse(t)
	url, _, err := h.InviteDevice(t.Context(), root, "lutz", true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.ResetUser(t.Context(), root, "lutz", false); err != nil {
		t.Fatal(err)
	}
	thief := &testPhone{h: h}
	thief.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, err = h.Enrol(t.Context(), EnrolCall{Request: "r", Body: thief.enrolBody(url), Remote: "198.51.100.66"})
	var refused *DeviceError
	if !asRefusal(err, &refused) || refused.Code != CodeInvitationVoid {
		t.Errorf("the invitation of before still makes a phone: %v", err)
	}
	if h.newPhone("lutz", true) == nil {
		t.Error("none can be invited since")
	}
}

// counting counts the transactions that write.
type counting struct {
	store.Store
	n int
}

type countingTxn struct {
	store.Txn
	wrote bool
}

func (t *countingTxn) Set(key, value []byte) {
	t.wrote = true
	t.Txn.Set(key, value)
}

func (c *counting) Update(ctx context.Context, fn func(store.Txn) error) error {
	var last *countingTxn
	err := c.Store.Update(ctx, func(t store.Txn) error {
		last = &countingTxn{Txn: t}
		return fn(last)
	})
	if err == nil && last.wrote {
		c.n++
	}
	return err
}

// TestDecoysOfPhonesCostAWrite: a phone that rings is a durable write, and so is one that is not there.
func TestDecoysOfPhonesCostAWrite(t *testing.T) {
	h := newHostHouse(t)
	h.newPhone("lutz", true)
	h.restart()
	h.Core = h.With(h.set)
	c := &counting{Store: h.store}
	h.store = c
	writes := func(user string) int {
		c.n = 0
		if s := h.begin(onHost(user)); !s.Waiting {
			return -1
		}
		return c.n
	}
	real, decoys := writes("lutz"), 0
	for _, user := range strings.Fields("ada bea cleo dora ella frida gerda hilde ida jutta kira lena mona nora") {
		switch n := writes(user); {
		case n == -1:
		case n != real:
			t.Errorf("%s costs %d writes, a user's phone %d", user, n, real)
		default:
			decoys++
		}
	}
	if decoys == 0 {
		t.Error("no name pretends to have a phone")
	}
	if err := h.LockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	if n := writes("lutz"); n != real {
		t.Errorf("a locked user costs %d writes, else %d", n, real)
	}
}

// TestDecoysOfPhonesWaitAsLong: neither how long a wait for the phone takes, nor what ends it, tells a phone from none.
func TestDecoysOfPhonesWaitAsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *Settings) {
			s.Policies["ssh"] = Policy{First: FirstNone, Second: []Method{MethodApp}, Realm: "default", Fallback: true}
			s.Policies["words"] = Policy{First: FirstNone, Second: []Method{MethodApp, MethodPINphrase}, Realm: "default", Fallback: true}
		})
		defer h.Core.store.Close()
		a := onHost("nobody")
		s := h.begin(a)
		h.now = h.now.Add(h.pendingFor() - time.Second)
		began := time.Now()
		s = h.answerWaiting(a, s.Token, 10*time.Second)
		want(t, s, Challenge, "")
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("a phone that is there is waited for 10 s, one that is not %s", took)
		}
		// At the end of its time a login is over, whatever is typed and however often it was asked.
		words := onHost("nobody")
		words.Policy = "words"
		for i := 0; !h.decoyHasPhone(h.policies["words"], subject{name: words.User}); i++ {
			words.User = fmt.Sprint("nobody-", i)
		}
		s = h.begin(words)
		want(t, s, Challenge, "")
		rounds := s
		for range maxRounds {
			rounds = h.answer(words, rounds.Token, "")
		}
		h.now = h.now.Add(h.pendingFor())
		want(t, h.answer(words, s.Token, "p"), Reject, PendingExpired)
		want(t, h.answer(words, rounds.Token, ""), Reject, PendingExpired)
	})
}

// TestAttackCharactersPastALockedPhone: where a question may be answered instead of using the phone, a phone that is
// locked opens no such way, also where no prompt can be shown.
func TestAttackCharactersPastALockedPhone(t *testing.T) {
	p := newPost(t, func(s *Settings) {
		s.Device = DeviceSettings{Origin: "https://latchkey.example.org:8443", Appliance: "Example"}
		s.Policies["two"] = Policy{
			First: FirstPassword, Second: []Method{MethodApp, MethodPINphrase}, Realm: "default", Deliver: []string{"sms"}, Presend: true, Fallback: true,
		}
	})
	p.equip("lutz", number)
	phone := p.newPhone("lutz", true)
	p.deliver()
	letters, _ := p.read(p.sms.last(t))
	for range 6 {
		_, _ = phone.evaluate("unlock")
	}
	want(t, p.begin(two("lutz")), Reject, PhoneUnusable)
	a := two("lutz")
	a.NoChallenge, a.Password = true, secret.New("latchkey-demo,"+letters)
	want(t, p.begin(a), Reject, PhoneUnusable)
	if err := p.UnlockDevice(t.Context(), root, "lutz", phone.id.String()); err != nil {
		t.Fatal(err)
	}
	want(t, p.begin(a), Accept, Right)
}
