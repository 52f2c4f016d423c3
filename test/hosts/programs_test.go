package hosts

import (
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
