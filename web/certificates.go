package web

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

// Certificates is what the appliance proves itself with, and keeps it fresh: of files that somebody else
// renews (FromFiles), or of an authority of its own (LocalAuthority).
type Certificates struct {
	source source
	log    *slog.Logger
	now    func() time.Time

	current atomic.Pointer[identity]
	mu      sync.Mutex // of one look at a time
	looked  atomic.Int64
}

// identity is one state of a source.
type identity struct {
	certificate *tls.Certificate // with its Leaf
	pin         mobile.Pin
	mark        any // by which the source knows whether it has changed
}

// source gives the present identity, or old if nothing has changed.
type source interface {
	load(now time.Time, old *identity) (*identity, error)
}

const (
	lookEach  = 10 * time.Second    // at most so often a source is asked
	warnAhead = 14 * 24 * time.Hour // before a certificate ends
)

func newCertificates(s source, log *slog.Logger, now func() time.Time) (*Certificates, error) {
	if log == nil {
		log = slog.Default()
	}
	if now == nil {
		now = time.Now
	}
	c := &Certificates{source: s, log: log, now: now}
	first, err := s.load(now(), nil)
	if err != nil {
		return nil, err
	}
	c.looked.Store(now().UnixNano())
	c.take(first)
	return c, nil
}

// Pin is what invitations name; zero where the certificate is one that every platform trusts.
func (c *Certificates) Pin() mobile.Pin { return c.current.Load().pin }

// NotAfter is when the present certificate ends.
func (c *Certificates) NotAfter() time.Time { return c.current.Load().certificate.Leaf.NotAfter }

// Reload looks whether the source has something new, now. On an error the present certificate stays.
func (c *Certificates) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reload()
}

func (c *Certificates) reload() error {
	old := c.current.Load()
	c.looked.Store(c.now().UnixNano())
	next, err := c.source.load(c.now(), old)
	if err != nil {
		return fmt.Errorf("%w; the present certificate, valid until %s, stays", err, old.certificate.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if next != old {
		c.take(next)
		leaf := next.certificate.Leaf
		c.log.Info("web certificate", "serial", leaf.SerialNumber.Text(16), "names", leaf.DNSNames, "until", leaf.NotAfter.UTC())
	}
	return nil
}

func (c *Certificates) take(next *identity) {
	c.current.Store(next)
	if left := next.certificate.Leaf.NotAfter.Sub(c.now()); left < warnAhead {
		c.log.Warn("the web certificate ends soon, or has ended", "until", next.certificate.Leaf.NotAfter.UTC(), "hint", "renew certificate_file; it is read again by itself")
	}
}

// get serves a handshake. Now and then one of them looks at the source first; the others do not wait.
func (c *Certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if now := c.now().UnixNano(); now-c.looked.Load() >= int64(lookEach) || now < c.looked.Load() {
		if c.mu.TryLock() {
			if err := c.reload(); err != nil {
				c.log.Error("web certificate", "error", err)
			}
			c.mu.Unlock()
		}
	}
	current := c.current.Load()
	if current == nil {
		return nil, errors.New("web: no certificate")
	}
	return current.certificate, nil
}

// config is TLS as of today: 1.3, and 1.2 with forward secrecy and AEAD only. The suites are named so
// that no environment variable brings others back.
func (c *Certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: c.get,
	}
}
