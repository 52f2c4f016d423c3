package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/localapi"
)

func (a *app) auditCommand() *cobra.Command {
	var filter core.AuditFilter
	var follow, verify bool
	cmd := &cobra.Command{Use: "audit", Short: "Show, follow or verify the audit log", Args: takes(0)}
	cmd.Long = `Shows records of the audit log, oldest first. A refused person reads a short
reference on the screen; --reference finds the record that says why. --verify
checks the chain of all records: a record that was changed, taken out or put in
is found.

With --follow it goes on with new records until Ctrl-C; then --json prints one
object a line.`
	cmd.Example = `  latchkey audit --user lutz --newest 20
  latchkey audit --reference K7MQ2X`
	flags := cmd.Flags()
	flags.StringVar(&filter.User, "user", "", "only records of the user `NAME`")
	flags.StringVar(&filter.Reference, "reference", "", "only the record that `REFERENCE` leads to")
	flags.Uint64Var(&filter.From, "from", 0, "only from record number `N` on")
	flags.IntVar(&filter.Newest, "newest", 0, "only the newest `N` records")
	flags.BoolVarP(&follow, "follow", "f", false, "go on with new records")
	flags.BoolVar(&verify, "verify", false, "check the chain instead of showing records")
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		for _, other := range []string{"user", "reference", "from", "newest", "follow"} {
			if err := alone("verify", other)(cmd, args); err != nil {
				return err
			}
		}
		return nil
	}
	_ = cmd.RegisterFlagCompletionFunc("user", func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return a.completeUser(cmd, nil, begun)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if filter.Newest < 0 {
			return misuse("--newest must not be below 0")
		}
		if follow && !flags.Changed("newest") && !flags.Changed("from") {
			filter.Newest = 10
		}
		return a.with(func(ctx context.Context, c *localapi.Client, _ []string) error {
			switch {
			case verify:
				return a.auditVerify(ctx, c)
			case follow:
				return a.auditFollow(ctx, c, filter)
			}
			return a.auditShow(ctx, c, filter)
		})(cmd, args)
	}
	return cmd
}

func (a *app) auditShow(ctx context.Context, c *localapi.Client, filter core.AuditFilter) error {
	if a.json {
		out := a.array()
		return out.end(c.Audit(ctx, filter, false, func(record core.AuditEntry) bool { return out.add(record) }))
	}
	if a.width > 0 && a.width < auditWidth {
		any := false
		err := c.Audit(ctx, filter, false, func(r core.AuditEntry) bool {
			any = true
			return a.print(a.auditLine(r)) == nil
		})
		if err == nil && !any {
			a.remark("%s", noRecords)
		}
		return err
	}
	t := a.table("NUMBER", "TIME", "EVENT", "USER", "RESULT", "REASON", "SOURCE", "BY", "REFERENCE", "DETAIL")
	return t.end(c.Audit(ctx, filter, false, func(r core.AuditEntry) bool {
		return t.add(strconv.FormatUint(r.Seq, 10), a.second(r), r.Event, r.User, r.Result, string(r.Reason),
			r.Source, by(r), r.Reference, detail(r))
	}), noRecords)
}

func (a *app) auditFollow(ctx context.Context, c *localapi.Client, filter core.AuditFilter) error {
	var failed error
	err := c.Audit(ctx, filter, true, func(r core.AuditEntry) bool {
		if a.json {
			failed = encode(a.out, r, false)
		} else {
			failed = a.print(a.auditLine(r))
		}
		return failed == nil
	})
	if ctx.Err() != nil { // Ctrl-C is how it ends
		return nil
	}
	if err == nil {
		err = failed
	}
	if err == nil {
		err = refusal{"latchkeyd has ended", "start it, then follow again"}
	}
	return err
}

// auditWidth is what the table of the audit log needs. In a narrower terminal its ten columns
// would be cut until none can be read, so there a record is a text of its own.
const auditWidth = 120

const noRecords = "No such records."

// auditLine is a record for narrow terminals, and for those who watch: what comes later cannot
// be aligned with it.
func (a *app) auditLine(r core.AuditEntry) string {
	parts := []string{strconv.FormatUint(r.Seq, 10), a.second(r), r.Event, r.User, r.Result}
	for _, p := range [][2]string{{"reason", string(r.Reason)}, {"source", r.Source}, {"by", by(r)}, {"policy", r.Policy},
		{"reference", r.Reference}, {"detail", detail(r)}} {
		if p[1] != "" {
			parts = append(parts, p[0]+"="+p[1])
		}
	}
	colour := ""
	switch r.Result {
	case "accept":
		colour = green
	case "reject":
		colour = red
	}
	return paint(a.outColour, colour, a.fold(clean(strings.Join(parts, "  ")), 4))
}

func (a *app) second(r core.AuditEntry) string {
	return r.Time.In(a.now().Location()).Format("2006-01-02 15:04:05")
}

// by is who brought the attempt, or who changed something.
func by(r core.AuditEntry) string {
	switch {
	case r.Actor != "":
		return r.Actor
	case r.NAS != "":
		return r.Door + ":" + r.NAS
	}
	return r.Door
}

func detail(r core.AuditEntry) string {
	if r.Actor != "" && r.NAS != "" { // an administrator changed it: by names the administrator
		return strings.TrimSpace(r.NAS + ", " + r.Detail)
	}
	if r.Given != "" && r.Given != r.User {
		return strings.TrimSpace("given as " + r.Given + " " + r.Detail)
	}
	return r.Detail
}

func (a *app) auditVerify(ctx context.Context, c *localapi.Client) error {
	verdict, err := c.VerifyAudit(ctx)
	if err != nil {
		return err
	}
	if a.json {
		if err := a.value(verdict); err != nil {
			return err
		}
	}
	if verdict.Problem != "" || verdict.Broken != 0 {
		text := "the audit log is not as it was written: " + verdict.Problem
		if verdict.Broken != 0 {
			text = fmt.Sprintf("the audit log is broken at record %d: %s", verdict.Broken, verdict.Problem)
		}
		return refusal{text, "keep the state as it is, and compare with the exported heads and copies of the log"}
	}
	if a.json {
		return nil
	}
	var result card
	result.add("Records", strconv.FormatUint(verdict.Records, 10))
	result.add("Head", verdict.Head)
	result.add("Chain", "unbroken")
	return a.card(result)
}
