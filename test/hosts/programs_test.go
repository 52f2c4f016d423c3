package hosts

import (
	"strings"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// su is lutz, who becomes somebody else, as far as the password.
func (h *host) su(t *testing.T, user string, env ...string) *appliance.Terminal {
	t.Helper()
	cmd := h.as("lutz", "su", user, "-c", "id -un; echo done")
	cmd.Env = append(cmd.Env, env...)
	term := appliance.OnTerminal(t, cmd)
	term.Expect(t, `Password: $`)
	term.Type(t, password)
	return term
}

func TestSu(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("anna")
	h.stacks("")
	t.Run("right", func(t *testing.T) {
		term := appliance.OnTerminal(t, h.as("lutz", "su", "anna", "-c", "id -un; echo done"))
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		term.Type(t, appliance.Right(t, asked(t, term)))
		term.Expect(t, `anna\r\ndone`)
		if err := term.Wait(t); err != nil {
			t.Errorf("su: %v\n%s", err, term)
		}
	})
	t.Run("wrong", func(t *testing.T) {
		term := appliance.OnTerminal(t, h.as("lutz", "su", "anna", "-c", "echo done"))
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		for range 3 {
			term.Type(t, appliance.Wrong(t, asked(t, term)))
		}
		term.Expect(t, `su: `)
		if err := term.Wait(t); err == nil {
			t.Errorf("su let in\n%s", term)
		}
	})
	d.want("anna", "accept right uid:"+hostname(t)+"/51001", "reject wrong-answer uid:"+hostname(t)+"/51001",
		"reject wrong-answer uid:"+hostname(t)+"/51001", "reject wrong-answer uid:"+hostname(t)+"/51001")
	h.noSecrets(d)
}

// sudo and login, as su above: the right answer, and three wrong ones.
func TestSudoAndLogin(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("lutz")
	h.stacks("")
	sudo := func(t *testing.T) *appliance.Terminal {
		t.Helper()
		term := appliance.OnTerminal(t, h.as("lutz", "sudo", "-k", "id", "-un"))
		term.Expect(t, `password for lutz: $`)
		term.Type(t, password)
		return term
	}
	login := func(t *testing.T) *appliance.Terminal {
		t.Helper()
		term := appliance.OnTerminal(t, h.command("login", "lutz"))
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		return term
	}
	t.Run("sudo", func(t *testing.T) {
		term := sudo(t)
		term.Type(t, appliance.Right(t, asked(t, term)))
		in(t, term, `root`)
	})
	t.Run("login", func(t *testing.T) {
		term := login(t)
		term.Type(t, appliance.Right(t, asked(t, term)))
		term.Expect(t, `\$ $`)
		term.Type(t, "id -un; exit")
		in(t, term, `lutz`)
	})
	t.Run("sudo, wrong", func(t *testing.T) {
		term := sudo(t)
		for range 3 {
			term.Type(t, appliance.Wrong(t, asked(t, term)))
		}
		// sudo calls twice more. The handle has no tries left: nobody is asked, and nothing more is counted.
		for range 2 {
			term.Expect(t, `password for lutz: $`)
			term.Type(t, password)
		}
		out(t, term, `incorrect password attempts`)
		if n := len(d.outcomes("lutz")); n != 5 {
			t.Errorf("the audit log has %q", d.outcomes("lutz"))
		}
	})
	t.Run("login, wrong", func(t *testing.T) {
		d.Latchkey("", "user", "unlock", "lutz")
		term := login(t)
		for range 3 {
			term.Type(t, appliance.Wrong(t, asked(t, term)))
		}
		h.log.Await(t, 0, `denied reference="\w+" try=3 user="lutz" service="login"`)
		term.Expect(t, `Login incorrect|Maximum number of tries exceeded`)
		if strings.Contains(term.String(), "$ ") {
			t.Errorf("login let in\n%s", term)
		}
	})
	h.noSecrets(d)
}

// At the host's own reload another policy holds from the next login on.
func TestPolicyIsReloaded(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions + "\n  by_password: {first: password, second: [pinphrase]}")
	d.Enrol("anna")
	h.stacks("")
	term := h.su(t, "anna")
	term.Type(t, appliance.Right(t, asked(t, term)))
	in(t, term, "done")
	d.Configure("", "hosts: {policy: hosts, services: {su: by_password}, password_checked: true}")
	d.Reload()
	term = h.su(t, "anna")
	term.Expect(t, `Password: $`) // of Latchkey
	term.Type(t, appliance.Password)
	term.Type(t, appliance.Right(t, asked(t, term)))
	in(t, term, "done")
}
