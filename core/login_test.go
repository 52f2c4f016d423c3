package core

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

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
