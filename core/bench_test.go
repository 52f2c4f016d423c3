package core

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store/memory"
)

// BenchmarkLogin is a whole login of two rounds without a door and without a disk.
func BenchmarkLogin(b *testing.B) {
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
	now := time.Now()
	c, err := Open(b.Context(), Config{Store: s, Keys: k, Settings: set, Now: func() time.Time { return now },
		Passwords: password.NewPool(password.PoolConfig{Params: password.Params{Memory: 8, Time: 1, Threads: 1}})})
	if err != nil {
		b.Fatal(err)
	}
	const users = 2000
	answers := map[string]string{}
	for q := range seed {
		answers[q] = "Donaudampfschifffahrts" + strings.ReplaceAll(q, "_", "")
	}
	for i := range users {
		name := fmt.Sprint("user", i)
		if _, _, err := c.AddUser(b.Context(), root, NewUser{Name: name}); err != nil {
			b.Fatal(err)
		}
		for q, a := range answers {
			if _, err := c.SetAnswer(b.Context(), root, name, q, secret.New(a)); err != nil {
				b.Fatal(err)
			}
		}
	}
	var n atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			a := Attempt{Door: DoorRADIUS, NAS: "vpn", Policy: "bare", User: fmt.Sprint("user", n.Add(1)%users), Source: Source{SourceNAS, "vpn"}}
			step, err := c.Begin(b.Context(), a)
			if err != nil || step.Kind != Challenge {
				b.Fatal(step, err)
			}
			letters := solveFor(set, step.Prompt, answers)
			got, err := c.Answer(b.Context(), Reply{Attempt: a, Token: step.Token, Text: secret.New(letters)})
			if err != nil || got.Kind != Accept {
				b.Fatal(got, err)
			}
		}
	})
}

func solveFor(set Settings, prompt string, answers map[string]string) string {
	return solve(&testing.T{}, set.PINphrase.Questions, prompt, answers)
}
