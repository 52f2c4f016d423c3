package localapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"os/user"
	"strconv"
	"time"

	"github.com/latchkey/latchkey/hostapi"
	"github.com/latchkey/latchkey/hostapi/hostdoor"
)

// The PAM module of the appliance's own machine comes by two sockets: root's programs by one that only
// root can open, for any user; everybody's programs by the other, each for his own account. Each has a listener
// and limits of its own, so that a crowd at the latter keeps nobody from the former.

// HostsConfig of Hosts.
type HostsConfig struct {
	Rules func() hostdoor.Rules // asked once a call: a reload puts others there
	Name  string                // of this machine, as users and logs know it
	Log   *slog.Logger          // nil: none
	Now   func() time.Time      // nil: time.Now
}

// Hosts serves both sockets.
type Hosts struct {
	config HostsConfig
	crowd  *crowd
}

// NewHosts makes the door; it listens to nothing yet.
func NewHosts(c HostsConfig) *Hosts {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Hosts{config: c, crowd: newCrowd(c.Now)}
}

// ServeRoot answers at root's socket until ctx ends.
func (h *Hosts) ServeRoot(ctx context.Context, l *Listener) error {
	return serveHTTP(ctx, "PAM socket", l, h.handler(h.settleRoot), h.withPeer, h.config.Log)
}

// ServeUsers answers at everybody's socket until ctx ends.
func (h *Hosts) ServeUsers(ctx context.Context, l *Listener) error {
	l.accept = h.crowd.enter
	return serveHTTP(ctx, "PAM socket for users", l, h.handler(h.settleUser), h.withPeer, h.config.Log)
}

func (h *Hosts) handler(settle func(*http.Request) (hostdoor.Caller, hostdoor.Rules, error)) http.Handler {
	return hostdoor.Handler(hostdoor.Config{Settle: settle, Log: h.config.Log, Now: h.config.Now})
}

type peerKey struct{}

// withPeer settles who is at the other end of a connection, before any request is read.
func (h *Hosts) withPeer(ctx context.Context, conn net.Conn) context.Context {
	if one, ok := conn.(*counted); ok {
		return context.WithValue(ctx, peerKey{}, one.peer)
	}
	inner, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	if p, err := peerOf(inner); err == nil {
		return context.WithValue(ctx, peerKey{}, p)
	}
	return ctx
}

var errNoPeer = errors.New("the kernel does not say who is calling")

// settleRoot: the file's permissions let root in alone, and the kernel's word is asked all the same.
func (h *Hosts) settleRoot(r *http.Request) (hostdoor.Caller, hostdoor.Rules, error) {
	p, ok := r.Context().Value(peerKey{}).(peer)
	switch {
	case !ok:
		return hostdoor.Caller{}, hostdoor.Rules{}, errNoPeer
	case p.uid != 0:
		return hostdoor.Caller{}, hostdoor.Rules{}, forbidden("this socket is for root's programs", "everybody's is socket.pam_user")
	}
	return hostdoor.Caller{Host: h.config.Name, Trusted: true}, h.config.Rules(), nil
}

// settleUser: a screen locker runs as its user, and could be any program. It asks for its own account, from its own uid.
func (h *Hosts) settleUser(r *http.Request) (hostdoor.Caller, hostdoor.Rules, error) {
	p, ok := r.Context().Value(peerKey{}).(peer)
	if !ok {
		return hostdoor.Caller{}, hostdoor.Rules{}, errNoPeer
	}
	if !h.crowd.allow(p.uid) {
		return hostdoor.Caller{}, hostdoor.Rules{}, &hostapi.Refused{Status: http.StatusTooManyRequests,
			Problem: hostapi.Problem{Text: "too many calls", Hint: "wait a moment"}}
	}
	uid := uint32(p.uid)
	return hostdoor.Caller{Host: h.config.Name, Own: &uid, May: func(ctx context.Context, name string) (bool, error) {
		own, err := accountOf(ctx, p.uid)
		return err == nil && own == name, err
	}}, h.config.Rules(), nil
}

func forbidden(text, hint string) error {
	return &hostapi.Refused{Status: http.StatusForbidden, Problem: hostapi.Problem{Text: text, Hint: hint}}
}

// accountOf gives the name that belongs to a uid. The daemon is built without cgo, so that it reads /etc/passwd
// alone; for accounts of a directory it asks getent.
func accountOf(ctx context.Context, uid int) (string, error) {
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/getent", "passwd", number)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	out, err := cmd.Output()
	var unknown *exec.ExitError
	if errors.As(err, &unknown) && unknown.ExitCode() == 2 {
		return "", forbidden("there is no account of that uid", "")
	}
	fields := bytes.Split(bytes.TrimSpace(out), []byte(":"))
	if err != nil || len(fields) < 3 || string(fields[2]) != number {
		return "", fmt.Errorf("getent passwd %s: %w", number, errors.Join(err, errors.New("no such answer")))
	}
	return string(fields[0]), nil
}
