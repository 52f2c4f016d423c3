package core

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

func rowsOf(n int, change func(i int, r *ImportRow)) iter.Seq2[ImportRow, error] {
	return func(yield func(ImportRow, error) bool) {
		for i := range n {
			r := ImportRow{Line: i + 2, NewUser: NewUser{Name: fmt.Sprintf("user%04d", i)}, Answers: map[string]secret.Secret{}}
			for q, a := range seed {
				r.Answers[q] = secret.New(a)
			}
			if change != nil {
				change(i, &r)
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (h *house) names() (names []string) {
	h.t.Helper()
	if err := h.Users(h.t.Context(), func(u UserInfo) bool { names = append(names, u.Name); return true }); err != nil {
		h.t.Fatal(err)
	}
	return names
}

func TestImport(t *testing.T) {
	h := newHouse(t)
	words := map[string]bool{}
	last := ImportProgress{}
	taken, bad, err := h.Import(t.Context(), root, rowsOf(1200, func(i int, r *ImportRow) {
		if i%100 == 0 {
			delete(r.Answers, "pet")
		}
		if i == 7 {
			r.Password = secret.New("latchkey-demo")
		}
	}), false, func(p ImportProgress) {
		last = p
		if !p.Done && len(h.names()) != 0 {
			t.Error("a staged user is visible")
		}
	}, func(h Handover) {
		words[h.Name] = len(strings.Fields(h.Word.Reveal())) == 4 && h.Language == "de" && !h.Until.IsZero()
	})
	if err != nil || taken != 1200 || len(bad) != 0 {
		t.Fatal(taken, bad, err)
	}
	if len(words) != 12 || !words["user0100"] {
		t.Errorf("code words: %v", words)
	}
	if last.Rows != 1200 || last.Refused != 0 || !last.Done {
		t.Errorf("progress ended with %+v", last)
	}
	if n := len(h.names()); n != 1200 {
		t.Errorf("%d users", n)
	}
	want(t, h.login(attempt("user0007")), Accept, Right)
	h.restart()
	want(t, h.login(attempt("USER0007")), Accept, Right)
}

func TestImportTakesAllOrNothing(t *testing.T) {
	h := newHouse(t)
	h.enrol("user0003")
	spoil := func(i int, r *ImportRow) {
		switch i {
		case 10:
			r.Name = "user0009"
		case 11:
			r.Answers["pet"] = secret.New("Rex")
		case 12:
			r.Phone = "0171"
		case 13:
			r.Answers["shoe_size"] = secret.New("fortytwo")
		}
	}
	taken, bad, err := h.Import(t.Context(), root, rowsOf(600, spoil), false, nil, nil)
	if taken != 0 || !errors.Is(err, ErrRefused) || len(bad) != 5 {
		t.Fatalf("%d, %v, %v", taken, bad, err)
	}
	for _, b := range bad {
		if strings.Contains(b.Error, "Rex") || b.Line < 2 {
			t.Errorf("%+v", b)
		}
	}
	if n := h.names(); len(n) != 1 {
		t.Fatalf("left: %v", n)
	}
	taken, bad, err = h.Import(t.Context(), root, rowsOf(600, spoil), true, nil, nil)
	if taken != 595 || err != nil || len(bad) != 5 {
		t.Fatalf("%d, %v, %v", taken, bad, err)
	}
	if n := len(h.names()); n != 596 {
		t.Errorf("%d users", n)
	}
}

func TestImportThatIsCutOffLeavesNothing(t *testing.T) {
	h := newHouse(t)
	broken := errors.New("the connection ended")
	cut := func(yield func(ImportRow, error) bool) {
		for r := range rowsOf(700, nil) {
			if !yield(r, nil) {
				return
			}
		}
		yield(ImportRow{}, broken)
	}
	if _, _, err := h.Import(t.Context(), root, cut, false, nil, nil); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	h.left(0)
}

// left counts the rows of names, users and answers in the store, visible or not.
func (h *house) left(want int) {
	h.t.Helper()
	n := 0
	_ = h.Core.store.View(h.t.Context(), func(r store.Reader) error {
		for _, prefix := range []string{"n", "u", "a", "i"} {
			_ = r.Scan([]byte(prefix), nil, func(_, _ []byte) bool { n++; return true })
		}
		return nil
	})
	if n != want {
		h.t.Errorf("%d rows are left, want %d", n, want)
	}
}

// TestImportThatDiesIsSwept: the process ends in the middle; the names are free again at once, and
// the next start sweeps.
func TestImportThatDiesIsSwept(t *testing.T) {
	h := newHouse(t)
	died := false
	func() {
		defer func() { died = recover() != nil }()
		_, _, _ = h.Import(context.Background(), root, func(yield func(ImportRow, error) bool) {
			for r := range rowsOf(600, nil) {
				yield(r, nil)
			}
			h.Core.store.Close() // so that the deferred sweep fails, as it does in a dead process
			panic("kill -9")
		}, false, nil, nil)
	}()
	if !died {
		t.Fatal("it lived")
	}
	h.open()
	if n := h.names(); len(n) != 0 {
		t.Fatalf("%d staged users are visible", len(n))
	}
	h.enrol("user0001") // its name is free
	if err := h.SweepImports(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.left(3)
	want(t, h.login(attempt("user0001")), Accept, Right)
}

func TestANameThatIsBeingImportedIsTaken(t *testing.T) {
	h := newHouse(t)
	_, _, err := h.Import(t.Context(), root, rowsOf(600, nil), false, func(p ImportProgress) {
		if p.Rows == 500 {
			if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: "user0001"}); !errors.Is(err, ErrUserExists) {
				t.Errorf("added in the middle: %v", err)
			}
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}
