package core

import (
	"context"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

// What the doors need for phones. docs/mobile-protocol.md has every call.

// MethodApp is approval on the phone with an access symbol.
const MethodApp Method = "app"

// DeviceCall is one signed call of a phone, as a door has read it. Nothing of it is verified.
type DeviceCall struct {
	Request   string // the door's id of this request, for logs and audit
	Method    string // "POST", or "GET" for the event stream
	Path      string // as in the request line, without a query
	Op        string // what of the path says what is wanted: "pin/evaluate"
	Device    string // the three headers
	Counter   uint64
	Signature []byte
	Body      []byte
	Remote    string // the address that it came from
}

// EnrolCall is the one call that no device signs: a phone spends its invitation.
type EnrolCall struct {
	Request string
	Body    []byte
	Remote  string
}

// DeviceEvent is what the event stream tells: "pending", "message" or "ended", and an id.
type DeviceEvent struct {
	Name string
	ID   string
}

// DeviceCode is the stable code of a problem document.
type DeviceCode string

// The codes of docs/mobile-protocol.md.
const (
	CodeBadRequest          DeviceCode = "bad-request"
	CodeUnknownDevice       DeviceCode = "unknown-device"
	CodeBadSignature        DeviceCode = "bad-signature"
	CodeDeviceCloned        DeviceCode = "device-cloned"
	CodeDeviceLocked        DeviceCode = "device-locked"
	CodeDeviceRevoked       DeviceCode = "device-revoked"
	CodeDeviceInert         DeviceCode = "device-inert"
	CodePINLocked           DeviceCode = "pin-locked"
	CodePINErased           DeviceCode = "pin-erased"
	CodeInvitationVoid      DeviceCode = "invitation-void"
	CodeNoSuchPending       DeviceCode = "no-such-pending"
	CodePendingEnded        DeviceCode = "pending-ended"
	CodeWrongSymbol         DeviceCode = "wrong-symbol"
	CodeStaleNonce          DeviceCode = "stale-nonce"
	CodeStaleGeneration     DeviceCode = "stale-generation"
	CodeBadKey              DeviceCode = "bad-key"
	CodeBadPoint            DeviceCode = "bad-point"
	CodeSubscriptionRefused DeviceCode = "subscription-refused"
	CodeAppOutdated         DeviceCode = "app-outdated" // it knows no pairs of symbols
	CodeBusy                DeviceCode = "busy"         // nothing was stored: the same call may be sent again
)

// DeviceError is a refusal that a phone is told. It holds no secret.
type DeviceError struct {
	Code DeviceCode
	Text string // for a person, in English; the app has its own texts by code
}

func (e *DeviceError) Error() string { return string(e.Code) + ": " + e.Text }

func refuseCall(code DeviceCode, text string) error { return &DeviceError{code, text} }

// Phones is what the HTTPS door needs of core; *Core is one. Replies are JSON documents. An error is a
// *DeviceError, or internal: then the door says "busy" and nothing else.
type Phones interface {
	Enrol(ctx context.Context, call EnrolCall) (reply []byte, err error)
	Device(ctx context.Context, call DeviceCall) (reply []byte, err error)
	// DeviceEvents verifies the call, then calls begun once, and send for each event until ctx ends or
	// send fails.
	DeviceEvents(ctx context.Context, call DeviceCall, begun func(), send func(DeviceEvent) error) error
}

// DeviceSettings is what stands under device: and web: in the configuration, as far as core needs it.
type DeviceSettings struct {
	PINDigits    int // of a numeric PIN
	Tries        int // in a row
	TriesForLife int
	Origin       string        // of the app, "https://latchkey.example.org:8443"; empty: there is no HTTPS door
	Pin          mobile.Pin    // of the certificate that invitations name; zero: a public one
	Appliance    string        // the name that the app shows
	InviteFor    time.Duration // how long an invitation may be used; 0: 24 h
	PendingFor   time.Duration // how long a login waits for the phone; 0: 90 s
}

// DeviceInfo is what may be shown of a device.
type DeviceInfo struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	State    string     `json:"state"`         // inert, active, locked, erased
	Why      string     `json:"why,omitempty"` // of a lock: pin, cloned, invitation
	Created  time.Time  `json:"created"`
	LastSeen *time.Time `json:"last_seen,omitempty"`
	Row      int        `json:"pin_tries_in_row"`
	Life     int        `json:"pin_tries_in_life"`
	Push     bool       `json:"push"`
}
