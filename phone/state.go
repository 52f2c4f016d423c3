package phone

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/latchkey/latchkey/core/mobile"
)

var (
	// ErrNotEnrolled says that there is no device in the storage, or one whose enrolment has not come far enough.
	ErrNotEnrolled = errors.New("phone: not enrolled")
	// ErrEnrolled says that there is a device in the storage already.
	ErrEnrolled = errors.New("phone: this state has a device already (remove it, or take another file)")
	// ErrState says that the state is damaged, or of a later version.
	ErrState = errors.New("phone: the state cannot be read")
	// ErrNoPIN says that the enrolment stopped before a PIN was set: SetPIN ends it.
	ErrNoPIN = errors.New("phone: no PIN is set yet")
)

const stateVersion = 1

// state is what a device keeps. What is NOT in it matters more: see the package's comment.
type state struct {
	Version   int             `json:"version"`
	Origin    string          `json:"origin"`
	Pin       mobile.Bytes    `json:"pin,omitempty"` // of the certificate
	Device    mobile.DeviceID `json:"device"`
	User      string          `json:"user,omitempty"`
	Appliance string          `json:"appliance,omitempty"`
	PINDigits int             `json:"pin_digits,omitempty"`
	Counter   uint64          `json:"counter"`
	// DeviceKey is the private scalar alone.
	DeviceKey mobile.Bytes `json:"device_key"`
	// Invitation is there, with the name, until the appliance has answered: a lost reply is asked for again.
	Invitation mobile.Bytes `json:"invitation,omitempty"`
	Secret     mobile.Bytes `json:"secret,omitempty"`
	Name       string       `json:"name,omitempty"`
	// Key opens under the PIN with the appliance's share. Next is one that the appliance has perhaps taken.
	Key  *wrapped `json:"key,omitempty"`
	Next *wrapped `json:"next,omitempty"`
}

type wrapped struct {
	Generation uint64       `json:"generation"`
	Wrapped    mobile.Bytes `json:"wrapped"`
}

func (s *state) enrolled() bool { return s.Device != mobile.DeviceID{} }

func (s *state) deviceKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), s.DeviceKey)
	if err != nil {
		return nil, fmt.Errorf("%w: the device key", ErrState)
	}
	return key, nil
}

// read is called with the lock held.
func read(storage Storage) (*state, error) {
	b, err := storage.Read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNotEnrolled, err)
	}
	if err != nil {
		return nil, err
	}
	s := new(state)
	// The decoder's errors may quote the text, which is secret.
	if json.Unmarshal(b, s) != nil || s.Version != stateVersion || len(s.Pin) != 0 && len(s.Pin) != len(mobile.Pin{}) {
		return nil, ErrState
	}
	if _, err := s.deviceKey(); err != nil {
		return nil, err
	}
	return s, nil
}

// write is called with the lock held, and is durable when it returns.
func write(storage Storage, s *state) error {
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return fmt.Errorf("phone: encoding the state: %w", err)
	}
	return storage.Write(append(b, '\n'))
}

// look reads the state.
func (p *Phone) look(ctx context.Context) (*state, error) {
	release, err := p.config.Storage.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return read(p.config.Storage)
}
