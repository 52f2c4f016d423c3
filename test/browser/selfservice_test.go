package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// TestSelfService drives the pages at /me/ in Chromium, against the real daemon: a newcomer's first day alone with his code
// word, up to a login that FreeRADIUS's radclient makes at the gateway; his phone, enrolled and confirmed there.
func TestSelfService(t *testing.T) {
	binaries := prepare(t)
	d := &desk{t: t, orders: make(chan func()), radclient: appliance.Need(t, "radclient", "freeradius-utils"), secret: filepath.Join(appliance.Folder(t), "secret")}
	appliance.Write(t, d.secret, appliance.Secret+"\n")
	web := fmt.Sprintf("127.0.0.1:%d", appliance.Port(t))
	d.Appliance = appliance.Start(t, appliance.Config{
		Binaries: binaries, Client: client, Second: "[app, pinphrase]", Language: "de",
		Sections: fmt.Sprintf("web:\n  listen: [%q]\n  url: https://%s\n  serve: [app, selfservice]\n  brand: {name: Example Versicherungen, colour: \"#0a5c36\", colour_dark: \"#7fd1a6\"}\nselfservice: {policy: vpn}\n", web, web),
	})
	control := httptest.NewServer(d)
	defer control.Close()
	err := drive(t, "selfservice", []string{"LATCHKEY_URL=https://" + web, "LATCHKEY_CONTROL=" + control.URL, "LATCHKEY_SPKI=" + spki(t, web)}, d.orders)
	if err != nil {
		t.Fatalf("self-service: %v\n%s", err, d.Log)
	}
	d.Latchkey("", "audit", "--verify")
	for _, secret := range append(d.words, "Heidelberg", "Tegernsee", appliance.Password) {
		if strings.Contains(d.Log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// desk is the control door of these journeys: who gives out code words, and a gateway.
type desk struct {
	*appliance.Appliance
	t                 *testing.T
	radclient, secret string
	orders            chan func()
	words             []string
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var o struct{ User, Language string }
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := make(chan any, 1)
	carry := func() {
		defer close(answer)
		answer <- d.carry(r.URL.Path, o.User, o.Language)
	}
	select {
	case d.orders <- carry:
	case <-r.Context().Done():
		return
	}
	_ = json.NewEncoder(w).Encode(<-answer) // whoever asked notices
}

func (d *desk) carry(what, user, language string) any {
	switch what {
	case "/newcomer":
		word := strings.TrimSpace(d.Latchkey("", "user", "add", user, "--language", language))
		d.Latchkey(appliance.Password+"\n", "user", "password", user)
		d.words = append(d.words, word)
		return map[string]string{"code_word": word, "password": appliance.Password}
	case "/enrolled":
		d.Enrol(user)
		d.Latchkey("", "user", "set", user, "--language", language)
		return map[string]string{"password": appliance.Password}
	case "/characters":
		// What a person types who reads the prompt, which is the user's field here.
		return map[string]string{"typed": appliance.Right(d.t, user)}
	case "/radius":
		return map[string]string{"outcome": d.login(user)}
	}
	d.t.Errorf("the journey wants %s, which the desk does not have", what)
	return struct{}{}
}

var (
	radiusCode  = regexp.MustCompile(`(?m)^Received (\S+) Id`)
	radiusState = regexp.MustCompile(`(?m)^\tState = (0x[0-9a-f]+)`)
	radiusText  = regexp.MustCompile(`(?m)^\tReply-Message = "(.*)"$`)
)

// login goes through both rounds at the gateway, with the seed's answers.
func (d *desk) login(user string) string {
	d.t.Helper()
	send := func(attributes ...string) string {
		cmd := exec.Command(d.radclient, "-t", "10", "-r", "1", "-x", "-S", d.secret, d.Address, "auth")
		cmd.Stdin = strings.NewReader(strings.Join(append(attributes, "User-Name="+user, "Message-Authenticator=0x00"), "\n") + "\n")
		out, _ := cmd.CombinedOutput() // its status is 1 for whatever is no accept; the reply says more
		return string(out)
	}
	first := send("User-Password=" + appliance.Password)
	state, text := radiusState.FindStringSubmatch(first), radiusText.FindStringSubmatch(first)
	if state == nil || text == nil {
		d.t.Fatalf("no challenge:\n%s", first)
	}
	second := send("User-Password="+appliance.Right(d.t, text[1]), "State="+state[1])
	code := radiusCode.FindStringSubmatch(second)
	if code == nil {
		d.t.Fatalf("no reply:\n%s", second)
	}
	return code[1]
}
