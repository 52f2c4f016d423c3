package scripts

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// callerCommand is: caller UID:GID NAME right|wrong. A helper checks a caller, who hears the question and says the
// characters.
func callerCommand(ts *testscript.TestScript, neg bool, args []string) {
	var uid, gid uint32
	if len(args) != 3 {
		ts.Fatalf("usage: caller UID:GID NAME right|wrong")
	}
	if _, err := fmt.Sscanf(args[0], "%d:%d", &uid, &gid); err != nil {
		ts.Fatalf("caller %s: %v", args[0], err)
	}
	w := of(ts)
	cmd := exec.Command(filepath.Join(os.Getenv(binaries), "latchkey"), "user", "verify", args[1])
	cmd.Dir = "/"
	cmd.Env = []string{"LATCHKEY_SOCKET=" + ts.Getenv("LATCHKEY_SOCKET")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}, Pdeathsig: syscall.SIGKILL}
	says, err := cmd.StdinPipe()
	ts.Check(err)
	screen, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	var seen strings.Builder
	lines := bufio.NewScanner(io.TeeReader(screen, &seen))
	for lines.Scan() {
		if prompt, ok := strings.CutPrefix(lines.Text(), "Read out: "); ok {
			typed, err := w.solve(prompt, args[2])
			ts.Check(err)
			_, err = fmt.Fprintln(says, typed)
			ts.Check(err)
		}
	}
	err = cmd.Wait()
	_, _ = fmt.Fprint(ts.Stderr(), seen.String())
	ts.Check(w.keep(cmd.Args[1:], "", seen.String()))
	var exit *exec.ExitError
	if refused := errors.As(err, &exit) && exit.ExitCode() == 1; refused != neg || err != nil && !refused {
		ts.Fatalf("latchkey user verify %s: %v\n%s", args[1], err, seen.String())
	}
}
