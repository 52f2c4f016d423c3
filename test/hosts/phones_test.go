package hosts

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
)

// Each program shows the symbol's name first, and waits for Enter; then it waits for the phone.
func TestPhone(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(phones, web(t))
	h.stacks("")
	s := h.sshd("keyboard-interactive")
	for _, user := range []string{"lutz", "anna"} {
		d.Enrol(user)
	}
	lutz, anna := d.phone("lutz"), d.phone("anna")
	for _, c := range []struct {
		name  string
		phone *phone
		begin func(t *testing.T) *appliance.Terminal
		says  string
		glyph bool
	}{
		{"sshd", lutz, func(t *testing.T) *appliance.Terminal { return s.ssh(t, "lutz", "echo done") }, "done", false},
		{"sudo", lutz, func(t *testing.T) *appliance.Terminal {
			return appliance.OnTerminal(t, h.as("lutz", "sudo", "-k", "echo", "done"))
		}, "done", true},
		{"su", anna, func(t *testing.T) *appliance.Terminal {
			return appliance.OnTerminal(t, h.as("lutz", "su", "anna", "-c", "echo done"))
		}, "done", true},
		{"login", lutz, func(t *testing.T) *appliance.Terminal {
			return appliance.OnTerminal(t, h.command("login", "lutz"))
		}, `\$ $`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			term := c.begin(t)
			term.Expect(t, `(?i)password[^:]*: $`)
			term.Type(t, password)
			name, prompt := shown(t, term)
			if strings.Contains(prompt, name+". ") == c.glyph {
				t.Errorf("the prompt is %q; a glyph: %t", prompt, c.glyph)
			}
			term.Type(t, "")
			c.phone.approve(name)
			term.Expect(t, c.says)
			if c.name == "login" {
				term.Type(t, "exit")
			}
			if err := term.Wait(t); err != nil {
				t.Errorf("%v\n%s", err, term)
			}
		})
	}
	t.Run("denied", func(t *testing.T) {
		term := s.ssh(t, "lutz", "echo done")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		shown(t, term)
		term.Type(t, "")
		lutz.deny()
		out(t, term, refusedBySSHD)
		if n := strings.Count(term.String(), "Symbol: "); n != 1 {
			t.Errorf("%d symbols: the phone was asked again\n%s", n, term)
		}
	})
	t.Run("a wrong symbol", func(t *testing.T) {
		term := s.ssh(t, "lutz", "echo done")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		name, _ := shown(t, term)
		term.Type(t, "")
		lutz.wrong(name)
		out(t, term, refusedBySSHD)
	})
	h.noSecrets(d)
}

// wrong picks another symbol than the one that the login shows.
func (p *phone) wrong(shown string) {
	p.d.t.Helper()
	for _, other := range []string{"anchor", "umbrella", "star", "moon", "sun", "scissors", "telephone", "envelope", "crown", "scales"} {
		if strings.EqualFold(other, shown) {
			continue
		}
		// Of sixteen symbols the phone shows nine.
		if p.d.try(pin+"\n", "softphone", "approve", "--symbol", other, "--state", p.state) {
			return
		}
	}
}

// Who has the phone not at hand asks for a question, where the policy lets him.
func TestFallback(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve("{first: none, second: [app, pinphrase], fallback: true}", web(t))
	h.stacks("")
	d.Enrol("lutz")
	d.phone("lutz")
	s := h.sshd("keyboard-interactive")
	term := s.ssh(t, "lutz", "echo done")
	term.Expect(t, `Password: $`)
	term.Type(t, password)
	term.Expect(t, `Symbol: \w+\. Choose it in the app, then press Enter \(or type p for a question\) $`)
	term.Type(t, "p")
	term.Type(t, appliance.Right(t, asked(t, term)))
	in(t, term, "done")
	d.want("lutz", "accept right addr:127.0.0.1")
}

// A second call on the same PAM handle joins the login that waits, and does not ring once more.
func TestJoinsOnTheHandle(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(phones, web(t))
	h.stacks("timeout=2s total_timeout=2s")
	d.Enrol("lutz")
	phone := d.phone("lutz")
	term := appliance.OnTerminal(t, h.as("lutz", "sudo", "-k", "echo", "done"))
	term.Expect(t, `password for lutz: $`)
	term.Type(t, password)
	name, _ := shown(t, term)
	term.Type(t, "")                          // and waits for two seconds in vain
	h.log.Await(t, 0, `waited for the phone`) // sudo wants its modules to be silent (PAM_SILENT)
	term.Expect(t, `password for lutz: $`)    // sudo calls again
	term.Type(t, password)
	again := term.Expect(t, `Symbol: (\w+)`)[1]
	if again != name {
		t.Errorf("the second call shows %s after %s", again, name)
	}
	term.Type(t, "")
	phone.approve(name)
	in(t, term, "done")
	if n := len(d.outcomes("lutz")); n != 1 {
		t.Errorf("the audit log has %q", d.outcomes("lutz"))
	}
}

// A client that goes while the login waits for the phone leaves nothing behind once the wait is over.
func TestClientIsCutOff(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(phones, web(t))
	h.stacks("timeout=3s total_timeout=3s")
	d.Enrol("lutz")
	d.phone("lutz")
	s := h.sshd("keyboard-interactive")
	term := s.ssh(t, "lutz", "echo done")
	term.Expect(t, `Password: $`)
	term.Type(t, password)
	shown(t, term)
	term.Type(t, "")
	sshds := func() int { // from 9.8 on a login is another program than the one that listens
		return len(h.running(sshdProgram(t))) + len(h.running("/usr/lib/openssh/sshd-session")) + len(h.running("/usr/lib/openssh/sshd-auth"))
	}
	h.await("the helper", 10*time.Second, func() bool { return len(h.running(h.helper)) == 1 && sshds() > 1 })
	kill(t, term.PID(), 9)
	h.await("nothing to be left of the login", 30*time.Second, func() bool {
		return len(h.running(h.helper)) == 0 && sshds() == 1
	})
}

// The helper ends at once when the login program dies.
func TestProgramDies(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(phones, web(t))
	h.stacks("")
	d.Enrol("anna")
	d.phone("anna")
	term := appliance.OnTerminal(t, h.as("lutz", "su", "anna", "-c", "echo done"))
	term.Expect(t, `Password: $`)
	term.Type(t, password)
	shown(t, term)
	term.Type(t, "")
	h.await("the helper", 10*time.Second, func() bool { return len(h.running(h.helper)) == 1 })
	for _, pid := range h.running("/usr/bin/su") {
		kill(t, pid, 9)
	}
	h.await("the helper to end", 10*time.Second, func() bool { return len(h.running(h.helper)) == 0 })
}

// users are fifty more accounts.
func users() (names []string) {
	for i := range 50 {
		names = append(names, fmt.Sprintf("user%02d", i))
	}
	return names
}

// Of two logins of one user the first to answer is in. The other one's question is used up: it is asked the next.
func TestTwoOfOneUser(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	h.stacks("")
	d.Enrol("anna")
	first, second := h.su(t, "anna"), h.su(t, "anna")
	prompt := asked(t, first)
	if other := asked(t, second); other != prompt {
		t.Errorf("%q and %q", prompt, other)
	}
	first.Type(t, appliance.Right(t, prompt))
	in(t, first, "done")
	second.Type(t, appliance.Right(t, prompt))
	second.Type(t, appliance.Right(t, asked(t, second)))
	in(t, second, "done")
}

// Fifty logins wait at the same time, each for an answer of its own.
func TestFiftyInFlight(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	h.stacks("")
	h.etc("pam.d/sshd", "auth required "+h.module("")+"\naccount required pam_unix.so\nsession required pam_permit.so\n")
	d.EnrolMany(users())
	s := h.sshd("publickey,keyboard-interactive")
	terms := make([]*appliance.Terminal, 0, 50)
	for i, user := range users() {
		terms = append(terms, s.ssh(t, user, fmt.Sprintf("echo login %d", i)))
	}
	prompts := make([]string, len(terms))
	for i, term := range terms {
		prompts[i] = asked(t, term)
	}
	if n := len(h.running(h.helper)); n != len(terms) {
		t.Errorf("%d helpers for %d logins", n, len(terms))
	}
	for i, term := range slices.Backward(terms) {
		term.Type(t, appliance.Right(t, prompts[i]))
	}
	for i, term := range terms {
		in(t, term, fmt.Sprintf(`login %d\r\n`, i))
	}
	h.await("the helpers to end", 10*time.Second, func() bool { return len(h.running(h.helper)) == 0 })
}
