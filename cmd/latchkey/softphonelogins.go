package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/phone"
)

func (s *softphone) wait() *cobra.Command {
	var most span
	cmd := s.loaded("wait", "Wait until a login waits for this phone, and show it", 0, func(ctx context.Context, p *phone.Phone, _ []string) error {
		outer := ctx
		if most > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(most))
			defer cancel()
		}
		pendings, err := p.Wait(ctx)
		if err != nil && ctx.Err() != nil && outer.Err() == nil {
			return refusal{"no login came in " + most.String(), ""}
		}
		if err != nil {
			return err
		}
		return s.show(pendings)
	})
	cmd.Long = `Waits until a login waits for this phone, and shows it. It needs no PIN. It
outlasts an appliance that is away for a while; what no waiting mends ends it.`
	cmd.Flags().Var(&most, "for", "give up after this time: 30s, 5m")
	return cmd
}

func (s *softphone) pending() *cobra.Command {
	return s.loaded("pending", "List the logins that wait for this phone", 0, func(ctx context.Context, p *phone.Phone, _ []string) error {
		pendings, err := p.Pendings(ctx)
		if err != nil {
			return err
		}
		return s.show(pendings)
	})
}

func (s *softphone) show(pendings []phone.Pending) error {
	if s.json {
		if pendings == nil {
			pendings = []phone.Pending{}
		}
		return s.value(pendings)
	}
	t := s.table("LOGIN", "SERVICE", "HOST", "FROM", "BEGUN", "ENDS")
	for _, one := range pendings {
		t.add(one.ID.String(), one.Service, one.Host, from(one.Source), s.moment(one.Created), distance(one.Expires.Sub(s.now())))
	}
	return t.end(nil, "No login waits.")
}

// describe is a login in one line.
func describe(one phone.Pending) string {
	return one.Service + prefix(" at ", one.Host) + prefix(", from ", from(one.Source))
}

// from is where a login comes from, as a person reads it. Of some gateways it is not known.
func from(source string) string {
	kind, value, _ := strings.Cut(source, ":")
	switch kind {
	case "addr":
		return value
	case "nas": // everybody behind the gateway, which HOST names
		return ""
	}
	return source
}

func (s *softphone) approve() *cobra.Command {
	var symbol, login string
	var code bool
	cmd := s.loaded("approve", "Approve a login by its symbol, or with a code", 0, func(ctx context.Context, p *phone.Phone, _ []string) error {
		if code {
			return s.approveCode(ctx, p, login)
		}
		if login != "" {
			return refusal{"--login is for --code: a symbol chooses its login by itself", ""}
		}
		picked := mobile.Symbol("")
		if symbol == "" && (s.inFD < 0 || s.json) {
			return refusal{"which symbol does the login show?", "--symbol NAME"}
		}
		if symbol != "" {
			var err error
			if picked, err = parsePick(symbol); err != nil {
				return err
			}
		}
		pin, err := s.secret(ctx, "PIN", false)
		if err != nil {
			return err
		}
		opened, err := p.Open(ctx, pin)
		if err != nil {
			return err
		}
		if len(opened.Symbols) == 0 {
			return refusal{"no waiting login shows a symbol", "--code, for a login that takes one"}
		}
		if picked == "" {
			if picked, err = s.pick(ctx, opened); err != nil {
				return err
			}
		}
		for _, one := range picked.Parts() {
			if !slices.Contains(opened.Symbols, one) {
				return refusal{"no waiting login shows " + one.Name(language.English), "the phone shows " + symbolNames(opened.Symbols)}
			}
		}
		if !opened.Takes(picked) {
			if len(picked.Parts()) == 2 {
				return refusal{"the waiting login shows one symbol", "--symbol NAME"}
			}
			return refusal{"the waiting login shows two symbols", "--symbol FIRST,SECOND in the order of its prompt"}
		}
		id, err := opened.Approve(ctx, picked)
		if err != nil {
			return err
		}
		return s.approved(opened, id)
	})
	cmd.Long = `Reads the PIN from standard input and approves the login whose prompt shows the
symbol, named in English or German. Where the prompt shows two, both are given,
in their order: anchor,star. Without --symbol, on a terminal, it shows
the symbols and asks. A symbol that no waiting login shows ends them all and is
told to the administrator: never guess.

A login that can show nothing takes a code instead: --code approves it and
prints the code, to be typed there behind the password and a comma. Where two
such logins wait, --login says which; the other one ends.`
	cmd.Example = `  latchkey softphone approve --state phone
  printf '%s\n' "$PIN" | latchkey softphone approve --symbol sun --state phone
  … | latchkey softphone approve --symbol sun,cup --state phone
  printf '%s\n' "$PIN" | latchkey softphone approve --code --state phone`
	cmd.Flags().StringVar(&symbol, "symbol", "", "`NAME` of the symbol at the login's prompt; NAME,NAME where it shows two")
	cmd.Flags().BoolVar(&code, "code", false, "print the code for a login that can show no symbol")
	cmd.Flags().StringVar(&login, "login", "", "with --code: the login of this `ID`, as pending lists them")
	cmd.MarkFlagsMutuallyExclusive("code", "symbol")
	_ = cmd.RegisterFlagCompletionFunc("symbol", func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, one := range mobile.Symbols() {
			for _, tag := range []language.Tag{language.English, language.German} {
				if name := strings.ToLower(one.Name(tag)); strings.HasPrefix(name, strings.ToLower(begun)) && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func parseSymbol(text string) (mobile.Symbol, error) {
	symbol, err := mobile.ParseSymbol(text)
	if err == nil {
		return symbol, nil
	}
	return "", refusal{"no symbol is called " + text, "symbols are " + symbolNames(mobile.Symbols())}
}

// parsePick reads one symbol, or two with a comma between.
func parsePick(text string) (mobile.Symbol, error) {
	first, second, two := strings.Cut(text, ",")
	if !two {
		return parseSymbol(text)
	}
	for _, one := range []string{first, second} {
		if _, err := parseSymbol(strings.TrimSpace(one)); err != nil {
			return "", err
		}
	}
	pick, err := mobile.ParsePick(text)
	if err != nil {
		return "", refusal{"a login shows two different symbols", "--symbol FIRST,SECOND"}
	}
	return pick, nil
}

func symbolNames(symbols []mobile.Symbol) string {
	names := make([]string, len(symbols))
	for i, one := range symbols {
		names[i] = one.Name(language.English)
	}
	return strings.Join(names, ", ")
}

// pick shows what waits and the grid, and asks: on a terminal.
func (s *softphone) pick(ctx context.Context, opened *phone.Opened) (mobile.Symbol, error) {
	for _, one := range opened.Pendings {
		s.remark("%s, begun %s", describe(one), s.when(one.Created))
	}
	s.remark("%s", "")
	// One a line, with the glyph last: terminals do not agree on the width of glyphs.
	for _, symbol := range opened.Symbols {
		s.remark("  %-10s %-9s  %s", symbol.Name(language.English), symbol.Name(language.German), symbol.Glyph())
	}
	s.remark("%s", "")
	question := "Which symbol does your login show? (empty: none of them) "
	switch pair, one := opened.Shows(phone.ByPair), opened.Shows(phone.BySymbol); {
	case pair && one:
		question = "Which symbol, or which two in their order, does your login show? (empty: none of them) "
	case pair:
		question = "Which two symbols does your login show, in their order? (empty: none of them) "
	}
	answer, err := s.reply(ctx, question, true)
	if err != nil {
		return "", err
	}
	if answer.IsEmpty() {
		return "", refusal{"nothing was approved", "if you have begun no login: latchkey softphone deny --not-me"}
	}
	return parsePick(strings.ReplaceAll(strings.TrimSpace(answer.Reveal()), " ", ","))
}

func (s *softphone) approved(opened *phone.Opened, id mobile.PendingID) error {
	i := slices.IndexFunc(opened.Pendings, func(one phone.Pending) bool { return one.ID == id })
	if s.json {
		out := struct {
			Result string         `json:"result"`
			Login  *phone.Pending `json:"login,omitempty"`
		}{Result: "approved"}
		if i >= 0 {
			out.Login = &opened.Pendings[i]
		}
		return s.value(out)
	}
	if i < 0 {
		return s.done("Approved.")
	}
	return s.done("Approved: %s.", describe(opened.Pendings[i]))
}

func (s *softphone) deny() *cobra.Command {
	var notMe bool
	var login string
	cmd := s.loaded("deny", "End the logins that wait", 0, func(ctx context.Context, p *phone.Phone, _ []string) error {
		pendings, err := p.Pendings(ctx)
		if err != nil {
			return err
		}
		reason := phone.Cancel
		if notMe {
			reason = phone.NotMe
		}
		denied := []phone.Pending{}
		for _, one := range pendings {
			if login != "" && one.ID.String() != login {
				continue
			}
			err := p.Deny(ctx, one.ID, reason)
			if errors.Is(err, phone.PendingEnded) || errors.Is(err, phone.NoSuchPending) {
				continue
			}
			if err != nil {
				return err
			}
			denied = append(denied, one)
		}
		return s.denied(denied, notMe)
	})
	cmd.Long = `Ends every login that waits, or the one of --login; it needs no PIN. With
--not-me the administrator is told that somebody else began it, who knows your
password.`
	cmd.Flags().BoolVar(&notMe, "not-me", false, "somebody else began it: tell the administrator")
	cmd.Flags().StringVar(&login, "login", "", "only the login of this `ID`, as pending lists them")
	return cmd
}

func (s *softphone) denied(logins []phone.Pending, notMe bool) error {
	if len(logins) == 0 {
		return refusal{"no login waits", "it has ended, or was never there"}
	}
	if s.json {
		return s.value(struct {
			Result string          `json:"result"`
			Reason string          `json:"reason"`
			Logins []phone.Pending `json:"logins"`
		}{"denied", word(notMe, string(phone.NotMe), string(phone.Cancel)), logins})
	}
	for _, one := range logins {
		s.remark("Denied: %s.", describe(one))
	}
	if notMe {
		s.remark("Your administrator is told. Change your password: somebody else knows it.")
	}
	return nil
}

func (s *softphone) history() *cobra.Command {
	return s.loaded("history", "List recent logins of the user, the newest first", 0, func(ctx context.Context, p *phone.Phone, _ []string) error {
		past, err := p.History(ctx)
		if err != nil {
			return err
		}
		if s.json {
			if past == nil {
				past = []phone.Past{}
			}
			return s.value(past)
		}
		t := s.table("TIME", "RESULT", "SERVICE", "HOST", "FROM")
		for _, one := range past {
			t.add(s.moment(one.Time), one.Result, one.Service, one.Host, from(one.Source))
		}
		return t.end(nil, "No logins yet.")
	})
}
