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
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const logFile = "latchkeyd.log"

// limit ends every wait: a daemon that is not there after so long never comes.
const limit = 30 * time.Second

// daemon is a latchkeyd that this test has started.
type daemon struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // after ended
	log   string
	mark  int64 // where the log stood at the last start or hup
}

// start runs latchkeyd on latchkey.yaml and waits until it says that it is ready. disk is the
// size of a file system of its own for the state, which only the daemon sees; empty: none.
func (w *world) start(disk string) error {
	log := filepath.Join(w.dir, logFile)
	f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	program := filepath.Join(os.Getenv(binaries), "latchkeyd")
	cmd := exec.Command(program, "--config", filepath.Join(w.dir, "latchkey.yaml"))
	if disk != "" {
		state := filepath.Join(w.dir, "state")
		if err := os.MkdirAll(state, 0o700); err != nil {
			return err
		}
		cmd = exec.Command("unshare", "--mount", "sh", "-ec", `mount -t tmpfs -o "size=$1" latchkey "$2"; shift 2; exec "$@"`,
			"sh", disk, state, program, "--config", filepath.Join(w.dir, "latchkey.yaml"))
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.dir, f, f
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TZ=UTC"}
	if err := cmd.Start(); err != nil {
		return err
	}
	d := &daemon{cmd: cmd, ended: make(chan struct{}), log: log, mark: info.Size()}
	go func() {
		d.err = cmd.Wait()
		close(d.ended)
	}()
	w.daemon = d
	return d.await(regexp.MustCompile(`"msg":"ready"`))
}

// await waits for a line in the log since the mark.
func (d *daemon) await(line *regexp.Regexp) error {
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		ended := false
		select {
		case <-d.ended:
			ended = true
		default:
		}
		text, err := d.since()
		switch {
		case err != nil:
			return err
		case line.Match(text):
			return nil
		case ended:
			return fmt.Errorf("latchkeyd has ended (%v) before it said %q:\n%s", d.err, line, text)
		case time.Now().After(end):
			return fmt.Errorf("latchkeyd does not say %q:\n%s", line, text)
		}
	}
}

// since is the log since the mark.
func (d *daemon) since() ([]byte, error) {
	b, err := os.ReadFile(d.log)
	if err != nil {
		return nil, err
	}
	return b[min(d.mark, int64(len(b))):], nil
}

func (d *daemon) running() bool {
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

func (d *daemon) signal(s syscall.Signal) error {
	if !d.running() {
		return fmt.Errorf("latchkeyd has ended by itself: %v", d.err)
	}
	return d.cmd.Process.Signal(s)
}

// kill ends it without a word, and waits.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
}

func (d *daemon) stop() error {
	if err := d.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-d.ended:
		return d.err
	case <-time.After(limit):
		return errors.New("latchkeyd does not end at SIGTERM")
	}
}

func daemonCommand(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	if len(args) == 0 || neg && args[0] != "log" {
		ts.Fatalf("usage: daemon start [disk SIZE] | stop | kill9 | hup | log REGEX")
	}
	if args[0] != "start" && w.daemon == nil {
		ts.Fatalf("no daemon was started")
	}
	switch args[0] {
	case "start":
		if w.daemon != nil && w.daemon.running() {
			ts.Fatalf("it runs already")
		}
		disk := ""
		if len(args) == 3 && args[1] == "disk" {
			disk = args[2]
		}
		ts.Check(w.start(disk))
		ts.Setenv("PID", fmt.Sprint(w.daemon.cmd.Process.Pid))
	case "stop":
		ts.Check(w.daemon.stop())
	case "kill9":
		w.daemon.kill()
	case "hup":
		info, err := os.Stat(w.daemon.log)
		ts.Check(err)
		w.daemon.mark = info.Size()
		ts.Check(w.daemon.signal(syscall.SIGHUP))
		ts.Check(w.daemon.await(regexp.MustCompile(`"msg":"(reloaded|the old configuration stays|[^"]*; the old configuration stays|the configuration has errors; the old one stays)"`)))
	case "log":
		pattern := regexp.MustCompile(strings.Join(args[1:], " "))
		if !neg {
			ts.Check(w.daemon.await(pattern))
			return
		}
		text, err := w.daemon.since()
		ts.Check(err)
		if line := pattern.Find(text); line != nil {
			ts.Fatalf("latchkeyd has said %q", line)
		}
	default:
		ts.Fatalf("daemon %s?", args[0])
	}
}

// latchkeydCommand runs a latchkeyd that is to end by itself, with exit status 0 or, with !, 1.
func latchkeydCommand(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("timeout", append([]string{"--signal=KILL", "20s", "latchkeyd"}, args...)...)
	ts.Check(of(ts).note(outputs, "$ latchkeyd "+strings.Join(args, " ")+"\n"+ts.ReadFile("stdout")+ts.ReadFile("stderr")))
	var exit *exec.ExitError
	switch {
	case err == nil && !neg:
	case neg && errors.As(err, &exit) && exit.ExitCode() == 1:
	default:
		ts.Fatalf("latchkeyd %s: %v", strings.Join(args, " "), err)
	}
}

// diskRoot is where the files of the daemon are seen as it sees them, its own disk included.
func (w *world) diskRoot() string {
	if w.daemon == nil || !w.daemon.running() {
		return "/"
	}
	return fmt.Sprintf("/proc/%d/root", w.daemon.cmd.Process.Pid)
}

// fillCommand is: fill SIZE. It takes room from the state's disk.
func fillCommand(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	f, err := os.Create(filepath.Join(w.diskRoot(), w.dir, "state", "filler"))
	ts.Check(err)
	defer f.Close()
	var size int64
	if _, err := fmt.Sscanf(args[0], "%dm", &size); err != nil || neg {
		ts.Fatalf("usage: fill SIZEm")
	}
	block := bytes.Repeat([]byte{1}, 1<<20)
	for range size {
		_, err := f.Write(block)
		ts.Check(err)
	}
}

func unfillCommand(ts *testscript.TestScript, _ bool, _ []string) {
	w := of(ts)
	ts.Check(os.Remove(filepath.Join(w.diskRoot(), w.dir, "state", "filler")))
}
