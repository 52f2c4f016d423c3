package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// inertPhone enrols a phone up to its key, and does not confirm it.
func (h *house) inertPhone() *testPhone {
	h.t.Helper()
	url, _, err := h.InviteDevice(h.t.Context(), root, "lutz", true)
	if err != nil {
		h.t.Fatal(err)
	}
	p := h.enrolPhone(url)
	h.change1(p, func(d *deviceRecord) { d.State, d.Trusted, d.Check = deviceInert, false, "BCDFGHJK" })
	return p
}

func (h *house) change1(p *testPhone, fn func(d *deviceRecord)) {
	h.t.Helper()
	err := h.store.Update(h.t.Context(), func(t store.Txn) error {
		var d deviceRecord
		if _, err := get(t, keyDevice(p.id), &d); err != nil {
			return err
		}
		fn(&d)
		return put(t, keyDevice(p.id), d)
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// Somebody with a stolen invitation makes their own unconfirmed phone lock itself, and waits for a kind administrator.
func TestEndingALockIsNoConfirmation(t *testing.T) {
	h := newPhoneHouse(t)
	thief := h.inertPhone()
	copied := *thief
	thief.call("hello", struct{}{}, nil)
	if code := copied.call("hello", map[string]any{"x": 1}, nil); code != CodeDeviceCloned {
		t.Fatal(code)
	}
	if err := h.UnlockDevice(t.Context(), root, "lutz", thief.id.String()); err != nil {
		t.Fatal(err)
	}
	if code := thief.call("pendings", struct{}{}, nil); code != CodeDeviceInert {
		t.Fatalf("the lock's end has confirmed it: %q", code)
	}
}

// What was never confirmed takes nobody's questions away, in whatever state it ends.
func TestAPhoneThatWasNeverConfirmedIsNone(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.inertPhone()
	for _, state := range []deviceState{deviceLocked, deviceErased, deviceInert} {
		h.change1(p, func(d *deviceRecord) { d.State = state })
		if s := h.begin(byPhone()); s.Kind != Challenge || s.Waiting {
			t.Errorf("%s: %+v", state, s)
		}
	}
}

// A thief who knows the password and has the phone, but not its PIN, takes the phone away to be asked questions.
func TestRemovingTheLastPhoneOpensNoWeakerWay(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	if code := p.call("remove", struct{}{}, nil); code != "" {
		t.Fatal(code)
	}
	want(t, h.begin(byPhone()), Reject, PhoneUnusable)
	if code := p.call("hello", struct{}{}, nil); code != CodeDeviceRevoked {
		t.Errorf("a removed phone hears %q", code)
	}
	if err := h.UnlockDevice(t.Context(), root, "lutz", p.id.String()); err == nil {
		t.Error("it can be unlocked")
	}
	if err := h.RevokeDevice(t.Context(), root, "lutz", p.id.String()); err != nil {
		t.Fatal(err)
	}
	if s := h.begin(byPhone()); s.Kind != Challenge || s.Waiting {
		t.Errorf("after an administrator's word: %+v", s)
	}
	// With another phone there it goes at once.
	first, second := h.newPhone("lutz", true), h.newPhone("lutz", true)
	first.call("remove", struct{}{}, nil)
	if infos, _ := h.Devices(t.Context(), "lutz"); len(infos) != 1 || infos[0].ID != second.id.String() {
		t.Errorf("%+v", infos)
	}
}

// Where newcomers pass, that must not make the password alone enough.
func TestRemovingTheLastPhoneMakesNoNewcomer(t *testing.T) {
	h := newPhoneHouse(t)
	if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: "nina"}); err != nil {
		t.Fatal(err)
	}
	if err := h.SetPassword(t.Context(), root, "nina", secret.New("latchkey-demo")); err != nil {
		t.Fatal(err)
	}
	h.set.Policies["newcomers"] = Policy{First: FirstPassword, Second: []Method{MethodApp}, Realm: "default", Unenrolled: UnenrolledAllow}
	h.Core = h.With(h.set)
	p := h.newPhone("nina", true)
	if code := p.call("remove", struct{}{}, nil); code != "" {
		t.Fatal(code)
	}
	a := attempt("nina")
	a.Policy = "newcomers"
	if s := h.begin(a); s.Kind == Accept {
		t.Fatalf("the password alone: %+v", s)
	}
}

// The temporary code is compared at a phone's prompt too.
func TestATemporaryCodeIsNotGuessedUncountedWhileAPhoneIsWaitedFor(t *testing.T) {
	h := newPhoneHouse(t)
	h.newPhone("lutz", true)
	if _, _, err := h.TemporaryCode(t.Context(), root, "lutz", time.Hour, 1); err != nil {
		t.Fatal(err)
	}
	s := h.begin(byPhone())
	compared := 0
	for range 10 {
		if got := h.answer(byPhone(), s.Token, "BCDFGHJK"); got.Reason == "" || got.Reason == WrongAnswer {
			compared++
		}
	}
	if info, _ := h.User(t.Context(), "lutz"); info.Wrong < compared {
		t.Fatalf("%d guesses were compared, %d counted", compared, info.Wrong)
	}
}

// Begin and "p", again and again: each rings the phone.
func TestTurningToQuestionsDoesNotRingWithoutEnd(t *testing.T) {
	h := newPhoneHouse(t)
	h.newPhone("lutz", true)
	a := byPhone()
	a.Policy, a.Source.Value = "either", "198.51.100.66"
	rang := 0
	for range 10 {
		s := h.begin(a)
		if s.Waiting {
			rang++
			h.answer(a, s.Token, "p")
		}
	}
	if rang > quietAfter {
		t.Fatalf("the phone rang %d times in one second", rang)
	}
}

// Somebody with the password begins logins that nobody answers; the owner logs in from where he always does.
func TestBackOffDoesNotKeepTheOwnerOut(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	o, _ := p.open()
	p.approve(o, symbolOf(t, s.Prompt))
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Accept, RightApproval)
	thief := byPhone()
	thief.Source.Value = "198.51.100.66"
	for range 8 {
		h.begin(thief)
		h.now = h.now.Add(91 * time.Second)
	}
	want(t, h.begin(thief), Reject, TooManyPending)
	if s := h.begin(byPhone()); !s.Waiting {
		t.Fatalf("the owner: %+v", s)
	}
}

// A phone gives itself its name.
func TestAPhonesNameStandsForNoOther(t *testing.T) {
	h := newPhoneHouse(t)
	bad, good := h.newPhone("lutz", true), h.newPhone("lutz", true)
	if err := h.RevokeDevice(t.Context(), root, "lutz", "Fairphone"); err == nil {
		t.Error("one of two of the same name was revoked")
	}
	bad.call("rename", map[string]any{"name": good.id.String()}, nil)
	if err := h.RevokeDevice(t.Context(), root, "lutz", good.id.String()); err != nil {
		t.Fatal(err)
	}
	if code := bad.call("hello", struct{}{}, nil); code != "" {
		t.Errorf("another one than named was revoked: %q", code)
	}
}

// docs/mobile-protocol.md: at a renewal the pendings of this device end.
func TestRenewalVoidsApprovals(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	o, _ := p.open()
	if code := p.approve(o, symbolOf(t, s.Prompt)); code != "" {
		t.Fatal(code)
	}
	e, _ := p.evaluate("unlock")
	var begun struct {
		Nonce      mobile.Nonce `json:"nonce"`
		Generation uint64       `json:"generation"`
	}
	p.call("renew/begin", map[string]any{"evaluation": e.Evaluation, "signature": p.sign(mobile.RenewBegin(p.id, e.Evaluation, e.Nonce)), "new_pin": false}, &begun)
	public := spki(t, &p.approval.PublicKey)
	both := p.sign(mobile.Renew(p.id, begun.Generation, begun.Nonce, public))
	if code := p.call("renew", map[string]any{"generation": begun.Generation, "nonce": begun.Nonce, "approval_key": mobile.Bytes(public), "signature_old": both, "signature_new": both}, nil); code != "" {
		t.Fatal(code)
	}
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Reject, PendingEnded)
}

// A question that was asked before there was a phone is not answered after.
func TestAQuestionOfBeforeThePhone(t *testing.T) {
	h := newPhoneHouse(t)
	s := h.begin(byPhone())
	h.newPhone("lutz", true)
	want(t, h.answer(byPhone(), s.Token, h.solve(s.Prompt)), Reject, StaleToken)
}

// The alert is raised once, not for each stale call.
func TestAClonesCallsDoNotFillTheAudit(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	copied := *p
	p.call("hello", struct{}{}, nil)
	for i := range 10 {
		again := copied
		again.call("hello", map[string]any{fmt.Sprint(i): 1}, nil)
	}
	n := 0
	_ = h.Audit(t.Context(), AuditFilter{Newest: 100}, func(e AuditEntry) bool {
		if e.Result == "device-cloned" {
			n++
		}
		return true
	})
	if n != 1 {
		t.Errorf("%d alerts", n)
	}
}

// A stolen phone is revoked: that must not make the password, which the thief may know, enough.
func TestARevokedPhoneMakesNoNewcomer(t *testing.T) {
	h := newPhoneHouse(t)
	_, _, _ = h.AddUser(t.Context(), root, NewUser{Name: "nina"})
	if err := h.SetPassword(t.Context(), root, "nina", secret.New("latchkey-demo")); err != nil {
		t.Fatal(err)
	}
	h.set.Policies["newcomers"] = Policy{First: FirstPassword, Second: []Method{MethodApp}, Realm: "default", Unenrolled: UnenrolledAllow}
	h.Core = h.With(h.set)
	a := attempt("nina")
	a.Policy = "newcomers"
	want(t, h.begin(a), Accept, UnenrolledPassed)
	p := h.newPhone("nina", true)
	if err := h.RevokeDevice(t.Context(), root, "nina", p.id.String()); err != nil {
		t.Fatal(err)
	}
	want(t, h.begin(a), Reject, NotEnrolled)
}
