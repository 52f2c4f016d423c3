// Package member is a host's half of the fleet: it enrols a machine by an invitation, keeps its key and certificate in a
// directory, renews them in time, and carries the calls of package hostapi to the appliance over TLS. The PAM helper and
// the command line share it.
//
// Whom it trusts is said in files alone: no authority of the platform's, no proxy and no setting of the environment has a
// say, since the environment of a setuid program is its caller's. It must never log, and never know PAM.
package member

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

// DefaultDir is where a host keeps what it has.
const DefaultDir = "/etc/latchkey/host"

// Config says where the appliance is, and whom to take for it.
type Config struct {
	// URLs of the appliance's nodes, tried in this order; another one only where nothing was sent to those before.
	URLs []string
	// Roots are the authorities that may vouch for the appliance; with a Pin only through a certificate that has it.
	Roots *x509.CertPool
	Pin   mobile.Pin // of a certificate of the chain; zero: none
	// Dir holds the credential.
	Dir string
	// Connect is how long one address may take to answer; 0: 3 s.
	Connect time.Duration
	Now     func() time.Time // nil: time.Now
	// Dial reaches an address; nil: the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// ErrNotEnrolled: there is no credential in the directory.
var ErrNotEnrolled = errors.New("this machine is no host yet: latchkey host enroll")

func (c Config) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c Config) connect() time.Duration {
	if c.Connect <= 0 {
		return 3 * time.Second
	}
	return c.Connect
}

// maxURLs: a login waits for each of them.
const maxURLs = 2

// ParseURLs reads one URL, or two with a comma between them.
func ParseURLs(text string) ([]string, error) {
	list := strings.Split(text, ",")
	if len(list) > maxURLs {
		return nil, fmt.Errorf("more than %d addresses", maxURLs)
	}
	for i, one := range list {
		u, err := url.Parse(one)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, errors.New("must be https://HOST:PORT, or two of them with a comma between")
		}
		list[i] = "https://" + u.Host
	}
	return list, nil
}

// ReadRoots reads a file of certificates in PEM.
func ReadRoots(pem []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("holds no certificate in PEM")
	}
	return pool, nil
}

// platformRoots are where systems keep the authorities that everybody trusts. They are read as files, by name: what the
// environment says of other ones is nobody's business.
var platformRoots = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
}

// PlatformRoots gives the file of the platform's authorities.
func PlatformRoots() (path string, pem []byte, err error) {
	for _, path := range platformRoots {
		if pem, err := os.ReadFile(path); err == nil {
			return path, pem, nil
		}
	}
	return "", nil, errors.New("this machine has no file of authorities (on Debian the package ca-certificates)")
}
