// Package smpp brings short messages to a message centre over SMPP 3.4: one connection, bound as transceiver, kept
// alive and made again when it breaks.
//
// Of the library only the codec is used (its packages pdu and data). Its sessions are not: they keep a request only
// after it was written, so that a quick response finds nothing, try again at one fixed pause, wait for a bind's response without
// end, and end at a command that they do not know. A login needs to know for certain which messages were taken over.
//
// It must never know why a message is sent. No log and no error holds a text or the whole of a number.
//
// smpp.go is the carrier; bind.go keeps a session up; session.go is one connection; submit.go makes of a message what
// goes over it; status.go says what a response means; receipt.go reads what comes back about a message later.
package smpp

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
	"github.com/latchkey/latchkey/core/delivery/dial"
)

// Config describes a message centre. Address, SystemID and Source are needed; the rest has defaults.
type Config struct {
	Address    string // host:port
	TLS        bool
	CA         []byte // PEM, instead of the system's authorities
	SystemID   string
	Password   core.Secret
	SystemType string
	Source     string // a number, a short code or a name
	SourceTON  int    // -1: as Source asks for
	SourceNPI  int
	DestTON    int
	DestNPI    int
	Plus       bool          // numbers go with their +
	UCS2Only   bool          // every text goes in UCS-2
	Receipts   bool          // asked for
	Window     int           // submits under way at once; 0: 10
	MaxParts   int           // of a longer text; 0: 3
	Enquire    time.Duration // between two looks whether the connection lives; 0: 30s
	Timeout    time.Duration // of a response; 0: 10s
	Now        func() time.Time
	Log        *slog.Logger
}

// Centre is a core.Carrier.
type Centre struct {
	config Config
	secure *tls.Config // nil: in the clear
	source address
	window chan struct{}
	track  tracker

	stop   context.CancelFunc
	ctx    context.Context
	ended  chan struct{} // closed when nothing runs any more
	sends  sync.WaitGroup
	closes sync.Once

	mu      sync.Mutex
	session *session      // nil: not bound
	failure string        // why not, in words
	pausing bool          // the next bind is tried later
	closed  bool          // no more messages
	changed chan struct{} // closed when one of these changes
	noUntil bool          // the centre refuses validity periods
}

// New makes a Centre and begins to bind, or says what is wrong with the configuration.
func New(cfg Config) (*Centre, error) {
	set := func(n *int, to int) {
		if *n <= 0 {
			*n = to
		}
	}
	set(&cfg.Window, 10)
	set(&cfg.MaxParts, 3)
	if cfg.Enquire <= 0 {
		cfg.Enquire = 30 * time.Second
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Centre{config: cfg, window: make(chan struct{}, cfg.Window), ended: make(chan struct{}), changed: make(chan struct{}), failure: "it was not tried yet"}
	host, _, err := net.SplitHostPort(cfg.Address)
	if err != nil || host == "" {
		return nil, errors.New("address: is no host:port")
	}
	if c.source, err = sourceOf(cfg); err != nil {
		return nil, err
	}
	if cfg.TLS {
		if c.secure, err = dial.TLS(cfg.CA, host); err != nil {
			return nil, err
		}
	}
	c.track.log = cfg.Log
	c.ctx, c.stop = context.WithCancel(context.Background())
	go func() {
		defer close(c.ended)
		c.keepBound()
	}()
	return c, nil
}

// Address implements core.Carrier.
func (c *Centre) Address() core.AddressKind { return core.AddressPhone }

// AtOnce implements core.AtOnce.
func (c *Centre) AtOnce() int { return c.config.Window }

// State implements delivery.Stated.
func (c *Centre) State() delivery.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		return delivery.State{Up: true, Detail: "bound"}
	}
	return delivery.State{Detail: "not bound: " + c.failure}
}

// Send implements core.Carrier. It returns nil when the centre has answered every part with success.
func (c *Centre) Send(ctx context.Context, m core.Message) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return delivery.Fault(core.CarrierDown, "the carrier is being closed")
	}
	c.sends.Add(1)
	c.mu.Unlock()
	defer c.sends.Done()

	parts, unfit := c.parts(m)
	if unfit != nil {
		return unfit
	}
	for i, p := range parts {
		if fault := c.sendPart(ctx, m, p, i > 0); fault != nil {
			return fault
		}
	}
	return nil
}

// Pauses and tries of the later parts of a message: given up, the first ones would be of no use.
const (
	partPause = time.Second
	partTries = 5
)

func (c *Centre) sendPart(ctx context.Context, m core.Message, p part, later bool) *core.CarrierError {
	for try := 1; ; try++ {
		fault := c.submit(ctx, m, p)
		if fault == nil || fault.Fault != core.CarrierBusy || !later || try >= partTries {
			return fault
		}
		select {
		case <-ctx.Done():
			return fault
		case <-c.ctx.Done():
			return fault
		case <-time.After(max(fault.After, partPause)):
		}
	}
}

// submit sends one part and waits for its response.
func (c *Centre) submit(ctx context.Context, m core.Message, p part) *core.CarrierError {
	select {
	case c.window <- struct{}{}:
		defer func() { <-c.window }()
	case <-ctx.Done():
		return delivery.Fault(core.CarrierDown, "too many messages wait for the centre's responses")
	}
	s, failure := c.bound(ctx)
	if s == nil {
		return delivery.Fault(core.CarrierDown, "not bound to the centre: %s", failure)
	}
	limit, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	c.mu.Lock()
	bare := c.noUntil
	c.mu.Unlock()
	response, fault := s.submit(limit, c.pdu(m, p, bare), c.track.begin(p.message))
	if fault != nil {
		return fault
	}
	if response.status == statusInvalidExpiry && !bare && !m.Until.IsZero() {
		c.mu.Lock()
		c.noUntil = true
		c.mu.Unlock()
		c.config.Log.Warn("the message centre takes no validity period: messages go without one from now on")
		return c.again(limit, s, m, p)
	}
	return c.read(ctx, response)
}

func (c *Centre) again(ctx context.Context, s *session, m core.Message, p part) *core.CarrierError {
	response, fault := s.submit(ctx, c.pdu(m, p, true), c.track.begin(p.message))
	if fault != nil {
		return fault
	}
	return c.read(ctx, response)
}

func (c *Centre) read(ctx context.Context, r response) *core.CarrierError {
	words := "SMPP status " + statusWords(r.status)
	if r.id != "" {
		words += ", message id " + r.id
	}
	delivery.Answer(ctx, words)
	return judge(r.status)
}

// bound gives the session, waiting for a bind that is under way; nil: there is none, and why.
func (c *Centre) bound(ctx context.Context) (*session, string) {
	for {
		c.mu.Lock()
		s, failure, pausing, changed := c.session, c.failure, c.pausing, c.changed
		c.mu.Unlock()
		switch {
		case s != nil:
			return s, ""
		case pausing:
			return nil, failure
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, failure
		case <-c.ctx.Done():
			return nil, "the carrier is being closed"
		}
	}
}

// closeTime bounds how long Close waits for responses.
const closeTime = 5 * time.Second

// Close takes no more messages, lets those under way end within reason, and unbinds.
func (c *Centre) Close() {
	c.closes.Do(func() {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		idle := make(chan struct{})
		go func() {
			defer close(idle)
			c.sends.Wait()
		}()
		select {
		case <-idle:
		case <-time.After(closeTime):
		}
		c.stop()
		<-c.ended
	})
	<-c.ended
}
