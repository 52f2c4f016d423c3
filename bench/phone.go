package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"text/template"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/phone"
	"github.com/latchkey/latchkey/radiusd/radclient"
)

// Logins that wait for a phone: how long the gateway's reply takes from the approval on. Phones are those of
// package phone, over HTTPS, in this process.

//go:embed phone.yaml.tmpl
var phoneTemplate string

const phoneOwners = 16

var phonePIN = secret.New("739164")

// owner is a person with a phone, and a gateway's socket.
type owner struct {
	name    string
	phone   *phone.Phone
	gateway *radclient.Client
}

// approval is one measurement.
type approval struct {
	sent     time.Time // the pick is signed and sent from here on
	answered time.Time // the phone has its reply
	accepted time.Time // the gateway has its Accept
}

// phones measures approvals until the time is over, and prints what came out.
func (b *bench) phones(ctx context.Context) error {
	owners, err := b.phoneOwners(ctx)
	if err != nil {
		return err
	}
	b.say("approvals on the phone: %d logins wait at once and are approved one by one", len(owners))
	var all []approval
	for end := time.Now().Add(b.seconds); time.Now().Before(end) || len(all) < 100; {
		round, err := approveAll(ctx, owners)
		if err != nil {
			return err
		}
		all = append(all, round...)
	}
	all = all[len(owners):] // the first round warms up
	b.say("\n| approvals on the phone, %d of them | p50 ms | p99 ms | max ms |\n| --- | --- | --- | --- |", len(all))
	for _, row := range []struct {
		what     string
		from, to func(approval) time.Time
	}{
		{"from the phone's signature to the Access-Accept", approval.begun, approval.ended},
		{"from the phone's signature to the phone's own reply", approval.begun, approval.told},
		{"from the phone's own reply to the Access-Accept", approval.told, approval.ended},
	} {
		var s series
		for _, one := range all {
			s = append(s, row.to(one).Sub(row.from(one)).Seconds()*1000)
		}
		slices.Sort(s)
		b.say("| %s | %.1f | %.1f | %.1f |", row.what, s.median(), s[len(s)*99/100], s[len(s)-1])
	}
	return nil
}

func (a approval) begun() time.Time { return a.sent }
func (a approval) told() time.Time  { return a.answered }
func (a approval) ended() time.Time { return a.accepted }

// approveAll begins a login for each, lets all of them wait, and approves one after the other.
func approveAll(ctx context.Context, owners []*owner) ([]approval, error) {
	measured := make([]approval, len(owners))
	failed := make([]error, len(owners))
	symbols := make([]mobile.Symbol, len(owners))
	var waiting sync.WaitGroup
	defer waiting.Wait()
	for i, o := range owners {
		shown, err := o.gateway.Ask(ctx, radclient.Request{User: o.name, Password: secret.New(phonePassword)})
		if err != nil {
			return nil, err
		}
		var name string
		if _, err := fmt.Sscanf(shown.Message, "Symbol: %s", &name); shown.Code != radclient.Challenge || err != nil {
			return nil, fmt.Errorf("%s: %v %q", o.name, shown.Code, shown.Message)
		}
		if symbols[i], err = mobile.ParseSymbol(name); err != nil {
			return nil, err
		}
		waiting.Go(func() {
			reply, err := o.gateway.Ask(ctx, radclient.Request{User: o.name, State: shown.State})
			measured[i].accepted = time.Now()
			if err == nil && reply.Code != radclient.Accept {
				err = fmt.Errorf("%s: %v %q", o.name, reply.Code, reply.Message)
			}
			failed[i] = err
		})
	}
	for i, o := range owners {
		opened, err := o.phone.Open(ctx, phonePIN)
		if err != nil {
			return nil, err
		}
		measured[i].sent = time.Now()
		if _, err := opened.Approve(ctx, symbols[i]); err != nil {
			return nil, err
		}
		measured[i].answered = time.Now()
	}
	waiting.Wait()
	return measured, cmp.Or(failed...)
}

const phonePassword = "correct horse battery staple"

// phoneOwners starts an appliance and gives its people phones.
func (b *bench) phoneOwners(ctx context.Context) ([]*owner, error) {
	address, err := free()
	if err != nil {
		return nil, err
	}
	l := &latchkey{binaries: b.binaries, name: "phones", dir: b.path("phones"), address: address}
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(l.config(), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = template.Must(template.New("").Parse(phoneTemplate)).Execute(f, map[string]any{
		"Dir": l.dir, "Listen": address, "Secret": sharedSecret, "Gateway": gateway, "Questions": labelled(),
	})
	if err = cmp.Or(err, f.Close()); err != nil {
		return nil, err
	}
	err = l.start()
	if l.running != nil {
		b.running = append(b.running, l.running)
	}
	if err != nil {
		return nil, err
	}
	p := people{prefix: "h", count: phoneOwners, password: phonePassword}
	if _, err := l.enrol(p, true); err != nil {
		return nil, err
	}
	var owners []*owner
	for i := range p.count {
		o, err := newOwner(ctx, l, string(p.Name(nil, i)))
		if err != nil {
			return nil, err
		}
		owners = append(owners, o)
	}
	return owners, nil
}

func newOwner(ctx context.Context, l *latchkey, name string) (*owner, error) {
	out, err := l.ask("device", "invite", name, "--trusted")
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, tail(out))
	}
	var invitation struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(out[slices.Index(out, '{'):], &invitation); err != nil {
		return nil, err
	}
	o := &owner{name: name}
	if o.phone, err = phone.Enrol(ctx, phone.Config{Storage: &inMemory{}}, invitation.URL, name, phonePIN); err != nil {
		return nil, err
	}
	o.gateway, err = radclient.Dial(radclient.Config{Server: l.address.String(), Secret: secret.New(sharedSecret), NASIdentifier: "bench", Timeout: time.Minute, Tries: 1})
	return o, err
}

// inMemory is a phone's storage whose durability costs nothing: it is the appliance that is measured.
type inMemory struct {
	mu    sync.Mutex
	state []byte
}

// Lock implements phone.Storage.
func (m *inMemory) Lock(context.Context) (func(), error) {
	m.mu.Lock()
	return m.mu.Unlock, nil
}

// Read implements phone.Storage.
func (m *inMemory) Read() ([]byte, error) {
	if len(m.state) == 0 {
		return nil, fs.ErrNotExist
	}
	return m.state, nil
}

// Write implements phone.Storage.
func (m *inMemory) Write(state []byte) error {
	m.state = slices.Clone(state)
	return nil
}
