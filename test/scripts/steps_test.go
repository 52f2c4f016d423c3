package scripts

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// expandCommand is: expand FILE. It fills {NAME} with what known/NAME says.
func expandCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: expand FILE")
	}
	text := regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllStringFunc(ts.ReadFile(args[0]), func(name string) string {
		secret, err := of(ts).known(strings.Trim(name, "{}"))
		ts.Check(err)
		return secret
	})
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// crowdCommand is: crowd FILE N. It writes a CSV file of N users.
func crowdCommand(ts *testscript.TestScript, neg bool, args []string) {
	var n int
	if len(args) == 2 {
		_, _ = fmt.Sscan(args[1], &n)
	}
	if neg || n == 0 {
		ts.Fatalf("usage: crowd FILE N")
	}
	var b strings.Builder
	b.WriteString("name,language\n")
	for i := range n {
		fmt.Fprintf(&b, "crowd%d,en\n", i+1)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
}

// importKilledCommand is: import-killed FILE. The daemon dies when part of the file is written.
func importKilledCommand(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	if neg || len(args) != 1 {
		ts.Fatalf("usage: import-killed FILE")
	}
	before, err := w.commits()
	ts.Check(err)
	cmd := exec.Command(filepath.Join(os.Getenv(binaries), "latchkey"), "user", "import", ts.MkAbs(args[0]))
	cmd.Env = append(os.Environ(), "LATCHKEY_SOCKET="+ts.Getenv("LATCHKEY_SOCKET"))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		n, err := w.commits()
		ts.Check(err)
		if n >= before+5 {
			break
		}
		select {
		case err := <-ended:
			ts.Fatalf("the import has ended already: %v\n%s", err, said.String())
		case <-time.After(time.Millisecond):
		}
	}
	w.daemon.kill()
	err = <-ended
	ts.Check(w.keep(cmd.Args[1:], "", said.String()))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || strings.Contains(said.String(), "are added") {
		ts.Fatalf("the import ended with %v\n%s", err, said.String())
	}
	_, _ = fmt.Fprint(ts.Stderr(), said.String())
}

// commits is how many transactions the daemon has written.
func (w *world) commits() (uint64, error) {
	var status struct {
		Store struct {
			Commits uint64 `json:"commits"`
		} `json:"store"`
	}
	err := w.json(&status, "status")
	if err == nil && status.Store.Commits == 0 {
		err = errors.New("latchkey status tells no commits")
	}
	return status.Store.Commits, err
}

// referenceCommand puts the reference that the last reject has shown into $REFERENCE.
func referenceCommand(ts *testscript.TestScript, _ bool, _ []string) {
	shown := regexp.MustCompile(`Ref\. ([0-9A-Z-]+)`).FindStringSubmatch(ts.ReadFile("stderr"))
	if shown == nil {
		ts.Fatalf("no reference in the last reject")
	}
	ts.Setenv("REFERENCE", shown[1])
}

func typedCommand(ts *testscript.TestScript, _ bool, _ []string) { ts.Setenv("TYPED", of(ts).last) }

// follower is a running `latchkey audit --follow`.
type follower struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (f *follower) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.said.Write(p)
}

func (f *follower) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.said.String()
}

// followCommand starts following the audit log, and waits until it shows what there is.
func followCommand(ts *testscript.TestScript, _ bool, _ []string) {
	w := of(ts)
	w.follower = &follower{}
	cmd := exec.Command(filepath.Join(os.Getenv(binaries), "latchkey"), "--json", "audit", "--follow", "--newest", "1")
	cmd.Env = append(os.Environ(), "LATCHKEY_SOCKET="+ts.Getenv("LATCHKEY_SOCKET"))
	cmd.Stdout, cmd.Stderr = w.follower, w.follower
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ts.Check(w.follower.await(`"seq":`))
}

// followedCommand is: followed REGEX. It waits for a new record, told on a line of its own.
func followedCommand(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	if neg || len(args) != 1 || w.follower == nil {
		ts.Fatalf("usage: followed REGEX, after follow")
	}
	ts.Check(w.follower.await("(?m)^.*" + args[0] + ".*$"))
	ts.Check(w.note(outputs, w.follower.text()))
}

func (f *follower) await(pattern string) error {
	line := regexp.MustCompile(pattern)
	for end := time.Now().Add(limit); !line.MatchString(f.text()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("audit --follow does not say %q:\n%s", pattern, f.text())
		}
	}
	return nil
}
