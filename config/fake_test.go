package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"math/big"
	"testing"
	"time"
)

// disk is a file system of a few files; what is not in it does not exist.
type disk map[string]fakeFile

type fakeFile struct {
	content string
	mode    fs.FileMode
	err     error
}

func (d disk) ReadFile(path string) ([]byte, error) {
	f, ok := d[path]
	switch {
	case !ok:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	case f.err != nil:
		return nil, &fs.PathError{Op: "open", Path: path, Err: f.err}
	}
	return []byte(f.content), nil
}

func (d disk) Mode(path string) (fs.FileMode, error) {
	f, ok := d[path]
	if !ok {
		return 0, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	}
	return f.mode, nil
}

const canary = "cAnArY-7Zq9-wXv5-Lp31"

// usual is what the tests' files may refer to.
func usual() disk {
	return disk{
		"/etc/latchkey/vpn.secret":     {content: canary + "\n", mode: 0o640},
		"/etc/latchkey/new.secret":     {content: canary + "-new\r\n", mode: 0o640},
		"/etc/latchkey/empty":          {content: "\n", mode: 0o640},
		"/etc/latchkey/two-lines":      {content: canary + "\n" + canary + "\n", mode: 0o640},
		"/etc/latchkey/short":          {content: "1234567\n", mode: 0o640},
		"/etc/latchkey/open":           {content: canary, mode: 0o644},
		"/etc/latchkey/locked":         {mode: 0o600, err: fs.ErrPermission},
		"/etc/latchkey/keyset":         {content: canary, mode: 0o600},
		"/etc/latchkey/loose-keyset":   {content: canary, mode: 0o640},
		"/etc/latchkey/logo.svg":       {content: `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`, mode: 0o644},
		"/etc/latchkey/logo.gif":       {content: "GIF89a", mode: 0o644},
		"/etc/latchkey/smsc.secret":    {content: canary + "\n", mode: 0o640},
		"/etc/latchkey/sms.secret":     {content: canary + "\n", mode: 0o640},
		"/etc/latchkey/kannel.secret":  {content: canary + "\n", mode: 0o640},
		"/etc/latchkey/mail.secret":    {content: canary + "\n", mode: 0o640},
		"/etc/latchkey/smsc-ca.pem":    {content: authority, mode: 0o644},
		"/etc/latchkey/sms-ca.pem":     {content: authority, mode: 0o644},
		"/etc/latchkey/mail-ca.pem":    {content: authority, mode: 0o644},
		"/etc/latchkey/directory":      {mode: fs.ModeDir | 0o700, err: errNotRegular},
		"/etc/latchkey/answers":        {content: "# Common: 1\nHeadquarters\nBranch\n", mode: 0o644},
		"/etc/latchkey/broken-answers": {content: "Berlin\tmany\n", mode: 0o644},
	}
}

const minimal = `
radius:
  clients:
    - {name: vpn, address: 192.0.2.10, secret: "` + canary + `", policy: vpn}
policies:
  vpn: {second: [pinphrase]}
`

func load(t *testing.T, text string) *Config {
	t.Helper()
	c, problems := Parse("latchkey.yaml", []byte(text), usual())
	if problems.Fatal() {
		t.Fatalf("does not load:\n%s", problems)
	}
	return c
}

const minute = time.Minute

// withCertificate adds a certificate for a host, and its key.
func withCertificate(t *testing.T, d disk, host string) disk {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	d["/etc/latchkey/web.pem"] = fakeFile{content: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})), mode: 0o644}
	d["/etc/latchkey/web.key"] = fakeFile{content: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), mode: 0o640}
	return d
}

// authority is a certificate that is good for nothing but to be one.
var authority = func() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}()
