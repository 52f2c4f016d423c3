package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server under measurement.
type process struct {
	*exec.Cmd
	log   string // the file that takes what it prints
	ended chan struct{}
	err   error // why it ended; to be read after ended
}

// start runs a command whose output goes to a file, as it would to a journal: a pipe would make
// this process pay for reading it.
func start(log string, name string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{Cmd: exec.Command(name, args...), log: log, ended: make(chan struct{})}
	p.Stdout, p.Stderr = out, out
	// It ends with this process, however this one ends.
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.Wait()
		close(p.ended)
	}()
	return p, nil
}

// until waits for a text in the log, and tells how long the process took to write it.
func (p *process) until(text string, patience time.Duration) (time.Duration, error) {
	began := time.Now()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		out, err := os.ReadFile(p.log)
		if err != nil {
			return 0, err
		}
		took := time.Since(began)
		if bytes.Contains(out, []byte(text)) {
			return took, nil
		}
		select {
		case <-p.ended:
			return 0, fmt.Errorf("%s ended before it was ready (%v):\n%s", filepath.Base(p.Path), p.err, tail(out))
		default:
		}
		if took > patience {
			return 0, fmt.Errorf("%s is not ready after %s:\n%s", filepath.Base(p.Path), patience, tail(out))
		}
	}
	return 0, nil
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

// end stops the process in the way that sig asks for, and waits.
func (p *process) end(sig syscall.Signal) error {
	_ = p.Process.Signal(syscall.SIGCONT)
	if err := p.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(60 * time.Second):
		_ = p.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s did not end within a minute of %v", filepath.Base(p.Path), sig)
	}
}

// pause keeps a server that is not measured from working in the background at the cost of one
// that is; what it puts off, it pays for in its own rounds.
func (p *process) pause()  { _ = p.Process.Signal(syscall.SIGSTOP) }
func (p *process) resume() { _ = p.Process.Signal(syscall.SIGCONT) }

// usage is what a process has used up so far.
type usage struct {
	cpu    time.Duration // of all its threads, user and system
	memory int64         // bytes resident
}

// clockTicks is the unit of /proc/PID/stat, which Linux has fixed at 100 a second (USER_HZ).
const clockTicks = 100

func (p *process) usage() (u usage, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	if err != nil {
		return u, err
	}
	// The second field is the name in brackets, which may hold anything; 14 and 15 are utime
	// and stime, 24 is the resident set in pages (proc(5)).
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 22 {
		return u, fmt.Errorf("/proc/%d/stat has %d fields", p.Process.Pid, len(fields))
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u, err
		}
		ticks += n
	}
	pages, err := strconv.ParseInt(fields[21], 10, 64)
	u.cpu = time.Duration(ticks) * time.Second / clockTicks
	u.memory = pages * int64(os.Getpagesize())
	return u, err
}

// ownCPU is what the load generator itself has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// size adds up what a folder takes on the disk, in whole blocks, as du does.
func size(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			bytes += s.Blocks * 512
		}
		return nil
	})
	return bytes, err
}

// record runs perf on a process until stop is called.
func record(ctx context.Context, p *process, file string) (stop func() error, err error) {
	cmd := exec.CommandContext(ctx, "perf", "record", "-q", "-g", "-F", "999", "-p", strconv.Itoa(p.Process.Pid), "-o", file)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("perf (Debian package linux-perf): %w", err)
	}
	return func() error {
		_ = cmd.Process.Signal(syscall.SIGINT)
		err := cmd.Wait()
		// perf ends by the signal that it was asked to end by.
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
			return nil
		}
		return err
	}, nil
}
