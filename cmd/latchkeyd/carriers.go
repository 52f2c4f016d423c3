package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/latchkey/latchkey/config"
	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
	"github.com/latchkey/latchkey/core/delivery/httpgateway"
	"github.com/latchkey/latchkey/core/delivery/mail"
	"github.com/latchkey/latchkey/core/delivery/smpp"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/localapi"
)

// carriers are the ways out for messages, by name. A reload swaps those whose configuration has changed and leaves the
// others alone, with their connections: core holds the slots, which stay.
type carriers struct {
	log *slog.Logger
	now func() time.Time
	// ring brings a message to its user's phones.
	ring func(context.Context, core.Message) error

	mu    sync.Mutex
	slots map[string]*slot
}

// closable is a carrier with something to end. Close lets what is under way end first, within reason.
type closable interface{ Close() }

// slot is a core.Carrier that stands for one name, whoever serves it now. It counts.
type slot struct {
	name string
	now  func() time.Time

	mu      sync.Mutex
	config  config.Carrier
	carrier core.Carrier
	sent    uint64
	failed  uint64
	last    string // fault
	lastAt  time.Time
}

// Address implements core.Carrier.
func (s *slot) Address() core.AddressKind { return s.current().Address() }

// AtOnce implements core.AtOnce: how many messages the carrier bears at once; 0: it does not say.
func (s *slot) AtOnce() int {
	if own, ok := s.current().(core.AtOnce); ok {
		return own.AtOnce()
	}
	return 0
}

func (s *slot) current() core.Carrier {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.carrier
}

// Send implements core.Carrier.
func (s *slot) Send(ctx context.Context, m core.Message) error {
	carrier := s.current()
	err := carrier.Send(ctx, m)
	var fault *core.CarrierError
	if errors.As(err, &fault) && fault.Fault == core.CarrierDown && s.current() != carrier && ctx.Err() == nil {
		// A reload came in between, and it was not taken over: the new one may.
		err = s.current().Send(ctx, m)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.sent++
		return nil
	}
	s.failed++
	s.last, s.lastAt = faultText(err), s.now()
	return err
}

// faultText is what may be shown of an error: only a carrier's own holds no secret for sure.
func faultText(err error) string {
	var fault *core.CarrierError
	if errors.As(err, &fault) {
		return fault.Error()
	}
	return "internal"
}

func (s *slot) status() localapi.CarrierStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := localapi.CarrierStatus{Name: s.name, Kind: kindOf(s.config), Address: s.carrier.Address(), Up: true, Sent: s.sent, Failed: s.failed, LastError: s.last}
	if !s.lastAt.IsZero() {
		at := s.lastAt.UTC()
		st.LastErrorAt = &at
	}
	if stated, ok := s.carrier.(delivery.Stated); ok {
		state := stated.State()
		st.Up, st.State = state.Up, state.Detail
	}
	return st
}

func kindOf(c config.Carrier) string {
	switch {
	case c.SMPP != nil:
		return "smpp"
	case c.HTTP != nil:
		return "http"
	case c.Kannel != nil:
		return "kannel"
	case c.Mail != nil:
		return "mail"
	case c.Push != nil:
		return "push"
	}
	return ""
}

func newCarriers(log *slog.Logger) *carriers {
	return &carriers{log: log, now: time.Now, slots: map[string]*slot{}}
}

// take makes the carriers of a configuration, all or none. It gives them by name, for core.
func (c *carriers) take(list []config.Carrier) (map[string]core.Carrier, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	made := map[string]core.Carrier{}
	for _, want := range list {
		if have, ok := c.slots[want.Name]; ok && reflect.DeepEqual(have.config, want) {
			continue
		}
		carrier, err := c.open(want)
		if err != nil {
			for _, m := range made {
				end(m)
			}
			return nil, fmt.Errorf("carriers.%s: %w", want.Name, err)
		}
		made[want.Name] = carrier
	}
	all, slots := map[string]core.Carrier{}, map[string]*slot{}
	for _, want := range list {
		s, ok := c.slots[want.Name]
		switch carrier, fresh := made[want.Name]; {
		case !ok:
			s = &slot{name: want.Name, now: c.now, config: want, carrier: carrier}
		case fresh:
			s.mu.Lock()
			old := s.carrier
			s.config, s.carrier = want, carrier
			s.mu.Unlock()
			go end(old)
		}
		slots[want.Name], all[want.Name] = s, s
	}
	for name, s := range c.slots {
		if _, stays := slots[name]; !stays {
			go end(s.current())
		}
	}
	c.slots = slots
	return all, nil
}

// open makes one carrier.
func (c *carriers) open(k config.Carrier) (core.Carrier, error) {
	switch {
	case k.HTTP != nil:
		auth := httpgateway.Auth(k.HTTP.Auth)
		if auth == "none" {
			auth = httpgateway.AuthNone
		}
		return httpgateway.New(httpgateway.Config{
			Method: k.HTTP.Method, URL: k.HTTP.URL, Headers: k.HTTP.Headers, Body: k.HTTP.Body, From: k.HTTP.From, Number: delivery.NumberForm(k.HTTP.Number),
			User: k.HTTP.User, Secret: k.HTTP.Secret, Auth: auth, Success: k.HTTP.Success, Answer: k.HTTP.Answer, Busy: k.HTTP.Busy, Timeout: k.HTTP.Timeout, CA: k.HTTP.CA,
		})
	case k.Kannel != nil:
		return httpgateway.NewKannel(httpgateway.KannelConfig{
			URL: k.Kannel.URL, User: k.Kannel.User, Password: k.Kannel.Password, From: k.Kannel.From, SMSC: k.Kannel.SMSC,
			Number: delivery.NumberForm(k.Kannel.Number), Timeout: k.Kannel.Timeout, CA: k.Kannel.CA,
		})
	case k.SMPP != nil:
		return smpp.New(smpp.Config{
			Address: k.SMPP.Address, TLS: k.SMPP.TLS, CA: k.SMPP.CA, SystemID: k.SMPP.SystemID, Password: k.SMPP.Password, SystemType: k.SMPP.SystemType,
			Source: k.SMPP.Source, SourceTON: k.SMPP.SourceTON, SourceNPI: k.SMPP.SourceNPI, DestTON: k.SMPP.DestTON, DestNPI: k.SMPP.DestNPI,
			Plus: k.SMPP.Plus, UCS2Only: k.SMPP.UCS2Only, Receipts: k.SMPP.Receipts, Window: k.SMPP.Window, MaxParts: k.SMPP.MaxParts,
			Enquire: k.SMPP.Enquire, Timeout: k.SMPP.Timeout, Log: c.log.With("carrier", k.Name),
		})
	case k.Mail != nil:
		return mail.New(mail.Config{
			Server: k.Mail.Server, Security: mail.Security(k.Mail.TLS), User: k.Mail.User, Password: k.Mail.Password, From: k.Mail.From,
			Hello: k.Mail.Hello, Timeout: k.Mail.Timeout, CA: k.Mail.CA,
		})
	case k.Push != nil:
		return phones{c.ring}, nil
	}
	return nil, errors.New("this kind is not there")
}

// phones is the carrier that rings users' phones. What they show they ask core for.
type phones struct {
	ring func(context.Context, core.Message) error
}

// Address implements core.Carrier.
func (phones) Address() core.AddressKind { return core.AddressDevice }

// Send implements core.Carrier.
func (p phones) Send(ctx context.Context, m core.Message) error { return p.ring(ctx, m) }

func end(c core.Carrier) {
	if c, ok := c.(closable); ok {
		c.Close()
	}
}

// close ends them all.
func (c *carriers) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ends sync.WaitGroup
	for _, s := range c.slots {
		ends.Go(func() { end(s.current()) })
	}
	ends.Wait()
}

// status is for `latchkey status`, in the order of names.
func (c *carriers) status() []localapi.CarrierStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []localapi.CarrierStatus
	for _, name := range slices.Sorted(maps.Keys(c.slots)) {
		list = append(list, c.slots[name].status())
	}
	return list
}

// Test implements localapi.Carriers.
func (a *appliance) Test(ctx context.Context, actor core.Actor, name, address string) (localapi.CarrierTest, error) {
	s, ok := a.carriers.named(name)
	if !ok {
		return localapi.CarrierTest{}, &core.Problem{Kind: core.ErrInvalid, Text: fmt.Sprintf("there is no carrier %q", name), Hint: a.carriers.known()}
	}
	if s.Address() == core.AddressDevice {
		return localapi.CarrierTest{}, &core.Problem{
			Kind: core.ErrInvalid, Text: name + " rings the phones of users, and brings them nothing but their own questions", Hint: "begin a login under a policy that delivers by " + name + ", and look with `latchkey user show`",
		}
	}
	if s.Address() == core.AddressPhone {
		if _, ok := delivery.Number(address, delivery.NumberPlus); !ok {
			return localapi.CarrierTest{}, &core.Problem{Kind: core.ErrInvalid, Text: name + " needs a telephone number", Hint: "with its country: +491711234567"}
		}
	}
	// Before it leaves: an administrator may send to anybody, and it shall be seen that one did.
	if err := a.core.Load().AuditCarrierTest(ctx, actor, name+" to "+delivery.Masked(address)); err != nil {
		return localapi.CarrierTest{}, err
	}
	ctx, said := delivery.Listening(ctx)
	began := time.Now()
	err := s.Send(ctx, core.Message{
		ID: "test-" + strings.ToLower(rand.Text()), To: secret.New(address), Subject: "Latchkey",
		Text: secret.New(testText(a.cfg.Load().Settings.Language)), Until: began.Add(testLife),
	})
	result := localapi.CarrierTest{Name: name, Taken: err == nil, Answer: *said, TookMS: time.Since(began).Milliseconds()}
	var fault *core.CarrierError
	switch {
	case err == nil:
	case errors.As(err, &fault):
		result.Fault, result.Error = string(fault.Fault), fault.Text
	default:
		result.Fault, result.Error = string(core.CarrierDown), "internal"
	}
	a.log.Info("a carrier was tested", "carrier", name, "to", delivery.Masked(address), "taken", result.Taken, "fault", result.Fault, "error", result.Error)
	return result, nil
}

// testLife is how long a test message is of use.
const testLife = 10 * time.Minute

func testText(tag string) string {
	if tag == "de" {
		return "Latchkey: Testnachricht. Umlaute: äöüß. Bitte nichts tun."
	}
	return "Latchkey: a test message. Umlauts: äöüß. There is nothing to do."
}

func (c *carriers) named(name string) (*slot, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.slots[name]
	return s, ok
}

// known is a hint.
func (c *carriers) known() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.slots) == 0 {
		return "`carriers` in latchkey.yaml has none"
	}
	return "there is " + strings.Join(slices.Sorted(maps.Keys(c.slots)), ", ")
}
