// Latchkey-pam is the helper that pam_latchkey.so starts for each login: it reads the module's options, asks NSS who
// the user is, asks latchkeyd, and has the module speak with the person. It is a process of its own, and the one
// program of Latchkey with cgo, since NSS must be asked in the words of the host's C library.
//
// The files stand in the order of a login: frames, options, nss, exempt, transport, login. What goes wrong anywhere is
// a denial; a helper that ends without a verdict is one too. It must never log what a person typed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// version is set by the build.
var version = "development"

const usage = `Usage: latchkey-pam --check OPTION...
       latchkey-pam --version

pam_latchkey.so starts this program for each login. By hand it only checks the options that
would stand behind the module in a PAM stack, and the file that conf= names.
`

func main() {
	if len(os.Args) > 1 {
		os.Exit(byHand(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(serve())
}

func byHand(args []string, stdout, stderr io.Writer) int {
	switch {
	case args[0] == "--version" && len(args) == 1:
		fmt.Fprintln(stdout, "latchkey-pam", version)
		return 0
	case args[0] == "--help":
		fmt.Fprint(stdout, usage)
		return 0
	case args[0] == "--check":
		if _, err := readOptions(args[1:]); err != nil {
			fmt.Fprintln(stdout, err)
			return 1
		}
		return 0
	}
	fmt.Fprint(stderr, usage)
	return 2
}

// channel is the descriptor at which the module gives its end of the socket.
const channel = 3

// serve speaks with the module. Its exit code tells nobody anything: the verdict goes over the channel.
func serve() int {
	// Answers pass through this process: no core dump, no debugger of the user's.
	if err := errors.Join(unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0), unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})); err != nil {
		return 1
	}
	unix.CloseOnExec(channel)
	file := os.NewFile(channel, "module")
	conn, err := net.FileConn(file)
	if err != nil {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	_ = file.Close()
	m := newModule(conn)
	log := openLog()
	v := func() (v verdict) {
		defer func() {
			if p := recover(); p != nil {
				// The value may hold anything, an answer included; its type is enough.
				log.critf("a fault of latchkey-pam (%T): denied", p)
				v = deny
			}
		}()
		return decide(m.context(context.Background()), m, log)
	}()
	if m.verdict(v) != nil {
		return 1
	}
	return 0
}

// decide goes through a login from the module's first word to the verdict.
func decide(ctx context.Context, m *module, log *logger) verdict {
	call, err := m.start()
	if err != nil {
		log.critf("the module's call is not understood: %v: denied", err)
		return deny
	}
	log.about(call)
	o, err := readOptions(call.arguments)
	if err != nil {
		log.critf("options: %v: denied", err)
		return mistaken
	}
	log.debugging, log.label = o.debug, o.label
	m.quiet = o.quiet || call.silent
	who, v := identify(call, o, log)
	if v != "" {
		return v
	}
	return newLogin(m, call, o, who, log).run(ctx)
}
