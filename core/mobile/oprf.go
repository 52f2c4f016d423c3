package mobile

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"

	"github.com/latchkey/latchkey/core/secret"
)

// ErrPoint says that a blinded or evaluated value is not an element of ristretto255, or the identity.
var ErrPoint = errors.New("mobile: not a usable point")

// pointSize is that of every element and scalar of ristretto255 (RFC 9496).
const pointSize = 32

// The suite is ristretto255 with SHA-512 in base mode: its arithmetic in circl is constant-time, that
// of the P curves is not. The verifiable mode would prove to the phone which key the appliance used;
// but the phone would have to keep the public key, and a wrong key only makes unwrapping fail.
func suite() oprf.Suite { return oprf.SuiteRistretto255 }

// NewOPRFKey draws the appliance's share for one device.
func NewOPRFKey() (secret.Secret, error) {
	key, err := oprf.GenerateKey(suite(), rand.Reader)
	if err != nil {
		return secret.Secret{}, fmt.Errorf("mobile: drawing a key: %w", err)
	}
	b, err := key.MarshalBinary()
	if err != nil {
		return secret.Secret{}, fmt.Errorf("mobile: encoding a key: %w", err)
	}
	return secret.FromBytes(b), nil
}

// Evaluate applies the device's share to a blinded PIN (RFC 9497, BlindEvaluate). A blinded value that is
// no element, not in its canonical encoding, or the identity is ErrPoint: the identity would give an
// answer that does not depend on the share.
func Evaluate(key secret.Secret, blinded []byte) ([]byte, error) {
	var private oprf.PrivateKey
	if err := private.UnmarshalBinary(suite(), []byte(key.Reveal())); err != nil {
		return nil, fmt.Errorf("mobile: the device's share is damaged: %w", err)
	}
	point, err := decode(blinded)
	if err != nil {
		return nil, err
	}
	done, err := oprf.NewServer(suite(), &private).Evaluate(&oprf.EvaluationRequest{Elements: []oprf.Blinded{point}})
	if err != nil {
		return nil, fmt.Errorf("mobile: evaluating: %w", err)
	}
	return done.Elements[0].MarshalBinaryCompress()
}

// Blinding is a PIN on its way: what the phone holds between Blind and Finalize. It must not be stored:
// with the appliance's answer it would tell a right PIN.
type Blinding struct {
	data    *oprf.FinalizeData
	blinded []byte
}

// Blinded is what goes to the appliance; it says nothing about the PIN.
func (b *Blinding) Blinded() []byte { return b.blinded }

// Blind hides an input (PIN.Input) behind a random scalar.
func Blind(input []byte) (*Blinding, error) {
	scalar := group.Ristretto255.RandomNonZeroScalar(rand.Reader)
	return blind(input, scalar)
}

func blind(input []byte, scalar group.Scalar) (*Blinding, error) {
	data, request, err := oprf.NewClient(suite()).DeterministicBlind([][]byte{input}, []oprf.Blind{scalar})
	if err != nil {
		return nil, fmt.Errorf("mobile: blinding: %w", err)
	}
	blinded, err := request.Elements[0].MarshalBinaryCompress()
	if err != nil {
		return nil, fmt.Errorf("mobile: blinding: %w", err)
	}
	return &Blinding{data, blinded}, nil
}

// Finalize takes the blinding off the appliance's answer: 64 bytes that depend on the PIN and on the
// appliance's share, and on nothing else. ErrPoint if the answer is none.
func (b *Blinding) Finalize(evaluated []byte) ([]byte, error) {
	point, err := decode(evaluated)
	if err != nil {
		return nil, err
	}
	out, err := oprf.NewClient(suite()).Finalize(b.data, &oprf.Evaluation{Elements: []oprf.Evaluated{point}})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPoint, err)
	}
	return out[0], nil
}

func decode(encoded []byte) (group.Element, error) {
	if len(encoded) != pointSize {
		return nil, ErrPoint
	}
	point := group.Ristretto255.NewElement()
	if err := point.UnmarshalBinary(encoded); err != nil || point.IsIdentity() {
		return nil, ErrPoint
	}
	// RFC 9496 section 4.3.1 has one encoding for each element.
	if again, err := point.MarshalBinaryCompress(); err != nil || string(again) != string(encoded) {
		return nil, ErrPoint
	}
	return point, nil
}
