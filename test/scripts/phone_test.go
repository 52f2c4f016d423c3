package scripts

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/latchkey/latchkey/core/mobile"
)

// phoneCommand is: phone STATE [-pin FILE] COMMAND ARG... It runs latchkey softphone and types what the command
// reads, from known/: the invitation and the PIN twice for enroll, the PIN for approve and renew, the PIN and twice
// the new one for pin. After enroll $CHECK is the check code. ! means exit status 1.
func phoneCommand(ts *testscript.TestScript, neg bool, args []string) {
	w, pin := of(ts), "pin"
	if len(args) > 3 && args[1] == "-pin" {
		pin, args = args[2], append(args[:1:1], args[3:]...)
	}
	if len(args) < 2 {
		ts.Fatalf("usage: phone STATE [-pin FILE] COMMAND ARG...")
	}
	reads := map[string][]string{
		"enroll": {"invitation", pin, pin}, "approve": {pin}, "renew": {pin}, "pin": {pin, "new-pin", "new-pin"},
	}[args[1]]
	var typed strings.Builder
	for _, name := range reads {
		text, err := w.known(name)
		ts.Check(err)
		typed.WriteString(text + "\n")
	}
	stdout, stderr, code, err := w.softphone(ts.MkAbs(args[0]), typed.String(), args[1:])
	ts.Check(err)
	_, _ = fmt.Fprint(ts.Stdout(), stdout)
	_, _ = fmt.Fprint(ts.Stderr(), stderr)
	if args[1] == "enroll" {
		ts.Setenv("CHECK", strings.TrimSpace(stdout))
	}
	if neg && code != 1 || !neg && code != 0 {
		ts.Fatalf("softphone %s: exit status %d\n%s%s", args[1], code, stdout, stderr)
	}
}

// softphone runs it and keeps what it says.
func (w *world) softphone(state, typed string, args []string) (stdout, stderr string, code int, err error) {
	all := append([]string{"softphone"}, args...)
	if args[0] == "enroll" {
		all = append(all, "-")
	}
	all = append(all, "--state", state)
	cmd := exec.Command(filepath.Join(os.Getenv(binaries), "latchkey"), all...)
	cmd.Dir, cmd.Stdin = w.dir, strings.NewReader(typed)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err = cmd.Run(); errors.As(err, &exit) {
		code, err = exit.ExitCode(), nil
	}
	return out.String(), errs.String(), code, errors.Join(err, w.keep(all, out.String(), errs.String()))
}

// mispickCommand is: mispick STATE. It picks one of the nine symbols on the phone that no login shows.
func mispickCommand(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mispick STATE")
	}
	pin, err := w.known("pin")
	ts.Check(err)
	for _, symbol := range mobile.Symbols() {
		if w.shows(symbol) {
			continue
		}
		_, stderr, code, err := w.softphone(ts.MkAbs(args[0]), pin+"\n", []string{"approve", "--symbol", string(symbol)})
		ts.Check(err)
		if code != 1 {
			ts.Fatalf("%s: exit status %d\n%s", symbol, code, stderr)
		}
		if !strings.Contains(stderr, "no waiting login shows "+string(symbol)) {
			_, _ = fmt.Fprint(ts.Stderr(), stderr)
			return
		}
	}
	ts.Fatalf("the phone shows no wrong symbol")
}

// waiting is a running latchkey login.
type waiting struct {
	cmd    *exec.Cmd
	args   []string
	out    strings.Builder
	prompt string
	rest   chan string // what the screen said, when it has ended
}

var symbolShown = regexp.MustCompile(`^Symbol: (\S+)`)

// wantsCommand is: wants NAME [flag...]. It begins a login, waits for its symbol, and goes on. $SYMBOL is the symbol.
func wantsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: wants NAME [flag of latchkey login]...")
	}
	w := of(ts)
	l := &waiting{rest: make(chan string, 1)}
	l.args = append([]string{"login", args[0], "--server", ts.Getenv("RADIUS"), "--timeout", "5s", "--tries", "4", "--press-enter"}, args[1:]...)
	l.cmd = exec.Command(filepath.Join(os.Getenv(binaries), "latchkey"), l.args...)
	shared, err := w.known("radius.secret")
	ts.Check(err)
	password, err := w.known("password")
	ts.Check(err)
	l.cmd.Env = append(os.Environ(), "LATCHKEY_RADIUS_SECRET="+shared)
	l.cmd.Stdin, l.cmd.Stdout = strings.NewReader(password+"\n"), &l.out
	screen, err := l.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(l.cmd.Start())
	ts.Defer(func() { _ = l.cmd.Process.Kill() })
	lines, seen := bufio.NewReader(screen), ""
	for {
		line, err := lines.ReadString('\n')
		if seen += line; err != nil {
			_ = l.cmd.Wait()
			ts.Check(w.keep(l.args, l.out.String(), seen))
			ts.Fatalf("%s is shown no symbol:\n%s%s", args[0], l.out.String(), seen)
		}
		if found := symbolShown.FindStringSubmatch(line); found != nil {
			symbol, err := mobile.ParseSymbol(found[1])
			ts.Check(err)
			ts.Setenv("SYMBOL", string(symbol))
			l.prompt = string(symbol)
			break
		}
	}
	w.waiting = append(w.waiting, l)
	go func() {
		after, _ := io.ReadAll(lines)
		l.rest <- seen + string(after)
	}()
}

func (w *world) shows(symbol mobile.Symbol) bool {
	for _, l := range w.waiting {
		if l.prompt == string(symbol) {
			return true
		}
	}
	return false
}

// outcomeCommand is: [!] outcome. It waits for the end of the login that was begun first; ! means that it is refused.
func outcomeCommand(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	if len(args) > 0 || len(w.waiting) == 0 {
		ts.Fatalf("usage: [!] outcome, after wants")
	}
	l := w.waiting[0]
	w.waiting = w.waiting[1:]
	seen := <-l.rest
	err := l.cmd.Wait()
	_, _ = fmt.Fprint(ts.Stdout(), l.out.String())
	_, _ = fmt.Fprint(ts.Stderr(), seen)
	ts.Check(w.keep(l.args, l.out.String(), seen))
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 && neg || err == nil && !neg {
		return
	}
	ts.Fatalf("the login ended with %v\n%s%s", err, l.out.String(), seen)
}
