package core

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/store/memory"
)

func (p *post) events(result string) (out []AuditEntry) {
	p.t.Helper()
	err := p.Audit(p.t.Context(), AuditFilter{}, func(e AuditEntry) bool {
		if e.Event == eventMessage && e.Result == result {
			out = append(out, e)
		}
		return true
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// left counts what stands in the outbox.
func (p *post) left() (n int) {
	p.t.Helper()
	err := p.Core.store.View(p.t.Context(), func(r store.Reader) error {
		n = 0
		return r.Scan([]byte{'o'}, nil, func(_, _ []byte) bool { n++; return true })
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func TestTheNextCarrierTakesOver(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault error
		after time.Duration // until the next carrier has it
		tries int
	}{
		{"refused", &CarrierError{Fault: CarrierRefused, Text: "no such number"}, 0, 1},
		{"down", &CarrierError{Fault: CarrierDown, Text: "connection refused"}, time.Second, 2},
		{"no word of its own", context.Canceled, time.Second, 2},
		{"busy for long", &CarrierError{Fault: CarrierBusy, After: time.Minute, Text: "throttled"}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPost(t)
			p.equip("lutz", number)
			p.sms.fault = func(int, Message) error { return c.fault }
			s := p.begin(two("lutz"))
			p.deliver()
			if c.after > 0 {
				if len(p.mail.messages()) != 0 {
					t.Fatal("at once")
				}
				p.now = p.now.Add(c.after)
				p.deliver()
			}
			if p.sms.tries != c.tries || len(p.mail.messages()) != 1 || p.left() != 0 {
				t.Fatalf("%d tries by SMS, %d by mail, %d left", p.sms.tries, len(p.mail.messages()), p.left())
			}
			m := p.mail.last(t)
			letters, _ := p.read(m)
			if m.To.Reveal() != "lutz@example.org" || m.Subject != "PINphrase" {
				t.Errorf("to %q, subject %q", m.To.Reveal(), m.Subject)
			}
			want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
		})
	}
}

// What a carrier may have taken it is not given again by itself, and nobody else is: the person types "resend".
func TestAnUnknownOutcome(t *testing.T) {
	for _, alone := range []bool{false, true} {
		t.Run(fmt.Sprint("alone ", alone), func(t *testing.T) {
			p := newPost(t)
			p.equip("lutz", number)
			if alone {
				none := ""
				_, _ = p.ChangeUser(t.Context(), root, "lutz", UserChange{Mail: &none})
			}
			p.sms.fault = func(try int, _ Message) error {
				if try == 1 {
					return &CarrierError{Fault: CarrierUnknown, Text: "timeout after submit"}
				}
				return nil
			}
			s := p.begin(two("lutz"))
			for range 5 {
				p.deliver()
				p.now = p.now.Add(25 * time.Second)
			}
			if p.sms.tries != 1 || len(p.mail.messages()) != 0 || len(p.events("unknown")) != 1 {
				t.Fatalf("%d tries by SMS, %d by mail", p.sms.tries, len(p.mail.messages()))
			}
			// More than 60 s later a login goes to another carrier, if there is one, and never by itself to the same.
			s = p.begin(two("lutz"))
			p.deliver()
			if p.sms.tries != 1 || alone && len(p.mail.messages()) != 0 || s.Kind != Challenge {
				t.Fatalf("%d tries by SMS", p.sms.tries)
			}
			s = p.answer(two("lutz"), s.Token, Resend)
			p.deliver()
			box := p.sms
			if !alone {
				box = p.mail
			}
			letters, _ := p.read(box.last(t))
			want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
		})
	}
}

// A sender that dies leaves its leases: what was at the carrier is of unknown outcome, all else goes on.
func TestADeadSender(t *testing.T) {
	p := newPost(t)
	for i := range 12 {
		p.equip(fmt.Sprint("user", i), fmt.Sprintf("+4917100000%02d", i))
		p.begin(two(fmt.Sprint("user", i)))
	}
	// It claims a first handful, and is never heard of again.
	var keys [][]byte
	_ = p.Core.store.View(t.Context(), func(r store.Reader) error {
		return r.Scan(outboxPrefix("sms"), nil, func(key, _ []byte) bool {
			keys = append(keys, slices.Clone(key))
			return len(keys) < 3
		})
	})
	parcels, _, err := p.claim(t.Context(), &sendQueue{name: "sms", inFlight: map[string]bool{}}, p.sms, keys, 8, false)
	if err != nil || len(parcels) != 3 {
		t.Fatal(len(parcels), err)
	}
	p.restart()
	p.deliver()
	if n := len(p.sms.messages()); n != 9 {
		t.Fatalf("%d messages, of 9 that nobody had touched", n)
	}
	if p.left() != 3 {
		t.Fatalf("%d left", p.left())
	}
	p.now = p.now.Add(leaseFor + time.Second)
	p.deliver()
	if n := len(p.sms.messages()); n != 9 || p.left() != 0 || len(p.events("unknown")) != 3 {
		t.Fatalf("%d messages, %d left, %d unknown", n, p.left(), len(p.events("unknown")))
	}
	// The late outcome of a lost lease changes nothing.
	if err := p.settleParcel(t.Context(), parcels[0], nil, p.now); err != nil || len(p.events("taken")) != 9 {
		t.Fatal(err, len(p.events("taken")))
	}
}

// Two senders on one state send each message once.
func TestTwoNodes(t *testing.T) {
	p := newPost(t)
	for i := range 40 {
		p.equip(fmt.Sprint("user", i), fmt.Sprintf("+4917100000%02d", i))
		p.begin(two(fmt.Sprint("user", i)))
	}
	var nodes sync.WaitGroup
	for range 2 {
		q := &sendQueue{name: "sms", poke: make(chan struct{}, 1), inFlight: map[string]bool{}}
		nodes.Go(func() {
			var running sync.WaitGroup
			for range 200 {
				if _, err := p.round(t.Context(), q, &running); err != nil {
					t.Error(err)
				}
				running.Wait()
			}
		})
	}
	nodes.Wait()
	seen := map[string]bool{}
	for _, m := range p.sms.messages() {
		if seen[m.ID] {
			t.Errorf("message %s came twice", m.ID)
		}
		seen[m.ID] = true
	}
	if len(seen) != 40 || p.left() != 0 || len(p.events("taken")) != 40 {
		t.Fatalf("%d messages, %d left, %d known as taken", len(seen), p.left(), len(p.events("taken")))
	}
}

// What one node has at the carrier another one leaves alone, though it saw the entry before that was so.
func TestALeaseHolds(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	p.begin(two("lutz"))
	var keys [][]byte
	_ = p.Core.store.View(t.Context(), func(r store.Reader) error {
		return r.Scan(outboxPrefix("sms"), nil, func(key, _ []byte) bool { keys = append(keys, slices.Clone(key)); return true })
	})
	for i, want := range []int{1, 0} {
		parcels, _, err := p.claim(t.Context(), &sendQueue{name: "sms", inFlight: map[string]bool{}}, p.sms, keys, 8, false)
		if err != nil || len(parcels) != want {
			t.Fatalf("claim %d: %d parcels, %v", i, len(parcels), err)
		}
	}
	if p.left() != 1 || len(p.events("unknown")) != 0 {
		t.Fatalf("%d left, %d unknown", p.left(), len(p.events("unknown")))
	}
}

// What nobody needs any more is not sent.
func TestStaleMessagesStay(t *testing.T) {
	for name, spoil := range map[string]func(p *post){
		"disabled":     func(p *post) { _ = p.EnableUser(p.t.Context(), root, "lutz", false) },
		"locked":       func(p *post) { _ = p.LockUser(p.t.Context(), root, "lutz") },
		"removed":      func(p *post) { _ = p.RemoveUser(p.t.Context(), root, "lutz") },
		"time is over": func(p *post) { p.now = p.now.Add(3 * time.Minute) },
		"an answer replaced": func(p *post) {
			for q := range seed {
				_, _ = p.SetAnswer(p.t.Context(), root, "lutz", q, secret.New("Donaudampfschiff "+q))
			}
		},
		"number gone": func(p *post) {
			none := ""
			_, _ = p.ChangeUser(p.t.Context(), root, "lutz", UserChange{Phone: &none, Mail: &none})
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			p.equip("lutz", number)
			p.begin(two("lutz"))
			spoil(p)
			p.deliver()
			if n := len(p.sms.messages()) + len(p.mail.messages()); n != 0 || p.left() != 0 {
				t.Fatalf("%d messages, %d left", n, p.left())
			}
		})
	}
}

func TestCarriersThatAreGone(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	p.begin(two("lutz"))
	p.SetCarriers(map[string]Carrier{"mail": p.mail})
	if err := p.SweepOutbox(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.deliver()
	if len(p.mail.messages()) != 1 || p.left() != 0 {
		t.Fatalf("%d by mail, %d left", len(p.mail.messages()), p.left())
	}
	p.SetCarriers(map[string]Carrier{})
	p.now = p.now.Add(2 * time.Minute)
	want(t, p.begin(two("lutz")), Challenge, "") // the last message can still be answered
	p.equip("ute", "+491711111111")
	want(t, p.begin(two("ute")), Reject, NoAddress)
}

// The text of a message stands nowhere in the state, and nothing of it in audit or log.
func TestTheOutboxHoldsNoText(t *testing.T) {
	p := newPost(t, func(s *Settings) { s.Delivery.Notices = []string{"mail"} })
	p.equip("lutz", number)
	other := "+491722222222"
	_, _ = p.ChangeUser(t.Context(), root, "lutz", UserChange{Phone: &other})
	p.begin(two("lutz"))
	found := 0
	_ = p.Core.store.View(t.Context(), func(r store.Reader) error {
		return r.Scan([]byte{'o'}, nil, func(key, value []byte) bool {
			found++
			if text := string(value); strings.Contains(text, "Zeichen") || strings.Contains(text, "lutz@") || strings.Contains(text, "+491") {
				t.Errorf("%q holds %q", key, value)
			}
			return true
		})
	})
	if found < 2 {
		t.Fatalf("%d entries", found)
	}
	p.deliver()
	_ = p.Audit(t.Context(), AuditFilter{}, func(e AuditEntry) bool {
		if strings.Contains(e.Detail, number) || strings.Contains(e.Detail, other) || strings.Contains(e.Detail, "lutz@") || strings.Contains(e.Detail, "Zeichen") {
			t.Errorf("audit: %+v", e)
		}
		return true
	})
}

// slow is a carrier of so many messages a second, which throttles the rest.
type slow struct {
	inbox
	per int
	now time.Time
	n   int
}

func (s *slow) Send(ctx context.Context, m Message) error {
	s.mu.Lock()
	now := time.Now()
	if now.Sub(s.now) >= time.Second {
		s.now, s.n = now, 0
	}
	s.n++
	over := s.n > s.per
	wait := time.Second - now.Sub(s.now)
	s.mu.Unlock()
	if over {
		return &CarrierError{Fault: CarrierBusy, After: wait, Text: "ESME_RTHROTTLED"}
	}
	return s.inbox.Send(ctx, m)
}

// A thousand logins at once, and a carrier of fifty messages a second: all messages leave, none twice, in the order
// in which they came. Those that are at the carrier together may overtake one another: none by more than five seconds, on
// a busy machine.
func TestAThousandAtOnce(t *testing.T) {
	k, err := keys.Generate()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s, err := memory.New(memory.Config{Link: AuditLink(k)})
		if err != nil {
			t.Fatal(err)
		}
		set := settings()
		set.TokenLife = 5 * time.Minute
		set.Policies["open"] = Policy{First: FirstNone, Second: []Method{MethodPINphrase}, Realm: "default", Deliver: []string{"sms"}}
		box := &slow{inbox: inbox{kind: AddressPhone}, per: 50}
		c, err := Open(t.Context(), Config{Store: s, Keys: k, Settings: set, Carriers: map[string]Carrier{"sms": box},
			Passwords: password.NewPool(password.PoolConfig{Params: password.Params{Memory: 8, Time: 1, Threads: 1}})})
		if err != nil {
			t.Fatal(err)
		}
		const users = 1000
		for i := range users {
			name := fmt.Sprint("user", i)
			if _, _, err := c.AddUser(t.Context(), root, NewUser{Name: name, Phone: fmt.Sprintf("+49171%07d", i)}); err != nil {
				t.Fatal(err)
			}
			for q, a := range seed {
				if _, err := c.SetAnswer(t.Context(), root, name, q, secret.New(a)); err != nil {
					t.Fatal(err)
				}
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = c.Run(ctx) })
		began := time.Now()
		for i := range users {
			step, err := c.Begin(t.Context(), Attempt{Door: DoorRADIUS, NAS: "vpn", Policy: "open", User: fmt.Sprint("user", i), Source: Source{SourceNAS, "vpn"}, PasswordChecked: true})
			if err != nil || step.Kind != Challenge {
				t.Fatal(step, err)
			}
		}
		for len(box.messages()) < users && time.Since(began) < 2*time.Minute {
			time.Sleep(100 * time.Millisecond) // of the bubble's clock
		}
		took := time.Since(began)
		stop()
		running.Wait()
		if took < 18*time.Second || took > 60*time.Second {
			t.Errorf("it took %s", took)
		}
		seen := map[string]bool{}
		for i, m := range box.messages() {
			to := m.To.Reveal()
			if seen[to] {
				t.Errorf("%s has two", to)
			}
			seen[to] = true
			var n int
			if _, err := fmt.Sscanf(to, "+49171%d", &n); err != nil || n < i-5*box.per || n > i+5*box.per {
				t.Errorf("message %d is user %d's", i, n)
			}
		}
		if len(seen) != users {
			t.Errorf("%d messages", len(seen))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// A carrier that is down and comes back: nothing is lost, and who has another carrier does not wait for it.
func TestDownAndBack(t *testing.T) {
	p := newPost(t)
	var back atomic.Bool
	p.sms.fault = func(int, Message) error {
		if back.Load() {
			return nil
		}
		return &CarrierError{Fault: CarrierDown, Text: "connection refused"}
	}
	none := ""
	for i := range 30 {
		name := fmt.Sprint("user", i)
		p.equip(name, fmt.Sprintf("+4917100000%02d", i))
		if i%2 == 0 {
			if _, err := p.ChangeUser(t.Context(), root, name, UserChange{Mail: &none}); err != nil {
				t.Fatal(err)
			}
		}
		p.begin(two(name))
	}
	for range 4 {
		p.deliver()
		p.now = p.now.Add(time.Second)
	}
	if n := len(p.mail.messages()); n != 15 {
		t.Fatalf("%d by mail", n)
	}
	if p.sms.tries > 30 {
		t.Errorf("a carrier that is down was tried %d times in 4 s", p.sms.tries)
	}
	back.Store(true)
	for range 40 {
		p.deliver()
		p.now = p.now.Add(time.Second)
	}
	if n := len(p.sms.messages()); n != 15 || p.left() != 0 {
		t.Fatalf("%d by SMS, %d left", n, p.left())
	}
}
