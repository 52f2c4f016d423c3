package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/localapi"
)

func (a *app) userCommand() *cobra.Command {
	return newGroup("user", "Users: add, show, lock, import …",
		a.userAdd(), a.userShow(), a.userList(), a.userSet(), a.userRemove(), a.userLock(), a.userUnlock(),
		a.userEnable(), a.userDisable(), a.userExpire(), a.userPassword(), a.userCode(), a.userCodeWord(), a.userVerify(), a.userResend(),
		a.userInvite(), a.userReset(), a.userImport())
}

// named is a command that takes the name of a user, which the shell can complete.
func (a *app) named(use, short string, more ...string) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: takes(1 + len(more)), ValidArgsFunction: a.completeUser}
	return cmd
}

func (a *app) userAdd() *cobra.Command {
	var user core.NewUser
	cmd := a.named("add NAME", "Add a user and print the code word for the first login")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.Long = `Adds a user. The code word is printed once, to be told to the person: it opens
the first login, until the minimum of answers is given or its time is over.`
	cmd.Example = `  latchkey user add lutz --language de --mail lutz@example.org --group staff`
	flags := cmd.Flags()
	flags.StringVar(&user.Language, "language", "", "`LANGUAGE` of prompts and messages: de or en")
	flags.StringVar(&user.Phone, "phone", "", "`NUMBER` with country code: +491711234567")
	flags.StringVar(&user.Mail, "mail", "", "mail `ADDRESS`")
	flags.StringArrayVar(&user.Groups, "group", nil, "`GROUP` of the policies (repeat for several)")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		user.Name = args[0]
		added, err := c.AddUser(ctx, user)
		if err != nil {
			return err
		}
		if a.json {
			return a.value(added)
		}
		a.remark("%s is added.", added.Name)
		if added.Word.IsEmpty() {
			return nil
		}
		remark := "The code word is shown this once"
		if added.CodeWord != nil {
			remark += "; it is good until " + a.when(*added.CodeWord)
		}
		a.remark("%s:", remark)
		return a.once(added.Word)
	})
	return cmd
}

// once prints a secret that is shown once, alone on standard output.
func (a *app) once(word localapi.Disclosed) error {
	return a.print(paint(a.outColour, bold, clean(word.Reveal())))
}

func (a *app) userSet() *cobra.Command {
	var language, phone, mail, deliver string
	var groups []string
	var noGroups bool
	cmd := a.named("set NAME", "Change language, phone, mail, way of messages or groups of a user")
	cmd.Long = `Changes what is given; the rest stays. An empty text ("") takes a value away.
--group names all groups of the user anew.`
	flags := cmd.Flags()
	flags.StringVar(&language, "language", "", "`LANGUAGE`: de or en")
	flags.StringVar(&phone, "phone", "", "`NUMBER` with country code")
	flags.StringVar(&mail, "mail", "", "mail `ADDRESS`")
	flags.StringVar(&deliver, "deliver", "", "the `CARRIER` that messages take first, where a policy has several")
	flags.StringArrayVar(&groups, "group", nil, "`GROUP`, replacing those that there are (repeat for several)")
	flags.BoolVar(&noGroups, "no-groups", false, "take the user out of all groups")
	cmd.PreRunE = alone("group", "no-groups")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var change core.UserChange
		changed := false
		for name, set := range map[string]func(){
			"language":  func() { change.Language = &language },
			"phone":     func() { change.Phone = &phone },
			"mail":      func() { change.Mail = &mail },
			"deliver":   func() { change.Deliver = &deliver },
			"group":     func() { change.Groups = &groups },
			"no-groups": func() { change.Groups = &[]string{} },
		} {
			if flags.Changed(name) {
				set()
				changed = true
			}
		}
		if !changed {
			return misuse("nothing to change: give --language, --phone, --mail, --deliver or --group")
		}
		return a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
			user, err := c.ChangeUser(ctx, args[0], change)
			if err != nil {
				return err
			}
			if a.json {
				return a.value(user)
			}
			return a.done("%s is changed.", user.Name)
		})(cmd, args)
	}
	return cmd
}

// there looks for the user before a person is asked for anything: better told now than after
// two times of typing. Where nobody is asked, the call itself says so.
func (a *app) there(ctx context.Context, c *localapi.Client, name string) error {
	if a.inFD < 0 {
		return nil
	}
	_, err := c.User(ctx, name)
	return err
}

// simple is a command that takes a name, does one thing and says so.
func (a *app) simple(use, short, said string, do func(c *localapi.Client, ctx context.Context, name string) error) *cobra.Command {
	cmd := a.named(use, short)
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		if err := do(c, ctx, args[0]); err != nil {
			return err
		}
		return a.done("%s %s.", args[0], said)
	})
	return cmd
}

func (a *app) userLock() *cobra.Command {
	return a.simple("lock NAME", "Lock a user until you unlock",
		"is locked, until you unlock", (*localapi.Client).LockUser)
}

func (a *app) userUnlock() *cobra.Command {
	return a.simple("unlock NAME", "Lift every lock of a user and clear the counts of wrong tries",
		"is unlocked", (*localapi.Client).UnlockUser)
}

func (a *app) userEnable() *cobra.Command {
	return a.simple("enable NAME", "Let a disabled user log in again",
		"is enabled", (*localapi.Client).EnableUser)
}

func (a *app) userDisable() *cobra.Command {
	return a.simple("disable NAME", "Refuse every login of a user; nothing of theirs is lost",
		"is disabled", (*localapi.Client).DisableUser)
}

func (a *app) userRemove() *cobra.Command {
	var yes bool
	cmd := a.named("remove NAME", "Remove a user with answers and password")
	cmd.Long = `Removes a user with answers, password and codes, for good: a user of the same
name that is added later is another one. On a terminal it asks first, unless
with --yes. "latchkey user disable NAME" refuses logins and loses nothing.`
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		if !yes && !a.json {
			if err := a.there(ctx, c, args[0]); err != nil {
				return err
			}
			if err := a.sure("Remove " + args[0] + " with password and answers?"); err != nil {
				return err
			}
		}
		if err := c.RemoveUser(ctx, args[0]); err != nil {
			return err
		}
		return a.done("%s is removed.", args[0])
	})
	return cmd
}

func (a *app) userExpire() *cobra.Command {
	var at string
	var in span
	var never bool
	cmd := a.named("expire NAME", "Set when a user ends: now, at a time, or never")
	cmd.Long = `Sets when a user's logins end. Without a flag that is now. A date lasts to its
end.`
	cmd.Example = `  latchkey user expire lutz --at 2026-12-31
  latchkey user expire lutz --in 30d
  latchkey user expire lutz --never`
	flags := cmd.Flags()
	flags.StringVar(&at, "at", "", "`TIME`: 2026-12-31, \"2026-12-31 18:00\" or RFC 3339")
	flags.Var(&in, "in", "after this time: 12h, 30d, 4w")
	flags.BoolVar(&never, "never", false, "take the end away")
	cmd.PreRunE = alone("at", "in", "never")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		end := a.now().Add(time.Duration(in))
		if flags.Changed("at") {
			var err error
			if end, err = parseTime(at, a.now().Location()); err != nil {
				return err
			}
		}
		return a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
			if never {
				if err := c.ExpireUser(ctx, args[0], nil); err != nil {
					return err
				}
				return a.done("%s does not expire.", args[0])
			}
			if err := c.ExpireUser(ctx, args[0], &end); err != nil {
				return err
			}
			return a.done("%s expires %s.", args[0], a.when(end))
		})(cmd, args)
	}
	return cmd
}
