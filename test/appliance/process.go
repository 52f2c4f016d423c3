package appliance

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Need finds a program, or fails with the name of the Debian package that has it.
func Need(t testing.TB, program, debian string) string {
	t.Helper()
	for _, path := range []string{program, "/usr/sbin/" + program} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Fatalf("%s is missing (apt-get install %s, or make setup)", program, debian)
	return ""
}

// Process is a program that ends with its test at the latest, with all that it has started.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // of Wait, once ended
}

// Launch starts cmd; standard output and error go to screen.
func Launch(t testing.TB, cmd *exec.Cmd, screen *Screen) *Process {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	// Should the test itself be killed, no cleanup runs.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.Stderr = screen, screen
	}
	// Children that hold the output open must not keep Wait.
	cmd.WaitDelay = time.Second
	screen.end(false)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		screen.end(true)
		close(p.ended)
	}()
	t.Cleanup(p.clean)
	return p
}

// clean asks the process to end, and then ends what is left of its group.
func (p *Process) clean() {
	select {
	case <-p.ended:
	default:
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(5 * time.Second):
		}
	}
	// Ours alone: the process leads a group of its own. ESRCH says that nobody is left in it.
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// ExitCode is that of a process that Wait has seen to its end.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends it to the process.
func (p *Process) Signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatalf("%s: %v", p.cmd.Path, err)
	}
}

// Wait gives the outcome when the process has ended.
func (p *Process) Wait(t testing.TB) error {
	t.Helper()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(patience):
		t.Fatalf("%s did not end in %s", p.cmd.Path, patience)
		return nil
	}
}

// Terminal is a program on a pseudo-terminal, and the person in front of it.
type Terminal struct {
	*Process
	*Screen
	master *os.File
}

// OnTerminal starts cmd with a terminal of its own as input, output and error.
func OnTerminal(t testing.TB, cmd *exec.Cmd) *Terminal {
	t.Helper()
	master, slave, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	// The screen ends when the last writer has closed the terminal, not with the process: what
	// was said last may still be under way.
	screen := NewScreen("terminal of " + cmd.Path)
	term := &Terminal{Screen: screen, master: master}
	term.Process = Launch(t, cmd, NewScreen(""))
	_ = slave.Close()
	go func() {
		_, _ = io.Copy(screen, master) // EIO where a file would say EOF
		screen.end(true)
	}()
	return term
}

// Type types a line.
func (x *Terminal) Type(t testing.TB, line string) {
	t.Helper()
	if _, err := x.master.WriteString(line + "\n"); err != nil {
		t.Fatalf("typing: %v\n%s", err, x)
	}
}

func openTerminal() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	// Not master.Fd(): it would make reads block for good, and Close wait for them.
	raw, err := master.SyscallConn()
	var number uint32
	if err == nil {
		var inside error
		err = raw.Control(func(fd uintptr) {
			if inside = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); inside == nil {
				number, inside = unix.IoctlGetUint32(int(fd), unix.TIOCGPTN)
			}
		})
		err = errors.Join(err, inside)
	}
	if err == nil {
		slave, err = os.OpenFile("/dev/pts/"+strconv.FormatUint(uint64(number), 10), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, master.Close())
	}
	return master, slave, nil
}

// Port finds one on loopback that is free for UDP and TCP, below those that the kernel gives
// to sockets without a wish: it stays free until somebody asks for it by number. No other test
// is given it until t has ended, in another process neither: an abstract socket marks it.
func Port(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20000 + rand.IntN(12000)
		mark, err := net.Listen("unix", fmt.Sprintf("@latchkey-test-port-%d", port))
		if err != nil {
			continue
		}
		if free(port) {
			t.Cleanup(func() { _ = mark.Close() })
			return port
		}
		_ = mark.Close()
	}
	t.Fatal("no free port on loopback")
	return 0
}

func free(port int) bool {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
	if err != nil {
		return false
	}
	defer udp.Close()
	tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{Port: port})
	if err != nil {
		return false
	}
	return tcp.Close() == nil
}
