package core

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

func limits(user, number, carrier, all int) func(*Settings) {
	return func(s *Settings) {
		s.Delivery.User, s.Delivery.Number = Rate{user, time.Hour}, Rate{number, time.Hour}
		s.Delivery.Carrier, s.Delivery.All = Rate{carrier, time.Hour}, Rate{all, time.Hour}
	}
}

// Somebody with the password, and a finger on "resend", gets as many messages as the limit says, over restarts too;
// the owner's message can still be answered.
func TestMessagesOfOneUserAreBounded(t *testing.T) {
	p := newPost(t, limits(5, 0, 0, 0))
	p.equip("lutz", number)
	s := p.begin(two("lutz"))
	for i := range 30 {
		p.deliver()
		if i%10 == 9 {
			p.restart()
			p.now = p.now.Add(2 * time.Minute)
			s = p.begin(two("lutz"))
			p.deliver()
		}
		if s = p.answer(two("lutz"), s.Token, Resend); s.Kind != Challenge {
			if s.Reason != TooManyRounds {
				t.Fatalf("%+v", s)
			}
			s = p.begin(two("lutz"))
		}
	}
	p.deliver()
	if n := len(p.sms.messages()); n != 5 {
		t.Fatalf("%d messages", n)
	}
	if !strings.HasPrefix(s.Prompt, "Zu viele Nachrichten in kurzer Zeit.") && !strings.HasPrefix(s.Prompt, "PINphrase: ") {
		t.Error(s.Prompt)
	}
	letters, _ := p.read(p.sms.last(t))
	want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
	// Nothing was sent of the next challenge: refused in words, not counted, audited.
	s = p.begin(two("lutz"))
	want(t, s, Reject, TooManyMessages)
	if !strings.HasPrefix(s.Text, "Zu viele Nachrichten in kurzer Zeit.") {
		t.Error(s.Text)
	}
	alerts := 0
	_ = p.Audit(t.Context(), AuditFilter{}, func(e AuditEntry) bool {
		if e.Event == eventAlert && e.Result == "message-limit" {
			alerts++
		}
		return true
	})
	if alerts != 1 {
		t.Errorf("%d alerts", alerts)
	}
	wrong := two("lutz")
	wrong.Password = secret.New("wrong-password")
	if s := p.begin(wrong); strings.Contains(s.Text, "Nachricht") {
		t.Errorf("without the password: %q", s.Text)
	}
	p.now = p.now.Add(time.Hour)
	want(t, p.begin(two("lutz")), Challenge, "")
}

// SMS pumping: many accounts that share a number, or many numbers.
func TestPumping(t *testing.T) {
	t.Run("one number", func(t *testing.T) {
		p := newPost(t, limits(100, 7, 0, 0))
		for i := range 12 {
			name := fmt.Sprint("user", i)
			p.equip(name, number)
			p.begin(two(name))
		}
		p.deliver()
		if n := len(p.sms.messages()); n != 7 {
			t.Fatalf("%d messages to one number", n)
		}
		want(t, p.begin(two("user11")), Reject, TooManyMessages)
		p.now = p.now.Add(61 * time.Minute)
		if err := p.SweepOutbox(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, p.begin(two("user11")), Challenge, "")
	})
	t.Run("one carrier", func(t *testing.T) {
		p := newPost(t, limits(0, 0, 5, 9))
		for i := range 20 {
			name := fmt.Sprint("user", i)
			p.equip(name, fmt.Sprintf("+4917100000%02d", i))
			p.begin(two(name)) // all at once, before any is sent
		}
		p.deliver()
		if n, m := len(p.sms.messages()), len(p.mail.messages()); n != 5 || m != 4 {
			t.Fatalf("%d by SMS, %d by mail", n, m)
		}
		if p.left() != 0 {
			t.Errorf("%d left", p.left())
		}
		// And now it is said at once.
		p.equip("ute", "+491711111111")
		want(t, p.begin(two("ute")), Reject, TooManyMessages)
		p.restart()
		want(t, p.begin(two("ute")), Reject, TooManyMessages)
		p.now = p.now.Add(time.Hour)
		want(t, p.begin(two("ute")), Challenge, "")
	})
	t.Run("ahead waits", func(t *testing.T) {
		p := newPost(t, ahead, limits(0, 0, 5, 0), func(s *Settings) {
			x := s.Policies["two"]
			x.Deliver = []string{"sms"}
			s.Policies["two"] = x
		})
		for i := range 8 {
			p.equip(fmt.Sprint("user", i), fmt.Sprintf("+4917100000%02d", i))
		}
		p.deliver()
		if n := len(p.sms.messages()); n != 5 || p.left() != 3 {
			t.Fatalf("%d messages, %d left", n, p.left())
		}
		// Who logs in meanwhile is told, and what waited is not sent twice.
		want(t, p.begin(two("user7")), Reject, TooManyMessages)
		p.now = p.now.Add(time.Hour + time.Second)
		p.begin(two("user7"))
		p.deliver()
		if n := len(p.sms.messages()); n != 8 || p.left() != 0 {
			t.Fatalf("%d messages, %d left", n, p.left())
		}
	})
}

var afterNachricht = regexp.MustCompile(`(Nachricht|message) [A-Z]{2}\b`)

// Where nobody here checks a password, a user with a number, one without, one whose limit is reached, one who is
// locked, and a name that is nobody's look alike, and each costs a durable write.
func TestTellingUsersByMessages(t *testing.T) {
	p := newPost(t, limits(2, 0, 0, 0))
	p.equip("lutz", number)
	p.equip("over", "+491711111111")
	p.equip("shut", "+491711111112")
	p.enrol("bare")
	open := func(name string) Attempt {
		a := attempt(name)
		a.Policy, a.PasswordChecked = "open", true
		return a
	}
	for range 2 {
		p.begin(open("over"))
		p.deliver()
		p.now = p.now.Add(2 * time.Minute)
	}
	_ = p.LockUser(t.Context(), root, "shut")
	sentTo := len(p.sms.messages())
	writes := map[string]uint64{}
	prompts := map[string]string{}
	for _, name := range []string{"lutz", "over", "shut", "bare", "nobody", "somebody"} {
		before, _, _ := p.Core.store.JournalHead(t.Context())
		s := p.begin(open(name))
		after, _, _ := p.Core.store.JournalHead(t.Context())
		writes[name] = after - before
		again := p.answer(open(name), s.Token, Resend)
		if name != "shut" && (again.Kind != Challenge || len(again.Token) != len(s.Token)) {
			t.Errorf("%s types resend: %+v", name, again)
		}
		if s2 := p.begin(open(name)); s2.Prompt != s.Prompt {
			t.Errorf("%s: %q, then %q", name, s.Prompt, s2.Prompt)
		}
		prompts[name] = afterNachricht.ReplaceAllString(s.Prompt, "$1 ··")
	}
	for name, prompt := range prompts {
		if prompt != prompts["lutz"] {
			t.Errorf("%s is asked %q, lutz %q", name, prompt, prompts["lutz"])
		}
		if writes[name] == 0 && name != "over" {
			t.Errorf("%s costs no write", name)
		}
	}
	p.deliver()
	for _, m := range p.sms.messages()[sentTo:] {
		if m.To.Reveal() != number {
			t.Errorf("a message to %s", m.To.Reveal())
		}
	}
	for _, name := range []string{"bare", "nobody"} {
		s := p.begin(open(name))
		if got := p.answer(open(name), s.Token, "tgre"); got.Kind != Reject || got.Text == "" || !strings.HasPrefix(got.Text, p.answer(open("lutz"), p.begin(open("lutz")).Token, "zzzz").Text[:10]) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Without anybody who checked the password nothing leaves.
func TestNoMessageForAnybodysName(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	a := attempt("lutz")
	a.Policy = "open"
	for range 3 {
		s := p.begin(a)
		if s.Kind == Challenge {
			p.answer(a, s.Token, Resend)
		}
		p.deliver()
		p.now = p.now.Add(2 * time.Minute)
	}
	p.deliver()
	if n := len(p.sms.messages()); n != 0 {
		t.Fatalf("%d messages", n)
	}
}

// A wrong answer counts as at a prompt, keeps the challenge, and sends nothing.
func TestGuessingAMessage(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	s := p.begin(two("lutz"))
	p.deliver()
	want(t, p.answer(two("lutz"), s.Token, "zzzz"), Reject, WrongAnswer)
	want(t, p.answer(two("lutz"), s.Token, "zzzy"), Reject, WrongAnswer)
	again := p.begin(two("lutz"))
	if again.Prompt != s.Prompt {
		t.Fatalf("redrawn: %q, then %q", s.Prompt, again.Prompt)
	}
	want(t, p.answer(two("lutz"), again.Token, "zzzx"), Reject, WrongAnswer)
	letters, _ := p.read(p.sms.last(t))
	want(t, p.answer(two("lutz"), again.Token, letters), Reject, LockedPair)
	want(t, p.answer(two("lutz"), again.Token, Resend), Reject, LockedPair)
	p.deliver()
	if n := len(p.sms.messages()); n != 1 {
		t.Fatalf("%d messages", n)
	}
}

// A restored state sends nothing of before.
func TestARestoredOutbox(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	s := p.begin(two("lutz"))
	restored, err := p.CheckWitness(t.Context(), Witness{Seq: 1 << 40})
	if err != nil || !restored {
		t.Fatal(restored, err)
	}
	p.SetCarriers(*p.carriers.Load())
	p.deliver()
	if n := len(p.sms.messages()); n != 0 {
		t.Fatalf("%d messages", n)
	}
	want(t, p.answer(two("lutz"), s.Token, "tgre"), Reject, ForgedToken)
}

func TestTheHelpdeskSendsAgain(t *testing.T) {
	p := newPost(t, limits(3, 0, 0, 0))
	p.equip("lutz", number)
	if _, err := p.ResendMessage(t.Context(), root, "lutz"); !isProblem(err) {
		t.Fatalf("nothing is open: %v", err)
	}
	p.begin(two("lutz"))
	if _, err := p.ResendMessage(t.Context(), root, "lutz"); !isProblem(err) || !strings.Contains(err.Error(), "waiting") {
		t.Fatalf("it is in the outbox: %v", err)
	}
	p.deliver()
	for range 2 {
		sent, err := p.ResendMessage(t.Context(), root, "lutz")
		if err != nil || len(sent) != 1 || sent[0].Carrier != "sms" || sent[0].To != "+49…67" {
			t.Fatalf("%+v, %v", sent, err)
		}
		p.deliver()
		if _, mark := p.read(p.sms.last(t)); mark != sent[0].Mark {
			t.Errorf("mark %s, said %s", mark, sent[0].Mark)
		}
	}
	if _, err := p.ResendMessage(t.Context(), root, "lutz"); !isProblem(err) || !strings.Contains(err.Error(), "too many") {
		t.Fatalf("over the limit: %v", err)
	}
	if n := len(p.sms.messages()); n != 3 {
		t.Fatalf("%d messages", n)
	}
	if _, err := p.ResendMessage(t.Context(), root, "nobody"); !isProblem(err) {
		t.Fatal(err)
	}
}

// The user's preference comes first, within what the policy allows.
func TestAPreference(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	wish := "mail"
	if _, err := p.ChangeUser(t.Context(), root, "lutz", UserChange{Deliver: &wish}); err != nil {
		t.Fatal(err)
	}
	p.begin(two("lutz"))
	p.deliver()
	if len(p.mail.messages()) != 1 || len(p.sms.messages()) != 0 {
		t.Fatal("not by mail")
	}
	wish = "pigeon"
	if _, err := p.ChangeUser(t.Context(), root, "lutz", UserChange{Deliver: &wish}); !isProblem(err) {
		t.Fatal(err)
	}
}

func noticing(s *Settings) { s.Delivery.Notices = []string{"mail"} }

func (p *post) told() (texts []string) {
	for _, m := range p.mail.messages() {
		texts = append(texts, m.Text.Reveal())
	}
	return texts
}

// A lock is told, once in a while however often it is met; a login from a new place is told.
func TestNotices(t *testing.T) {
	p := newPost(t, noticing)
	p.equip("lutz", number)
	for round := range 4 {
		for i := range 6 {
			a := attempt("lutz")
			a.Password, a.Source.Value = secret.New("wrong-password"), fmt.Sprintf("198.51.100.%d", 10*round)
			p.begin(a)
			_ = i
		}
	}
	p.deliver()
	if told := p.told(); len(told) != 1 || !strings.HasPrefix(told[0], "Ihr Zugang ist nach mehreren falschen Antworten gesperrt bis ") {
		t.Fatalf("%q", told)
	}
	p.now = p.now.Add(24 * time.Hour)
	for range 3 {
		want(t, p.login(attempt("lutz")), Accept, Right)
		p.now = p.now.Add(time.Minute)
	}
	p.deliver()
	told := p.told()
	if len(told) != 2 || told[1] != "Anmeldung von einem neuen Ort: 192.0.2.7. Wenn Sie das nicht selbst waren, sagen Sie es Ihrem Administrator." {
		t.Fatalf("%q", told)
	}
	// What the lock notices did not say the next one does.
	p.now = p.now.Add(24 * time.Hour)
	for range 3 {
		a := attempt("lutz")
		a.Password, a.Source.Value = secret.New("wrong-password"), "198.51.100.99"
		p.begin(a)
	}
	p.deliver()
	if told = p.told(); len(told) != 3 || !strings.HasSuffix(told[2], " weitere.)") {
		t.Fatalf("%q", told)
	}
}

// However somebody makes notices come, there are not many, and an outsider cannot use up those that tell of him.
func TestNoticesAreBounded(t *testing.T) {
	p := newPost(t, noticing)
	p.equip("lutz", number)
	for day := range 2 {
		for i := range 96 {
			for range 3 {
				a := attempt("lutz")
				a.Password, a.Source.Value = secret.New("wrong-password"), fmt.Sprintf("198.51.%d.%d", day, i)
				p.begin(a)
			}
			p.now = p.now.Add(15 * time.Minute)
			p.deliver()
		}
	}
	if n := len(p.told()); n > 2*noticeOutside {
		t.Fatalf("%d notices in two days", n)
	}
	before := len(p.told())
	other := "+491722222222"
	if _, err := p.ChangeUser(t.Context(), root, "lutz", UserChange{Phone: &other}); err != nil {
		t.Fatal(err)
	}
	p.deliver()
	if len(p.told()) != before+1 {
		t.Fatal("the change was not told")
	}
	for i := range 100 {
		next := fmt.Sprintf("+4917222222%02d", i)
		if _, err := p.ChangeUser(t.Context(), root, "lutz", UserChange{Phone: &next}); err != nil {
			t.Fatal(err)
		}
		p.now = p.now.Add(5 * time.Minute)
		p.deliver()
	}
	if n := len(p.told()) - before; n > noticeMost+1 {
		t.Fatalf("%d notices of changes", n)
	}
}

// Each kind has its sentence in each language.
func TestNoticesHaveTexts(t *testing.T) {
	p := newPost(t)
	seen := map[string]bool{}
	for _, lang := range []string{"de", "en"} {
		for _, kind := range []noticeKind{noticeLocked, noticeSource, noticeInvited, noticeDevice, noticeFallback, noticeChanged, noticeTemporary, noticeExposure} {
			m, why, err := p.renderNotice(&outboxRecord{To: p.seal(t), Language: lang, Notice: &noticeRecord{Kind: kind, What: "phone", Source: "192.0.2.7", Until: 1, More: 2}}, Message{})
			text := m.Text.Reveal()
			if err != nil || why != "" || len(text) < 20 || strings.Contains(text, "{") || seen[text] {
				t.Errorf("%s, %s: %q %s %v", lang, kind, text, why, err)
			}
			seen[text] = true
		}
	}
}

func (p *post) seal(t *testing.T) []byte {
	b, err := p.keys.Seal(secret.New("a@b"), outboxContext([8]byte{}))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
