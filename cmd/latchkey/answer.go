package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/localapi"
)

func (a *app) answerCommand() *cobra.Command {
	return newGroup("answer", "Answers of a user: set, list, remove", a.answerSet(), a.answerList(), a.answerRemove())
}

// ofAnswer is a command that takes a user and a question.
func (a *app) ofAnswer(use, short string) *cobra.Command {
	cmd := a.named(use, short, "QUESTION")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 1 {
			return a.completeQuestion(cmd, begun)
		}
		return a.completeUser(cmd, args, begun)
	}
	return cmd
}

func (a *app) answerSet() *cobra.Command {
	cmd := a.ofAnswer("set NAME QUESTION", "Set a user's answer to a question, from standard input")
	cmd.Long = `Reads one line from standard input and keeps it as the answer. On a terminal it
is asked for twice, without echo. The letters are then shown with their numbers,
once, as they will be asked for; not when standard output is a pipe or a file,
unless with --json.`
	cmd.Example = `  printf '%s\n' "$ANSWER" | latchkey answer set lutz birthplace`
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		if err := a.askable(ctx, c, args[0], args[1]); err != nil {
			return err
		}
		answer, err := a.secret(ctx, "Answer of "+clean(args[0])+" to "+clean(args[1]), true)
		if err != nil {
			return err
		}
		info, err := c.SetAnswer(ctx, args[0], args[1], answer)
		if err != nil {
			return err
		}
		if a.json {
			return a.value(info)
		}
		a.remark("The answer of %s to %s is set.", args[0], info.Question)
		for _, weak := range info.Weaknesses {
			a.warn("%s", weak.In(language.English))
		}
		if !a.outTTY {
			return nil
		}
		a.remark("Its %d letters are shown this once, with the numbers they will be asked by:", info.Length)
		return a.print(numbered(info.Letters, a.width))
	})
	return cmd
}

// askable looks for user and question before a person types an answer twice.
func (a *app) askable(ctx context.Context, c *localapi.Client, name, question string) error {
	if err := a.there(ctx, c, name); err != nil || a.inFD < 0 {
		return err
	}
	questions, err := c.Questions(ctx)
	if err != nil || slices.ContainsFunc(questions, func(q core.QuestionInfo) bool { return q.ID == question }) {
		return err
	}
	return refusal{"no question " + question, "`latchkey question list` shows the pool"}
}

// numbered writes each letter below its number, in as many lines as the width asks for.
func numbered(letters []string, width int) string {
	if width == 0 {
		width = 80
	}
	cell := 2 + len(strconv.Itoa(len(letters)))
	for _, letter := range letters {
		cell = max(cell, 2+uniseg.StringWidth(clean(letter)))
	}
	perLine := max(1, width/cell)
	var b strings.Builder
	for begin := 0; begin < len(letters); begin += perLine {
		var above, below strings.Builder
		for i := begin; i < min(begin+perLine, len(letters)); i++ {
			number, letter := strconv.Itoa(i+1), clean(letters[i])
			if letter == " " {
				letter = "␣"
			}
			above.WriteString(strings.Repeat(" ", cell-len(number)) + number)
			below.WriteString(strings.Repeat(" ", cell-uniseg.StringWidth(letter)) + letter)
		}
		if begin > 0 {
			b.WriteString("\n\n")
		}
		// A mark between the letters keeps a right-to-left answer from running backward.
		b.WriteString(above.String() + "\n" + leftToRight(below.String()))
	}
	return b.String()
}

// leftToRight isolates each letter's direction: U+200E after a letter of a right-to-left
// script keeps the spaces, and so the columns, in order.
func leftToRight(line string) string {
	var b strings.Builder
	for g := uniseg.NewGraphemes(line); g.Next(); {
		b.WriteString(g.Str())
		if r := g.Runes()[0]; r >= 0x0590 && r <= 0x08ff || r >= 0xfb1d && r <= 0xfefc {
			b.WriteRune('\u200e')
		}
	}
	return b.String()
}

func (a *app) answerList() *cobra.Command {
	cmd := a.named("list NAME", "List the questions that a user has answered, never the answers")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		answers, err := c.Answers(ctx, args[0])
		if err != nil {
			return err
		}
		if a.json {
			return a.value(answers)
		}
		t := a.table("QUESTION", "STATE", "ASKED", "EXPOSURE", "SET", "LABEL")
		for _, answer := range answers {
			t.add(answer.Question, answerState(answer), strconv.Itoa(answer.Asked),
				fmt.Sprintf("%.0f%%", 100*answer.Exposure), a.moment(answer.Set), answer.Label)
		}
		return t.end(nil, "No answers yet: latchkey answer set "+args[0]+" QUESTION")
	})
	return cmd
}

func answerState(answer core.AnswerInfo) string {
	return word(answer.Retired, "retired", word(answer.Renew, "renew", "good"))
}

func (a *app) answerRemove() *cobra.Command {
	cmd := a.ofAnswer("remove NAME QUESTION", "Remove a user's answer to a question")
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		if err := c.RemoveAnswer(ctx, args[0], args[1]); err != nil {
			return err
		}
		return a.done("The answer of %s to %s is removed.", args[0], args[1])
	})
	return cmd
}

func (a *app) questionCommand() *cobra.Command {
	return newGroup("question", "The pool of questions: list, audit", a.questionList(), a.questionAudit())
}

func (a *app) questionList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the questions of the pool", Args: takes(0)}
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, _ []string) error {
		questions, err := c.Questions(ctx)
		if err != nil {
			return err
		}
		if a.json {
			return a.value(questions)
		}
		t := a.table("QUESTION", "MINIMUM", "GERMAN", "ENGLISH")
		for _, q := range questions {
			t.add(q.ID, strconv.Itoa(q.MinimumLength), q.Label["de"], q.Label["en"])
		}
		return t.end(nil, "No questions in the configuration (pinphrase.questions)")
	})
	return cmd
}

func (a *app) completeQuestion(cmd *cobra.Command, begun string) ([]string, cobra.ShellCompDirective) {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(cmd.Context(), patience)
	defer cancel()
	c := a.client()
	defer c.Close()
	questions, _ := c.Questions(ctx)
	var ids []string
	for _, q := range questions {
		if strings.HasPrefix(q.ID, begun) {
			ids = append(ids, q.ID)
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
