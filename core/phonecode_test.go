package core

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// typed is an attempt at a gateway that can show nothing.
func typed(text string) Attempt {
	a := byPhone()
	a.NoChallenge = true
	a.Password = secret.New(text)
	return a
}

const good = "latchkey-demo"

// approveCode gives the second signature for one of what was opened, and the code.
func (p *testPhone) approveCode(o opening, of document) (code string, refused DeviceCode) {
	p.h.t.Helper()
	var reply struct {
		Result  string           `json:"result"`
		Pending mobile.PendingID `json:"pending"`
		Code    string           `json:"code"`
		Expires time.Time        `json:"expires"`
	}
	displayed := mobile.Displayed([]mobile.Shown{{ID: of.ID, Service: of.Service, Host: of.Host, Source: of.Source, Created: of.Created}})
	refused = p.call("approve", map[string]any{
		"nonce": o.Nonce, "symbol": "code", "pending": of.ID, "signature": p.sign(mobile.Approve(p.id, o.Nonce, "code", displayed)),
	}, &reply)
	if refused == "" && (reply.Result != "approved" || reply.Pending != of.ID || !isCode(reply.Code) || !reply.Expires.Equal(p.h.now.Add(time.Minute))) {
		p.h.t.Fatalf("%+v", reply)
	}
	return reply.Code, refused
}

// document is a pending as a phone is told of it.
type document struct {
	ID      mobile.PendingID `json:"id"`
	Kind    string           `json:"kind"`
	Service string           `json:"service"`
	Host    string           `json:"host"`
	Source  string           `json:"source"`
	Created time.Time        `json:"created"`
}

// openCodes opens, and gives the documents of what waits.
func (p *testPhone) openCodes() (opening, []document) {
	p.h.t.Helper()
	var list struct {
		Pendings []document `json:"pendings"`
	}
	if code := p.call("pendings", struct{}{}, &list); code != "" {
		p.h.t.Fatal(code)
	}
	o, code := p.open()
	if code != "" {
		p.h.t.Fatal(code)
	}
	return o, list.Pendings
}

// code begins an attempt and approves it.
func (h *house) code(p *testPhone, a Attempt) string {
	h.t.Helper()
	want(h.t, h.begin(a), Reject, CodeAwaited)
	o, waiting := p.openCodes()
	if len(waiting) != 1 || waiting[0].Kind != "code" || len(o.Symbols) != 0 {
		h.t.Fatalf("%+v %v", waiting, o.Symbols)
	}
	code, refused := p.approveCode(o, waiting[0])
	if refused != "" {
		h.t.Fatal(refused)
	}
	return code
}

// other is a code that is wrong, the n-th.
func other(code string, n int) string {
	return code[:5] + string('0'+(code[5]-'0'+byte(n))%10)
}

func TestCodeLogin(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(typed(good))
	want(t, s, Reject, CodeAwaited)
	if !strings.HasPrefix(s.Text, "Bitte auf dem Telefon bestätigen, dann noch einmal anmelden mit Passwort,CODE. Ref. ") || s.Token != "" {
		t.Fatalf("%+v", s)
	}
	// The approval alone lets nobody in, and a client that tries again by itself opens nothing more.
	want(t, h.begin(typed(good)), Reject, CodeAwaited)
	code := h.code(p, typed(good))
	want(t, h.begin(typed(good)), Reject, CodeAwaited)
	want(t, h.begin(typed("wrong,"+code)), Reject, WrongPassword)
	done := h.begin(typed(good + "," + code))
	want(t, done, Accept, RightPhoneCode)
	// It was used: typed again it neither lets in nor rings.
	want(t, h.begin(typed(good+","+code)), Reject, Replayed)
	if code := p.call("pendings", struct{}{}, nil); code != "" {
		t.Fatal(code)
	}
	if _, refused := p.open(); refused != CodeNoSuchPending {
		t.Fatalf("something waits after the login: %q", refused)
	}
	// The next login has a code of its own, as OpenVPN sends it.
	next := h.code(p, typed(scrv1(good, "")))
	want(t, h.begin(typed(scrv1(good, next))), Accept, RightPhoneCode)
}

func scrv1(password, answer string) string {
	return "SCRV1:" + base64.StdEncoding.EncodeToString([]byte(password)) + ":" + base64.StdEncoding.EncodeToString([]byte(answer))
}

func TestWrongCodes(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	for n := range 3 {
		code := h.code(p, typed(good))
		for i := range n {
			want(t, h.begin(typed(good+","+other(code, i+1))), Reject, WrongCode)
			h.restart() // the count is durable
		}
		if n < 2 {
			want(t, h.begin(typed(good+","+code)), Accept, RightPhoneCode) // ends the pair's row
			continue
		}
		want(t, h.begin(typed(good+","+other(code, 3))), Reject, WrongCode)
		// Three are counted on the user, as of every wrong second factor.
		want(t, h.begin(typed(good+","+code)), Reject, LockedPair)
		h.now = h.now.Add(30 * time.Second)
		if err := h.UnlockUser(t.Context(), root, "lutz"); err != nil {
			t.Fatal(err)
		}
		s := h.begin(typed(good + "," + code))
		want(t, s, Reject, CodeAwaited)
	}
	if n := h.rejects(WrongCode); n != 4 {
		t.Errorf("%d wrong codes in the audit log", n)
	}
}

func TestThreeWrongCodesEndTheAttempt(t *testing.T) {
	h := newPhoneHouse(t)
	h.set.Locks.PairAfter = 0
	h.Core = h.With(h.set)
	p := h.newPhone("lutz", true)
	code := h.code(p, typed(good))
	for i := range 3 {
		want(t, h.begin(typed(good+","+other(code, i+1))), Reject, WrongCode)
	}
	want(t, h.begin(typed(good+","+code)), Reject, CodeAwaited)
}

func TestCodeIsBound(t *testing.T) {
	h := newPhoneHouse(t)
	h.enrol("anna")
	p := h.newPhone("lutz", true)
	h.newPhone("anna", true)
	code := h.code(p, typed(good))
	for name, change := range map[string]func(*Attempt){
		"NAS":    func(a *Attempt) { a.NAS = "other" },
		"source": func(a *Attempt) { a.Source.Value = "192.0.2.8" },
		"policy": func(a *Attempt) { a.Policy = "either" },
		"user":   func(a *Attempt) { a.User = "anna" },
		"door":   func(a *Attempt) { a.Door = DoorPAM },
	} {
		a := typed(good + "," + code)
		change(&a)
		if s := h.begin(a); s.Kind != Reject || s.Reason != CodeAwaited && s.Reason != TooManyPending {
			t.Errorf("another %s: %+v", name, s)
		}
	}
	want(t, h.begin(typed(good+","+code)), Accept, RightPhoneCode)
}

func TestCodeExpires(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	code := h.code(p, typed(good))
	h.now = h.now.Add(59 * time.Second)
	want(t, h.begin(typed(good+","+other(code, 1))), Reject, WrongCode)
	h.now = h.now.Add(time.Second)
	want(t, h.begin(typed(good+","+code)), Reject, CodeAwaited)
	// That was a new attempt, with another code.
	o, waiting := p.openCodes()
	next, refused := p.approveCode(o, waiting[0])
	if refused != "" {
		t.Fatal(refused)
	}
	want(t, h.begin(typed(good+","+next)), Accept, RightPhoneCode)
}

// TestCodeAndCommas: a password that ends like a code can be typed, with any code to begin with.
func TestCodeAndCommas(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	const awkward = "with,comma,111111"
	if err := h.SetPassword(t.Context(), root, "lutz", secret.New(awkward)); err != nil {
		t.Fatal(err)
	}
	want(t, h.begin(typed(awkward)), Reject, WrongPassword) // one reading, never both
	code := h.code(p, typed(awkward+",000000"))
	want(t, h.begin(typed(awkward+","+code)), Accept, RightPhoneCode)
	want(t, h.begin(typed(scrv1(awkward, "")+":")), Reject, WrongPassword)
	next := h.code(p, typed(scrv1(awkward, "go")))
	want(t, h.begin(typed(scrv1(awkward, next))), Accept, RightPhoneCode)
}

func TestCodeAndSymbolBesideEachOther(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	begin := func() (Step, opening, []document) {
		s := h.begin(byPhone())
		want(t, h.begin(typed(good)), Reject, CodeAwaited)
		o, waiting := p.openCodes()
		if len(waiting) != 2 || waiting[0].Kind != "symbol" || waiting[1].Kind != "code" || len(o.Symbols) != 9 {
			t.Fatalf("%+v %v", waiting, o.Symbols)
		}
		return s, o, waiting
	}
	// The symbol chooses its login, and ends the other.
	s, o, _ := begin()
	if code := p.approve(o, symbolOf(t, s.Prompt)); code != "" {
		t.Fatal(code)
	}
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Accept, RightApproval)
	// So does the code's.
	s, o, waiting := begin()
	if _, refused := p.approveCode(o, waiting[0]); refused != CodeBadRequest {
		t.Fatalf("a login that shows a symbol was approved without: %q", refused)
	}
	if refused := p.call("approve", map[string]any{"nonce": o.Nonce, "symbol": "code", "signature": p.sign([]byte("x"))}, nil); refused != CodeBadRequest {
		t.Fatalf("a code without its login: %q", refused)
	}
	// What was signed for all is not signed for one.
	if refused := p.call("approve", map[string]any{"nonce": o.Nonce, "symbol": "code", "pending": waiting[1].ID,
		"signature": p.sign(mobile.Approve(p.id, o.Nonce, "code", [32]byte(o.Displayed)))}, nil); refused != CodeBadSignature {
		t.Fatalf("signed for all: %q", refused)
	}
	code, refused := p.approveCode(o, waiting[1])
	if refused != "" {
		t.Fatal(refused)
	}
	want(t, h.answerWaiting(byPhone(), s.Token, 0), Reject, PendingEnded)
	want(t, h.begin(typed(good+","+code)), Accept, RightPhoneCode)
	// A wrong symbol ends both.
	s, o, waiting = begin()
	right := symbolOf(t, s.Prompt)
	for _, wrong := range o.Symbols {
		if wrong != right {
			if code := p.approve(o, wrong); code != CodeWrongSymbol {
				t.Fatal(code)
			}
			break
		}
	}
	if _, refused := p.approveCode(o, waiting[1]); refused != CodeStaleNonce {
		t.Fatal(refused)
	}
	if _, refused := p.open(); refused != CodeNoSuchPending {
		t.Fatal(refused)
	}
}

func TestCodeWithoutPhone(t *testing.T) {
	h := newPhoneHouse(t)
	want(t, h.begin(typed(good)), Reject, NotEnrolled)
	want(t, h.begin(typed("wrong")), Reject, WrongPassword)
	for _, policy := range []string{"vpn", "bare"} {
		a := typed(good)
		a.Policy = policy
		want(t, h.begin(a), Reject, NeedsPrompt)
	}
	p := h.newPhone("lutz", true)
	code := h.code(p, typed(good))
	// A device that is taken away takes its code with it.
	if err := h.LockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	want(t, h.begin(typed(good+","+code)), Reject, Locked)
	if err := h.UnlockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	if s := h.begin(typed(good + "," + code)); s.Kind != Reject {
		t.Fatalf("%+v", s)
	}
}

// TestADeniedCodeIsDead: what was approved can be taken back until it is used.
func TestADeniedCodeIsDead(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	want(t, h.begin(typed(good)), Reject, CodeAwaited)
	o, waiting := p.openCodes()
	code, _ := p.approveCode(o, waiting[0])
	if refused := p.call("deny", map[string]any{"pending": waiting[0].ID, "reason": "cancel"}, nil); refused != "" {
		t.Fatal(refused)
	}
	want(t, h.begin(typed(good+","+code)), Reject, CodeAwaited)
}

// rejects counts the rejects of this reason in the audit log.
func (h *house) rejects(reason Reason) (n int) {
	h.t.Helper()
	err := h.Audit(h.t.Context(), AuditFilter{}, func(e AuditEntry) bool {
		if e.Event == eventLogin && e.Result == "reject" && e.Reason == reason {
			n++
		}
		return true
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// TestACodeIsNotJudgedBeforeTheApproval: there is none yet, so a guess costs nothing and gains nothing.
func TestACodeIsNotJudgedBeforeTheApproval(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	for range 5 {
		want(t, h.begin(typed(good+",123456")), Reject, CodeAwaited)
	}
	if n := h.rejects(WrongCode); n != 0 {
		t.Errorf("%d were counted", n)
	}
	code := h.code(p, typed(good))
	want(t, h.begin(typed(good+","+code)), Accept, RightPhoneCode)
}

func TestWrongCodesLockForGood(t *testing.T) {
	h := newPhoneHouse(t)
	h.set.Locks.PairAfter, h.set.Locks.PermanentlyAfter = 0, 2
	h.Core = h.With(h.set)
	p := h.newPhone("lutz", true)
	code := h.code(p, typed(good))
	want(t, h.begin(typed(good+","+other(code, 1))), Reject, WrongCode)
	want(t, h.begin(typed(good+","+other(code, 2))), Reject, WrongCode)
	want(t, h.begin(typed(good+","+code)), Reject, LockedForGood)
}

// TestALockMeetsTheCodeInFlight: the lock falls while the password is being checked.
func TestALockMeetsTheCodeInFlight(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	code := h.code(p, typed(good))
	var who subject
	err := h.store.View(t.Context(), func(r store.Reader) (err error) {
		who, err = h.lookup(r, "lutz")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	who.vouched = true
	for range 3 {
		h.begin(typed("wrong"))
	}
	s, err := h.secondTyped(t.Context(), typed(good), h.policies["phone"], who, behind{code: code})
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, Reject, LockedPair)
}

// TestOneCodeAtOnceGivesOneAccept: two windows, the same code.
func TestOneCodeAtOnceGivesOneAccept(t *testing.T) {
	h := newPhoneHouse(t)
	p := h.newPhone("lutz", true)
	code := h.code(p, typed(good))
	steps := make(chan Step)
	for range 4 {
		go func() {
			s, err := h.Begin(t.Context(), typed(good+","+code))
			if err != nil {
				t.Error(err)
			}
			steps <- s
		}()
	}
	accepts := 0
	for range 4 {
		if s := <-steps; s.Kind == Accept {
			accepts++
		}
	}
	if accepts != 1 {
		t.Errorf("%d accepts", accepts)
	}
}
