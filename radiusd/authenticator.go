package radiusd

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5" // #nosec: RADIUS knows no other (RFC 2865 section 3, RFC 2869 section 5.14)
	"crypto/subtle"
	"hash"
	"sync"
	"unicode/utf8"

	"github.com/latchkey/latchkey/core/secret"
)

// signer is one shared secret, ready for use: its HMAC keys are computed once and kept
// inside pooled hashes, which is half of the work for a small packet.
type signer struct {
	secret []byte
	macs   sync.Pool
}

// mac is a keyed hash with room for its sum, so that neither is allocated for a packet.
type mac struct {
	hash.Hash
	sum [16]byte
}

func newSigner(s secret.Secret) *signer {
	key := []byte(s.Reveal())
	return &signer{secret: key, macs: sync.Pool{New: func() any {
		return &mac{Hash: hmac.New(md5.New, key)}
	}}}
}

var zeros [16]byte

// message computes the Message-Authenticator of raw, whose value stands (or will stand) at
// offset at: HMAC-MD5 over the packet with that value as zeros. For a reply the caller has
// put the authenticator of the request into the header (RFC 2869 section 5.14).
func (s *signer) message(raw []byte, at int) [16]byte {
	m := s.macs.Get().(*mac)
	m.Reset()
	m.Write(raw[:at])
	m.Write(zeros[:])
	m.Write(raw[at+16:])
	m.Sum(m.sum[:0])
	sum := m.sum
	s.macs.Put(m)
	return sum
}

// signed tells whether the packet's Message-Authenticator was made with this secret.
func (s *signer) signed(p *packet) bool {
	sum := s.message(p.raw, p.message)
	return subtle.ConstantTimeCompare(sum[:], p.raw[p.message:p.message+16]) == 1
}

// seal fills in what a reply is proven by. The header of raw holds the authenticator of the
// request; at is the offset of the Message-Authenticator's value, 0 where there is none.
// The Response Authenticator covers the Message-Authenticator and so comes last.
func (s *signer) seal(raw []byte, at int) {
	if at != 0 {
		sum := s.message(raw, at)
		copy(raw[at:], sum[:])
	}
	var space [512]byte
	sum := md5.Sum(append(append(space[:0], raw...), s.secret...))
	copy(raw[4:headerLength], sum[:])
}

// password decrypts a User-Password (RFC 2865 section 5.2) into space, padding included.
func (s *signer) password(space []byte, hidden, authenticator []byte) []byte {
	var room [256]byte
	block := append(room[:0], s.secret...)
	plain, before := space[:0], authenticator
	for ; len(hidden) >= 16; hidden = hidden[16:] {
		mask := md5.Sum(append(block, before...))
		for i, m := range mask {
			plain = append(plain, hidden[i]^m)
		}
		before = hidden[:16]
	}
	return plain
}

// unpadded cuts the zeros that fill a password up to a multiple of 16. It tells whether what
// it found can be a password at all: UTF-8 and then nothing but zeros. The decryption by a
// wrong secret yields noise, which is not.
func unpadded(plain []byte) (password []byte, plausible bool) {
	end := len(plain)
	for end > 0 && plain[end-1] == 0 {
		end--
	}
	password = plain[:end]
	return password, utf8.Valid(password) && bytes.IndexByte(password, 0) < 0
}
