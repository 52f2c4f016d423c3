// Package radclient is a RADIUS client as a VPN gateway has one: PAP, challenge rounds with
// State, retransmission, and Message-Authenticator sent and verified (RFC 2865, RFC 2869
// section 5.14, and the rules against CVE-2024-3596). The command line logs in with it, and so
// can a load generator.
//
// The package must never know anything of the server but its replies.
package radclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/latchkey/latchkey/core/secret"
)

// Config of a Client.
type Config struct {
	Server         string // host:port
	Secret         secret.Secret
	NASIdentifier  string        // empty: left out
	CallingStation string        // empty: left out
	Timeout        time.Duration // of one try; 0: 5 s
	Tries          int           // of one request, with the same bytes; 0: 3
	Unsigned       bool          // take replies without Message-Authenticator too
}

// Request is one Access-Request.
type Request struct {
	User     string
	Password secret.Secret // at most 128 bytes
	State    []byte        // of the Challenge that this answers; nil at first
}

// Code is what a reply says.
type Code byte

// The replies to an Access-Request.
const (
	Accept    Code = 2
	Reject    Code = 3
	Challenge Code = 11
)

func (c Code) String() string {
	switch c {
	case Accept:
		return "Access-Accept"
	case Reject:
		return "Access-Reject"
	case Challenge:
		return "Access-Challenge"
	}
	return fmt.Sprintf("code %d", byte(c))
}

// Reply is a verified reply.
type Reply struct {
	Code        Code
	Message     string      // all Reply-Message attributes, joined
	State       []byte      // of a Challenge
	Echo        bool        // the answer may be seen while it is typed (Prompt is not No-Echo)
	Attributes  []Attribute // all in their order
	Signed      bool        // it has a Message-Authenticator, which is right
	SignedFirst bool        // as its first attribute, as it should be
	Tries       int         // packets sent until this came
	Took        time.Duration
}

// Attribute is one attribute of a reply as it came.
type Attribute struct {
	Type  byte
	Value []byte
}

var (
	// ErrSilent: no reply came in time.
	ErrSilent = errors.New("no reply")
	// ErrForged: replies came, none of which is signed with the shared secret.
	ErrForged = errors.New("only replies with a wrong signature")
	// ErrUnsigned: a reply came without Message-Authenticator.
	ErrUnsigned = errors.New("only replies without Message-Authenticator")
	// ErrNobody: nothing listens there.
	ErrNobody = errors.New("nothing listens there")
)

// Client has one socket and one request at a time in flight; calls wait for each other.
type Client struct {
	config Config
	conn   *net.UDPConn
	mu     sync.Mutex
	id     byte
	buffer [4096]byte
}

// Dial opens the socket. Nothing is sent yet.
func Dial(c Config) (*Client, error) {
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Tries == 0 {
		c.Tries = 3
	}
	if c.Secret.IsEmpty() {
		return nil, errors.New("the shared secret is empty")
	}
	addr, err := net.ResolveUDPAddr("udp", c.Server)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUDP("udp", nil, addr)
	if err != nil {
		return nil, err
	}
	return &Client{config: c, conn: conn}, nil
}

// Close closes the socket.
func (c *Client) Close() error { return c.conn.Close() }

// Ask sends a request, and again with the same bytes when no reply comes in time.
func (c *Client) Ask(ctx context.Context, r Request) (Reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.id++
	packet, err := encode(c.config, c.id, r)
	if err != nil {
		return Reply{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	began, failure := time.Now(), ErrSilent
	for try := 1; try <= c.config.Tries; try++ {
		if err := c.conn.SetReadDeadline(time.Now().Add(c.config.Timeout)); err != nil {
			return Reply{}, err
		}
		if err := ctx.Err(); err != nil { // after the deadline is set, so that AfterFunc's stays
			return Reply{}, err
		}
		if _, err := c.conn.Write(packet); err != nil && !refused(err) {
			return Reply{}, err
		}
		reply, err := c.await(packet, &failure)
		switch {
		case err == nil:
			reply.Tries, reply.Took = try, time.Since(began)
			return reply, nil
		case ctx.Err() != nil:
			return Reply{}, ctx.Err()
		case refused(err):
			return Reply{}, ErrNobody
		case !errors.Is(err, errTime):
			return Reply{}, err
		}
	}
	return Reply{}, failure
}

func refused(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }

var errTime = errors.New("time is up")

// await reads until the reply to packet is there or the time is up. What is not a right reply
// is passed over, since anybody can send it, but remembered in failure.
func (c *Client) await(packet []byte, failure *error) (Reply, error) {
	for {
		n, err := c.conn.Read(c.buffer[:])
		var netErr net.Error
		if errors.As(err, &netErr) && netErr.Timeout() {
			return Reply{}, errTime
		}
		if err != nil {
			return Reply{}, err
		}
		reply, err := decode(c.buffer[:n], packet, c.config.Secret)
		switch {
		case errors.Is(err, errOther):
		case err != nil:
			*failure = ErrForged
		case !reply.Signed && !c.config.Unsigned:
			*failure = ErrUnsigned
		default:
			return reply, nil
		}
	}
}

// maxRounds ends a conversation with a server that never does.
const maxRounds = 32

// Login carries a whole login: the first factor, then answer's word for each Challenge, until
// Accept or Reject. An error of answer ends it.
func (c *Client) Login(ctx context.Context, user string, password secret.Secret,
	answer func(Reply) (secret.Secret, error)) (Reply, error) {
	request := Request{User: user, Password: password}
	for range maxRounds {
		reply, err := c.Ask(ctx, request)
		if err != nil || reply.Code != Challenge {
			return reply, err
		}
		request.State = reply.State
		if request.Password, err = answer(reply); err != nil {
			return reply, err
		}
	}
	return Reply{}, fmt.Errorf("still challenged after %d rounds", maxRounds)
}
