// Package dial is how carriers reach the other side: whom they trust, and network errors in words that hold neither
// an address of a person nor a URL.
package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// TLS is what a carrier trusts: the system's authorities, or those of a PEM file instead. The name is the one that
// the certificate must bear.
func TLS(ca []byte, name string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name}
	if len(ca) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("the file of authorities holds no certificate in PEM")
		}
	}
	return config, nil
}

// timeout bounds how long a connection may take to be made, where the caller allows more.
const timeout = 10 * time.Second

// Open connects, and shakes hands where there is a TLS configuration.
func Open(ctx context.Context, address string, secure *tls.Config) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: timeout, KeepAlive: 15 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil || secure == nil {
		return conn, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	encrypted := tls.Client(conn, secure)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return encrypted, nil
}

// Words puts an error of a connection in words of ours.
func Words(err error) string {
	var (
		name    *net.DNSError
		trust   *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		errno   syscall.Errno
		timeout net.Error
	)
	switch {
	case errors.As(err, &name):
		return "its name does not resolve"
	case errors.As(err, &trust):
		return "its certificate is not trusted: " + distrust(trust.Err)
	case errors.As(err, &record):
		return "it does not speak TLS there"
	case errors.As(err, &alert):
		return "TLS failed: " + alert.Error()
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "it does not answer in time"
	case errors.Is(err, context.Canceled):
		return "given up"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "it closed the connection"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "it does not answer in time"
	}
	return "the connection failed"
}

// distrust says which of the usual mistakes it is.
func distrust(err error) string {
	var (
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &host):
		return "it bears another name"
	case errors.As(err, &unknown):
		return "its authority is not known (ca_file)"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "it is past its time, or not yet in it"
	}
	return "it is not valid"
}
