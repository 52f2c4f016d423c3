package mobile

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/latchkey/latchkey/core/secret"
)

// InvitationID names an invitation: 16 hex digits in lists; it is no secret.
type InvitationID [8]byte

// String gives 16 lower-case hex digits.
func (id InvitationID) String() string { return hex.EncodeToString(id[:]) }

// InvitationSecretSize is the length of what makes an invitation one.
const InvitationSecretSize = 16

// AppPath is where the app stands, and so what an invitation's URL leads to.
const AppPath = "/app/"

// ErrInvitation says that a text is no invitation, or a mistyped one.
var ErrInvitation = errors.New("mobile: not an invitation")

// Pin is the SHA-256 of the SubjectPublicKeyInfo of a certificate: of the local authority's, or of
// the appliance's own.
type Pin [32]byte

// PinOf is a certificate's pin.
func PinOf(certificate *x509.Certificate) Pin {
	return sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
}

// Invitation is what an administrator hands to a user so that a phone can enrol, once.
type Invitation struct {
	// Origin is the appliance's, such as https://vpn.example.org:8443; empty if the invitation was typed.
	Origin string
	ID     InvitationID
	Secret secret.Secret // InvitationSecretSize bytes
	// Pin is the certificate that the phone is to trust; zero: whatever its platform trusts.
	Pin Pin
}

// NewInvitation draws one for an appliance at origin.
func NewInvitation(origin string, pin Pin) (Invitation, error) {
	if err := checkOrigin(origin); err != nil {
		return Invitation{}, err
	}
	inv := Invitation{Origin: origin, Pin: pin}
	b := make([]byte, InvitationSecretSize)
	_, _ = rand.Read(b) // never fails
	_, _ = rand.Read(inv.ID[:])
	inv.Secret = secret.FromBytes(b)
	return inv, nil
}

const (
	invitationVersion = 1
	invitationSize    = 1 + 8 + InvitationSecretSize
	checksumSize      = 3
	typedGroup        = 5
)

func (inv Invitation) encode() []byte {
	b := append(make([]byte, 0, invitationSize), invitationVersion)
	return append(append(b, inv.ID[:]...), inv.Secret.Reveal()...)
}

func (inv *Invitation) decode(b []byte) error {
	if len(b) != invitationSize {
		return fmt.Errorf("%w: %d bytes instead of %d", ErrInvitation, len(b), invitationSize)
	}
	if b[0] != invitationVersion {
		return fmt.Errorf("%w of a version known here", ErrInvitation)
	}
	copy(inv.ID[:], b[1:])
	inv.Secret = secret.FromBytes(b[1+len(inv.ID):])
	return nil
}

// URL is the invitation for a QR code or a link. Its secret stands in the fragment, which no browser sends to
// any server; so it is a secret as a whole.
func (inv Invitation) URL() secret.Secret {
	text := inv.Origin + AppPath + "#i=" + base64.RawURLEncoding.EncodeToString(inv.encode())
	if inv.Pin != (Pin{}) {
		text += "&c=" + base64.RawURLEncoding.EncodeToString(inv.Pin[:])
	}
	return secret.New(text)
}

// ParseInvitation reads an invitation's URL, strictly: https, no user, no query, the app's path, and a
// fragment of i and perhaps c, each once and in this order. ErrInvitation otherwise; the error shows nothing of it.
func ParseInvitation(text string) (Invitation, error) {
	var inv Invitation
	origin, fragment, ok := strings.Cut(text, AppPath+"#")
	if !ok {
		return inv, fmt.Errorf("%w: no %s# in it", ErrInvitation, AppPath)
	}
	if err := checkOrigin(origin); err != nil {
		return inv, fmt.Errorf("%w: %w", ErrInvitation, err)
	}
	inv.Origin = origin
	invited, pin, pinned := strings.Cut(fragment, "&c=")
	invited, ok = strings.CutPrefix(invited, "i=")
	if !ok {
		return Invitation{}, fmt.Errorf("%w: it does not begin with i=", ErrInvitation)
	}
	b, err := decode64(invited)
	if err != nil {
		return Invitation{}, fmt.Errorf("%w: i is not base64url", ErrInvitation)
	}
	if err := inv.decode(b); err != nil {
		return Invitation{}, err
	}
	if pinned {
		b, err := decode64(pin)
		if err != nil || len(b) != len(inv.Pin) || Pin(b) == (Pin{}) {
			return Invitation{}, fmt.Errorf("%w: c is not a pin", ErrInvitation)
		}
		inv.Pin = Pin(b)
	}
	return inv, nil
}

func decode64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return nil, ErrSyntax
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Scheme+"://"+u.Host != origin {
		return errors.New("mobile: an origin is https://HOST or https://HOST:PORT")
	}
	return nil
}

// Typed is the invitation for a keyboard, without origin and pin: nine groups of five letters and digits
// (RFC 4648 base32), the last ones a checksum that finds a slip before it reaches the appliance.
func (inv Invitation) Typed() secret.Secret {
	b := inv.encode()
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(append(b, checksum(b)...))
	var groups []string
	for ; len(text) > typedGroup; text = text[typedGroup:] {
		groups = append(groups, text[:typedGroup])
	}
	return secret.New(strings.Join(append(groups, text), "-"))
}

// ParseTyped reads what Typed gave: in any case, with or without hyphens and spaces, and with the digits 0, 1
// and 8, which are not in it, for O, I and B. ErrInvitation otherwise.
func ParseTyped(text string) (Invitation, error) {
	var inv Invitation
	text = strings.NewReplacer("-", "", " ", "", "0", "O", "1", "I", "8", "B").Replace(strings.ToUpper(text))
	if strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return inv, fmt.Errorf("%w: more than one line", ErrInvitation)
	}
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil || len(b) != invitationSize+checksumSize {
		return inv, fmt.Errorf("%w: it has nine groups of five letters and digits", ErrInvitation)
	}
	if base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b) != text {
		return inv, fmt.Errorf("%w: a slip in the last letter", ErrInvitation)
	}
	b, sum := b[:invitationSize], b[invitationSize:]
	if subtle.ConstantTimeCompare(sum, checksum(b)) != 1 {
		return inv, fmt.Errorf("%w: a letter is wrong", ErrInvitation)
	}
	err = inv.decode(b)
	return inv, err
}

func checksum(b []byte) []byte {
	sum := sha256.Sum256(Frame("latchkey/v1/invitation", b))
	return sum[:checksumSize]
}
