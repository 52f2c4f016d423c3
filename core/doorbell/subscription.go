package doorbell

import (
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

var (
	// ErrSubscription: not the JSON of a PushSubscription, or more of it than any browser makes.
	ErrSubscription = errors.New("doorbell: not a push subscription")
	// ErrEndpoint: the endpoint is not an https address of a named host.
	ErrEndpoint = errors.New("doorbell: the endpoint of a push subscription must be https, at a named host, without user or fragment")
	// ErrNotListed: no entry of the allow-list covers the endpoint's host and port.
	ErrNotListed = errors.New("doorbell: this push service is not on the list")
	// ErrKeys: p256dh is no point on P-256, or auth is not 16 bytes.
	ErrKeys = errors.New("doorbell: the keys of a push subscription are not usable")
	// ErrExpired: the subscription itself says that it has ended.
	ErrExpired = errors.New("doorbell: the push subscription has expired")
)

// The longest that are taken. Endpoints of the browsers' makers have 150 to 800 bytes.
const (
	maxSubscription = 4096
	maxEndpoint     = 2048
)

// subscription is a vetted PushSubscription.
type subscription struct {
	endpoint string // a secret: whoever has it may ring, as far as the push service lets them
	host     string // the only part that may be logged
	origin   string // RFC 6454, for the signature
	service  service
	key      *ecdh.PublicKey
	auth     []byte
	until    float64 // milliseconds since 1970; 0: no end
}

// parse reads and judges a subscription. Members that it does not know are let be: the document is the browser's.
func (b *Bell) parse(raw []byte) (subscription, error) {
	var in struct {
		Endpoint       string   `json:"endpoint"`
		ExpirationTime *float64 `json:"expirationTime"`
		Keys           struct {
			P256dh string `json:"p256dh"`
			Auth   string `json:"auth"`
		} `json:"keys"`
	}
	// An error of the decoder may quote what it read, so it is not passed on.
	if len(raw) > maxSubscription || json.Unmarshal(raw, &in) != nil {
		return subscription{}, ErrSubscription
	}
	s := subscription{endpoint: in.Endpoint}
	if in.ExpirationTime != nil {
		s.until = *in.ExpirationTime
	}
	if err := s.locate(b); err != nil {
		return subscription{}, err
	}
	point, err := unbase64(in.Keys.P256dh)
	if err != nil {
		return subscription{}, ErrKeys
	}
	// Uncompressed and on the curve: NewPublicKey takes nothing else (RFC 8291 section 3.1).
	if s.key, err = ecdh.P256().NewPublicKey(point); err != nil {
		return subscription{}, ErrKeys
	}
	if s.auth, err = unbase64(in.Keys.Auth); err != nil || len(s.auth) != 16 {
		return subscription{}, ErrKeys
	}
	return s, nil
}

func (s *subscription) locate(b *Bell) error {
	u, err := url.Parse(s.endpoint)
	if err != nil || len(s.endpoint) > maxEndpoint || u.Scheme != "https" || u.Opaque != "" || u.User != nil || strings.Contains(s.endpoint, "#") {
		return ErrEndpoint
	}
	s.host = strings.ToLower(u.Hostname())
	if !isName(s.host) {
		return ErrEndpoint
	}
	port := u.Port()
	if port == "" {
		if strings.HasSuffix(u.Host, ":") {
			return ErrEndpoint
		}
		port = "443"
	}
	var listed bool
	if s.service, listed = b.serviceOf(s.host, port); !listed {
		return fmt.Errorf("%w: %s", ErrNotListed, s.host)
	}
	s.origin = "https://" + s.host
	if port != "443" {
		s.origin += ":" + port
	}
	return nil
}

func (s *subscription) expired(now time.Time) bool {
	return s.until != 0 && float64(now.UnixMilli()) >= s.until
}

// id names a subscription without telling its endpoint.
func (s *subscription) id() [32]byte { return sha256.Sum256([]byte(s.endpoint)) }

// unbase64 reads base64url; some clients pad it.
func unbase64(text string) ([]byte, error) {
	return base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
}
