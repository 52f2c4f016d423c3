package clients

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/phone"
	"github.com/latchkey/latchkey/test/appliance"
)

// A gateway that can show nothing: the phone shows a code, which is typed behind the password.
func TestPhoneCodeRadclient(t *testing.T) {
	t.Parallel()
	h := startPhones(t, "challenge: false", time.Minute)
	c := newRadclient(t, h.Address, appliance.Secret)
	ask := func(t *testing.T, user, password string) reply {
		t.Helper()
		return c.run(t, []string{"-t", "10", "-r", "1"}, "auth", "User-Name="+user, fmt.Sprintf("User-Password=%q", password), signed)
	}
	// approve takes the code from the phone.
	approve := func(t *testing.T, p *phone.Phone) string {
		t.Helper()
		opened, err := p.Open(t.Context(), pin)
		if err != nil {
			t.Fatal(err)
		}
		if len(opened.Pendings) != 1 || opened.Pendings[0].Kind != phone.ByCode || len(opened.Symbols) != 0 {
			t.Fatalf("%+v %v", opened.Pendings, opened.Symbols)
		}
		typed, err := opened.ApproveCode(t.Context(), opened.Pendings[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if left := time.Until(typed.Expires); left < 50*time.Second || left > time.Minute {
			t.Errorf("the code is good for %s", left)
		}
		return typed.Code.Reveal()
	}

	t.Run("password,CODE", func(t *testing.T) {
		t.Parallel()
		p := h.enrol("carl")
		first := ask(t, "carl", appliance.Password).expect(t, "Access-Reject")
		if text := strings.Join(first.attributes["Reply-Message"], ""); !strings.Contains(text, "Approve on your phone, then log in again with password,CODE.") {
			t.Errorf("the words are %q", text)
		}
		code := approve(t, p)
		ask(t, "carl", appliance.Password).expect(t, "Access-Reject") // the approval alone lets nobody in
		ask(t, "carl", appliance.Password+","+code[3:]+code[:3]+"1").expect(t, "Access-Reject")
		accept := ask(t, "carl", appliance.Password+","+code).expect(t, "Access-Accept")
		accept.hasAttributes(t)
		ask(t, "carl", appliance.Password+","+code).expect(t, "Access-Reject")
		want := []string{"reject code-awaited", "reject code-awaited", "reject wrong-password", "accept right-phone-code", "reject replayed"}
		if got := h.logins("carl"); !slices.Equal(got, want) {
			t.Errorf("the audit log has %q, want %q", got, want)
		}
		if text := h.Log.String(); strings.Contains(text, code) {
			t.Error("the log has the code")
		}
	})

	t.Run("static-challenge of OpenVPN", func(t *testing.T) {
		t.Parallel()
		p := h.enrol("dora")
		sent := func(answer string) string {
			b64 := base64.StdEncoding.EncodeToString
			return "SCRV1:" + b64([]byte(appliance.Password)) + ":" + b64([]byte(answer))
		}
		ask(t, "dora", sent("")).expect(t, "Access-Reject")
		ask(t, "dora", sent(approve(t, p))).expect(t, "Access-Accept").hasAttributes(t)
	})
}
