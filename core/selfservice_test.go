package core

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

// browser is one browser at self-service: its cookie and the guard that its page knows.
type browser struct {
	*house
	cookie, guard Secret
	remote        string
}

func selfServed(s *Settings) {
	s.SelfService = SelfServiceSettings{Policy: "vpn", RecoveryCodes: 10}
	s.Device.Origin = "https://latchkey.test"
}

func (h *house) browser() *browser { return &browser{house: h, remote: "192.0.2.9"} }

// call gives the reply's document, or the code of the refusal.
func (b *browser) call(op string, body any, into any) DeviceCode {
	b.t.Helper()
	code, _ := b.told(op, body, into)
	return code
}

// told gives the text of a refusal too.
func (b *browser) told(op string, body any, into any) (DeviceCode, string) {
	b.t.Helper()
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			b.t.Fatal(err)
		}
	}
	reply, err := b.Self(b.t.Context(), SelfCall{Request: "r1", Op: op, Session: b.cookie, Guard: b.guard, Body: sent, Remote: b.remote, Language: "de"})
	if reply.Ended {
		b.cookie = Secret{}
	}
	var refused *DeviceError
	switch {
	case errors.As(err, &refused):
		return refused.Code, refused.Text
	case err != nil:
		b.t.Fatalf("%s: %v", op, err)
	}
	if !reply.Session.IsEmpty() {
		b.cookie = reply.Session
	}
	var g struct{ Guard string }
	if err := json.Unmarshal(reply.Body, &g); err == nil && g.Guard != "" {
		b.guard = secret.New(g.Guard)
	}
	if into != nil {
		if err := json.Unmarshal(reply.Body, into); err != nil {
			b.t.Fatal(err)
		}
	}
	return "", ""
}

func (b *browser) must(op string, body any, into any) {
	b.t.Helper()
	if code := b.call(op, body, into); code != "" {
		b.t.Fatalf("%s: %s", op, code)
	}
}

func (b *browser) refused(op string, body any, want DeviceCode) {
	b.t.Helper()
	if code := b.call(op, body, nil); code != want {
		b.t.Errorf("%s: %q, want %q", op, code, want)
	}
}

type doc = map[string]any

// newcomer adds a user with a code word and the demo password, who signs in with the word.
func (h *house) newcomer(name string) *browser {
	h.t.Helper()
	_, word, err := h.AddUser(h.t.Context(), root, NewUser{Name: name})
	if err == nil {
		err = h.SetPassword(h.t.Context(), root, name, secret.New("latchkey-demo"))
	}
	if err != nil {
		h.t.Fatal(err)
	}
	b := h.browser()
	b.must("code-word", doc{"user": name, "code_word": word.Reveal()}, nil)
	return b
}

// signIn goes through both factors with the seed's answers.
func (h *house) signIn(name string) *browser {
	h.t.Helper()
	b := h.browser()
	var s stepDocument
	b.must("sign-in", doc{"user": name, "password": "latchkey-demo"}, &s)
	b.must("sign-in/answer", doc{"user": name, "token": s.Token, "text": h.solve(s.Prompt)}, nil)
	return b
}

// prove shows the prompt once more.
func (b *browser) prove() {
	b.t.Helper()
	var s stepDocument
	b.must("proof", doc{"password": "latchkey-demo"}, &s)
	b.must("proof/answer", doc{"token": s.Token, "text": b.solve(s.Prompt)}, nil)
}

func (b *browser) overview() (o selfOverview) {
	b.t.Helper()
	b.must("", nil, &o)
	return o
}

func TestSelfServiceFirstDay(t *testing.T) {
	h := newHouse(t, selfServed)
	b := h.newcomer("lutz")
	if o := b.overview(); !o.Newcomer || o.Enrolled || o.Minimum != 6 || len(o.Questions) < 6 || o.CodeWord == nil {
		t.Fatalf("%+v", o)
	}
	n := 0
	for question, answer := range seed {
		var info AnswerInfo
		b.must("answers/set", doc{"question": question, "answer": answer}, &info)
		if strings.Join(info.Letters, "") != answer || info.Length != len([]rune(answer)) {
			t.Errorf("%s: %v", question, info.Letters)
		}
		if n++; n < 6 {
			want(t, h.begin(attempt("lutz")), Challenge, "") // still the code word's
		}
	}
	if o := b.overview(); !o.Enrolled || o.CodeWord != nil || len(o.Answers) != 6 {
		t.Fatalf("%+v", o)
	}
	want(t, h.login(attempt("lutz")), Accept, Right)
	// What is there, a newcomer does not replace; nor does he add to it.
	b.refused("answers/set", doc{"question": "pet", "answer": "Wackeldackel"}, CodeProofNeeded)
	b.refused("answers/set", doc{"question": "first_teacher", "answer": "Wackeldackel"}, CodeProofNeeded)
	b.refused("answers/remove", doc{"question": "pet"}, CodeProofNeeded)
	b.prove()
	b.must("answers/set", doc{"question": "first_teacher", "answer": "Wackeldackel"}, nil)
	b.must("answers/set", doc{"question": "pet", "answer": "Schnuffel"}, nil)
	b.must("answers/remove", doc{"question": "first_car"}, nil)
	b.refused("answers/remove", doc{"question": "birthplace"}, CodeTooFewLeft)
	b.must("language", doc{"language": "en"}, nil)
	if o := b.overview(); o.Language != "en" || len(o.Answers) != 6 {
		t.Errorf("%+v", o)
	}
	old := *b
	b.must("sign-out", doc{}, nil)
	b.refused("", nil, CodeSignedOut)
	old.refused("", nil, CodeSignedOut)
}

func TestSelfServiceWeakAnswers(t *testing.T) {
	h := newHouse(t, selfServed)
	if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: "lutz.brauntaler", Mail: "maximilian@brauntaler-consulting.example"}); err != nil {
		t.Fatal(err)
	}
	word, _, err := h.NewCodeWord(t.Context(), root, "lutz.brauntaler")
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	b.must("code-word", doc{"user": "LUTZ.brauntaler", "code_word": "  " + strings.ToUpper(strings.ReplaceAll(word.Reveal(), " ", "-"))}, nil)
	for answer, want := range map[string]DeviceCode{
		"Ulm": CodeAnswerShort, "": CodeAnswerUnusable, " - ": CodeAnswerUnusable, "aaaabbbbcc": CodeAnswerRepeats, "Lutz Brauntaler": CodeAnswerPersonal, "brauntaler": CodeAnswerPersonal,
		"BrauntalerLutz": CodeAnswerPersonal, "Maximilian@brauntaler-consulting.example": CodeAnswerPersonal, "a\x00bcdefgh": CodeAnswerUnusable, strings.Repeat("abcdefgh", 9): CodeAnswerUnusable,
	} {
		b.refused("answers/set", doc{"question": "birthplace", "answer": answer}, want)
	}
	b.refused("answers/set", doc{"question": "none", "answer": "Heidelberg"}, CodeNoSuchQuestion)
	b.must("answers/set", doc{"question": "birthplace", "answer": "Heidelberg"}, nil)
	b.refused("answers/set", doc{"question": "first_car", "answer": "heidelberg"}, CodeAnswerTwice)
}

// TestSelfServiceCodeWordOnce: it opens one session, also when it is typed twice at once, and the one login by its
// characters beside.
func TestSelfServiceCodeWordOnce(t *testing.T) {
	h := newHouse(t, selfServed)
	_, word, err := h.AddUser(t.Context(), root, NewUser{Name: "lutz"})
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan bool)
	for i := range 10 {
		go func() {
			body, _ := json.Marshal(doc{"user": "lutz", "code_word": word.Reveal()})
			reply, _ := h.Self(t.Context(), SelfCall{Op: "code-word", Body: body, Remote: "192.0.2." + string(rune('1'+i))})
			opened <- !reply.Session.IsEmpty()
		}()
	}
	n := 0
	for range 10 {
		if <-opened {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d sessions of one code word", n)
	}
	if err := h.SetPassword(t.Context(), root, "lutz", secret.New("latchkey-demo")); err != nil {
		t.Fatal(err)
	}
	want(t, h.begin(attempt("lutz")), Challenge, "")
	h.now = h.now.Add(73 * time.Hour)
	h.browser().refused("code-word", doc{"user": "lutz", "code_word": word.Reveal()}, CodeDenied)
}
