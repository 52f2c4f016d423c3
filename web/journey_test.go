package web

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store/memory"
	"github.com/latchkey/latchkey/phone"
)

// appliance is core itself behind the door, and the reference phone before it: nothing is played.
type appliance struct {
	*core.Core
	*door
	seen *witness
	t    *testing.T
}

var root = core.Actor{Name: "root", Role: core.RoleAdmin}

func newAppliance(t *testing.T) *appliance {
	t.Helper()
	k, err := keys.Generate()
	if err != nil {
		t.Fatal(err)
	}
	s, err := memory.New(memory.Config{Link: core.AuditLink(k)})
	if err != nil {
		t.Fatal(err)
	}
	certificates, err := LocalAuthority(Authority{Dir: t.TempDir(), URL: testOrigin})
	if err != nil {
		t.Fatal(err)
	}
	c, err := core.Open(t.Context(), core.Config{
		Store: s, Keys: k, Passwords: password.NewPool(password.PoolConfig{Params: password.Params{Memory: 8, Time: 1, Threads: 1}}),
		Settings: core.Settings{
			Language:    "en",
			Policies:    map[string]core.Policy{"vpn": {First: core.FirstPassword, Second: []core.Method{core.MethodApp, core.MethodPINphrase}, Realm: "default"}},
			SelfService: core.SelfServiceSettings{Policy: "vpn", RecoveryCodes: 10},
			Locks:       core.Locks{PairAfter: 3, PairFor: time.Hour, UserAfter: 20, UserHalves: time.Hour, SourceAfter: 30, SourceFor: time.Hour},
			PINphrase:   pinphrase.Defaults(), CodeWords: core.CodeWords{Words: 4, Valid: time.Hour, SelfService: true},
			Device: core.DeviceSettings{Origin: testOrigin, Pin: certificates.Pin(), Appliance: "Example"},
			Hosts: core.HostSettings{Served: true, Fleet: []core.HostRule{
				{Match: "web*", Policy: "vpn", Users: []string{"lutz"}, TrustRHost: true}, {Match: "idle", Policy: "vpn"},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() { _ = c.Run(ctx); close(ran) }()
	t.Cleanup(func() { cancel(); <-ran })
	for _, err := range []error{second(c.AddUser(t.Context(), root, core.NewUser{Name: "lutz"})), c.SetPassword(t.Context(), root, "lutz", secret.New("latchkey-demo"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	a := &appliance{Core: c, t: t}
	a.door, a.seen = openWitnessed(t, c, func(cfg *Config) {
		cfg.Certificates, cfg.SelfService = certificates, func() core.SelfService { return c }
		cfg.Hosts = func() core.Hosts { return c }
	}, describe(t))
	return a
}

func second[A, B any](_ A, _ B, err error) error { return err }

func (a *appliance) phone() phone.Config {
	return phone.Config{Storage: phone.File(filepath.Join(a.t.TempDir(), "phone")), Dial: a.dial, Silence: patience}
}

func (a *appliance) enrol(config phone.Config, trusted bool) *phone.Phone {
	a.t.Helper()
	url, _, err := a.InviteDevice(a.t.Context(), root, "lutz", trusted)
	if err != nil {
		a.t.Fatal(err)
	}
	p, err := phone.Enrol(a.t.Context(), config, url.Reveal(), "Fairphone", pin)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(p.Close)
	return p
}

var pin = secret.New("739164")

func (a *appliance) attempt() core.Attempt {
	return core.Attempt{Request: "r", Door: core.DoorRADIUS, NAS: "vpn", Policy: "vpn", User: "lutz",
		Source: core.Source{Kind: core.SourcePerson, Value: "192.0.2.7"}, Password: secret.New("latchkey-demo")}
}

// login begins one; it gives the symbol that its prompt shows, and what it comes to.
func (a *appliance) login() (mobile.Symbol, func() core.Step) {
	a.t.Helper()
	s, err := a.Begin(a.t.Context(), a.attempt())
	if err != nil || s.Kind != core.Challenge {
		a.t.Fatalf("%+v %v", s, err)
	}
	for _, symbol := range mobile.Symbols() {
		if strings.HasPrefix(s.Prompt, "Symbol: "+symbol.Upper(language.English)) {
			return symbol, func() core.Step {
				a.t.Helper()
				end, err := a.Answer(a.t.Context(), core.Reply{Attempt: a.attempt(), Token: s.Token, Wait: patience})
				if err != nil {
					a.t.Fatal(err)
				}
				return end
			}
		}
	}
	a.t.Fatalf("no symbol in %q", s.Prompt)
	return "", nil
}

func (a *appliance) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// refused wants a code of the protocol.
func (a *appliance) refused(err error, code phone.Code) {
	a.t.Helper()
	if !errors.Is(err, code) {
		a.t.Errorf("%v, want %s", err, code)
	}
}

func TestTheWholeJourney(t *testing.T) {
	a := newAppliance(t)
	ctx := t.Context()
	config := a.phone()
	p := a.enrol(config, false)
	_, err := p.Pendings(ctx)
	a.refused(err, phone.DeviceInert)
	if _, err := a.ConfirmDevice(ctx, root, "lutz", p.CheckCode()); err != nil {
		t.Fatal(err)
	}

	// A login is heard of, opened, approved.
	heard := make(chan []phone.Pending, 1)
	go func() {
		list, err := p.Wait(ctx)
		if err != nil {
			t.Error(err)
		}
		heard <- list
	}()
	symbol, end := a.login()
	if list := <-heard; len(list) != 1 || !strings.HasSuffix(list[0].Source, "192.0.2.7") {
		t.Errorf("heard of %+v", list)
	}
	_, err = p.Open(ctx, secret.New("845190"))
	if wrong := (*phone.WrongPIN)(nil); !errors.As(err, &wrong) {
		t.Errorf("a wrong PIN: %v", err)
	}
	if _, err := p.Approve(ctx, pin, symbol); err != nil {
		t.Fatal(err)
	}
	if s := end(); s.Kind != core.Accept {
		t.Errorf("%+v", s)
	}

	// One is denied, one gets a wrong symbol.
	_, end = a.login()
	list, err := p.Pendings(ctx)
	a.must(err)
	a.must(p.Deny(ctx, list[0].ID, phone.Cancel))
	a.refused(p.Deny(ctx, list[0].ID, phone.Cancel), phone.PendingEnded)
	if s := end(); s.Kind != core.Reject {
		t.Errorf("%+v", s)
	}
	symbol, end = a.login()
	opened, err := p.Open(ctx, pin)
	a.must(err)
	other := slices.IndexFunc(opened.Symbols, func(s mobile.Symbol) bool { return s != symbol })
	_, err = opened.Approve(ctx, opened.Symbols[other])
	a.refused(err, phone.WrongSymbol)
	if s := end(); s.Kind != core.Reject {
		t.Errorf("%+v", s)
	}

	// A new key, a new PIN, and the phone after a restart.
	a.must(p.Renew(ctx, pin))
	changed := secret.New("482917")
	a.must(p.ChangePIN(ctx, pin, changed))
	p, err = phone.Load(ctx, config)
	a.must(err)
	t.Cleanup(p.Close)
	symbol, end = a.login()
	if _, err := p.Approve(ctx, changed, symbol); err != nil {
		t.Fatal(err)
	}
	if s := end(); s.Kind != core.Accept {
		t.Errorf("%+v", s)
	}

	a.must(p.Rename(ctx, "Telefon"))
	if past, err := p.History(ctx); err != nil || len(past) < 4 {
		t.Errorf("%+v %v", past, err)
	}
	if messages, err := p.Messages(ctx); err != nil || len(messages) != 0 {
		t.Errorf("%+v %v", messages, err)
	}
	if s, err := p.Status(ctx); err != nil || s.User != "lutz" || s.Generation != 3 {
		t.Errorf("%+v %v", s, err)
	}
	a.must(p.Remove(ctx))

	p.Close()
	a.must(a.end()) // a stream is counted when it has ended
	// Everything but push went through the door at least once, and as it is described.
	for _, r := range a.routes() {
		if strings.HasPrefix(r.path, "/api/v1/") && !strings.HasPrefix(r.path, "/api/v1/me") && !strings.HasPrefix(r.path, "/api/v1/host") && r.path != "/api/v1/brand" && r.path != devicePath+"push" && a.seen.count(r.path) == 0 {
			t.Errorf("the journey never came by %s", r.path)
		}
	}
	for _, text := range []string{"739164", "482917", "latchkey-demo"} {
		if strings.Contains(a.log.String(), text) {
			t.Errorf("the log has %s", text)
		}
	}
}

func TestRefusalsOfCoreReachThePhone(t *testing.T) {
	a := newAppliance(t)
	ctx := t.Context()
	p := a.enrol(a.phone(), true)
	for range 5 {
		_, err := p.Open(ctx, secret.New("845190"))
		if wrong := (*phone.WrongPIN)(nil); !errors.As(err, &wrong) {
			t.Fatal(err)
		}
	}
	_, err := p.Open(ctx, pin)
	a.refused(err, phone.PINLocked)

	p = a.enrol(a.phone(), true)
	devices, err := a.Devices(ctx, "lutz")
	a.must(err)
	for _, d := range devices {
		a.must(a.RevokeDevice(ctx, root, "lutz", d.ID))
	}
	_, err = p.Pendings(ctx)
	a.refused(err, phone.DeviceRevoked)

	url, _, err := a.InviteDevice(ctx, root, "lutz", true)
	a.must(err)
	if _, err = phone.Enrol(ctx, a.phone(), url.Reveal(), "first", pin); err != nil {
		t.Fatal(err)
	}
	_, err = phone.Enrol(ctx, a.phone(), url.Reveal(), "second", pin)
	a.refused(err, phone.InvitationVoid)

	// What nobody signed, or a stranger did.
	a.do(t, signedCall(t, "POST", devicePath+"hello", `{}`)).want(t, 401, core.CodeUnknownDevice)
	r := signedCall(t, "POST", devicePath+"hello", `{}`)
	devices, err = a.Devices(ctx, "lutz")
	a.must(err)
	r.Header.Set(headerDevice, devices[len(devices)-1].ID)
	if g := a.do(t, r); g.status != 401 && g.status != 403 {
		t.Errorf("%d %s", g.status, g.body)
	}
	a.do(t, ask(t, "POST", "/api/v1/enrolments", `{"invitation":"AAAA"}`)).want(t, 400, core.CodeBadRequest)
}

func (w *witness) count(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[what]
}
