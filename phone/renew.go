package phone

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
)

// Renew makes a new approval key under the same PIN; the appliance replaces the old one. It may be done at any
// time. If its reply is lost, the next use of the phone finds out which key the appliance has.
func (p *Phone) Renew(ctx context.Context, pin secret.Secret) error {
	return p.renew(ctx, pin, nil)
}

// ChangePIN makes a new approval key under a new PIN, with a new share of the appliance: whoever has copied the
// state before, and learns the old PIN later, has nothing. The old PIN costs a try like any other; the new
// one is judged (mobile.ErrPIN…) before anything is asked of the appliance.
func (p *Phone) ChangePIN(ctx context.Context, old, pin secret.Secret) error {
	s, err := p.look(ctx)
	if err != nil {
		return err
	}
	if err := mobile.CheckPIN(pin, s.PINDigits); err != nil {
		return err
	}
	return p.renew(ctx, old, &pin)
}

func (p *Phone) renew(ctx context.Context, pin secret.Secret, next *secret.Secret) error {
	s, t, old, err := p.unlock(ctx, pin)
	if err != nil {
		return err
	}
	defer clear(t.wrapping)
	signature, err := mobile.SignApproval(old, mobile.RenewBegin(s.Device, t.Evaluation, t.Nonce))
	if err != nil {
		return err
	}
	var begun struct {
		Nonce      mobile.Nonce `json:"nonce"`
		Generation uint64       `json:"generation"`
	}
	err = p.call(ctx, "renew/begin", map[string]any{
		"evaluation": t.Evaluation, "signature": mobile.Bytes(signature), "new_pin": next != nil,
	}, &begun)
	if err != nil {
		return err
	}
	wrapping := t.wrapping
	if next != nil {
		t, err := p.evaluate(ctx, s, *next, "next", 0)
		if err != nil {
			return err
		}
		defer clear(t.wrapping)
		wrapping = t.wrapping
	}
	key, spki, err := newApprovalKey()
	if err != nil {
		return err
	}
	sealed, err := mobile.Wrap(s.Device, wrapping, key)
	if err != nil {
		return err
	}
	message := mobile.Renew(s.Device, begun.Generation, begun.Nonce, spki)
	signedOld, err := mobile.SignApproval(old, message)
	if err != nil {
		return err
	}
	signedNew, err := mobile.SignApproval(key, message)
	if err != nil {
		return err
	}
	return p.offer(ctx, wrapped{begun.Generation + 1, sealed}, "renew", map[string]any{
		"generation": begun.Generation, "nonce": begun.Nonce, "approval_key": mobile.Bytes(spki),
		"signature_old": mobile.Bytes(signedOld), "signature_new": mobile.Bytes(signedNew),
	}, &struct{}{})
}

func newApprovalKey() (*rsa.PrivateKey, []byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, mobile.ApprovalKeyBits)
	if err != nil {
		return nil, nil, fmt.Errorf("phone: making the approval key: %w", err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("phone: encoding the approval key: %w", err)
	}
	return key, spki, nil
}

// ErrUnsettled says that another process was cut off while it renewed the key, just now: try again.
var ErrUnsettled = errors.New("phone: another renewal is not settled yet; try again")

// offer makes the call by which the appliance takes an approval key. The key is kept, wrapped, beside the present
// one, and durably so before the call leaves, because the appliance may take it without our hearing so.
// The lock is held throughout: nobody else may find the key beside and judge it before the call has arrived.
func (p *Phone) offer(ctx context.Context, next wrapped, op string, in, out any) error {
	release, err := p.config.Storage.Lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	s, err := read(p.config.Storage)
	if err != nil {
		return err
	}
	if s.Next != nil {
		return ErrUnsettled
	}
	s.Next = &next
	if err := write(p.config.Storage, s); err != nil {
		return err
	}
	err = p.held(ctx, op, in, out)
	var refused *Problem
	switch {
	case err == nil:
		return p.settle(next.Generation)
	case errors.As(err, &refused) && refused.Code != Busy && refused.Code != TooManyCalls:
		return errors.Join(err, p.settle(0))
	default:
		return err // perhaps it was taken: reconcile finds out
	}
}

// settle makes the key beside the present one if it is of this generation, and drops it if not. The lock is held.
func (p *Phone) settle(generation uint64) error {
	s, err := read(p.config.Storage)
	if err != nil {
		return err
	}
	if s.Next != nil && s.Next.Generation == generation {
		s.Key, s.Invitation = s.Next, nil
	}
	s.Next = nil
	return write(p.config.Storage, s)
}

// reconcile finds out where an offer stands that was cut off, and gives the state as it is then.
func (p *Phone) reconcile(ctx context.Context) (*state, error) {
	release, err := p.config.Storage.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	s, err := read(p.config.Storage)
	if err != nil || s.Next == nil {
		return s, err
	}
	var status Status
	if err := p.held(ctx, "hello", struct{}{}, &status); err != nil {
		return nil, err
	}
	if err := p.settle(status.Generation); err != nil {
		return nil, err
	}
	return read(p.config.Storage)
}
