package core

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
)

// newPhonePost is a house with phones whose users are told by mail.
func newPhonePost(t *testing.T) *post {
	p := newPost(t, func(s *Settings) {
		s.Device = DeviceSettings{Origin: "https://latchkey.example.org:8443", Appliance: "Example"}
		s.Policies["phone"] = Policy{First: FirstPassword, Second: []Method{MethodApp, MethodPINphrase}, Realm: "default"}
		s.Policies["either"] = Policy{First: FirstPassword, Second: []Method{MethodApp, MethodPINphrase}, Realm: "default", Fallback: true}
		s.Policies["strict"] = Policy{First: FirstPassword, Second: []Method{MethodApp, MethodPINphrase}, Realm: "default", Fallback: true, NotMe: NotMeLock}
		s.Delivery.Notices = []string{"mail"}
	})
	p.equip("lutz", number)
	return p
}

func by(policy string) Attempt {
	a := attempt("lutz")
	a.Policy = policy
	return a
}

// told gives the mails since the last call.
func (p *post) mails() (texts []string) {
	p.t.Helper()
	p.deliver()
	p.mail.mu.Lock()
	defer p.mail.mu.Unlock()
	for _, m := range p.mail.all {
		texts = append(texts, m.Text.Reveal())
	}
	p.mail.all = nil
	return texts
}

func (p *post) wantTold(what string, parts ...string) {
	p.t.Helper()
	texts := p.mails()
	if len(texts) != len(parts) {
		p.t.Errorf("%s: told %q, want %d", what, texts, len(parts))
		return
	}
	for _, part := range parts {
		if !strings.Contains(strings.Join(texts, "\n"), part) {
			p.t.Errorf("%s: told %q, want %q", what, texts, part)
		}
	}
}

// TestTheOwnerHearsOfPhones: of each thing that happens to a phone, once, in the owner's language.
func TestTheOwnerHearsOfPhones(t *testing.T) {
	p := newPhonePost(t)
	ctx := t.Context()
	p.mails()
	phone := p.newPhone("lutz", false)
	p.wantTold("invited and confirmed", "neues Telefon eingerichtet", "«Fairphone» hinzugefügt")
	if code := phone.call("rename", map[string]string{"name": "Büro"}, nil); code != "" {
		t.Fatal(code)
	}
	p.wantTold("renamed", "heißt jetzt «Büro»")
	s := p.begin(by("either"))
	s = p.answer(by("either"), s.Token, "p")
	p.wantTold("only asked a question")
	p.answerRight(by("either"), s)
	p.wantTold("answered it", "von einem neuen Ort", "mit einer Frage statt mit dem Telefon")
	if _, _, err := p.TemporaryCode(ctx, root, "lutz", time.Hour, 1); err != nil {
		t.Fatal(err)
	}
	p.wantTold("temporary code", "vorläufiger Code")
	for range 6 {
		_, _ = phone.evaluate("unlock")
	}
	p.wantTold("too many PINs", "«Büro» nach zu vielen falschen PINs gesperrt")
	if err := p.UnlockDevice(ctx, root, "lutz", "Büro"); err != nil {
		t.Fatal(err)
	}
	p.wantTold("unlocked", "«Büro» entsperrt")
	phone.counter -= 2
	if code := phone.call("pendings", struct{}{}, nil); code != CodeDeviceCloned {
		t.Fatal(code)
	}
	p.wantTold("cloned", "Kopie von Telefon «Büro»")
	if err := p.RevokeDevice(ctx, root, "lutz", "Büro"); err != nil {
		t.Fatal(err)
	}
	p.wantTold("revoked", "«Büro» entfernt")
	// Whoever can make notices come (a phone that is renamed all the time) cannot make many.
	second := p.newPhone("lutz", true)
	p.mails()
	for i := range 60 {
		if code := second.call("rename", map[string]string{"name": strings.Repeat("x", 1+i)}, nil); code != "" {
			t.Fatal(code)
		}
	}
	if n := len(p.mails()); n > noticeMost {
		t.Errorf("%d notices of one day", n)
	}
}

// answerRight answers whatever the prompt asks.
func (p *post) answerRight(a Attempt, s Step) {
	p.t.Helper()
	want(p.t, p.answer(a, s.Token, p.solve(s.Prompt)), Accept, Right)
}

func TestNotMeLocksByPolicy(t *testing.T) {
	p := newPhonePost(t)
	phone := p.newPhone("lutz", true)
	p.mails()
	pending := func() (id mobile.PendingID) {
		var list opening
		if code := phone.call("pendings", struct{}{}, &list); code != "" || len(list.Pendings) == 0 {
			t.Fatal(code, list)
		}
		return list.Pendings[0].ID
	}
	deny := func(reason string) DeviceCode {
		return phone.call("deny", map[string]any{"pending": pending(), "reason": reason}, nil)
	}
	locked := func() bool {
		info, err := p.User(t.Context(), "lutz")
		if err != nil {
			t.Fatal(err)
		}
		return len(info.Locks) == 1 && info.Locks[0].Kind == "not-me"
	}
	// A mere cancel never locks, and under another policy neither does the other word.
	p.begin(by("strict"))
	if code := deny("cancel"); code != "" || locked() {
		t.Fatal(code, "a cancelled login locks")
	}
	p.begin(by("phone"))
	if code := deny("not-me"); code != "" || locked() {
		t.Fatal(code, "locked without the policy")
	}
	p.wantTold("an alert", "als fremd gemeldet")

	s := p.begin(by("strict"))
	other := p.begin(by("phone"))
	if code := deny("not-me"); code != "" || !locked() {
		t.Fatal(code, "not locked")
	}
	p.wantTold("a lock", "bis Ihr Administrator")
	// Nothing that was under way gets through, at any door or policy, and a restart changes nothing.
	want(t, p.answerWaiting(by("strict"), s.Token, 0), Reject, StaleToken)
	want(t, p.answerWaiting(by("phone"), other.Token, 0), Reject, StaleToken)
	p.restart()
	for _, policy := range []string{"strict", "phone", "either", "two"} {
		if got := p.begin(by(policy)); got.Kind != Reject || got.Reason != Locked {
			t.Errorf("%s: %+v", policy, got)
		}
	}
	if err := p.UnlockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	if s := p.begin(by("strict")); s.Kind != Challenge || locked() {
		t.Errorf("after the unlock: %+v", s)
	}
}

// Whoever holds the phone alone, or knows the password alone, locks nobody.
func TestAttackLockingTheOwnerOut(t *testing.T) {
	p := newPhonePost(t)
	thief := p.newPhone("lutz", true)
	s := p.begin(by("strict"))
	var list opening
	thief.call("pendings", struct{}{}, &list)
	id := list.Pendings[0].ID
	if code := thief.call("deny", map[string]any{"pending": id, "reason": "cancel"}, nil); code != "" {
		t.Fatal(code)
	}
	want(t, p.answerWaiting(by("strict"), s.Token, 0), Reject, ApprovalDenied)
	// The phone without the password: a login that is over is none to report, nor one that never was, nor another's.
	for what, pending := range map[string]mobile.PendingID{"over": id, "invented": {1}} {
		if code := thief.call("deny", map[string]any{"pending": pending, "reason": "not-me"}, nil); code != CodePendingEnded && code != CodeNoSuchPending {
			t.Errorf("%s: %q", what, code)
		}
	}
	p.enrol("anna")
	anna := p.newPhone("anna", true)
	s = p.begin(by("strict"))
	thief.call("pendings", struct{}{}, &list)
	if code := anna.call("deny", map[string]any{"pending": list.Pendings[0].ID, "reason": "not-me"}, nil); code != CodeNoSuchPending {
		t.Errorf("anna reports the login of lutz: %q", code)
	}
	// The password without the phone: a wrong one raises no login to report, a right one only that.
	wrong := by("strict")
	wrong.Password = secret.New("guess")
	p.begin(wrong)
	if info, _ := p.User(t.Context(), "lutz"); len(info.Locks) > 0 {
		t.Errorf("%+v", info.Locks)
	}
	_ = s
}

// TestATemporaryCodeWhileThePhoneIsLocked: the code is an administrator's act; the lock opens no question.
func TestATemporaryCodeWhileThePhoneIsLocked(t *testing.T) {
	p := newPhonePost(t)
	phone := p.newPhone("lutz", true)
	for range 6 {
		_, _ = phone.evaluate("unlock")
	}
	for _, policy := range []string{"phone", "either", "strict"} {
		want(t, p.begin(by(policy)), Reject, PhoneUnusable)
	}
	code, _, err := p.TemporaryCode(t.Context(), root, "lutz", time.Hour, 2)
	if err != nil {
		t.Fatal(err)
	}
	s := p.begin(by("either"))
	if s.Kind != Challenge || !strings.HasPrefix(s.Prompt, "Ihr Telefon ist gesperrt.") || !s.Secret {
		t.Fatalf("%+v", s)
	}
	want(t, p.answer(by("either"), s.Token, code.Reveal()), Accept, RightTemporary)
	// Neither p nor an answer gets further, and a wrong code counts.
	s = p.begin(by("either"))
	want(t, p.answer(by("either"), s.Token, "p"), Reject, WrongAnswer)
	s = p.begin(by("either"))
	want(t, p.answer(by("either"), s.Token, "BCDFGHJK"), Reject, WrongAnswer)
	if info, _ := p.User(t.Context(), "lutz"); info.Wrong != 2 {
		t.Errorf("%d counted", info.Wrong)
	}
	want(t, p.answer(by("either"), p.begin(by("either")).Token, code.Reveal()), Accept, RightTemporary)
	want(t, p.begin(by("either")), Reject, PhoneUnusable) // it is used up
}

// Somebody with the password who fills the places of waiting logins does not keep out whom the helpdesk has given a code.
func TestATemporaryCodeBesideWaitingLogins(t *testing.T) {
	p := newPhonePost(t)
	p.newPhone("lutz", true)
	p.begin(by("phone"))
	p.begin(by("phone"))
	want(t, p.begin(by("phone")), Reject, TooManyPending)
	code, _, err := p.TemporaryCode(t.Context(), root, "lutz", time.Hour, 1)
	if err != nil {
		t.Fatal(err)
	}
	s := p.begin(by("phone"))
	if s.Kind != Challenge || s.Waiting || strings.Contains(s.Prompt, "gesperrt") {
		t.Fatalf("%+v", s)
	}
	want(t, p.answer(by("phone"), s.Token, code.Reveal()), Accept, RightTemporary)
}
