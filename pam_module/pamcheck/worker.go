package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/latchkey/latchkey/core/pamcheck/wire"
)

// workerWord makes a worker of this program. It is of no use without the channel at descriptor 3.
const workerWord = "--worker"

var (
	errLost  = errors.New("too many workers hang in the kernel")
	errTired = errors.New("workers do not start; trying again in a second")
	errDied  = errors.New("the worker died")
	errLate  = errors.New("PAM took too long")
)

// worker is a process that checks one password at a time, as the pool sees it.
type worker struct {
	cmd   *exec.Cmd
	conn  net.Conn
	ended chan struct{}
	uses  int
	buf   []byte
}

// startWorker starts this same program, even if its file was replaced meanwhile.
func startWorker(services string) (*worker, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "worker"), os.NewFile(uintptr(pair[1]), "channel")
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err = errors.Join(err, ours.Close()); err != nil {
		return nil, err
	}
	w := &worker{
		cmd: &exec.Cmd{
			Path: "/proc/self/exe", Args: []string{"latchkey-pamcheck", workerWord, services},
			// What modules see. Memory that is freed is overwritten: not every module wipes what it copied.
			// A crash prints no registers.
			Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "MALLOC_PERTURB_=165", "GOMAXPROCS=1", "GOTRACEBACK=none"},
			Dir: "/", ExtraFiles: []*os.File{theirs}, Stderr: os.Stderr,
			SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
		},
		conn: conn, ended: make(chan struct{}), buf: make([]byte, wire.MaxFrame),
	}
	if err := w.cmd.Start(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go func() {
		// Not reaped yet: its number, and its group's, cannot become another's before kill is through.
		for unix.Waitid(unix.P_PID, w.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
		close(w.ended)
	}()
	return w, nil
}

func (w *worker) gone() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// ask passes a frame on. After an error the worker is good for nothing more.
func (w *worker) ask(frame []byte, deadline time.Time) (wire.Response, error) {
	_ = w.conn.SetDeadline(deadline)
	// The length goes by itself, so that no second copy of the frame is made.
	head := [4]byte{byte(len(frame) >> 24), byte(len(frame) >> 16), byte(len(frame) >> 8), byte(len(frame))}
	_, err := w.conn.Write(head[:])
	if err == nil {
		_, err = w.conn.Write(frame)
	}
	var answer []byte
	if err == nil {
		answer, err = wire.ReadFrame(w.conn, w.buf)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return wire.Response{}, errLate
	case errors.Is(err, wire.ErrFrame):
		return wire.Response{}, err
	case err != nil:
		return wire.Response{}, errDied
	}
	return wire.DecodeResponse(answer)
}

// strays ends our children that are no workers: what a module has started for itself, in a session of its own perhaps
// (pam_exec does), comes to us when its worker is gone (PR_SET_CHILD_SUBREAPER), as do its own children.
func strays(ours func(pid int) bool) {
	for more := true; more; {
		more = false
		lists, _ := filepath.Glob("/proc/self/task/*/children")
		for _, list := range lists {
			text, _ := os.ReadFile(list) // the thread may have ended
			for _, word := range strings.Fields(string(text)) {
				pid, err := strconv.Atoi(word)
				if err != nil || ours(pid) {
					continue
				}
				// Not reaped yet, so the number is its own.
				_ = unix.Kill(pid, unix.SIGKILL)
				if fd, err := unix.PidfdOpen(pid, 0); err == nil {
					_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
					_ = unix.Close(fd)
				}
				if reaped, _ := unix.Wait4(pid, nil, unix.WNOHANG, nil); reaped == pid {
					more = true // its children are ours now
				}
			}
		}
	}
}

// kill ends the worker with all its children, and returns when it is gone. It is called once.
func (w *worker) kill() {
	_ = w.conn.Close()
	_ = syscall.Kill(-w.cmd.Process.Pid, syscall.SIGKILL)
	<-w.ended
	_ = w.cmd.Wait()
}

// workerMain is the life of a worker: frames come, answers go, until the channel ends.
func workerMain(args []string) int {
	// PAM modules may keep what belongs to a thread; the first one is theirs alone.
	runtime.LockOSThread()
	services := ""
	if len(args) > 0 {
		services = args[0]
	}
	unix.CloseOnExec(3)
	channel := os.NewFile(3, "channel")
	buf, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		fmt.Fprintln(os.Stderr, "latchkey-pamcheck: worker:", err)
		return 1
	}
	_ = errors.Join(unix.Mlock(buf), unix.Madvise(buf, unix.MADV_DONTDUMP)) // better so; the unit forbids swap and dumps anyway
	open := descriptors()
	for {
		frame, err := wire.ReadFrame(channel, buf[:wire.MaxFrame])
		if err != nil {
			return 0
		}
		r, err := wire.DecodeRequest(frame)
		if err != nil {
			return 1
		}
		response := ask(services, r)
		clear(buf)
		response.Retire = descriptors() > open+4
		answer, err := response.Append(nil)
		if err == nil {
			_, err = channel.Write(answer)
		}
		if err != nil {
			return 1
		}
	}
}

// descriptors is how many are open.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
