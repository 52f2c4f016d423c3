package clients

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey/latchkey/phone"
	"github.com/latchkey/latchkey/test/appliance"
)

// authority is a company's own.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{certificate, key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue writes a certificate for loopback with its chain, and its key, as a renewal does.
func (a authority) issue(t *testing.T, serial int64, certFile, keyFile string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	appliance.Write(t, certFile, block("CERTIFICATE", der)+block("CERTIFICATE", a.certificate.Raw))
	appliance.Write(t, keyFile, block("PRIVATE KEY", private))
}

// served is the serial number of the certificate in use.
func (h *phones) served() int64 {
	h.t.Helper()
	conn, err := tls.Dial("tcp", h.web.String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// A renewed certificate is taken at a reload, phones go on; broken files leave the old one in force; a certificate of
// another authority is what new invitations name.
func TestPhoneCertificate(t *testing.T) {
	t.Parallel()
	h := startPhones(t, "", time.Minute)
	h.stop()
	ours := newAuthority(t)
	certFile, keyFile := h.file("web.pem"), h.file("web.key")
	ours.issue(t, 2, certFile, keyFile)
	config, err := os.ReadFile(h.file("latchkey.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	appliance.Write(t, h.file("latchkey.yaml"), strings.Replace(string(config), `web: {`, `web: {certificate_file: `+certFile+`, key_file: `+keyFile+`, `, 1))
	h.run()
	c := newRadclient(t, h.Address, appliance.Secret)
	p := h.enrol("lutz")
	reload := func(outcome string) {
		t.Helper()
		from := h.Log.Len()
		h.daemon.Signal(t, syscall.SIGHUP)
		h.Log.Await(t, from, outcome)
	}

	ours.issue(t, 3, certFile, keyFile)
	reload(`"msg":"reloaded"`)
	if got := h.served(); got != 3 {
		t.Errorf("certificate %d is served after the renewal", got)
	}
	p.Close()
	challenge := c.first(t, "lutz")
	approve(t, p, challenge.prompt(t))
	c.empty(t, "lutz", challenge).expect(t, "Access-Accept")

	appliance.Write(t, certFile, "half a cert")
	reload(`"the configuration has errors; the old one stays"`)
	if got := h.served(); got != 3 {
		t.Errorf("certificate %d is served beside broken files", got)
	}

	theirs := newAuthority(t)
	theirs.issue(t, 4, certFile, keyFile)
	reload(`"msg":"reloaded"`)
	p.Close()
	if _, err := p.Status(t.Context()); !errors.Is(err, phone.ErrCertificate) {
		t.Errorf("a phone that pinned one authority meets another: %v", err)
	}
	h.latchkey("", "user", "add", "anna")
	if status, err := h.phoneFor("anna").Status(t.Context()); err != nil || status.State != "active" {
		t.Errorf("a phone with a new invitation: %+v %v", status, err)
	}
}
