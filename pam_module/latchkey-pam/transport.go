package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/latchkey/latchkey/hostapi"
)

// transport is a way to the appliance.
type transport interface {
	// client makes the two calls.
	client() *hostapi.Client
	// opens tells whether an error of a call is one that failmode=safe may open for: the appliance is not there, and
	// nobody who is not root has brought that about.
	opens(err error) bool
}

// choose picks the way that the options name.
func choose(o *options, c *call, log *logger) (transport, error) {
	if o.url != "" {
		return overHTTPS(o, log)
	}
	return overSocket(o, c)
}

// The sockets of an appliance on this machine. The names are those of latchkey.yaml's defaults.
const (
	rootSocket = "/run/latchkey/pam.sock"
	userSocket = "/run/latchkey/pam-user.sock"
)

// local is the socket of an appliance on this machine.
type local struct {
	path   string
	owners []uint32 // who may serve it
	root   bool     // it is the socket for root, and root asks
}

// overSocket: root's programs by root's socket, others by everybody's. A helper that is not root can't tell a
// failure from a refusal: failmode=safe is not for it.
func overSocket(o *options, c *call) (transport, error) {
	l := &local{path: o.socket, owners: []uint32{0}, root: os.Geteuid() == 0}
	if l.path == "" {
		l.path = userSocket
		if l.root {
			l.path = rootSocket
		}
	}
	who, err := findAccount(o.daemonUser)
	if err == nil {
		l.owners = append(l.owners, who.uid)
	} else if !errors.Is(err, errNoAccount) {
		return nil, err
	}
	return l, nil
}

func (l *local) client() *hostapi.Client { return hostapi.OverConn(l.dial) }

// dial connects, and makes sure that what answers is the appliance: a socket in its place, of somebody else's, would say
// yes to anybody.
func (l *local) dial(ctx context.Context) (net.Conn, error) {
	info, err := os.Lstat(l.path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return nil, forged("%s is no socket", l.path)
	}
	if sys, ok := info.Sys().(*syscall.Stat_t); !ok || !l.mayServe(sys.Uid) {
		return nil, forged("%s belongs to uid %d, which is neither root nor latchkeyd's", l.path, sys.Uid)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", l.path)
	if err != nil {
		return nil, err
	}
	peer, err := peerUID(conn)
	if err == nil && !l.mayServe(peer) {
		err = forged("uid %d serves %s, which is neither root nor latchkeyd's", peer, l.path)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func (l *local) mayServe(uid uint32) bool {
	for _, owner := range l.owners {
		if uid == owner {
			return true
		}
	}
	return false
}

// opens: nobody listens, or there is no socket, in a directory that only root and latchkeyd can change.
func (l *local) opens(err error) bool {
	var unreached *hostapi.NotReached
	if !l.root || !errors.As(err, &unreached) || !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ECONNREFUSED) {
		return false
	}
	return safeAbove(l.path, l.owners...) == nil
}

// peerUID is who began to listen, by the kernel's word.
func peerUID(conn net.Conn) (uid uint32, err error) {
	inner, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, errors.New("not a Unix socket")
	}
	raw, err := inner.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var inside error
	err = raw.Control(func(fd uintptr) { cred, inside = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, inside); err != nil {
		return 0, err
	}
	return cred.Uid, nil
}

// forged is an error that is never "not reached".
func forged(format string, values ...any) error {
	return &hostapi.Refused{Status: http.StatusForbidden, Problem: hostapi.Problem{Text: fmt.Sprintf(format, values...), Hint: "is somebody pretending to be latchkeyd?"}}
}
