package fleet

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
)

// InvitationID names an invitation: 16 hex digits in lists; it is no secret.
type InvitationID [8]byte

// String gives 16 lower-case hex digits.
func (id InvitationID) String() string { return hex.EncodeToString(id[:]) }

// SecretSize is the length of what makes an invitation one.
const SecretSize = 16

// ErrInvitation says that a text is no invitation for a host.
var ErrInvitation = errors.New("fleet: not an invitation for a host")

// invitationPath differs from that of phones, so that the two cannot be taken for each other.
const invitationPath = "/host#"

const (
	invitationVersion = 1
	invitationSize    = 1 + 8 + SecretSize
)

// Invitation is what an administrator hands to a machine so that it can become a host, once.
type Invitation struct {
	Origin string // the appliance's, such as https://latchkey.example.org:8443
	ID     InvitationID
	Secret secret.Secret // SecretSize bytes
	// Pin is the certificate that the host is to trust; zero: one of an authority that every platform trusts.
	Pin mobile.Pin
}

// NewInvitation draws one for an appliance at origin.
func NewInvitation(origin string, pin mobile.Pin) (Invitation, error) {
	if !isOrigin(origin) {
		return Invitation{}, errors.New("fleet: an origin is https://HOST or https://HOST:PORT")
	}
	inv := Invitation{Origin: origin, Pin: pin}
	b := make([]byte, SecretSize)
	_, _ = rand.Read(b) // never fails
	_, _ = rand.Read(inv.ID[:])
	inv.Secret = secret.FromBytes(b)
	return inv, nil
}

// URL is the invitation as it is handed over. Its secret stands in the fragment, so it is a secret as a whole.
func (inv Invitation) URL() secret.Secret {
	b := append(make([]byte, 0, invitationSize), invitationVersion)
	b = append(append(b, inv.ID[:]...), inv.Secret.Reveal()...)
	text := inv.Origin + invitationPath + "i=" + base64.RawURLEncoding.EncodeToString(b)
	if inv.Pin != (mobile.Pin{}) {
		text += "&c=" + base64.RawURLEncoding.EncodeToString(inv.Pin[:])
	}
	return secret.New(text)
}

// ParseInvitation reads what URL gave, strictly. Its errors wrap ErrInvitation and show nothing of it.
func ParseInvitation(text string) (Invitation, error) {
	origin, fragment, ok := strings.Cut(text, invitationPath)
	if !ok && strings.Contains(text, mobile.AppPath+"#") {
		return Invitation{}, fmt.Errorf("%w: it is one for a phone", ErrInvitation)
	}
	if !ok || !isOrigin(origin) {
		return Invitation{}, fmt.Errorf("%w: it begins with https://HOST:PORT%s", ErrInvitation, invitationPath)
	}
	inv := Invitation{Origin: origin}
	invited, pin, pinned := strings.Cut(fragment, "&c=")
	invited, ok = strings.CutPrefix(invited, "i=")
	b, err := decode64(invited)
	switch {
	case !ok || err != nil || len(b) != invitationSize:
		return Invitation{}, fmt.Errorf("%w: it is cut off, or has a slip", ErrInvitation)
	case b[0] != invitationVersion:
		return Invitation{}, fmt.Errorf("%w of a version known here", ErrInvitation)
	}
	copy(inv.ID[:], b[1:])
	inv.Secret = secret.FromBytes(b[1+len(inv.ID):])
	if pinned {
		b, err := decode64(pin)
		if err != nil || len(b) != len(inv.Pin) || mobile.Pin(b) == (mobile.Pin{}) {
			return Invitation{}, fmt.Errorf("%w: it is cut off, or has a slip", ErrInvitation)
		}
		inv.Pin = mobile.Pin(b)
	}
	return inv, nil
}

func decode64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return nil, ErrInvitation
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Scheme+"://"+u.Host == text
}
