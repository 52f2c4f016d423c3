package browser

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/radiusd/radclient"
	"github.com/latchkey/latchkey/test/appliance"
)

// login is one that waits for a phone, at a gateway.
type login struct {
	user    string
	reply   <-chan gatewayReply // of a RADIUS client of ours, when it has ended
	term    *appliance.Terminal // or openconnect
	outcome string              // once it was asked for
}

type gatewayReply struct {
	radclient.Reply
	err error
}

var (
	symbolShown    = regexp.MustCompile(`Symbols?: (\w+(?:, \w+)?)`)
	referenceShown = regexp.MustCompile(`Ref\. (\w+)`)
)

func (d *door) login(o order) any {
	if o.Seconds > 0 {
		d.configure(max(least, time.Duration(o.Seconds)*time.Second))
		defer d.configure(usual)
	}
	l := &login{user: o.User}
	var prompt string
	if o.Via == "openconnect" {
		l.term = d.vpn.Login(d.t, o.User, appliance.Password)
		prompt = l.term.Expect(d.t, `(Symbol: .*)\s+Password1:`)[1]
		l.term.Type(d.t, "")
	} else {
		prompt = d.raise(l, o.Source)
	}
	shown := symbolShown.FindStringSubmatch(prompt)
	if shown == nil {
		d.t.Fatalf("no symbol in %q", prompt)
	}
	symbol, err := mobile.ParsePick(shown[1])
	if err != nil {
		d.t.Fatalf("%q: %v", prompt, err)
	}
	name := strconv.Itoa(len(d.logins) + 1)
	d.logins[name] = l
	return map[string]string{"login": name, "symbol": string(symbol)}
}

// raise logs in as a gateway of ours does, which asks again as long as it is asked to, and gives the first prompt.
func (d *door) raise(l *login, source string) string {
	c, err := radclient.Dial(radclient.Config{Server: d.Address, Secret: secret.New(appliance.Secret), CallingStation: source, Timeout: 10 * time.Second, Tries: 2})
	if err != nil {
		d.t.Fatal(err)
	}
	prompts, replies := make(chan string, 1), make(chan gatewayReply, 1)
	l.reply = replies
	go func() {
		defer c.Close()
		asked := false
		reply, err := c.Login(d.t.Context(), l.user, secret.New(appliance.Password), func(r radclient.Reply) (secret.Secret, error) {
			if !asked {
				prompts <- r.Message
				asked = true
			}
			return secret.New(""), nil
		})
		replies <- gatewayReply{reply, err}
	}()
	select {
	case prompt := <-prompts:
		return prompt
	case r := <-replies:
		d.t.Fatalf("the login of %s ended before it waited: %s %q %v\n%s", l.user, r.Code, r.Message, r.err, d.Log)
		return ""
	}
}

// outcome waits until the login has ended, and says how, in the words of the test appliance.
func (d *door) outcome(name string) string {
	l := d.logins[name]
	if l == nil {
		d.t.Fatalf("there is no login %q", name)
	}
	if l.outcome == "" {
		l.outcome = d.words(l.user, d.reference(l))
	}
	return l.outcome
}

// reference waits until the login has ended, and gives what leads from a reject to its audit record.
func (d *door) reference(l *login) string {
	if l.term != nil {
		l.term.Expect(d.t, `COOKIE='[^']+'`)
		return ""
	}
	// Longer than any login lasts here that nobody answers.
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	select {
	case <-late.C:
		d.t.Fatalf("the login of %s does not end\n%s", l.user, d.Log)
		return ""
	case r := <-l.reply:
		if r.err != nil {
			d.t.Fatalf("the login of %s: %v", l.user, r.err)
		}
		if r.Code == radclient.Accept {
			return ""
		}
		reference := referenceShown.FindStringSubmatch(r.Message)
		if reference == nil {
			d.t.Fatalf("a reject without reference: %q", r.Message)
		}
		return reference[1]
	}
}

// entry is what is read in an audit record.
type entry struct{ Event, Result, Reason, Reference, Door string }

// words finds a user's login in the audit log, a refused one by its reference, else the newest.
func (d *door) words(user, reference string) string {
	var entries []entry
	d.parse(&entries, "audit", "--user", user, "--json")
	denied, outcome := "", ""
	for _, e := range entries {
		switch {
		case e.Event == "approval" && e.Result == "denied":
			denied = "cancel"
		case e.Event == "alert" && e.Result == "not-me":
			denied = "not-me"
		case e.Event == "login" && (e.Reference == reference || reference == "" && e.Result == "accept"):
			outcome = e.Result + " " + e.Reason
			if e.Reason == "approval-denied" {
				outcome = denied
			}
		}
	}
	if outcome == "" {
		d.t.Fatalf("the audit log of %s has no login %s: %+v", user, reference, entries)
	}
	return strings.NewReplacer("accept right-approval", "approved", "reject wrong-symbol", "wrong-symbol",
		"reject pending-ended", "other-chosen", "reject pending-expired", "expired").Replace(outcome)
}

// inspect looks at what the journey has left behind.
func (d *door) inspect() {
	d.t.Helper()
	gateways := 0
	for _, l := range d.logins {
		if l.term != nil {
			gateways++
		}
	}
	if gateways == 0 {
		d.t.Error("the journey has approved no login of openconnect")
	}
	d.Latchkey("", "audit", "--verify")
}

// typed logs in at a gateway that can show nothing, with a code behind the password or none, and gives the reason in the audit log.
func (d *door) typed(user, code string) string {
	c, err := radclient.Dial(radclient.Config{Server: d.Address, Secret: secret.New(appliance.Secret), CallingStation: "198.51.100.7", Timeout: 10 * time.Second, Tries: 2})
	if err != nil {
		d.t.Fatal(err)
	}
	defer c.Close()
	password := appliance.Password
	if code != "" {
		password += "," + code
	}
	reply, err := c.Login(d.t.Context(), user, secret.New(password), func(r radclient.Reply) (secret.Secret, error) {
		return secret.Secret{}, fmt.Errorf("a gateway that can show nothing is asked %q", r.Message)
	})
	if err != nil {
		d.t.Fatal(err)
	}
	reference := ""
	if reply.Code != radclient.Accept {
		found := referenceShown.FindStringSubmatch(reply.Message)
		if found == nil {
			d.t.Fatalf("a reject without reference: %q", reply.Message)
		}
		reference = found[1]
	}
	return strings.NewReplacer("accept right-phone-code", "approved", "reject ", "").Replace(d.words(user, reference))
}
