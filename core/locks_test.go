package core

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

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
