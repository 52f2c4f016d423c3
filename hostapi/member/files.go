package member

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Files of the directory. Key and certificate stand in one file, so that a renewal is one rename: no crash, and no other
// process, ever finds the key of one beside the certificate of the other.
const (
	identityFile = "host.pem"
	nextFile     = "next.pem" // the key of an enrolment or renewal that is under way: a lost reply is asked for again
	lockFile     = "lock"
	RootsFile    = "ca.pem"
	ConfFile     = "pam.conf"
)

// Identity reads the credential of a directory.
func Identity(dir string) (*tls.Certificate, error) {
	path := filepath.Join(dir, identityFile)
	text, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotEnrolled
	}
	if err != nil {
		return nil, err
	}
	defer clear(text)
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		// What the library says names kinds of PEM blocks, never their content.
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &pair, nil
}

// readPrivate reads a file that nobody else may read or write.
func readPrivate(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may read it (chmod 600)", path)
	}
	text := make([]byte, 32<<10)
	n, err := f.Read(text)
	if err != nil {
		return nil, fmt.Errorf("%s: is empty", path)
	}
	return text[:n], nil
}

// writePrivate puts a file in its place, whole and durable or not at all.
func writePrivate(path string, text []byte) error {
	return writeFile(path, text, 0o600)
}

func writeFile(path string, text []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(text); err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func decodeKey(text []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("holds no key")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("holds no key of a host")
	}
	return key, nil
}

// keep makes the pair of a key and its certificate the directory's credential.
func keep(dir string, key *ecdsa.PrivateKey, certificate []byte) error {
	text, err := encodeKey(key)
	if err != nil {
		return err
	}
	defer clear(text)
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})...)
	if _, err := tls.X509KeyPair(text, text); err != nil {
		return errors.New("the appliance has given a certificate for another key")
	}
	if err := writePrivate(filepath.Join(dir, identityFile), text); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, nextFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// errBusy: another process holds the lock.
var errBusy = errors.New("another process is at it")

// lock keeps two processes from renewing at once. It is the kernel's: a process that dies gives it back.
func lock(dir string, wait bool) (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	if err := unix.Flock(int(f.Fd()), how); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errBusy
		}
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
