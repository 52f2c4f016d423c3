package hosts

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// latchkeyd on a host: the appliance of the host's own logins.
type latchkeyd struct {
	*appliance.Appliance
	t *testing.T
}

// serve starts latchkeyd for a host, in its namespace, with more sections of a configuration. policy is that of
// all services, and what it is.
func (h *host) serve(policy string, sections ...string) latchkeyd {
	h.t.Helper()
	h.socket, h.users = h.file("run/pam.sock"), h.file("run/pam-user.sock")
	// A script stands for the daemon, so that it sees the host's accounts.
	script := h.file("latchkeyd")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec nsenter --mount=/proc/"+h.pid+"/ns/mnt -- "+built.Latchkeyd+" \"$@\"\n"), 0o755); err != nil {
		h.t.Fatal(err)
	}
	return latchkeyd{appliance.Start(h.t, appliance.Config{
		Binaries: appliance.Binaries{Latchkeyd: script, Latchkey: built.Latchkey},
		Sockets:  fmt.Sprintf("pam: %s, pam_user: %s", h.socket, h.users),
		Policies: "  hosts: " + policy,
		Sections: strings.Join(append([]string{"hosts: {policy: hosts, password_checked: true}"}, sections...), "\n"),
	}), h.t}
}

// Policies of hosts.
const (
	questions = "{first: none, second: [pinphrase]}"
	phones    = "{first: none, second: [app, pinphrase]}"
)

// web is the section that phones need.
func web(t *testing.T) string {
	port := appliance.Port(t)
	return fmt.Sprintf("web: {listen: [\"127.0.0.1:%d\"], url: \"https://127.0.0.1:%d\"}", port, port)
}

// outcomes of a user's logins, oldest first: "accept right", with the source if wanted.
func (d latchkeyd) outcomes(user string) (all []string) {
	d.t.Helper()
	var entries []struct{ Event, Result, Reason, Source string }
	if err := json.Unmarshal([]byte(d.Latchkey("", "audit", "--user", user, "--json")), &entries); err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Event == "login" {
			all = append(all, e.Result+" "+e.Reason+" "+e.Source)
		}
	}
	return all
}

func (d latchkeyd) want(user string, outcomes ...string) {
	d.t.Helper()
	if got := d.outcomes(user); !slices.Equal(got, outcomes) {
		d.t.Errorf("the audit log has %q of %s, want %q", got, user, outcomes)
	}
}

// phone is the reference phone, enrolled for somebody.
type phone struct {
	d     latchkeyd
	state string
}

const pin = "481516"

func (d latchkeyd) phone(user string) *phone {
	d.t.Helper()
	var invitation struct{ URL string }
	if err := json.Unmarshal([]byte(d.Latchkey("", "device", "invite", user, "--trusted", "--json")), &invitation); err != nil {
		d.t.Fatal(err)
	}
	p := &phone{d, filepath.Join(appliance.Folder(d.t), "phone")}
	d.Latchkey(invitation.URL+"\n"+pin+"\n"+pin+"\n", "softphone", "enroll", "-", "--state", p.state)
	return p
}

func (p *phone) approve(symbol string) {
	p.d.t.Helper()
	p.d.Latchkey(pin+"\n", "softphone", "approve", "--symbol", strings.ToLower(symbol), "--state", p.state)
}

// try runs the command line and tells whether it did what it was asked to.
func (d latchkeyd) try(input string, args ...string) bool {
	d.t.Helper()
	cmd := exec.Command(built.Latchkey, args...)
	cmd.Stdin = strings.NewReader(input)
	return cmd.Run() == nil
}

func (p *phone) deny() {
	p.d.t.Helper()
	p.d.Latchkey("", "softphone", "deny", "--state", p.state)
}

// prompts, as people see them.
var (
	question = `PINphrase: [^\r\n]*\. $`
	symbol   = `Symbol: (\w+)( \S+)?\. Choose it in the app, then press Enter $`
)

// asked gives the question that a terminal shows.
func asked(t *testing.T, term *appliance.Terminal) string {
	t.Helper()
	return strings.TrimSuffix(term.Expect(t, question)[0], " ")
}

// shown gives the symbol that a terminal shows, and the whole prompt.
func shown(t *testing.T, term *appliance.Terminal) (name, prompt string) {
	t.Helper()
	match := term.Expect(t, symbol)
	return match[1], match[0]
}

// noSecrets looks for what nobody may log.
func (h *host) noSecrets(d latchkeyd) {
	h.t.Helper()
	for name, text := range map[string]string{"syslog": h.log.String(), "latchkeyd": d.Log.String()} {
		if found := regexp.MustCompile(password + "|" + appliance.Password + "|Heidelberg|Volkswagen").FindString(text); found != "" {
			h.t.Errorf("the log of %s holds %q", name, found)
		}
	}
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}
