package core

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
)

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
