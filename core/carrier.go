package core

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// AddressKind is what a carrier needs to find a person.
type AddressKind string

// The kinds of address that a user can have.
const (
	AddressPhone  AddressKind = "phone"  // a telephone number in E.164, "+491711234567"
	AddressMail   AddressKind = "mail"   // "lutz@example.org"
	AddressDevice AddressKind = "device" // the user's active phones; To is the user's id, and the message has no text
)

// Carrier brings messages to one kind of address: an SMS centre, a gateway, a mail server. Core owns the
// queue, the order of carriers, the rates and the retries; a carrier tries once. It is safe for concurrent use.
type Carrier interface {
	Address() AddressKind
	// Send returns nil when the other side has taken the message over (SubmitSMResp, 250, 2xx), not when
	// it was written. ctx bounds the try. An error is a *CarrierError, or counts as CarrierDown. It shows
	// neither the text nor, in full, the address.
	Send(ctx context.Context, m Message) error
}

// Message is one message to one person. Its text may ask a question or name a code, so it prints as
// "[secret]".
type Message struct {
	ID      string // the same at every try, for carriers that know such a thing
	To      Secret // an address of the carrier's kind
	Subject string // of a mail; holds nothing secret
	Text    Secret
	// Until is when the message is of no use any more, for carriers that can say so; zero: no such time.
	Until time.Time
	// Report takes what the carrier hears later of a message that it has taken over: whether that has reached the
	// person's device, and the other side's word for it. It never blocks, and may be called more than once, or never.
	// nil: nobody wants to know.
	Report func(delivered bool, state string)
}

// CarrierFault says what to do about a message that was not taken over.
type CarrierFault string

// The faults.
const (
	CarrierDown    CarrierFault = "down"    // try again later, or the next carrier
	CarrierBusy    CarrierFault = "busy"    // the same, not before After: the carrier throttles
	CarrierRefused CarrierFault = "refused" // this message or address will not do: the next carrier
	CarrierUnknown CarrierFault = "unknown" // it may have been taken over: not to be sent twice
	// CarrierUnheard: it is there to be found, but nobody was told of it. The next carrier; without one it counts as
	// taken over.
	CarrierUnheard CarrierFault = "unheard"
)

// CarrierError is why a message was not taken over. It holds no secret.
type CarrierError struct {
	Fault CarrierFault
	After time.Duration // of CarrierBusy; 0: the carrier did not say
	Text  string        // "SMPP status 0x58 ESME_RTHROTTLED"
}

func (e *CarrierError) Error() string { return fmt.Sprintf("%s: %s", e.Fault, e.Text) }

// faultOf reads an error of a carrier; what is none of its own is an outage.
func faultOf(err error) *CarrierError {
	var own *CarrierError
	if errors.As(err, &own) {
		return own
	}
	return &CarrierError{Fault: CarrierDown, Text: "internal"}
}
