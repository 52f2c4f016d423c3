package core

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
)

// newHostHouse has the policy of hosts whose PAM stacks have checked the password.
func newHostHouse(t *testing.T) *house {
	h := newPhoneHouse(t)
	h.set.Policies["ssh"] = Policy{First: FirstNone, Second: []Method{MethodApp, MethodPINphrase}, Realm: "default"}
	h.set.Policies["words"] = Policy{First: FirstNone, Second: []Method{MethodPINphrase}, Realm: "default"}
	h.Core = h.With(h.set)
	return h
}

func onHost(user string) Attempt {
	return Attempt{
		Request: "r1", Door: DoorPAM, NAS: "web1", Policy: "ssh", Service: "sshd", User: user, Source: Source{SourcePerson, "192.0.2.7"}, PasswordChecked: true,
	}
}

func TestAPhoneRingsForAHostThatHasCheckedThePassword(t *testing.T) {
	h := newHostHouse(t)
	p := h.newPhone("lutz", true)
	a := onHost("lutz")
	s := h.begin(a)
	want(t, s, Challenge, "")
	if !s.Waiting {
		t.Fatalf("no phone is asked: %+v", s)
	}
	o, code := p.open()
	if code != "" {
		t.Fatal(code)
	}
	if code := p.approve(o, symbolOf(t, s.Prompt)); code != "" {
		t.Fatal(code)
	}
	want(t, h.answer(a, s.Token, ""), Accept, RightApproval)
	want(t, h.answer(a, s.Token, ""), Reject, PendingEnded)

	// Not so for one that has not: whoever knows a name could make phones ring.
	a.PasswordChecked = false
	if s := h.begin(a); s.Waiting {
		t.Errorf("a phone is asked: %+v", s)
	}
	// Nor may an answer to a question stand in where a phone has come since.
	words := onHost("lutz")
	words.Policy = "words"
	if s := h.begin(words); s.Waiting || s.Kind != Challenge {
		t.Errorf("the policy without phones: %+v", s)
	}
}

func TestNewcomersOfHosts(t *testing.T) {
	h := newHostHouse(t)
	_, word, err := h.AddUser(t.Context(), root, NewUser{Name: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	a := onHost("anna")
	s := h.begin(a)
	if s.Kind != Challenge || s.Waiting || !strings.Contains(s.Prompt, "Codewort") {
		t.Fatalf("a newcomer is asked %+v", s)
	}
	codeWord := pinphrase.Question{ID: "word", Phrase: map[language.Tag]string{language.German: "von Ihrem Codewort"}}
	typed := solve(t, []pinphrase.Question{codeWord}, s.Prompt, map[string]string{"word": strings.ReplaceAll(word.Reveal(), " ", "")})
	want(t, h.answer(a, s.Token, typed), Accept, RightCodeWord)

	// The word is used up. A host that lets pass who is not enrolled is told; others show a decoy.
	if s := h.begin(a); s.Kind != Challenge {
		t.Errorf("without nullok: %+v", s)
	}
	a.TellUnenrolled = true
	for _, user := range []string{"anna", "nobody-knows-me"} {
		a.User = user
		if s := h.begin(a); s.Kind != Reject || s.Reason != NotEnrolled || !s.Newcomer {
			t.Errorf("%s under nullok: %+v", user, s)
		}
	}
	a.User = " "
	if s := h.begin(a); s.Newcomer {
		t.Errorf("a name that is none: %+v", s)
	}
}

// nullok must open nothing to who had a second factor, or is refused whatever he says.
func TestNulloKIsForNewcomersOnly(t *testing.T) {
	h := newHostHouse(t)
	for name, spoil := range map[string]func(user string){
		"a revoked phone": func(user string) {
			p := h.newPhone(user, true)
			if err := h.RevokeDevice(t.Context(), root, user, p.id.String()); err != nil {
				t.Fatal(err)
			}
		},
		"disabled": func(user string) {
			if err := h.EnableUser(t.Context(), root, user, false); err != nil {
				t.Fatal(err)
			}
		},
		"locked by an admin": func(user string) {
			if err := h.LockUser(t.Context(), root, user); err != nil {
				t.Fatal(err)
			}
		},
		"expired": func(user string) {
			if err := h.ExpireUser(t.Context(), root, user, h.now.Add(-time.Hour)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		user := strings.ReplaceAll(name, " ", "-")
		if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: user}); err != nil {
			t.Fatal(err)
		}
		h.now = h.now.Add(100 * time.Hour) // past the code word's time
		spoil(user)
		a := onHost(user)
		a.TellUnenrolled = true
		if s := h.begin(a); s.Kind != Reject || s.Newcomer {
			t.Errorf("%s: %+v", name, s)
		}
	}
	// Who has answered before, and whose answers no longer suffice.
	h.enrol("bert")
	a := onHost("bert")
	want(t, h.login(a), Accept, Right)
	if err := h.RemoveAnswer(t.Context(), root, "bert", "pet"); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(100 * time.Hour)
	a.TellUnenrolled = true
	if s := h.begin(a); s.Kind != Reject || s.Newcomer {
		t.Errorf("who has answered before: %+v", s)
	}
}

// Some names without a phone pretend to have one, always the same, and their wait ends as a real one.
func TestDecoysOfPhones(t *testing.T) {
	h := newHostHouse(t)
	h.newPhone("lutz", true)
	h.restart()
	h.Core = h.With(h.set)
	app, question := "", ""
	for i := range 64 {
		user := fmt.Sprintf("stranger-%d", i)
		switch first, second := h.begin(onHost(user)), h.begin(onHost(user)); {
		case first.Kind != Challenge || first.Waiting != second.Waiting:
			t.Fatalf("%s: %+v, then %+v", user, first, second)
		case first.Waiting:
			app = user
		default:
			question = user
		}
	}
	if app == "" || question == "" {
		t.Fatalf("of 64 names %q waits for a phone, %q is asked", app, question)
	}
	a := onHost(app)
	s := h.begin(a)
	symbol := symbolOf(t, s.Prompt)
	next := h.answer(a, s.Token, "")
	if next.Kind != Challenge || !next.Waiting || symbolOf(t, next.Prompt) != symbol || next.Prompt == s.Prompt {
		t.Errorf("the next round shows %+v after %q", next, s.Prompt)
	}
	other := a
	other.User = "lutz"
	want(t, h.answer(other, s.Token, ""), Reject, ForeignToken)
	h.now = h.now.Add(91 * time.Second)
	want(t, h.answer(a, next.Token, ""), Reject, PendingExpired)
}

// A locked user's phone does not ring, and the screen looks as ever.
func TestALockedUsersPhoneIsQuiet(t *testing.T) {
	h := newHostHouse(t)
	p := h.newPhone("lutz", true)
	words := onHost("lutz")
	words.Policy = "words"
	for range 3 {
		s := h.begin(words)
		want(t, h.answer(words, s.Token, "QQQQ"), Reject, WrongAnswer)
	}
	s := h.begin(onHost("lutz"))
	if s.Kind != Challenge || !s.Waiting {
		t.Fatalf("a locked user sees %+v", s)
	}
	if o, _ := p.open(); len(o.Symbols) > 0 {
		t.Error("the phone of a locked user has a login to approve")
	}
	if s := h.answer(onHost("lutz"), s.Token, ""); s.Kind != Challenge || !s.Waiting {
		t.Errorf("and then %+v", s)
	}
}

// `su root` all day long by one local user locks root for that user on that host, and nowhere else.
func TestSuRootLocksRootForOneAlone(t *testing.T) {
	h := newHostHouse(t)
	h.enrol("root")
	su := onHost("root")
	su.Policy, su.Service, su.Source = "words", "su", Source{SourceUID, "web1/1000"}
	for i := range 60 {
		s := h.begin(su)
		if s := h.answer(su, s.Token, "QQQQ"); s.Kind != Reject {
			t.Fatalf("guess %d: %+v", i, s)
		}
		h.now = h.now.Add(time.Second)
	}
	s := h.begin(su)
	if s := h.answer(su, s.Token, h.solve(s.Prompt)); s.Kind != Reject {
		t.Errorf("the guesser is not locked: %+v", s)
	}
	for name, source := range map[string]Source{
		"ssh": {SourcePerson, "192.0.2.9"}, "another user of the host": {SourceUID, "web1/1001"}, "the same uid elsewhere": {SourceUID, "web2/1000"},
	} {
		a := su
		a.Source = source
		s := h.begin(a)
		if s := h.answer(a, s.Token, h.solve(s.Prompt)); s.Kind != Accept {
			t.Errorf("root by %s: %+v", name, s)
		}
	}
}

func TestPasswordPrompt(t *testing.T) {
	h := newHostHouse(t)
	if prompt, needed := h.PasswordPrompt("vpn", "en"); !needed || prompt != "Password: " {
		t.Errorf("%q, %v", prompt, needed)
	}
	if prompt, needed := h.PasswordPrompt("vpn", ""); !needed || prompt != "Passwort: " {
		t.Errorf("%q, %v", prompt, needed)
	}
	for _, policy := range []string{"ssh", "none such"} {
		if _, needed := h.PasswordPrompt(policy, "en"); needed {
			t.Errorf("%s needs a password", policy)
		}
	}
}
