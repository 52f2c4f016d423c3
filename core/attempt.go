package core

import (
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

// Secret is a text that prints as "[secret]" in every format.
type Secret = secret.Secret

// Door is the way by which an attempt came in.
type Door uint8

// The doors. Their numbers stand in sealed tokens and audit records: never renumber.
const (
	DoorRADIUS      Door = 1
	DoorPAM         Door = 2
	DoorWeb         Door = 3
	DoorSelfService Door = 4
	DoorAdmin       Door = 5 // the admin socket: never a login, only audit records
)

// String gives the word that logs and audit records use.
func (d Door) String() string {
	switch d {
	case DoorRADIUS:
		return "radius"
	case DoorPAM:
		return "pam"
	case DoorWeb:
		return "web"
	case DoorSelfService:
		return "selfservice"
	case DoorAdmin:
		return "admin"
	}
	return "unknown"
}

// SourceKind tells how much is known about where the person is.
type SourceKind uint8

// A source that is only a NAS or host stands for everybody behind it: it is throttled,
// never locked, and an earlier success from it proves nothing.
const (
	SourceNAS    SourceKind = 1 // only the NAS or host is known
	SourcePerson SourceKind = 2 // an address that a NAS or host declared trustworthy has told
	SourceUID    SourceKind = 3 // the real uid of a local caller
)

// Source is where the person is.
type Source struct {
	Kind  SourceKind
	Value string // the NAS's or host's name, an address, or host and uid as "web1/1000"
}

// String gives the form that logs and audit records use.
func (s Source) String() string {
	switch s.Kind {
	case SourceNAS:
		return "nas:" + s.Value
	case SourcePerson:
		return "addr:" + s.Value
	case SourceUID:
		return "uid:" + s.Value
	}
	return "unknown"
}

// Attempt is one try to log in, as a door first hears of it.
type Attempt struct {
	Request  string // the door's id of this request, for logs and audit
	Door     Door
	NAS      string // the configured name of the NAS or host that asks
	Policy   string // the name of the policy that this NAS or host is under
	Source   Source
	Service  string // the PAM service, or empty
	User     string // the name exactly as it came, of any bytes
	Password Secret // the first factor; empty where there is none
	Language string // what the door knows of the person's language, or empty
	ASCII    bool   // the NAS can show ASCII only: prompts are spelt out
	NoGlyph  bool   // nobody knows whether a symbol's glyph can be shown: its name alone
	// PasswordChecked: this NAS or host is declared to have checked the password itself. Under FirstNone only then
	// does a phone ring, or is a newcomer asked for the code word.
	PasswordChecked bool
	// TellUnenrolled: a host that lets pass who has no second factor is told NotEnrolled where FirstNone has decoys.
	TellUnenrolled bool
	// NoChallenge: the NAS can show nothing. Begin then reads what stands behind the password, and gives no Challenge.
	NoChallenge bool

	self selfMark   // of DoorSelfService
	host *hostScope // the host of the fleet that has proved itself: set by HostBegin and HostAnswer alone
}

// Reply is what a door brings back for a Challenge.
type Reply struct {
	Attempt               // as at Begin, of the packet that brings the reply; Password is not used
	Token   string        // the token of the Challenge
	Text    Secret        // what the person typed
	Wait    time.Duration // how long the door can wait for a phone before it needs a Step
}
