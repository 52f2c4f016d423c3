package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

// Authority is an authority of the appliance's own, for hosts, tests and the demo. Browsers on phones do
// not trust it unless it is installed there; whoever has an invitation is told to by its pin.
type Authority struct {
	Dir string           // made with 0700 if it is not there; its two files have 0600
	URL string           // whose host the certificates name, beside localhost
	Log *slog.Logger     // nil: slog.Default()
	Now func() time.Time // nil: time.Now
}

// Lifetimes. A leaf is renewed when a third of its life is left; it is never kept on disk, since making
// another costs nothing.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 90 * 24 * time.Hour
	leafRenewal   = 30 * 24 * time.Hour
	backdated     = time.Hour // clocks of phones go wrong
)

// Names of an Authority's files.
const (
	authorityCertificate = "authority.pem"
	authorityKey         = "authority.key"
)

// LocalAuthority opens the authority in a directory, or makes one where there is none. It is an error if
// only one of its two files is there: another authority would orphan all that pin the first.
func LocalAuthority(a Authority) (*Certificates, error) {
	where, ok := newPlace(a.URL)
	if !ok {
		return nil, fmt.Errorf("web: the URL %q is not https://HOST or https://HOST:PORT", a.URL)
	}
	now := a.Now
	if now == nil {
		now = time.Now
	}
	s, err := openAuthority(a.Dir, now())
	if err != nil {
		return nil, err
	}
	s.host = where.host
	return newCertificates(s, a.Log, now)
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	host        string
}

func openAuthority(dir string, now time.Time) (*authority, error) {
	certFile, keyFile := filepath.Join(dir, authorityCertificate), filepath.Join(dir, authorityKey)
	_, noCert := os.Stat(certFile)
	_, noKey := os.Stat(keyFile)
	// The key is written first: with it alone a start was cut off, and nobody has seen the authority.
	if errors.Is(noCert, fs.ErrNotExist) {
		if err := makeAuthority(dir, now); err != nil {
			return nil, fmt.Errorf("web: making the local authority: %w", err)
		}
	} else if errors.Is(noKey, fs.ErrNotExist) {
		return nil, fmt.Errorf("web: %s is there, but not its key %s: restore it, or remove both and give out new invitations", certFile, keyFile)
	}
	if info, err := os.Stat(keyFile); err == nil && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("web: %s may be read by others (chmod 600)", keyFile)
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("web: the local authority in %s: %w", dir, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("web: %s holds no authority of this appliance", dir)
	}
	return &authority{certificate: pair.Leaf, key: key}, nil
}

func makeAuthority(dir string, now time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial := serialNumber()
	template := &x509.Certificate{
		SerialNumber: serial,
		// Two appliances' authorities differ in name, so that a platform that has both can tell them apart.
		Subject:   pkix.Name{CommonName: "Latchkey authority " + serial.Text(16)[:8]},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, authorityKey), "PRIVATE KEY", private); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, authorityCertificate), "CERTIFICATE", der)
}

// load makes another leaf when the last has little of its life left.
func (a *authority) load(now time.Time, old *identity) (*identity, error) {
	if old != nil && old.certificate.Leaf.NotAfter.Sub(now) > leafRenewal && !now.Before(old.certificate.Leaf.NotBefore) {
		return old, nil
	}
	if !now.Before(a.certificate.NotAfter) {
		return nil, errors.New("web: the local authority has ended; remove its directory and give out new invitations")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serialNumber(), Subject: pkix.Name{CommonName: a.host},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if template.NotAfter.After(a.certificate.NotAfter) {
		template.NotAfter = a.certificate.NotAfter
	}
	if ip := net.ParseIP(a.host); ip != nil {
		template.IPAddresses = append(template.IPAddresses, ip)
	} else if a.host != "localhost" {
		template.DNSNames = append([]string{a.host}, template.DNSNames...)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("web: signing a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("web: signing a certificate: %w", err)
	}
	// The authority goes along, so that whoever has its pin needs nothing else.
	return &identity{
		certificate: &tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key, Leaf: leaf},
		pin:         mobile.PinOf(a.certificate),
	}, nil
}

// serialNumber has 127 random bits, and never a leading zero (RFC 5280 section 4.1.2.2 has at most 20 octets).
func serialNumber() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:])
}
