package core

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
)

// newPairHouse has a policy that shows pairs, beside those of newPhoneHouse.
func newPairHouse(t *testing.T) *house {
	h := newPhoneHouse(t)
	set := h.set
	set.Policies["pair"] = Policy{First: FirstPassword, Second: []Method{MethodApp}, Realm: "default", Symbols: SymbolsPair}
	h.Core = h.With(set)
	return h
}

func byPair() Attempt {
	a := byPhone()
	a.Policy = "pair"
	return a
}

// pairOf reads a prompt as a person does.
func pairOf(t *testing.T, prompt string) (first, second mobile.Symbol) {
	t.Helper()
	rest, ok := strings.CutPrefix(prompt, "Symbole: ")
	names, _, _ := strings.Cut(rest, ".")
	for _, one := range mobile.Symbols() {
		for _, two := range mobile.Symbols() {
			if names == fmt.Sprintf("%s, %s %s %s", one.Upper(language.German), two.Upper(language.German), one.Glyph(), two.Glyph()) && one != two {
				return one, two
			}
		}
	}
	t.Fatalf("no pair in %q (%v)", prompt, ok)
	return "", ""
}

// openPairs is what a phone does that knows pairs.
func (p *testPhone) openPairs() (o opening, code DeviceCode) {
	p.h.t.Helper()
	e, code := p.evaluate("unlock")
	if code != "" {
		return o, code
	}
	return o, p.call("open", map[string]any{
		"evaluation": e.Evaluation, "signature": p.sign(mobile.Open(p.id, e.Evaluation, e.Nonce)), "pair": true,
	}, &o)
}

func TestPair(t *testing.T) {
	h := newPairHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPair())
	first, second := pairOf(t, s.Prompt)
	again := h.answerWaiting(byPair(), s.Token, 0)
	if one, two := pairOf(t, strings.Replace(again.Prompt, ". Noch", ". ", 1)); one != first || two != second || again.Prompt == s.Prompt || len(again.Prompt) > 250 {
		t.Fatalf("still waiting: %q", again.Prompt)
	}
	ascii := byPair()
	ascii.ASCII = true
	if prompt := h.begin(ascii).Prompt; !strings.HasPrefix(prompt, "Symbole: ") || strings.ContainsFunc(prompt, func(r rune) bool { return r > 126 }) {
		t.Errorf("in ASCII: %q", prompt)
	}
	o, code := p.openPairs()
	if code != "" || len(o.Symbols) != mobile.GridSize {
		t.Fatal(code, o)
	}
	for _, symbol := range []mobile.Symbol{
		first, second, mobile.Pair(first, first), mobile.Pair(first, "code"), mobile.Pair(mobile.Pair(first, second), first), mobile.Pair(first, second) + ",", "," + first, "",
	} {
		// What could not be right is no guess.
		if code := p.approve(o, symbol); code != CodeBadRequest {
			t.Errorf("%q: %q", symbol, code)
		}
	}
	if code := p.approve(o, mobile.Pair(first, second)); code != "" {
		t.Fatal(code)
	}
	want(t, h.answerWaiting(byPair(), again.Token, time.Minute), Accept, RightApproval)
}

func TestAttackThePairInTheOtherOrder(t *testing.T) {
	h := newPairHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPair())
	first, second := pairOf(t, s.Prompt)
	o, _ := p.openPairs()
	if code := p.approve(o, mobile.Pair(second, first)); code != CodeWrongSymbol {
		t.Fatalf("swapped: %q", code)
	}
	want(t, h.answerWaiting(byPair(), s.Token, 0), Reject, WrongSymbol)
	if info, _ := h.User(t.Context(), "lutz"); info.Wrong != 1 {
		t.Errorf("%d counted", info.Wrong)
	}
}

// The signature covers both, and their order: one over the pair is none over another pick.
func TestAttackASignatureOverAnotherPick(t *testing.T) {
	h := newPairHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPair())
	first, second := pairOf(t, s.Prompt)
	right := mobile.Pair(first, second)
	o, _ := p.openPairs()
	for _, signed := range []mobile.Symbol{mobile.Pair(second, first), first, second, first + second, "code", ""} {
		code := p.call("approve", map[string]any{
			"nonce": o.Nonce, "symbol": right, "signature": p.sign(mobile.Approve(p.id, o.Nonce, signed, [32]byte(o.Displayed))),
		}, nil)
		if code != CodeBadSignature {
			t.Errorf("signed %q, picked %q: %q", signed, right, code)
		}
	}
	if code := p.approve(o, right); code != "" {
		t.Error(code)
	}
}

// A phone that knows no pairs would ask for one symbol, which could only be wrong: it is told so, and the PIN's try is refunded.
func TestAnOldPhoneIsToldSo(t *testing.T) {
	h := newPairHouse(t)
	p := h.newPhone("lutz", true)
	s := h.begin(byPair())
	for range 6 {
		if _, code := p.open(); code != CodeAppOutdated {
			t.Fatalf("%q", code)
		}
	}
	if infos, _ := h.Devices(t.Context(), "lutz"); infos[0].Life != 0 || infos[0].State != "active" {
		t.Errorf("%+v", infos)
	}
	first, second := pairOf(t, s.Prompt)
	o, _ := p.openPairs()
	if code := p.approve(o, mobile.Pair(first, second)); code != "" {
		t.Error(code)
	}
}

// TestPairAndSymbolBesideEachOther: two policies, two logins; no symbol stands in both, and the pick chooses.
func TestPairAndSymbolBesideEachOther(t *testing.T) {
	for range 8 {
		h := newPairHouse(t)
		p := h.newPhone("lutz", true)
		one, two := h.begin(byPhone()), h.begin(byPair())
		symbol := symbolOf(t, one.Prompt)
		first, second := pairOf(t, two.Prompt)
		if symbol == first || symbol == second {
			t.Fatal("a symbol stands at both logins")
		}
		o, _ := p.openPairs()
		if code := p.approve(o, symbol); code != "" {
			t.Fatal(code)
		}
		want(t, h.answerWaiting(byPhone(), one.Token, time.Minute), Accept, RightApproval)
		want(t, h.answerWaiting(byPair(), two.Token, 0), Reject, PendingEnded)
	}
}

// A login that began where pairs are shown is not ended under a policy that shows one symbol.
func TestPairIsPartOfThePolicy(t *testing.T) {
	h := newPairHouse(t)
	h.newPhone("lutz", true)
	s := h.begin(byPair())
	set := h.set
	set.Policies["pair"] = Policy{First: FirstPassword, Second: []Method{MethodApp}, Realm: "default"}
	h.Core = h.With(set)
	want(t, h.answerWaiting(byPair(), s.Token, 0), Reject, StaleToken)
}

// Where nobody checks the password here, who has no phone sees a pair as well, and the same one until it ends.
func TestADecoyShowsAPair(t *testing.T) {
	h := newPairHouse(t)
	set := h.set
	set.Policies["checked"] = Policy{First: FirstNone, Second: []Method{MethodApp}, Realm: "default", Symbols: SymbolsPair}
	h.Core = h.With(set)
	a := attempt("nobody")
	a.Policy, a.Language, a.PasswordChecked = "checked", "de", true
	s := h.begin(a)
	again := h.answerWaiting(a, s.Token, 0)
	first, _, _ := strings.Cut(s.Prompt, ".")
	if next, _, _ := strings.Cut(again.Prompt, "."); !strings.HasPrefix(first, "Symbol") || !strings.Contains(first, ", ") || next != first || s.Prompt == again.Prompt {
		t.Errorf("%q, then %q", s.Prompt, again.Prompt)
	}
}
