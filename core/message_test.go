package core

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

// inbox is a carrier that keeps what it is given. fault says what to answer instead of taking a message.
type inbox struct {
	kind  AddressKind
	mu    sync.Mutex
	all   []Message
	tries int
	fault func(try int, m Message) error
}

func (b *inbox) Address() AddressKind { return b.kind }

func (b *inbox) Send(_ context.Context, m Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	if b.fault != nil {
		if err := b.fault(b.tries, m); err != nil {
			return err
		}
	}
	b.all = append(b.all, m)
	return nil
}

func (b *inbox) messages() []Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.all)
}

func (b *inbox) last(t *testing.T) Message {
	t.Helper()
	all := b.messages()
	if len(all) == 0 {
		t.Fatal("no message came")
	}
	return all[len(all)-1]
}

func down(int, Message) error { return &CarrierError{Fault: CarrierDown, Text: "refused"} }

// post is a house with two carriers and a policy that delivers by them.
type post struct {
	*house
	sms, mail *inbox
	queues    map[string]*sendQueue
}

const number = "+491711234567"

func newPost(t *testing.T, change ...func(*Settings)) *post {
	t.Helper()
	change = append([]func(*Settings){func(s *Settings) {
		s.Policies["two"] = Policy{First: FirstPassword, Second: []Method{MethodPINphrase}, Realm: "default", Deliver: []string{"sms", "mail"}}
		s.Policies["open"] = Policy{First: FirstNone, Second: []Method{MethodPINphrase}, Realm: "default", Deliver: []string{"sms"}}
	}}, change...)
	p := &post{house: newHouse(t, change...), sms: &inbox{kind: AddressPhone}, mail: &inbox{kind: AddressMail}}
	p.connect()
	return p
}

// connect gives the core its carriers, and forgets what a process knew of them.
func (p *post) connect() {
	p.queues = map[string]*sendQueue{}
	p.SetCarriers(map[string]Carrier{"sms": p.sms, "mail": p.mail})
}

func (p *post) restart() {
	p.house.restart()
	p.connect()
}

// deliver sends what is due now, and what comes of it.
func (p *post) deliver() {
	p.t.Helper()
	for range 100 {
		var running sync.WaitGroup
		sent := 0
		for name := range *p.carriers.Load() {
			q := p.queues[name]
			if q == nil {
				q = &sendQueue{name: name, poke: make(chan struct{}, 1), inFlight: map[string]bool{}}
				p.queues[name] = q
			}
			before := p.sms.tries + p.mail.tries
			next, err := p.newest.Load().round(p.t.Context(), q, &running)
			if err != nil {
				p.t.Fatal(err)
			}
			running.Wait()
			if p.sms.tries+p.mail.tries > before || !next.IsZero() && !next.After(p.now) {
				sent++
			}
		}
		if sent == 0 {
			return
		}
	}
	p.t.Fatal("the outbox does not come to rest")
}

// equip enrols a user who can be reached.
func (p *post) equip(name, phone string) {
	p.t.Helper()
	p.enrol(name)
	mail := name + "@example.org"
	if _, err := p.ChangeUser(p.t.Context(), root, name, UserChange{Phone: &phone, Mail: &mail}); err != nil {
		p.t.Fatal(err)
	}
}

func two(user string) Attempt {
	a := attempt(user)
	a.Policy = "two"
	return a
}

var inBrackets = regexp.MustCompile(` \(([A-Z]{2})\)$`)

// read gives the letters that a message asks for, and its mark.
func (p *post) read(m Message) (letters, mark string) {
	p.t.Helper()
	text := m.Text.Reveal()
	found := inBrackets.FindStringSubmatch(text)
	if found == nil {
		p.t.Fatalf("no mark in %q", text)
	}
	text, ok := strings.CutSuffix(strings.TrimSuffix(text, found[0]), " ein.")
	if !ok {
		p.t.Fatalf("not the seed's text: %q", text)
	}
	questions := slices.Clone(p.set.PINphrase.Questions)
	for i := range questions {
		if len(questions[i].MessagePhrase) > 0 {
			questions[i].Phrase = questions[i].MessagePhrase
		}
	}
	return solve(p.t, questions, text+".", seed), found[1]
}

func TestALoginByMessage(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	s := p.begin(two("lutz"))
	if s.Kind != Challenge || !strings.HasPrefix(s.Prompt, "PINphrase: Bitte geben Sie die in Nachricht ") || len(s.Prompt) > maxPrompt {
		t.Fatalf("%+v", s)
	}
	if len(p.sms.messages()) != 0 {
		t.Fatal("it was sent before it was durable")
	}
	p.deliver()
	m := p.sms.last(t)
	letters, mark := p.read(m)
	if m.To.Reveal() != number || len(p.mail.messages()) != 0 {
		t.Fatalf("to %s; by mail: %d", m.To.Reveal(), len(p.mail.messages()))
	}
	if !strings.Contains(s.Prompt, " "+mark+" ") || strings.Contains(s.Prompt, "Zeichen von") || strings.Contains(s.Prompt, "letzte") {
		t.Fatalf("prompt %q, message %q", s.Prompt, m.Text.Reveal())
	}
	want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
	want(t, p.answer(two("lutz"), s.Token, letters), Reject, Replayed)
	// The next login has another question, another mark, another message.
	s = p.begin(two("lutz"))
	p.deliver()
	if len(p.sms.messages()) != 2 {
		t.Fatalf("%d messages", len(p.sms.messages()))
	}
	letters, again := p.read(p.sms.last(t))
	if again == mark {
		t.Errorf("two messages in a row with the mark %s", mark)
	}
	want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
	if text := fmt.Sprintf("%v %+v", m, m); strings.Contains(text, "Zeichen") || strings.Contains(text, number) {
		t.Errorf("a message prints what it says: %s", text)
	}
}

// One message a challenge, however many logins begin, at once and one after the other.
func TestOneMessageAChallenge(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	var group sync.WaitGroup
	prompts := make([]string, 64)
	for i := range prompts {
		group.Go(func() {
			s, err := p.Begin(t.Context(), two("lutz"))
			if err != nil {
				t.Error(err)
			}
			prompts[i] = s.Prompt
		})
	}
	group.Wait()
	p.deliver()
	p.now = p.now.Add(30 * time.Second)
	prompts = append(prompts, p.begin(two("lutz")).Prompt)
	p.restart()
	prompts = append(prompts, p.begin(two("lutz")).Prompt)
	p.deliver()
	if n := len(p.sms.messages()); n != 1 {
		t.Fatalf("%d messages", n)
	}
	for _, prompt := range prompts {
		if prompt != prompts[0] {
			t.Fatalf("%q, then %q", prompts[0], prompt)
		}
	}
	// After 60 s a login sends the same text again.
	p.now = p.now.Add(31 * time.Second)
	if s := p.begin(two("lutz")); s.Prompt != prompts[0] {
		t.Fatalf("%q became %q", prompts[0], s.Prompt)
	}
	p.deliver()
	all := p.sms.messages()
	if len(all) != 2 || !all[0].Text.Equal(all[1].Text) || all[0].ID == all[1].ID {
		t.Fatalf("%d messages", len(all))
	}
}

// Nothing leaves before the first factor is right, and not for who is locked.
func TestNoMessageWithoutAFirstFactor(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	wrong := two("lutz")
	wrong.Password = secret.New("wrong-password")
	for range 5 {
		if s := p.begin(wrong); s.Kind != Reject || strings.Contains(s.Text, "Nachricht") {
			t.Fatalf("%+v", s)
		}
	}
	want(t, p.begin(two("lutz")), Reject, LockedPair) // locked by now
	p.deliver()
	if n := len(p.sms.messages()) + len(p.mail.messages()); n != 0 {
		t.Fatalf("%d messages", n)
	}
}

func TestResendAtThePrompt(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	s := p.begin(two("lutz"))
	// Still in the outbox: one is enough.
	s = p.answer(two("lutz"), s.Token, "resend")
	if s.Kind != Challenge || !strings.HasPrefix(s.Prompt, "Eine Nachricht ist an Sie unterwegs. ") {
		t.Fatalf("%+v", s)
	}
	p.deliver()
	if n := len(p.sms.messages()); n != 1 {
		t.Fatalf("%d messages", n)
	}
	s = p.answer(two("lutz"), s.Token, " ReSend ")
	p.deliver()
	all := p.sms.messages()
	if len(all) != 2 || !all[0].Text.Equal(all[1].Text) {
		t.Fatalf("%d messages", len(all))
	}
	letters, _ := p.read(all[1])
	want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
	want(t, p.answer(two("lutz"), s.Token, "resend"), Reject, StaleToken)
	if info, _ := p.User(t.Context(), "lutz"); info.Wrong != 0 {
		t.Errorf("%d counted", info.Wrong)
	}
}

// A prompt never shows a message's question, and neither answers the other.
func TestFormsDoNotMix(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	prompt, message := p.begin(attempt("lutz")), p.begin(two("lutz"))
	p.deliver()
	letters, _ := p.read(p.sms.last(t))
	onScreen := p.solve(prompt.Prompt)
	if letters == onScreen {
		t.Fatal("the same is asked on the screen and by message")
	}
	want(t, p.answer(two("lutz"), message.Token, onScreen), Reject, WrongAnswer)
	want(t, p.answer(attempt("lutz"), prompt.Token, letters), Reject, WrongAnswer)
	want(t, p.answer(attempt("lutz"), message.Token, onScreen), Reject, StaleToken)
	want(t, p.answer(two("lutz"), prompt.Token, letters), Reject, StaleToken)
	want(t, p.answer(two("lutz"), message.Token, letters), Accept, Right)
	want(t, p.answer(attempt("lutz"), prompt.Token, onScreen), Accept, Right)
}

func ahead(s *Settings) {
	s.Policies["two"] = Policy{First: FirstPassword, Second: []Method{MethodPINphrase}, Realm: "default", Deliver: []string{"sms", "mail"}, Presend: true}
}

// The seed's pre-send tokens: a message is there before anybody logs in, from the first number on.
func TestSentAhead(t *testing.T) {
	p := newPost(t, ahead)
	p.equip("lutz", number)
	p.deliver()
	if n := len(p.sms.messages()); n != 1 {
		t.Fatalf("%d messages before the first login", n)
	}
	for i := range 3 {
		letters, mark := p.read(p.sms.last(t))
		s := p.begin(two("lutz"))
		if !strings.Contains(s.Prompt, mark) {
			t.Fatalf("the prompt %q does not name %s", s.Prompt, mark)
		}
		p.deliver()
		if n := len(p.sms.messages()); n != 1+i {
			t.Fatalf("login %d sent one more, though one was there: %d", i, n)
		}
		want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
		p.deliver()
		if n := len(p.sms.messages()); n != 2+i {
			t.Fatalf("after login %d there are %d messages", i, n)
		}
		p.now = p.now.Add(10 * time.Second)
	}
	// An answer that is replaced takes its challenge with it.
	before := len(p.sms.messages())
	for q := range seed {
		if _, err := p.SetAnswer(t.Context(), root, "lutz", q, secret.New("Donaudampfschiff "+q)); err != nil {
			t.Fatal(err)
		}
	}
	p.deliver()
	if n := len(p.sms.messages()) - before; n < 1 || n > len(seed) {
		t.Fatalf("%d messages after all answers were replaced", n)
	}
}

// A number that changes voids what the old one was sent.
func TestAnotherNumber(t *testing.T) {
	for _, presend := range []bool{false, true} {
		t.Run(fmt.Sprint("presend ", presend), func(t *testing.T) {
			p := newPost(t, func(s *Settings) {
				ahead(s)
				x := s.Policies["two"]
				x.Presend = presend
				s.Policies["two"] = x
				s.Delivery.Notices = []string{"sms", "mail"}
			})
			p.equip("lutz", number)
			s := p.begin(two("lutz"))
			p.deliver()
			letters, mark := p.read(p.sms.last(t))
			other := "+491799999999"
			if _, err := p.ChangeUser(t.Context(), root, "lutz", UserChange{Phone: &other}); err != nil {
				t.Fatal(err)
			}
			want(t, p.answer(two("lutz"), s.Token, letters), Reject, StaleToken)
			if info, _ := p.User(t.Context(), "lutz"); info.Wrong != 0 {
				t.Errorf("%d counted", info.Wrong)
			}
			s = p.begin(two("lutz"))
			if strings.Contains(s.Prompt, " "+mark+" ") {
				t.Fatalf("the mark that the old number has is asked for: %q", s.Prompt)
			}
			want(t, p.answer(two("lutz"), s.Token, letters), Reject, WrongAnswer)
			p.deliver()
			var old, fresh []string
			for _, m := range p.sms.messages()[1:] {
				if m.To.Reveal() == number {
					old = append(old, m.Text.Reveal())
				} else {
					fresh = append(fresh, m.Text.Reveal())
				}
			}
			if len(old) != 1 || !strings.HasPrefix(old[0], "Geändert wurde: Telefonnummer.") || len(fresh) != 1 || !strings.HasPrefix(fresh[0], "PINphrase: ") {
				t.Fatalf("the old number got %q, the new one %q", old, fresh)
			}
			if m := p.mail.last(t); !strings.HasPrefix(m.Text.Reveal(), "Geändert wurde: Telefonnummer.") {
				t.Errorf("by mail: %q", m.Text.Reveal())
			}
			for _, m := range p.sms.messages() {
				if m.To.Reveal() == other {
					letters, _ = p.read(m)
				}
			}
			want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
		})
	}
}

func TestCharactersBehindThePassword(t *testing.T) {
	p := newPost(t, ahead)
	p.equip("lutz", number)
	p.deliver()
	try := func(behind string) Step {
		a := two("lutz")
		a.NoChallenge, a.Password = true, secret.New("latchkey-demo"+behind)
		return p.begin(a)
	}
	letters, mark := p.read(p.sms.last(t))
	s := try("")
	want(t, s, Reject, MessageAwaited)
	if !strings.Contains(s.Text, "Nachricht "+mark+".") {
		t.Fatal(s.Text)
	}
	want(t, try(",zzzz"), Reject, WrongAnswer)
	want(t, try(","+letters), Accept, Right)
	want(t, try(","+letters), Reject, Replayed)
	want(t, try(",123456"), Reject, MessageAwaited) // a code that nobody asks for: nothing is compared
	p.deliver()
	if n := len(p.sms.messages()); n != 2 {
		t.Fatalf("%d messages", n)
	}
	letters, _ = p.read(p.sms.last(t))
	want(t, try(","+letters), Accept, Right)
	// Under a policy that sends nothing ahead the same text is a password.
	a := attempt("lutz")
	a.NoChallenge, a.Password = true, secret.New("latchkey-demo,"+letters)
	want(t, p.begin(a), Reject, WrongPassword)
}
