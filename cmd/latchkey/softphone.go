package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/phone"
)

// softphone is what its commands share: one device, in a file.
type softphone struct {
	*app
	state string
}

func (a *app) softphoneCommand() *cobra.Command {
	s := &softphone{app: a}
	cmd := newGroup("softphone", "The reference phone: enroll, wait, approve, deny …",
		s.enroll(), s.wait(), s.pending(), s.approve(), s.deny(), s.renew(), s.pin(), s.status(), s.messages(), s.history(), s.rename(), s.remove())
	cmd.Long = `A phone for those who have none, for tests, and to see how one works: it enrols
by an invitation and approves logins as the app does. It needs no latchkeyd on
this machine; the invitation says where the appliance is and which certificate
it has.

--state FILE is the phone: one device of one user, mode 0600. Whoever copies it
needs the PIN too, and the appliance counts the tries and sees that there are
two. PINs are read from standard input, one line each; on a terminal without
echo.

Exit status: 0 done, also for a denial; 1 refused, 2 wrong usage.`
	cmd.PersistentFlags().StringVar(&s.state, "state", "", "`FILE` of the phone")
	_ = cmd.MarkPersistentFlagFilename("state")
	return cmd
}

// command is one of the softphone's, with n arguments.
func (s *softphone) command(use, short string, n int, act func(ctx context.Context, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: takes(n), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if s.state == "" {
				return misuse("--state FILE is needed")
			}
			return s.do(func(ctx context.Context, args []string) error { return s.inWords(act(ctx, args)) })(cmd, args)
		}}
}

// loaded is a command that needs a phone that is enrolled.
func (s *softphone) loaded(use, short string, n int, act func(ctx context.Context, p *phone.Phone, args []string) error) *cobra.Command {
	return s.command(use, short, n, func(ctx context.Context, args []string) error {
		p, err := phone.Load(ctx, phone.Config{Storage: phone.File(s.state)})
		if err != nil {
			return err
		}
		defer p.Close()
		return act(ctx, p, args)
	})
}

// newPIN reads a PIN twice, from a pipe too: a slip would lock its user out.
func (s *softphone) newPIN(ctx context.Context, prompt string) (secret.Secret, error) {
	first, err := s.secret(ctx, prompt, true)
	if err != nil || s.inFD >= 0 {
		return first, err
	}
	second, err := s.line()
	if errors.Is(err, errNoInput) {
		return first, refusal{"a new PIN is read twice", "two lines on standard input"}
	}
	if err == nil && !first.Equal(second) {
		err = refusal{"the two PINs are not the same", "nothing was changed; try again"}
	}
	return first, err
}

func (s *softphone) enroll() *cobra.Command {
	var name, origin string
	cmd := s.command("enroll URL", "Enrol by an invitation; the PIN is read twice", 1, func(ctx context.Context, args []string) error {
		if err := goodName(name); err != nil {
			return err
		}
		invitation := args[0]
		if invitation == "-" {
			line, err := s.invited(ctx)
			if err != nil {
				return err
			}
			invitation = line.Reveal()
		}
		if _, err := mobile.ParseTyped(invitation); err == nil && origin == "" {
			return refusal{"a typed invitation does not say where the appliance is", "--url https://HOST:PORT"}
		}
		pin, err := s.newPIN(ctx, "New PIN")
		if err != nil {
			return err
		}
		p, err := phone.Enrol(ctx, phone.Config{Storage: phone.File(s.state), Origin: origin}, invitation, name, pin)
		if p != nil {
			defer p.Close()
		}
		if err != nil {
			return err
		}
		return s.enrolled(ctx, p)
	})
	cmd.Long = `Enrols a new phone by an invitation of "latchkey device invite": its URL, its
typed form (with --url), or "-" to read it from standard input, where other
users of this machine cannot see it. The PIN is read twice from there.

Prints the check code that activates the phone: tell it to your administrator.
An invitation that was --trusted needs none. If it is cut off, the same command
goes on where it stopped.`
	cmd.Example = `  latchkey softphone enroll - --state phone
  printf '%s\n' "$URL" "$PIN" "$PIN" | latchkey softphone enroll - --state phone`
	cmd.Flags().StringVar(&name, "name", "softphone", "`NAME` of the phone in lists")
	cmd.Flags().StringVar(&origin, "url", "", "`URL` of the appliance, for a typed invitation")
	return cmd
}

// goodName refuses what the appliance would: an enrolment that has begun keeps its name.
func goodName(name string) error {
	const longestName = 64
	if name == "" || len(name) > longestName || clean(name) != name {
		return refusal{fmt.Sprintf("the name of a phone has 1 to %d bytes, all of them to be seen", longestName), ""}
	}
	return nil
}

// invited reads an invitation: on a terminal it is seen, since it is long and for one time.
func (a *app) invited(ctx context.Context) (secret.Secret, error) {
	if a.inFD < 0 {
		return a.secretLine()
	}
	line, err := a.reply(ctx, "Invitation: ", true)
	if err == nil && line.IsEmpty() {
		err = errNoInput
	}
	return line, err
}

func (s *softphone) enrolled(ctx context.Context, p *phone.Phone) error {
	code := p.CheckCode() // the phone's own, not what the appliance says that it is
	status, err := p.Status(ctx)
	switch {
	case err != nil && code == "":
		return err
	case err != nil: // it is enrolled all the same, and the code is there
		status = phone.Status{State: "inert", User: "NAME", Appliance: "the appliance"}
	}
	if code != "" {
		status.CheckCode = code
	}
	if s.json {
		return s.value(status)
	}
	s.remark("This is a phone of %s at %s.", status.User, status.Appliance)
	if status.State == "active" {
		s.remark("It is active.")
		return nil
	}
	s.remark("It is not active yet. Tell your administrator its check code (latchkey device confirm %s CODE):", status.User)
	return s.print(clean(status.CheckCode))
}

func (s *softphone) status() *cobra.Command {
	return s.loaded("status", "Ask the appliance where this phone stands", 0, func(ctx context.Context, p *phone.Phone, _ []string) error {
		status, err := p.Status(ctx)
		if err != nil {
			return err
		}
		if s.json {
			return s.value(status)
		}
		var c card
		c.add("User", status.User)
		c.add("Appliance", status.Appliance)
		c.add("State", status.State)
		c.add("Check code", status.CheckCode)
		c.add("Key", word(status.Generation > 0, "generation "+strconv.FormatUint(status.Generation, 10), "none yet"))
		return s.card(c)
	})
}

func (s *softphone) renew() *cobra.Command {
	cmd := s.loaded("renew", "Make a new approval key; the appliance replaces the old one", 0, func(ctx context.Context, p *phone.Phone, _ []string) error {
		pin, err := s.secret(ctx, "PIN", false)
		if err != nil {
			return err
		}
		if err := p.Renew(ctx, pin); err != nil {
			return err
		}
		return s.done("The key is renewed.")
	})
	cmd.Long = "Makes a new approval key under the same PIN, which is read from standard input."
	return cmd
}

func (s *softphone) pin() *cobra.Command {
	cmd := s.loaded("pin", "Change the PIN: the old one, then the new one twice", 0, func(ctx context.Context, p *phone.Phone, _ []string) error {
		old, err := s.secret(ctx, "PIN", false)
		if err != nil {
			return err
		}
		next, err := s.newPIN(ctx, "New PIN")
		if err != nil {
			return err
		}
		if err := p.ChangePIN(ctx, old, next); err != nil {
			return err
		}
		return s.done("The PIN is changed.")
	})
	cmd.Long = `Reads the old PIN and then the new one twice from standard input. The approval
key becomes a new one too: a copy of the state that was made before is of no
use then, even to somebody who knows the old PIN.`
	cmd.Example = `  printf '%s\n' "$OLD" "$NEW" "$NEW" | latchkey softphone pin --state phone`
	return cmd
}

func (s *softphone) rename() *cobra.Command {
	return s.loaded("rename NAME", "Give this phone another name in lists", 1, func(ctx context.Context, p *phone.Phone, args []string) error {
		if err := goodName(args[0]); err != nil {
			return err
		}
		if err := p.Rename(ctx, args[0]); err != nil {
			return err
		}
		return s.done("The phone is called %s.", args[0])
	})
}

func (s *softphone) remove() *cobra.Command {
	var here bool
	cmd := s.command("remove", "End this phone, at the appliance and here", 0, func(ctx context.Context, _ []string) error {
		p, err := phone.Load(ctx, phone.Config{Storage: phone.File(s.state)})
		if here && errors.Is(err, phone.ErrNotEnrolled) && !isMissing(err) {
			return s.forgetUnfinished(ctx)
		}
		if err != nil {
			return err
		}
		defer p.Close()
		if here {
			err = p.Forget(ctx)
		} else {
			err = p.Remove(ctx)
		}
		if err != nil {
			return err
		}
		return s.done("The phone is removed.")
	})
	cmd.Long = `Ends this phone at the appliance, and then removes the state. With --here only
the state is removed, for a phone whose appliance is gone: there it stays in
the list until "latchkey device revoke".`
	cmd.Flags().BoolVar(&here, "here", false, "remove the state only")
	return cmd
}

// forgetUnfinished removes a state whose enrolment did not come to an end.
func (s *softphone) forgetUnfinished(ctx context.Context) error {
	storage := phone.File(s.state)
	release, err := storage.Lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := storage.Write(nil); err != nil {
		return err
	}
	return s.done("The phone is removed.")
}
