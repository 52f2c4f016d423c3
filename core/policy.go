package core

import (
	"time"

	"github.com/latchkey/latchkey/core/pinphrase"
)

// FirstKind is who checks the first factor.
type FirstKind string

// The first factors that there are. FirstNone stands only where the NAS is declared to
// have checked the password itself.
const (
	FirstNone     FirstKind = "none"
	FirstPassword FirstKind = "password" // Latchkey itself
	FirstPAM      FirstKind = "pam"      // a PAM stack of the appliance's machine
)

// Method is a second factor.
type Method string

// The second factors that there are.
const MethodPINphrase Method = "pinphrase"

// Unenrolled says what happens to a user who has no second factor yet.
type Unenrolled string

// The zero value denies.
const (
	UnenrolledDeny  Unenrolled = "deny"
	UnenrolledAllow Unenrolled = "allow"
)

// Symbols says how many symbols a login shows. The zero value: one.
type Symbols string

// A blind tap hits one symbol of nine in 11 %, an ordered pair in 1.4 %.
const (
	SymbolsOne  Symbols = "one"
	SymbolsPair Symbols = "pair"
)

// NotMe says what follows when a user denies a login as somebody else's. The zero value: an alert.
type NotMe string

// Both alert, and tell the user. NotMeLock locks the user besides, until an admin unlocks: whoever holds the phone,
// without its PIN, can then lock its owner out, if he knows the password too or waits for a login of the owner's.
const (
	NotMeAlert NotMe = "alert"
	NotMeLock  NotMe = "lock"
)

// Policy is what the NASes and hosts under it ask of a user.
type Policy struct {
	Name       string
	First      FirstKind
	Second     []Method // in the order in which they are offered
	Deliver    []string // of a PINphrase: Prompt, or carriers in order; empty: Prompt
	Presend    bool     // messages leave before anybody logs in
	Fallback   bool     // with a phone, a PINphrase may be answered instead
	Symbols    Symbols  // that a login shows for the phone
	NotMe      NotMe    // what follows when the user says so on the phone
	Realm      string   // between realms nothing of a PINphrase is shared
	Unenrolled Unenrolled
	Reply      []Attribute            // of every Accept
	Groups     map[string][]Attribute // by group: they replace those of the same name in Reply
}

// Locks are the counters' limits. A count of 0 switches its lock off.
type Locks struct {
	PairAfter        int           // wrong tries of one user from one source
	PairFor          time.Duration // then locked for so long
	UserAfter        int           // wrong tries of one user from everywhere
	UserHalves       time.Duration // the half-life of that count
	SourceAfter      int           // wrong tries of everybody from one source
	SourceFor        time.Duration
	PermanentlyAfter int           // wrong second factors after a right first factor: locked for good
	HostAfter        int           // wrong tries of everybody by way of one host of the fleet
	HostHalves       time.Duration // the half-life of that count
}

// CodeWords is how the code word of a new user is made and what it opens.
type CodeWords struct {
	Words       int           // dictionary words, 11 bits each
	Valid       time.Duration // from its making
	OpensLogin  bool          // good for one login, asked by characters
	SelfService bool          // typed whole, once, at self-service
}

// Settings is everything in the configuration that a login depends on. It is one immutable
// snapshot: a reload makes a new one.
type Settings struct {
	Language    string // of users who have none of their own: "de" or "en"
	Names       NameRules
	Policies    map[string]Policy
	Locks       Locks
	PINphrase   pinphrase.Settings
	CodeWords   CodeWords
	Device      DeviceSettings
	Delivery    DeliverySettings
	SelfService SelfServiceSettings
	Hosts       HostSettings
	PAM         PasswordChecker // of policies under FirstPAM
	TokenLife   time.Duration   // how long a Challenge may be answered; 0: 120 s
}
