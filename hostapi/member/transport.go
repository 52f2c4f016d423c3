package member

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/hostapi"
)

// Transport carries calls of a host. It is safe for concurrent use.
type Transport struct {
	config Config

	mu       sync.Mutex
	identity *tls.Certificate
}

// NewTransport takes the credential from the directory.
func NewTransport(c Config) (*Transport, error) {
	identity, err := Identity(c.Dir)
	if err != nil {
		return nil, err
	}
	return &Transport{config: c, identity: identity}, nil
}

// Client makes the calls of hostapi.
func (t *Transport) Client() *hostapi.Client { return hostapi.NewClient(apiBase, t) }

// apiBase stands for whichever node answers.
const apiBase = "https://appliance.invalid/api"

// Lost says that a call was sent and that its reply did not come: what it asked for may have happened.
type Lost struct{ Err error }

func (e *Lost) Error() string { return "the appliance's reply was lost: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *Lost) Unwrap() error { return e.Err }

// RoundTrip sends a call to the first node that can be reached. A certificate that was replaced by another process of this
// host is read again, one that has ended is renewed, and the call is made once more: it was refused before anything
// was done.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.mu.Lock()
	identity := t.identity
	t.mu.Unlock()
	resp, err := t.send(r, identity)
	if err != nil {
		return nil, err
	}
	next, err := t.another(r.Context(), resp, identity)
	if err != nil || next == nil {
		return resp, nil //nolint:nilerr // the refusal itself says more than why it could not be mended
	}
	_ = resp.Body.Close()
	t.mu.Lock()
	t.identity = next
	t.mu.Unlock()
	return t.send(r, next)
}

// another gives another credential where the refusal of a call asks for one.
func (t *Transport) another(ctx context.Context, resp *http.Response, had *tls.Certificate) (*tls.Certificate, error) {
	if resp.StatusCode != http.StatusUnauthorized {
		return nil, nil
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, hostapi.MaxBody))
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(raw))
	var said hostapi.Problem
	if err != nil || json.Unmarshal(raw, &said) != nil {
		return nil, err
	}
	switch said.Code {
	case fleet.CodeOldCredential:
		next, err := Identity(t.config.Dir)
		if err != nil || next.Leaf.Equal(had.Leaf) {
			return nil, err
		}
		return next, nil
	case fleet.CodeEndedHost:
		return t.config.renew(ctx, had, true)
	}
	return nil, nil
}

// send tries the nodes in their order. A node that was sent something is the last one.
func (t *Transport) send(r *http.Request, identity *tls.Certificate) (*http.Response, error) {
	var first error
	for _, base := range t.config.URLs {
		resp, err := t.config.sendTo(r, base, identity)
		var unreached *hostapi.NotReached
		if err == nil || !errors.As(err, &unreached) {
			return resp, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// sendTo sends a call to one node, on a connection of its own: a helper makes few, with a person's time between them.
func (c Config) sendTo(r *http.Request, base string, identity *tls.Certificate) (*http.Response, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	sent := r.Clone(r.Context())
	sent.URL.Scheme, sent.URL.Host, sent.Host = u.Scheme, u.Host, u.Host
	sent.Close = true
	if r.GetBody != nil {
		if sent.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
	}
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "443")
	}
	one := &http.Transport{ // no Proxy: none of the environment's
		DialTLSContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx, address, identity) },
		DisableCompression: true, DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10,
	}
	resp, err := one.RoundTrip(sent)
	if err == nil {
		return resp, nil
	}
	var unreached *hostapi.NotReached
	var no *hostapi.Refused
	var alert *net.OpError
	switch {
	case errors.As(err, &unreached), errors.As(err, &no):
		return nil, err
	case errors.As(err, &alert) && alert.Op == "remote error":
		// Under TLS 1.3 a client hears only now that its certificate is not taken (RFC 8446 section 4.4.2).
		return nil, refused("the appliance does not take this host's certificate ("+alert.Err.Error()+")", "latchkey host enroll, with a new invitation")
	}
	return nil, &Lost{err}
}

// path of a call under a node's address.
func join(base, path string) string { return strings.TrimSuffix(base, "/") + path }
