package core

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

var helper = Actor{Name: "helga", UID: 1001, Role: RoleHelpdesk}

func (h *house) ask(name string) CallerCheck {
	h.t.Helper()
	check, err := h.AskCaller(h.t.Context(), helper, name)
	if err != nil {
		h.t.Fatal(err)
	}
	return check
}

func (h *house) judge(check CallerCheck, text string) bool {
	h.t.Helper()
	right, err := h.JudgeCaller(h.t.Context(), helper, check.Name, check.ID, secret.New(text))
	if err != nil {
		h.t.Fatal(err)
	}
	return right
}

func (h *house) exposures(name string) (sum float64) {
	h.t.Helper()
	info, err := h.User(h.t.Context(), name)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, a := range info.Answers {
		sum += a.Exposure
	}
	return sum
}

func TestVerifyCaller(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	login := h.begin(attempt("lutz"))
	check := h.ask("lutz")
	if check.Prompt == login.Prompt || !strings.HasPrefix(check.Prompt, "PINphrase: ") || check.Characters != 4 || check.Language != "de" {
		t.Fatalf("%+v beside %q", check, login.Prompt)
	}
	if e := h.audited(); e.Event != "user.verify" || e.Result != "asked" || e.Actor != "helga" || e.User != "lutz" || !strings.Contains(e.Detail, check.Question) {
		t.Errorf("%+v", e)
	}
	// It stays: over calls, restarts, logins that are answered, and wrong answers.
	h.restart()
	for range 3 {
		want(t, h.login(attempt("lutz")), Accept, Right)
	}
	if again := h.ask("lutz"); again.ID != check.ID || again.Prompt != check.Prompt {
		t.Fatalf("another question: %q, then %q", check.Prompt, again.Prompt)
	}
	login = h.begin(attempt("lutz"))
	if h.exposures("lutz") <= 0 {
		t.Fatal("a login shows nothing")
	}
	seen := h.exposures("lutz")
	if h.judge(check, "XXXX") {
		t.Fatal("wrong letters are right")
	}
	if h.exposures("lutz") <= seen {
		t.Error("what was said on the telephone does not count as seen")
	}
	if e := h.audited(); e.Event != "user.verify" || e.Result != "wrong" || e.Reason != WrongAnswer || e.Actor != "helga" {
		t.Errorf("%+v", e)
	}
	if info, _ := h.User(t.Context(), "lutz"); info.Wrong != 1 {
		t.Errorf("%d wrong tries are counted", info.Wrong)
	}
	if again := h.ask("lutz"); again.ID != check.ID {
		t.Error("a wrong answer draws another question")
	}
	letters := h.solve(check.Prompt)
	if !h.judge(check, strings.ToLower(letters)) {
		t.Fatal("right letters are wrong")
	}
	if e := h.audited(); e.Result != "right" || e.Reason != Right {
		t.Errorf("%+v", e)
	}
	// A right answer is good once.
	if _, err := h.JudgeCaller(t.Context(), helper, "lutz", check.ID, secret.New(letters)); !isProblem(err) {
		t.Errorf("once more: %v", err)
	}
	next := h.ask("lutz")
	if next.ID == check.ID || next.Prompt == check.Prompt {
		t.Error("the same question again")
	}
	if _, err := h.JudgeCaller(t.Context(), helper, "lutz", next.ID, secret.New(letters)); !isProblem(err) && h.solve(next.Prompt) != letters {
		t.Errorf("the answer to the question before: %v", err)
	}
	// The login that was open through all this still is, and takes its own letters.
	if after := h.begin(attempt("lutz")); after.Prompt != login.Prompt {
		t.Errorf("the login's question moved from %q to %q", login.Prompt, after.Prompt)
	}
	want(t, h.answer(attempt("lutz"), login.Token, h.solve(login.Prompt)), Accept, Right)
}

// TestVerifyGuesses: three wrong ones, by whatever helpers, and nobody is checked under this name for a while; logins
// from elsewhere go on.
func TestVerifyGuesses(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	h.enrol("anna")
	check := h.ask("lutz")
	for i := range 3 {
		by := Actor{Name: "helper", UID: 2000 + i, Role: RoleHelpdesk}
		if right, err := h.JudgeCaller(t.Context(), by, "lutz", check.ID, secret.New("XXXX")); right || err != nil {
			t.Fatal(right, err)
		}
	}
	letters := secret.New(h.solve(check.Prompt))
	if right, err := h.JudgeCaller(t.Context(), helper, "lutz", check.ID, letters); right || !isProblem(err) {
		t.Errorf("a fourth try: %v, %v", right, err)
	}
	if _, err := h.AskCaller(t.Context(), helper, "lutz"); !isProblem(err) {
		t.Errorf("asked once more: %v", err)
	}
	h.ask("anna")
	want(t, h.login(attempt("lutz")), Accept, Right)
	h.restart() // the count is on the disk
	if _, err := h.AskCaller(t.Context(), helper, "lutz"); !isProblem(err) {
		t.Errorf("after a restart: %v", err)
	}
	h.now = h.now.Add(16 * time.Minute)
	if again := h.ask("lutz"); again.ID != check.ID {
		t.Error("waiting draws another question")
	}
	if right, err := h.JudgeCaller(t.Context(), helper, "lutz", check.ID, letters); !right || err != nil {
		t.Errorf("after the time: %v, %v", right, err)
	}
	// Somebody who is locked out at logins calls, and can be checked.
	if err := h.LockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	if again := h.ask("lutz"); len(again.Locks) != 1 {
		t.Errorf("%+v", again.Locks)
	}
}

func TestVerifyRefusals(t *testing.T) {
	h := newHouse(t)
	if _, err := h.AskCaller(t.Context(), helper, "nobody"); !isProblem(err) {
		t.Errorf("nobody: %v", err)
	}
	if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: "new"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AskCaller(t.Context(), helper, "new"); !isProblem(err) {
		t.Errorf("without answers: %v", err)
	}
	h.enrol("lutz")
	check := h.ask("lutz")
	if _, err := h.JudgeCaller(t.Context(), helper, "lutz", "0000000000000000", secret.New("XXXX")); !isProblem(err) {
		t.Errorf("another question's number: %v", err)
	}
	if info, _ := h.User(t.Context(), "lutz"); info.Wrong != 0 {
		t.Error("what was not compared is counted")
	}
	// An answer that was replaced takes its question with it.
	if _, err := h.SetAnswer(t.Context(), root, "lutz", check.Question, secret.New("Quellwolkenhaufen")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.JudgeCaller(t.Context(), helper, "lutz", check.ID, secret.New("XXXX")); !isProblem(err) {
		t.Errorf("a question of an old answer: %v", err)
	}
	if err := h.EnableUser(t.Context(), root, "lutz", false); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AskCaller(context.Background(), helper, "lutz"); !isProblem(err) {
		t.Errorf("disabled: %v", err)
	}
}
