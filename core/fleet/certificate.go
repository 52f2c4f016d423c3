package fleet

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// Errors of requests and certificates.
var (
	ErrRequest     = errors.New("fleet: not a certificate request with a key on P-256 that has signed it")
	ErrCertificate = errors.New("fleet: not a certificate of this appliance's hosts")
)

// NewKey makes a host's key.
func NewKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// Request makes the PKCS #10 request (RFC 2986) for a key. It names nothing: who the host is the appliance knows by the
// invitation, or by the certificate that it has.
func Request(key *ecdsa.PrivateKey) ([]byte, error) {
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{SignatureAlgorithm: x509.ECDSAWithSHA256}, key)
}

// maxRequest is more than any request of ours has.
const maxRequest = 2 << 10

// ReadRequest gives the key of a request that the key has signed. Whatever else it says has no say.
func ReadRequest(der []byte) (*ecdsa.PublicKey, error) {
	if len(der) > maxRequest {
		return nil, ErrRequest
	}
	r, err := x509.ParseCertificateRequest(der)
	if err != nil || r.CheckSignature() != nil {
		return nil, ErrRequest
	}
	key, ok := r.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, ErrRequest
	}
	return key, nil
}

// Authority signs the certificates of hosts. It is made of a seed alone, so that each node of an appliance has the same
// one, byte for byte, and nothing of it stands in a file.
type Authority struct {
	key         ed25519.PrivateKey
	certificate *x509.Certificate
}

// Its certificate names no time of its own: each call is judged by the appliance's clock and state.
var (
	authorityFrom  = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	authorityUntil = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) // RFC 5280 section 4.1.2.5: no end that is known
)

// NewAuthority makes the authority of a seed of 32 bytes.
func NewAuthority(seed []byte) (*Authority, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("fleet: a seed of %d bytes", len(seed))
	}
	key := ed25519.NewKeyFromSeed(seed)
	sum := sha256.Sum256(key.Public().(ed25519.PublicKey))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: fmt.Sprintf("Latchkey hosts %x", sum[:4])},
		NotBefore: authorityFrom, NotAfter: authorityUntil, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: sum[:20],
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key) // Ed25519 takes no randomness
	if err != nil {
		return nil, fmt.Errorf("fleet: making the authority of hosts: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("fleet: making the authority of hosts: %w", err)
	}
	return &Authority{key, certificate}, nil
}

// Certificate is what a handshake names, so that a host knows which of its certificates is asked for.
func (a *Authority) Certificate() *x509.Certificate { return a.certificate }

const idPrefix = "latchkey:host:"

// backdated lets a host's clock go wrong a little.
const backdated = time.Hour

// Sign makes a host's certificate.
func (a *Authority) Sign(key *ecdsa.PublicKey, id ID, name string, from, until time.Time) ([]byte, error) {
	var serial [16]byte
	_, _ = rand.Read(serial[:])       // never fails
	serial[0] = serial[0]&0x7f | 0x40 // RFC 5280 section 4.1.2.2: positive
	from = from.Add(-backdated).UTC() // certificates count in seconds
	until = until.UTC().Truncate(time.Second)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		URIs:     []*url.URL{{Scheme: "urn", Opaque: idPrefix + id.String()}},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}, a.certificate, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("fleet: signing a certificate: %w", err)
	}
	return der, nil
}

// Check tells whether a certificate is one that this authority has signed for a host, and of which one. Its times are
// the state's business.
func (a *Authority) Check(c *x509.Certificate) (ID, error) {
	if c == nil || c.IsCA || c.CheckSignatureFrom(a.certificate) != nil || len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		return ID{}, ErrCertificate
	}
	return IDOf(c)
}

// IDOf is what a certificate calls its host.
func IDOf(c *x509.Certificate) (ID, error) {
	if len(c.URIs) != 1 {
		return ID{}, ErrCertificate
	}
	text, ok := strings.CutPrefix(c.URIs[0].String(), "urn:"+idPrefix)
	id, err := ParseID(text)
	if !ok || err != nil {
		return ID{}, ErrCertificate
	}
	return id, nil
}

// Fingerprint is what the state knows a certificate by.
func Fingerprint(c *x509.Certificate) [32]byte { return sha256.Sum256(c.Raw) }
