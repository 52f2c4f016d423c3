package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/localapi"
)

func (a *app) deviceCommand() *cobra.Command {
	return newGroup("device", "Phones of a user: invite, confirm, list, unlock, revoke",
		a.deviceInvite(), a.deviceConfirm(), a.deviceList(), a.deviceUnlock(), a.deviceRevoke())
}

func (a *app) deviceInvite() *cobra.Command {
	var trusted bool
	cmd := a.named("invite NAME", "Invite a phone of a user: prints a URL and a QR code, once")
	cmd.Long = `Makes an invitation for one phone of a user and prints its URL; on a terminal
also the QR code, and a form for the keyboard. It is shown this once and is
good for one phone: give it to its user alone.

The phone shows a check code of eight letters when it has its PIN; until
"latchkey device confirm NAME CODE" it can approve nothing. With --trusted it
is active at once: for an invitation that is handed over in person.`
	cmd.Example = `  latchkey device invite lutz
  latchkey device invite lutz --trusted`
	cmd.Flags().BoolVar(&trusted, "trusted", false, "handed over in person: active at once, without a check code")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		given, err := c.InviteDevice(ctx, args[0], trusted)
		if err != nil {
			return err
		}
		return a.invitation(given)
	})
	return cmd
}

// invitation shows an invitation. In a pipe it is the URL alone.
func (a *app) invitation(given localapi.Invitation) error {
	inv, err := mobile.ParseInvitation(given.URL.Reveal())
	if err != nil {
		return refusal{"latchkeyd has given an invitation that this command does not know",
			"the command line and the daemon are of different versions; restart latchkeyd after an update"}
	}
	if a.json {
		return a.value(struct {
			localapi.Invitation
			Typed localapi.Disclosed `json:"typed"`
		}{given, localapi.Disclosed{Secret: inv.Typed()}})
	}
	a.remark("The invitation is shown this once; it is good for one phone until %s:", a.when(given.Expires))
	if a.outTTY {
		if code, ok := a.qrCode(given.URL.Reveal()); ok {
			if err := a.print(code); err != nil {
				return err
			}
		}
	}
	if err := a.print(clean(given.URL.Reveal())); err != nil {
		return err
	}
	if a.outTTY {
		if err := a.print("\nTo type instead, in the app at " + clean(inv.Origin+mobile.AppPath) + ":\n" + typed(inv)); err != nil {
			return err
		}
	}
	if given.Trusted {
		a.warn("trusted: whoever opens it first has a phone of %s that works at once", given.Name)
		return nil
	}
	a.remark("Then an administrator: latchkey device confirm %s CODE, with the code that the phone shows.", given.Name)
	return nil
}

// typed is the keyboard's form in lines that fit.
func typed(inv mobile.Invitation) string {
	const perLine = 5
	groups := strings.Split(inv.Typed().Reveal(), "-")
	if len(groups) <= perLine {
		return "  " + strings.Join(groups, "-")
	}
	return "  " + strings.Join(groups[:perLine], "-") + "-\n  " + strings.Join(groups[perLine:], "-")
}

func (a *app) deviceConfirm() *cobra.Command {
	cmd := a.named("confirm NAME CODE", "Activate a new phone by the check code that it shows", "CODE")
	cmd.Long = `Activates the new phone of a user that shows CODE: eight letters, in any case,
with or without spaces. The person reads it from the phone's screen. A code
that fits no phone means that another phone has used the invitation, or that
somebody stands between phone and appliance: look at "latchkey device list
NAME".`
	cmd.Example = `  latchkey device confirm lutz BCDF-GHJK`
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		device, err := c.ConfirmDevice(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		if a.json {
			return a.value(device)
		}
		return a.done("%s (%s) of %s is active.", device.Name, device.ID, args[0])
	})
	return cmd
}

func (a *app) deviceList() *cobra.Command {
	cmd := a.named("list NAME", "List the phones of a user")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		devices, err := c.Devices(ctx, args[0])
		if err != nil {
			return err
		}
		if a.json {
			return a.value(devices)
		}
		t := a.table("DEVICE", "NAME", "STATE", "PINS", "PUSH", "SEEN", "ENROLLED")
		for _, d := range devices {
			seen := ""
			if d.LastSeen != nil {
				seen = a.moment(*d.LastSeen)
			}
			t.add(d.ID, d.Name, deviceState(d), strconv.Itoa(d.Row)+"/"+strconv.Itoa(d.Life), word(d.Push, "yes", ""), seen, a.moment(d.Created))
		}
		return t.end(nil, "No phones yet: latchkey device invite "+args[0])
	})
	cmd.Long = `Lists the phones of a user that are not revoked. PINS has the wrong PINs in a
row and in the phone's life. STATE is inert (not confirmed yet), active,
locked:pin (too many wrong PINs), locked:cloned (a copy of the phone was used),
locked:invitation (the invitation was used twice) or erased (too many wrong
PINs in its life: only a new invitation helps).`
	return cmd
}

func deviceState(d core.DeviceInfo) string { return d.State + prefix(":", d.Why) }

// ofDevice is a command that takes a user and a phone.
func (a *app) ofDevice(use, short string) *cobra.Command {
	cmd := a.named(use, short, "DEVICE")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 1 {
			return a.completeDevice(cmd, args[0], begun)
		}
		return a.completeUser(cmd, args, begun)
	}
	return cmd
}

func (a *app) deviceUnlock() *cobra.Command {
	cmd := a.ofDevice("unlock NAME DEVICE", "End a phone's lock and its row of wrong PINs")
	cmd.Long = `Ends the lock of a phone after wrong PINs, and its row of them; what it has
used of the tries of its life stays used. DEVICE is its id or its name. A phone
that was locked because a copy of it was used (locked:cloned) may be in wrong
hands: revoke it unless you know better.`
	cmd.Example = `  latchkey device unlock lutz "Lutz's phone"`
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		if err := c.UnlockDevice(ctx, args[0], args[1]); err != nil {
			return err
		}
		return a.done("%s of %s is unlocked.", args[1], args[0])
	})
	return cmd
}

func (a *app) deviceRevoke() *cobra.Command {
	var yes bool
	cmd := a.ofDevice("revoke NAME DEVICE", "Take a lost phone away for good")
	cmd.Long = `Takes a phone away for good, with every login that waits for it. DEVICE is its
id or its name. On a terminal it asks first, unless with --yes. Until the user
has a new phone, "latchkey user code NAME" makes a temporary code.`
	cmd.Example = `  latchkey device revoke lutz "Lutz's phone"
  latchkey user code lutz --for 24h
  latchkey device invite lutz`
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		if !yes && !a.json {
			if err := a.sure("Revoke " + args[1] + " of " + args[0] + " for good?"); err != nil {
				return err
			}
		}
		if err := c.RevokeDevice(ctx, args[0], args[1]); err != nil {
			return err
		}
		return a.done("%s of %s is revoked.", args[1], args[0])
	})
	return cmd
}

// completeDevice gives the ids, each with what a person knows the phone by.
func (a *app) completeDevice(cmd *cobra.Command, name, begun string) ([]string, cobra.ShellCompDirective) {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(cmd.Context(), patience)
	defer cancel()
	c := a.client()
	defer c.Close()
	devices, _ := c.Devices(ctx, name)
	var ids []string
	for _, d := range devices {
		if strings.HasPrefix(d.ID, begun) {
			ids = append(ids, cobra.CompletionWithDesc(d.ID, clean(d.Name)+", "+deviceState(d)))
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
