package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/store/memory"
)

// seed are the six answers of the PINphrase seed.
var seed = map[string]string{
	"birthplace": "Heidelberg", "first_car": "Volkswagen", "mothers_maiden_name": "Müller",
	"first_holiday": "Tegernsee", "pet": "Bello", "football_club": "FCBayern",
}

var root = Actor{Name: "root", Role: RoleAdmin}

// house is a Core on a memory store, with a clock of its own.
type house struct {
	*Core
	t    *testing.T
	disk *memory.Disk
	keys *keys.Keyset
	now  time.Time
	set  Settings
}

func settings() Settings {
	p := pinphrase.Defaults()
	for i := range p.Questions {
		switch p.Questions[i].ID {
		case "pet":
			p.Questions[i].MinimumLength = 5
		case "mothers_maiden_name":
			p.Questions[i].MinimumLength = 6
		}
	}
	return Settings{
		Language: "de",
		Names:    NameRules{FoldCase: true, Strip: []string{`CORP\`, "@corp.example"}},
		Policies: map[string]Policy{
			"vpn":  {First: FirstPassword, Second: []Method{MethodPINphrase}, Realm: "default"},
			"bare": {First: FirstNone, Second: []Method{MethodPINphrase}, Realm: "default"},
			"lab":  {First: FirstPassword, Second: []Method{MethodPINphrase}, Realm: "lab"},
			"soft": {First: FirstPassword, Second: []Method{MethodPINphrase}, Realm: "default", Unenrolled: UnenrolledAllow},
		},
		Locks:     Locks{PairAfter: 3, PairFor: 15 * time.Minute, UserAfter: 20, UserHalves: 12 * time.Hour, SourceAfter: 30, SourceFor: 15 * time.Minute},
		PINphrase: p, CodeWords: CodeWords{Words: 4, Valid: 72 * time.Hour, OpensLogin: true, SelfService: true},
	}
}

func newHouse(t *testing.T, change ...func(*Settings)) *house {
	t.Helper()
	k, err := keys.Generate()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, disk: memory.NewDisk(), keys: k, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), set: settings()}
	for _, c := range change {
		c(&h.set)
	}
	h.open()
	return h
}

// open opens the state anew, as a restart does.
func (h *house) open() {
	h.t.Helper()
	s, err := memory.New(memory.Config{Disk: h.disk, Link: AuditLink(h.keys), Twice: true})
	if err != nil {
		h.t.Fatal(err)
	}
	h.Core, err = Open(h.t.Context(), Config{
		Store: s, Keys: h.keys, Settings: h.set, Now: func() time.Time { return h.now },
		Passwords: password.NewPool(password.PoolConfig{Params: password.Params{Memory: 8, Time: 1, Threads: 1}}),
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) restart() {
	h.t.Helper()
	if err := h.Core.store.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.open()
}

// enrol adds a user with the seed's answers and the demo password.
func (h *house) enrol(name string) {
	h.t.Helper()
	if _, _, err := h.AddUser(h.t.Context(), root, NewUser{Name: name}); err != nil {
		h.t.Fatal(err)
	}
	if err := h.SetPassword(h.t.Context(), root, name, secret.New("latchkey-demo")); err != nil {
		h.t.Fatal(err)
	}
	for q, a := range seed {
		if _, err := h.SetAnswer(h.t.Context(), root, name, q, secret.New(a)); err != nil {
			h.t.Fatal(err)
		}
	}
}

func attempt(user string) Attempt {
	return Attempt{
		Request: "r1", Door: DoorRADIUS, NAS: "vpn", Policy: "vpn", User: user,
		Source: Source{SourcePerson, "192.0.2.7"}, Password: secret.New("latchkey-demo"),
	}
}

func (h *house) begin(a Attempt) Step {
	h.t.Helper()
	s, err := h.Begin(h.t.Context(), a)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *house) answer(a Attempt, token, text string) Step {
	h.t.Helper()
	s, err := h.Answer(h.t.Context(), Reply{Attempt: a, Token: token, Text: secret.New(text)})
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// solve reads a German prompt as a person does.
func (h *house) solve(prompt string) string {
	h.t.Helper()
	return solve(h.t, h.set.PINphrase.Questions, prompt, seed)
}

func solve(t *testing.T, questions []pinphrase.Question, prompt string, answers map[string]string) string {
	t.Helper()
	for _, q := range questions {
		if !strings.HasSuffix(prompt, q.Phrase[language.German]+".") {
			continue
		}
		letters := []rune(answers[q.ID])
		_, rest, _ := strings.Cut(prompt, "das ")
		positions, _, _ := strings.Cut(rest, " Zeichen")
		var out strings.Builder
		for _, p := range strings.FieldsFunc(positions, func(r rune) bool { return r == ' ' || r == ',' }) {
			n := 0
			switch p {
			case "und":
				continue
			case "letzte":
				n = len(letters)
			case "vorletzte":
				n = len(letters) - 1
			default:
				if _, err := fmt.Sscanf(p, "%d.", &n); err != nil {
					t.Fatalf("position %q in %q", p, prompt)
				}
			}
			out.WriteRune(letters[n-1])
		}
		return out.String()
	}
	t.Fatalf("no question fits the prompt %q", prompt)
	return ""
}

// login goes through both rounds with the right answer.
func (h *house) login(a Attempt) Step {
	h.t.Helper()
	s := h.begin(a)
	if s.Kind != Challenge {
		h.t.Fatalf("no challenge: %+v", s)
	}
	return h.answer(a, s.Token, h.solve(s.Prompt))
}

// audited gives the newest audit record.
func (h *house) audited() (e AuditEntry) {
	h.t.Helper()
	err := h.Audit(h.t.Context(), AuditFilter{Newest: 1}, func(x AuditEntry) bool { e = x; return true })
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

func want(t *testing.T, s Step, kind StepKind, reason Reason) {
	t.Helper()
	if s.Kind != kind || s.Reason != reason {
		t.Fatalf("%v %q (%s), want %v %q", s.Kind, s.Reason, s.Text, kind, reason)
	}
}

func TestLogin(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	s := h.begin(attempt("lutz"))
	if s.Kind != Challenge || !strings.HasPrefix(s.Prompt, "PINphrase: Bitte wählen Sie das ") || len(s.Token) > 253 {
		t.Fatalf("%+v", s)
	}
	want(t, h.answer(attempt("lutz"), s.Token, h.solve(s.Prompt)), Accept, Right)
	e := h.audited()
	if e.Event != "login" || e.Result != "accept" || e.User != "lutz" || e.Source != "addr:192.0.2.7" {
		t.Errorf("audit: %+v", e)
	}
}

func TestWrongAnswerKeepsTheChallengeAndCounts(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	first := h.begin(attempt("lutz"))
	got := h.answer(attempt("lutz"), first.Token, "zzzz")
	want(t, got, Reject, WrongAnswer)
	if got.Reference == "" || !strings.Contains(got.Text, got.Reference) {
		t.Errorf("the reject names no reference: %q", got.Text)
	}
	if e := h.audited(); e.Reference != got.Reference || e.Reason != WrongAnswer {
		t.Errorf("the reference leads to %+v", e)
	}
	if again := h.begin(attempt("lutz")); again.Prompt != first.Prompt {
		t.Errorf("redrawn: %q, then %q", first.Prompt, again.Prompt)
	}
	info, _ := h.User(t.Context(), "lutz")
	if info.Wrong != 1 {
		t.Errorf("%d counted", info.Wrong)
	}
}

// TestTheChallengeSticks restarts logins and the daemon twenty times: the redraw attack.
func TestTheChallengeSticks(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	for round := range 3 {
		prompt := h.begin(attempt("lutz")).Prompt
		for i := range 20 {
			if i%5 == 0 {
				h.restart()
			}
			a := attempt("lutz")
			a.NAS, a.Source.Value = fmt.Sprint("gate", i), fmt.Sprint("192.0.2.", i)
			if i%2 == 0 {
				a.Policy = "bare"
			}
			if got := h.begin(a).Prompt; got != prompt {
				t.Fatalf("round %d, try %d: %q became %q", round, i, prompt, got)
			}
		}
		want(t, h.login(attempt("lutz")), Accept, Right)
		if h.begin(attempt("lutz")).Prompt == prompt {
			t.Fatal("the consumed challenge is asked again")
		}
	}
}

func TestAnAnswerIsGoodOnce(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	s := h.begin(attempt("lutz"))
	letters := h.solve(s.Prompt)
	want(t, h.answer(attempt("lutz"), s.Token, letters), Accept, Right)
	want(t, h.answer(attempt("lutz"), s.Token, letters), Reject, Replayed)
	next := h.begin(attempt("lutz"))
	if h.solve(next.Prompt) == letters {
		t.Fatal("two questions spell the same letters, which the seed's answers cannot")
	}
	want(t, h.answer(attempt("lutz"), next.Token, letters), Reject, Replayed)
	if info, _ := h.User(t.Context(), "lutz"); info.Wrong != 0 {
		t.Errorf("honest retransmissions were counted: %d", info.Wrong)
	}
	want(t, h.answer(attempt("lutz"), s.Token, "zzzz"), Reject, StaleToken)
}

// TestNoSetTwice logs in until the answers are used up; no set of positions of an answer comes twice,
// in whatever realm.
func TestNoSetTwice(t *testing.T) {
	h := newHouse(t, func(s *Settings) { s.PINphrase.ExposureStop, s.PINphrase.ExposureWarn = 0, 0 })
	h.enrol("lutz")
	seen := map[string]bool{}
	for i := range 4000 {
		a := attempt("lutz")
		if i%3 == 0 {
			a.Policy = "lab"
		}
		s := h.begin(a)
		if s.Kind == Reject {
			if s.Reason != Exhausted || i < 100 {
				t.Fatalf("after %d logins: %+v", i, s)
			}
			t.Logf("used up after %d logins", i)
			return
		}
		if seen[s.Prompt] {
			t.Fatalf("login %d asks again: %s", i, s.Prompt)
		}
		seen[s.Prompt] = true
		want(t, h.answer(a, s.Token, h.solve(s.Prompt)), Accept, Right)
		h.now = h.now.Add(time.Minute)
	}
	t.Fatal("never used up")
}

func TestPairLockAndUnlock(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	for range 3 {
		s := h.begin(attempt("lutz"))
		want(t, h.answer(attempt("lutz"), s.Token, "zzzz"), Reject, WrongAnswer)
	}
	locked := h.begin(attempt("lutz"))
	want(t, locked, Reject, LockedPair)
	a := attempt("lutz")
	a.Password = secret.New("wrong-password")
	if wrong := h.begin(a); strings.TrimSuffix(wrong.Text, wrong.Reference) != strings.TrimSuffix(locked.Text, locked.Reference) {
		t.Errorf("a lock says more than a wrong password: %q, %q", locked.Text, wrong.Text)
	}
	other := attempt("lutz")
	other.Source.Value = "198.51.100.9"
	want(t, h.login(other), Accept, Right)
	if err := h.UnlockUser(t.Context(), root, "LUTZ"); err != nil {
		t.Fatal(err)
	}
	want(t, h.login(attempt("lutz")), Accept, Right)

	for range 3 {
		s := h.begin(attempt("lutz"))
		h.answer(attempt("lutz"), s.Token, "zzzz")
	}
	h.now = h.now.Add(15*time.Minute - time.Second)
	want(t, h.begin(attempt("lutz")), Reject, LockedPair)
	h.now = h.now.Add(2 * time.Second)
	want(t, h.login(attempt("lutz")), Accept, Right)
}

// TestALockMeetsTheTokenInFlight: two windows are open when the lock falls.
func TestALockMeetsTheTokenInFlight(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	s := h.begin(attempt("lutz"))
	letters := h.solve(s.Prompt)
	if err := h.LockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	want(t, h.answer(attempt("lutz"), s.Token, letters), Reject, StaleToken)
	_ = h.UnlockUser(t.Context(), root, "lutz")
	s = h.begin(attempt("lutz"))
	for range 3 {
		h.answer(attempt("lutz"), s.Token, "zzzz")
	}
	want(t, h.answer(attempt("lutz"), s.Token, letters), Reject, LockedPair)
}

func TestUserLockSparesSourcesWithASuccess(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	want(t, h.login(attempt("lutz")), Accept, Right)
	for i := range 20 {
		a := attempt("lutz")
		a.Source.Value = fmt.Sprintf("198.51.100.%d", i)
		a.Password = secret.New("guess-guess")
		if s := h.begin(a); s.Kind != Reject {
			t.Fatal(s)
		}
	}
	stranger := attempt("lutz")
	stranger.Source.Value = "203.0.113.5"
	want(t, h.begin(stranger), Reject, LockedUser)
	want(t, h.login(attempt("lutz")), Accept, Right)
	h.now = h.now.Add(24 * time.Hour)
	want(t, h.login(stranger), Accept, Right)
}

func TestSourceLockIsForPersonsNotForGateways(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	for i := range 30 {
		a := attempt(fmt.Sprint("nobody", i))
		want(t, h.begin(a), Reject, UnknownUser)
	}
	want(t, h.begin(attempt("lutz")), Reject, LockedSource)
	gate := attempt("lutz")
	gate.Source = Source{SourceNAS, "vpn"}
	for i := range 30 {
		a := gate
		a.User = fmt.Sprint("noone", i)
		h.begin(a)
	}
	noone := gate
	noone.User = "noone99"
	want(t, h.begin(noone), Reject, Throttled)
	want(t, h.login(gate), Accept, Right)
}

func TestTokenIsBound(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	h.enrol("anna")
	s := h.begin(attempt("lutz"))
	letters := h.solve(s.Prompt)
	for name, change := range map[string]func(*Attempt){
		"NAS":    func(a *Attempt) { a.NAS = "other" },
		"door":   func(a *Attempt) { a.Door = DoorPAM },
		"source": func(a *Attempt) { a.Source.Value = "192.0.2.8" },
		"user":   func(a *Attempt) { a.User = "anna" },
		"nobody": func(a *Attempt) { a.User = "nobody" },
	} {
		a := attempt("lutz")
		change(&a)
		if got := h.answer(a, s.Token, letters); got.Kind != Reject || got.Reason != ForeignToken {
			t.Errorf("%s: %v %q", name, got.Kind, got.Reason)
		}
	}
	for name, change := range map[string]func(*Attempt){
		"policy": func(a *Attempt) { a.Policy = "lab" },
		"first":  func(a *Attempt) { a.Policy = "bare" },
	} {
		a := attempt("lutz")
		change(&a)
		if got := h.answer(a, s.Token, letters); got.Kind != Reject || got.Reason != StaleToken {
			t.Errorf("%s: %v %q", name, got.Kind, got.Reason)
		}
	}
	want(t, h.answer(attempt("lutz"), s.Token[1:], letters), Reject, ForgedToken)
	want(t, h.answer(attempt("lutz"), "", letters), Reject, ForgedToken)
	if info, _ := h.User(t.Context(), "lutz"); info.Wrong != 0 {
		t.Errorf("%d counted", info.Wrong)
	}
	want(t, h.answer(attempt("lutz"), s.Token, letters), Accept, Right)
}

func TestTokenExpires(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	s := h.begin(attempt("lutz"))
	letters := h.solve(s.Prompt)
	h.now = h.now.Add(120 * time.Second)
	want(t, h.answer(attempt("lutz"), s.Token, letters), Reject, StaleToken)
}

func TestEpochVoidsTokens(t *testing.T) {
	for name, change := range map[string]func(h *house) error{
		"password": func(h *house) error {
			return h.SetPassword(h.t.Context(), root, "lutz", secret.New("another-password"))
		},
		"answer": func(h *house) error {
			_, err := h.SetAnswer(h.t.Context(), root, "lutz", "pet", secret.New("Hasso-Rex"))
			return err
		},
		"groups": func(h *house) error {
			_, err := h.ChangeUser(h.t.Context(), root, "lutz", UserChange{Groups: &[]string{"x"}})
			return err
		},
		"disable": func(h *house) error { return h.EnableUser(h.t.Context(), root, "lutz", false) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.enrol("lutz")
			s := h.begin(attempt("lutz"))
			if err := change(h); err != nil {
				t.Fatal(err)
			}
			want(t, h.answer(attempt("lutz"), s.Token, h.solve(s.Prompt)), Reject, StaleToken)
		})
	}
	t.Run("an added answer leaves it alone", func(t *testing.T) {
		h := newHouse(t)
		h.enrol("lutz")
		s := h.begin(attempt("lutz"))
		_ = h.login(attempt("lutz"))
		s = h.begin(attempt("lutz"))
		for _, q := range h.set.PINphrase.Questions {
			if seed[q.ID] == "" {
				if _, err := h.SetAnswer(t.Context(), root, "lutz", q.ID, secret.New("Rumpelstilzchen")); err != nil {
					t.Fatal(err)
				}
			}
		}
		want(t, h.answer(attempt("lutz"), s.Token, h.solve(s.Prompt)), Accept, Right)
	})
}

func TestOneUserUnderAllNames(t *testing.T) {
	h := newHouse(t)
	h.enrol("Lutz")
	for _, name := range []string{"lutz", "LUTZ", `CORP\lutz`, "lutz@corp.example", "Lutz@CORP.example", `corp\ＬＵＴＺ@corp.example`} {
		a := attempt(name)
		if s := h.login(a); s.Kind != Accept || s.User != "lutz" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if e := h.audited(); e.User != "lutz" || e.Given == "" {
		t.Errorf("both forms are to be logged: %+v", e)
	}
	if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: `CORP\LUTZ`}); !errors.Is(err, ErrUserExists) {
		t.Errorf("a second lutz: %v", err)
	}
}

func TestStrangeNames(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{strings.Repeat("a", 253), strings.Repeat("a", 254), "a\x00b", "a\nb", "\xff\xfe", "", "   ", "a\u202eb"} {
		s := h.begin(attempt(name))
		want(t, s, Reject, UnknownUser)
		e := h.audited()
		if strings.ContainsAny(e.User+e.Given, "\x00\n\u202e") || len(e.User) > 4*253 {
			t.Errorf("raw in the audit log: %q", e.User)
		}
		b := attempt(name)
		b.Policy = "bare"
		if s := h.begin(b); s.Kind != Challenge {
			t.Errorf("%q: %+v", name, s)
		}
	}
}

func TestFirstPassword(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	a := attempt("lutz")
	a.Password = secret.New("wrong-password")
	want(t, h.begin(a), Reject, WrongPassword)
	a.Password = secret.Secret{}
	want(t, h.begin(a), Reject, WrongPassword)
	if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: "nopass"}); err != nil {
		t.Fatal(err)
	}
	want(t, h.begin(attempt("nopass")), Reject, WrongPassword)
	want(t, h.begin(attempt("nobody")), Reject, UnknownUser)
}

// TestDecoys: under first none an unknown user looks like a known one, and stays the same.
func TestDecoys(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	a := attempt("nobody")
	a.Policy = "bare"
	first := h.begin(a)
	if first.Kind != Challenge || !strings.HasPrefix(first.Prompt, "PINphrase: Bitte wählen Sie das ") {
		t.Fatalf("%+v", first)
	}
	h.restart()
	h.now = h.now.Add(time.Second)
	b := a
	b.User, b.NAS = `CORP\NOBODY`, "other"
	if again := h.begin(b); again.Prompt != first.Prompt || len(again.Token) != len(first.Token) {
		t.Errorf("%q, then %q", first.Prompt, again.Prompt)
	}
	head, _, _ := h.Core.store.JournalHead(t.Context())
	got := h.answer(a, first.Token, "hidg")
	want(t, got, Reject, UnknownUser)
	if after, _, _ := h.Core.store.JournalHead(t.Context()); after == head {
		t.Error("a wrong answer of an unknown user costs no durable write")
	}
	known := attempt("lutz")
	known.Policy = "bare"
	s := h.begin(known)
	wrong := h.answer(known, s.Token, "zzzz")
	if strings.TrimSuffix(wrong.Text, wrong.Reference) != strings.TrimSuffix(got.Text, got.Reference) {
		t.Errorf("told apart: %q, %q", wrong.Text, got.Text)
	}
	// A user without answers is a decoy too, and a locked one keeps the real challenge.
	if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: "empty"}); err != nil {
		t.Fatal(err)
	}
	empty := a
	empty.User = "empty"
	h.set.CodeWords.OpensLogin = false
	h.restart()
	s = h.begin(empty)
	none := h.answer(empty, s.Token, "hidg")
	want(t, none, Reject, AskedDecoy)
	if strings.TrimSuffix(none.Text, none.Reference) != strings.TrimSuffix(got.Text, got.Reference) {
		t.Errorf("a user without answers is told apart: %q, %q", none.Text, got.Text)
	}
	prompt := h.begin(known).Prompt
	if err := h.LockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	if got := h.begin(known).Prompt; got != prompt {
		t.Errorf("a lock shows: %q became %q", prompt, got)
	}
	moved := map[string]bool{}
	for range 20 {
		h.now = h.now.Add(48 * time.Hour)
		moved[h.begin(a).Prompt] = true
	}
	if len(moved) < 5 {
		t.Errorf("a decoy that never changes: %d prompts in 40 days", len(moved))
	}
}

func TestCodeWordOpensOneLogin(t *testing.T) {
	h := newHouse(t)
	_, word, err := h.AddUser(t.Context(), root, NewUser{Name: "neu"})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(strings.Fields(word.Reveal())); n != 4 {
		t.Fatalf("a code word of %d words", n)
	}
	if err := h.SetPassword(t.Context(), root, "neu", secret.New("latchkey-demo")); err != nil {
		t.Fatal(err)
	}
	s := h.begin(attempt("neu"))
	if s.Kind != Challenge || !strings.Contains(s.Prompt, "Codewort") {
		t.Fatalf("%+v", s)
	}
	answers := map[string]string{pinphrase.CodeWordID: strings.ReplaceAll(word.Reveal(), " ", "")}
	letters := solve(t, []pinphrase.Question{pinphrase.CodeWordQuestion()}, s.Prompt, answers)
	want(t, h.answer(attempt("neu"), s.Token, "zzzz"), Reject, WrongAnswer)
	if again := h.begin(attempt("neu")); again.Prompt != s.Prompt {
		t.Errorf("redrawn")
	}
	got := h.answer(attempt("neu"), s.Token, letters)
	want(t, got, Accept, RightCodeWord)
	want(t, h.answer(attempt("neu"), s.Token, letters), Reject, StaleToken)
	refused := h.begin(attempt("neu"))
	want(t, refused, Reject, NotEnrolled)
	if strings.Contains(refused.Text, "verweigert") {
		t.Errorf("refused, but not in words: %q", refused.Text)
	}
	// Five answers are not enough, the sixth is.
	n := 0
	for q, a := range seed {
		if _, err := h.SetAnswer(t.Context(), root, "neu", q, secret.New(a)); err != nil {
			t.Fatal(err)
		}
		if n++; n < 6 {
			want(t, h.begin(attempt("neu")), Reject, NotEnrolled)
		}
	}
	want(t, h.login(attempt("neu")), Accept, Right)
}

func TestCodeWordEndsWithItsTime(t *testing.T) {
	h := newHouse(t)
	_, _, _ = h.AddUser(t.Context(), root, NewUser{Name: "neu"})
	_ = h.SetPassword(t.Context(), root, "neu", secret.New("latchkey-demo"))
	h.now = h.now.Add(72 * time.Hour)
	want(t, h.begin(attempt("neu")), Reject, NotEnrolled)
}

func TestTemporaryCode(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	code, _, err := h.TemporaryCode(t.Context(), root, "lutz", time.Hour, 2)
	if err != nil || code.Len() != 8 {
		t.Fatal(code.Len(), err)
	}
	typed := strings.ToLower(code.Reveal()[:4] + " " + code.Reveal()[4:])
	for range 2 {
		s := h.begin(attempt("lutz"))
		want(t, h.answer(attempt("lutz"), s.Token, typed), Accept, RightTemporary)
	}
	s := h.begin(attempt("lutz"))
	if got := h.answer(attempt("lutz"), s.Token, typed); got.Kind != Reject {
		t.Error("a third use of two")
	}
	code, _, _ = h.TemporaryCode(t.Context(), root, "lutz", time.Hour, 1)
	h.now = h.now.Add(time.Hour)
	s = h.begin(attempt("lutz"))
	if got := h.answer(attempt("lutz"), s.Token, code.Reveal()); got.Kind != Reject {
		t.Error("after its time")
	}
}

func TestUnenrolledAllow(t *testing.T) {
	h := newHouse(t, func(s *Settings) { s.CodeWords.OpensLogin = false })
	_, _, _ = h.AddUser(t.Context(), root, NewUser{Name: "neu"})
	_ = h.SetPassword(t.Context(), root, "neu", secret.New("latchkey-demo"))
	a := attempt("neu")
	a.Policy = "soft"
	want(t, h.begin(a), Accept, UnenrolledPassed)
	if e := h.audited(); e.Reason != UnenrolledPassed {
		t.Errorf("not in the audit log: %+v", e)
	}
	a.Password = secret.New("wrong-password")
	want(t, h.begin(a), Reject, WrongPassword)
	want(t, h.begin(attempt("neu")), Reject, NotEnrolled)
}

func TestDisabledAndExpired(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	_ = h.EnableUser(t.Context(), root, "lutz", false)
	want(t, h.begin(attempt("lutz")), Reject, Disabled)
	_ = h.EnableUser(t.Context(), root, "lutz", true)
	_ = h.ExpireUser(t.Context(), root, "lutz", h.now.Add(time.Hour))
	want(t, h.login(attempt("lutz")), Accept, Right)
	h.now = h.now.Add(time.Hour)
	want(t, h.begin(attempt("lutz")), Reject, Expired)
}

func TestReplyAttributes(t *testing.T) {
	h := newHouse(t, func(s *Settings) {
		p := s.Policies["vpn"]
		p.Reply = []Attribute{{"Class", 25, []byte("staff")}, {"Filter-Id", 11, []byte("std")}}
		p.Groups = map[string][]Attribute{"admins": {{"Class", 25, []byte("admins")}}, "zoo": {{"Class", 25, []byte("zoo")}, {"Session-Timeout", 27, []byte{0, 0, 0, 9}}}}
		s.Policies["vpn"] = p
	})
	h.enrol("lutz")
	show := func(s Step) (out string) {
		for _, a := range s.Attributes {
			out += fmt.Sprintf("%s=%q ", a.Name, a.Value)
		}
		return out
	}
	if got := show(h.login(attempt("lutz"))); got != `Class="staff" Filter-Id="std" ` {
		t.Error(got)
	}
	_, _ = h.ChangeUser(t.Context(), root, "lutz", UserChange{Groups: &[]string{"zoo", "admins"}})
	if got := show(h.login(attempt("lutz"))); got != `Filter-Id="std" Class="admins" Session-Timeout="\x00\x00\x00\t" ` {
		t.Error(got)
	}
}

func TestTimeNeverRunsBackward(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	for range 3 {
		s := h.begin(attempt("lutz"))
		h.answer(attempt("lutz"), s.Token, "zzzz")
	}
	h.now = h.now.Add(16 * time.Minute)
	_ = h.KeepTime(t.Context())
	h.now = h.now.Add(-10 * time.Hour)
	h.restart()
	want(t, h.login(attempt("lutz")), Accept, Right)
	if h.ClockBehind() < 9*time.Hour {
		t.Errorf("behind %v", h.ClockBehind())
	}
}

func TestAWrongKeysetIsFoundAtTheStart(t *testing.T) {
	h := newHouse(t)
	_ = h.Core.store.Close()
	other, _ := keys.Generate()
	s, err := memory.New(memory.Config{Disk: h.disk, Link: AuditLink(h.keys)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = Open(t.Context(), Config{Store: s, Keys: other, Settings: h.set})
	if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "keyset") {
		t.Errorf("%v", err)
	}
}

func TestWitnessFindsARestore(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	w, err := h.Witness(t.Context())
	if err != nil || w.Seq == 0 {
		t.Fatal(w, err)
	}
	if restored, err := h.CheckWitness(t.Context(), w); restored || err != nil {
		t.Fatal(restored, err)
	}
	s := h.begin(attempt("lutz"))
	code, _, _ := h.TemporaryCode(t.Context(), root, "lutz", time.Hour, 1)
	w.Seq += 5
	if restored, err := h.CheckWitness(t.Context(), w); !restored || err != nil {
		t.Fatal(restored, err)
	}
	want(t, h.answer(attempt("lutz"), s.Token, h.solve(s.Prompt)), Reject, ForgedToken)
	h.restart()
	again := h.begin(attempt("lutz"))
	if again.Prompt == s.Prompt {
		t.Error("the open challenge of before is asked again")
	}
	if got := h.answer(attempt("lutz"), again.Token, code.Reveal()); got.Kind != Reject {
		t.Error("a code of before opens")
	}
	want(t, h.login(attempt("lutz")), Accept, Right)
}

func TestAuditChain(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	h.login(attempt("lutz"))
	v, err := h.VerifyAudit(t.Context())
	if err != nil || v.Broken != 0 || v.Records < 9 {
		t.Fatalf("%+v, %v", v, err)
	}
}

func TestGuessesAtOnceCostTheirCount(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	s := h.begin(attempt("lutz"))
	done := make(chan Step)
	for range 50 {
		go func() {
			got, err := h.Answer(context.Background(), Reply{Attempt: attempt("lutz"), Token: s.Token, Text: secret.New("zzzz")})
			if err != nil {
				got.Text = err.Error()
			}
			done <- got
		}()
	}
	reasons := map[Reason]int{}
	for range 50 {
		reasons[(<-done).Reason]++
	}
	// Three are compared; the pair's lock meets 17 more, the user's the rest or the source's.
	if reasons[WrongAnswer] != 3 || reasons[""] != 0 {
		t.Errorf("%v", reasons)
	}
	if info, _ := h.User(t.Context(), "lutz"); info.Wrong != 50 {
		t.Errorf("%d counted of 50", info.Wrong)
	}
}
