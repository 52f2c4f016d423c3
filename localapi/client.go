package localapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sys/unix"
)

// Error is what the daemon refused, or why it cannot be reached, in words for the person.
type Error struct {
	Problem
	Status int // of HTTP; 0: the daemon was not reached
	cause  error
}

func (e *Error) Error() string { return e.Text }

// Unwrap gives the error below, if any.
func (e *Error) Unwrap() error { return e.cause }

// Client calls a daemon over its socket. It is safe for concurrent use.
type Client struct {
	path string
	http *http.Client
}

// NewClient connects when it is used first.
func NewClient(path string) *Client {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	return &Client{path, &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		},
		ExpectContinueTimeout: 10 * time.Second,
		DisableCompression:    true,
	}}}
}

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// open sends a request and returns the reply if the daemon has taken it.
func (c *Client) open(ctx context.Context, method, path string, parameters url.Values, body io.Reader) (*http.Response, error) {
	target := url.URL{Scheme: "http", Host: "latchkeyd", Path: path, RawQuery: parameters.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, err
	}
	if path == importPath {
		req.Header.Set("Expect", "100-continue") // a refusal then comes before the rows are sent
	}
	resp, err := c.http.Do(req)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	refused := &Error{Status: resp.StatusCode}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil || json.Unmarshal(raw, &refused.Problem) != nil || refused.Text == "" {
		refused.Problem = Problem{fmt.Sprintf("what answers at %s is no latchkeyd (status %d)", c.path, resp.StatusCode), "--socket PATH"}
	}
	return nil, refused
}

// unreachable puts the reasons that admins meet into words.
func (c *Client) unreachable(err error) error {
	e := &Error{cause: err}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ENOTSOCK):
		e.Problem = Problem{"latchkeyd is not running, or its socket is elsewhere (--socket)",
			"nothing answers at " + c.path + "; systemctl status latchkeyd"}
	case errors.Is(err, fs.ErrPermission):
		e.Problem = Problem{"no permission to talk to latchkeyd at " + c.path,
			"you need to be root or in a group that socket.roles names"}
	default:
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		e.Problem = Problem{"the connection to latchkeyd at " + c.path + " failed: " + err.Error(), "systemctl status latchkeyd"}
	}
	return e
}

// get and post do one call; out may be nil.
func (c *Client) get(ctx context.Context, path string, parameters url.Values, out any) error {
	return c.finish(c.open(ctx, http.MethodGet, path, parameters, nil))(out)
}

func (c *Client) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.finish(c.open(ctx, http.MethodPost, path, nil, bytes.NewReader(body)))(out)
}

func (c *Client) finish(resp *http.Response, err error) func(out any) error {
	return func(out any) error {
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if out == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		}
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			return c.cutOff(err)
		}
		return nil
	}
}

func (c *Client) cutOff(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &Error{Problem: Problem{"the reply of latchkeyd was cut off", "was it stopped? systemctl status latchkeyd"}, cause: err}
}

// stream calls fn for each line of the reply until it returns false or the reply ends as it should.
func (c *Client) stream(resp *http.Response, fn func(event) bool) error {
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewReader(resp.Body)
	for {
		raw, err := lines.ReadBytes('\n')
		if err != nil {
			return c.cutOff(err)
		}
		var e event
		if err := json.Unmarshal(raw, &e); err != nil {
			return c.cutOff(err)
		}
		switch {
		case e.Problem != nil:
			return &Error{Problem: *e.Problem, Status: resp.StatusCode}
		case e.End:
			return nil
		case !fn(e):
			return nil
		}
	}
}
