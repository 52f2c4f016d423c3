package clients

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/phone"
	"github.com/latchkey/latchkey/test/appliance"
)

const symbolPrompt = `Symbol: .*Enter.*$`

func TestPhonePAM(t *testing.T) {
	t.Parallel()
	h := startPhones(t, unsigned+", timeout: 10s, wait: 2s", time.Minute)
	p := newPAM(t, h.Appliance, 10)
	begin := func(user string) (term *appliance.Terminal, prompt string) {
		term = p.login(t, user)
		term.Type(t, appliance.Password)
		return term, term.Expect(t, symbolPrompt)[0]
	}
	anna, bert := h.enrol("anna"), h.enrol("bert")

	// Two people wait at once; each is asked again in other words, and goes on when the own phone has approved.
	one, first := begin("anna")
	two, second := begin("bert")
	one.Type(t, "")
	two.Type(t, "")
	one.Expect(t, `Not confirmed yet \(1\)`)
	two.Expect(t, `Not confirmed yet \(1\)`)
	approve(t, bert, second)
	two.Type(t, "anything means look")
	accepted(t, two)
	one.Type(t, "")
	approve(t, anna, first)
	// A slow machine may have been asked once more before the approval.
	if end := one.Expect(t, `Not confirmed yet \(2\)|(successfully)`); end[1] == "" {
		one.Type(t, "")
	}
	if err := one.Wait(t); err != nil || !strings.Contains(one.String(), "successfully authenticated") {
		t.Errorf("pamtester: %v\n%s", err, one)
	}

	denied, _ := begin("anna")
	denied.Type(t, "")
	deny(t, anna, phone.NotMe)
	refused(t, denied)
	if got, want := h.logins("anna"), []string{"accept right-approval", "reject approval-denied"}; !slices.Equal(got, want) {
		t.Errorf("the audit log has %q, want %q", got, want)
	}
}

func TestPhoneOcserv(t *testing.T) {
	t.Parallel()
	h := startPhones(t, unsigned+", timeout: 10s, tries: 4, wait: 5s", time.Minute)
	v := newVPN(t, h.Appliance)
	p := h.enrol("lutz")
	begin := func() (term *appliance.Terminal, prompt string) {
		term = v.login(t, appliance.Password)
		return term, term.Expect(t, `(Symbol: .*)\s+Password1:`)[1]
	}

	term, prompt := begin()
	term.Type(t, "")
	approve(t, p, prompt)
	v.accepted(t, term)

	// Nobody touches the phone for a round: the text changes, and ocserv goes on to it.
	term, prompt = begin()
	term.Type(t, "")
	term.Expect(t, `Not confirmed yet \(1\).*\s+Password\d:`)
	approve(t, p, prompt)
	term.Type(t, "")
	v.accepted(t, term)

	term, _ = begin()
	term.Type(t, "")
	deny(t, p, phone.Cancel)
	v.refused(t, term)

	term, _ = begin()
	term.Type(t, "p")
	term.Type(t, appliance.Right(t, v.later(t, term)))
	v.accepted(t, term)
}

// later is a question in a later round.
func (v vpn) later(t *testing.T, term *appliance.Terminal) string {
	t.Helper()
	return term.Expect(t, `(PINphrase: .*)\s+Password\d:`)[1]
}
