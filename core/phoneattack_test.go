package core

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
)

// Attacks on logins by phone. Each is refused.

// raw makes a call as an attacker does who may hold a device's profile: any id, counter and key.
func (p *testPhone) raw(id mobile.DeviceID, counter uint64, key *ecdsa.PrivateKey, op string, in any) ([]byte, error) {
	body, _ := json.Marshal(in)
	path := "/api/v1/device/" + op
	signature, err := mobile.SignCall(key, mobile.Call(id, counter, "POST", path, body))
	if err != nil {
		return nil, err
	}
	return p.h.Device(p.h.t.Context(), DeviceCall{
		Request: "r", Method: "POST", Path: path, Op: op, Device: id.String(), Counter: counter, Signature: signature, Body: body, Remote: "203.0.113.66",
	})
}

func codeOf(err error) DeviceCode {
	var refused *DeviceError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// parallel runs fn at once, n times.
func parallel(n int, fn func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() { <-start; fn(i) })
	}
	close(start)
	all.Wait()
}

func (p *testPhone) approval2(o opening, symbol mobile.Symbol) map[string]any {
	return map[string]any{"nonce": o.Nonce, "symbol": symbol, "signature": p.sign(mobile.Approve(p.id, o.Nonce, symbol, [32]byte(o.Displayed)))}
}

func TestAttackSignaturesOfOtherSteps(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	symbol := symbolOf(t, s.Prompt)
	e, _ := p.evaluate("unlock")
	first := p.sign(mobile.Open(p.id, e.Evaluation, e.Nonce))
	// A signature for renewal opens no grid, and a try that was answered wrongly is spent.
	if code := p.call("open", map[string]any{"evaluation": e.Evaluation, "signature": p.sign(mobile.RenewBegin(p.id, e.Evaluation, e.Nonce))}, nil); code != CodeBadSignature {
		t.Errorf("renewal's signature: %q", code)
	}
	if code := p.call("open", map[string]any{"evaluation": e.Evaluation, "signature": first}, nil); code != CodeStaleNonce {
		t.Errorf("a second answer to one evaluation: %q", code)
	}
	o, code := p.open()
	if code != "" {
		t.Fatal(code)
	}
	// The first signature is not the second; one for another symbol or another display is not this one's.
	other := o.Symbols[0]
	if other == symbol {
		other = o.Symbols[1]
	}
	for name, signature := range map[string]mobile.Bytes{
		"the first signature": first,
		"another symbol":      p.sign(mobile.Approve(p.id, o.Nonce, other, [32]byte(o.Displayed))),
		"another display":     p.sign(mobile.Approve(p.id, o.Nonce, symbol, [32]byte{1})),
		"another nonce":       p.sign(mobile.Approve(p.id, e.Nonce, symbol, [32]byte(o.Displayed))),
		"none":                {},
	} {
		if code := p.call("approve", map[string]any{"nonce": o.Nonce, "symbol": symbol, "signature": signature}, nil); code != CodeBadSignature {
			t.Errorf("%s: %q", name, code)
		}
	}
	if got := h.answerWaiting(byPhone(), s.Token, 0); got.Kind != Challenge {
		t.Fatalf("%+v", got)
	}
	// A signature kept from one session is of no use in the next.
	kept := p.approval2(o, symbol)
	again, _ := p.open()
	kept["nonce"] = again.Nonce
	if code := p.call("approve", kept, nil); code != CodeBadSignature {
		t.Errorf("the signature of an earlier grid: %q", code)
	}
	if code := p.call("approve", p.approval2(o, symbol), nil); code != CodeStaleNonce {
		t.Errorf("the earlier grid itself: %q", code)
	}
}

func TestAttackBeforeTheFirstSignature(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	symbol := symbolOf(t, s.Prompt)
	if code := p.call("approve", map[string]any{"nonce": mobile.Nonce{}, "symbol": symbol, "signature": p.sign(mobile.Approve(p.id, mobile.Nonce{}, symbol, [32]byte{}))}, nil); code != CodeStaleNonce {
		t.Errorf("no grid was opened: %q", code)
	}
	// Without PIN, a thief sees that a login waits, and no symbol.
	body, err := p.raw(p.id, p.counter+1, p.key, "pendings", struct{}{})
	if err != nil || strings.Contains(string(body), string(symbol)) || strings.Contains(string(body), "symbols") {
		t.Errorf("%s %v", body, err)
	}
}

func TestAttackByAnotherUsersDevice(t *testing.T) {
	h := newPhoneHouse(t)
	owner := h.newPhone("lutz", true)
	h.enrol("eve")
	eve := h.newPhone("eve", true)
	s := h.begin(byPhone())
	symbol := symbolOf(t, s.Prompt)
	if _, code := eve.open(); code != CodeNoSuchPending {
		t.Errorf("another user's device opens: %q", code)
	}
	var mine opening
	owner.call("pendings", struct{}{}, &mine)
	if code := eve.call("deny", map[string]any{"pending": mine.Pendings[0].ID, "reason": "cancel"}, nil); code != CodeNoSuchPending {
		t.Errorf("another user's device denies: %q", code)
	}
	o, _ := owner.open()
	if code := eve.call("approve", owner.approval2(o, symbol), nil); code != CodeStaleNonce {
		t.Errorf("another user's device passes on the owner's signature: %q", code)
	}
	if code := owner.approve(o, symbol); code != "" {
		t.Fatal(code)
	}
	a := byPhone()
	a.User = "eve"
	want(t, h.answerWaiting(a, s.Token, 0), Reject, ForeignToken)
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Accept, RightApproval)
}

func TestAttackOPRFWithoutTheDeviceKey(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	stranger, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	b, _ := mobile.Blind(mobile.PINInput(p.id, secret.New("739164")))
	for i := range uint64(30) {
		in := map[string]any{"blinded": mobile.Bytes(b.Blinded()), "purpose": "unlock", "generation": 1}
		if _, err := p.raw(p.id, p.counter+1+i, stranger, "pin/evaluate", in); codeOf(err) != CodeBadSignature {
			t.Fatal(err)
		}
	}
	if e, code := p.evaluate("unlock"); code != "" || e.TriesLeft != 4 {
		t.Errorf("an outsider burnt tries: %q, %d left", code, e.TriesLeft)
	}
}

func TestAttackOneInvitationTwiceAtOnce(t *testing.T) {
	for range 5 {
		h := newPhoneHouse(t)
		url, _, err := h.InviteDevice(t.Context(), root, "lutz", true)
		if err != nil {
			t.Fatal(err)
		}
		bodies := make([][]byte, 8)
		for i := range bodies {
			p := &testPhone{h: h}
			p.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			bodies[i] = p.enrolBody(url)
		}
		errs := make([]error, len(bodies))
		parallel(len(bodies), func(i int) { _, errs[i] = h.Enrol(t.Context(), EnrolCall{Body: bodies[i]}) })
		given := 0
		for _, err := range errs {
			switch codeOf(err) {
			case CodeInvitationVoid:
			case "":
				given++
			default:
				t.Error(err)
			}
		}
		infos, _ := h.Devices(t.Context(), "lutz")
		if given != 1 || len(infos) != 1 || infos[0].State != string(deviceLocked) {
			t.Fatalf("%d got in, devices %+v", given, infos)
		}
	}
}

// The thief has a copy of the profile and, by whatever means, always the right counter. He tries PINs between
// the owner's logins: each row ends with the owner's signature, the budget of the device's life does not.
func TestAttackTriesBetweenTheOwnersLogins(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	tries := 0
	for range 10 {
		for range 4 {
			_, code := p.evaluate("unlock")
			if code == CodePINErased {
				if tries != 20 {
					t.Fatalf("erased after %d", tries)
				}
				if _, code := p.evaluate("unlock"); code != CodePINErased {
					t.Errorf("after it: %q", code)
				}
				return
			}
			if code != "" {
				t.Fatal(code)
			}
			tries++
		}
		if tries == 20 {
			continue // no share is left for the owner either
		}
		s := h.begin(byPhone())
		o, code := p.open()
		if code != "" {
			t.Fatal(code)
		}
		if code := p.approve(o, symbolOf(t, s.Prompt)); code != "" {
			t.Fatal(code)
		}
		want(t, h.answerWaiting(byPhone(), s.Token, 0), Accept, RightApproval)
	}
	t.Fatalf("%d tries, and no end", tries)
}

func TestAttackTriesAtOnce(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	b, _ := mobile.Blind(mobile.PINInput(p.id, secret.New("739164")))
	in := map[string]any{"blinded": mobile.Bytes(b.Blinded()), "purpose": "unlock", "generation": 1}
	var mu sync.Mutex
	evaluated := 0
	parallel(30, func(i int) {
		if _, err := p.raw(p.id, p.counter+1+uint64(i), p.key, "pin/evaluate", in); err == nil {
			mu.Lock()
			evaluated++
			mu.Unlock()
		}
	})
	if evaluated > 5 {
		t.Errorf("%d evaluations", evaluated)
	}
}

func TestAttackLoginsBesideAWaitingOne(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	thief := byPhone()
	thief.Source.Value = "198.51.100.66"
	wrong := thief
	wrong.Password = secret.New("guess")
	want(t, h.begin(wrong), Reject, WrongPassword)
	other := h.begin(thief)
	if symbolOf(t, other.Prompt) == symbolOf(t, s.Prompt) {
		t.Fatal("one symbol for two")
	}
	for _, a := range []Attempt{thief, byPhone()} {
		want(t, h.begin(a), Reject, TooManyPending)
	}
	// Neither token is of use where the other came from.
	want(t, h.answerWaiting(thief, s.Token, 0), Reject, ForeignToken)
	o, _ := p.open()
	if len(o.Pendings) != 2 {
		t.Fatalf("%+v", o)
	}
	if code := p.approve(o, symbolOf(t, s.Prompt)); code != "" {
		t.Fatal(code)
	}
	want(t, h.answerWaiting(thief, other.Token, 0), Reject, PendingEnded)
	want(t, h.answerWaiting(thief, s.Token, 0), Reject, ForeignToken)
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Accept, RightApproval)
}

func TestAttackApprovalElsewhere(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	o, _ := p.open()
	if code := p.approve(o, symbolOf(t, s.Prompt)); code != "" {
		t.Fatal(code)
	}
	for name, change := range map[string]func(a *Attempt){
		"NAS":     func(a *Attempt) { a.NAS = "mail" },
		"source":  func(a *Attempt) { a.Source.Value = "198.51.100.66" },
		"service": func(a *Attempt) { a.Service = "sudo" },
		"door":    func(a *Attempt) { a.Door = DoorPAM },
		"policy":  func(a *Attempt) { a.Policy = "either" },
	} {
		a := byPhone()
		change(&a)
		if got := h.answerWaiting(a, s.Token, 0); got.Kind != Reject {
			t.Errorf("another %s: %+v", name, got)
		}
	}
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Accept, RightApproval)
}

func TestAttackApprovalOfAnOlderEpoch(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	o, _ := p.open()
	if err := h.SetPassword(t.Context(), root, "lutz", secret.New("another one")); err != nil {
		t.Fatal(err)
	}
	if code := p.approve(o, symbolOf(t, s.Prompt)); code != CodePendingEnded {
		t.Errorf("approved: %q", code)
	}
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Reject, StaleToken)
}

func TestAttackAnExpiredGridAndAnExpiredApproval(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	o, _ := p.open()
	h.now = h.now.Add(gridFor)
	if code := p.approve(o, symbolOf(t, s.Prompt)); code != CodeStaleNonce {
		t.Errorf("an expired grid: %q", code)
	}
	s = h.begin(byPhone())
	o, _ = p.open()
	if code := p.approve(o, symbolOf(t, s.Prompt)); code != "" {
		t.Fatal(code)
	}
	h.now = h.now.Add(91 * time.Second)
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Reject, PendingExpired)
}

// Two phones of one user pick at once, each the other login: one is approved.
func TestAttackTwoApprovalsAtOnce(t *testing.T) {
	h := newPhoneHouse(t)
	phones := []*testPhone{h.newPhone("lutz", true), h.newPhone("lutz", true)}
	logins := []Step{h.begin(byPhone()), h.begin(byPhone())}
	open := make([]opening, 2)
	for i, p := range phones {
		open[i], _ = p.open()
	}
	errs := make([]error, 2)
	parallel(2, func(i int) {
		p := phones[i]
		_, errs[i] = p.raw(p.id, p.counter+1, p.key, "approve", p.approval2(open[i], symbolOf(t, logins[i].Prompt)))
	})
	accepted := 0
	for i, s := range logins {
		if h.answerWaiting(byPhone(), s.Token, 0).Kind == Accept {
			accepted++
		} else if codeOf(errs[i]) != CodePendingEnded {
			t.Errorf("login %d: %v", i, errs[i])
		}
	}
	if accepted != 1 {
		t.Errorf("%d accepted", accepted)
	}
}

func TestAttackManyAnswersToOneApproval(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	o, _ := p.open()
	steps := make([]Step, 20)
	var all sync.WaitGroup
	for i := range steps {
		all.Go(func() {
			steps[i], _ = h.Answer(t.Context(), Reply{Attempt: byPhone(), Token: s.Token, Wait: time.Minute})
		})
	}
	if code := p.approve(o, symbolOf(t, s.Prompt)); code != "" {
		t.Fatal(code)
	}
	all.Wait()
	accepted := 0
	for _, s := range steps {
		if s.Kind == Accept {
			accepted++
		} else if s.Kind != Reject || s.Reason != PendingEnded {
			t.Errorf("%+v", s)
		}
	}
	if accepted != 1 {
		t.Errorf("one approval, %d Accepts", accepted)
	}
}

// An administrator ends the lock of a copied profile too early: the copy is found again, and its tries stay counted.
func TestAttackAgainAfterAnUnlock(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	copied := *p
	if _, code := copied.evaluate("unlock"); code != "" {
		t.Fatal(code)
	}
	if code := p.call("hello", struct{}{}, nil); code != CodeDeviceCloned {
		t.Fatal(code)
	}
	if err := h.UnlockDevice(t.Context(), root, "lutz", p.id.String()); err != nil {
		t.Fatal(err)
	}
	p.counter = copied.counter
	if code := p.call("hello", struct{}{}, nil); code != "" {
		t.Fatal(code)
	}
	if _, code := copied.evaluate("unlock"); code != CodeDeviceCloned {
		t.Errorf("the copy again: %q", code)
	}
	if infos, _ := h.Devices(t.Context(), "lutz"); infos[0].Life != 1 || infos[0].State != string(deviceLocked) {
		t.Errorf("%+v", infos)
	}
}

func TestAttackTwoRenewalsAtOnce(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	e, _ := p.evaluate("unlock")
	var begun struct {
		Nonce      mobile.Nonce `json:"nonce"`
		Generation uint64       `json:"generation"`
	}
	p.call("renew/begin", map[string]any{"evaluation": e.Evaluation, "signature": p.sign(mobile.RenewBegin(p.id, e.Evaluation, e.Nonce)), "new_pin": false}, &begun)
	public := spki(t, &p.approval.PublicKey)
	both := p.sign(mobile.Renew(p.id, begun.Generation, begun.Nonce, public))
	in := map[string]any{"generation": begun.Generation, "nonce": begun.Nonce, "approval_key": mobile.Bytes(public), "signature_old": both, "signature_new": both}
	var mu sync.Mutex
	taken := 0
	parallel(8, func(i int) {
		if _, err := p.raw(p.id, p.counter+1+uint64(i), p.key, "renew", in); err == nil {
			mu.Lock()
			taken++
			mu.Unlock()
		}
	})
	if taken > 1 {
		t.Errorf("%d renewals of one nonce", taken)
	}
}

// A restored state knows neither which tries nor which approvals came after it.
func TestAttackOnARestoredState(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	o, _ := p.open()
	url, _, _ := h.InviteDevice(t.Context(), root, "lutz", true)
	if code := p.approve(o, symbolOf(t, s.Prompt)); code != "" {
		t.Fatal(code)
	}
	h.generation++ // what a restore does, with the sealer of tokens
	h.newTokens()
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Reject, ForgedToken)
	thief := &testPhone{h: h}
	thief.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if _, err := h.Enrol(t.Context(), EnrolCall{Body: thief.enrolBody(url)}); codeOf(err) != CodeInvitationVoid {
		t.Errorf("an invitation of before: %v", err)
	}
	if e, code := p.evaluate("unlock"); code != "" || e.TriesLeft != 0 {
		t.Fatalf("%q, %d left", code, e.TriesLeft)
	}
	if _, code := p.evaluate("unlock"); code != CodePINLocked {
		t.Errorf("a second try: %q", code)
	}
}

// The pick of a wrong symbol ends both logins: none is left to try the next symbol on.
func TestAttackSymbolsOneAfterAnother(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPhone())
	o, _ := p.open()
	picked := 0
	for _, symbol := range o.Symbols {
		if symbol == symbolOf(t, s.Prompt) {
			continue
		}
		switch code := p.approve(o, symbol); {
		case picked == 0 && code != CodeWrongSymbol, picked > 0 && code != CodeStaleNonce:
			t.Errorf("pick %d: %q", picked, code)
		}
		picked++
	}
	if _, code := p.open(); code != CodeNoSuchPending {
		t.Errorf("something is left: %q", code)
	}
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Reject, WrongSymbol)
}

// A device that is found to be copied after it approved has approved nothing.
func TestAttackByACopyThatIsFoundAfterItsApproval(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	owner := *p
	s := h.begin(byPhone())
	o, _ := p.open()
	if code := p.approve(o, symbolOf(t, s.Prompt)); code != "" {
		t.Fatal(code)
	}
	if code := owner.call("hello", struct{}{}, nil); code != CodeDeviceCloned {
		t.Fatal(code)
	}
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Reject, PhoneUnusable)
}
