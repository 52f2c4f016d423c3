package web

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

// clock is a test's own.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func local(t *testing.T, dir, url string, c *clock) *Certificates {
	t.Helper()
	certificates, err := LocalAuthority(Authority{Dir: dir, URL: url, Now: c.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return certificates
}

// shake is a handshake's look at the certificate.
func shake(t *testing.T, c *Certificates) *x509.Certificate {
	t.Helper()
	pair, err := c.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestLocalAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	c := &clock{start}
	first := local(t, dir, testOrigin, c)
	chain := first.current.Load().certificate.Certificate
	authority, err := x509.ParseCertificate(chain[len(chain)-1])
	if err != nil || len(chain) != 2 || first.Pin() != mobile.PinOf(authority) {
		t.Fatalf("the chain does not end in the authority of the pin: %d %v", len(chain), err)
	}
	if life := authority.NotAfter.Sub(start); life < 9*365*24*time.Hour || !authority.IsCA || authority.MaxPathLen != 0 {
		t.Errorf("%v %v", life, authority.IsCA)
	}
	for _, name := range []string{"latchkey.test", "localhost", "127.0.0.1", "::1"} {
		roots := x509.NewCertPool()
		roots.AddCert(authority)
		if _, err := shake(t, first).Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: start}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, authorityKey: 0o600, authorityCertificate: 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v %v", name, info.Mode(), err)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("%v", files)
	}

	// After a restart, also under an address: the same authority.
	if second := local(t, dir, "https://192.0.2.7:8443", c); second.Pin() != first.Pin() || shake(t, second).VerifyHostname("192.0.2.7") != nil {
		t.Error("another authority, or without the address")
	}

	// Leaves renew themselves, and never outlive the authority.
	leaf := shake(t, first)
	c.now = leaf.NotAfter.Add(-leafRenewal - time.Minute)
	if shake(t, first) != leaf {
		t.Error("renewed too early")
	}
	c.now = c.now.Add(2 * time.Minute)
	if next := shake(t, first); next == leaf || next.NotAfter.Sub(c.now) < leafLife-time.Hour || next.CheckSignatureFrom(authority) != nil {
		t.Error("not renewed")
	}
	c.now = authority.NotAfter.Add(-time.Hour)
	if last := shake(t, first); last.NotAfter.After(authority.NotAfter) {
		t.Error("it outlives its authority")
	}
	c.now = authority.NotAfter.Add(time.Hour)
	if err := first.Reload(); err == nil || shake(t, first) == nil {
		t.Errorf("an authority that has ended: %v", err)
	}
}

func TestADamagedAuthorityIsNotReplaced(t *testing.T) {
	c := &clock{start}
	for name, harm := range map[string]func(dir string) error{
		"no key":   func(dir string) error { return os.Remove(filepath.Join(dir, authorityKey)) },
		"open key": func(dir string) error { return os.Chmod(filepath.Join(dir, authorityKey), 0o640) },
		"garbled": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, authorityCertificate), []byte("x"), 0o600)
		},
		"another key": func(dir string) error { return writePEM(filepath.Join(dir, authorityKey), "PRIVATE KEY", freshKey(t)) },
		"no authority": func(dir string) error {
			issue(t, dir, authorityCertificate, authorityKey, nil, c.now, "latchkey.test")
			return nil
		},
	} {
		dir := t.TempDir()
		local(t, dir, testOrigin, c)
		if err := harm(dir); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(filepath.Join(dir, authorityCertificate))
		if _, err := LocalAuthority(Authority{Dir: dir, URL: testOrigin, Now: c.Now}); err == nil {
			t.Errorf("%s: taken", name)
		}
		if after, _ := os.ReadFile(filepath.Join(dir, authorityCertificate)); !bytes.Equal(before, after) {
			t.Errorf("%s: replaced", name)
		}
	}
	// A first start that was cut off has left a key only, which nobody has seen.
	dir := t.TempDir()
	if err := writePEM(filepath.Join(dir, authorityKey), "PRIVATE KEY", freshKey(t)); err != nil {
		t.Fatal(err)
	}
	local(t, dir, testOrigin, c)
}

func freshKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// issue writes a certificate of an authority (or one signed by itself), as certbot would.
func issue(t *testing.T, dir, certFile, keyFile string, from *authority, now time.Time, host string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serialNumber(), DNSNames: []string{host}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(leafLife),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	parent, signer := template, key
	if from != nil {
		parent, signer = from.certificate, from.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := writePEM(filepath.Join(dir, certFile), "CERTIFICATE", der); err != nil {
		t.Fatal(err)
	}
	if err := writePEM(filepath.Join(dir, keyFile), "PRIVATE KEY", private); err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	dir := t.TempDir()
	c := &clock{start}
	leaf := issue(t, dir, "c.pem", "k.pem", nil, start, "latchkey.test")
	l := &logged{}
	f := Files{Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "k.pem"), URL: testOrigin, Now: c.Now,
		Log: slog.New(slog.NewTextHandler(l, nil)), Roots: x509.NewCertPool()}
	certificates, err := FromFiles(f)
	if err != nil {
		t.Fatal(err)
	}
	if !shake(t, certificates).Equal(leaf) || certificates.Pin() != mobile.PinOf(leaf) || !certificates.NotAfter().Equal(leaf.NotAfter) {
		t.Error("another certificate or pin")
	}
	next := issue(t, dir, "c.pem", "k.pem", nil, start.Add(24*time.Hour), "latchkey.test")
	if shake(t, certificates).Equal(next) {
		t.Error("files are looked at in every handshake")
	}
	c.now = c.now.Add(lookEach)
	if !shake(t, certificates).Equal(next) || certificates.Pin() != mobile.PinOf(next) {
		t.Error("the new one is not there")
	}
	for name, harm := range map[string]func(){
		"garbled":       func() { _ = os.WriteFile(f.Certificate, []byte("x"), 0o600) },
		"of other name": func() { issue(t, dir, "c.pem", "k.pem", nil, start, "other.test") },
		"other key":     func() { _ = writePEM(f.Key, "PRIVATE KEY", freshKey(t)) },
		"gone":          func() { _ = os.Remove(f.Certificate) },
	} {
		harm()
		if err := certificates.Reload(); err == nil || !strings.Contains(err.Error(), "stays") {
			t.Errorf("%s: %v", name, err)
		}
		if c.now = c.now.Add(lookEach); !shake(t, certificates).Equal(next) {
			t.Errorf("%s: the old one went", name)
		}
		if !strings.Contains(l.String(), "level=ERROR") {
			t.Errorf("%s: not in the log", name)
		}
		if _, err := FromFiles(f); err == nil {
			t.Errorf("%s: taken at a start", name)
		}
	}
	last := issue(t, dir, "c.pem", "k.pem", nil, start, "latchkey.test")
	if err := certificates.Reload(); err != nil || !shake(t, certificates).Equal(last) {
		t.Errorf("not taken after an error: %v", err)
	}
	c.now = last.NotAfter.Add(-time.Hour)
	if _, err := FromFiles(f); err != nil || !strings.Contains(l.String(), "ends soon") {
		t.Errorf("no warning: %v", err)
	}
}

func TestPinsOfFiles(t *testing.T) {
	dir := t.TempDir()
	c := &clock{start}
	local(t, dir, testOrigin, c)
	from, err := openAuthority(dir, start)
	if err != nil {
		t.Fatal(err)
	}
	leaf := issue(t, dir, "c.pem", "k.pem", from, start, "latchkey.test")
	roots := x509.NewCertPool()
	f := Files{Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "k.pem"), URL: testOrigin, Now: c.Now, Roots: roots}
	pin := func() mobile.Pin {
		certificates, err := FromFiles(f)
		if err != nil {
			t.Fatal(err)
		}
		return certificates.Pin()
	}
	if pin() != mobile.PinOf(leaf) {
		t.Error("one that nobody knows, alone: its own pin")
	}
	one, _ := os.ReadFile(f.Certificate)
	two, _ := os.ReadFile(filepath.Join(dir, authorityCertificate))
	if err := os.WriteFile(f.Certificate, slices.Concat(one, two), 0o600); err != nil {
		t.Fatal(err)
	}
	if pin() != mobile.PinOf(from.certificate) {
		t.Error("with its authority: that one's pin")
	}
	roots.AddCert(from.certificate)
	if pin() != (mobile.Pin{}) {
		t.Error("one that platforms trust: no pin")
	}
}

func TestTLS(t *testing.T) {
	d := openDoor(t, &told{}, nil)
	for name, c := range map[string]struct {
		change func(*tls.Config)
		ok     bool
	}{
		"today":   {func(*tls.Config) {}, true},
		"TLS 1.2": {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, true},
		"TLS 1.1": {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, false},
		"with CBC": {func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, false},
		"SSH": {func(c *tls.Config) { c.NextProtos = []string{"ssh"} }, false},
	} {
		config := d.trust()
		config.ServerName = "latchkey.test"
		c.change(config)
		conn, err := tls.Dial("tcp", d.Addrs()[0].String(), config)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}
