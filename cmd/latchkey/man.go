package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manCommand writes the manual pages, one for each command. The packages run it when they are built.
func (a *app) manCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "man DIR", Short: "Write the manual pages", Hidden: true, Args: takes(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		root := cmd.Root()
		return a.do(func(_ context.Context, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			return a.writeMan(root, args[0])
		})(cmd, args)
	}
	return cmd
}

// writeMan writes the page of a command and those of its children.
func (a *app) writeMan(cmd *cobra.Command, dir string) error {
	page := manPage(cmd, a.manDate())
	if err := os.WriteFile(filepath.Join(dir, manName(cmd)+".8"), []byte(page), 0o644); err != nil { //nolint:gosec // a manual
		return err
	}
	for _, child := range documented(cmd) {
		if err := a.writeMan(child, dir); err != nil {
			return err
		}
	}
	return nil
}

// manDate is SOURCE_DATE_EPOCH where the build sets it, so that the same source gives the same pages.
func (a *app) manDate() time.Time {
	if seconds, err := strconv.ParseInt(a.env("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		return time.Unix(seconds, 0).UTC()
	}
	return a.now()
}

func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// documented leaves out what is hidden, and the shells below completion, which its help lists.
func documented(cmd *cobra.Command) []*cobra.Command {
	var children []*cobra.Command
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() && cmd.Name() != "completion" {
			children = append(children, child)
		}
	}
	return children
}

func manPage(cmd *cobra.Command, date time.Time) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`.TH "%s" "8" "%s" "Latchkey %s" "Latchkey"`, strings.ToUpper(manName(cmd)), date.Format(time.DateOnly), roff(buildVersion()))
	line(".nh\n.ad l\n.SH NAME\n%s \\- %s", manName(cmd), roff(cmd.Short))
	line(".SH SYNOPSIS\n%s", synopsis(cmd))
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	line(".SH DESCRIPTION\n%s", paragraphs(text))
	if children := documented(cmd); len(children) > 0 {
		line(".SH COMMANDS")
		manCommands(line, cmd)
	}
	manFlags(line, "OPTIONS", cmd.NonInheritedFlags())
	manFlags(line, "OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	if cmd.Example != "" {
		line(".SH EXAMPLES\n.EX\n%s\n.EE", roff(cmd.Example))
	}
	if !cmd.HasParent() {
		line("%s", strings.TrimSpace(manSections))
		line(".SH SEE ALSO\n.BR latchkeyd (8),\n.BR latchkey.yaml (5)")
		return b.String()
	}
	line(".SH SEE ALSO\n.BR %s (8)", manName(cmd.Parent()))
	return b.String()
}

// manCommands lists all commands below cmd, each with its arguments.
func manCommands(line func(string, ...any), cmd *cobra.Command) {
	for _, child := range documented(cmd) {
		if len(documented(child)) > 0 {
			manCommands(line, child)
			continue
		}
		line(".TP\n%s\n%s", synopsis(child), roff(child.Short))
	}
}

// synopsis is the usage line: the command bold, what is to be replaced in italics.
func synopsis(cmd *cobra.Command) string {
	_, arguments, _ := strings.Cut(cmd.Use, " ")
	text := `\fB` + roff(cmd.CommandPath()) + `\fR`
	for argument := range strings.FieldsSeq(arguments) {
		text += ` \fI` + roff(argument) + `\fR`
	}
	if cmd.HasAvailableLocalFlags() && cmd.Runnable() && !cmd.DisableFlagsInUseLine {
		text += ` [\fIoptions\fR]`
	}
	return text
}

func manFlags(line func(string, ...any), title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	line(".SH %s", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := `\fB` + roff("--"+f.Name) + `\fR`
		if f.Shorthand != "" {
			name = `\fB` + roff("-"+f.Shorthand) + `\fR, ` + name
		}
		if value != "" {
			name += ` \fI` + roff(value) + `\fR`
		}
		switch f.DefValue {
		case "", "false", "0", "[]":
		default:
			usage += " (default " + f.DefValue + ")"
		}
		line(".TP\n%s\n%s", name, roff(usage))
	})
}

// paragraphs turns empty lines into paragraphs.
func paragraphs(text string) string {
	return strings.ReplaceAll(roff(strings.TrimSpace(text)), "\n\n", "\n.PP\n")
}

// roff escapes a text: a dash that may be typed, a backslash, and what is a request at the
// beginning of a line.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// manSections are the parts of the main page that no command's help says.
const manSections = `
.SH FIRST DAY OF A USER
.EX
latchkey user add lutz --language de --group staff
latchkey user password lutz
latchkey answer set lutz birthplace
latchkey user show lutz
latchkey login lutz --server localhost:1812
.EE
.PP
Or let a file say it, for many at once:
.EX
latchkey user import --code-words words.csv users.csv
.EE
.SH A PHONE
The user's app scans the QR code, or opens the URL, and asks for a new PIN; then it shows a check
code, which the user tells the administrator:
.EX
latchkey device invite lutz
latchkey device confirm lutz BCDF\-GHJK
.EE
.PP
Without an app at hand, the reference phone shows how it goes, and
.B latchkey login
waits for it. The invitation is read from standard input, where other users of the machine do not see it:
.EX
latchkey softphone enroll \- \-\-state phone
latchkey login lutz \-\-server localhost:1812 \-\-press\-enter
latchkey softphone approve \-\-state phone
.EE
.SH THE LOST PHONE
It is taken away at once; a temporary code lets the user in, and a new invitation makes a new phone:
.EX
latchkey device list lutz
latchkey device revoke lutz "Lutz's phone"
latchkey user code lutz \-\-for 24h
latchkey device invite lutz
.EE
.PP
A phone that was locked after wrong PINs comes back with
.BR "latchkey device unlock" .
.SH A CALLER, AND ALL THAT IS LOST
The helpdesk reads out a question and types what the caller says; then it helps:
.EX
latchkey user verify lutz
latchkey user unlock lutz
latchkey user code lutz \-\-for 24h
.EE
.PP
Who has lost everything begins anew, with a letter:
.EX
latchkey user reset lutz \-\-print lutz.html
latchkey user list \-\-unfinished
.EE
.SH ENVIRONMENT
.TP
.B LATCHKEY_SOCKET
The admin socket, where \-\-socket is not given.
.TP
.B LATCHKEY_RADIUS_SECRET
The shared secret of
.BR "latchkey login" .
.TP
.B NO_COLOR
Set to anything: no colours.
.SH EXIT STATUS
.TP
.B 0
Done. For
.BR "latchkey login" :
accepted. For
.B latchkey softphone approve
and
.BR deny :
taken.
.TP
.B 1
Refused, or the daemon cannot be reached; standard error says why.
.TP
.B 2
Wrong usage.
.SH FILES
.TP
.I /run/latchkey/admin.sock
The admin socket. Root and the daemon's user are admins; the groups under
.B socket.roles
in latchkey.yaml have the role that stands there. A helpdesk may look (it sees numbers and addresses
in part), check callers, lock and unlock users, make temporary codes, send messages again, unlock and
revoke phones, revoke hosts, invite phones that others confirm, and mail half a code word; an auditor
may look; all else is for admins.
.TP
.I /etc/latchkey/latchkey.yaml
The configuration of latchkeyd.
.TP
.I /etc/latchkey/keyset
The keyset, made by
.BR "latchkey init" .
`
