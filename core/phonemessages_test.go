package core

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// phoneCarrier is the daemon's carrier of phones.
type phoneCarrier struct{ *Core }

func (p phoneCarrier) Address() AddressKind                      { return AddressDevice }
func (p phoneCarrier) Send(ctx context.Context, m Message) error { return p.SendToPhones(ctx, m) }

// rung is a doorbell that notes who was rung. gone are what to call for a subscription that has ended.
type rung struct{ gone []func() }

func (b *rung) PublicKey() string                 { return "key" }
func (b *rung) Vet([]byte) error                  { return nil }
func (b *rung) Ring(_ secret.Secret, gone func()) { b.gone = append(b.gone, gone) }

// newBellPost is a post where questions go to phones first, and then by mail.
func newBellPost(t *testing.T, deliver ...string) (*post, *rung) {
	t.Helper()
	p := newPost(t, func(s *Settings) {
		s.Device = DeviceSettings{Origin: "https://latchkey.example.org:8443", Appliance: "Example"}
		s.Policies["two"] = Policy{First: FirstPassword, Second: []Method{MethodPINphrase}, Realm: "default", Deliver: deliver}
		s.Delivery.Notices = []string{"app", "mail"}
	})
	b := &rung{}
	p.Core.doorbell = b
	p.SetCarriers(map[string]Carrier{"sms": p.sms, "mail": p.mail, "app": phoneCarrier{p.Core}})
	return p, b
}

// bring delivers until all carriers had their turn.
func (p *post) bring() {
	p.t.Helper()
	for range 3 {
		p.deliver()
	}
}

type shownMessages struct {
	Messages []struct {
		ID      string
		Mark    string
		Text    string
		Created time.Time
		Expires time.Time
	}
}

func (p *testPhone) messages() (s shownMessages, code DeviceCode) {
	p.h.t.Helper()
	return s, p.call("messages", struct{}{}, &s)
}

// none wants a phone to show nothing, and a call that is refused with code, if any.
func (p *testPhone) none(want DeviceCode) {
	p.h.t.Helper()
	if s, code := p.messages(); code != want || len(s.Messages) != 0 {
		p.h.t.Errorf("%q, %+v", code, s.Messages)
	}
}

func (p *testPhone) subscribe() {
	p.h.t.Helper()
	if code := p.call("push", map[string]any{"subscription": map[string]any{"endpoint": "https://push.example.org/" + p.id.String()}}, nil); code != "" {
		p.h.t.Fatal(code)
	}
}

func TestAQuestionOnThePhone(t *testing.T) {
	p, bell := newBellPost(t, "app", "mail")
	p.equip("lutz", number)
	p.equip("anna", "+491712222222")
	phone, other, hers := p.newPhone("lutz", true), p.newPhone("lutz", true), p.newPhone("anna", true)
	phone.subscribe()
	hers.subscribe()
	p.bring() // that phones were added
	notices := len(p.mail.messages())
	phone.none("")
	s := p.begin(two("lutz"))
	p.bring()
	if len(bell.gone) != 1 || len(p.mail.messages()) != notices || p.messageState("lutz") != "app taken" {
		t.Fatalf("%d rings, %s", len(bell.gone), p.messageState("lutz"))
	}
	// Every phone of the user shows it; nobody else's does.
	hers.none("")
	shown, code := other.messages()
	if code != "" || len(shown.Messages) != 1 {
		t.Fatal(code)
	}
	m := shown.Messages[0]
	letters, mark := p.read(Message{Text: secret.New(m.Text)})
	if mark != m.Mark || !strings.Contains(s.Prompt, mark) || !m.Expires.After(p.now) || m.Created.After(p.now) {
		t.Errorf("%+v, prompt %q", m, s.Prompt)
	}
	if e := p.events("delivered"); len(e) != 1 || p.messageState("lutz") != "app delivered" || !strings.Contains(e[0].Detail, other.id.String()) {
		t.Errorf("%s: %+v", p.messageState("lutz"), e)
	}
	// A call that is repeated, since its reply was lost, gets the same, and nothing of it is kept.
	var again shownMessages
	if code := other.send("messages", []byte("{}"), &again); code != "" || len(again.Messages) != 1 || again.Messages[0].Text != m.Text || len(p.events("delivered")) != 1 {
		t.Errorf("again: %q %+v", code, again)
	}
	p.holdsNot(t, m.Text)
	want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
	phone.none("")
	// Also where the reply of before is asked for once more: it is made anew.
	other.none("")
	if code := other.send("messages", []byte("{}"), &again); code != "" || len(again.Messages) != 0 {
		t.Errorf("after the answer: %q %+v", code, again)
	}
}

// holdsNot looks through the whole state.
func (p *post) holdsNot(t *testing.T, text string) {
	t.Helper()
	err := p.Core.store.View(t.Context(), func(r store.Reader) error {
		for prefix := range 256 {
			if err := r.Scan([]byte{byte(prefix)}, nil, func(key, value []byte) bool {
				if quoted, _ := json.Marshal(text); strings.Contains(string(value), text) || strings.Contains(string(value), strings.Trim(string(quoted), `"`)) {
					t.Errorf("%q holds the question", key)
				}
				return true
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Who may not see a question sees none, whatever the phone knew before.
func TestNoQuestionOnThatPhone(t *testing.T) {
	for name, c := range map[string]struct {
		between func(*post, *testPhone) error
		code    DeviceCode
	}{
		"revoked": {func(p *post, x *testPhone) error { return p.RevokeDevice(p.t.Context(), root, "lutz", x.id.String()) }, CodeDeviceRevoked},
		"locked": {func(p *post, x *testPhone) error {
			p.change1(x, func(d *deviceRecord) { d.lock("pin") })
			return nil
		}, CodePINLocked},
		"inert": {func(p *post, x *testPhone) error {
			p.change1(x, func(d *deviceRecord) { d.State = deviceInert })
			return nil
		}, CodeDeviceInert},
		"erased": {func(p *post, x *testPhone) error {
			p.change1(x, func(d *deviceRecord) { d.State = deviceErased })
			return nil
		}, CodePINErased},
		"user locked":    {func(p *post, _ *testPhone) error { return p.LockUser(p.t.Context(), root, "lutz") }, ""},
		"user removed":   {func(p *post, _ *testPhone) error { return p.RemoveUser(p.t.Context(), root, "lutz") }, CodeUnknownDevice},
		"its time over":  {func(p *post, _ *testPhone) error { p.now = p.now.Add(181 * time.Second); return nil }, ""},
		"another number": {func(p *post, _ *testPhone) error { return p.rename("+491719999999") }, ""},
		"no such carrier": {func(p *post, _ *testPhone) error {
			p.SetCarriers(map[string]Carrier{"sms": p.sms, "mail": p.mail})
			return nil
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := newBellPost(t, "app", "mail")
			p.equip("lutz", number)
			phone := p.newPhone("lutz", true)
			phone.subscribe()
			p.begin(two("lutz"))
			p.bring()
			if shown, code := phone.messages(); code != "" || len(shown.Messages) != 1 {
				t.Fatal(code)
			}
			if err := c.between(p, phone); err != nil {
				t.Fatal(err)
			}
			// The very call that was answered before, and a new one.
			if code := phone.send("messages", []byte("{}"), &shownMessages{}); name != "its time over" && code != c.code {
				t.Errorf("again: %q", code)
			}
			phone.none(c.code)
		})
	}
}

func (p *post) rename(phone string) error {
	_, err := p.ChangeUser(p.t.Context(), root, "lutz", UserChange{Phone: &phone})
	return err
}

// A question that a phone has shown is void when that phone is taken away: its mark and answer are good no more.
func TestAShownQuestionGoesWithThePhone(t *testing.T) {
	p, _ := newBellPost(t, "app", "mail")
	p.equip("lutz", number)
	phone, other := p.newPhone("lutz", true), p.newPhone("lutz", true)
	other.subscribe()
	p.begin(two("lutz"))
	p.bring()
	was, _ := phone.messages()
	if err := p.RevokeDevice(t.Context(), root, "lutz", phone.id.String()); err != nil {
		t.Fatal(err)
	}
	other.none("")
	p.begin(two("lutz"))
	p.bring()
	if is, _ := other.messages(); len(is.Messages) != 1 || is.Messages[0].Text == was.Messages[0].Text {
		t.Errorf("was %+v, is %+v", was, is)
	}
}

func TestWhoHearsOfAQuestion(t *testing.T) {
	for name, c := range map[string]struct {
		deliver []string
		phone   func(*post) *testPhone
		state   string
		shows   bool
	}{
		"no phone":                {[]string{"app", "mail"}, func(*post) *testPhone { return nil }, "mail taken", false},
		"neither heard, mail":     {[]string{"app", "mail"}, func(p *post) *testPhone { return p.newPhone("lutz", true) }, "mail taken", true},
		"neither heard, nobody":   {[]string{"app"}, func(p *post) *testPhone { return p.newPhone("lutz", true) }, "app taken", true},
		"it listens":              {[]string{"app", "mail"}, func(p *post) *testPhone { x := p.newPhone("lutz", true); p.waits.listen(x.d(p).User, x.id); return x }, "app taken", true},
		"mail first, app is idle": {[]string{"mail", "app"}, func(p *post) *testPhone { return p.newPhone("lutz", true) }, "mail taken", false},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := newBellPost(t, c.deliver...)
			p.equip("lutz", number)
			phone := c.phone(p)
			s := p.begin(two("lutz"))
			p.bring()
			if got := p.messageState("lutz"); got != c.state || p.left() != 0 {
				t.Errorf("%s, %d left", got, p.left())
			}
			if phone == nil {
				return
			}
			shown, code := phone.messages()
			if code != "" || len(shown.Messages) == 1 != c.shows {
				t.Fatalf("%q %+v", code, shown)
			}
			if c.shows {
				letters, _ := p.read(Message{Text: secret.New(shown.Messages[0].Text)})
				want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
			}
		})
	}
}

func (p *testPhone) d(h *post) (d deviceRecord) {
	h.change1(p, func(is *deviceRecord) { d = *is })
	return d
}

// The push service says that the subscription has ended: nobody was rung, and the next carrier has the question.
func TestASubscriptionThatHasEnded(t *testing.T) {
	p, bell := newBellPost(t, "app", "mail")
	p.equip("lutz", number)
	p.newPhone("lutz", true).subscribe()
	p.bring()
	before := len(p.mail.messages())
	p.begin(two("lutz"))
	p.bring()
	bell.gone[0]()
	p.hear()
	p.bring()
	if len(p.mail.messages()) != before+1 || p.messageState("lutz") != "mail taken" {
		t.Error(p.messageState("lutz"))
	}
}

// The stream of an open app names a question when it comes, and when it is over; never what stands in it.
func TestTheStreamNamesQuestions(t *testing.T) {
	p, _ := newBellPost(t, "app")
	p.equip("lutz", number)
	phone := p.newPhone("lutz", true)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { _ = p.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	events, begun := make(chan DeviceEvent, 10), make(chan struct{})
	phone.counter++
	path := "/api/v1/device/events"
	signature, _ := mobile.SignCall(phone.key, mobile.Call(phone.id, phone.counter, "GET", path, nil))
	go func() {
		_ = p.DeviceEvents(ctx, DeviceCall{Request: "r", Method: "GET", Path: path, Device: phone.id.String(), Counter: phone.counter, Signature: signature},
			func() { close(begun) }, func(e DeviceEvent) error { events <- e; return nil })
	}()
	<-begun
	s := p.begin(two("lutz"))
	e := <-events
	shown, _ := phone.messages()
	if e.Name != "message" || len(shown.Messages) != 1 || e.ID != shown.Messages[0].ID {
		t.Fatalf("%+v, shown %+v", e, shown)
	}
	letters, _ := p.read(Message{Text: secret.New(shown.Messages[0].Text)})
	want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
	if over := <-events; over.Name != "ended" || over.ID != e.ID {
		t.Errorf("%+v", over)
	}
}
