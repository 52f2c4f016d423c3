package load

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// loop waits for many sockets at once. Go's own poller would wake a goroutine for each packet;
// here one thread takes what has come, as a server in C would.
type loop struct {
	poll, timer int
	events      [256]unix.EpollEvent
	ready       []int
	ticks       [8]byte
}

const timerNumber = -1

func (l *loop) open() (err error) {
	if l.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("load: epoll_create1: %w", err)
	}
	if l.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return fmt.Errorf("load: timerfd_create: %w", errors.Join(err, unix.Close(l.poll)))
	}
	return l.add(l.timer, timerNumber)
}

func (l *loop) close() error { return errors.Join(unix.Close(l.timer), unix.Close(l.poll)) }

func (l *loop) add(fd, number int) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(number)}
	if err := unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("load: epoll_ctl: %w", err)
	}
	return nil
}

// tick makes wait return at least so often.
func (l *loop) tick(every time.Duration) error {
	t := unix.NsecToTimespec(every.Nanoseconds())
	if err := unix.TimerfdSettime(l.timer, 0, &unix.ItimerSpec{Interval: t, Value: t}, nil); err != nil {
		return fmt.Errorf("load: timerfd_settime: %w", err)
	}
	return nil
}

// wait gives the numbers of the sockets that have something to read.
func (l *loop) wait() ([]int, error) {
	l.ready = l.ready[:0]
	n, err := unix.EpollWait(l.poll, l.events[:], -1)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return nil, fmt.Errorf("load: epoll_wait: %w", err)
	}
	for i := range max(n, 0) {
		if number := int(l.events[i].Fd); number != timerNumber {
			l.ready = append(l.ready, number)
			continue
		}
		// The kernel sets a timer for its next tick when this one is read.
		_, _ = unix.Read(l.timer, l.ticks[:])
	}
	return l.ready, nil
}

// dial opens a connected UDP socket that never blocks.
func dial(local netip.Addr, to netip.AddrPort) (fd int, err error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	if fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, fmt.Errorf("load: socket: %w", err)
	}
	if local.IsValid() {
		err = unix.Bind(fd, address(netip.AddrPortFrom(local, 0)))
	}
	if err == nil {
		err = unix.Connect(fd, address(to))
	}
	if err != nil {
		return 0, fmt.Errorf("load: a socket from %v to %v: %w", local, to, errors.Join(err, unix.Close(fd)))
	}
	return fd, nil
}

func address(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func closeSocket(fd int) error { return os.NewSyscallError("close", unix.Close(fd)) }

// write sends a packet. What the kernel does not take is lost, as on any network, and sent
// again when the server's silence has lasted long enough.
func write(fd int, packet []byte) { _, _ = unix.Write(fd, packet) }

// read gives the length of the next packet; 0 or less: there is none. An ICMP error that tells
// of a closed port is read once and is no packet either.
func read(fd int, into []byte) int {
	n, err := unix.Read(fd, into)
	if err != nil {
		return 0
	}
	return n
}
