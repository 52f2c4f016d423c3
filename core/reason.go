package core

// Reason says why a step was taken. It stands in the audit log; a door shows an outsider
// only Step.Text. The strings are stable: people search for them.
type Reason string

// Reasons of an Accept.
const (
	Right            Reason = "right"             // the second factor was right
	RightCodeWord    Reason = "right-code-word"   // let in once by the code word
	RightTemporary   Reason = "right-temporary"   // let in by a temporary code
	RightRecovery    Reason = "right-recovery"    // let in by a recovery code
	UnenrolledPassed Reason = "unenrolled-passed" // let in without second factor, as the policy says
)

// Reasons of a Reject that are counted as a wrong try.
const (
	WrongPassword Reason = "wrong-password"
	WrongAnswer   Reason = "wrong-answer"
	WrongCodeWord Reason = "wrong-code-word"  // typed whole at self-service
	WrongCode     Reason = "wrong-code"       // not the one that the phone shows
	Malformed     Reason = "malformed-answer" // too few, too many or undecodable characters
	UnknownUser   Reason = "unknown-user"
	AskedDecoy    Reason = "not-enrolled-decoy" // a user without answers, whom no first factor vouched for
	LockedPair    Reason = "locked-pair"
	LockedUser    Reason = "locked-user"
	LockedSource  Reason = "locked-source"
	LockedForGood Reason = "locked-for-good"
	Locked        Reason = "locked-by-admin"
	Disabled      Reason = "disabled"
	Expired       Reason = "expired"
	// Of accounts that are kept elsewhere, after a right password:
	AccountRefused  Reason = "account-refused"  // locked or expired there, or not for now
	PasswordExpired Reason = "password-expired" // and is to be changed there first
)

// Reasons of a Reject that are not counted.
const (
	NotEnrolled   Reason = "not-enrolled"
	StaleToken    Reason = "stale-token"    // expired, of an older epoch, key or policy, or its challenge was used
	ForgedToken   Reason = "forged-token"   // does not open
	ForeignToken  Reason = "foreign-token"  // of another NAS, door, source or user
	CodeAwaited   Reason = "code-awaited"   // of a NAS that can show nothing: the phone has it, once approved
	NeedsPrompt   Reason = "needs-prompt"   // nothing that the policy asks for works without a prompt
	Replayed      Reason = "replayed"       // the letters of the last consumed answer once more
	NoSuchPolicy  Reason = "no-such-policy" // the door's policy is not configured
	TooManyRounds Reason = "too-many-rounds"
	Exhausted     Reason = "answers-used-up" // no answer has a fresh set of positions left
	Throttled     Reason = "throttled"       // too many tries from one NAS or host
)
