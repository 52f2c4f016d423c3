package core

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// hooked runs after once, after the first View.
type hooked struct {
	store.Store
	mu   sync.Mutex
	hook func()
}

func (s *hooked) View(ctx context.Context, fn func(store.Reader) error) error {
	err := s.Store.View(ctx, fn)
	s.mu.Lock()
	h := s.hook
	s.hook = nil
	s.mu.Unlock()
	if h != nil {
		h()
	}
	return err
}

// right password guess in flight passes a lock set meanwhile.
func TestAGuessInFlightMeetsTheLock(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	s := &hooked{Store: h.state.store}
	h.state.store = s
	wrong := attempt("lutz")
	wrong.Password = secret.New("guess-guess")
	s.hook = func() {
		for range 3 {
			want(t, h.begin(wrong), Reject, WrongPassword)
		}
	}
	want(t, h.begin(attempt("lutz")), Reject, LockedPair)
}

// a compared wrong password is not counted when the NAS reaches its limit meanwhile.
func TestWhatWasComparedIsCounted(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	s := &hooked{Store: h.state.store}
	h.state.store = s
	gate := attempt("lutz")
	gate.Source = Source{SourceNAS, "vpn"}
	gate.Password = secret.New("guess-guess")
	h.begin(gate) // 1 wrong
	s.hook = func() {
		for i := range 30 {
			a := gate
			a.User = fmt.Sprint("noone", i)
			h.begin(a)
		}
	}
	got := h.begin(gate)
	if info, _ := h.User(t.Context(), "lutz"); info.Wrong != 2 {
		t.Errorf("%s: %d counted of 2 compared", got.Reason, info.Wrong)
	}
}

// two imports at one time have one number; the second, failing, sweeps the first's users.
func TestTwoImportsAtOneTime(t *testing.T) {
	h := newHouse(t)
	if _, _, err := h.Import(t.Context(), root, rowsOf(3, nil), false, nil, nil); err != nil {
		t.Fatal(err)
	}
	_, _, err := h.Import(t.Context(), root, rowsOf(3, func(i int, r *ImportRow) { r.Name = "a\nb" }), false, nil, nil)
	t.Log(err)
	if n := len(h.names()); n != 3 {
		t.Errorf("%d users left of 3", n)
	}
}

// language of the reject tells users from unknown names.
func TestARejectSpeaksNoUsersLanguage(t *testing.T) {
	h := newHouse(t)
	h.enrol("anna")
	en := "en"
	_, _ = h.ChangeUser(t.Context(), root, "anna", UserChange{Language: &en})
	a := attempt("anna")
	a.Password = secret.New("guess-guess")
	b := a
	b.User = "nobody"
	x, y := h.begin(a), h.begin(b)
	if strings.TrimSuffix(x.Text, x.Reference) != strings.TrimSuffix(y.Text, y.Reference) {
		t.Errorf("%q, %q", x.Text, y.Text)
	}
}

// decoy shows code word under first none.
func TestNoCodeWordUnderFirstNone(t *testing.T) {
	h := newHouse(t)
	_, _, _ = h.AddUser(t.Context(), root, NewUser{Name: "neu"})
	a := attempt("neu")
	a.Policy = "bare"
	if s := h.begin(a); strings.Contains(s.Prompt, "Codewort") {
		t.Errorf("%q", s.Prompt)
	}
	h.now = h.now.Add(80 * time.Hour)
	if _, _, err := h.TemporaryCode(t.Context(), root, "neu", time.Hour, 1); err != nil {
		t.Fatal(err)
	}
	if s := h.begin(a); !strings.Contains(s.Prompt, "wählen") {
		t.Errorf("%q", s.Prompt)
	}
}

// decoys change at a restart, with the population.
func TestDecoysStayOverARestart(t *testing.T) {
	h := newHouse(t)
	for i := range 60 {
		lang := []string{"de", "en"}[i%2]
		_, _, _ = h.AddUser(t.Context(), root, NewUser{Name: fmt.Sprint("u", i), Language: lang})
	}
	h.restart()
	ask := func() (out []string) {
		for i := range 100 {
			a := attempt(fmt.Sprint("nobody", i))
			a.Policy = "bare"
			out = append(out, h.begin(a).Prompt)
		}
		return
	}
	before := ask()
	for i := range 10 {
		_, _, _ = h.AddUser(t.Context(), root, NewUser{Name: fmt.Sprint("v", i), Language: "en"})
	}
	h.restart()
	changed := 0
	for i, p := range ask() {
		if p != before[i] {
			changed++
		}
	}
	if changed > 0 {
		t.Errorf("%d of 100 decoys changed at a restart", changed)
	}
}

// a challenge that was not answered yet changes with another realm's logins.
func TestAnotherRealmsLoginsRedrawNothing(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	lab := attempt("lutz")
	lab.Policy = "lab"
	prompts := map[string]bool{h.begin(lab).Prompt: true}
	for range 20 {
		want(t, h.login(attempt("lutz")), Accept, Right)
		prompts[h.begin(lab).Prompt] = true
	}
	if len(prompts) != 1 {
		t.Errorf("%d challenges seen in lab, none answered", len(prompts))
	}
}

func TestAnAddedAnswerRedrawsNothing(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	s := h.begin(attempt("lutz"))
	for _, q := range h.set.PINphrase.Questions {
		if seed[q.ID] == "" {
			_, _ = h.SetAnswer(t.Context(), root, "lutz", q.ID, secret.New("Rumpelstilzchen"))
			break
		}
	}
	if again := h.begin(attempt("lutz")); again.Prompt != s.Prompt {
		t.Errorf("redrawn %q %q", s.Prompt, again.Prompt)
	}
	want(t, h.answer(attempt("lutz"), s.Token, h.solve(s.Prompt)), Accept, Right)
}

// token of one derived challenge is taken for another (same ID).
func TestAChallengeIDNamesItsQuestion(t *testing.T) {
	clash, moved := 0, 0
	for range 60 {
		h := newHouse(t)
		h.enrol("lutz")
		lab := attempt("lutz")
		lab.Policy = "lab"
		s := h.begin(lab)
		want(t, h.login(attempt("lutz")), Accept, Right)
		if h.begin(lab).Prompt == s.Prompt {
			continue
		}
		moved++
		if got := h.answer(lab, s.Token, h.solve(s.Prompt)); got.Reason == WrongAnswer {
			clash++
		}
	}
	if clash > 0 {
		t.Errorf("%d of %d honest answers to a moved challenge were counted as wrong", clash, moved)
	}
}

// unknown first kind is taken as checked.
func TestAnUnknownFirstFactorIsNoneChecked(t *testing.T) {
	h := newHouse(t, func(s *Settings) {
		s.CodeWords.OpensLogin = false
		s.Policies["odd"] = Policy{First: "ldap", Second: []Method{MethodPINphrase}, Realm: "default", Unenrolled: UnenrolledAllow}
	})
	_, _, _ = h.AddUser(t.Context(), root, NewUser{Name: "neu"})
	a := attempt("neu")
	a.Policy, a.Password = "odd", secret.Secret{}
	if s := h.begin(a); s.Kind == Accept {
		t.Error("let in without any factor")
	}
}

// raising the minimum lets enrolled users pass with the password alone.
func TestUnenrolledAllowIsForNewcomers(t *testing.T) {
	h := newHouse(t, func(s *Settings) { s.CodeWords.OpensLogin = false })
	h.enrol("lutz")
	a := attempt("lutz")
	a.Policy = "soft"
	want(t, h.login(a), Accept, Right)
	h.set.PINphrase.Questions = h.set.PINphrase.Questions[1:] // a question leaves the pool
	h.restart()
	if s := h.begin(a); s.Kind == Accept {
		t.Errorf("an enrolled user passes without second factor: %s", s.Reason)
	}
}

// NaN in JSON.
func TestExposureIsANumber(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	h.set.PINphrase.Positions = 6
	h.restart()
	info, err := h.User(t.Context(), "lutz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(info); err != nil {
		t.Error(err)
	}
}

// user counter without bound locks for days.
func TestAFloodLocksNotForWeeks(t *testing.T) {
	var c countRecord
	now := time.UnixMilli(1e12)
	l := settings().Locks
	for range 100000 {
		c.wrong(now, l, Source{SourcePerson, "192.0.2.1"}, false)
	}
	if after := now.Add(48 * time.Hour); c.userLocked(after, l) {
		t.Errorf("still locked after two days: %v", c.decayed(after, l.UserHalves))
	}
}

// state record over the limit.
func TestTheStateRecordIsBounded(t *testing.T) {
	const N = 16000
	h := newHouse(t)
	h.enrol("lutz")
	long := "Donaudampfschifffahrtsgesellschaftskapitaenswitwe"
	if _, err := h.SetAnswer(t.Context(), root, "lutz", "birthplace", secret.New(long)); err != nil {
		t.Fatal(err)
	}
	h.login2(t, long)
	var st stateRecord
	var who subject
	_ = h.store.View(t.Context(), func(r store.Reader) (err error) {
		if who, err = h.lookup(r, "lutz"); err == nil {
			_, err = get(r, keyState(who.id), &st)
		}
		return err
	})
	var ans answersRecord
	for fill := N; ; fill -= 10 {
		err := h.store.Update(t.Context(), func(tx store.Txn) error {
			if _, err := get(tx, keyAnswers(who.id), &ans); err != nil {
				return err
			}
			mark := ans.find("birthplace").Mark
			u := st.Usage[mark]
			u.Used = nil
			for i := 0; len(u.Used) < fill; i++ {
				u.Used = append(u.Used, pinphrase.NewSet(1+i%20, 21+i/20%9, 30+i/180%9, 40+i/1620%9))
			}
			st.Usage[mark] = u
			return put(tx, keyState(who.id), &st)
		})
		if err == nil {
			t.Log(fill, "sets")
			break
		}
	}
	a := attempt("lutz")
	s, err := h.Begin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for range 20 {
		if s, err = h.Begin(t.Context(), a); err != nil || s.Kind != Challenge {
			t.Fatal(s, err)
		}
		_, err = h.Answer(t.Context(), Reply{Attempt: a, Token: s.Token, Text: secret.New(solve(t, h.set.PINphrase.Questions, s.Prompt, with(long)))})
		t.Log("took", time.Since(start))
		start = time.Now()
		if err != nil {
			break
		}
	}
	if err != nil {
		t.Errorf("%v", err)
	}
}

func with(long string) map[string]string {
	m := map[string]string{}
	for k, v := range seed {
		m[k] = v
	}
	m["birthplace"] = long
	return m
}

func (h *house) login2(t *testing.T, long string) {
	s := h.begin(attempt("lutz"))
	want(t, h.answer(attempt("lutz"), s.Token, solve(t, h.set.PINphrase.Questions, s.Prompt, with(long))), Accept, Right)
}

// log lines inside a transaction that runs twice.
func TestALockIsLoggedOnce(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	var b bytes.Buffer
	h.state.log = slog.New(slog.NewTextHandler(&b, nil))
	a := attempt("lutz")
	a.Password = secret.New("guess-guess")
	for range 3 {
		h.begin(a)
	}
	if n := strings.Count(b.String(), "user locked"); n != 1 {
		t.Errorf("%d log lines for one lock", n)
	}
}

// stale mistype is throttled.
func TestThrottlingForgets(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	gate := attempt("lutz")
	gate.Source = Source{SourceNAS, "vpn"}
	wrong := gate
	wrong.Password = secret.New("mistyped-once")
	h.begin(wrong)
	h.now = h.now.Add(30 * 24 * time.Hour)
	for i := range 30 {
		a := gate
		a.User = fmt.Sprint("noone", i)
		h.begin(a)
	}
	want(t, h.login(gate), Accept, Right)
}

// expire at the epoch means never.
func TestExpiryAtTheEpoch(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	_ = h.ExpireUser(t.Context(), root, "lutz", time.Unix(0, 0))
	want(t, h.begin(attempt("lutz")), Reject, Expired)
}

// same text under another question, or in an equivalent spelling, has fresh usage.
func TestTheSameTextKeepsItsUsage(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	if _, err := h.SetAnswer(t.Context(), root, "lutz", "first_car", secret.New("Heidelberg")); err == nil {
		t.Error("the same answer to two questions")
	}
	if _, err := h.SetAnswer(t.Context(), root, "lutz", "mothers_maiden_name", secret.New("Muller")); err == nil {
		t.Error("Müller renewed as Muller, which the same replies answer")
	}
}

// big rows.
func TestImportOfLargeRows(t *testing.T) {
	h := newHouse(t)
	var groups []string
	for i := range 64 {
		groups = append(groups, fmt.Sprintf("%064d", i))
	}
	_, _, err := h.Import(t.Context(), root, rowsOf(500, func(i int, r *ImportRow) { r.Groups = groups }), false, nil, nil)
	if errors.Is(err, store.ErrTooLarge) {
		t.Error(err)
	}
}

// Clock stands still after a jump.
func TestTimeGoesOnAfterAJump(t *testing.T) {
	h := newHouse(t)
	h.enrol("lutz")
	h.now = h.now.Add(1000 * time.Hour)
	_ = h.KeepTime(t.Context())
	h.now = h.now.Add(-1000 * time.Hour)
	h.restart()
	for range 3 {
		s := h.begin(attempt("lutz"))
		h.answer(attempt("lutz"), s.Token, "zzzz")
	}
	h.now = h.now.Add(time.Hour)
	want(t, h.login(attempt("lutz")), Accept, Right)
}

// exhausted answers cost at each login
func TestUsedUpAnswersCostNothing(t *testing.T) {
	h := newHouse(t, func(s *Settings) { s.PINphrase.ExposureStop, s.PINphrase.ExposureWarn = 0, 0 })
	h.enrol("lutz")
	for range 4000 {
		s := h.begin(attempt("lutz"))
		if s.Kind == Reject {
			break
		}
		h.answer(attempt("lutz"), s.Token, h.solve(s.Prompt))
	}
	start := time.Now()
	for range 10 {
		h.begin(attempt("lutz"))
	}
	t.Log("each Begin of one whose answers are used up:", time.Since(start)/10)
	info, _ := h.User(t.Context(), "lutz")
	for _, a := range info.Answers {
		if !a.Retired {
			t.Errorf("%s used up and not retired", a.Question)
		}
	}
}
