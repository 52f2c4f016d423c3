package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/localapi"
)

func (a *app) userVerify() *cobra.Command {
	cmd := a.named("verify NAME", "Check a caller on the telephone by characters of an answer")
	cmd.Long = `Shows a question to read out to a caller who says to be the user, in the user's
language, and reads the characters that the caller says. Then it says right or
wrong; the exit status is 0 or 1. Neither the answer nor its other characters
are shown.

The question is no login's: it neither shows nor uses up what the user is asked
next at a login. It stays the same until it is answered rightly, so that
calling again brings no easier one. Each wrong answer counts as one at a login
does; after three (locks.pair) nobody can be checked under this name for a
while. What was said on the telephone counts as watched (latchkey answer list).

Only check people who have called you. Whoever is called and asked for
characters should hang up: that is what a swindler would do, and your users
should know it.`
	cmd.Example = `  latchkey user verify lutz`
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		check, err := c.AskCaller(ctx, args[0])
		if err != nil {
			return err
		}
		for _, lock := range check.Locks {
			a.remark("Lock: %s", a.lock(lock))
		}
		text, err := a.fromCaller(ctx, check)
		if err != nil {
			return err
		}
		verdict, err := c.JudgeCaller(ctx, args[0], check.ID, text)
		if err != nil {
			return err
		}
		if a.json {
			if err := a.value(verdict); err != nil {
				return err
			}
		}
		if !verdict.Right {
			return refusal{"wrong: this may not be " + check.Name, "the same question stands; another wrong answer counts too"}
		}
		a.remark("Right: the caller knows the answers of %s.", check.Name)
		return nil
	})
	return cmd
}

// fromCaller reads what the caller says. What has too few characters to be right was misheard, and is asked for again
// where a person types.
func (a *app) fromCaller(ctx context.Context, check core.CallerCheck) (core.Secret, error) {
	for {
		a.remark("Read out: %s", check.Prompt)
		text, err := a.reply(ctx, "The caller says: ", true)
		if err != nil {
			return text, err
		}
		if a.inFD < 0 || len([]rune(pinphrase.CanonicalReply(text.Reveal()))) >= check.Characters {
			return text, nil
		}
		a.remark("These are fewer than %d characters.", check.Characters)
	}
}
