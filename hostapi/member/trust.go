package member

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/hostapi"
)

// ErrCertificate says that what answers is not the appliance.
var ErrCertificate = errors.New("what answers is not the appliance that this host trusts")

// settings are those of a handshake: TLS 1.3, and judged by judge alone.
func (c Config) settings(host string, identity *tls.Certificate) *tls.Config {
	t := &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: host, Time: c.now,
		InsecureSkipVerify: true, // judge verifies instead, with no word of the platform's
		VerifyConnection:   func(s tls.ConnectionState) error { return c.judge(s) },
		NextProtos:         []string{"http/1.1"},
	}
	if identity != nil {
		t.NextProtos = append([]string{fleet.ALPN}, t.NextProtos...)
		t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return identity, nil }
	}
	return t
}

// judge takes a certificate for the right name, at the right time, that the roots vouch for, and with a pin only by way of
// the certificate that is pinned.
func (c Config) judge(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return ErrCertificate
	}
	leaf := s.PeerCertificates[0]
	options := x509.VerifyOptions{
		Roots: c.Roots, Intermediates: x509.NewCertPool(), DNSName: s.ServerName, CurrentTime: c.now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if options.Roots == nil {
		if c.Pin == (mobile.Pin{}) {
			return fmt.Errorf("%w: it trusts nobody", ErrCertificate)
		}
		options.Roots = x509.NewCertPool() // the pinned one alone: at the enrolment
		for i, one := range s.PeerCertificates {
			if mobile.PinOf(one) == c.Pin && (i == 0 || one.IsCA) {
				options.Roots.AddCert(one)
			}
		}
	}
	for _, one := range s.PeerCertificates[1:] {
		options.Intermediates.AddCert(one)
	}
	chains, err := leaf.Verify(options)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if c.Pin == (mobile.Pin{}) {
		return nil
	}
	for _, chain := range chains {
		for _, one := range chain {
			if mobile.PinOf(one) == c.Pin {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: another certificate than the one that is pinned", ErrCertificate)
}

// dial makes a connection on which the handshake is done. What keeps it from coming about at all is a
// *hostapi.NotReached; a certificate that is not right, or a refusal by the other side, never is.
func (c Config) dial(ctx context.Context, address string, identity *tls.Certificate) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	patience, cancel := context.WithTimeout(ctx, c.connect())
	defer cancel()
	reach := c.Dial
	if reach == nil {
		reach = new(net.Dialer).DialContext
	}
	raw, err := reach(patience, "tcp", address)
	if err != nil {
		return nil, notReached(ctx, err)
	}
	conn := tls.Client(raw, c.settings(host, identity))
	if err := conn.HandshakeContext(patience); err != nil {
		_ = raw.Close()
		var alert *net.OpError
		switch {
		case errors.Is(err, ErrCertificate):
			return nil, refused(err.Error(), "does the time of this machine fit? else: latchkey host enroll")
		case errors.As(err, &alert) && alert.Op == "remote error":
			return nil, refused("the appliance takes no hosts there ("+alert.Err.Error()+")", "web.serve in latchkey.yaml says hosts?")
		}
		return nil, notReached(ctx, err)
	}
	return conn, nil
}

// notReached marks an error, unless it is the caller who has lost patience.
func notReached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return &hostapi.NotReached{Err: err}
}

func refused(text, hint string) error {
	return &hostapi.Refused{Problem: hostapi.Problem{Text: text, Hint: hint}}
}
