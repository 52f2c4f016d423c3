package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/localapi"
)

func (a *app) questionAudit() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Reckon how often each question is guessed, and what to do about it", Args: takes(0)}
	cmd.Long = `For each question of the pool: how often somebody who knows nothing of the user
but the lists of common answers is right at the first guess, and within three,
before the pair lock of the configuration; the same for somebody who has watched
1 and 3 logins that asked for this answer (with six answers every sixth one
does so); and RECORDED, how often who knows no list, and has recorded two such
logins, can give the next reply, where the answer is as short as the question
takes it. --json has more of them.

The lists stand in for what users answer, since nobody may look at that.
"weighted": as often as the list says, of towns by inhabitants; "uniform": all
alike, so that the truth is worse where some are far commoner than others.

Good is a first guess below 1%, bad one of 5% or more.`
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, _ []string) error {
		audit, err := c.AuditQuestions(ctx)
		if err != nil {
			return err
		}
		if a.json {
			return a.value(audit)
		}
		t := a.table("QUESTION", "VERDICT", "FIRST", "THREE", "AFTER 1", "AFTER 3", "RECORDED", "MINIMUM", "POPULATION", "LISTS")
		for _, q := range audit {
			population := ""
			if q.Population > 0 {
				population = strconv.Itoa(q.Population) + " " + q.Weights
			}
			t.add(q.ID, string(q.Verdict), share(q.Guess, false), share(q.Guess, true), watched(q, 1), watched(q, 3), recorded(q, 2),
				strconv.Itoa(q.MinimumLength), population, strings.Join(q.Lists, ","))
		}
		if err := t.end(nil, "No questions in the configuration (pinphrase.questions)"); err != nil || len(audit) == 0 {
			return err
		}
		a.remark("%d characters are asked for; common answers: %s.", audit[0].Positions, audit[0].CommonAnswers)
		about := map[string][]string{} // the same advice once, for all that it is given for
		var order []string
		for _, q := range audit {
			for _, advice := range q.Advice {
				if about[advice] == nil {
					order = append(order, advice)
				}
				about[advice] = append(about[advice], q.ID)
			}
		}
		for _, advice := range order {
			a.remark("%s: %s.", strings.Join(about[advice], ", "), advice)
		}
		return nil
	})
	return cmd
}

func share(c *pinphrase.Chance, three bool) string {
	switch {
	case c == nil:
		return ""
	case three:
		return percent(c.Three)
	}
	return percent(c.First)
}

func watched(q core.QuestionAudit, logins int) string {
	for _, w := range q.Watched {
		if w.Logins == logins {
			return share(w.Guess, false)
		}
	}
	return ""
}

func recorded(q core.QuestionAudit, logins int) string {
	for _, w := range q.Watched {
		if w.Logins == logins {
			return percent(w.Recorded)
		}
	}
	return ""
}

// percent is a share as a person reads it; what is almost nothing is not shown as nothing.
func percent(share float64) string {
	switch {
	case share > 0 && share < .001:
		return "<0.1%"
	case share < .1:
		return fmt.Sprintf("%.1f%%", 100*share)
	}
	return fmt.Sprintf("%.0f%%", 100*share)
}
