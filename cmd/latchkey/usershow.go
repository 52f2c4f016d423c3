package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/localapi"
)

func (a *app) userShow() *cobra.Command {
	cmd := a.named("show NAME", "Show what may be shown of a user")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		user, err := c.User(ctx, args[0])
		if err != nil {
			return err
		}
		if a.json {
			return a.value(user)
		}
		devices, err := c.Devices(ctx, args[0])
		if err != nil {
			return err
		}
		return a.card(a.userCard(user, devices))
	})
	return cmd
}

func (a *app) userCard(user core.UserInfo, devices []core.DeviceInfo) card {
	var c card
	c.add("Name", user.Name)
	c.add("Id", user.ID)
	c.add("State", userState(user))
	for _, lock := range user.Locks {
		c.add("Lock", a.lock(lock))
	}
	c.add("Language", user.Language)
	c.add("Phone", user.Phone)
	c.add("Mail", user.Mail)
	c.add("Messages by", user.Deliver)
	for _, m := range user.Messages {
		c.add("Last message", fmt.Sprintf("%s by %s, %s, %s", m.Mark, m.Carrier, m.State, a.moment(m.At))+word(len(user.Messages) > 1, ", realm "+m.Realm, ""))
	}
	c.add("Groups", strings.Join(user.Groups, ", "))
	c.add("Password", word(user.HasPassword, "set", "none"))
	answers := make([]string, len(user.Answers))
	for i, answer := range user.Answers {
		answers[i] = answer.Question + word(answer.Retired, " (retired)", word(answer.Renew, " (renew)", ""))
	}
	c.add("Answers", fmt.Sprintf("%d%s", len(answers), word(len(answers) > 0, ": "+strings.Join(answers, ", "), "")))
	c.add("Enrolled", word(user.Enrolled, "yes", "no, the minimum of answers is not met"))
	phones := make([]string, len(devices))
	for i, d := range devices {
		phones[i] = d.Name + " (" + deviceState(d) + ")"
	}
	c.add("Phones", strings.Join(phones, ", "))
	c.add("Code word", prefix("open until ", a.maybe(user.CodeWord)))
	c.add("Temporary code", prefix("open until ", a.maybe(user.Temporary)))
	c.add("Wrong tries", strconv.Itoa(user.Wrong))
	c.add("Expires", a.maybe(user.Expires))
	c.add("Created", a.when(user.Created))
	c.add("Epoch", strconv.FormatUint(user.Epoch, 10))
	return c
}

// userState is one word: the strongest reason why a login would be refused, or "active".
func userState(user core.UserInfo) string {
	found := map[string]bool{}
	for _, lock := range user.Locks {
		found[lock.Kind] = true
	}
	switch {
	case !user.Enabled:
		return "disabled"
	case found["expired"]:
		return "expired"
	case found["admin"] || found["not-me"] || found["for-good"] || found["user"]:
		return "locked"
	case found["pair"]:
		return "locked-in-part"
	case !user.Enrolled:
		return "not-enrolled"
	}
	return "active"
}

func (a *app) lock(lock core.LockInfo) string {
	text := map[string]string{
		"pair":     "too many wrong tries from one source",
		"user":     "too many wrong tries from everywhere; only sources with an earlier success may try",
		"for-good": "too many wrong tries, for good",
		"admin":    "locked by an admin",
		"not-me":   "said on the phone: \"this was not me\"",
		"disabled": "disabled",
		"expired":  "expired",
	}[lock.Kind]
	if text == "" {
		text = lock.Kind
	}
	if lock.Source != "" {
		text += ", " + lock.Source
	}
	return text + prefix(", until ", a.maybe(lock.Until))
}

func (a *app) userList() *cobra.Command {
	var unfinished bool
	cmd := &cobra.Command{Use: "list", Short: "List all users, or those who have not finished", Args: takes(0)}
	cmd.Long = `Lists all users.

--unfinished lists those who cannot log in with a factor of their own yet: they
have neither the minimum of answers nor a phone. It says how many answers are
missing, and what became of the code word. "latchkey user invite" makes a new
one.`
	cmd.Flags().BoolVar(&unfinished, "unfinished", false, "only those without answers enough or a phone")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, _ []string) error {
		users := c.Users
		if unfinished {
			users = c.UnfinishedUsers
		}
		if a.json {
			out := a.array()
			return out.end(users(ctx, func(user core.UserInfo) bool { return out.add(user) }))
		}
		if unfinished {
			t := a.table("NAME", "MISSING", "PASSWORD", "CODE WORD", "PHONE", "MAIL", "CREATED")
			return t.end(users(ctx, func(user core.UserInfo) bool {
				return t.add(user.Name, strconv.Itoa(user.Missing)+" answers", word(user.HasPassword, "set", ""), a.codeWordState(user),
					user.Phone, user.Mail, a.moment(user.Created))
			}), "Everybody has finished.")
		}
		t := a.table("NAME", "STATE", "ANSWERS", "PASSWORD", "LANGUAGE", "GROUPS", "EXPIRES")
		return t.end(users(ctx, func(user core.UserInfo) bool {
			expires := ""
			if user.Expires != nil {
				expires = a.moment(*user.Expires)
			}
			return t.add(user.Name, userState(user), strconv.Itoa(len(user.Answers)), word(user.HasPassword, "set", ""),
				user.Language, strings.Join(user.Groups, ","), expires)
		}), "No users yet: latchkey user add NAME")
	})
	return cmd
}

// soon is when a code word's end is worth a word.
const soon = 24 * time.Hour

func (a *app) codeWordState(user core.UserInfo) string {
	switch {
	case user.CodeWord != nil && user.CodeWord.Sub(a.now()) < soon:
		return "ends " + distance(user.CodeWord.Sub(a.now()))
	case user.CodeWord != nil:
		return "until " + a.moment(*user.CodeWord)
	case user.CodeOver:
		return "over"
	}
	return "none"
}

func word(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

func prefix(before, text string) string { return word(text != "", before+text, "") }

// completeUser lets the shell complete a user's name. It is silent where it cannot.
func (a *app) completeUser(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	const most, patience = 200, 2 * time.Second
	ctx, cancel := context.WithTimeout(cmd.Context(), patience)
	defer cancel()
	c := a.client()
	defer c.Close()
	var names []string
	_ = c.Users(ctx, func(user core.UserInfo) bool {
		if strings.HasPrefix(user.Name, begun) && clean(user.Name) == user.Name {
			names = append(names, user.Name)
		}
		return len(names) < most
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}
