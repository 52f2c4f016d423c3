// Package wire has the frames that latchkeyd and latchkey-pamcheck exchange, and who is at the other end of their socket.
//
// It must never know core: latchkey-pamcheck starts a worker in few milliseconds, and what it links is part of that.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unsafe"
)

// One connection carries one question and one answer, each in a frame: its length in four bytes (big endian), the
// version, then fields. Lengths are checked against what is there before anything is looked at.

// MaxFrame bounds a frame without its length.
const MaxFrame = 2048

// MaxPassword is PAM_MAX_RESP_SIZE less its closing NUL.
const MaxPassword = 511

const version = "LKP1"

const (
	flagUnknown = 1 << iota
	flagRetire
	flagOpen
)

// Kind of a Request.
type Kind uint8

// The kinds. A decoy asks for nothing but the time that a check would take.
const (
	KindCheck Kind = 1
	KindDecoy Kind = 2
)

// Request is what latchkeyd asks.
type Request struct {
	Kind     Kind
	Within   time.Duration // the asker gives up then
	ID       string        // of the request, for logs
	Service  string        // the PAM service
	Name     string
	Remote   string // PAM_RHOST, or empty
	Password string // of Decode: in the memory of the frame, and gone when that is cleared
}

// Outcome of a check.
type Outcome uint8

// The outcomes. Everything but these, and Unavailable, is not known.
const (
	Wrong       Outcome = 1
	Right       Outcome = 2
	Refused     Outcome = 3 // right, but the account may not log in
	Stale       Outcome = 4 // right, but expired
	Unavailable Outcome = 5
)

// Response is what latchkey-pamcheck answers.
type Response struct {
	Outcome Outcome
	Took    time.Duration // of pam_authenticate alone; 0 where it was not called
	// Unknown: the stack said that it has no such account. It is as good as Wrong.
	Unknown bool
	Open    bool   // the stack let the account in without asking for a password: Unavailable
	Retire  bool   // by a worker: something was left open, put another in its place
	Detail  string // for logs: what PAM said, without secrets
}

// ErrFrame: these bytes are no frame of this protocol.
var ErrFrame = errors.New("damaged frame")

// ServicePrefix begins the name of every PAM service that may be asked for. Whoever takes over the daemon cannot then
// run the stacks of other programs as root.
const ServicePrefix = "latchkey"

// IsService tells whether name may be a PAM service for checks: a file's name, not a path.
func IsService(name string) bool {
	return strings.HasPrefix(name, ServicePrefix) && len(name) <= 64 &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

// Append adds the frame of r to b.
func (r *Request) Append(b []byte) ([]byte, error) {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = append(b, version...)
	b = append(b, byte(r.Kind))
	b = binary.BigEndian.AppendUint32(b, uint32(min(max(r.Within.Milliseconds(), 0), 1<<31)))
	for _, field := range []string{r.ID, r.Service, r.Name, r.Remote, r.Password} {
		b = appendText(b, field)
	}
	return closeFrame(b, start)
}

// DecodeRequest reads a frame without its length. The Password lies in frame.
func DecodeRequest(frame []byte) (r Request, err error) {
	rest, ok := cutVersion(frame)
	if !ok || len(rest) < 5 {
		return r, ErrFrame
	}
	r.Kind = Kind(rest[0])
	r.Within = time.Duration(binary.BigEndian.Uint32(rest[1:])) * time.Millisecond
	rest = rest[5:]
	for _, field := range []*string{&r.ID, &r.Service, &r.Name, &r.Remote} {
		var text []byte
		if text, rest, ok = cutText(rest); !ok {
			return Request{}, ErrFrame
		}
		*field = string(text)
	}
	password, rest, ok := cutText(rest)
	if !ok || len(rest) != 0 || r.Kind != KindCheck && r.Kind != KindDecoy || len(password) > MaxPassword {
		return Request{}, ErrFrame
	}
	r.Password = unsafe.String(unsafe.SliceData(password), len(password))
	for _, field := range []string{r.ID, r.Service, r.Name, r.Remote, r.Password} {
		if strings.ContainsRune(field, 0) {
			return Request{}, ErrFrame // it would end early on the other side of C
		}
	}
	if r.Kind == KindCheck && (r.Name == "" || r.Password == "") {
		return Request{}, ErrFrame
	}
	return r, nil
}

// Append adds the frame of r to b.
func (r *Response) Append(b []byte) ([]byte, error) {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = append(b, version...)
	var flags byte
	if r.Unknown {
		flags |= flagUnknown
	}
	if r.Retire {
		flags |= flagRetire
	}
	if r.Open {
		flags |= flagOpen
	}
	b = append(b, byte(r.Outcome), flags)
	b = binary.BigEndian.AppendUint64(b, uint64(max(r.Took, 0)))
	b = appendText(b, r.Detail[:min(len(r.Detail), 1024)])
	return closeFrame(b, start)
}

// DecodeResponse reads a frame without its length.
func DecodeResponse(frame []byte) (r Response, err error) {
	rest, ok := cutVersion(frame)
	if !ok || len(rest) < 10 || rest[1] > flagUnknown|flagRetire|flagOpen {
		return r, ErrFrame
	}
	r.Outcome = Outcome(rest[0])
	r.Unknown, r.Retire, r.Open = rest[1]&flagUnknown != 0, rest[1]&flagRetire != 0, rest[1]&flagOpen != 0
	r.Took = time.Duration(binary.BigEndian.Uint64(rest[2:]))
	detail, rest, ok := cutText(rest[10:])
	if !ok || len(rest) != 0 || r.Outcome < Wrong || r.Outcome > Unavailable || r.Took < 0 {
		return Response{}, ErrFrame
	}
	r.Detail = string(detail)
	return r, nil
}

// ReadFrame reads one frame into buf, which must have room for MaxFrame bytes, and gives it without its length.
func ReadFrame(from io.Reader, buf []byte) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > MaxFrame || int(n) > len(buf) {
		return nil, fmt.Errorf("%w: %d bytes", ErrFrame, n)
	}
	if _, err := io.ReadFull(from, buf[:n]); err != nil {
		return nil, err
	}
	return buf[:n], nil
}

func closeFrame(b []byte, start int) ([]byte, error) {
	n := len(b) - start - 4
	if n > MaxFrame {
		return b[:start], fmt.Errorf("%w: %d bytes", ErrFrame, n)
	}
	binary.BigEndian.PutUint32(b[start:], uint32(n))
	return b, nil
}

func appendText(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(min(len(text), 1<<16-1))), text...)
}

func cutText(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b)-2 < n {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}

func cutVersion(b []byte) (rest []byte, ok bool) {
	if len(b) < len(version) || string(b[:len(version)]) != version {
		return nil, false
	}
	return b[len(version):], true
}
