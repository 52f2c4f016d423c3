package web

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

// Files is a certificate that somebody else renews: certbot, a company's authority.
type Files struct {
	Certificate string           // PEM: the certificate, then those that lead to its authority
	Key         string           // PEM, readable by the daemon only
	URL         string           // whose host the certificate must name
	Roots       *x509.CertPool   // whom phones trust by themselves; nil: the system's
	Log         *slog.Logger     // nil: slog.Default()
	Now         func() time.Time // nil: time.Now
}

// FromFiles reads the files, and again when they change. An error at a later time keeps what was read
// before, and is logged.
func FromFiles(f Files) (*Certificates, error) {
	where, ok := newPlace(f.URL)
	if !ok {
		return nil, fmt.Errorf("web: the URL %q is not https://HOST or https://HOST:PORT", f.URL)
	}
	return newCertificates(&fileSource{f, where.host}, f.Log, f.Now)
}

type fileSource struct {
	Files
	host string
}

// stamps tell whether files have changed, without reading them. Renewal by rename changes them too,
// as it does the files that symbolic links lead to.
type stamps struct {
	certificate, key stamp
}

type stamp struct {
	modified int64
	size     int64
	// fresh: written so short a time ago that the next write may bear the same time. Such a file is read again.
	fresh bool
}

// tick is longer than any file system's step of time.
const tick = 2 * time.Second

func stampOf(name string) (stamp, error) {
	info, err := os.Stat(name)
	if err != nil {
		return stamp{}, err
	}
	// The time of files is the system's, not the one that tests hand in.
	return stamp{info.ModTime().UnixNano(), info.Size(), time.Since(info.ModTime()) < tick}, nil
}

func (s stamps) fresh() bool { return s.certificate.fresh || s.key.fresh }

func (s *fileSource) load(_ time.Time, old *identity) (*identity, error) {
	// Stamps are taken before the files are read: a change in between shows at the next look.
	var mark stamps
	var err error
	if mark.certificate, err = stampOf(s.Certificate); err == nil {
		mark.key, err = stampOf(s.Key)
	}
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if old != nil && old.mark == mark && !mark.fresh() {
		return old, nil
	}
	pair, err := tls.LoadX509KeyPair(s.Certificate, s.Key)
	if err != nil {
		return nil, fmt.Errorf("web: %s and %s: %w", s.Certificate, s.Key, err)
	}
	if err := pair.Leaf.VerifyHostname(s.host); err != nil {
		return nil, fmt.Errorf("web: %s: the certificate is not for the host of web.url: %w", s.Certificate, err)
	}
	pin, err := s.pin(&pair)
	if err != nil {
		return nil, err
	}
	return &identity{&pair, pin, mark}, nil
}

// pin is zero if the platforms' authorities lead to the certificate; else it is that of the authority
// that stands last in the file, or of the certificate itself. Time has no say: a certificate that has
// ended is renewed by the same authority.
func (s *fileSource) pin(pair *tls.Certificate) (mobile.Pin, error) {
	options := x509.VerifyOptions{Roots: s.Roots, Intermediates: x509.NewCertPool(), CurrentTime: pair.Leaf.NotAfter.Add(-time.Second)}
	top := pair.Leaf
	for _, der := range pair.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return mobile.Pin{}, fmt.Errorf("web: %s: %w", s.Certificate, err)
		}
		options.Intermediates.AddCert(c)
		if c.IsCA {
			top = c
		}
	}
	if _, err := pair.Leaf.Verify(options); err == nil {
		return mobile.Pin{}, nil
	}
	return mobile.PinOf(top), nil
}
