package scripts

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/latchkey/latchkey/packaging/person"
)

// outputs is where everything is kept that the command line says, but for the secrets that it
// is there to say.
const outputs = "latchkey.out"

// says lists the commands whose standard output is a secret.
func says(args []string) bool {
	return len(args) > 1 && (args[0] == "user" && slices.Contains([]string{"add", "code", "codeword", "invite", "reset"}, args[1]) || (args[0] == "device" || args[0] == "host") && args[1] == "invite")
}

// latchkeyCommand runs the command line. The exit status is 0, or with ! exactly 1.
func latchkeyCommand(ts *testscript.TestScript, neg bool, args []string) {
	want := 0
	if neg {
		want = 1
	}
	run(ts, want, args)
}

func usageCommand(ts *testscript.TestScript, _ bool, args []string) { run(ts, 2, args) }

func run(ts *testscript.TestScript, want int, args []string) {
	err := ts.Exec("latchkey", args...)
	ts.Check(of(ts).keep(args, ts.ReadFile("stdout"), ts.ReadFile("stderr")))
	var exit *exec.ExitError
	switch {
	case err == nil && want == 0:
	case errors.As(err, &exit) && exit.ExitCode() == want:
	default:
		ts.Fatalf("latchkey %s: exit status %v, want %d", strings.Join(args, " "), err, want)
	}
}

func (w *world) keep(args []string, stdout, stderr string) error {
	if says(args) {
		stdout = ""
	}
	return w.note(outputs, fmt.Sprintf("$ latchkey %s\n%s%s", strings.Join(args, " "), stdout, stderr))
}

// asCommand is: as UID:GID latchkey ARG...
func asCommand(ts *testscript.TestScript, neg bool, args []string) {
	var uid, gid uint32
	if len(args) < 2 || args[1] != "latchkey" {
		ts.Fatalf("usage: as UID:GID latchkey ARG...")
	}
	if _, err := fmt.Sscanf(args[0], "%d:%d", &uid, &gid); err != nil {
		ts.Fatalf("as %s: %v", args[0], err)
	}
	w := of(ts)
	cmd := exec.Command(filepath.Join(os.Getenv(binaries), "latchkey"), args[2:]...)
	cmd.Dir = "/"
	cmd.Env = []string{"LATCHKEY_SOCKET=" + ts.Getenv("LATCHKEY_SOCKET")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	_, _ = fmt.Fprint(ts.Stdout(), stdout.String())
	_, _ = fmt.Fprint(ts.Stderr(), stderr.String())
	ts.Check(w.keep(args[2:], stdout.String(), stderr.String()))
	if (err != nil) != neg {
		ts.Fatalf("latchkey as %s: %v\n%s", args[0], err, stderr.String())
	}
}

// knowCommand is: know FILE
func knowCommand(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.TrimSpace(ts.ReadFile("stdout"))
	if neg || len(args) != 1 || text == "" || strings.Contains(text, "\n") {
		ts.Fatalf("usage: know FILE, after a command that said one line")
	}
	ts.Check(of(ts).know(args[0], text))
}

// enrolCommand is: enrol NAME
func enrolCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: enrol NAME")
	}
	ts.Check(of(ts).enrol(args[0]))
}

func (w *world) enrol(name string) error {
	if err := w.latchkey("", "user", "add", name); err != nil {
		return err
	}
	for question := range questions {
		if err := w.latchkey(question, "answer", "set", name, question); err != nil {
			return err
		}
	}
	return w.latchkey("password", "user", "password", name)
}

// latchkey runs the command line with a known secret as standard input.
func (w *world) latchkey(input string, args ...string) error {
	cmd := exec.Command(filepath.Join(os.Getenv(binaries), "latchkey"), args...)
	cmd.Env = append(os.Environ(), "LATCHKEY_SOCKET="+filepath.Join(w.dir, "admin.sock"))
	if input != "" {
		text, err := w.known(input)
		if err != nil {
			return err
		}
		cmd.Stdin = strings.NewReader(text + "\n")
	}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("latchkey %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return w.keep(args, stdout.String(), stderr.String())
}

// solve gives what a person types at a prompt. how is right, wrong, again (what was typed last)
// or the name of something known.
func (w *world) solve(prompt, how string) (string, error) {
	if how == "again" {
		return w.last, nil
	}
	if how != "right" && how != "wrong" {
		text, err := w.known(how)
		return text, err
	}
	answers := map[string]string{}
	for question, phrase := range questions {
		text, err := w.known(question)
		if err != nil {
			return "", err
		}
		answers[phrase] = text
	}
	if word, err := w.known("codeword"); err == nil {
		answers["of your code word"] = strings.Join(strings.FieldsFunc(word, func(r rune) bool { return r == ' ' || r == '-' }), "")
	}
	prompt, err := w.message(prompt)
	if err != nil {
		return "", err
	}
	typed, err := person.Characters(prompt, answers)
	if err != nil {
		return "", err
	}
	if how == "wrong" {
		// Letters of the same form that stand in no answer: s and y are not among them.
		typed = strings.Repeat("S", len(typed)-1) + "Y"
	} else {
		w.typed[typed] = true
	}
	w.last = typed
	return typed, nil
}

// loginCommand is: login NAME [right|wrong|FILE] [-password FILE] [flag of latchkey login]...
func loginCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: login NAME [right|wrong|FILE] [-password FILE] [--flag...]")
	}
	name, how, password := args[0], "right", "password"
	if args = args[1:]; len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		how, args = args[0], args[1:]
	}
	if len(args) > 1 && args[0] == "-password" {
		password, args = args[1], args[2:]
	}
	w := of(ts)
	accepted, stdout, stderr, err := w.login(ts.Getenv("RADIUS"), name, how, password, args)
	_, _ = fmt.Fprint(ts.Stdout(), stdout)
	_, _ = fmt.Fprint(ts.Stderr(), stderr)
	ts.Check(err)
	if accepted == neg {
		ts.Fatalf("login %s: accepted %v\n%s%s", name, accepted, stdout, stderr)
	}
}

// login types into latchkey login as its screen asks.
func (w *world) login(server, name, how, password string, flags []string) (accepted bool, stdout, stderr string, err error) {
	args := append([]string{"login", name, "--server", server, "--timeout", "10s", "--tries", "1"}, flags...)
	cmd := exec.Command(filepath.Join(os.Getenv(binaries), "latchkey"), args...)
	shared, err := w.known("radius.secret")
	if err != nil {
		return false, "", "", err
	}
	cmd.Env = append(os.Environ(), "LATCHKEY_RADIUS_SECRET="+shared)
	typing, err := cmd.StdinPipe()
	if err != nil {
		return false, "", "", err
	}
	screen, err := cmd.StderrPipe()
	if err != nil {
		return false, "", "", err
	}
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		return false, "", "", err
	}
	var seen strings.Builder
	var conversation error
	for lines := bufio.NewScanner(screen); lines.Scan(); {
		line := lines.Text()
		seen.WriteString(line + "\n")
		typed := ""
		switch {
		case strings.HasPrefix(line, "PINphrase: "), strings.Contains(line, "temporary code"):
			typed, conversation = w.solve(line, how)
		case strings.Contains(line, "(or type p for a question)"):
			typed = "p"
		case strings.HasPrefix(line, "Password of "):
			typed, conversation = w.known(password)
		}
		if conversation != nil {
			break
		}
		if typed != "" {
			_, _ = fmt.Fprintln(typing, typed)
		}
	}
	_ = typing.Close()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		err = nil
	}
	err = errors.Join(conversation, err, w.keep(args, out.String(), seen.String()))
	return err == nil && exit == nil, out.String(), seen.String(), err
}

var background = context.Background()
