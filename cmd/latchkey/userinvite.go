package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/localapi"
)

// handing is how a code word goes to its user.
type handing struct {
	print string
	mail  bool
}

func (o *handing) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.print, "print", "", "write a letter to the new `FILE.html`, for a browser to print")
	cmd.Flags().BoolVar(&o.mail, "mail", false, "mail the first half to the user, and print the second")
	cmd.PreRunE = alone("print", "mail")
}

// handOver makes the code word by call, and brings it on its way.
func (a *app) handOver(ctx context.Context, o handing, name string, call func(ctx context.Context, name string, mailed bool) (localapi.Handover, error)) error {
	var letter *letterFile
	if o.print != "" {
		var err error
		if letter, err = newLetterFile(o.print); err != nil {
			return err
		}
	}
	h, err := call(ctx, name, o.mail)
	if letter != nil {
		if err != nil {
			letter.drop()
			return err
		}
		if err := letter.write(h, a.now().Location()); err != nil {
			return err
		}
		h.Word = localapi.Disclosed{} // it is on paper
	}
	if err != nil {
		return err
	}
	h.Head = localapi.LetterHead{}
	if a.json {
		return a.value(h)
	}
	switch {
	case letter != nil:
		a.remark("The letter with the code word is in %s, good until %s. Print it, then delete it.", o.print, a.when(h.Until))
		return nil
	case o.mail:
		a.remark("The first half of the code word goes by mail to %s. Tell %s the second half on another way, by telephone or in person; it is shown this once, and good until %s:",
			h.MailedTo, h.Name, a.when(h.Until))
		return a.once(h.Rest)
	}
	if h.URL != "" {
		a.remark("It opens self-service at %s.", h.URL)
	}
	a.remark("The code word is shown this once; it is good until %s:", a.when(h.Until))
	return a.once(h.Word)
}

func (a *app) userInvite() *cobra.Command {
	var o handing
	cmd := a.named("invite NAME", "Make a new code word: for a letter, half by mail, or told")
	cmd.Long = `Makes a new code word, which voids an unused one, and brings it on its way to
the user, who opens self-service with it, or a first login.

--print writes a letter in the user's language: one page of HTML with the code
word, and with the address of self-service as a QR code; print it in a browser.
The file is new, and only you can read it. The code word is not shown.

--mail sends the address of self-service and the first half of the words; the
second half is printed, once, to be told on another way. Who can read the
mailbox has not enough to get in, nor has who listens to the telephone. This way
is open to the helpdesk too, which never knows the whole.

Without either the code word is printed, once, to be told.`
	cmd.Example = `  latchkey user invite lutz --print lutz.html
  latchkey user invite lutz --mail`
	o.flags(cmd)
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		return a.handOver(ctx, o, args[0], c.InviteUser)
	})
	return cmd
}

func (a *app) userReset() *cobra.Command {
	var o handing
	var yes bool
	cmd := a.named("reset NAME", "Take answers, phones and sessions away; make a new code word")
	cmd.Long = `For somebody who has lost everything, or whose answers others know: takes away
all answers, phones, a temporary code and open sessions, at once and for good,
and makes a new code word as "latchkey user invite" does, with the same flags.
The password stays; so do locks. The user is told on the channels that there
were.

An answer that is given once more keeps count of what was asked and seen of it.
On a terminal it asks first, unless with --yes.`
	cmd.Example = `  latchkey user reset lutz --print lutz.html`
	o.flags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		if !yes && !a.json {
			if err := a.there(ctx, c, args[0]); err != nil {
				return err
			}
			if err := a.sure("Take all answers and phones of " + args[0] + " away?"); err != nil {
				return err
			}
		}
		return a.handOver(ctx, o, args[0], c.ResetUser)
	})
	return cmd
}
