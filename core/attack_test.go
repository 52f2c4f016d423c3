package core

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
)

// Attacks on a login that must be refused, one a test.

// TestAttackNothingIsShownBeforeThePassword: question and method stay hidden from who does not know the
// first factor, and a known name sounds like an unknown one.
func TestAttackNothingIsShownBeforeThePassword(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	heard := map[string]bool{}
	for _, name := range []string{"lutz", "nobody"} {
		a := attempt(name)
		a.Password = secret.New("wrong-password")
		s := h.begin(a)
		if s.Kind != Reject || s.Prompt != "" || s.Token != "" {
			t.Errorf("%s: %+v", name, s)
		}
		heard[strings.TrimSuffix(s.Text, s.Reference)] = true
	}
	if len(heard) != 1 {
		t.Errorf("told apart: %v", heard)
	}
}

// TestAttackAWeakerPolicyGivesNoTokenForAStrongerOne: a challenge that was begun where the gateway
// checks the password does not open a door where Latchkey does, nor one of another realm.
func TestAttackAWeakerPolicyGivesNoTokenForAStrongerOne(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	bare := attempt("lutz")
	bare.Policy = "bare"
	s := h.begin(bare)
	letters := h.solve(s.Prompt)
	for _, policy := range []string{"vpn", "lab", "soft"} {
		a := attempt("lutz")
		a.Policy = policy
		want(t, h.answer(a, s.Token, letters), Reject, StaleToken)
	}
	want(t, h.answer(bare, s.Token, letters), Accept, Right)
}

// TestAttackTwoWindowsOneAccept: the answer that an observer types into his own attempt, begun before,
// is refused once the owner's was taken.
func TestAttackTwoWindowsOneAccept(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	thief := attempt("lutz")
	thief.Source.Value = "198.51.100.66"
	waiting := h.begin(thief)
	s := h.begin(attempt("lutz"))
	letters := h.solve(s.Prompt)
	want(t, h.answer(attempt("lutz"), s.Token, letters), Accept, Right)
	want(t, h.answer(thief, waiting.Token, letters), Reject, Replayed)
}

// TestAttackOneAnswerAtOnceGivesOneAccept: fifty packets with one right answer race.
func TestAttackOneAnswerAtOnceGivesOneAccept(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	s := h.begin(attempt("lutz"))
	reply := Reply{Attempt: attempt("lutz"), Token: s.Token, Text: secret.New(h.solve(s.Prompt))}
	kinds := make(chan StepKind)
	for range 50 {
		go func() {
			got, _ := h.Answer(t.Context(), reply)
			kinds <- got.Kind
		}()
	}
	accepts := 0
	for range 50 {
		if <-kinds == Accept {
			accepts++
		}
	}
	if accepts != 1 {
		t.Errorf("%d Accepts for one answer", accepts)
	}
}

// TestAttackTheLastUseOfACodeIsOne: the same with a temporary code.
func TestAttackTheLastUseOfACodeIsOne(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	code, _, err := h.TemporaryCode(t.Context(), root, "lutz", time.Hour, 1)
	if err != nil {
		t.Fatal(err)
	}
	s := h.begin(attempt("lutz"))
	kinds := make(chan StepKind)
	for range 20 {
		go func() {
			got, _ := h.Answer(t.Context(), Reply{Attempt: attempt("lutz"), Token: s.Token, Text: code})
			kinds <- got.Kind
		}()
	}
	accepts := 0
	for range 20 {
		if <-kinds == Accept {
			accepts++
		}
	}
	if accepts != 1 {
		t.Errorf("%d Accepts for one use", accepts)
	}
}

// TestAttackTheOwnersLoginsDoNotRefillTheUserCount: a guesser who waits for them gets no more tries.
func TestAttackTheOwnersLoginsDoNotRefillTheUserCount(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	for i := range 20 {
		a := attempt("lutz")
		a.Source.Value = fmt.Sprintf("198.51.100.%d", i)
		a.Password = secret.New("guess-guess")
		h.begin(a)
		want(t, h.login(attempt("lutz")), Accept, Right)
	}
	guesser := attempt("lutz")
	guesser.Source.Value = "198.51.100.200"
	want(t, h.begin(guesser), Reject, LockedUser)
}

// TestAttackSourcesOfOneNetworkAreOne: the addresses of an IPv6 /64 are one source.
func TestAttackSourcesOfOneNetworkAreOne(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	a := attempt("lutz")
	a.Password = secret.New("guess-guess")
	for i := range 3 {
		a.Source.Value = fmt.Sprintf("2001:db8::%x", i+1)
		want(t, h.begin(a), Reject, WrongPassword)
	}
	a.Source.Value = "2001:db8::ffff"
	want(t, h.begin(a), Reject, LockedPair)
	a.Source.Value = "2001:db8:0:1::1"
	want(t, h.begin(a), Reject, WrongPassword)
}

// TestAttackManySourcesDoNotGrowARecord, nor push out the sources from which the owner came in.
func TestAttackManySourcesDoNotGrowARecord(t *testing.T) {
	var c countRecord
	now, locks := time.UnixMilli(1_700_000_000_000), settings().Locks
	home := Source{SourcePerson, "192.0.2.7"}
	c.right(now, home)
	for i := range 10_000 {
		c.wrong(now.Add(time.Duration(i)*time.Second), locks, Source{SourcePerson, fmt.Sprintf("2001:db8:%x::1", i)}, false)
	}
	if len(c.Pairs) > maxPairs {
		t.Errorf("%d pairs", len(c.Pairs))
	}
	if lock := c.locked(now.Add(10_000*time.Second), locks, home); lock != "" {
		t.Errorf("the owner's source is refused: %s", lock)
	}
}

// TestAttackASuccessThroughAGatewayVouchesForNobody: behind a NAS that names no addresses everybody is
// one source; a login of the owner there opens nothing while the user count is over its limit.
func TestAttackASuccessThroughAGatewayVouchesForNobody(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	gate := attempt("lutz")
	gate.Source = Source{SourceNAS, "vpn"}
	want(t, h.login(gate), Accept, Right)
	for i := range 20 {
		a := attempt("lutz")
		a.Source.Value = fmt.Sprintf("198.51.100.%d", i)
		a.Password = secret.New("guess-guess")
		h.begin(a)
	}
	want(t, h.begin(gate), Reject, LockedUser)
}

// TestAttackALockForGoodNeedsTheFirstFactor: who does not know the password cannot lock for good, and an
// admin's unlock ends it.
func TestAttackALockForGoodNeedsTheFirstFactor(t *testing.T) {
	h := newHouse(t, func(s *Settings) {
		s.Locks = Locks{PermanentlyAfter: 3}
	})
	h.enrol("lutz")
	a := attempt("lutz")
	a.Password = secret.New("guess-guess")
	for range 10 {
		want(t, h.begin(a), Reject, WrongPassword)
	}
	bare := attempt("lutz")
	bare.Policy = "bare"
	s := h.begin(bare)
	for range 10 {
		want(t, h.answer(bare, s.Token, "zzzz"), Reject, WrongAnswer)
	}
	s = h.begin(attempt("lutz"))
	for range 3 {
		want(t, h.answer(attempt("lutz"), s.Token, "zzzz"), Reject, WrongAnswer)
	}
	want(t, h.begin(attempt("lutz")), Reject, LockedForGood)
	if err := h.UnlockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	want(t, h.login(attempt("lutz")), Accept, Right)
}

// TestAttackALockedUserSoundsLikeAWrongAnswer, also where the answer is right.
func TestAttackALockedUserSoundsLikeAWrongAnswer(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	s := h.begin(attempt("lutz"))
	letters := h.solve(s.Prompt)
	var wrong Step
	for range 3 {
		wrong = h.answer(attempt("lutz"), s.Token, "zzzz")
	}
	locked := h.answer(attempt("lutz"), s.Token, letters)
	want(t, locked, Reject, LockedPair)
	if strings.TrimSuffix(locked.Text, locked.Reference) != strings.TrimSuffix(wrong.Text, wrong.Reference) {
		t.Errorf("%q, %q", locked.Text, wrong.Text)
	}
	h.now = h.now.Add(16 * time.Minute)
	if again := h.begin(attempt("lutz")); again.Prompt != s.Prompt {
		t.Error("a right answer during the lock used the challenge up")
	}
}

// TestAttackABeginWritesNothing: a flood of first packets with the right password fills no store.
func TestAttackABeginWritesNothing(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	before, _, _ := h.Core.store.JournalHead(t.Context())
	for range 100 {
		if s := h.begin(attempt("lutz")); s.Kind != Challenge {
			t.Fatal(s)
		}
	}
	if after, _, _ := h.Core.store.JournalHead(t.Context()); after != before {
		t.Errorf("%d audit records of challenges shown", after-before)
	}
}

// TestAttackAnAnswerIsNotRenewedByTypingItAnew: else its used positions would be asked again.
func TestAttackAnAnswerIsNotRenewedByTypingItAnew(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	want(t, h.login(attempt("lutz")), Accept, Right)
	for _, same := range []string{"Tegernsee", "TEGERNSEE", "tegern-see", " Tegern see "} {
		if _, err := h.SetAnswer(t.Context(), root, "lutz", "first_holiday", secret.New(same)); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", same, err)
		}
	}
}

// TestAttackNoSetComesBackWithAnOldAnswer: an answer that was replaced or removed, and is given again,
// goes on where it was.
func TestAttackNoSetComesBackWithAnOldAnswer(t *testing.T) {
	h := newHouse(t, func(s *Settings) {
		s.PINphrase.MinimumAnswers, s.PINphrase.ExposureStop, s.PINphrase.ExposureWarn = 1, 0, 0
	})
	if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: "lutz"}); err != nil {
		t.Fatal(err)
	}
	_ = h.SetPassword(t.Context(), root, "lutz", secret.New("latchkey-demo"))
	give := func(text string) {
		if _, err := h.SetAnswer(t.Context(), root, "lutz", "first_holiday", secret.New(text)); err != nil {
			t.Fatal(err)
		}
	}
	give("Tegernsee")
	asked := map[string]bool{}
	for i := range 16 {
		s := h.begin(attempt("lutz"))
		if asked[s.Prompt] {
			t.Fatalf("login %d asks again: %s", i, s.Prompt)
		}
		asked[s.Prompt] = true
		want(t, h.answer(attempt("lutz"), s.Token, h.solve(s.Prompt)), Accept, Right)
		switch i % 4 {
		case 1:
			give("Garmisch-Partenkirchen")
			give("Tegernsee")
		case 3:
			if err := h.RemoveAnswer(t.Context(), root, "lutz", "first_holiday"); err != nil {
				t.Fatal(err)
			}
			give("Tegernsee")
		}
	}
}

// TestAttackOtherSettingsAreNoRedraw: more positions and back again show no third challenge.
func TestAttackOtherSettingsAreNoRedraw(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	want(t, h.login(attempt("lutz")), Accept, Right)
	shown := map[string]bool{}
	for i := range 6 {
		h.set.PINphrase.Positions = 3 + i%2
		h.restart()
		shown[h.begin(attempt("lutz")).Prompt] = true
	}
	if len(shown) != 2 {
		t.Errorf("%d challenges for two settings", len(shown))
	}
}

// TestAttackTheCodeWordIsNotRedrawn, and guesses at it are counted.
func TestAttackTheCodeWordIsNotRedrawn(t *testing.T) {
	h := newHouse(t)
	if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: "neu"}); err != nil {
		t.Fatal(err)
	}
	_ = h.SetPassword(t.Context(), root, "neu", secret.New("latchkey-demo"))
	s := h.begin(attempt("neu"))
	for range 3 {
		want(t, h.answer(attempt("neu"), s.Token, "zzzz"), Reject, WrongAnswer)
	}
	want(t, h.begin(attempt("neu")), Reject, LockedPair)
	h.now = h.now.Add(time.Hour)
	h.restart()
	if again := h.begin(attempt("neu")); again.Prompt != s.Prompt {
		t.Errorf("%q became %q", s.Prompt, again.Prompt)
	}
}

// TestAttackAnOldCodeWordIsDead once a new one was made.
func TestAttackAnOldCodeWordIsDead(t *testing.T) {
	h := newHouse(t)
	_, old, err := h.AddUser(t.Context(), root, NewUser{Name: "neu"})
	if err != nil {
		t.Fatal(err)
	}
	_ = h.SetPassword(t.Context(), root, "neu", secret.New("latchkey-demo"))
	s := h.begin(attempt("neu"))
	h.now = h.now.Add(time.Second)
	if _, _, err := h.NewCodeWord(t.Context(), root, "neu"); err != nil {
		t.Fatal(err)
	}
	answers := map[string]string{pinphrase.CodeWordID: strings.ReplaceAll(old.Reveal(), " ", "")}
	letters := solve(t, []pinphrase.Question{pinphrase.CodeWordQuestion()}, s.Prompt, answers)
	if got := h.answer(attempt("neu"), s.Token, letters); got.Kind != Reject {
		t.Errorf("%+v", got)
	}
}

// TestAttackTheNameIsSomebodyElsesNow: a token of a removed user does not open the account of who got
// the name next.
func TestAttackTheNameIsSomebodyElsesNow(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	s := h.begin(attempt("lutz"))
	letters := h.solve(s.Prompt)
	if err := h.RemoveUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	want(t, h.answer(attempt("lutz"), s.Token, letters), Reject, ForeignToken)
	h.enrol("lutz")
	want(t, h.answer(attempt("lutz"), s.Token, letters), Reject, ForeignToken)
}

// TestAttackAClockSetBackReopensNothing: neither tokens nor codes.
func TestAttackAClockSetBackReopensNothing(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	code, _, _ := h.TemporaryCode(t.Context(), root, "lutz", time.Hour, 1)
	s := h.begin(attempt("lutz"))
	h.now = h.now.Add(2 * time.Hour)
	if err := h.KeepTime(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(-2 * time.Hour)
	h.restart()
	want(t, h.answer(attempt("lutz"), s.Token, h.solve(s.Prompt)), Reject, StaleToken)
	next := h.begin(attempt("lutz"))
	if got := h.answer(attempt("lutz"), next.Token, code.Reveal()); got.Kind != Reject {
		t.Errorf("%+v", got)
	}
}

// TestAttackHostileReplies: whatever is typed, the end is a reject that repeats nothing of it.
func TestAttackHostileReplies(t *testing.T) {
	h := newHouse(t, func(s *Settings) { s.Locks = Locks{} })
	h.enrol("lutz")
	s := h.begin(attempt("lutz"))
	for _, text := range []string{
		"", " ", "\x00", "\xff\xfe\xfd", strings.Repeat("a", 1<<16), strings.Repeat("e\u0301", 500), "a\nb\nc\nd",
		"e" + strings.Repeat("\u0301", 5000), "\u202e\u200d\u200d\u200d", "ＳＥＣＲ", strings.Repeat("\U0001F468\u200d", 300),
	} {
		got := h.answer(attempt("lutz"), s.Token, text)
		if got.Kind != Reject {
			t.Errorf("%q: %+v", text[:min(len(text), 12)], got)
		}
		if e := fmt.Sprintf("%+v", h.audited()); text != "" && text != " " && strings.Contains(e, text) {
			t.Errorf("typed text in the audit log: %s", e)
		}
	}
	if again := h.begin(attempt("lutz")); again.Prompt != s.Prompt {
		t.Error("redrawn")
	}
}

// TestAttackTheAuditLogHoldsNoLetters: of password, answers, letters typed, code word and code nothing
// stands in any record.
func TestAttackTheAuditLogHoldsNoLetters(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	code, _, _ := h.TemporaryCode(t.Context(), root, "lutz", time.Hour, 1)
	word, _, _ := h.NewCodeWord(t.Context(), root, "lutz")
	s := h.begin(attempt("lutz"))
	h.answer(attempt("lutz"), s.Token, "QXJW")
	h.login(attempt("lutz"))
	s = h.begin(attempt("lutz"))
	h.answer(attempt("lutz"), s.Token, code.Reveal())
	secrets := []string{"latchkey-demo", "QXJW", code.Reveal(), word.Reveal()}
	for _, a := range seed {
		secrets = append(secrets, a)
	}
	err := h.Audit(t.Context(), AuditFilter{}, func(e AuditEntry) bool {
		for _, s := range secrets {
			if strings.Contains(fmt.Sprintf("%+v", e), s) {
				t.Errorf("%s in %+v", s, e)
			}
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAttackADecoyIsAsLongAsARealChallenge: token and form do not tell, and decoys ask what users are asked.
func TestAttackADecoyIsAsLongAsARealChallenge(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	a := attempt("lutz")
	a.Policy = "bare"
	real := h.begin(a)
	questions := map[string]bool{}
	for i := range 60 {
		a.User = fmt.Sprint("nobody", i)
		s := h.begin(a)
		if len(s.Token) != len(real.Token) || s.Secret != real.Secret || s.Waiting != real.Waiting {
			t.Fatalf("%+v", s)
		}
		for _, q := range h.set.PINphrase.Questions {
			if strings.HasSuffix(s.Prompt, q.Phrase[language.German]+".") {
				questions[q.ID] = true
			}
		}
	}
	if len(questions) < 6 {
		t.Errorf("sixty decoys ask %d questions", len(questions))
	}
}
