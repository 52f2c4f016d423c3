package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rsc.io/qr"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/web"
)

// withPhones is an appliance that phones reach: its HTTPS door is at a port of this machine.
func withPhones(t *testing.T) *appliance {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	url := "https://" + address
	certificates, err := web.LocalAuthority(web.Authority{Dir: filepath.Join(t.TempDir(), "authority"), URL: url, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	a := applianceAt(t, time.Now(), func(s *core.Settings) {
		s.Device = core.DeviceSettings{Origin: url, Pin: certificates.Pin(), Appliance: "Example"}
		s.Policies = map[string]core.Policy{"vpn": {First: core.FirstPassword, Second: []core.Method{core.MethodApp}, Realm: "default"}}
	})
	door, err := web.New(web.Config{Listen: []string{address}, URL: url, Certificates: certificates, Phones: func() core.Phones { return a.core },
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- door.Serve(ctx) }()
	go func() { ended <- a.core.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		<-ended
	})
	a.want("", "user", "add", "lutz")
	a.want(canary+" password\n", "user", "password", "lutz")
	return a
}

func (a *appliance) invite(flags ...string) string {
	a.t.Helper()
	return strings.TrimSpace(a.want("", append([]string{"device", "invite", "lutz"}, flags...)...))
}

// begin begins a login of lutz, and gives the symbol that its prompt shows.
func (a *appliance) begin() (core.Attempt, core.Step, string) {
	a.t.Helper()
	attempt := core.Attempt{Request: "r", Door: core.DoorRADIUS, NAS: "vpn", Policy: "vpn", User: "lutz", Password: secret.New(canary + " password"),
		Source: core.Source{Kind: core.SourcePerson, Value: "192.0.2.7"}}
	step, err := a.core.Begin(a.t.Context(), attempt)
	if err != nil || step.Kind != core.Challenge || !step.Waiting {
		a.t.Fatalf("%+v, %v", step, err)
	}
	_, rest, _ := strings.Cut(step.Prompt, "Symbol: ")
	symbol, err := mobile.ParseSymbol(strings.Fields(strings.Trim(rest, "."))[0])
	if err != nil {
		a.t.Fatalf("%s: %v", step.Prompt, err)
	}
	return attempt, step, string(symbol)
}

func (a *appliance) ends(attempt core.Attempt, step core.Step, want core.StepKind) {
	a.t.Helper()
	step, err := a.core.Answer(a.t.Context(), core.Reply{Attempt: attempt, Token: step.Token, Wait: 10 * time.Second})
	if err != nil || step.Kind != want {
		a.t.Errorf("the login ends with %v (%s), %v; want %v", step.Kind, step.Reason, err, want)
	}
}

func TestInvitation(t *testing.T) {
	a := withPhones(t)
	r := a.run("", "device", "invite", "lutz")
	if r.code != exitDone || strings.Count(r.out, "\n") != 1 || !strings.HasPrefix(r.out, "https://127.0.0.1:") || !strings.Contains(r.err, "device confirm lutz CODE") {
		t.Errorf("%+v", r)
	}
	var out struct {
		URL     string    `json:"url"`
		Expires time.Time `json:"expires"`
		Typed   string    `json:"typed"`
		Trusted bool      `json:"trusted"`
	}
	a.json(&out, "", "device", "invite", "lutz", "--trusted")
	inv, err := mobile.ParseInvitation(out.URL)
	if err != nil || inv.Pin == (mobile.Pin{}) || !out.Trusted || time.Until(out.Expires) < 23*time.Hour {
		t.Errorf("%+v, %v", out, err)
	}
	if byHand, err := mobile.ParseTyped(out.Typed); err != nil || byHand.ID != inv.ID || !byHand.Secret.Equal(inv.Secret) {
		t.Errorf("typed: %v", err)
	}
	a.tty = true
	shown := a.want("", "device", "invite", "lutz")
	if !strings.Contains(shown, "█") || !strings.Contains(shown, "\nhttps://127.0.0.1:") || !strings.Contains(shown, "To type instead, in the app at https://127.0.0.1:") {
		t.Errorf("on a terminal:\n%s", shown)
	}
	if r := newAppliance(t).run("", "device", "invite", "lutz"); r.code != exitRefused || !strings.Contains(r.err, "no HTTPS door") {
		t.Errorf("without a door: %+v", r)
	}
}

// TestQRCode reads the half blocks back, module by module.
func TestQRCode(t *testing.T) {
	const text = "https://latchkey.example.org:8443/app/#i=AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGQ&c=AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"
	want, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	for _, colour := range []bool{true, false} {
		drawn, ok := (&ui{outColour: colour, width: 80}).qrCode(text)
		if !ok {
			t.Fatal("not drawn")
		}
		lines := strings.Split(drawn, "\n")
		if len(lines) != (want.Size+2*quiet+1)/2 {
			t.Fatalf("%d lines for %d modules", len(lines), want.Size)
		}
		for i, line := range lines {
			if colour != strings.HasPrefix(line, "\x1b["+blackOnWhite+"m") {
				t.Fatalf("line %d: %q", i, line)
			}
			line = strings.TrimSuffix(strings.TrimPrefix(line, "\x1b["+blackOnWhite+"m"), "\x1b[0m")
			for x, r := range []rune(line) {
				for half, drawn := range [2]bool{r == '█' || r == '▀', r == '█' || r == '▄'} {
					if dark := want.Black(x-quiet, 2*i+half-quiet); (drawn == colour) != dark {
						t.Fatalf("colour %v: module %d,%d is wrong", colour, x-quiet, 2*i+half-quiet)
					}
				}
			}
			if n := len([]rune(line)); n != want.Size+2*quiet {
				t.Fatalf("line %d is %d wide", i, n)
			}
		}
	}
	if _, ok := (&ui{width: want.Size + 2*quiet - 1}).qrCode(text); ok {
		t.Error("drawn where it does not fit")
	}
	if _, ok := (&ui{}).qrCode(strings.Repeat("x", 5000)); ok {
		t.Error("a text that no code holds is drawn")
	}
}

func TestDevicesOfAUser(t *testing.T) {
	a := withPhones(t)
	state := filepath.Join(t.TempDir(), "phone")
	if r := a.run("", "device", "list", "lutz"); r.code != exitDone || r.out != "" || !strings.Contains(r.err, "No phones yet") {
		t.Errorf("%+v", r)
	}
	code := strings.TrimSpace(a.want(a.invite()+"\n"+pins, "softphone", "enroll", "-", "--name", "my phone", "--state", state))
	if list := a.want("", "device", "list", "lutz"); !strings.Contains(list, "my phone  inert  0/0") {
		t.Error(list)
	}
	if r := a.run("", "device", "confirm", "lutz", "BCDF GHJK"); r.code != exitRefused || !strings.Contains(r.err, "no new device of lutz shows this code") {
		t.Errorf("%+v", r)
	}
	if r := a.run("", "device", "confirm", "lutz", strings.ToLower(code[:4]+"-"+code[4:])); r.code != exitDone || !strings.Contains(r.err, "of lutz is active") {
		t.Errorf("%+v", r)
	}
	if show := a.want("", "user", "show", "lutz"); !strings.Contains(show, "Phones       my phone (active)\n") {
		t.Error(show)
	}
	var devices []core.DeviceInfo
	a.json(&devices, "", "device", "list", "lutz")
	if len(devices) != 1 || devices[0].State != "active" || devices[0].LastSeen == nil {
		t.Fatalf("%+v", devices)
	}
	if out := a.want("", "__complete", "device", "revoke", "lutz", ""); !strings.Contains(out, devices[0].ID+"\tmy phone, active") {
		t.Errorf("completion: %q", out)
	}
	a.want("", "device", "unlock", "lutz", "my phone")
	if r := a.run("", "device", "revoke", "lutz", "other phone"); r.code != exitRefused || !strings.Contains(r.err, "latchkey device list lutz") {
		t.Errorf("%+v", r)
	}
	a.want("", "device", "revoke", "lutz", devices[0].ID)
	if out := a.want("", "--json", "device", "list", "lutz"); out != "[]\n" {
		t.Errorf("%q", out)
	}
}
