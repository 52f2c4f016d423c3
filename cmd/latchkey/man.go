package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand writes the manual pages, one for each command. The packages run it when they are built.
func (a *app) manCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "man DIR", Short: "Write the manual pages", Hidden: true, Args: takes(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		root := cmd.Root()
		return a.do(func(_ context.Context, args []string) error { return a.writeMan(root, args[0]) })(cmd, args)
	}
	return cmd
}

func (a *app) writeMan(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root.DisableAutoGenTag = true // the same source gives the same pages
	header := &doc.GenManHeader{Section: "8", Source: "Latchkey " + buildVersion(), Manual: "Latchkey"}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return err
	}
	page := filepath.Join(dir, "latchkey.8")
	f, err := os.OpenFile(page, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.TrimLeft(manSections, "\n"))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
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
accepted.
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
in latchkey.yaml have the role that stands there. A helpdesk may look, lock, unlock and make
temporary codes; an auditor may look; all else is for admins.
.TP
.I /etc/latchkey/latchkey.yaml
The configuration of latchkeyd.
.TP
.I /etc/latchkey/keyset
The keyset, made by
.BR "latchkey init" .
`
