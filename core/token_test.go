package core

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/store/memory"
)

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
				if _, err := h.SetAnswer(t.Context(), root, "lutz", q.ID, secret.New("Rumpelstilzchen"+q.ID)); err != nil {
					t.Fatal(err)
				}
			}
		}
		want(t, h.answer(attempt("lutz"), s.Token, h.solve(s.Prompt)), Accept, Right)
	})
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
