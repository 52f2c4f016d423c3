// Package doorbell rings phones whose app is not open, by Web Push (RFC 8030): it tells the browser's push service, in a
// message that only the phone can read (RFC 8291), that there is something to look at. Which appliance asks is signed
// (RFC 8292), so that a stolen subscription is of no use to anybody else.
//
// It is an adapter: it does I/O, and only mains import it. It must never know users, devices or what waits for them; it
// carries no content but that somebody rang. Where it rings was said by a phone, so every address is judged twice: the
// name when the subscription is taken, the addresses behind the name whenever a connection is made. An endpoint is as
// good as a password: no log line and no error holds more of it than its host.
package doorbell

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

// Config is what a Bell is made of. Keys and Contact are needed; the rest has defaults.
type Config struct {
	Keys    *Keys  // what the appliance signs with
	Contact string // whom a push service writes to when it has a complaint: "mailto:…" or "https://…"
	// Allow lists the hosts of push services: "push.example.org", or "*.example.org" for all names below it, each with a
	// port ("push.example.org:8443") where it is not 443. Nil: those of the browsers' makers, see Vendors.
	Allow []string
	// Networks are addresses that may be rung although they are not public: a push service in the house.
	Networks []netip.Prefix
	Roots    *x509.CertPool // who vouches for push services; nil: the system's authorities
	Log      *slog.Logger   // nil: nothing is logged
	Now      func() time.Time
	Limits   Limits
}

// Limits bound what ringing may cost. Zero values mean the defaults in brackets.
type Limits struct {
	Waiting   int           // rings under way at once, retries included [1024]; further ones are dropped
	Together  int           // connections' work at once for one entry of Allow [16]: a slow service holds up only itself
	PerMinute int           // rings of one subscription in a minute [6]
	Attempts  int           // tries of one ring [4]
	Life      time.Duration // how long a ring is of use to anybody: a pending's life [60s]
	Try       time.Duration // how long one try may take [10s]
}

func (l Limits) orDefaults() Limits {
	set := func(n *int, to int) {
		if *n <= 0 {
			*n = to
		}
	}
	set(&l.Waiting, 1024)
	set(&l.Together, 16)
	set(&l.PerMinute, 6)
	set(&l.Attempts, 4)
	if l.Life <= 0 {
		l.Life = time.Minute
	}
	if l.Try <= 0 {
		l.Try = 10 * time.Second
	}
	return l
}

// ErrConfig: the Bell cannot be made as asked; the text says what is wrong with which value.
var ErrConfig = errors.New("doorbell: configuration")

// Bell rings. It is safe for concurrent use. Close ends it.
type Bell struct {
	allow  []service
	vapid  *vapid
	client *http.Client
	log    *slog.Logger
	now    func() time.Time
	limits Limits

	ctx    context.Context
	cancel context.CancelFunc
	rings  sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	waiting int
	// counts says how often each subscription was rung since the minute began. It is bounded by what a minute can
	// bring: a ring follows a right first factor.
	counts map[[32]byte]int
	minute time.Time
	warned bool // that rings were dropped in this minute
}

// New makes a Bell, or says with ErrConfig what is wrong. It does no I/O.
func New(cfg Config) (*Bell, error) {
	dialer := &net.Dialer{Timeout: dialTimeout, Control: onlyTo(cfg.Networks)}
	return newBell(cfg, dialer.DialContext)
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

func newBell(cfg Config, dial dialFunc) (*Bell, error) {
	if cfg.Keys == nil {
		return nil, fmt.Errorf("%w: no VAPID keys", ErrConfig)
	}
	if err := checkContact(cfg.Contact); err != nil {
		return nil, err
	}
	if cfg.Allow == nil {
		cfg.Allow = Vendors()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	b := &Bell{
		vapid:  &vapid{keys: cfg.Keys, contact: cfg.Contact, now: cfg.Now, tokens: map[string]token{}},
		client: newClient(dial, cfg.Roots),
		log:    cfg.Log, now: cfg.Now, limits: cfg.Limits.orDefaults(),
		counts: map[[32]byte]int{},
	}
	for _, entry := range cfg.Allow {
		s, err := parseService(entry, b.limits.Together)
		if err != nil {
			return nil, err
		}
		b.allow = append(b.allow, s)
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b, nil
}

// Vet judges a subscription (the browser's PushSubscription as JSON) before it is kept. It does no I/O. Its errors are
// ErrSubscription, ErrEndpoint, ErrNotListed, ErrKeys and ErrExpired; none holds more of the endpoint than its host.
func (b *Bell) Vet(raw []byte) error {
	s, err := b.parse(raw)
	if err != nil {
		return err
	}
	if s.expired(b.now()) {
		return ErrExpired
	}
	return nil
}

// Ring rings once, in the background; it never blocks. gone is called, at most once and from another goroutine, when
// the subscription has ended and is to be forgotten. What cannot be rung is logged: everything works without a bell.
func (b *Bell) Ring(subscription secret.Secret, gone func()) {
	s, err := b.parse([]byte(subscription.Reveal()))
	if err != nil {
		// Kept under another list of hosts, perhaps; the administrator may put the host back, so it is not forgotten.
		b.log.Warn("a phone cannot be rung", "error", err)
		return
	}
	switch b.admit(s.id()) {
	case tooMany:
		b.log.Debug("a phone was rung often enough this minute", "host", s.host)
	case full:
		b.log.Warn("rings are dropped: too many wait for their push services", "waiting", b.limits.Waiting, "host", s.host)
	case admitted:
		go func() {
			defer b.leave()
			b.deliver(s, gone)
		}()
	}
}

// Close gives up what is under way and waits until nothing of it runs any more, calls of gone included.
func (b *Bell) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	b.rings.Wait()
	b.client.CloseIdleConnections()
}

type admission int

const (
	admitted admission = iota
	tooMany            // of this subscription in this minute
	full
	silent // closed, or full and said so already
)

func (b *Bell) admit(id [32]byte) admission {
	b.mu.Lock()
	defer b.mu.Unlock()
	// A clock that was put back begins a new minute, too: else nobody would be rung until it has caught up.
	if now := b.now(); now.Sub(b.minute) >= time.Minute || now.Before(b.minute) {
		b.minute, b.warned = now, false
		clear(b.counts)
	}
	switch {
	case b.closed:
		return silent
	case b.waiting >= b.limits.Waiting:
		if b.warned {
			return silent
		}
		b.warned = true
		return full
	case b.counts[id] >= b.limits.PerMinute:
		return tooMany
	}
	b.counts[id]++
	b.waiting++
	b.rings.Add(1)
	return admitted
}

func (b *Bell) leave() {
	b.mu.Lock()
	b.waiting--
	b.mu.Unlock()
	b.rings.Done()
}

// PublicKey is what browsers subscribe with: a point of P-256, uncompressed, in base64url (RFC 8292 section 3.2).
func (b *Bell) PublicKey() string { return b.vapid.keys.Public() }
