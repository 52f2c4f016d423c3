package phone

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
)

// ErrBetween says that the appliance has other keys than this phone has sent: somebody stands between them.
// The device must not be activated.
var ErrBetween = errors.New("phone: somebody stands between this phone and the appliance; tell your administrator, and do not confirm the device")

// Enrol makes a device out of an invitation, as a URL or in its typed form (then Config.Origin says where).
// The PIN is judged first by what every appliance refuses, so that an invitation is not spent for nothing;
// if the appliance asks for more, the error is that of SetPIN, which ends the enrolment with another PIN.
// Called again with the same invitation after a crash or a lost reply, it goes on where it stopped.
//
// Errors: mobile.ErrInvitation, mobile.ErrPIN…, ErrEnrolled, ErrCertificate, ErrBetween, a *Problem such as
// InvitationVoid. Unless the device could not be made at all, the Phone is returned with the error.
func Enrol(ctx context.Context, config Config, invitation, name string, pin secret.Secret) (*Phone, error) {
	inv, err := parseInvitation(config, invitation)
	if err != nil {
		return nil, err
	}
	if err := mobile.CheckPIN(pin, mobile.PINDigitsLeast); err != nil {
		return nil, err
	}
	p := &Phone{config: config}
	if err := p.register(ctx, inv, name); err != nil {
		return nil, err
	}
	return p, p.SetPIN(ctx, pin)
}

func parseInvitation(config Config, text string) (mobile.Invitation, error) {
	text = strings.TrimSpace(text)
	if strings.Contains(text, "/") {
		return mobile.ParseInvitation(text)
	}
	inv, err := mobile.ParseTyped(text)
	if err != nil {
		return inv, err
	}
	inv.Origin = strings.TrimSuffix(config.Origin, "/")
	// The same rules as for a URL: https, a host, nothing else.
	if _, err := mobile.ParseInvitation(inv.URL().Reveal()); err != nil {
		return inv, fmt.Errorf("phone: a typed invitation needs the appliance's address: %w", err)
	}
	return inv, nil
}

// register spends the invitation. The device key is durable before the invitation leaves, because the appliance
// repeats its answer only to the same key.
func (p *Phone) register(ctx context.Context, inv mobile.Invitation, name string) error {
	release, err := p.config.Storage.Lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	s, err := read(p.config.Storage)
	switch {
	case errors.Is(err, ErrNotEnrolled):
		s = nil
	case err != nil:
		return err
	case s.enrolled() && s.Key == nil && bytes.Equal(s.Invitation, inv.ID[:]):
		p.connect(s)
		return nil
	case s.enrolled():
		return ErrEnrolled
	}
	if s == nil || !bytes.Equal(s.Invitation, inv.ID[:]) {
		if s, err = newState(inv, name); err != nil {
			return err
		}
		if err := write(p.config.Storage, s); err != nil {
			return err
		}
	}
	p.connect(s)
	key, err := s.deviceKey()
	if err != nil {
		return err
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return fmt.Errorf("phone: encoding the device key: %w", err)
	}
	proof, err := mobile.SignCall(key, mobile.Enrol(inv.ID, []byte(inv.Secret.Reveal()), spki))
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"invitation": s.Invitation, "secret": s.Secret, "device_key": mobile.Bytes(spki), "name": s.Name, "proof": mobile.Bytes(proof),
	})
	if err != nil {
		return fmt.Errorf("phone: enrolling: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Origin+enrolmentPath, nil)
	if err != nil {
		return fmt.Errorf("phone: enrolling: %w", err)
	}
	var reply struct {
		Device    mobile.DeviceID `json:"device"`
		User      string          `json:"user"`
		Appliance string          `json:"appliance"`
		PINDigits int             `json:"pin_digits"`
		Counter   uint64          `json:"counter"`
	}
	if err := p.exchange(request, body, &reply); err != nil {
		return err
	}
	s.Device, s.User, s.Appliance, s.PINDigits, s.Counter = reply.Device, reply.User, reply.Appliance, reply.PINDigits, reply.Counter
	if !s.enrolled() {
		return fmt.Errorf("%w: no device", ErrAnswer)
	}
	s.Secret, s.Name = nil, ""
	return write(p.config.Storage, s)
}

func newState(inv mobile.Invitation, name string) (*state, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("phone: making the device key: %w", err)
	}
	raw, err := key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("phone: making the device key: %w", err)
	}
	s := &state{
		Version: stateVersion, Origin: inv.Origin, DeviceKey: raw, Name: name,
		Invitation: inv.ID[:], Secret: mobile.Bytes(inv.Secret.Reveal()),
	}
	if inv.Pin != (mobile.Pin{}) {
		s.Pin = inv.Pin[:]
	}
	return s, nil
}

// SetPIN ends an enrolment: it makes the approval key and wraps it under the PIN. Enrol calls it; callers do
// only where Enrol did not come to an end.
func (p *Phone) SetPIN(ctx context.Context, pin secret.Secret) error {
	s, err := p.reconcile(ctx)
	if err != nil {
		return err
	}
	if s.Key != nil {
		return nil // the appliance had the key, and only its reply was lost
	}
	if err := mobile.CheckPIN(pin, s.PINDigits); err != nil {
		return err
	}
	turn, err := p.evaluate(ctx, s, pin, "setup", 0)
	if err != nil {
		return err
	}
	defer clear(turn.wrapping)
	key, spki, err := newApprovalKey()
	if err != nil {
		return err
	}
	signature, err := mobile.SignApproval(key, mobile.Key(s.Device, turn.Evaluation, turn.Nonce, spki))
	if err != nil {
		return err
	}
	var reply struct {
		State     string `json:"state"`
		CheckCode string `json:"check_code"`
	}
	sealed, err := mobile.Wrap(s.Device, turn.wrapping, key)
	if err != nil {
		return err
	}
	err = p.offer(ctx, wrapped{1, sealed}, "key", map[string]any{
		"evaluation": turn.Evaluation, "approval_key": mobile.Bytes(spki), "signature": mobile.Bytes(signature),
	}, &reply)
	if err != nil {
		return err
	}
	return p.compare(s, turn.Nonce, spki, reply.State, reply.CheckCode)
}

// compare makes the check code from this phone's own keys and holds the appliance's against it.
func (p *Phone) compare(s *state, nonce mobile.Nonce, approvalKey []byte, standing, told string) error {
	if standing == "active" {
		return nil
	}
	key, err := s.deviceKey()
	if err != nil {
		return err
	}
	deviceKey, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return fmt.Errorf("phone: encoding the device key: %w", err)
	}
	code := mobile.CheckCode(s.Device, nonce, deviceKey, approvalKey)
	if code != told {
		return ErrBetween
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checkCode = code
	return nil
}
