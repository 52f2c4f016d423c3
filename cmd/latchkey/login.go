package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/radiusd/radclient"
)

// loginOptions are the flags of login.
type loginOptions struct {
	config     radclient.Config
	noPassword bool
	pressEnter bool
}

func (a *app) loginCommand() *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{Use: "login NAME", Short: "Log in through RADIUS as a VPN gateway would", Args: takes(1),
		ValidArgsFunction: a.completeUser}
	cmd.Long = `Sends the login of NAME to a RADIUS server and asks on the terminal for what the
server asks for, as a VPN gateway would. This machine must be among the server's
clients (radius.clients in latchkey.yaml).

The shared secret is taken from the environment variable LATCHKEY_RADIUS_SECRET,
else asked for without echo. Where standard input is no terminal, its first line
is the password and each further line answers a challenge. The exit status is 0
for an accept and 1 for a reject.

A login that waits for a phone shows the symbol to choose there; Enter then
means "look now". With --press-enter this command looks by itself, until the
phone has approved or denied.`
	cmd.Example = `  latchkey login lutz --server 192.0.2.1:1812
  latchkey login lutz --server 192.0.2.1:1812 --press-enter
  printf '%s\n' "$PASSWORD" "HIDG" | latchkey login lutz --server localhost:1812`
	flags := cmd.Flags()
	flags.StringVar(&o.config.Server, "server", "", "RADIUS server, `HOST[:PORT]` (port 1812 if not given)")
	flags.StringVar(&o.config.NASIdentifier, "nas-identifier", "latchkey-login", "`TEXT` sent as NAS-Identifier")
	flags.StringVar(&o.config.CallingStation, "calling-station", "", "`ADDRESS` sent as Calling-Station-Id")
	flags.BoolVar(&o.noPassword, "no-password", false, "send an empty password first, for policies with first: none")
	flags.BoolVar(&o.pressEnter, "press-enter", false, "look by itself whether the phone has approved")
	flags.DurationVar(&o.config.Timeout, "timeout", 5*time.Second, "`TIME` to wait for a reply to each packet")
	flags.IntVar(&o.config.Tries, "tries", 3, "send each packet up to `N` times")
	flags.BoolVar(&o.config.Unsigned, "accept-unsigned", false, "take replies without Message-Authenticator too")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.config.Server == "" {
			return misuse("--server HOST:PORT is needed")
		}
		if o.config.Timeout <= 0 || o.config.Tries <= 0 {
			return misuse("--timeout and --tries must be above 0")
		}
		if _, _, err := net.SplitHostPort(o.config.Server); err != nil {
			o.config.Server = net.JoinHostPort(strings.Trim(o.config.Server, "[]"), "1812")
		}
		return a.do(func(ctx context.Context, args []string) error { return a.login(ctx, args[0], o) })(cmd, args)
	}
	return cmd
}

func (a *app) login(ctx context.Context, name string, o loginOptions) error {
	if err := a.sharedSecret(ctx, &o); err != nil {
		return err
	}
	var password secret.Secret
	if !o.noPassword {
		var err error
		if password, err = a.reply(ctx, "Password of "+clean(name)+": ", false); err != nil {
			return err
		}
	}
	client, err := radclient.Dial(o.config)
	if err != nil {
		return refusal{"RADIUS server " + o.config.Server + ": " + err.Error(), "--server HOST:PORT"}
	}
	defer func() { _ = client.Close() }()
	asked, looked := false, time.Time{}
	reply, err := client.Login(ctx, name, password, func(challenge radclient.Reply) (secret.Secret, error) {
		asked = true
		if o.pressEnter && waits.MatchString(challenge.Message) {
			_, _ = fmt.Fprintln(a.err, cleanLines(challenge.Message))
			err := pause(ctx, time.Until(looked.Add(betweenLooks)))
			looked = time.Now()
			return secret.Secret{}, err
		}
		return a.reply(ctx, cleanLines(challenge.Message), challenge.Echo)
	})
	if asked && errors.Is(err, radclient.ErrSilent) { // the address and the secret are right
		return refusal{"no answer from " + o.config.Server + " to the reply",
			"latchkeyd is silent where it cannot write its state, a full disk for example: see its log"}
	}
	if err != nil {
		return explain(err, o.config)
	}
	return a.outcome(reply)
}

// waits tells a challenge that waits for a phone: RADIUS has no other sign of it than the words.
var waits = regexp.MustCompile(`^Symbol: \S`)

// betweenLooks keeps --press-enter from using up its rounds where the server does not wait itself.
const betweenLooks = 3 * time.Second

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// sharedSecret asks where the environment is silent. A pipe is for password and replies.
func (a *app) sharedSecret(ctx context.Context, o *loginOptions) (err error) {
	o.config.Secret = secret.New(a.env("LATCHKEY_RADIUS_SECRET"))
	if !o.config.Secret.IsEmpty() {
		return nil
	}
	if a.inFD < 0 {
		return refusal{"the shared secret is not known", "set LATCHKEY_RADIUS_SECRET"}
	}
	o.config.Secret, err = a.secret(ctx, "Shared secret of RADIUS", false)
	if err == nil && o.config.Secret.IsEmpty() {
		err = refusal{"the shared secret is empty", ""}
	}
	return err
}

// loginResult is the outcome for machines.
type loginResult struct {
	Result     string           `json:"result"` // "accept" or "reject"
	Message    string           `json:"message,omitempty"`
	Attributes []loginAttribute `json:"attributes"`
	Signed     bool             `json:"message_authenticator"`
}

type loginAttribute struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (a *app) outcome(reply radclient.Reply) error {
	accepted := reply.Code == radclient.Accept
	result := loginResult{Result: word(accepted, "accept", "reject"), Message: reply.Message,
		Attributes: []loginAttribute{}, Signed: reply.Signed}
	for _, attribute := range reply.Attributes {
		result.Attributes = append(result.Attributes, loginAttribute{attribute.Name(), attribute.String()})
	}
	if reply.Signed && !reply.SignedFirst {
		a.warn("Message-Authenticator is not the first attribute of the reply")
	}
	if a.json {
		if err := a.value(result); err != nil {
			return err
		}
	} else if err := a.showOutcome(reply, result); err != nil {
		return err
	}
	if accepted {
		return nil
	}
	hint := "latchkey audit shows why, on the server"
	if found := reference.FindStringSubmatch(reply.Message); found != nil {
		hint = "latchkey audit --reference " + found[1] + " shows why, on the server"
	}
	return refusal{"rejected: " + word(reply.Message != "", strings.TrimSpace(reply.Message), "the server gives no reason"), hint}
}

// reference is how a reject of Latchkey ends, in any language.
var reference = regexp.MustCompile(` ([0-9A-Z]{6,12})\s*$`)

func (a *app) showOutcome(reply radclient.Reply, result loginResult) error {
	if reply.Code != radclient.Accept {
		return a.print(paint(a.outColour, red, reply.Code.String()))
	}
	if err := a.print(paint(a.outColour, green, reply.Code.String())); err != nil {
		return err
	}
	for _, attribute := range result.Attributes {
		if attribute.Name == "Message-Authenticator" {
			continue
		}
		if err := a.print("  " + clean(attribute.Name) + " = " + clean(attribute.Value)); err != nil {
			return err
		}
	}
	return nil
}

// explain puts silence into words: a RADIUS server drops what it does not like.
func explain(err error, c radclient.Config) error {
	waited := (c.Timeout * time.Duration(c.Tries)).String()
	switch {
	case errors.Is(err, radclient.ErrSilent):
		return refusal{fmt.Sprintf("no answer from %s in %s", c.Server, waited),
			"a RADIUS server is silent to unknown clients and wrong shared secrets: see radius.clients and the log of latchkeyd"}
	case errors.Is(err, radclient.ErrNobody):
		return refusal{"nothing listens at " + c.Server, "see radius.listen, and whether latchkeyd runs"}
	case errors.Is(err, radclient.ErrForged):
		return refusal{c.Server + " answers with a wrong signature", "the shared secrets of both sides differ"}
	case errors.Is(err, radclient.ErrUnsigned):
		return refusal{c.Server + " answers without Message-Authenticator (CVE-2024-3596)",
			"set message_authenticator for this client on the server, or use --accept-unsigned"}
	}
	return err
}
