package web

import (
	"crypto/tls"
	"crypto/x509"
)

// trusting trusts the authority that certificates come from, as a host that was told its pin does.
func trusting(c *Certificates) *tls.Config {
	roots := x509.NewCertPool()
	chain := c.current.Load().certificate.Certificate
	authority, err := x509.ParseCertificate(chain[len(chain)-1])
	if err != nil {
		panic(err)
	}
	roots.AddCert(authority)
	return &tls.Config{RootCAs: roots}
}
