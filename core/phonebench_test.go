package core

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/store/memory"
)

// What phones cost the core, without a door and without a disk. docs/benchmarks.md has the figures.

// benchPhone is an active phone whose record was written straight into the store.
type benchPhone struct {
	*Core
	b        *testing.B
	user     string
	id       mobile.DeviceID
	key      *ecdsa.PrivateKey
	approval *rsa.PrivateKey
	counter  uint64
	spent    time.Duration // in the core alone: a real phone signs elsewhere
}

// newBenchCore's passwords are hashed as lightly as can be: what that costs is measured elsewhere.
func newBenchCore(b *testing.B) *Core {
	k, err := keys.Generate()
	if err != nil {
		b.Fatal(err)
	}
	s, err := memory.New(memory.Config{Link: AuditLink(k)})
	if err != nil {
		b.Fatal(err)
	}
	set := settings()
	set.Device = DeviceSettings{Origin: "https://latchkey.example.org:8443", Appliance: "Example", PendingFor: 10 * time.Minute}
	set.Policies["phone"] = Policy{First: FirstPassword, Second: []Method{MethodApp}, Realm: "default"}
	c, err := Open(b.Context(), Config{Store: s, Keys: k, Settings: set, Now: time.Now,
		Passwords: password.NewPool(password.PoolConfig{Params: password.Params{Memory: 8, Time: 1, Threads: 1}})})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = c.Run(ctx); close(done) }()
	b.Cleanup(func() { cancel(); <-done })
	return c
}

func newBenchKeys(b *testing.B) (*ecdsa.PrivateKey, *rsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	approval, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	return key, approval
}

// newBenchPhone makes a user with a phone that has these keys.
func newBenchPhone(b *testing.B, c *Core, user string, key *ecdsa.PrivateKey, approval *rsa.PrivateKey) *benchPhone {
	p := &benchPhone{Core: c, b: b, user: user, key: key, approval: approval}
	_, _ = rand.Read(p.id[:])
	if _, _, err := c.AddUser(b.Context(), root, NewUser{Name: user}); err != nil {
		b.Fatal(err)
	}
	if err := c.SetPassword(b.Context(), root, user, secret.New("correct horse")); err != nil {
		b.Fatal(err)
	}
	share, err := c.newShare(p.id, 1)
	if err != nil {
		b.Fatal(err)
	}
	deviceKey, _ := x509.MarshalPKIXPublicKey(&key.PublicKey)
	approvalKey, _ := x509.MarshalPKIXPublicKey(&approval.PublicKey)
	err = c.store.Update(b.Context(), func(t store.Txn) error {
		who, err := c.lookup(t, user)
		if err != nil {
			return err
		}
		d := deviceRecord{User: who.id, Name: user, State: deviceActive, DeviceKey: deviceKey, Generation: c.generation,
			Keys: []approvalRecord{{Generation: 1, Key: approvalKey, Share: share}}}
		if err := put(t, keyDevices(who.id), devicesRecord{IDs: []mobile.DeviceID{p.id}}); err != nil {
			return err
		}
		return put(t, keyDevice(p.id), d)
	})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func (p *benchPhone) attempt() Attempt {
	return Attempt{Door: DoorRADIUS, NAS: "vpn", Policy: "phone", User: p.user, Password: secret.New("correct horse"), Source: Source{SourceNAS, "vpn"}}
}

func (p *benchPhone) begin() Step {
	step, err := p.Begin(p.b.Context(), p.attempt())
	if err != nil || step.Kind != Challenge || !step.Waiting {
		p.b.Fatal(step, err)
	}
	return step
}

// call makes one signed call, and counts what the core takes for it.
func (p *benchPhone) call(op string, in, out any) {
	p.counter++
	body, err := json.Marshal(in)
	if err != nil {
		p.b.Fatal(err)
	}
	path := "/api/v1/device/" + op
	signature, err := mobile.SignCall(p.key, mobile.Call(p.id, p.counter, "POST", path, body))
	if err != nil {
		p.b.Fatal(err)
	}
	began := time.Now()
	reply, err := p.Device(p.b.Context(), DeviceCall{Request: "r", Method: "POST", Path: path, Op: op, Device: p.id.String(), Counter: p.counter,
		Signature: signature, Body: body, Remote: "198.51.100.3"})
	p.spent += time.Since(began)
	if err != nil {
		p.b.Fatal(op, err)
	}
	if err := json.Unmarshal(reply, out); err != nil {
		p.b.Fatal(err)
	}
}

func (p *benchPhone) sign(message []byte) mobile.Bytes {
	s, err := mobile.SignApproval(p.approval, message)
	if err != nil {
		p.b.Fatal(err)
	}
	return s
}

// BenchmarkApproval has the three calls of an approval, one after the other, on one processor: what the core needs
// for each, signatures of the phone left out. evaluate is an OPRF evaluation with its count; open and approve verify an
// RSA signature each; all verify the call's ECDSA signature.
func BenchmarkApproval(b *testing.B) {
	c := newBenchCore(b)
	key, approval := newBenchKeys(b)
	p := newBenchPhone(b, c, "lutz", key, approval)
	pin := secret.New("739164")
	var evaluating, openings, approving time.Duration
	took := func(into *time.Duration) { *into += p.spent; p.spent = 0 }
	for b.Loop() {
		step := p.begin()
		blinding, err := mobile.Blind(mobile.PINInput(p.id, pin))
		if err != nil {
			b.Fatal(err)
		}
		var e turn
		p.call("pin/evaluate", map[string]any{"blinded": mobile.Bytes(blinding.Blinded()), "purpose": "unlock", "generation": 1}, &e)
		took(&evaluating)
		var o opening
		p.call("open", map[string]any{"evaluation": e.Evaluation, "signature": p.sign(mobile.Open(p.id, e.Evaluation, e.Nonce))}, &o)
		took(&openings)
		symbol := symbolIn(b, step.Prompt)
		p.call("approve", map[string]any{"nonce": o.Nonce, "symbol": symbol,
			"signature": p.sign(mobile.Approve(p.id, o.Nonce, symbol, [32]byte(o.Displayed)))}, &struct{}{})
		took(&approving)
		if got, err := c.Answer(b.Context(), Reply{Attempt: p.attempt(), Token: step.Token}); err != nil || got.Kind != Accept {
			b.Fatal(got, err)
		}
	}
	perSecond := func(d time.Duration) float64 { return float64(b.N) / d.Seconds() }
	b.ReportMetric(perSecond(evaluating), "evaluate/s")
	b.ReportMetric(perSecond(openings), "open/s")
	b.ReportMetric(perSecond(approving), "approve/s")
	b.ReportMetric(perSecond(evaluating+openings+approving), "approvals/s")
}

func symbolIn(b *testing.B, prompt string) mobile.Symbol {
	for _, s := range mobile.Symbols() {
		if strings.HasPrefix(prompt, "Symbol: "+s.Upper(language.German)+" ") {
			return s
		}
	}
	b.Fatalf("no symbol in %q", prompt)
	return ""
}

// BenchmarkPhoneCryptography is the arithmetic alone, on all processors: an OPRF evaluation, the verification of an RSA
// signature with its key read from the record, and that of a call.
func BenchmarkPhoneCryptography(b *testing.B) {
	key, approval := newBenchKeys(b)
	share, err := mobile.NewOPRFKey()
	if err != nil {
		b.Fatal(err)
	}
	blinding, err := mobile.Blind(mobile.PINInput(mobile.DeviceID{1}, secret.New("739164")))
	if err != nil {
		b.Fatal(err)
	}
	message := mobile.Call(mobile.DeviceID{1}, 1, "POST", "/api/v1/device/approve", make([]byte, 500))
	call, _ := mobile.SignCall(key, message)
	pick, _ := mobile.SignApproval(approval, message)
	deviceKey, _ := x509.MarshalPKIXPublicKey(&key.PublicKey)
	approvalKey, _ := x509.MarshalPKIXPublicKey(&approval.PublicKey)
	for name, once := range map[string]func() error{
		"evaluate": func() error {
			_, err := mobile.Evaluate(share, blinding.Blinded())
			return err
		},
		"verify=approval": func() error {
			k, err := mobile.ParseApprovalKey(approvalKey)
			if err != nil {
				return err
			}
			return k.Verify(message, pick)
		},
		"verify=call": func() error {
			k, err := mobile.ParseDeviceKey(deviceKey)
			if err != nil {
				return err
			}
			return k.Verify(message, call)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := once(); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
		})
	}
}

// BenchmarkWaiting holds 100,000 logins, two of each of 50,000 users, and tells what each adds to memory: as stored, which
// is all that it needs between two rounds, and with a round asleep in the core. One run takes some seconds; give it
// -benchtime 1x.
func BenchmarkWaiting(b *testing.B) {
	const users = 50_000
	c := newBenchCore(b)
	key, approval := newBenchKeys(b)
	phones := make([]*benchPhone, users)
	for i := range phones {
		phones[i] = newBenchPhone(b, c, fmt.Sprint("user", i), key, approval)
	}
	for b.Loop() {
		before := inUse()
		tokens := make([][2]string, users)
		for i, p := range phones {
			tokens[i] = [2]string{p.begin().Token, p.begin().Token}
		}
		stored := inUse() - before

		ctx, wake := context.WithCancel(b.Context())
		var asleep sync.WaitGroup
		var failed atomic.Int64
		for i, p := range phones {
			for _, token := range tokens[i] {
				asleep.Add(1)
				_, later, err := c.AnswerLater(ctx, Reply{Attempt: p.attempt(), Token: token, Wait: 10 * time.Minute}, func() (context.Context, func(Step, error)) {
					return ctx, func(step Step, err error) {
						if err != nil || step.Kind != Challenge {
							failed.Add(1)
						}
						asleep.Done()
					}
				})
				if !later {
					b.Fatal("a login does not wait: ", err)
				}
			}
		}
		waiting := inUse() - before
		runtime.KeepAlive(tokens)
		b.ReportMetric(float64(stored)/(2*users), "B/stored")
		b.ReportMetric(float64(waiting)/(2*users), "B/asleep")
		wake()
		asleep.Wait()
		if n := failed.Load(); n > 0 {
			b.Fatalf("%d logins did not wait", n)
		}
	}
}

// inUse is what the process needs for its heap and its stacks, garbage left out.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
