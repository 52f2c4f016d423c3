package mobile

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
)

var (
	// ErrKey says that a public key is of the wrong kind or size, or not a key at all.
	ErrKey = errors.New("mobile: key refused")
	// ErrSignature says that a signature is not that of this key over this message.
	ErrSignature = errors.New("mobile: wrong signature")
)

// Bounds of an approval key. Above, one verification would cost the appliance too much.
const (
	ApprovalKeyBits    = 2048 // what phones make
	approvalKeyBitsMax = 4096
	approvalExponent   = 65537
	saltLength         = 32
	signatureLength    = 64 // r‖s on P-256, as WebCrypto has it
)

// DeviceKey is the public key that a device's calls are signed with: ECDSA on P-256.
type DeviceKey struct {
	key *ecdsa.PublicKey
	der []byte
}

// ParseDeviceKey reads a SubjectPublicKeyInfo (RFC 5480): an uncompressed point on P-256, in the
// only encoding that DER has for it. Anything else is ErrKey.
func ParseDeviceKey(spki []byte) (DeviceKey, error) {
	parsed, err := parse(spki)
	if err != nil {
		return DeviceKey{}, err
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return DeviceKey{}, fmt.Errorf("%w: a device key is ECDSA on P-256", ErrKey)
	}
	// ECDH refuses what is not on the curve, and the point at infinity.
	if _, err := key.ECDH(); err != nil {
		return DeviceKey{}, fmt.Errorf("%w: not a point of P-256", ErrKey)
	}
	return DeviceKey{key, bytes.Clone(spki)}, nil
}

// SPKI is the key's encoding; the caller leaves it as it is.
func (k DeviceKey) SPKI() []byte { return k.der }

// Verify judges a signature of 64 bytes, r‖s, over SHA-256 of message. Both forms of s are taken:
// nothing rests on a signature being the only one. Wrong is ErrSignature.
func (k DeviceKey) Verify(message, signature []byte) error {
	if k.key == nil || len(signature) != signatureLength {
		return ErrSignature
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if r.Sign() == 0 || s.Sign() == 0 {
		return ErrSignature
	}
	hash := sha256.Sum256(message)
	if !ecdsa.Verify(k.key, hash[:], r, s) {
		return ErrSignature
	}
	return nil
}

// SignCall signs a message with a device's private key: 64 bytes, r‖s.
func SignCall(key *ecdsa.PrivateKey, message []byte) ([]byte, error) {
	hash := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
	if err != nil {
		return nil, fmt.Errorf("mobile: signing: %w", err)
	}
	signature := make([]byte, signatureLength)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signature, nil
}

// ApprovalKey is the public key that approves logins: RSA-PSS with SHA-256 and a salt of 32 bytes.
type ApprovalKey struct {
	key *rsa.PublicKey
	der []byte
}

// ParseApprovalKey reads a SubjectPublicKeyInfo (RFC 8017, rsaEncryption): 2048 to 4096 bits, exponent
// 65537, an odd modulus. Anything else is ErrKey.
func ParseApprovalKey(spki []byte) (ApprovalKey, error) {
	parsed, err := parse(spki)
	if err != nil {
		return ApprovalKey{}, err
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return ApprovalKey{}, fmt.Errorf("%w: an approval key is RSA", ErrKey)
	}
	if bits := key.N.BitLen(); bits < ApprovalKeyBits || bits > approvalKeyBitsMax {
		return ApprovalKey{}, fmt.Errorf("%w: RSA of %d bits, where %d to %d are taken", ErrKey, bits, ApprovalKeyBits, approvalKeyBitsMax)
	}
	if key.E != approvalExponent {
		return ApprovalKey{}, fmt.Errorf("%w: the exponent is not %d", ErrKey, approvalExponent)
	}
	if key.N.Bit(0) == 0 {
		return ApprovalKey{}, fmt.Errorf("%w: an even modulus", ErrKey)
	}
	return ApprovalKey{key, bytes.Clone(spki)}, nil
}

// SPKI is the key's encoding; the caller leaves it as it is.
func (k ApprovalKey) SPKI() []byte { return k.der }

// Verify judges an RSA-PSS signature over SHA-256 of message. Wrong is ErrSignature.
func (k ApprovalKey) Verify(message, signature []byte) error {
	if k.key == nil {
		return ErrSignature
	}
	hash := sha256.Sum256(message)
	if rsa.VerifyPSS(k.key, crypto.SHA256, hash[:], signature, &rsa.PSSOptions{SaltLength: saltLength}) != nil {
		return ErrSignature
	}
	return nil
}

// SignApproval signs a message with an approval key's private half.
func SignApproval(key *rsa.PrivateKey, message []byte) ([]byte, error) {
	hash := sha256.Sum256(message)
	signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, hash[:], &rsa.PSSOptions{SaltLength: saltLength})
	if err != nil {
		return nil, fmt.Errorf("mobile: signing: %w", err)
	}
	return signature, nil
}

// maxSPKI holds an RSA key of 4096 bits with room to spare; parsing starts below it only.
const maxSPKI = 1024

func parse(spki []byte) (any, error) {
	if len(spki) > maxSPKI {
		return nil, fmt.Errorf("%w: %d bytes are too many", ErrKey, len(spki))
	}
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("%w: not a SubjectPublicKeyInfo", ErrKey)
	}
	// One key, one encoding: keys are compared and hashed as bytes.
	again, err := x509.MarshalPKIXPublicKey(key)
	if err != nil || !bytes.Equal(again, spki) {
		return nil, fmt.Errorf("%w: not the canonical encoding", ErrKey)
	}
	return key, nil
}
