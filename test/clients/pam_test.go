package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// pam is pam_radius_auth in a PAM stack that pamtester goes through. libpam-wrapper lets PAM
// read the stack from a folder of ours instead of /etc/pam.d.
type pam struct{ pamtester, services string }

// newPAM lets pam_radius_auth wait so many seconds for a reply.
func newPAM(t *testing.T, a *appliance.Appliance, timeout int) pam {
	t.Helper()
	p := pam{pamtester: appliance.Need(t, "pamtester", "pamtester"), services: appliance.Folder(t)}
	need(t, "security/pam_radius_auth.so", "libpam-radius-auth")
	need(t, "libpam_wrapper.so", "libpam-wrapper")
	conf := filepath.Join(appliance.Folder(t), "pam_radius.conf")
	appliance.Write(t, conf, fmt.Sprintf("%s %s %d\n", a.Address, appliance.Secret, timeout))
	appliance.Write(t, filepath.Join(p.services, "vpn"), "auth required pam_radius_auth.so conf="+conf+
		" retry=3\naccount required pam_permit.so\n")
	return p
}

// need looks for a library where Debian, of any architecture, has them.
func need(t *testing.T, library, debian string) string {
	t.Helper()
	for _, pattern := range []string{"/lib/*-linux-gnu/", "/usr/lib/*-linux-gnu/"} {
		if found, err := filepath.Glob(pattern + library); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatalf("%s is missing (apt-get install %s, or make setup)", library, debian)
	return ""
}

// login goes as far as the prompt for the password.
func (p pam) login(t *testing.T, user string) *appliance.Terminal {
	t.Helper()
	cmd := exec.Command(p.pamtester, "vpn", user, "authenticate")
	cmd.Env = append(os.Environ(), "LD_PRELOAD=libpam_wrapper.so", "PAM_WRAPPER=1", "PAM_WRAPPER_SERVICE_DIR="+p.services)
	term := appliance.OnTerminal(t, cmd)
	term.Expect(t, `Password: $`)
	return term
}

// asked types the password, and gives the question that follows.
func asked(t *testing.T, term *appliance.Terminal) (prompt string) {
	t.Helper()
	term.Type(t, appliance.Password)
	return term.Expect(t, `PINphrase: .*\. $`)[0]
}

func accepted(t *testing.T, term *appliance.Terminal) {
	t.Helper()
	term.Expect(t, `successfully authenticated`)
	if err := term.Wait(t); err != nil {
		t.Errorf("pamtester: %v\n%s", err, term)
	}
}

func refused(t *testing.T, term *appliance.Terminal) {
	t.Helper()
	term.Expect(t, `Authentication failure`)
	if err := term.Wait(t); err == nil {
		t.Errorf("pamtester ended well\n%s", term)
	}
}

// unsigned is what clients need that send no Message-Authenticator.
const unsigned = "message_authenticator: accept"

func TestPAM(t *testing.T) {
	t.Parallel()
	a := appliance.Start(t, appliance.Config{Binaries: built, Client: unsigned, Language: "de"})
	a.Enrol("lutz")
	p := newPAM(t, a, 10)

	t.Run("login", func(t *testing.T) {
		term := p.login(t, "lutz")
		prompt := asked(t, term)
		if !strings.Contains(prompt, "Bitte wählen Sie das ") {
			t.Errorf("lutz is asked %q, not in German", prompt)
		}
		term.Type(t, appliance.Right(t, prompt))
		accepted(t, term)
		if strings.Contains(term.String(), appliance.Password) {
			t.Errorf("the password is on the screen\n%s", term)
		}
	})
	t.Run("wrong answer", func(t *testing.T) {
		term := p.login(t, "lutz")
		term.Type(t, appliance.Wrong(t, asked(t, term)))
		refused(t, term)
	})
	t.Run("wrong password", func(t *testing.T) {
		term := p.login(t, "lutz")
		term.Type(t, "guess")
		refused(t, term)
		if strings.Contains(term.String(), "PINphrase") {
			t.Errorf("a question in spite of the wrong password\n%s", term)
		}
	})
	if outcomes, want := logins(t, a, "lutz"), []string{"accept right", "reject wrong-answer", "reject wrong-password"}; !slices.Equal(outcomes, want) {
		t.Errorf("the audit log has %q, want %q", outcomes, want)
	}
}

// Several people are asked at once, all before the first has answered; each has a question of
// their own, and the answers come in another order.
func TestPAMManyAtOnce(t *testing.T) {
	t.Parallel()
	a := appliance.Start(t, appliance.Config{Binaries: built, Client: unsigned})
	p := newPAM(t, a, 10)
	users := []string{"anna", "bert", "carla", "dirk"}
	for _, user := range users {
		a.Enrol(user)
	}
	terms := make([]*appliance.Terminal, len(users))
	prompts := make([]string, len(users))
	for i, user := range users {
		terms[i] = p.login(t, user)
	}
	for _, term := range terms {
		term.Type(t, appliance.Password)
	}
	for i, term := range terms {
		prompts[i] = term.Expect(t, `PINphrase: .*\. $`)[0]
	}
	for i, term := range slices.Backward(terms) {
		term.Type(t, appliance.Right(t, prompts[i]))
	}
	for _, term := range terms {
		accepted(t, term)
	}
	for _, user := range users {
		if outcomes := logins(t, a, user); !slices.Equal(outcomes, []string{"accept right"}) {
			t.Errorf("the audit log of %s has %q", user, outcomes)
		}
	}
}

// A client that must sign and does not is not answered; the log says why, and what to do.
func TestUnsignedClient(t *testing.T) {
	t.Parallel()
	a := begin(t, "") // require, the default
	p := newPAM(t, a, 1)
	from := a.Log.Len()
	term := p.login(t, "lutz")
	term.Type(t, appliance.Password)
	a.Log.Await(t, from, `"radius packet dropped".*"reason":"missing-message-authenticator".*"client":"nas".*"user":"lutz"`+
		`.*"hint":"let the NAS send it, or set message_authenticator: accept for this client"`)
	term.Expect(t, `Authentication (failure|service cannot retrieve)`)
	if err := term.Wait(t); err == nil {
		t.Errorf("pamtester ended well\n%s", term)
	}
	if outcomes := logins(t, a, "lutz"); len(outcomes) > 0 {
		t.Errorf("the audit log has %q of packets that count for nothing", outcomes)
	}

	// The hint helps, without a restart.
	a.Configure(unsigned)
	a.Reload()
	term = p.login(t, "lutz")
	term.Type(t, appliance.Right(t, asked(t, term)))
	accepted(t, term)

	// Not so far that a proxy's unsigned packets would be taken: with Proxy-State a collision is forged.
	from = a.Log.Len()
	c := newRadclient(t, a.Address, appliance.Secret)
	c.sendInVain(t, "auth", append(proxies, "User-Name=lutz", "User-Password="+appliance.Password)...).expect(t, "")
	a.Log.Await(t, from, `"reason":"proxy-state-limited"`)
}
