// Package token seals the proof that an attempt has come this far: RADIUS carries it in
// State, PAM and the web carry the same. A token holds no secret of the user and decides
// nothing by itself: core reads user, locks and challenge again in the transaction that
// accepts.
//
// The package must never know stores, users' names or what a challenge asks.
package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"sync"
	"time"
)

// Kind is what the token continues. The zero value is none.
type Kind uint8

// The kinds of challenge.
const (
	PINphrase Kind = 1 // positions of an answer
	CodeWord  Kind = 2 // positions of the code word
	Code      Kind = 3 // a temporary code alone
	Decoy     Kind = 4 // nothing: any reply is wrong
	App       Kind = 5 // a pending that waits for the phone
	AppDecoy  Kind = 6 // no pending: a symbol that no phone will confirm
)

// Claims is a token's content, of fixed length whatever the user's name.
type Claims struct {
	Kind      Kind
	Door      uint8
	First     bool // the first factor was checked and right
	Form      uint8
	Round     uint8
	Origin    [16]byte // keyed hash of the NAS's or host's name, the service and the source
	User      [12]byte
	Epoch     uint64
	Challenge [8]byte
	Policy    [8]byte // hash of what decides a login in the policy
	Expires   time.Time
}

const (
	version  = 1
	header   = 3 // version, day
	nonceLen = 12
	bodyLen  = 5 + 16 + 12 + 8 + 8 + 8 + 8
	tagLen   = 16
	// Length of every sealed token in bytes of ASCII: under the 253 of a RADIUS State.
	Length = ((header+nonceLen+bodyLen+tagLen)*8 + 4) / 5
)

var (
	// ErrForged: it was not sealed with a key that is valid now, or was changed.
	ErrForged = errors.New("token: does not open")
	// ErrExpired: its time is over.
	ErrExpired = errors.New("token: expired")
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Sealer seals and opens. Its key changes every day (UTC) without being stored: it is
// derived from the day's number, so that every node has the same. Yesterday's key opens
// as long as a token of yesterday may live. It is safe for concurrent use.
type Sealer struct {
	derive func(day uint16) []byte // 32 bytes
	mu     sync.RWMutex
	aeads  map[uint16]cipher.AEAD // today's and yesterday's
}

// NewSealer makes a Sealer from a function that derives the 32-byte key of a day.
func NewSealer(derive func(day uint16) []byte) *Sealer {
	return &Sealer{derive: derive, aeads: map[uint16]cipher.AEAD{}}
}

func day(now time.Time) uint16 { return uint16(now.Unix() / 86400) }

func (s *Sealer) aead(d uint16) cipher.AEAD {
	s.mu.RLock()
	a := s.aeads[d]
	s.mu.RUnlock()
	if a != nil {
		return a
	}
	block, err := aes.NewCipher(s.derive(d))
	if err != nil {
		panic("token: " + err.Error()) // only a wrong key length can do this
	}
	if a, err = cipher.NewGCM(block); err != nil {
		panic("token: " + err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for old := range s.aeads {
		if old != d-1 && old != d+1 {
			delete(s.aeads, old)
		}
	}
	s.aeads[d] = a
	return a
}

// Seal gives the token's ASCII form: base32 of AES-256-GCM, Length bytes.
func (s *Sealer) Seal(now time.Time, c Claims) string {
	var raw [header + nonceLen + bodyLen + tagLen]byte
	raw[0] = version
	d := day(now)
	binary.BigEndian.PutUint16(raw[1:], d)
	nonce := raw[header : header+nonceLen]
	_, _ = rand.Read(nonce) // never fails: crypto/rand aborts the process instead
	var body [bodyLen]byte
	encode(&body, c)
	s.aead(d).Seal(raw[:header+nonceLen], nonce, body[:], raw[:header])
	out := make([]byte, Length)
	encoding.Encode(out, raw[:])
	return string(out)
}

// Open gives the claims of a token that Seal made, or ErrForged or ErrExpired. Of a token
// that has expired it gives the claims too, for the log.
func (s *Sealer) Open(now time.Time, text string) (Claims, error) {
	if len(text) != Length {
		return Claims{}, ErrForged
	}
	var raw [header + nonceLen + bodyLen + tagLen]byte
	if n, err := encoding.Decode(raw[:], []byte(text)); err != nil || n != len(raw) || raw[0] != version {
		return Claims{}, ErrForged
	}
	// Base32's last character carries spare bits: one token has one spelling.
	var canonical [Length]byte
	encoding.Encode(canonical[:], raw[:])
	if string(canonical[:]) != text {
		return Claims{}, ErrForged
	}
	d := binary.BigEndian.Uint16(raw[1:])
	if today := day(now); d != today && d != today-1 {
		return Claims{}, ErrForged
	}
	body, err := s.aead(d).Open(nil, raw[header:header+nonceLen], raw[header+nonceLen:], raw[:header])
	if err != nil {
		return Claims{}, ErrForged
	}
	c := decode(body)
	if !now.Before(c.Expires) {
		return c, ErrExpired
	}
	return c, nil
}

func encode(b *[bodyLen]byte, c Claims) {
	b[0], b[1], b[3], b[4] = byte(c.Kind), c.Door, c.Form, c.Round
	if c.First {
		b[2] = 1
	}
	at := 5
	put := func(p []byte) { at += copy(b[at:], p) }
	put(c.Origin[:])
	put(c.User[:])
	binary.BigEndian.PutUint64(b[at:], c.Epoch)
	at += 8
	put(c.Challenge[:])
	put(c.Policy[:])
	binary.BigEndian.PutUint64(b[at:], uint64(c.Expires.UnixMilli()))
}

func decode(b []byte) Claims {
	c := Claims{Kind: Kind(b[0]), Door: b[1], First: b[2] == 1, Form: b[3], Round: b[4]}
	at := 5
	get := func(p []byte) { at += copy(p, b[at:]) }
	get(c.Origin[:])
	get(c.User[:])
	c.Epoch = binary.BigEndian.Uint64(b[at:])
	at += 8
	get(c.Challenge[:])
	get(c.Policy[:])
	c.Expires = time.UnixMilli(int64(binary.BigEndian.Uint64(b[at:])))
	return c
}
