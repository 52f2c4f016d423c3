package core

import "github.com/latchkey/latchkey/core/mobile"

// StepKind is what a door is told to do.
type StepKind uint8

// The three steps. The zero value is none of them, so that a forgotten assignment is no Accept.
const (
	Accept StepKind = iota + 1
	Reject
	Challenge
)

// String gives the word that logs use.
func (k StepKind) String() string {
	switch k {
	case Accept:
		return "accept"
	case Reject:
		return "reject"
	case Challenge:
		return "challenge"
	}
	return "none"
}

// Step is core's answer to a door, which only renders it.
type Step struct {
	Kind StepKind

	// User is the canonical name, for the door's log.
	User string

	// Accept: the reply attributes of policy and group.
	Attributes []Attribute

	// Accept and Reject: what the person may read (empty: nothing). For a Reject it ends in
	// Reference, a short text that leads to the audit record.
	Text      string
	Reference string

	// Reject, and Accept with a remark: why, for the log. Doors show Text, never Reason.
	Reason Reason

	// Newcomer says of a Reject for NotEnrolled that this user never had a second factor: only such a one may a host
	// let pass without. Who had one, and lost it, is no newcomer.
	Newcomer bool

	// Challenge: Token comes back with the Reply; printable ASCII of at most 253 bytes. Prompt is the text to
	// show, at most 250 bytes of UTF-8 (or of ASCII, where the Attempt asked for it). Secret
	// asks for input without echo. Waiting says that any reply, an empty one included, means
	// "look now".
	Token   string
	Prompt  string
	Secret  bool
	Waiting bool
	// Symbol is what a prompt that waits for the phone shows, for doors that can draw it.
	Symbol mobile.Symbol
	// Fallback says that "p", typed as the reply, asks a question instead.
	Fallback bool
	// Resend says that the question was sent to the person, and that Resend, typed as the reply, has it sent again.
	Resend bool

	session Secret // of DoorSelfService: the id of the session that an Accept has opened
}

// Attribute is one RADIUS attribute of an Accept, in wire form: the configuration has
// checked and encoded it, core only picks, doors other than RADIUS ignore it.
type Attribute struct {
	Name  string // what a group's attribute replaces the policy's by: "Class", "Vendor-Specific.9.1"
	Type  uint8  // RFC 2865 section 5; 26 for Vendor-Specific
	Value []byte // at most 253 bytes
}
