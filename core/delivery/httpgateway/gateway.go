// Package httpgateway brings short messages to an SMS gateway over HTTP: a request made of templates, and what its
// answer means. Kannel, whose answers are known word for word, has a constructor of its own in kannel.go.
//
// It must never know why a message is sent. No error and no log holds the text, the number in full, the URL or what
// the gateway answered: all of these may repeat the message.
package httpgateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
	"github.com/latchkey/latchkey/core/delivery/dial"
)

// Config describes a gateway. URL is needed; the rest has defaults.
type Config struct {
	Method  string            // POST, or GET where there is no body
	URL     string            // a template, see delivery.ParseURL
	Headers map[string]string // templates
	Body    string            // a template, escaped for the Content-Type of Headers
	From    string            // {from}
	Number  delivery.NumberForm
	User    string        // {user}
	Secret  core.Secret   // {secret}
	Auth    Auth          // how User and Secret go along, if not by a template
	Success []int         // statuses that say "taken over"; empty: all from 200 to 299
	Answer  string        // a pattern that the answer's body must have, too; empty: none
	Busy    string        // a pattern of answers that ask to come later, whatever the status; empty: none
	Timeout time.Duration // of one try; 0: 15s
	CA      []byte        // PEM, instead of the system's authorities
	Now     func() time.Time
}

// Auth is how a gateway is told who asks.
type Auth string

// The ways.
const (
	AuthNone   Auth = ""
	AuthBasic  Auth = "basic"
	AuthBearer Auth = "bearer"
)

// Gateway is a core.Carrier.
type Gateway struct {
	method  string
	url     delivery.Template
	headers map[string]delivery.Template
	body    *delivery.Template
	config  Config
	answer  *regexp.Regexp
	busy    *regexp.Regexp
	client  *http.Client
	// prepare fits values to a gateway that is known; nil: they stay as they are.
	prepare func(*delivery.Values)
	wide    *delivery.Template // the URL for texts outside of the alphabet of short messages; nil: the same
	judge   func(status int, body []byte) (*core.CarrierError, bool)
}

// New makes a gateway, or says what is wrong with its configuration. It does no I/O.
func New(cfg Config) (*Gateway, error) {
	g := &Gateway{config: cfg, headers: map[string]delivery.Template{}, method: cfg.Method}
	var err error
	if g.url, _, err = delivery.ParseURL(cfg.URL); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	for name, value := range cfg.Headers {
		if err := delivery.CheckHeader(name); err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		if g.headers[http.CanonicalHeaderKey(name)], err = delivery.ParseTemplate(value, delivery.ContextHeader); err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
	}
	if cfg.Body != "" {
		context, ok := delivery.BodyContext(cfg.contentType())
		if !ok {
			return nil, errors.New("body: its Content-Type is not known: application/json, application/x-www-form-urlencoded, application/xml, text/xml or text/plain")
		}
		body, err := delivery.ParseTemplate(cfg.Body, context)
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		g.body = &body
	}
	if g.method == "" {
		g.method = http.MethodPost
		if g.body == nil {
			g.method = http.MethodGet
		}
	}
	for _, p := range []struct {
		text string
		to   **regexp.Regexp
	}{{cfg.Answer, &g.answer}, {cfg.Busy, &g.busy}} {
		if p.text == "" {
			continue
		}
		if *p.to, err = regexp.Compile(p.text); err != nil {
			return nil, errors.New("answer: is no pattern")
		}
	}
	if g.config.Timeout <= 0 {
		g.config.Timeout = 15 * time.Second
	}
	if g.config.Now == nil {
		g.config.Now = time.Now
	}
	secure, err := dial.TLS(cfg.CA, "")
	if err != nil {
		return nil, err
	}
	g.client = newClient(secure)
	return g, nil
}

func (c Config) contentType() string {
	for name, value := range c.Headers {
		if strings.EqualFold(name, "Content-Type") {
			return value
		}
	}
	return ""
}

// newClient makes a client that follows no redirect, goes through no proxy of the environment, and sends each request
// at most once. Connections are not kept: on one that is used again, net/http repeats a request by itself when the
// other side hangs up, and takes an Idempotency-Key for leave to do so with a POST; few gateways know that header.
func newClient(secure *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: secure, DisableKeepAlives: true, TLSHandshakeTimeout: 10 * time.Second,
			MaxResponseHeaderBytes: 16 << 10, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Address implements core.Carrier.
func (g *Gateway) Address() core.AddressKind { return core.AddressPhone }

// Close gives up nothing: tries under way end by their own contexts.
func (g *Gateway) Close() { g.client.CloseIdleConnections() }

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// Send implements core.Carrier.
func (g *Gateway) Send(ctx context.Context, m core.Message) error {
	ctx, cancel := context.WithTimeout(ctx, g.config.Timeout)
	defer cancel()
	// Once the head of the request is on its way, the gateway may have taken the message over, whatever happens then.
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }})
	r, unfit := g.request(ctx, m)
	if unfit != nil {
		return unfit
	}
	answer, err := g.client.Do(r)
	if err != nil {
		fault := core.CarrierDown
		if written.Load() {
			fault = core.CarrierUnknown
		}
		return delivery.Fault(fault, "the gateway: %s", dial.Words(err))
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	delivery.Answer(ctx, fmt.Sprintf("%d %s: %s", answer.StatusCode, http.StatusText(answer.StatusCode), body))
	if err != nil && (g.answer != nil || g.busy != nil || g.judge != nil) && answer.StatusCode < 300 {
		return delivery.Fault(core.CarrierUnknown, "the gateway: status %d, and the rest of its answer was lost: %s", answer.StatusCode, dial.Words(err))
	}
	if fault := g.read(answer, body); fault != nil {
		return fault
	}
	return nil
}

// request fills the templates. What does not fit is this message's own fault.
func (g *Gateway) request(ctx context.Context, m core.Message) (*http.Request, *core.CarrierError) {
	number, ok := delivery.Number(m.To.Reveal(), g.config.Number)
	if !ok {
		return nil, delivery.Fault(core.CarrierRefused, "the number is not in the form +491711234567")
	}
	v := delivery.Values{To: number, From: g.config.From, Text: m.Text.Reveal(), ID: m.ID, User: g.config.User, Secret: g.config.Secret.Reveal()}
	if g.prepare != nil {
		g.prepare(&v)
	}
	place := g.url
	if g.wide != nil && !delivery.IsGSM7(v.Text) {
		place = *g.wide
	}
	target, err := place.Fill(v)
	if err != nil {
		return nil, delivery.Fault(core.CarrierRefused, "url: %v", err)
	}
	var body io.Reader
	if g.body != nil {
		filled, err := g.body.Fill(v)
		if err != nil {
			return nil, delivery.Fault(core.CarrierRefused, "body: %v", err)
		}
		body = bytes.NewReader([]byte(filled))
	}
	r, err := http.NewRequestWithContext(ctx, g.method, target, body)
	if err != nil {
		// The text of the error holds the URL.
		return nil, delivery.Fault(core.CarrierRefused, "the values make no request")
	}
	r.Header.Set("User-Agent", "Latchkey")
	if m.ID != "" && httpguts.ValidHeaderFieldValue(m.ID) {
		r.Header.Set("Idempotency-Key", m.ID)
	}
	for _, name := range slices.Sorted(maps.Keys(g.headers)) {
		value, err := g.headers[name].Fill(v)
		if err != nil || !httpguts.ValidHeaderFieldValue(value) {
			return nil, delivery.Fault(core.CarrierRefused, "header %s: a value holds a line break or another control character", name)
		}
		r.Header.Set(name, value)
	}
	switch g.config.Auth {
	case AuthBasic:
		r.SetBasicAuth(g.config.User, g.config.Secret.Reveal())
	case AuthBearer:
		r.Header.Set("Authorization", "Bearer "+g.config.Secret.Reveal())
	}
	return r, nil
}

// read says what an answer means; nil: the message was taken over.
func (g *Gateway) read(answer *http.Response, body []byte) *core.CarrierError {
	status := answer.StatusCode
	after := retryAfter(answer.Header.Get("Retry-After"), g.config.Now())
	if g.judge != nil {
		if fault, known := g.judge(status, body); known {
			if fault != nil && fault.Fault == core.CarrierBusy {
				fault.After = min(max(fault.After, after), time.Hour)
			}
			return fault
		}
	}
	if g.busy != nil && g.busy.Match(body) {
		return delivery.Busy(after, "status %d, and its answer asks to come later", status)
	}
	if g.taken(status) {
		if g.answer != nil && !g.answer.Match(body) {
			return delivery.Fault(core.CarrierRefused, "status %d, but its answer is not the one of success", status)
		}
		return nil
	}
	return Judge(status, after)
}

func (g *Gateway) taken(status int) bool {
	if len(g.config.Success) > 0 {
		return slices.Contains(g.config.Success, status)
	}
	return status >= 200 && status < 300
}

// Judge says what a status other than success means (RFC 9110 section 15).
func Judge(status int, after time.Duration) *core.CarrierError {
	text := "status " + strconv.Itoa(status)
	if words := http.StatusText(status); words != "" {
		text += " " + words
	}
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && after > 0:
		return delivery.Busy(after, "%s", text)
	case status >= 300 && status < 400:
		return delivery.Fault(core.CarrierDown, "%s: a redirect, which is not followed", text)
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		return delivery.Fault(core.CarrierDown, "%s: are user and secret right?", text)
	case status == http.StatusPaymentRequired:
		return delivery.Fault(core.CarrierDown, "%s: is the account out of credit?", text)
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusGone:
		return delivery.Fault(core.CarrierDown, "%s: are url and method right?", text)
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return delivery.Fault(core.CarrierDown, "%s", text)
	case status == http.StatusConflict, status == http.StatusGatewayTimeout:
		// A conflict with an earlier try of the same id; or a proxy that lost sight of the request.
		return delivery.Fault(core.CarrierUnknown, "%s: it may have been taken over", text)
	case status >= 400 && status < 500:
		return delivery.Fault(core.CarrierRefused, "%s", text)
	case status >= 500:
		return delivery.Fault(core.CarrierDown, "%s", text)
	}
	return delivery.Fault(core.CarrierRefused, "%s is not one of success", text)
}

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// Host is where a gateway is, for a log.
func Host(target string) string {
	if u, err := url.Parse(target); err == nil {
		return u.Host
	}
	return ""
}
