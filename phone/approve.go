package phone

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
)

// Pending is a login that waits for the phone. Everything in it is to be shown to the user.
type Pending struct {
	ID      mobile.PendingID `json:"id"`
	Kind    Kind             `json:"kind"`
	Service string           `json:"service"`
	Host    string           `json:"host"`
	Source  string           `json:"source"`
	Created time.Time        `json:"created"`
	Expires time.Time        `json:"expires"`
}

// Kind is how a login and its approval are brought together.
type Kind string

// The login shows a symbol, to be picked here, or two in an order; or it can show nothing, and takes a code from here.
const (
	BySymbol Kind = "symbol"
	ByPair   Kind = "pair"
	ByCode   Kind = "code"
)

// Pendings lists the logins that wait, without their symbols: those are at the login's prompt only.
func (p *Phone) Pendings(ctx context.Context) ([]Pending, error) {
	var reply struct {
		Pendings []Pending `json:"pendings"`
	}
	err := p.call(ctx, "pendings", struct{}{}, &reply)
	return reply.Pendings, err
}

func (p Pending) shown() mobile.Shown {
	return mobile.Shown{ID: p.ID, Service: p.Service, Host: p.Host, Source: p.Source, Created: p.Created}
}

// Reason of a denial.
type Reason string

// Cancel ends a login of one's own; NotMe also tells the administrator.
const (
	Cancel Reason = "cancel"
	NotMe  Reason = "not-me"
)

// Deny ends a login. It needs no PIN.
func (p *Phone) Deny(ctx context.Context, pending mobile.PendingID, reason Reason) error {
	return p.call(ctx, "deny", map[string]any{"pending": pending, "reason": reason}, &struct{}{})
}

// WrongPIN says that the PIN did not open the key; errors.Is(err, mobile.ErrWrongPIN) holds.
type WrongPIN struct {
	Left int // tries until the device is locked; -1: not known
}

func (e *WrongPIN) Error() string {
	switch {
	case e.Left < 0:
		return "phone: wrong PIN"
	case e.Left == 1:
		return "phone: wrong PIN (one try is left)"
	default:
		return fmt.Sprintf("phone: wrong PIN (%d tries are left)", e.Left)
	}
}

// Unwrap makes it mobile.ErrWrongPIN.
func (e *WrongPIN) Unwrap() error { return mobile.ErrWrongPIN }

// turn is one evaluation, and the wrapping key that it gave. Nothing of it is ever stored.
type turn struct {
	Evaluated  mobile.Bytes        `json:"evaluated"`
	Evaluation mobile.EvaluationID `json:"evaluation"`
	Nonce      mobile.Nonce        `json:"nonce"`
	TriesLeft  *int                `json:"tries_left"`
	Pair       bool                `json:"pair"` // the appliance knows pairs of symbols
	wrapping   []byte
}

func (p *Phone) evaluate(ctx context.Context, s *state, pin secret.Secret, purpose string, generation uint64) (*turn, error) {
	blinding, err := mobile.Blind(mobile.PINInput(s.Device, pin))
	if err != nil {
		return nil, err
	}
	in := struct {
		Blinded    mobile.Bytes `json:"blinded"`
		Purpose    string       `json:"purpose"`
		Generation uint64       `json:"generation,omitempty"`
	}{blinding.Blinded(), purpose, generation}
	t := new(turn)
	if err := p.call(ctx, "pin/evaluate", in, t); err != nil {
		return nil, err
	}
	output, err := blinding.Finalize(t.Evaluated)
	if err != nil {
		return nil, err
	}
	defer clear(output)
	t.wrapping, err = mobile.WrappingKey(s.Device, output)
	return t, err
}

// unlock opens the approval key with the PIN and the appliance's share. It costs a try, which the first
// signature over the turn's evaluation gives back.
func (p *Phone) unlock(ctx context.Context, pin secret.Secret) (*state, *turn, *rsa.PrivateKey, error) {
	s, err := p.reconcile(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	if s.Key == nil {
		return nil, nil, nil, ErrNoPIN
	}
	t, err := p.evaluate(ctx, s, pin, "unlock", s.Key.Generation)
	if err != nil {
		return nil, nil, nil, err
	}
	key, err := mobile.Unwrap(s.Device, t.wrapping, s.Key.Wrapped)
	if errors.Is(err, mobile.ErrWrongPIN) {
		wrong := &WrongPIN{Left: -1}
		if t.TriesLeft != nil {
			wrong.Left = *t.TriesLeft
		}
		return nil, nil, nil, wrong
	}
	return s, t, key, err
}

// Opened is the grid in front of the user: what waits, and symbols to choose from (none, where all that waits takes
// a code). One approval, by symbol or by code, ends the other logins. It lives in memory only, as
// short as may be.
type Opened struct {
	Pendings []Pending
	Symbols  []mobile.Symbol

	phone     *Phone
	device    mobile.DeviceID
	key       *rsa.PrivateKey
	nonce     mobile.Nonce
	displayed [32]byte
}

// Open gives the first signature: key and PIN are there. Errors: *WrongPIN, ErrNoPIN, ErrShown, a *Problem such
// as PINLocked, PINErased or NoSuchPending.
func (p *Phone) Open(ctx context.Context, pin secret.Secret) (*Opened, error) {
	s, t, key, err := p.unlock(ctx, pin)
	if err != nil {
		return nil, err
	}
	clear(t.wrapping)
	signature, err := mobile.SignApproval(key, mobile.Open(s.Device, t.Evaluation, t.Nonce))
	if err != nil {
		return nil, err
	}
	var reply struct {
		Pendings  []Pending       `json:"pendings"`
		Symbols   []mobile.Symbol `json:"symbols"`
		Nonce     mobile.Nonce    `json:"nonce"`
		Displayed mobile.Bytes    `json:"displayed"`
	}
	in := map[string]any{"evaluation": t.Evaluation, "signature": mobile.Bytes(signature)}
	if t.Pair {
		in["pair"] = true // one that does not know the word would refuse it
	}
	err = p.call(ctx, "open", in, &reply)
	if err != nil {
		return nil, err
	}
	o := &Opened{Pendings: reply.Pendings, Symbols: reply.Symbols, phone: p, device: s.Device, key: key, nonce: reply.Nonce}
	shown := make([]mobile.Shown, len(o.Pendings))
	for i, one := range o.Pendings {
		shown[i] = one.shown()
	}
	o.displayed = mobile.Displayed(shown)
	if string(o.displayed[:]) != string(reply.Displayed) {
		return nil, ErrShown
	}
	if slices.ContainsFunc(o.Symbols, func(s mobile.Symbol) bool { return !s.Known() }) {
		return nil, fmt.Errorf("%w: a symbol that this phone does not know", ErrAnswer)
	}
	return o, nil
}

// ErrShown says that the appliance wants a signature for something else than it has sent to be displayed.
var ErrShown = errors.New("phone: the appliance asks for something else than it shows")

// Takes tells whether a pick, one symbol or a mobile.Pair, can be that of a login that was displayed: it is in the grid, and
// some login shows so many. Another one would be refused.
func (o *Opened) Takes(pick mobile.Symbol) bool {
	parts := pick.Parts()
	for i, symbol := range parts {
		if !slices.Contains(o.Symbols, symbol) || slices.Contains(parts[:i], symbol) {
			return false
		}
	}
	return o.Shows(map[int]Kind{1: BySymbol, 2: ByPair}[len(parts)])
}

// Shows tells whether a login of a kind was displayed. Of an older appliance none is ByPair.
func (o *Opened) Shows(kind Kind) bool {
	return slices.ContainsFunc(o.Pendings, func(one Pending) bool { return one.Kind == kind || one.Kind == "" && kind == BySymbol })
}

// Approve gives the second signature: this symbol, or this mobile.Pair, for what was displayed. It names the login
// that goes on. A symbol of none ends all that wait, and is WrongSymbol.
func (o *Opened) Approve(ctx context.Context, symbol mobile.Symbol) (mobile.PendingID, error) {
	var reply struct {
		Result  string           `json:"result"`
		Pending mobile.PendingID `json:"pending"`
	}
	signature, err := mobile.SignApproval(o.key, mobile.Approve(o.device, o.nonce, symbol, o.displayed))
	if err != nil {
		return reply.Pending, err
	}
	err = o.phone.call(ctx, "approve", map[string]any{"nonce": o.nonce, "symbol": symbol, "signature": mobile.Bytes(signature)}, &reply)
	if err == nil && reply.Result != "approved" {
		err = fmt.Errorf("%w: the result is %q", ErrAnswer, reply.Result)
	}
	return reply.Pending, err
}

// Typed is what the user takes to a login that can show nothing: to be typed there behind the password and a comma.
type Typed struct {
	Pending mobile.PendingID
	Code    secret.Secret // six digits
	Expires time.Time
}

// ApproveCode gives the second signature for one login of kind ByCode, and that one alone: there is no symbol to choose
// by. The approval lets nobody in before the code is typed.
func (o *Opened) ApproveCode(ctx context.Context, pending mobile.PendingID) (Typed, error) {
	i := slices.IndexFunc(o.Pendings, func(one Pending) bool { return one.ID == pending && one.Kind == ByCode })
	if i < 0 {
		return Typed{}, fmt.Errorf("phone: %w: none that takes a code has this id", NoSuchPending)
	}
	displayed := mobile.Displayed([]mobile.Shown{o.Pendings[i].shown()})
	signature, err := mobile.SignApproval(o.key, mobile.Approve(o.device, o.nonce, mobile.InsteadOfSymbol, displayed))
	if err != nil {
		return Typed{}, err
	}
	var reply struct {
		Result  string           `json:"result"`
		Pending mobile.PendingID `json:"pending"`
		Code    string           `json:"code"`
		Expires time.Time        `json:"expires"`
	}
	err = o.phone.call(ctx, "approve", map[string]any{
		"nonce": o.nonce, "symbol": mobile.InsteadOfSymbol, "pending": pending, "signature": mobile.Bytes(signature),
	}, &reply)
	switch {
	case err != nil:
		return Typed{}, err
	case reply.Result != "approved" || reply.Pending != pending:
		return Typed{}, fmt.Errorf("%w: the result is %q", ErrAnswer, reply.Result)
	case len(reply.Code) != 6 || strings.Trim(reply.Code, "0123456789") != "":
		return Typed{}, fmt.Errorf("%w: no code of six digits", ErrAnswer)
	}
	return Typed{reply.Pending, secret.New(reply.Code), reply.Expires}, nil
}

// Approve is Open and Opened.Approve in one, for whoever knows the symbol already.
func (p *Phone) Approve(ctx context.Context, pin secret.Secret, symbol mobile.Symbol) (mobile.PendingID, error) {
	opened, err := p.Open(ctx, pin)
	if err != nil {
		return mobile.PendingID{}, err
	}
	return opened.Approve(ctx, symbol)
}

func isAny(err error, codes ...Code) bool {
	return slices.ContainsFunc(codes, func(code Code) bool { return errors.Is(err, code) })
}
