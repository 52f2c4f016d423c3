package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/phone"
	"github.com/latchkey/latchkey/test/appliance"
)

// phones is an appliance whose users approve on the phone: a latchkeyd with an HTTPS door, whose certificate comes
// from an authority that it has made itself.
type phones struct {
	*appliance.Appliance // its Address and Log

	t      *testing.T
	folder string
	web    netip.AddrPort
	client string
	within time.Duration
	daemon *appliance.Process
	push   string   // more keys of web:, as a flow mapping has them
	wrap   []string // what starts the daemon
}

// pin is everybody's.
var pin = secret.New("582941")

// startPhones starts one. client stands in the RADIUS client's entry; logins wait so long for the phone.
func startPhones(t *testing.T, client string, within time.Duration) *phones {
	t.Helper()
	h := preparePhones(t, client, within)
	h.configure("https://" + h.web.String())
	h.run()
	return h
}

func preparePhones(t *testing.T, client string, within time.Duration) *phones {
	t.Helper()
	h := &phones{Appliance: &appliance.Appliance{Log: appliance.NewScreen("log of latchkeyd")}, t: t, folder: appliance.Folder(t), client: client, within: within}
	h.Port = appliance.Port(t)
	h.Address = fmt.Sprintf("127.0.0.1:%d", h.Port)
	h.web = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(appliance.Port(t)))
	return h
}

func (h *phones) file(name string) string { return filepath.Join(h.folder, name) }

func (h *phones) configure(url string) {
	h.t.Helper()
	client := h.client
	if client != "" {
		client = ", " + client
	}
	appliance.Write(h.t, h.file("latchkey.yaml"), fmt.Sprintf(`
state_dir: %s
keys: {file: %s}
socket: {admin: %s}
radius:
  listen: ["%s"]
  clients:
    - {name: nas, address: 127.0.0.1, secret: "%s", policy: vpn%s}
web: {listen: ["%s"], url: "%s"%s}
device: {approve_within: %s}
policies:
  vpn:
    second: [app, pinphrase]
    fallback: true
    reply:
      Class: staff
      Filter-Id: remote
      Vendor-Specific: [{vendor: 9, type: 1, text: "shell:priv-lvl=15"}]
pinphrase:
  minimum_answers: 1
  questions:
    - {id: birthplace, label: {en: "Place of birth?"}, phrase: {en: "of your place of birth"}}
`, h.file("state"), h.file("keyset"), h.file("admin.sock"), h.Address, appliance.Secret, client, h.web, url, h.push, h.within))
}

func (h *phones) run(flags ...string) {
	h.t.Helper()
	from := h.Log.Len()
	args := slices.Concat(h.wrap, []string{built.Latchkeyd}, flags, []string{"--config", h.file("latchkey.yaml")})
	h.daemon = appliance.Launch(h.t, exec.Command(args[0], args[1:]...), h.Log)
	h.Log.Await(h.t, from, `"msg":"ready"`)
}

func (h *phones) stop() {
	h.t.Helper()
	h.daemon.Signal(h.t, syscall.SIGTERM)
	if err := h.daemon.Wait(h.t); err != nil {
		h.t.Fatalf("latchkeyd: %v\n%s", err, h.Log)
	}
}

// latchkey runs the command line.
func (h *phones) latchkey(input string, args ...string) string {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), built.Latchkey, append([]string{"--socket", h.file("admin.sock")}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	if err := cmd.Run(); err != nil {
		h.t.Fatalf("latchkey %s: %v\n%s%s", strings.Join(args, " "), err, &out, &told)
	}
	return out.String()
}

// enrol makes a user with a password, an answer, and a phone that was handed over in person.
func (h *phones) enrol(name string) *phone.Phone {
	h.t.Helper()
	h.latchkey("", "user", "add", name)
	h.latchkey(appliance.Password+"\n", "user", "password", name)
	h.latchkey("Heidelberg\n", "answer", "set", name, "birthplace")
	return h.phoneFor(name)
}

func (h *phones) phoneFor(name string) *phone.Phone {
	h.t.Helper()
	var invitation struct{ URL string }
	if err := json.Unmarshal([]byte(h.latchkey("", "device", "invite", name, "--trusted", "--json")), &invitation); err != nil {
		h.t.Fatal(err)
	}
	p, err := phone.Enrol(h.ctx(), phone.Config{Storage: phone.File(h.file("phone-" + name))}, invitation.URL, "phone of "+name, pin)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(p.Close)
	return p
}

func (h *phones) ctx() context.Context {
	ctx, cancel := context.WithTimeout(h.t.Context(), 30*time.Second)
	h.t.Cleanup(cancel)
	return ctx
}

// logins are the outcomes in a user's audit records, oldest first.
func (h *phones) logins(user string) (outcomes []string) {
	h.t.Helper()
	var entries []entry
	if err := json.Unmarshal([]byte(h.latchkey("", "audit", "--user", user, "--json")), &entries); err != nil {
		h.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Event == "login" {
			outcomes = append(outcomes, strings.TrimSpace(e.Result+" "+e.Reason))
		}
	}
	return outcomes
}

// counter is one of the RADIUS door's.
func (h *phones) counter(name string) (n uint64) {
	h.t.Helper()
	var status struct{ RADIUS map[string]uint64 }
	if err := json.Unmarshal([]byte(h.latchkey("", "status", "--json")), &status); err != nil {
		h.t.Fatal(err)
	}
	return status.RADIUS[name]
}

var symbolShown = regexp.MustCompile(`Symbol: (\w+)`)

// symbolIn is what a person picks who reads the prompt.
func symbolIn(t *testing.T, prompt string) mobile.Symbol {
	t.Helper()
	name := symbolShown.FindStringSubmatch(prompt)
	if name == nil {
		t.Fatalf("no symbol in %q", prompt)
	}
	symbol, err := mobile.ParseSymbol(name[1])
	if err != nil {
		t.Fatalf("%q: %v", prompt, err)
	}
	return symbol
}

// approve picks the symbol of a prompt.
func approve(t *testing.T, p *phone.Phone, prompt string) {
	t.Helper()
	if _, err := p.Approve(t.Context(), pin, symbolIn(t, prompt)); err != nil {
		t.Fatal(err)
	}
}

// deny denies the one login that waits.
func deny(t *testing.T, p *phone.Phone, why phone.Reason) {
	t.Helper()
	pendings, err := p.Wait(t.Context())
	if err != nil || len(pendings) != 1 {
		t.Fatalf("%d logins wait: %v", len(pendings), err)
	}
	if err := p.Deny(t.Context(), pendings[0].ID, why); err != nil {
		t.Fatal(err)
	}
}
