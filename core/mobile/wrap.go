package mobile

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
)

// ErrWrongPIN says that the wrapped key did not open: the PIN was another one, or the wrapping is damaged.
var ErrWrongPIN = errors.New("mobile: wrong PIN")

// gcmNonce is the length of the random nonce before the ciphertext.
const gcmNonce = 12

// WrappingKey makes the AES-256 key from what Finalize gave (HKDF-SHA256, RFC 5869).
func WrappingKey(device DeviceID, output []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, output, device[:], "latchkey/v1/wrap", 32)
}

// Wrap seals the PKCS#8 of an approval key: 12 bytes of nonce, then AES-256-GCM with the device's id as
// associated data. The tag tells a right PIN only to somebody who has the appliance's answer to it.
func Wrap(device DeviceID, wrappingKey []byte, key *rsa.PrivateKey) ([]byte, error) {
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("mobile: wrapping: %w", err)
	}
	defer clear(plain)
	nonce := make([]byte, gcmNonce)
	_, _ = rand.Read(nonce) // never fails
	return seal(device, wrappingKey, nonce, plain)
}

func seal(device DeviceID, wrappingKey, nonce, plain []byte) ([]byte, error) {
	aead, err := newGCM(wrappingKey)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nonce[:gcmNonce:gcmNonce], nonce, plain, device[:]), nil
}

// Unwrap opens what Wrap sealed. ErrWrongPIN if it does not open, ErrKey if what is in it is no approval key.
func Unwrap(device DeviceID, wrappingKey, wrapped []byte) (*rsa.PrivateKey, error) {
	plain, err := open(device, wrappingKey, wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	parsed, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, ErrKey
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < ApprovalKeyBits {
		return nil, ErrKey
	}
	return key, nil
}

func open(device DeviceID, wrappingKey, wrapped []byte) ([]byte, error) {
	aead, err := newGCM(wrappingKey)
	if err != nil {
		return nil, err
	}
	if len(wrapped) < gcmNonce {
		return nil, ErrWrongPIN
	}
	plain, err := aead.Open(nil, wrapped[:gcmNonce], wrapped[gcmNonce:], device[:])
	if err != nil {
		return nil, ErrWrongPIN
	}
	return plain, nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("mobile: wrapping key: %w", err)
	}
	return cipher.NewGCM(block)
}
