package core

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// Attacks on self-service that must be refused, and what may be done there, by whom.

// withPhones is a house whose self-service asks the phone first.
func withPhones(s *Settings) {
	selfServed(s)
	s.Device = DeviceSettings{Origin: "https://latchkey.example.org:8443", Appliance: "Example"}
	s.Policies["phone"] = Policy{First: FirstPassword, Second: []Method{MethodApp, MethodPINphrase}, Realm: "default"}
	s.Policies["either"] = Policy{First: FirstPassword, Second: []Method{MethodApp, MethodPINphrase}, Realm: "default", Fallback: true}
	s.SelfService.Policy = "either"
}

// byPhone shows the phone for what a browser asks: sign-in or proof.
func (b *browser) byPhone(p *testPhone, op string) {
	b.t.Helper()
	in := doc{"password": "latchkey-demo"}
	if op == "sign-in" {
		in["user"] = "lutz"
	}
	var s stepDocument
	b.must(op, in, &s)
	if !s.Waiting || len(s.Symbols) != 1 {
		b.t.Fatalf("%+v", s)
	}
	o, code := p.open()
	if code == "" {
		code = p.approve(o, s.Symbols[0])
	}
	if code != "" {
		b.t.Fatal(code)
	}
	delete(in, "password")
	in["token"], in["text"] = s.Token, ""
	b.must(op+"/answer", in, nil)
}

// byQuestion turns from the phone to a question.
func (b *browser) byQuestion(op string) {
	b.t.Helper()
	var s stepDocument
	b.must(op, doc{"password": "latchkey-demo"}, &s)
	b.must(op+"/answer", doc{"token": s.Token, "text": "p"}, &s)
	b.must(op+"/answer", doc{"token": s.Token, "text": b.solve(s.Prompt)}, nil)
}

type invited struct{ URL, Typed string }

// enrolHere enrols a phone by an invitation of this session, up to its check code.
func (b *browser) enrolHere() (*testPhone, string) {
	b.t.Helper()
	var inv invited
	b.must("devices/invite", doc{}, &inv)
	return b.setUpPhone(secret.New(inv.URL))
}

// settled is a newcomer with the seed's answers.
func (h *house) settledNewcomer() *browser {
	h.t.Helper()
	b := h.newcomer("lutz")
	for question, answer := range seed {
		b.must("answers/set", doc{"question": question, "answer": answer}, nil)
	}
	return b
}

func (h *house) alerts(what string) (n int) {
	h.t.Helper()
	err := h.Audit(h.t.Context(), AuditFilter{From: 1}, func(e AuditEntry) bool {
		if e.Event == eventAlert && e.Result == what {
			n++
		}
		return true
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func TestFirstPhoneIsANewcomers(t *testing.T) {
	h := newHouse(t, withPhones)
	b := h.settledNewcomer()
	if o := b.overview(); o.AddPhone != "yes" || o.Invitation != nil || len(o.Devices) != 0 {
		t.Errorf("%+v", o)
	}
	p, check := b.enrolHere()
	if o := b.overview(); o.Invitation == nil || !o.Invitation.Ready || len(o.Devices) != 1 || o.Devices[0].State != "inert" {
		t.Errorf("%+v", o)
	}
	if text, err := json.Marshal(b.overview()); err != nil || strings.Contains(string(text), check) {
		t.Error("the page is told the code that only the phone is to show")
	}
	// Another session of the same user does not confirm it, whatever it knows.
	other := h.signIn("lutz")
	other.refused("devices/confirm", doc{"code": check}, CodeNoSuchDevice)
	b.refused("devices/confirm", doc{"code": "BBBBBBBB"}, CodeWrongCheckCode)
	if code := p.call("pendings", struct{}{}, nil); code != CodeDeviceInert {
		t.Errorf("%q", code)
	}
	b.must("devices/confirm", doc{"code": strings.ToLower(check[:4] + " " + check[4:])}, nil)
	if o := b.overview(); o.Invitation != nil || o.Devices[0].State != "active" || o.AddPhone != "proof" {
		t.Errorf("%+v", o)
	}
	a := attempt("lutz")
	a.Policy = "phone"
	s := h.begin(a)
	o, code := p.open()
	if code != "" || p.approve(o, s.Symbol) != "" {
		t.Fatal(code)
	}
	want(t, h.answer(a, s.Token, ""), Accept, RightApproval)
	// The second one is not: it comes on the word of the first.
	b.refused("devices/invite", doc{}, CodeProofNeeded)
	b.byPhone(p, "proof")
	second, check := b.enrolHere()
	b.must("devices/confirm", doc{"code": check}, nil)
	b.must("devices/rename", doc{"device": second.id.String(), "name": "<script>alert(1)</script>"}, nil)
	b.must("devices/revoke", doc{"device": p.id.String()}, nil)
	if o := b.overview(); len(o.Devices) != 1 || o.Devices[0].ID != second.id.String() {
		t.Errorf("%+v", o.Devices)
	}
	b.refused("devices/revoke", doc{"device": p.id.String()}, CodeNoSuchDevice)
}

// TestAttackCheckCodesAreCounted: five wrong ones end the invitation, and the phone that came by it.
func TestAttackCheckCodesAreCounted(t *testing.T) {
	h := newHouse(t, withPhones)
	b := h.settledNewcomer()
	p, check := b.enrolHere()
	for range maxChecks {
		b.refused("devices/confirm", doc{"code": "BBBBBBBB"}, CodeWrongCheckCode)
	}
	b.refused("devices/confirm", doc{"code": check}, CodeNoSuchDevice)
	if code := p.call("hello", struct{}{}, nil); code != CodeDeviceRevoked {
		t.Errorf("%q", code)
	}
	if h.alerts("check-code") != 1 {
		t.Error("nobody is alerted")
	}
}

// TestAttackAGuessEnrolsNoPhone (threat 2): who has answered a question can neither add a first phone nor touch one.
func TestAttackAGuessEnrolsNoPhone(t *testing.T) {
	h := newHouse(t, withPhones)
	h.enrol("lutz")
	b := h.signIn("lutz")
	b.refused("devices/invite", doc{}, CodeAskAdmin)
	b.prove()
	b.refused("devices/invite", doc{}, CodeAskAdmin)

	p := h.newPhone("lutz", true)
	b = h.browser()
	b.byPhone(p, "sign-in")
	b.byQuestion("proof")
	device := doc{"device": p.id.String()}
	b.refused("devices/invite", doc{}, CodeFactorTooWeak)
	b.refused("devices/revoke", device, CodeFactorTooWeak)
	b.refused("recovery/make", doc{}, CodeFactorTooWeak)
	b.must("devices/lock", device, nil)
	b.refused("devices/unlock", device, CodeAskAdmin)
	// The locked phone still counts as had: no weaker way has opened.
	a := attempt("lutz")
	a.Policy = "phone"
	want(t, h.begin(a), Reject, PhoneUnusable)
}

func TestUnlockByAnEqualFactor(t *testing.T) {
	h := newHouse(t, withPhones)
	h.enrol("lutz")
	one, two := h.newPhone("lutz", true), h.newPhone("lutz", true)
	b := h.browser()
	b.byPhone(two, "sign-in")
	b.must("devices/lock", doc{"device": one.id.String()}, nil)
	b.refused("devices/unlock", doc{"device": one.id.String()}, CodeProofNeeded)
	b.byPhone(two, "proof")
	b.must("devices/unlock", doc{"device": one.id.String()}, nil)
	b.refused("devices/unlock", doc{"device": one.id.String()}, CodeBeyondHelp)
	if _, code := one.open(); code != CodeNoSuchPending {
		t.Error(code)
	}
	// What a copy was used of, nobody unlocks here.
	if err := h.change(t.Context(), root, "test", "lutz", func(t2 store.Txn, _ *subject) (string, error) {
		var d deviceRecord
		_, err := get(t2, keyDevice(one.id), &d)
		d.lock("cloned")
		if err != nil {
			return "", err
		}
		return "", put(t2, keyDevice(one.id), d)
	}); err != nil {
		t.Fatal(err)
	}
	b.refused("devices/unlock", doc{"device": one.id.String()}, CodeBeyondHelp)
}

// TestAttackTheCodeWordReplacesNothing: who has it alone sets what is missing.
func TestAttackTheCodeWordReplacesNothing(t *testing.T) {
	h := newHouse(t, withPhones)
	h.enrol("lutz")
	p := h.newPhone("lutz", true)
	word, _, err := h.NewCodeWord(t.Context(), root, "lutz")
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	b.must("code-word", doc{"user": "lutz", "code_word": word.Reveal()}, nil)
	for op, in := range map[string]doc{
		"answers/set": {"question": "pet", "answer": "Wackeldackel"}, "answers/remove": {"question": "pet"}, "devices/invite": {},
		"devices/revoke": {"device": p.id.String()}, "devices/lock": {"device": p.id.String()}, "devices/rename": {"device": p.id.String(), "name": "x"},
		"recovery/make": {}, "recovery/void": {},
	} {
		b.refused(op, in, CodeProofNeeded)
	}
	b.refused("answers/set", doc{"question": "first_teacher", "answer": "Wackeldackel"}, CodeProofNeeded)
}

// TestAttackOlderEpoch: a session ends with whatever takes something away, but for that which has done it itself.
func TestAttackOlderEpoch(t *testing.T) {
	for name, change := range map[string]func(h *house) error{
		"answer": func(h *house) error {
			_, err := h.SetAnswer(t.Context(), root, "lutz", "pet", secret.New("Wackeldackel"))
			return err
		},
		"removed":  func(h *house) error { return h.RemoveAnswer(t.Context(), root, "lutz", "pet") },
		"password": func(h *house) error { return h.SetPassword(t.Context(), root, "lutz", secret.New("another-password")) },
		"lock":     func(h *house) error { return h.LockUser(t.Context(), root, "lutz") },
		"disable":  func(h *house) error { return h.EnableUser(t.Context(), root, "lutz", false) },
		"expire":   func(h *house) error { return h.ExpireUser(t.Context(), root, "lutz", h.now.Add(-time.Hour)) },
		"remove":   func(h *house) error { return h.RemoveUser(t.Context(), root, "lutz") },
	} {
		h := newHouse(t, selfServed)
		h.enrol("lutz")
		b := h.signIn("lutz")
		b.overview()
		if err := change(h); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b.refused("", nil, CodeSignedOut)
	}
	h := newHouse(t, selfServed)
	h.enrol("lutz")
	mine, other := h.signIn("lutz"), h.signIn("lutz")
	mine.prove()
	mine.must("answers/set", doc{"question": "pet", "answer": "Wackeldackel"}, nil)
	mine.overview()
	other.refused("", nil, CodeSignedOut)
}

// TestAttackFixation: a cookie that was planted in the browser is neither taken over nor left alive.
func TestAttackFixation(t *testing.T) {
	h := newHouse(t, selfServed)
	h.enrol("lutz")
	thief := h.newcomer("mallory")
	victim := h.browser()
	victim.cookie = thief.cookie
	var s stepDocument
	victim.must("sign-in", doc{"user": "lutz", "password": "latchkey-demo"}, &s)
	victim.must("sign-in/answer", doc{"user": "lutz", "token": s.Token, "text": h.solve(s.Prompt)}, nil)
	if victim.cookie.Equal(thief.cookie) {
		t.Error("the planted cookie is the session")
	}
	if o := victim.overview(); o.User != "lutz" {
		t.Errorf("%+v", o)
	}
	thief.refused("", nil, CodeSignedOut)
	for _, odd := range []string{"AAAA", strings.Repeat("A", 43), strings.Repeat("A", 42) + "B", strings.Repeat("A", 4096), "\x00"} {
		b := h.browser()
		b.cookie = secret.New(odd)
		b.refused("", nil, CodeSignedOut)
	}
}

// TestAttackSessionElsewhere: a session is of one policy, one state, one span of time; only its hash is kept.
func TestAttackSessionElsewhere(t *testing.T) {
	h := newHouse(t, selfServed)
	h.enrol("lutz")
	b := h.signIn("lutz")
	set := h.set
	set.SelfService.Policy = "lab"
	core := h.Core
	h.Core = core.With(set)
	b.refused("", nil, CodeSignedOut)
	h.Core = core

	b = h.signIn("lutz")
	for range 5 {
		h.now = h.now.Add(9 * time.Minute)
		b.overview()
	}
	h.now = h.now.Add(10 * time.Minute)
	b.refused("", nil, CodeSignedOut) // idle
	b = h.signIn("lutz")
	for range 6 {
		h.now = h.now.Add(9 * time.Minute)
		b.overview()
	}
	h.now = h.now.Add(6 * time.Minute)
	b.refused("", nil, CodeSignedOut) // an hour
	if err := h.SweepSessions(t.Context()); err != nil {
		t.Fatal(err)
	}
	sessions := 0
	err := h.Core.store.View(t.Context(), func(r store.Reader) error {
		return r.Scan([]byte{'k'}, nil, func(_, _ []byte) bool { sessions++; return true })
	})
	if err != nil || sessions != 0 {
		t.Errorf("%d sessions are left: %v", sessions, err)
	}

	b = h.signIn("lutz")
	found := false
	err = h.Core.store.View(t.Context(), func(r store.Reader) error {
		return r.Scan([]byte{'k'}, nil, func(key, value []byte) bool {
			found = found || strings.Contains(string(key)+string(value), b.cookie.Reveal())
			return true
		})
	})
	if err != nil || found {
		t.Errorf("the cookie stands in the store: %v", err)
	}
	h.generation ^= 2 // as after a restore
	b.refused("", nil, CodeSignedOut)
}

// TestAttackProofs: a proof belongs to the session that asked for it, is no sign-in, and ends.
func TestAttackProofs(t *testing.T) {
	h := newHouse(t, selfServed)
	h.enrol("lutz")
	b, other := h.signIn("lutz"), h.signIn("lutz")
	change := doc{"question": "first_teacher", "answer": "Wackeldackel"}
	var s stepDocument
	// The token of a sign-in proves nothing, nor that of another session.
	b.must("sign-in", doc{"user": "lutz", "password": "latchkey-demo"}, &s)
	b.refused("proof/answer", doc{"token": s.Token, "text": h.solve(s.Prompt)}, CodeDenied)
	other.must("proof", doc{"password": "latchkey-demo"}, &s)
	b.refused("proof/answer", doc{"token": s.Token, "text": h.solve(s.Prompt)}, CodeDenied)
	b.refused("sign-in/answer", doc{"user": "lutz", "token": s.Token, "text": h.solve(s.Prompt)}, CodeDenied)
	b.refused("answers/set", change, CodeProofNeeded)
	// A wrong password, a wrong answer.
	b.refused("proof", doc{"password": "wrong-password"}, CodeDenied)
	b.must("proof", doc{"password": "latchkey-demo"}, &s)
	b.refused("proof/answer", doc{"token": s.Token, "text": "zzzz"}, CodeDenied)
	b.refused("answers/set", change, CodeProofNeeded)
	b.remote = "192.0.2.10"
	b.prove()
	b.must("answers/set", change, nil)
	other.refused("answers/set", doc{"question": "first_concert", "answer": "Wackeldackel"}, CodeProofNeeded)
	h.now = h.now.Add(proofFor)
	b.refused("answers/remove", doc{"question": "pet"}, CodeProofNeeded)
	// Without the guard, and without a session, nothing is asked.
	b.guard = secret.New("AAAA")
	b.refused("proof", doc{"password": "latchkey-demo"}, CodeSignedOut)
	h.browser().refused("proof", doc{"password": "latchkey-demo"}, CodeSignedOut)
}

// TestAttackEnumeration: who may not sign in hears the same, and costs the same records, whatever the reason.
func TestAttackEnumeration(t *testing.T) {
	h := newHouse(t, selfServed, func(s *Settings) { s.Locks.PairAfter, s.Locks.UserAfter = 100, 100 })
	h.enrol("lutz")
	h.newcomer("used")
	for _, name := range []string{"fresh", "locked", "off"} {
		if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.LockUser(t.Context(), root, "locked"); err != nil {
		t.Fatal(err)
	}
	if err := h.EnableUser(t.Context(), root, "off", false); err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{"code-word", "sign-in"} {
		heard := map[string][]string{}
		for i, name := range []string{"nobody", "lutz", "used", "fresh", "locked", "off", "a\x00b", strings.Repeat("x", 300)} {
			b := h.browser()
			b.remote = fmt.Sprintf("198.51.100.%d", i)
			in := doc{"user": name, "code_word": "wrong words are these"}
			if op == "sign-in" {
				in = doc{"user": name, "password": "wrong-password"}
			}
			before, _, _ := h.Core.store.JournalHead(t.Context())
			code, text := b.told(op, in, nil)
			after, _, _ := h.Core.store.JournalHead(t.Context())
			said := fmt.Sprint(code, " ", text[:strings.LastIndex(text, " ")], " ", after-before)
			heard[said] = append(heard[said], name)
		}
		if len(heard) != 1 {
			t.Errorf("%s tells them apart: %q", op, heard)
		}
	}
	for op := range selfOps() {
		h.browser().refused(op, doc{}, CodeSignedOut)
	}
	for _, op := range []string{"proof", "proof/answer", "sign-in", "sign-in/answer", "code-word"} {
		h.browser().refused(op, doc{"unknown": 1}, CodeBadRequest)
	}
	h.browser().refused("none", doc{}, CodeBadRequest)
}

// TestAttackGuessingTheCodeWord: it is counted as a wrong password is, and then the right one does not help.
func TestAttackGuessingTheCodeWord(t *testing.T) {
	h := newHouse(t, selfServed)
	_, word, err := h.AddUser(t.Context(), root, NewUser{Name: "lutz"})
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	for range 3 {
		b.refused("code-word", doc{"user": "lutz", "code_word": "apple"}, CodeDenied)
	}
	b.refused("code-word", doc{"user": "lutz", "code_word": word.Reveal()}, CodeDenied)
	if e := h.audited(); e.Reason != LockedPair || e.Door != "selfservice" {
		t.Errorf("%+v", e)
	}
	h.now = h.now.Add(16 * time.Minute)
	b.must("code-word", doc{"user": "lutz", "code_word": word.Reveal()}, nil)
}

// TestAttackNoFirstFactor: under a policy that checks none, a name alone shows no question, and nothing is changed.
func TestAttackNoFirstFactor(t *testing.T) {
	h := newHouse(t, selfServed, func(s *Settings) { s.SelfService.Policy = "bare" })
	h.enrol("lutz")
	b := h.browser()
	b.refused("sign-in", doc{"user": "lutz", "password": ""}, CodeNotOffered)
	b.refused("sign-in/answer", doc{"user": "lutz", "token": "x", "text": ""}, CodeNotOffered)
	b = h.newcomer("neu")
	b.must("answers/set", doc{"question": "pet", "answer": "Wackeldackel"}, nil)
	b.refused("proof", doc{"password": ""}, CodeAskAdmin)

	h = newHouse(t, selfServed, func(s *Settings) { s.SelfService.Policy = "soft" })
	if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: "neu"}); err != nil {
		t.Fatal(err)
	}
	if err := h.SetPassword(t.Context(), root, "neu", secret.New("latchkey-demo")); err != nil {
		t.Fatal(err)
	}
	h.browser().refused("sign-in", doc{"user": "neu", "password": "latchkey-demo"}, CodeDenied) // unenrolled: allow lets nobody in here
}

func TestRecoveryCodes(t *testing.T) {
	h := newHouse(t, withPhones)
	h.enrol("lutz")
	b := h.signIn("lutz")
	b.prove()
	b.refused("recovery/make", doc{}, CodeFactorTooWeak)
	p := h.newPhone("lutz", true)
	b = h.browser()
	b.byPhone(p, "sign-in")
	b.refused("recovery/make", doc{}, CodeProofNeeded)
	b.byPhone(p, "proof")
	var made struct{ Codes []string }
	b.must("recovery/make", doc{}, &made)
	if len(made.Codes) != 10 || b.overview().Recovery.Left != 10 {
		t.Fatalf("%v %+v", made.Codes, b.overview().Recovery)
	}
	a := attempt("lutz")
	a.Policy = "phone"
	// Once, also when it is typed twice at once, at a prompt that waits for the phone.
	s := h.begin(a)
	kinds := make(chan StepKind)
	for range 10 {
		go func() {
			got, _ := h.Answer(t.Context(), Reply{Attempt: a, Token: s.Token, Text: secret.New(strings.ToLower(made.Codes[0]))})
			kinds <- got.Kind
		}()
	}
	accepts := 0
	for range 10 {
		if <-kinds == Accept {
			accepts++
		}
	}
	if accepts != 1 {
		t.Errorf("%d accepts of one code", accepts)
	}
	if err := h.UnlockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	// A wrong one counts, and ends the wait.
	s = h.begin(a)
	want(t, h.answer(a, s.Token, "BCDFG-HJKLM"), Reject, WrongAnswer)
	// With the phone lost and locked there is still a prompt for it; what it opens changes nothing.
	b.must("devices/lock", doc{"device": p.id.String()}, nil)
	s = h.begin(a)
	want(t, s, Challenge, "")
	want(t, h.answer(a, s.Token, made.Codes[1]), Accept, RightRecovery)
	want(t, h.answer(a, s.Token, made.Codes[1]), Reject, WrongAnswer)
	lost := h.browser()
	lost.remote = "192.0.2.77"
	var step stepDocument
	lost.must("sign-in", doc{"user": "lutz", "password": "latchkey-demo"}, &step)
	lost.must("sign-in/answer", doc{"user": "lutz", "token": step.Token, "text": made.Codes[2]}, nil)
	if o := lost.overview(); o.Signed != "code" || o.AddPhone != "ask-admin" || o.Recovery.Left != 7 {
		t.Errorf("%+v", o)
	}
	lost.must("proof", doc{"password": "latchkey-demo"}, &step)
	lost.must("proof/answer", doc{"token": step.Token, "text": made.Codes[3]}, nil)
	lost.refused("answers/set", doc{"question": "pet", "answer": "Wackeldackel"}, CodeFactorTooWeak)
	lost.refused("devices/invite", doc{}, CodeAskAdmin)
	lost.refused("recovery/make", doc{}, CodeFactorTooWeak)
	lost.must("recovery/void", doc{}, nil)
	want(t, h.begin(a), Reject, PhoneUnusable)
	b.refused("", nil, CodeSignedOut)
}

func TestRecoveryCodesEndWithARestoreAndAUser(t *testing.T) {
	h := newHouse(t, withPhones)
	h.enrol("lutz")
	p := h.newPhone("lutz", true)
	b := h.browser()
	b.byPhone(p, "sign-in")
	b.byPhone(p, "proof")
	var made struct{ Codes []string }
	b.must("recovery/make", doc{}, &made)
	h.generation ^= 2
	a := attempt("lutz")
	s := h.begin(a)
	want(t, h.answer(a, s.Token, made.Codes[0]), Reject, Malformed)
	h.generation ^= 2
	if err := h.RemoveUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	err := h.Core.store.View(t.Context(), func(r store.Reader) error {
		return r.Scan([]byte{'z'}, nil, func(_, _ []byte) bool { t.Error("codes of nobody are left"); return false })
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestResetEndsRecoveryCodes: what somebody has printed opens nothing after an administrator began anew.
func TestResetEndsRecoveryCodes(t *testing.T) {
	h := newHouse(t, withPhones)
	h.enrol("lutz")
	p := h.newPhone("lutz", true)
	b := h.browser()
	b.byPhone(p, "sign-in")
	b.byPhone(p, "proof")
	var made struct{ Codes []string }
	b.must("recovery/make", doc{}, &made)
	hand, err := h.ResetUser(t.Context(), root, "lutz", false)
	if err != nil {
		t.Fatal(err)
	}
	b = h.browser()
	b.must("code-word", doc{"user": "lutz", "code_word": hand.Word.Reveal()}, nil)
	for question, answer := range seed {
		b.must("answers/set", doc{"question": question, "answer": answer}, nil)
	}
	a := attempt("lutz")
	s := h.begin(a)
	want(t, h.answer(a, s.Token, made.Codes[0]), Reject, Malformed)
}

func TestThatWasNotMe(t *testing.T) {
	for _, locks := range []bool{false, true} {
		h := newHouse(t, selfServed, func(s *Settings) { s.SelfService.NotMeLocks = locks })
		h.enrol("lutz")
		h.enrol("other")
		h.login(attempt("lutz"))
		foreign := h.login(attempt("other"))
		b := h.signIn("lutz")
		var list struct{ Logins []selfLogin }
		b.must("logins", nil, &list)
		if len(list.Logins) != 2 || list.Logins[1].Host != "vpn" || list.Logins[1].Source != "addr:192.0.2.7" || list.Logins[0].Door != "selfservice" {
			t.Fatalf("%+v", list.Logins)
		}
		for _, reference := range []string{"", "NONE", foreign.Reference} {
			b.refused("logins/not-me", doc{"reference": reference}, CodeNoSuchLogin)
		}
		b.must("logins/not-me", doc{"reference": list.Logins[1].Reference}, nil)
		if h.alerts("not-me") != 1 {
			t.Error("nobody is alerted")
		}
		if locks {
			b.refused("", nil, CodeSignedOut)
			want(t, h.begin(attempt("lutz")), Reject, Locked)
			if info, _ := h.User(t.Context(), "lutz"); len(info.Locks) != 1 || info.Locks[0].Kind != "not-me" {
				t.Errorf("the helpdesk is told of %+v", info.Locks)
			}
			continue
		}
		for range maxReports - 1 {
			b.must("logins/not-me", doc{"reference": list.Logins[1].Reference}, nil)
		}
		b.refused("logins/not-me", doc{"reference": list.Logins[1].Reference}, CodeNoSuchLogin)
	}
}
