package phone

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Code is the stable code of a problem document. It is an error, so that errors.Is(err, phone.PINLocked) asks
// whether the appliance said so.
type Code string

// The codes of the protocol.
const (
	BadRequest          Code = "bad-request"
	TooLarge            Code = "too-large"
	UnknownDevice       Code = "unknown-device"
	BadSignature        Code = "bad-signature"
	DeviceCloned        Code = "device-cloned"
	DeviceLocked        Code = "device-locked"
	DeviceRevoked       Code = "device-revoked"
	DeviceInert         Code = "device-inert"
	PINLocked           Code = "pin-locked"
	PINErased           Code = "pin-erased"
	InvitationVoid      Code = "invitation-void"
	NoSuchPending       Code = "no-such-pending"
	PendingEnded        Code = "pending-ended"
	WrongSymbol         Code = "wrong-symbol"
	StaleNonce          Code = "stale-nonce"
	StaleGeneration     Code = "stale-generation"
	BadKey              Code = "bad-key"
	BadPoint            Code = "bad-point"
	SubscriptionRefused Code = "subscription-refused"
	AppOutdated         Code = "app-outdated"
	Busy                Code = "busy"
	TooManyCalls        Code = "too-many-calls"
)

func (c Code) Error() string { return "phone: the appliance says " + string(c) }

// hints say what a person can do.
func (c Code) hint() string {
	switch c {
	case DeviceCloned:
		return "somebody used a copy of this device; it is locked, and your administrator was told"
	case DeviceLocked, PINLocked:
		return "ask your administrator to unlock the device"
	case DeviceRevoked, PINErased, UnknownDevice:
		return "ask your administrator for a new invitation"
	case DeviceInert:
		return "tell your administrator the check code first"
	case InvitationVoid:
		return "the invitation is used up or has expired; ask for a new one"
	case NoSuchPending, PendingEnded, StaleNonce:
		return "the login is over; begin again"
	case WrongSymbol:
		return "the login was ended; if you did not begin it, tell your administrator"
	case Busy, TooManyCalls:
		return "try again"
	default:
		return ""
	}
}

// Problem is a problem document of the appliance (RFC 9457).
type Problem struct {
	Status int    `json:"status"`
	Code   Code   `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (p *Problem) Error() string {
	text := "phone: the appliance refuses: " + string(p.Code)
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	if hint := p.Code.hint(); hint != "" {
		text += " (" + hint + ")"
	}
	return text
}

// Is compares with a Code.
func (p *Problem) Is(target error) bool { code, ok := target.(Code); return ok && code == p.Code }

// problemOf reads the body of a refusal. Whatever stands between may answer something else.
func problemOf(status int, body []byte) error {
	var p Problem
	if json.Unmarshal(body, &p) != nil || p.Code == "" {
		return fmt.Errorf("%w: %d %s", ErrAnswer, status, http.StatusText(status))
	}
	p.Status = status
	return &p
}

// ErrAnswer says that what came back is nothing that an appliance says.
var ErrAnswer = errors.New("phone: not an answer of an appliance")
