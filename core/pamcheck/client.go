package pamcheck

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/pamcheck/wire"
)

// Config of a Client.
type Config struct {
	Socket  string        // where latchkey-pamcheck listens
	Service string        // the PAM service
	Timeout time.Duration // of one check
}

// Client asks latchkey-pamcheck. It is immutable, and safe for many goroutines.
type Client struct{ cfg Config }

var _ core.PasswordChecker = (*Client)(nil)

// New makes a Client. It does not connect: whether anybody is there shows at the first check, and at Reachable.
func New(cfg Config) *Client { return &Client{cfg} }

// errStranger: the socket is answered by somebody who is not trusted with passwords.
var errStranger = errors.New("the process there is neither root's nor our own")

const hint = "systemctl status latchkey-pamcheck.socket latchkey-pamcheck.service"

// CheckPassword implements core.PasswordChecker.
func (c *Client) CheckPassword(ctx context.Context, check core.PasswordCheck) (core.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	r, err := c.ask(ctx, check)
	if err != nil {
		// Not the error of ctx alone: the log is to say who was waited for.
		return 0, fmt.Errorf("password check by PAM (%s): %w", hint, errors.Join(err, ctx.Err()))
	}
	switch r.Outcome {
	case wire.Wrong:
		return core.VerdictWrong, nil
	case wire.Refused:
		return core.VerdictRefused, nil
	case wire.Stale:
		return core.VerdictStale, nil
	case wire.Right:
		if check.Decoy {
			return core.VerdictWrong, nil
		}
		return core.VerdictRight, nil
	}
	return 0, fmt.Errorf("password check by PAM: %s", r.Detail)
}

func (c *Client) ask(ctx context.Context, check core.PasswordCheck) (wire.Response, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return wire.Response{}, err
	}
	defer conn.Close()
	// A deadline that has passed ends reads and writes under way.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	r := wire.Request{Kind: wire.KindCheck, ID: check.Request, Service: c.cfg.Service, Name: check.Name, Remote: check.Remote, Password: check.Password.Reveal()}
	if check.Decoy {
		r.Kind, r.Name, r.Remote, r.Password = wire.KindDecoy, "", "", ""
	}
	if deadline, ok := ctx.Deadline(); ok {
		r.Within = time.Until(deadline)
	}
	buf := make([]byte, 0, 4+wire.MaxFrame) // never grows: nothing of it is left behind elsewhere
	frame, err := r.Append(buf)
	defer clear(buf[:cap(buf)])
	if err != nil {
		return wire.Response{}, err
	}
	if _, err := conn.Write(frame); err != nil {
		return wire.Response{}, err
	}
	clear(frame)
	answer, err := wire.ReadFrame(conn, buf[:wire.MaxFrame])
	if err != nil {
		return wire.Response{}, err
	}
	return wire.DecodeResponse(answer)
}

// dial connects, and looks who is there before anything is sent.
func (c *Client) dial(ctx context.Context) (*net.UnixConn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.cfg.Socket)
	if err != nil {
		return nil, err
	}
	uid, err := wire.PeerUID(conn.(*net.UnixConn))
	if err == nil && uid != 0 && uid != os.Geteuid() {
		err = fmt.Errorf("socket %s: %w (uid %d)", c.cfg.Socket, errStranger, uid)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn.(*net.UnixConn), nil
}

// Reachable tells whether somebody who may be asked listens.
func (c *Client) Reachable(ctx context.Context) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}
