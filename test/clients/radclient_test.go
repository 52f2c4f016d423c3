package clients

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// radclient is FreeRADIUS's, and where it sends to.
type radclient struct {
	path, secretFile, server string
}

func newRadclient(t *testing.T, server, secret string) radclient {
	t.Helper()
	c := radclient{
		path:       appliance.Need(t, "radclient", "freeradius-utils"),
		secretFile: filepath.Join(appliance.Folder(t), "secret"),
		server:     server,
	}
	appliance.Write(t, c.secretFile, secret+"\n")
	return c
}

// signed lets radclient put in a Message-Authenticator, which it does not by itself.
const signed = "Message-Authenticator=0x00"

// reply is what radclient shows of one.
type reply struct {
	code       string // "Access-Accept"; "" where none came
	attributes map[string][]string
	shown      string
}

var (
	received = regexp.MustCompile(`(?m)^Received (\S+) Id`)
	shown    = regexp.MustCompile(`(?m)^\t([\w.-]+) = (.*)$`)
)

// send sends one packet; command is "auth" or "status".
func (c radclient) send(t *testing.T, command string, attributes ...string) reply {
	t.Helper()
	return c.run(t, []string{"-t", "10", "-r", "1"}, command, attributes...)
}

// sendInVain is for packets to which no reply is due.
func (c radclient) sendInVain(t *testing.T, command string, attributes ...string) reply {
	t.Helper()
	return c.run(t, []string{"-t", "1", "-r", "1"}, command, attributes...)
}

func (c radclient) run(t *testing.T, flags []string, command string, attributes ...string) reply {
	t.Helper()
	cmd := exec.Command(c.path, append(flags, "-x", "-S", c.secretFile, c.server, command)...)
	cmd.Stdin = strings.NewReader(strings.Join(attributes, "\n") + "\n")
	// Its exit status is 1 for whatever is no accept; the reply says more.
	out, err := cmd.CombinedOutput()
	r := reply{shown: string(out), attributes: map[string][]string{}}
	at := received.FindStringSubmatchIndex(r.shown)
	if at == nil {
		if err == nil || !strings.Contains(r.shown, "No reply") {
			t.Fatalf("radclient: %v\n%s", err, out)
		}
		return r
	}
	r.code = r.shown[at[2]:at[3]]
	for _, a := range shown.FindAllStringSubmatch(r.shown[at[1]:], -1) {
		r.attributes[a[1]] = append(r.attributes[a[1]], strings.Trim(a[2], `"`))
	}
	return r
}

// expect fails unless the reply has this code.
func (r reply) expect(t *testing.T, code string) reply {
	t.Helper()
	if r.code != code {
		t.Fatalf("the reply is %q, want %q\n%s", r.code, code, r.shown)
	}
	return r
}

// prompt gives the one Reply-Message of a challenge.
func (r reply) prompt(t *testing.T) string {
	t.Helper()
	r.expect(t, "Access-Challenge")
	if n := len(r.attributes["Reply-Message"]); n != 1 {
		t.Fatalf("a challenge with %d Reply-Messages\n%s", n, r.shown)
	}
	return r.attributes["Reply-Message"][0]
}

// state gives the State as it must be sent back.
func (r reply) state(t *testing.T) string {
	t.Helper()
	if n := len(r.attributes["State"]); n != 1 {
		t.Fatalf("a challenge with %d States\n%s", n, r.shown)
	}
	return "State=" + r.attributes["State"][0]
}

// first sends the password, and expects a challenge.
func (c radclient) first(t *testing.T, user string, more ...string) reply {
	t.Helper()
	r := c.send(t, "auth", append(more, "User-Name="+user, "User-Password="+appliance.Password, signed)...)
	return r.expect(t, "Access-Challenge")
}

// second answers a challenge.
func (c radclient) second(t *testing.T, user string, challenge reply, answer string, more ...string) reply {
	t.Helper()
	return c.send(t, "auth", append(more, "User-Name="+user, `User-Password="`+answer+`"`, challenge.state(t), signed)...)
}

// staff are the attributes of the policy, as radclient shows them.
var staff = map[string]string{"Class": "0x7374616666", "Filter-Id": "remote", "Cisco-AVPair": "shell:priv-lvl=15"}

// hasAttributes fails unless those of the policy are in the accept.
func (r reply) hasAttributes(t *testing.T) {
	t.Helper()
	for name, value := range staff {
		if !slices.Equal(r.attributes[name], []string{value}) {
			t.Errorf("%s is %q, want %q", name, r.attributes[name], value)
		}
	}
}

// proxies are what two proxies on the way would have put in. It comes back as it was, in its
// order (RFC 2865 section 5.33).
var proxies = []string{"Proxy-State=0x6f6e65", "Proxy-State=0x74776f"}

func (r reply) isBack(t *testing.T) {
	t.Helper()
	if got := r.attributes["Proxy-State"]; !slices.Equal(got, []string{"0x6f6e65", "0x74776f"}) {
		t.Errorf("Proxy-State came back as %q\n%s", got, r.shown)
	}
}

func TestRadclient(t *testing.T) {
	t.Parallel()
	a := begin(t, "") // require, the default
	c := newRadclient(t, a.Address, appliance.Secret)

	t.Run("login", func(t *testing.T) {
		challenge := c.first(t, "lutz", proxies...)
		accept := c.second(t, "lutz", challenge, appliance.Right(t, challenge.prompt(t)), proxies...).expect(t, "Access-Accept")
		accept.hasAttributes(t)
		for _, r := range []reply{challenge, accept} {
			r.isBack(t)
			// BlastRADIUS: it has to come first.
			if first := shown.FindStringSubmatch(r.shown[received.FindStringIndex(r.shown)[1]:]); first[1] != "Message-Authenticator" {
				t.Errorf("the first attribute is %s\n%s", first[1], r.shown)
			}
		}
	})
	t.Run("wrong answer", func(t *testing.T) {
		challenge := c.first(t, "lutz")
		refused := c.second(t, "lutz", challenge, appliance.Wrong(t, challenge.prompt(t)), proxies...).expect(t, "Access-Reject")
		refused.isBack(t)
		if len(refused.attributes["Class"]) > 0 || len(refused.attributes["Reply-Message"]) != 1 {
			t.Errorf("want one Reply-Message and no attribute of the policy\n%s", refused.shown)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		c.send(t, "auth", "User-Name=lutz", "User-Password=guess", signed).expect(t, "Access-Reject")
	})
	t.Run("unsigned", func(t *testing.T) {
		from := a.Log.Len()
		c.sendInVain(t, "auth", "User-Name=lutz", "User-Password="+appliance.Password).expect(t, "")
		a.Log.Await(t, from, `"reason":"missing-message-authenticator"`)
	})
	t.Run("wrong secret", func(t *testing.T) {
		from := a.Log.Len()
		other := newRadclient(t, a.Address, "another-secret-of-24-bytes")
		other.sendInVain(t, "auth", "User-Name=lutz", "User-Password="+appliance.Password, signed).expect(t, "")
		a.Log.Await(t, from, `"reason":"bad-message-authenticator".*"hint":"compare the shared secrets`)
	})
	t.Run("Status-Server", func(t *testing.T) {
		c.send(t, "status", signed).expect(t, "Access-Accept")
	})
	if outcomes, want := logins(t, a, "lutz"), []string{"accept right", "reject wrong-answer", "reject wrong-password"}; !slices.Equal(outcomes, want) {
		t.Errorf("the audit log has %q, want %q", outcomes, want)
	}
}
