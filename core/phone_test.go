package core

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
)

// testPhone is a phone at the level of calls: package phone is the real one, and has a door between.
type testPhone struct {
	h        *house
	id       mobile.DeviceID
	key      *ecdsa.PrivateKey
	approval *rsa.PrivateKey
	counter  uint64
	gen      uint64
}

func newPhoneHouse(t *testing.T) *house {
	h := newHouse(t, func(s *Settings) {
		s.Device = DeviceSettings{Origin: "https://latchkey.example.org:8443", Appliance: "Example"}
		s.Policies["phone"] = Policy{First: FirstPassword, Second: []Method{MethodApp, MethodPINphrase}, Realm: "default"}
		s.Policies["either"] = Policy{First: FirstPassword, Second: []Method{MethodApp, MethodPINphrase}, Realm: "default", Fallback: true}
	})
	h.enrol("lutz")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	c := h.Core // the test may put another into the house
	go func() { _ = c.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return h
}

func spki(t *testing.T, public any) []byte {
	t.Helper()
	b, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// call makes a signed call. A refusal's code comes back; anything else is fatal.
func (p *testPhone) call(op string, in any, out any) DeviceCode {
	p.h.t.Helper()
	p.counter++
	body, _ := json.Marshal(in)
	return p.send(op, body, out)
}

func (p *testPhone) send(op string, body []byte, out any) DeviceCode {
	p.h.t.Helper()
	path := "/api/v1/device/" + op
	signature, err := mobile.SignCall(p.key, mobile.Call(p.id, p.counter, "POST", path, body))
	if err != nil {
		p.h.t.Fatal(err)
	}
	reply, err := p.h.Device(p.h.t.Context(), DeviceCall{
		Request: "r", Method: "POST", Path: path, Op: op, Device: p.id.String(), Counter: p.counter, Signature: signature, Body: body, Remote: "198.51.100.3",
	})
	var refused *DeviceError
	if errors.As(err, &refused) {
		return refused.Code
	}
	if err != nil {
		p.h.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(reply, out); err != nil {
			p.h.t.Fatal(err)
		}
	}
	return ""
}

type turn struct {
	Evaluation mobile.EvaluationID `json:"evaluation"`
	Nonce      mobile.Nonce        `json:"nonce"`
	TriesLeft  int                 `json:"tries_left"`
}

func (p *testPhone) evaluate(purpose string) (e turn, code DeviceCode) {
	p.h.t.Helper()
	b, err := mobile.Blind(mobile.PINInput(p.id, secret.New("739164")))
	if err != nil {
		p.h.t.Fatal(err)
	}
	in := map[string]any{"blinded": mobile.Bytes(b.Blinded()), "purpose": purpose}
	if purpose == "unlock" {
		in["generation"] = p.gen
	}
	return e, p.call("pin/evaluate", in, &e)
}

func (p *testPhone) sign(message []byte) mobile.Bytes {
	s, err := mobile.SignApproval(p.approval, message)
	if err != nil {
		p.h.t.Fatal(err)
	}
	return s
}

// newPhone enrols a phone for a user.
func (h *house) newPhone(user string, trusted bool) *testPhone {
	h.t.Helper()
	url, _, err := h.InviteDevice(h.t.Context(), root, user, trusted)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.enrolPhone(url)
}

func (h *house) enrolPhone(url Secret) *testPhone {
	h.t.Helper()
	p, check := h.setUpPhone(url)
	if check != "" {
		if code := p.call("pendings", struct{}{}, nil); code != CodeDeviceInert {
			h.t.Fatalf("an inert device may ask for pendings: %q", code)
		}
		if _, err := h.ConfirmDevice(h.t.Context(), root, "lutz", "BBBBBBBB"); err == nil {
			h.t.Fatal("a wrong check code confirms")
		}
		if _, err := h.ConfirmDevice(h.t.Context(), root, "lutz", strings.ToLower(check[:4]+" "+check[4:])); err != nil {
			h.t.Fatal(err)
		}
	}
	return p
}

// setUpPhone stops before the confirmation: check is the code that an inert phone shows.
func (h *house) setUpPhone(url Secret) (p *testPhone, check string) {
	h.t.Helper()
	p = &testPhone{h: h}
	p.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p.approval, _ = rsa.GenerateKey(rand.Reader, 2048)
	reply, err := h.Enrol(h.t.Context(), EnrolCall{Request: "r", Body: p.enrolBody(url), Remote: "198.51.100.3"})
	if err != nil {
		h.t.Fatal(err)
	}
	var enrolled struct {
		Device mobile.DeviceID `json:"device"`
	}
	if err := json.Unmarshal(reply, &enrolled); err != nil {
		h.t.Fatal(err)
	}
	p.id = enrolled.Device
	e, code := p.evaluate("setup")
	public := spki(h.t, &p.approval.PublicKey)
	var set struct {
		State string `json:"state"`
		Code  string `json:"check_code"`
	}
	if code == "" {
		code = p.call("key", map[string]any{"evaluation": e.Evaluation, "approval_key": mobile.Bytes(public), "signature": p.sign(mobile.Key(p.id, e.Evaluation, e.Nonce, public))}, &set)
	}
	if code != "" {
		h.t.Fatal(code)
	}
	p.gen = 1
	if set.State == "inert" {
		return p, set.Code
	}
	return p, ""
}

func (p *testPhone) enrolBody(url Secret) []byte {
	inv, err := mobile.ParseInvitation(url.Reveal())
	if err != nil {
		p.h.t.Fatal(err)
	}
	public := spki(p.h.t, &p.key.PublicKey)
	proof, _ := mobile.SignCall(p.key, mobile.Enrol(inv.ID, []byte(inv.Secret.Reveal()), public))
	body, _ := json.Marshal(map[string]any{
		"invitation": mobile.Bytes(inv.ID[:]), "secret": mobile.Bytes(inv.Secret.Reveal()), "device_key": mobile.Bytes(public), "name": "Fairphone", "proof": mobile.Bytes(proof),
	})
	return body
}

type opening struct {
	Pendings []struct {
		ID mobile.PendingID `json:"id"`
	} `json:"pendings"`
	Symbols   []mobile.Symbol `json:"symbols"`
	Nonce     mobile.Nonce    `json:"nonce"`
	Displayed mobile.Bytes    `json:"displayed"`
}

func (p *testPhone) open() (o opening, code DeviceCode) {
	p.h.t.Helper()
	e, code := p.evaluate("unlock")
	if code != "" {
		return o, code
	}
	return o, p.call("open", map[string]any{"evaluation": e.Evaluation, "signature": p.sign(mobile.Open(p.id, e.Evaluation, e.Nonce))}, &o)
}

func (p *testPhone) approve(o opening, symbol mobile.Symbol) DeviceCode {
	p.h.t.Helper()
	return p.call("approve", map[string]any{
		"nonce": o.Nonce, "symbol": symbol, "signature": p.sign(mobile.Approve(p.id, o.Nonce, symbol, [32]byte(o.Displayed))),
	}, nil)
}

// symbolOf reads a prompt as a person does.
func symbolOf(t *testing.T, prompt string) mobile.Symbol {
	t.Helper()
	for _, s := range mobile.Symbols() {
		if strings.HasPrefix(prompt, "Symbol: "+s.Upper(language.German)+" "+s.Glyph()) {
			return s
		}
	}
	t.Fatalf("no symbol in %q", prompt)
	return ""
}

func byPhone() Attempt {
	a := attempt("lutz")
	a.Policy = "phone"
	return a
}

func (h *house) answerWaiting(a Attempt, token string, wait time.Duration) Step {
	h.t.Helper()
	s, err := h.Answer(h.t.Context(), Reply{Attempt: a, Token: token, Wait: wait})
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func TestApproval(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", false)
	s := h.begin(byPhone())
	if s.Kind != Challenge || !s.Waiting {
		t.Fatalf("%+v", s)
	}
	symbol := symbolOf(t, s.Prompt)
	again := h.answerWaiting(byPhone(), s.Token, 0)
	if again.Kind != Challenge || again.Prompt == s.Prompt || symbolOf(t, again.Prompt) != symbol {
		t.Fatalf("still waiting: %+v", again)
	}
	o, code := p.open()
	if code != "" || len(o.Symbols) != 9 || len(o.Pendings) != 1 {
		t.Fatal(code, o)
	}
	done := make(chan Step)
	go func() { done <- h.answerWaiting(byPhone(), again.Token, time.Minute) }()
	if code := p.approve(o, symbol); code != "" {
		t.Fatal(code)
	}
	want(t, <-done, Accept, RightApproval)
	want(t, h.answerWaiting(byPhone(), again.Token, 0), Reject, PendingEnded)
	if code := p.approve(o, symbol); code != CodeStaleNonce {
		t.Errorf("the grid is good twice: %q", code)
	}
	infos, _ := h.Devices(t.Context(), "lutz")
	if len(infos) != 1 || infos[0].Row != 0 || infos[0].Life != 0 {
		t.Errorf("%+v", infos)
	}
}

func TestWrongSymbolEndsTheLogin(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	second := h.begin(byPhone())
	if symbolOf(t, s.Prompt) == symbolOf(t, second.Prompt) {
		t.Fatal("two logins have one symbol")
	}
	want(t, h.begin(byPhone()), Reject, TooManyPending)
	o, _ := p.open()
	for _, symbol := range o.Symbols {
		if symbol != symbolOf(t, s.Prompt) && symbol != symbolOf(t, second.Prompt) {
			if code := p.approve(o, symbol); code != CodeWrongSymbol {
				t.Fatal(code)
			}
			break
		}
	}
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Reject, WrongSymbol)
	want(t, h.answerWaiting(byPhone(), second.Token, 0), Reject, WrongSymbol)
	if info, _ := h.User(t.Context(), "lutz"); info.Wrong != 1 {
		t.Errorf("%d counted", info.Wrong)
	}
	if e := h.audited(); e.Event != "login" {
		t.Errorf("%+v", e)
	}
}

func TestThePickChoosesAndEndsTheOther(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	first, second := h.begin(byPhone()), h.begin(byPhone())
	o, _ := p.open()
	if code := p.approve(o, symbolOf(t, second.Prompt)); code != "" {
		t.Fatal(code)
	}
	want(t, h.answerWaiting(byPhone(), first.Token, 0), Reject, PendingEnded)
	want(t, h.answerWaiting(byPhone(), second.Token, 0), Accept, RightApproval)
}

func TestDeny(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	var list opening
	p.call("pendings", struct{}{}, &list)
	if code := p.call("deny", map[string]any{"pending": list.Pendings[0].ID, "reason": "not-me"}, nil); code != "" {
		t.Fatal(code)
	}
	want(t, h.answerWaiting(byPhone(), s.Token, time.Minute), Reject, ApprovalDenied)
}

func TestPINBudgets(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	for i := range 5 {
		if e, code := p.evaluate("unlock"); code != "" || e.TriesLeft != 4-i {
			t.Fatalf("try %d: %q, %d left", i, code, e.TriesLeft)
		}
	}
	if _, code := p.evaluate("unlock"); code != CodePINLocked {
		t.Fatalf("the sixth in a row: %q", code)
	}
	// A locked device still counts as had: no way round to the questions.
	want(t, h.begin(byPhone()), Reject, PhoneUnusable)
	for range 3 {
		if err := h.UnlockDevice(t.Context(), root, "lutz", p.id.String()); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, code := p.evaluate("unlock"); code != "" {
				t.Fatal(code)
			}
		}
	}
	_ = h.UnlockDevice(t.Context(), root, "lutz", p.id.String())
	if _, code := p.evaluate("unlock"); code != CodePINErased {
		t.Fatalf("the 21st of a life: %q", code)
	}
	if err := h.UnlockDevice(t.Context(), root, "lutz", p.id.String()); err == nil {
		t.Error("an erased device was unlocked")
	}
}

// TestClones: an attacker with a copy of the profile tries PINs between the owner's logins.
func TestClones(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	copied := *p
	if code := p.call("hello", struct{}{}, nil); code != "" {
		t.Fatal(code)
	}
	if _, code := copied.evaluate("unlock"); code != CodeDeviceCloned {
		t.Fatalf("an older counter: %q", code)
	}
	if code := p.call("hello", struct{}{}, nil); code != CodeDeviceLocked {
		t.Errorf("the owner's goes on: %q", code)
	}
}

func TestALostReplyIsGivenAgain(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	b, _ := mobile.Blind(mobile.PINInput(p.id, secret.New("739164")))
	body, _ := json.Marshal(map[string]any{"blinded": mobile.Bytes(b.Blinded()), "purpose": "unlock", "generation": 1})
	p.counter++
	var first, second turn
	if p.send("pin/evaluate", body, &first) != "" || p.send("pin/evaluate", body, &second) != "" || first != second {
		t.Errorf("%+v, %+v", first, second)
	}
	if second.TriesLeft != 4 {
		t.Errorf("counted twice: %d left", second.TriesLeft)
	}
}

func TestStolenInvitation(t *testing.T) {
	h := newPhoneHouse(t)
	url, _, _ := h.InviteDevice(t.Context(), root, "lutz", true)
	p := h.enrolPhone(url)
	thief := &testPhone{h: h}
	thief.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, err := h.Enrol(t.Context(), EnrolCall{Body: thief.enrolBody(url)})
	var refused *DeviceError
	if !errors.As(err, &refused) || refused.Code != CodeInvitationVoid {
		t.Fatal(err)
	}
	if code := p.call("hello", struct{}{}, nil); code != CodeDeviceLocked {
		t.Errorf("a second use locks both: %q", code)
	}
	if err := h.UnlockDevice(t.Context(), root, "lutz", p.id.String()); err == nil {
		t.Error("it can be unlocked")
	}
}

func TestRevokedBetweenApprovalAndAccept(t *testing.T) {
	for name, act := range map[string]func(h *house, p *testPhone) error{
		"revoke": func(h *house, p *testPhone) error { return h.RevokeDevice(h.t.Context(), root, "lutz", p.id.String()) },
		"lock":   func(h *house, _ *testPhone) error { return h.LockUser(h.t.Context(), root, "lutz") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newPhoneHouse(t)
			p := h.newPhone("lutz", true)
			s := h.begin(byPhone())
			o, _ := p.open()
			if code := p.approve(o, symbolOf(t, s.Prompt)); code != "" {
				t.Fatal(code)
			}
			if err := act(h, p); err != nil {
				t.Fatal(err)
			}
			if got := h.answerWaiting(byPhone(), s.Token, 0); got.Kind != Reject {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestFallback(t *testing.T) {
	h := newPhoneHouse(t)
	h.newPhone("lutz", true)
	a := byPhone()
	a.Policy = "either"
	s := h.begin(a)
	if !strings.Contains(s.Prompt, "p tippen") {
		t.Errorf("%q", s.Prompt)
	}
	asked := h.answer(a, s.Token, "p")
	want(t, h.answer(a, asked.Token, h.solve(asked.Prompt)), Accept, Right)
	s = h.begin(byPhone())
	if got := h.answer(byPhone(), s.Token, "p"); got.Kind != Challenge || !strings.HasPrefix(got.Prompt, "Symbol: ") {
		t.Errorf("without fallback: %+v", got)
	}
}

func TestRenewal(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	e, _ := p.evaluate("unlock")
	var begun struct {
		Nonce      mobile.Nonce `json:"nonce"`
		Generation uint64       `json:"generation"`
	}
	if code := p.call("renew/begin", map[string]any{"evaluation": e.Evaluation, "signature": p.sign(mobile.RenewBegin(p.id, e.Evaluation, e.Nonce)), "new_pin": true}, &begun); code != "" {
		t.Fatal(code)
	}
	if _, code := p.evaluate("next"); code != "" {
		t.Fatal(code)
	}
	if _, code := p.evaluate("next"); code != CodeBadRequest {
		t.Errorf("a second evaluation of the next PIN: %q", code)
	}
	next, _ := rsa.GenerateKey(rand.Reader, 2048)
	public := spki(t, &next.PublicKey)
	message := mobile.Renew(p.id, begun.Generation, begun.Nonce, public)
	old := p.sign(message)
	q := *p
	q.approval = next
	if code := q.call("renew", map[string]any{"generation": begun.Generation, "nonce": begun.Nonce, "approval_key": mobile.Bytes(public), "signature_old": old, "signature_new": q.sign(message)}, nil); code != "" {
		t.Fatal(code)
	}
	// The old pair holds until the new one's first signature, then no more.
	p.counter = q.counter
	s := h.begin(byPhone())
	if _, code := p.open(); code != "" {
		t.Fatalf("the old key before the new one's first use: %q", code)
	}
	q.counter, q.gen = p.counter, 2
	o, code := q.open()
	if code != "" {
		t.Fatal(code)
	}
	if code := q.approve(o, symbolOf(t, s.Prompt)); code != "" {
		t.Fatal(code)
	}
	p.counter = q.counter
	if _, code := p.evaluate("unlock"); code != CodeStaleGeneration {
		t.Errorf("the old key after it: %q", code)
	}
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Accept, RightApproval)
}

func TestPendingExpires(t *testing.T) {
	h := newPhoneHouse(t)
	h.newPhone("lutz", true)
	s := h.begin(byPhone())
	h.now = h.now.Add(90 * time.Second)
	want(t, h.answerWaiting(byPhone(), s.Token, time.Minute), Reject, PendingExpired)
	for range 2 {
		_ = h.begin(byPhone())
		h.now = h.now.Add(91 * time.Second)
	}
	want(t, h.begin(byPhone()), Reject, TooManyPending) // nobody answers: the next ones wait their turn
	h.now = h.now.Add(time.Minute)
	if s := h.begin(byPhone()); s.Kind != Challenge {
		t.Errorf("%+v", s)
	}
}

func TestBadCalls(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	other := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	o, _ := p.open()
	foreign := *other
	if code := foreign.call("approve", map[string]any{"nonce": o.Nonce, "symbol": symbolOf(t, s.Prompt), "signature": p.sign(mobile.Approve(p.id, o.Nonce, symbolOf(t, s.Prompt), [32]byte(o.Displayed)))}, nil); code != CodeStaleNonce {
		t.Errorf("another device's grid: %q", code)
	}
	if code := p.call("approve", map[string]any{"nonce": o.Nonce, "symbol": symbolOf(t, s.Prompt), "signature": other.sign([]byte("x"))}, nil); code != CodeBadSignature {
		t.Errorf("another key: %q", code)
	}
	if code := p.call("open", map[string]any{"evaluation": mobile.EvaluationID{1}, "signature": mobile.Bytes("x")}, nil); code != CodeStaleNonce {
		t.Errorf("no evaluation: %q", code)
	}
	if code := p.call("pin/evaluate", map[string]any{"blinded": mobile.Bytes(make([]byte, 32)), "purpose": "unlock", "generation": 1}, nil); code != CodeBadPoint {
		t.Errorf("the identity: %q", code)
	}
	if code := p.call("hello", map[string]any{"extra": 1}, nil); code != CodeBadRequest {
		t.Errorf("an unknown field: %q", code)
	}
	forged := *p
	forged.key = other.key
	if code := forged.call("hello", struct{}{}, nil); code != CodeBadSignature {
		t.Errorf("another device's key: %q", code)
	}
	if code := p.call("hello", struct{}{}, nil); code != "" {
		t.Errorf("an outsider moved the counter: %q", code)
	}
}
