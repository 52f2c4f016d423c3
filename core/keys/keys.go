// Package keys holds the keyset that makes the state readable: an AEAD for secrets at
// rest and a pseudo-random function from which every other key is derived. Both are
// Tink keysets, so that keys rotate in a standard format. The keyset lives outside the
// state, kept apart from backups, which are of no use without it.
//
// The package must never know files, stores or what it seals.
package keys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/latchkey/latchkey/core/secret"
)

// version of the file format.
const version = 1

var (
	// ErrFormat: the file is no Latchkey keyset, or of a newer format.
	ErrFormat = errors.New("keys: not a keyset that this version reads")
	// ErrOpen: the sealed value is damaged, belongs elsewhere, or was sealed with another keyset.
	ErrOpen = errors.New("keys: sealed value does not open")
)

// file is the keyset file: JSON around two Tink JSON keysets.
type file struct {
	Latchkey int             `json:"latchkey_keyset"`
	AEAD     json.RawMessage `json:"aead"`
	PRF      json.RawMessage `json:"prf"`
}

// Keyset is a loaded keyset. It is safe for concurrent use.
type Keyset struct {
	aeadHandle, prfHandle *keyset.Handle
	aead                  tink.AEAD
	prf                   *prf.Set
}

// Generate makes a new keyset: AES-256-GCM, and HKDF-SHA256 as the PRF.
func Generate() (*Keyset, error) {
	a, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	p, err := keyset.NewHandle(prf.HKDFSHA256PRFKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return build(a, p)
}

// Parse reads what Marshal wrote. Its errors hold nothing of the file.
func Parse(b []byte) (*Keyset, error) {
	var f file
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: not JSON of the right shape", ErrFormat)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: trailing bytes", ErrFormat)
	}
	if f.Latchkey != version {
		return nil, fmt.Errorf("%w: format %d, this version reads %d", ErrFormat, f.Latchkey, version)
	}
	a, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.AEAD)))
	if err != nil {
		return nil, fmt.Errorf("%w: its aead part does not decode", ErrFormat)
	}
	p, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.PRF)))
	if err != nil {
		return nil, fmt.Errorf("%w: its prf part does not decode", ErrFormat)
	}
	return build(a, p)
}

func build(a, p *keyset.Handle) (*Keyset, error) {
	k := &Keyset{aeadHandle: a, prfHandle: p}
	var err error
	if k.aead, err = aead.New(a); err != nil {
		return nil, fmt.Errorf("%w: no usable AEAD key", ErrFormat)
	}
	if k.prf, err = prf.NewPRFSet(p); err != nil {
		return nil, fmt.Errorf("%w: no usable PRF key", ErrFormat)
	}
	return k, nil
}

// Marshal gives the keyset file's content. It is the one place where keys leave the process.
func (k *Keyset) Marshal() (secret.Secret, error) {
	var a, p bytes.Buffer
	if err := insecurecleartextkeyset.Write(k.aeadHandle, keyset.NewJSONWriter(&a)); err != nil {
		return secret.Secret{}, fmt.Errorf("keys: %w", err)
	}
	if err := insecurecleartextkeyset.Write(k.prfHandle, keyset.NewJSONWriter(&p)); err != nil {
		return secret.Secret{}, fmt.Errorf("keys: %w", err)
	}
	b, err := json.MarshalIndent(file{version, a.Bytes(), p.Bytes()}, "", "  ")
	if err != nil {
		return secret.Secret{}, fmt.Errorf("keys: %w", err)
	}
	return secret.FromBytes(append(b, '\n')), nil
}

// Seal encrypts plaintext and binds it to context, which Open must be given again: where
// the value stands and what it belongs to, so that it cannot be moved.
func (k *Keyset) Seal(plaintext secret.Secret, context string) ([]byte, error) {
	b, err := k.aead.Encrypt([]byte(plaintext.Reveal()), []byte(context))
	if err != nil {
		return nil, fmt.Errorf("keys: seal: %w", err)
	}
	return b, nil
}

// Open decrypts what Seal made for the same context.
func (k *Keyset) Open(sealed []byte, context string) (secret.Secret, error) {
	b, err := k.aead.Decrypt(sealed, []byte(context))
	if err != nil {
		return secret.Secret{}, ErrOpen
	}
	s := secret.FromBytes(b)
	clear(b)
	return s, nil
}

// Derive gives the 32-byte key for a purpose ("token", "audit", …); the same for the same
// keyset and purpose, and telling nothing of the others.
func (k *Keyset) Derive(purpose string) []byte {
	b, err := k.prf.ComputePrimaryPRF([]byte("latchkey/"+purpose), 32)
	if err != nil {
		// HKDF-SHA256 of 32 bytes cannot fail on a keyset that build accepted.
		panic("keys: derive: " + err.Error())
	}
	return b
}
