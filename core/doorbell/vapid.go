package doorbell

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Keys are the pair by which push services know the appliance again (RFC 8292 section 2). A phone subscribes for one
// public key: with another pair, every subscription is void.
type Keys struct {
	private *ecdsa.PrivateKey
	public  []byte
}

// FromSeed derives the pair from 32 secret bytes; the same seed gives the same pair for ever, so that whoever can derive
// a seed has nothing to store.
func FromSeed(seed []byte) (*Keys, error) {
	if len(seed) != 32 {
		return nil, errors.New("doorbell: a seed of VAPID keys has 32 bytes")
	}
	// FIPS 186-5 appendix A.2.1: 64 bits more than the order has, so that no scalar is likelier than another.
	wide, err := hkdf.Expand(sha256.New, seed, "latchkey VAPID P-256 v1", 40)
	if err != nil {
		return nil, fmt.Errorf("doorbell: %w", err)
	}
	one := big.NewInt(1)
	last := new(big.Int).Sub(elliptic.P256().Params().N, one)
	scalar := new(big.Int).SetBytes(wide)
	scalar.Mod(scalar, last).Add(scalar, one)

	k := &Keys{}
	if k.private, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar.FillBytes(make([]byte, 32))); err != nil {
		return nil, fmt.Errorf("doorbell: %w", err)
	}
	if k.public, err = k.private.PublicKey.Bytes(); err != nil {
		return nil, fmt.Errorf("doorbell: %w", err)
	}
	return k, nil
}

// Public is the public key as a browser wants it for `applicationServerKey`: an uncompressed point in base64url, 87
// letters.
func (k *Keys) Public() string { return base64.RawURLEncoding.EncodeToString(k.public) }

// Format implements fmt.Formatter: every verb prints the public key only.
func (k *Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "VAPID "+k.Public()) }

// LogValue implements slog.LogValuer.
func (k *Keys) LogValue() slog.Value { return slog.StringValue("VAPID " + k.Public()) }

// A token is good for twelve hours, half of what RFC 8292 section 2 allows, so that a clock may be wrong by some; and
// is made anew when half of that is over.
const (
	tokenFor   = 12 * time.Hour
	renewUnder = 6 * time.Hour
	maxTokens  = 256 // "*." entries have many origins
)

type token struct {
	header string
	until  time.Time
}

// vapid signs who rings, once for each origin and half of a token's life.
type vapid struct {
	keys    *Keys
	contact string
	now     func() time.Time

	mu     sync.Mutex
	tokens map[string]token
}

// header gives the value of Authorization for an origin (RFC 8292 section 3).
func (v *vapid) header(origin string) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	// The upper bound is for a clock that was put back: no token may run for more than a day.
	if t, ok := v.tokens[origin]; ok {
		if left := t.until.Sub(now); left > renewUnder && left <= tokenFor {
			return t.header, nil
		}
	}
	until := now.Add(tokenFor)
	jwt, err := v.sign(origin, until)
	if err != nil {
		return "", err
	}
	if len(v.tokens) >= maxTokens {
		clear(v.tokens)
	}
	t := token{"vapid t=" + jwt + ", k=" + v.keys.Public(), until}
	v.tokens[origin] = t
	return t.header, nil
}

// sign makes a JWT in JWS compact form with ES256: the signature is r and s, 32 bytes each (RFC 7518 section 3.4).
func (v *vapid) sign(origin string, until time.Time) (string, error) {
	claims, err := json.Marshal(struct {
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
		Subject  string `json:"sub"`
	}{origin, until.Unix(), v.contact})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	hash := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, v.keys.private, hash[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature[:]), nil
}

// checkContact judges what stands as `sub` in every token (RFC 8292 section 2.1). Apple's service refuses tokens whose
// contact is at localhost, and does not say why.
func checkContact(contact string) error {
	host := ""
	if address, ok := strings.CutPrefix(contact, "mailto:"); ok {
		if a, err := mail.ParseAddress(address); err == nil && a.Address == address {
			host = address[strings.LastIndexByte(address, '@')+1:]
		}
	} else if u, err := url.Parse(contact); err == nil && u.Scheme == "https" && u.User == nil {
		host = u.Hostname()
	}
	host = strings.ToLower(host)
	if len(contact) > 256 || !isName(host) || !strings.Contains(host, ".") || reserved(host) {
		return fmt.Errorf(`%w: contact %q: give an address that a push service can reach you at, as "mailto:NAME@DOMAIN" or "https://HOST/…"`, ErrConfig, contact)
	}
	return nil
}

// reserved: names that lead nowhere (RFC 6761, RFC 6762).
func reserved(host string) bool {
	switch host[strings.LastIndexByte(host, '.')+1:] {
	case "localhost", "local", "test", "invalid":
		return true
	}
	return false
}
