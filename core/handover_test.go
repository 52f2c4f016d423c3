package core

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

func TestInviteUser(t *testing.T) {
	h := newHouse(t, selfServed)
	if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: "lutz"}); err != nil {
		t.Fatal(err)
	}
	first, err := h.InviteUser(t.Context(), root, "lutz", false)
	if err != nil || len(strings.Fields(first.Word.Reveal())) != 4 || !first.Rest.IsEmpty() || first.URL != "https://latchkey.test/me/" || first.Language != "de" {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := h.InviteUser(t.Context(), root, "lutz", false)
	if err != nil || second.Word.Equal(first.Word) {
		t.Fatalf("%+v, %v", second, err)
	}
	b := h.browser()
	b.refused("code-word", doc{"user": "lutz", "code_word": first.Word.Reveal()}, CodeDenied)
	b.must("code-word", doc{"user": "lutz", "code_word": second.Word.Reveal()}, nil)
	if e := h.audited(); e.Event != "login" {
		t.Errorf("%+v", e)
	}
}

// TestMailedHalf: the mail and its sender's half together are the code word; neither is alone, and the outbox holds
// none of it.
func TestMailedHalf(t *testing.T) {
	p := newPost(t, selfServed, func(s *Settings) { s.Delivery.Notices = []string{"sms"} })
	if _, _, err := p.AddUser(t.Context(), root, NewUser{Name: "lutz"}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.InviteUser(t.Context(), root, "lutz", true); !isProblem(err) {
		t.Errorf("without an address: %v", err)
	}
	address := "lutz@example.org"
	if _, err := p.ChangeUser(t.Context(), root, "lutz", UserChange{Mail: &address}); err != nil {
		t.Fatal(err)
	}
	before := len(p.mail.messages())
	stale, err := p.InviteUser(t.Context(), root, "lutz", true)
	if err != nil {
		t.Fatal(err)
	}
	h, err := p.InviteUser(t.Context(), helper, "lutz", true)
	if err != nil || !h.Word.IsEmpty() || len(strings.Fields(h.Rest.Reveal())) != 2 || h.MailedTo != "l…@example.org" {
		t.Fatalf("%+v, %v", h, err)
	}
	if e := p.audited(); e.Event != "user.invite" || e.Actor != "helga" || strings.Contains(e.Detail, "lutz@") {
		t.Errorf("%+v", e)
	}
	p.deliver()
	mails := p.mail.messages()[before:]
	if len(mails) != 1 {
		t.Fatalf("%d mails, of which one is of a code word that is void", len(mails))
	}
	m := mails[0]
	text := m.Text.Reveal()
	if m.To.Reveal() != address || m.Subject != "Ihr Codewort" || !strings.Contains(text, "https://latchkey.test/me/") || strings.Contains(text, "{") {
		t.Errorf("%q: %s", m.Subject, text)
	}
	_, half, _ := strings.Cut(text, "Die erste Hälfte Ihres Codeworts: ")
	half, _, _ = strings.Cut(half, "\n")
	if len(strings.Fields(half)) != 2 || strings.Contains(text, h.Rest.Reveal()) {
		t.Fatalf("half %q in %s", half, text)
	}
	b := p.browser()
	for _, wrong := range []string{half, h.Rest.Reveal(), h.Rest.Reveal() + " " + half, half + " " + stale.Rest.Reveal()} {
		b.remote = "192.0.2." + string(rune('1'+len(wrong)%8))
		b.refused("code-word", doc{"user": "lutz", "code_word": wrong}, CodeDenied)
	}
	b.remote = "192.0.2.200"
	b.must("code-word", doc{"user": "lutz", "code_word": half + " " + h.Rest.Reveal()}, nil)

	one := newPost(t, func(s *Settings) { s.CodeWords.Words = 1 })
	if _, _, err := one.AddUser(t.Context(), root, NewUser{Name: "lutz", Mail: address}); err != nil {
		t.Fatal(err)
	}
	if _, err := one.InviteUser(t.Context(), root, "lutz", true); !isProblem(err) {
		t.Errorf("half of one word: %v", err)
	}
}

func TestResetUser(t *testing.T) {
	h := newHouse(t, selfServed)
	h.enrol("lutz")
	b := h.signIn("lutz")
	want(t, h.login(attempt("lutz")), Accept, Right)
	asked := map[string]int{}
	info, _ := h.User(t.Context(), "lutz")
	for _, a := range info.Answers {
		asked[a.Question] = a.Asked
	}
	h.newPhone("lutz", true)
	if _, _, err := h.TemporaryCode(t.Context(), root, "lutz", time.Hour, 1); err != nil {
		t.Fatal(err)
	}
	open := h.begin(attempt("lutz"))
	hand, err := h.ResetUser(t.Context(), root, "lutz", false)
	if err != nil {
		t.Fatal(err)
	}
	if e := h.audited(); e.Event != "user.reset" || e.Actor != "root" || !strings.HasPrefix(e.Detail, "6 answers, 1 phones") {
		t.Errorf("%+v", e)
	}
	after, err := h.User(t.Context(), "lutz")
	if err != nil || len(after.Answers) != 0 || after.Enrolled || after.Temporary != nil || after.CodeWord == nil || !after.HasPassword || after.Epoch <= info.Epoch {
		t.Fatalf("%+v, %v", after, err)
	}
	if devices, _ := h.Devices(t.Context(), "lutz"); len(devices) != 0 {
		t.Errorf("%+v", devices)
	}
	b.refused("", nil, CodeSignedOut)
	want(t, h.answer(attempt("lutz"), open.Token, "XXXX"), Reject, StaleToken)
	// A fresh start by the code word; what was asked of an answer before stays asked.
	b = h.browser()
	b.must("code-word", doc{"user": "lutz", "code_word": hand.Word.Reveal()}, nil)
	for question, answer := range seed {
		b.must("answers/set", doc{"question": question, "answer": answer}, nil)
	}
	info, _ = h.User(t.Context(), "lutz")
	for _, a := range info.Answers {
		if a.Asked < asked[a.Question] {
			t.Errorf("%s was asked %d times, and now %d", a.Question, asked[a.Question], a.Asked)
		}
	}
	want(t, h.login(attempt("lutz")), Accept, Right)
	if _, err := h.ResetUser(t.Context(), root, "nobody", false); !isProblem(err) {
		t.Errorf("nobody: %v", err)
	}
}

// TestChangesAreTold: what an administrator or the helpdesk changes, the user hears of.
func TestChangesAreTold(t *testing.T) {
	p := newPost(t, selfServed, func(s *Settings) { s.Delivery.Notices = []string{"mail"} })
	if _, _, err := p.AddUser(t.Context(), root, NewUser{Name: "lutz", Mail: "lutz@example.org", Language: "en"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, word string
		do         func() error
	}{
		{"temporary code", "temporary code", func() error {
			_, _, err := p.TemporaryCode(t.Context(), helper, "lutz", time.Hour, 1)
			return err
		}},
		{"phone invited", "phone", func() error { _, _, err := p.InviteDevice(t.Context(), helper, "lutz", false); return err }},
		{"code word", "code word", func() error { _, _, err := p.NewCodeWord(t.Context(), root, "lutz"); return err }},
		{"password", "password", func() error { return p.SetPassword(t.Context(), root, "lutz", secret.New("latchkey-demo")) }},
		{"answer", "Place of birth", func() error {
			_, err := p.SetAnswer(t.Context(), root, "lutz", "birthplace", secret.New("Heidelberg"))
			return err
		}},
		{"answer removed", "Place of birth", func() error { return p.RemoveAnswer(t.Context(), root, "lutz", "birthplace") }},
		{"reset", "all your answers", func() error { _, err := p.ResetUser(t.Context(), root, "lutz", false); return err }},
	} {
		before := len(p.mail.messages())
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		p.deliver()
		all := p.mail.messages()[before:]
		if len(all) != 1 || !strings.Contains(all[0].Text.Reveal(), c.word) {
			t.Errorf("%s: %d mails", c.name, len(all))
			for _, m := range all {
				t.Log(m.Text.Reveal())
			}
		}
	}
}
