// Package hostapi is the language of Linux hosts that ask for a login through PAM: two calls,
// Begin and Answer, in JSON over HTTP, the same over a Unix socket on the appliance and over HTTPS from a
// fleet. Here are the bodies and a small client; hostdoor beside it is the server's half.
//
// The package must never know who a caller is, nor how a connection is made: that is settled by whoever
// serves (from the kernel's word, or from a host's credential) and by whoever dials.
//
// # Versions
//
// Hosts are updated later than the appliance, and sometimes earlier. So each side ignores fields that it
// does not know; fields are only ever added, and one that is missing means what held before it was there.
// A step that a helper does not know is a denial. So the server says a new word for a step, or for
// a reason that a helper acts upon, only to a helper whose Version is at least the one that brought the
// word. Thus a helper two minor versions old works with a new appliance, and the other way round.
package hostapi

import (
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

// Version is what this package speaks.
const Version = 1

// The paths of the two calls. Both are POST.
const (
	PathBegin  = "/v1/host/begin"
	PathAnswer = "/v1/host/answer"
)

// Limits of both sides.
const (
	MaxBody = 32 << 10
	// MaxWait is the longest that a call may wait for a phone. sshd does not notice meanwhile that its client has left.
	MaxWait = 25 * time.Second
)

// Context says about what a call is. It is the same at Begin and at each Answer of an attempt.
type Context struct {
	Version int    `json:"version"`
	Request string `json:"request"` // the helper's id of this login, for logs: letters, digits, hyphens
	Service string `json:"service"` // PAM_SERVICE
	User    string `json:"user"`    // as NSS of the host spells it
	UID     uint32 `json:"uid"`     // of User, by NSS

	// RealUID is who called the program that asks, before it raised itself: 0 for sshd and login.
	RealUID uint32 `json:"real_uid"`
	RHost   string `json:"rhost,omitempty"` // PAM_RHOST
	RUser   string `json:"ruser,omitempty"` // PAM_RUSER
	TTY     string `json:"tty,omitempty"`   // PAM_TTY

	Language string `json:"language,omitempty"` // BCP 47, as far as the host knows it
	// Charset is what the terminal can show: CharsetUTF8, CharsetASCII; else nobody knows, and a symbol is
	// shown by its name alone.
	Charset string `json:"charset,omitempty"`
	Label   string `json:"label,omitempty"` // client_id of the module: for logs only, it proves nothing

	// TellUnenrolled: the host lets pass who has no second factor (nullok). Then it is told so, where it
	// would have been shown a decoy.
	TellUnenrolled bool `json:"tell_unenrolled,omitempty"`
}

// The charsets.
const (
	CharsetUTF8  = "utf8"
	CharsetASCII = "ascii"
)

// Begin asks for a login.
type Begin struct {
	Context
	// Password is the first factor, where the policy has one. Without it such a policy asks for it (AskPassword).
	Password secret.Disclosed `json:"password,omitzero"`
}

// Answer brings what the person typed at a Challenge.
type Answer struct {
	Context
	Token string           `json:"token"`
	Text  secret.Disclosed `json:"text"`
	// WaitMS is how long the caller can wait for a phone before it needs a step, in milliseconds, at most MaxWait.
	WaitMS int64 `json:"wait_ms,omitempty"`
}

// Kind is what the helper is told to do. The zero value is none, and a denial.
type Kind string

// The kinds of version 1.
const (
	Accept     Kind = "accept"
	Reject     Kind = "reject"
	Challenge  Kind = "challenge"
	Unenrolled Kind = "not-enrolled" // rejected for want of a second factor; nullok turns it into "ignore"
	// AskPassword: the policy has a first factor. Begin again with what is typed at Prompt.
	AskPassword Kind = "password"
)

// Reason tells a helper what it must know of a Reject, and no more. The zero value: nothing but that.
type Reason string

// The reasons of version 1.
const (
	Denied       Reason = "denied"
	Stale        Reason = "stale"         // the challenge or its token is void, nothing was compared: begin again
	OtherLogins  Reason = "other-logins"  // wait for the phone already
	PhoneSilent  Reason = "phone-silent"  // nobody has confirmed in time
	PhoneRefused Reason = "phone-refused" // denied there, or another symbol chosen
	Helpless     Reason = "helpless"      // an administrator must help: a locked phone, worn-out answers
	TooManyTurns Reason = "too-many-rounds"
)

// Step is the reply to both calls.
type Step struct {
	Kind   Kind   `json:"step"`
	Reason Reason `json:"reason,omitempty"` // of a Reject

	// Challenge, AskPassword.
	Prompt  string `json:"prompt,omitempty"`
	Secret  bool   `json:"secret,omitempty"`  // type without echo
	Waiting bool   `json:"waiting,omitempty"` // any reply, an empty one too, means "look now", and may wait
	Token   string `json:"token,omitempty"`

	// Accept, Reject, Unenrolled: what the person may read, and what leads to the audit record.
	Text      string `json:"text,omitempty"`
	Reference string `json:"reference,omitempty"`
}

// Problem is the body of a reply that holds no Step.
type Problem struct {
	Text string `json:"error"`
	Hint string `json:"hint,omitempty"`
	// Code says, over HTTPS, what is wrong with the host itself, such as "certificate-expired".
	Code string `json:"code,omitempty"`
}
