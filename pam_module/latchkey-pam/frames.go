package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/latchkey/latchkey/core/secret"
)

// The frames of the module: see frame.h, which this follows.
const (
	moduleVersion = "1"
	maxFrame      = 4096
	headLength    = 4
	magic         = 0xA7

	hello, argument, item, state, begun, typed, nothing                      = 'H', 'A', 'I', 'S', 'G', 'T', 'N'
	askHidden, askShown, tellInfo, tellError, askToken, forward, keep, judge = 'h', 'e', 'i', 'x', 'q', 'f', 'k', 'v'
)

// verdict is the last word to the module.
type verdict string

const (
	accept      verdict = "accept"
	ignore      verdict = "ignore" // the stack goes on as if the module were not there
	deny        verdict = "deny"
	maxTries    verdict = "max-tries" // deny, and stop asking
	unknownUser verdict = "unknown"
	unavailable verdict = "unavailable" // nobody decides
	noTalk      verdict = "conversation"
	mistaken    verdict = "mistaken" // the configuration is wrong
)

type frame struct {
	kind byte
	text []byte
}

func readFrame(r io.Reader) (frame, error) {
	var head [headLength]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	size := int(binary.BigEndian.Uint16(head[2:]))
	if head[0] != magic || size > maxFrame {
		return frame{}, errors.New("no frame")
	}
	f := frame{head[1], make([]byte, size)}
	_, err := io.ReadFull(r, f.text)
	return f, err
}

func writeFrame(w io.Writer, kind byte, text string) error {
	if len(text) > maxFrame || kind != keep && strings.ContainsRune(text, 0) {
		return fmt.Errorf("a frame of kind %c cannot hold this", kind)
	}
	raw := append([]byte{magic, kind, byte(len(text) >> 8), byte(len(text))}, text...)
	_, err := w.Write(raw)
	clear(raw)
	return err
}

// call is what the module says at the start.
type call struct {
	arguments           []string
	service, user       string
	rhost, ruser, tty   string
	realUID, effective  uint32
	silent              bool
	locale              string
	kept                []byte // by an earlier call on this handle
	hasReal, hasService bool
}

// module is the other end of the channel.
type module struct {
	conn   net.Conn
	frames chan frame
	gone   chan struct{} // closed when the module has closed its end, or died with its login program
	quiet  bool          // neither info nor error
}

func newModule(conn net.Conn) *module {
	m := &module{conn: conn, frames: make(chan frame), gone: make(chan struct{})}
	go func() {
		defer close(m.gone)
		for {
			f, err := readFrame(conn)
			if err != nil {
				return
			}
			m.frames <- f
		}
	}()
	return m
}

// context ends with the module: a login that nobody waits for any more must not go on.
func (m *module) context(parent context.Context) context.Context {
	ctx, cancel := context.WithCancel(parent)
	go func() {
		<-m.gone
		cancel()
	}()
	return ctx
}

var errGone = errors.New("the login program has gone")

func (m *module) next() (frame, error) {
	select {
	case f := <-m.frames:
		return f, nil
	case <-m.gone:
		return frame{}, errGone
	}
}

// start reads what the module says of its own.
func (m *module) start() (*call, error) {
	f, err := m.next()
	if err != nil {
		return nil, err
	}
	if f.kind != hello || string(f.text) != moduleVersion {
		return nil, errors.New("the module and latchkey-pam are of different versions")
	}
	c := &call{}
	for {
		if f, err = m.next(); err != nil {
			return nil, err
		}
		switch f.kind {
		case argument:
			c.arguments = append(c.arguments, string(f.text))
		case item:
			if err := c.item(string(f.text)); err != nil {
				return nil, err
			}
		case state:
			c.kept = f.text
		case begun:
			if c.user == "" || !c.hasReal || !c.hasService {
				return nil, errors.New("it names no user, service or uid")
			}
			return c, nil
		default:
			return nil, fmt.Errorf("a frame of kind %q", f.kind)
		}
	}
}

func (c *call) item(text string) (err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("an item without a name")
	}
	number := func() uint32 {
		var n uint64
		n, err = strconv.ParseUint(value, 10, 32)
		return uint32(n)
	}
	switch name {
	case "user":
		c.user = value
	case "service":
		c.service, c.hasService = value, value != ""
	case "rhost":
		c.rhost = value
	case "ruser":
		c.ruser = value
	case "tty":
		c.tty = value
	case "uid":
		c.realUID, c.hasReal = number(), true
	case "euid":
		c.effective = number()
	case "silent":
		c.silent = value != ""
	case "locale":
		c.locale = value
	}
	return err
}

// ask shows a prompt. ok is false where the person, or the program, gave no answer.
func (m *module) ask(prompt string, hidden bool) (text secret.Secret, ok bool, err error) {
	kind := byte(askShown)
	if hidden {
		kind = askHidden
	}
	return m.get(kind, prompt)
}

// token gives the password that an earlier module of the stack has asked for.
func (m *module) token() (password secret.Secret, ok bool, err error) { return m.get(askToken, "") }

func (m *module) get(kind byte, text string) (secret.Secret, bool, error) {
	if err := writeFrame(m.conn, kind, text); err != nil {
		return secret.Secret{}, false, err
	}
	f, err := m.next()
	if err != nil {
		return secret.Secret{}, false, err
	}
	given := secret.FromBytes(f.text)
	clear(f.text)
	return given, f.kind == typed, nil
}

// info and wrong say something; that it cannot be said is no reason to deny.
func (m *module) info(text string)  { m.tell(tellInfo, text) }
func (m *module) wrong(text string) { m.tell(tellError, text) }

func (m *module) tell(kind byte, text string) {
	if text != "" && !m.quiet {
		_ = writeFrame(m.conn, kind, text)
	}
}

// pass keeps a password for later modules of the stack.
func (m *module) pass(password secret.Secret) error {
	return writeFrame(m.conn, forward, password.Reveal())
}

// keep puts bytes away for the next call on the same PAM handle.
func (m *module) keep(b []byte) error { return writeFrame(m.conn, keep, string(b)) }

func (m *module) verdict(v verdict) error { return writeFrame(m.conn, judge, string(v)) }
