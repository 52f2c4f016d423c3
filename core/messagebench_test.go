package core

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store/memory"
)

// null is a carrier that takes everything, and hands it to who waits for it.
type null struct{ got sync.Map } // number → chan string

func (*null) Address() AddressKind { return AddressPhone }
func (*null) AtOnce() int          { return 64 }

func (n *null) Send(_ context.Context, m Message) error {
	box, _ := n.got.LoadOrStore(m.To.Reveal(), make(chan string, 4))
	box.(chan string) <- m.Text.Reveal()
	return nil
}

// BenchmarkMessageLogin is BenchmarkLogin with the question by a carrier that costs no time: begin, outbox, sender,
// answer; or sent ahead, when the login finds its message there.
func BenchmarkMessageLogin(b *testing.B) {
	for _, presend := range []bool{false, true} {
		b.Run(map[bool]string{false: "at login", true: "ahead"}[presend], func(b *testing.B) { benchmarkMessages(b, presend) })
	}
}

func benchmarkMessages(b *testing.B, presend bool) {
	k, err := keys.Generate()
	if err != nil {
		b.Fatal(err)
	}
	s, err := memory.New(memory.Config{Link: AuditLink(k)})
	if err != nil {
		b.Fatal(err)
	}
	set := settings()
	set.PINphrase.ExposureStop, set.PINphrase.ExposureWarn = 0, 0
	set.Policies["open"] = Policy{First: FirstNone, Second: []Method{MethodPINphrase}, Realm: "default", Deliver: []string{"sms"}, Presend: presend}
	box := &null{}
	c, err := Open(b.Context(), Config{Store: s, Keys: k, Settings: set, Carriers: map[string]Carrier{"sms": box},
		Passwords: password.NewPool(password.PoolConfig{Params: password.Params{Memory: 8, Time: 1, Threads: 1}})})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = c.Run(ctx) })
	defer func() { stop(); running.Wait() }()
	const users = 2000
	answers := map[string]string{}
	for q := range seed {
		answers[q] = "Donaudampfschifffahrts" + strings.ReplaceAll(q, "_", "")
	}
	free := make(chan int, users) // nobody logs in twice at once
	for i := range users {
		name := fmt.Sprint("user", i)
		if _, _, err := c.AddUser(b.Context(), root, NewUser{Name: name, Phone: fmt.Sprintf("+49171%07d", i)}); err != nil {
			b.Fatal(err)
		}
		for q, a := range answers {
			if _, err := c.SetAnswer(b.Context(), root, name, q, secret.New(a)); err != nil {
				b.Fatal(err)
			}
		}
		free <- i
	}
	questions := pinphrase.SampleQuestions()
	for i := range questions {
		questions[i].Phrase = questions[i].MessagePhrase
	}
	var done atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := <-free
			a := Attempt{Door: DoorRADIUS, NAS: "vpn", Policy: "open", User: fmt.Sprint("user", i), Source: Source{SourceNAS, "vpn"}, PasswordChecked: true}
			step, err := c.Begin(b.Context(), a)
			if err != nil || step.Kind != Challenge {
				b.Fatal(step, err)
			}
			mine, _ := box.got.LoadOrStore(fmt.Sprintf("+49171%07d", i), make(chan string, 4))
			var text string
			select {
			case text = <-mine.(chan string):
			case <-time.After(30 * time.Second):
				b.Fatal("no message came")
			}
			text, _, _ = strings.Cut(text, " ein. (")
			got, err := c.Answer(b.Context(), Reply{Attempt: a, Token: step.Token, Text: secret.New(solve(&testing.T{}, questions, text+".", answers))})
			if err != nil || got.Kind != Accept {
				b.Fatal(got, err)
			}
			done.Add(1)
			free <- i
		}
	})
}
