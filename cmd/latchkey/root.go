package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/latchkey/latchkey/localapi"
)

// Exit codes (users script against them).
const (
	exitDone    = 0
	exitRefused = 1
	exitUsage   = 2
)

const defaultSocket = "/run/latchkey/admin.sock"

// app is what the commands share.
type app struct {
	*ui
	env    func(string) string
	socket string
	ran    bool // a command has begun: from here on an error is a refusal, no misuse
}

// run does one command line and gives the exit code.
func run(ctx context.Context, args []string, u *ui, env func(string) string) int {
	a := &app{ui: u, env: env}
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage), !a.ran:
		a.complain(err, cmd.CommandPath()+" --help")
		return exitUsage
	}
	a.complain(err, "")
	return exitRefused
}

// usageError is a misuse that a command finds itself.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func misuse(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// flagMisuse says in a person's words what pflag finds wrong with a flag's value.
func flagMisuse(_ *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	var number *strconv.NumError
	if cause := invalid.Unwrap(); !errors.As(cause, &number) {
		return misuse("--%s: %v", invalid.GetFlag().Name, cause)
	}
	return misuse("--%s: %q is no whole number", invalid.GetFlag().Name, invalid.GetValue())
}

// alone refuses flags that contradict each other.
func alone(names ...string) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		given := ""
		for _, name := range names {
			switch {
			case !cmd.Flags().Changed(name):
			case given == "":
				given = name
			default:
				return misuse("--%s and --%s exclude each other", given, name)
			}
		}
		return nil
	}
}

// takes is for a command with n arguments.
func takes(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return misuse("usage: %s", cmd.UseLine())
		}
		return nil
	}
}

// refusal is an error of the command line's own, with a hint.
type refusal struct{ text, hint string }

func (e refusal) Error() string { return e.text }

// action is what a command does.
type action func(ctx context.Context, args []string) error

// do marks the point after which arguments and flags are known to be right.
func (a *app) do(act action) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.ran = true
		return act(cmd.Context(), args)
	}
}

// with gives a command its client.
func (a *app) with(act func(ctx context.Context, c *localapi.Client, args []string) error) func(*cobra.Command, []string) error {
	return a.do(func(ctx context.Context, args []string) error {
		c := a.client()
		defer c.Close()
		return act(ctx, c, args)
	})
}

func (a *app) client() *localapi.Client { return localapi.NewClient(a.socket) }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "latchkey COMMAND",
		Short: "Administer a Latchkey two-factor login appliance",
		Long: `latchkey administers the users, answers and logs of a Latchkey appliance
through the admin socket of latchkeyd. Who may do what is decided by the
caller's Unix user and groups: root is admin, and socket.roles in latchkey.yaml
gives groups the role admin, helpdesk or auditor.

Secrets (passwords, answers) are read from standard input, one line each, and
never from arguments, which every user of the machine can see. On a terminal
they are asked for without echo.

Results go to standard output, remarks and errors to standard error. With
--json the result is one JSON value, an array for lists, and an error is
{"error": …, "hint": …} on standard error. Exit status: 0 done, 1 refused,
2 wrong usage.`,
		SilenceErrors:         true,
		SilenceUsage:          true,
		DisableFlagsInUseLine: true,
		Version:               buildVersion(),
		Args:                  known,
		RunE:                  group,
	}
	root.SetVersionTemplate("latchkey {{.Version}}\n")
	root.SetUsageTemplate(usage(root.UsageTemplate()))
	root.SetFlagErrorFunc(flagMisuse)
	socket := a.env("LATCHKEY_SOCKET")
	if socket == "" {
		socket = defaultSocket
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.socket, "socket", socket, "latchkeyd's admin socket `PATH` (or LATCHKEY_SOCKET)")
	flags.Lookup("socket").DefValue = defaultSocket
	flags.BoolVar(&a.json, "json", false, "print JSON, for machines")
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.AddCommand(a.userCommand(), a.answerCommand(), a.questionCommand(), a.deviceCommand(), a.hostCommand(), a.carrierCommand(), a.softphoneCommand(), a.auditCommand(),
		a.loginCommand(), a.statusCommand(), a.initCommand(), a.versionCommand(), a.manCommand())
	root.InitDefaultCompletionCmd()
	return root
}

// usage is cobra's template, fitted to a terminal of 80 columns and with one line for a
// command that only has others below it.
func usage(template string) string {
	return strings.NewReplacer(
		".FlagUsages", ".FlagUsagesWrapped 79",
		"{{if .HasAvailableSubCommands}}\n  {{.CommandPath}} [command]", "{{if and .HasAvailableSubCommands (not .Runnable)}}\n  {{.CommandPath}} COMMAND",
		"[command]", "COMMAND",
	).Replace(template)
}

// group is what a command with subcommands does when it is called without one.
func group(cmd *cobra.Command, _ []string) error {
	cmd.SetOut(cmd.ErrOrStderr())
	_ = cmd.Help()
	return misuse("which of these commands?")
}

func newGroup(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use + " COMMAND", Short: short, RunE: group, Args: known, DisableFlagsInUseLine: true}
	cmd.AddCommand(children...)
	return cmd
}

// known refuses what cobra has not found among the commands.
func known(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		cmd.SuggestionsMinimumDistance = 2
		meant := cmd.SuggestionsFor(args[0])
		if len(meant) == 0 {
			return misuse("%s has no command %q", cmd.CommandPath(), args[0])
		}
		return misuse("%s has no command %q (did you mean %s?)", cmd.CommandPath(), args[0], strings.Join(meant, " or "))
	}
	return nil
}
