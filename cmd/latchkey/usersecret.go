package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/localapi"
)

func (a *app) userPassword() *cobra.Command {
	cmd := a.named("password NAME", "Set the first-factor password, from standard input")
	cmd.Long = `Reads one line from standard input and keeps it as the user's first-factor
password, 8 characters or more. On a terminal it is asked for twice, without
echo. Logins that are under way end.`
	cmd.Example = `  latchkey user password lutz < password.txt`
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		if err := a.there(ctx, c, args[0]); err != nil {
			return err
		}
		password, err := a.secret(ctx, "New password of "+clean(args[0]), true)
		if err != nil {
			return err
		}
		if err := c.SetPassword(ctx, args[0], password); err != nil {
			return err
		}
		return a.done("The password of %s is set.", args[0])
	})
	return cmd
}

func (a *app) userCode() *cobra.Command {
	valid := span(24 * time.Hour)
	uses := 1
	cmd := a.named("code NAME", "Make a temporary code for someone without a second factor at hand")
	cmd.Long = `Prints a temporary code, once, for the helpdesk to say to the person: eight
letters that are taken at any second-factor prompt, for a time and a number of
logins.`
	cmd.Example = `  latchkey user code lutz --for 24h --uses 2`
	cmd.Flags().Var(&valid, "for", "how long it is good: 90m, 24h, 3d")
	cmd.Flags().IntVar(&uses, "uses", 1, "good for `N` logins")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if valid <= 0 || uses <= 0 {
			return misuse("--for and --uses must be above 0")
		}
		return a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
			code, err := c.TemporaryCode(ctx, args[0], time.Duration(valid), uses)
			if err != nil {
				return err
			}
			if a.json {
				return a.value(code)
			}
			logins := "one login"
			if code.Uses != 1 {
				logins = strconv.Itoa(code.Uses) + " logins"
			}
			a.remark("The code is shown this once; it is good for %s until %s:", logins, a.when(code.Until))
			return a.once(code.Code)
		})(cmd, args)
	}
	return cmd
}

func (a *app) userCodeWord() *cobra.Command {
	cmd := a.named("codeword NAME", "Make a new code word for the first login; an unused one is void")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		word, err := c.NewCodeWord(ctx, args[0])
		if err != nil {
			return err
		}
		if a.json {
			return a.value(word)
		}
		a.remark("The code word is shown this once; it is good until %s:", a.when(word.Until))
		return a.once(word.Code)
	})
	return cmd
}

func (a *app) userResend() *cobra.Command {
	cmd := a.named("resend NAME", "Send the open message challenge again")
	cmd.Long = `Sends the message of the user's open challenge again: the same text with the
same mark, within the limits of delivery. One is open when a login has asked for
it, or where a policy sends ahead.`
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		sent, err := c.ResendMessage(ctx, args[0])
		if err != nil {
			return err
		}
		if a.json {
			return a.value(sent)
		}
		for _, m := range sent.Messages {
			if err := a.done("Message %s is on its way to %s by %s.", m.Mark, clean(m.To), clean(m.Carrier)); err != nil {
				return err
			}
		}
		return nil
	})
	return cmd
}
