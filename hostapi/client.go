package hostapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// ErrSilence: the appliance was reached, or may have been, and there is no step: it is overloaded, or it ended
// in the middle. Asking again is right. It never means "unreachable", nor that the user was wrong.
var ErrSilence = errors.New("the appliance gives no answer")

// NotReached wraps what kept a connection from being made at all. It alone may open a `failmode=safe`,
// and of its causes only those that a transport says are safe.
type NotReached struct{ Err error }

func (e *NotReached) Error() string { return "the appliance is not reached: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *NotReached) Unwrap() error { return e.Err }

// Refused is a call that the appliance does not take from this caller, or in this form.
type Refused struct {
	Status int // of HTTP: 4xx
	Problem
}

func (e *Refused) Error() string {
	if e.Hint != "" {
		return e.Text + " (" + e.Hint + ")"
	}
	return e.Text
}

// Client makes the two calls. It is safe for concurrent use.
type Client struct {
	base string
	http http.RoundTripper
}

// NewClient calls the appliance at base (https://HOST:PORT) through http. So that a caller can tell "not reached"
// from silence, whatever dials in there wraps its errors by Dialing.
func NewClient(base string, http http.RoundTripper) *Client { return &Client{base, http} }

// OverConn calls through connections that dial makes, such as those to a Unix socket.
func OverConn(dial func(context.Context) (net.Conn, error)) *Client {
	return NewClient("http://latchkeyd", &http.Transport{
		DialContext:        Dialing(func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }),
		DisableCompression: true,
		MaxIdleConns:       1,
	})
}

// Dialing marks the errors of a dialer as NotReached, except those by which ctx ended it.
func Dialing(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		var refused *Refused
		if err != nil && ctx.Err() == nil && !errors.As(err, &refused) {
			err = &NotReached{err}
		}
		return conn, err
	}
}

// Begin asks for a login. Its error is a *NotReached, a *Refused, or wraps ErrSilence.
func (c *Client) Begin(ctx context.Context, in Begin) (Step, error) {
	in.Version = Version
	return c.call(ctx, PathBegin, in)
}

// Answer brings a reply. Its errors are those of Begin.
func (c *Client) Answer(ctx context.Context, in Answer) (Step, error) {
	in.Version = Version
	return c.call(ctx, PathAnswer, in)
}

func (c *Client) call(ctx context.Context, path string, in any) (Step, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return Step{}, fmt.Errorf("%w: the call does not encode", ErrSilence)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return Step{}, fmt.Errorf("%w: %w", ErrSilence, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", fmt.Sprintf("latchkey-pam/%d", Version))
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		var unreached *NotReached
		var refused *Refused
		if errors.As(err, &unreached) || errors.As(err, &refused) {
			return Step{}, err
		}
		return Step{}, fmt.Errorf("%w: %w", ErrSilence, err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	if err != nil || len(raw) > MaxBody {
		return Step{}, fmt.Errorf("%w: its reply was cut off", ErrSilence)
	}
	if resp.StatusCode >= 400 && resp.StatusCode < 500 {
		refused := &Refused{Status: resp.StatusCode}
		var document struct {
			Title  string `json:"title"` // over HTTPS a refusal is a problem document (RFC 9457)
			Detail string `json:"detail"`
		}
		if json.Unmarshal(raw, &refused.Problem) == nil && refused.Text == "" && json.Unmarshal(raw, &document) == nil {
			if refused.Text = document.Detail; refused.Text == "" {
				refused.Text = document.Title
			}
		}
		if refused.Text == "" {
			refused.Problem = Problem{Text: fmt.Sprintf("what answers there is no latchkeyd that serves hosts (status %d)", resp.StatusCode)}
		}
		return Step{}, refused
	}
	if resp.StatusCode != http.StatusOK {
		return Step{}, fmt.Errorf("%w: status %d", ErrSilence, resp.StatusCode)
	}
	var step Step
	if err := json.Unmarshal(raw, &step); err != nil {
		return Step{}, fmt.Errorf("%w: its reply is no step", ErrSilence)
	}
	return step, nil
}
