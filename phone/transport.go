package phone

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

// ErrCertificate says that the other end is not the appliance that the invitation named.
var ErrCertificate = errors.New("phone: this is not the appliance of the invitation")

// newClient makes the way to an appliance. It takes no proxy from the environment and follows no redirect:
// an appliance has no need of either.
func newClient(config Config, pin mobile.Pin) *http.Client {
	dial := config.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if pin != (mobile.Pin{}) {
		// The platform's list of authorities has no say: trusted verifies instead of it.
		secure.InsecureSkipVerify = true
		secure.VerifyConnection = func(c tls.ConnectionState) error { return trusted(c, pin) }
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dial, TLSClientConfig: secure, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 60 * time.Second, MaxIdleConnsPerHost: 2,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// trusted takes the pinned certificate itself, or one that the pinned authority has signed, and in both
// cases only for the right name and at the right time.
func trusted(c tls.ConnectionState, pin mobile.Pin) error {
	if len(c.PeerCertificates) == 0 {
		return ErrCertificate
	}
	leaf := c.PeerCertificates[0]
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), DNSName: c.ServerName,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	found := mobile.PinOf(leaf) == pin
	if found {
		options.Roots.AddCert(leaf)
	}
	for _, certificate := range c.PeerCertificates[1:] {
		if mobile.PinOf(certificate) == pin && certificate.IsCA {
			options.Roots.AddCert(certificate)
			found = true
		} else {
			options.Intermediates.AddCert(certificate)
		}
	}
	if !found {
		return fmt.Errorf("%w: another certificate", ErrCertificate)
	}
	if _, err := leaf.Verify(options); err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return nil
}

// dialer is the type of Config.Dial.
type dialer = func(ctx context.Context, network, address string) (net.Conn, error)
