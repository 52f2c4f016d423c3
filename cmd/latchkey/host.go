package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/hostapi"
	"github.com/latchkey/latchkey/hostapi/member"
	"github.com/latchkey/latchkey/localapi"
)

func (a *app) hostCommand() *cobra.Command {
	cmd := newGroup("host", "Linux hosts of the fleet: invite, enroll, list, unlock, revoke",
		a.hostInvite(), a.hostEnroll(), a.hostRenew(), a.hostList(), a.hostUnlock(), a.hostRevoke())
	cmd.Long = `Linux hosts that ask this appliance over HTTPS, through the PAM module
pam_latchkey(8). "invite", "list", "unlock" and "revoke" talk to latchkeyd;
"enroll" and "renew" run as root on the host itself and need no latchkeyd
there. What a host may ask for stands under hosts.named in latchkey.yaml(5), by
its name.`
	return cmd
}

// ofHost is a command that takes a host.
func (a *app) ofHost(use, short string) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: takes(1), ValidArgsFunction: a.completeHost}
}

func (a *app) hostInvite() *cobra.Command {
	valid := hours{}
	cmd := a.ofHost("invite NAME", "Invite a machine to be a host: prints a URL, once")
	cmd.Long = `Makes an invitation for one machine and prints its URL. It is shown this once
and is good for one machine: whoever uses it first is host NAME. Hand it to
"latchkey host enroll -" on that machine, over a way that others do not read.
A second use of it locks the host, and is told in the log.

NAME is what the host is called here, in logs and under hosts.named in
latchkey.yaml, where an entry must fit it; it need not be the machine's own.
An older invitation for NAME that was not used is void.`
	cmd.Example = `  latchkey host invite web01
  latchkey host invite web01 | ssh root@web01 latchkey host enroll -`
	cmd.Flags().Var(&valid, "for", "how `LONG` it is good, such as 1h (default 24h)")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		given, err := c.InviteHost(ctx, args[0], valid.d)
		if err != nil {
			return err
		}
		if a.json {
			return a.value(given)
		}
		a.remark("The invitation is shown this once; it is good for one machine until %s.", a.when(given.Expires))
		return a.print(clean(given.URL.Reveal()))
	})
	return cmd
}

// hours is a flag with a duration.
type hours struct{ d time.Duration }

func (h *hours) String() string { return "" }
func (h *hours) Type() string   { return "duration" }

// Set reads 90m, 24h.
func (h *hours) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Minute {
		return errors.New("a time such as 1h, at least 1m")
	}
	h.d = d
	return nil
}

func (a *app) hostEnroll() *cobra.Command {
	var dir string
	var force bool
	cmd := &cobra.Command{Use: "enroll URL", Short: "Make this machine a host, by an invitation", Args: takes(1), ValidArgsFunction: cobra.NoFileCompletions}
	cmd.Long = `Makes this machine a host of the appliance that the invitation names: makes a
key, has it certified, and writes into ` + member.DefaultDir + `:

  host.pem   the key and its certificate, mode 0600
  ca.pem     the authority that the appliance's certificate is pinned to
  pam.conf   for the PAM module: conf=` + member.DefaultDir + `/pam.conf

URL is that of "latchkey host invite", or "-" to read it from standard input,
where other users of this machine cannot see it. If it is cut off, the same
command goes on where it stopped. The module renews the certificate by itself
at logins, in the last third of its 30 days; "latchkey host renew" does so on a
machine where nobody logs in.`
	cmd.Example = `  latchkey host enroll -
  latchkey host enroll - --dir /etc/latchkey/host --force`
	cmd.Flags().StringVar(&dir, "dir", member.DefaultDir, "`DIR` for what is written")
	cmd.Flags().BoolVar(&force, "force", false, "replace a credential that is there")
	_ = cmd.MarkFlagDirname("dir")
	cmd.RunE = a.do(func(ctx context.Context, args []string) error {
		invitation := args[0]
		if invitation == "-" {
			line, err := a.invited(ctx)
			if err != nil {
				return err
			}
			invitation = line.Reveal()
		}
		absolute, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		out, err := member.Config{Dir: absolute, Connect: 10 * time.Second}.Enrol(ctx, strings.TrimSpace(invitation), force)
		if err != nil {
			return a.hostError(err, absolute)
		}
		if a.json {
			return a.value(struct {
				Host    string    `json:"host"`
				ID      string    `json:"id"`
				Expires time.Time `json:"expires"`
				Conf    string    `json:"conf"`
			}{out.Host, out.ID, out.Expires, filepath.Join(absolute, member.ConfFile)})
		}
		a.remark("This machine is host %s. Its certificate is valid until %s, and renews itself.", out.Host, a.when(out.Expires))
		a.remark("In a PAM stack, after the password:")
		return a.print("auth required pam_latchkey.so conf=" + filepath.Join(absolute, member.ConfFile))
	})
	return cmd
}

func (a *app) hostRenew() *cobra.Command {
	var dir string
	var force bool
	cmd := &cobra.Command{Use: "renew", Short: "Renew this host's certificate where it is due", Args: takes(0), ValidArgsFunction: cobra.NoFileCompletions}
	cmd.Long = `Renews the certificate of this machine in the last third of its life; before
that it does nothing. The PAM module does the same at logins: this is for
machines where nobody logs in for months, where latchkey-host-renew.timer runs
it once a day. A certificate may be renewed until 90 days after its end.`
	cmd.Flags().StringVar(&dir, "dir", member.DefaultDir, "`DIR` of the credential")
	cmd.Flags().BoolVar(&force, "force", false, "renew now")
	_ = cmd.MarkFlagDirname("dir")
	cmd.RunE = a.do(func(ctx context.Context, _ []string) error {
		absolute, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		c, err := member.Load(absolute)
		if err != nil {
			return a.hostError(err, absolute)
		}
		renewed, err := c.Renew(ctx, force)
		if err != nil {
			return a.hostError(err, absolute)
		}
		identity, err := member.Identity(absolute)
		if err != nil {
			return err
		}
		if a.json {
			return a.value(struct {
				Renewed bool      `json:"renewed"`
				Expires time.Time `json:"expires"`
			}{renewed, identity.Leaf.NotAfter})
		}
		return a.done("%s valid until %s.", word(renewed, "The certificate is renewed:", "Nothing to do: the certificate is"), a.when(identity.Leaf.NotAfter))
	})
	return cmd
}

// hostError puts what a host meets into words.
func (a *app) hostError(err error, dir string) error {
	var refused *hostapi.Refused
	var unreached *hostapi.NotReached
	var lost *member.Lost
	switch {
	case errors.As(err, &refused):
		hint := refused.Hint
		if hint == "" && refused.Code == string(core.CodeInvitationVoid) {
			hint = "an invitation is good once, and for a day: latchkey host invite NAME, on the appliance, makes a new one"
		}
		return refusal{refused.Text, hint}
	case errors.As(err, &unreached):
		return refusal{"the appliance is not reached: " + unreached.Err.Error(), "is there a way from this machine to the address of the invitation?"}
	case errors.As(err, &lost):
		return refusal{lost.Error(), "the same command once more goes on where it stopped"}
	case errors.Is(err, member.ErrThere):
		return refusal{"this machine is a host already: " + filepath.Join(dir, "host.pem") + " is there", "--force replaces it; the host that it was then stays in `latchkey host list` until it is revoked"}
	case errors.Is(err, member.ErrNotEnrolled):
		return refusal{"there is no credential of a host in " + dir, "latchkey host enroll makes one"}
	case errors.Is(err, fleet.ErrInvitation):
		return refusal{strings.TrimPrefix(err.Error(), "fleet: "), "the whole line that latchkey host invite has printed"}
	case errors.Is(err, os.ErrPermission):
		return refusal{err.Error(), "root does this; elsewhere --dir DIR"}
	}
	return err
}

func (a *app) hostList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the hosts of the fleet", Args: takes(0), ValidArgsFunction: cobra.NoFileCompletions}
	cmd.Long = `Lists hosts that are not revoked, and invitations that are open. STATE is
invited, active, locked:invitation (the invitation was used twice: revoke it and
invite anew) or restored (the appliance was restored from a backup: "latchkey
host unlock" confirms the host). SEEN is to the hour. WRONG counts wrong tries
by way of the host; it halves by the hour, and above the limit of locks.host has
a "!". ENTRY is the one of hosts.named that holds for it; without one it can ask
nothing.`
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, _ []string) error {
		hosts, err := c.Hosts(ctx)
		if err != nil {
			return err
		}
		if a.json {
			return a.value(hosts)
		}
		t := a.table("NAME", "STATE", "ENTRY", "POLICY", "REALM", "MAY ASK FOR", "WRONG", "SEEN", "EXPIRES")
		for _, h := range hosts {
			t.add(h.Name, h.State+prefix(":", h.Why), h.Entry, h.Policy, h.Realm, mayAskFor(h), strconv.Itoa(h.Wrong)+word(h.OverLimit, "!", ""), a.momentOf(h.LastSeen), a.momentOf(h.Expires))
		}
		return t.end(nil, "No hosts yet: latchkey host invite NAME")
	})
	return cmd
}

func (a *app) momentOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return a.moment(*t)
}

func mayAskFor(h core.HostInfo) string {
	switch {
	case h.Entry == "":
		return "nobody"
	case len(h.Users)+len(h.Groups) == 0:
		return "everybody"
	}
	who := append([]string(nil), h.Users...)
	for _, g := range h.Groups {
		who = append(who, "@"+g)
	}
	return strings.Join(who, ",")
}

func (a *app) hostUnlock() *cobra.Command {
	var all bool
	cmd := &cobra.Command{Use: "unlock NAME", Short: "Clear a host's wrong tries; confirm it after a restore", ValidArgsFunction: a.completeHost}
	cmd.Long = `Clears what was counted of wrong tries by way of a host. After the appliance was
restored from a backup no host may ask until it is confirmed by this: a host
that was revoked after the backup is active in it. With --all it is done to all.
A host whose invitation was used twice stays locked.`
	cmd.Example = `  latchkey host unlock web01
  latchkey host unlock --all`
	cmd.Flags().BoolVar(&all, "all", false, "all hosts that are not locked for good")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if all != (len(args) == 0) || len(args) > 1 {
			return misuse("usage: %s, or --all", cmd.UseLine())
		}
		return nil
	}
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		if all {
			hosts, err := c.Hosts(ctx)
			if err != nil {
				return err
			}
			for _, h := range hosts {
				if h.State == "active" || h.State == "restored" {
					args = append(args, h.Name)
				}
			}
		}
		for _, name := range args {
			if err := c.UnlockHost(ctx, name); err != nil {
				return err
			}
		}
		if all {
			return a.done("%s.", count(len(args), "host is", "hosts are")+" unlocked")
		}
		return a.done("%s is unlocked.", args[0])
	})
	return cmd
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (a *app) hostRevoke() *cobra.Command {
	var yes bool
	cmd := a.ofHost("revoke NAME", "Take a host away for good, at once, or its invitation")
	cmd.Long = `Takes a host away for good: from now on it may ask nothing, and logins that it
has begun come to nothing. An invitation that is open is void. The name is free
then: "latchkey host invite NAME" makes a new host of it. On a terminal it asks
first, unless with --yes.`
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		if !yes && !a.json {
			if err := a.sure("Revoke host " + args[0] + " for good?"); err != nil {
				return err
			}
		}
		if err := c.RevokeHost(ctx, args[0]); err != nil {
			return err
		}
		return a.done("%s is revoked.", args[0])
	})
	return cmd
}

// completeHost gives the names of hosts.
func (a *app) completeHost(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer cancel()
	c := a.client()
	defer c.Close()
	hosts, _ := c.Hosts(ctx)
	var names []string
	for _, h := range hosts {
		if strings.HasPrefix(h.Name, begun) {
			names = append(names, h.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
