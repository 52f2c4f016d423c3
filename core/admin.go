package core

import (
	"errors"
	"time"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// Role is what an actor at the admin socket may do. Each role may do what those after it may.
type Role string

// The roles.
const (
	RoleAdmin    Role = "admin"
	RoleHelpdesk Role = "helpdesk"
	RoleAuditor  Role = "auditor"
)

// Actor is who does something to users from outside a login. The door has settled who it is.
type Actor struct {
	Name string // the Unix user's name, or "uid 1000"
	UID  int
	Role Role
}

// NewUser is what an admin says of a user.
type NewUser struct {
	Name     string
	Language string
	Phone    string // E.164, "+491711234567"
	Mail     string
	Groups   []string
}

// UserChange changes what is not nil.
type UserChange struct {
	Language *string
	Phone    *string
	Mail     *string
	Groups   *[]string
	Deliver  *string // the carrier that the user prefers; "": the policy's order
}

// UserInfo is what may be shown of a user. It holds no secret.
type UserInfo struct {
	ID          string       `json:"id"` // never used again, also when the name is
	Name        string       `json:"name"`
	Language    string       `json:"language"`
	Phone       string       `json:"phone,omitempty"`
	Mail        string       `json:"mail,omitempty"`
	Deliver     string       `json:"deliver,omitempty"` // the carrier that the user prefers
	Groups      []string     `json:"groups"`
	Created     time.Time    `json:"created"`
	Enabled     bool         `json:"enabled"`
	Expires     *time.Time   `json:"expires,omitempty"`
	HasPassword bool         `json:"has_password"`
	Enrolled    bool         `json:"enrolled"` // the minimum of answers is met
	Missing     int          `json:"missing_answers,omitempty"`
	Devices     int          `json:"phones,omitempty"` // enrolled, and able to approve
	CodeWord    *time.Time   `json:"code_word_until,omitempty"`
	CodeOver    bool         `json:"code_word_over,omitempty"` // there was one, and its time is over or it was used
	Temporary   *time.Time   `json:"temporary_code_until,omitempty"`
	Answers     []AnswerInfo `json:"answers"`
	Locks       []LockInfo   `json:"locks"` // in force now
	// Messages are those of the challenges that were sent last, by realm.
	Messages []MessageInfo `json:"messages,omitempty"`
	Wrong    int           `json:"wrong"` // the decaying count of wrong tries from everywhere
	Epoch    uint64        `json:"epoch"`
}

// MessageInfo is what became of a message. It holds neither text nor address.
type MessageInfo struct {
	Mark    string    `json:"mark"`
	Realm   string    `json:"realm"`
	Carrier string    `json:"carrier"`
	State   string    `json:"state"` // queued, taken, delivered, undelivered, failed, unknown
	At      time.Time `json:"at"`
}

// Unfinished tells whether the user cannot log in with a factor of their own yet: too few answers, and no phone.
func (u UserInfo) Unfinished() bool { return !u.Enrolled && u.Devices == 0 }

// Masked is the user as those see it who are no admins: enough of the addresses to ask "does your number end in 67?",
// not enough to use them.
func (u UserInfo) Masked() UserInfo {
	if u.Phone != "" {
		u.Phone = masked(AddressPhone, secret.New(u.Phone))
	}
	if u.Mail != "" {
		u.Mail = masked(AddressMail, secret.New(u.Mail))
	}
	return u
}

// AnswerInfo is what may be shown of an answer.
type AnswerInfo struct {
	Question string    `json:"question"`
	Label    string    `json:"label"`
	Set      time.Time `json:"set"`
	Asked    int       `json:"asked"`            // sets of positions used up
	Exposure float64   `json:"exposure"`         // 0 to 1: what somebody who watched every login could answer
	Renew    bool      `json:"renew"`            // over the warning limit
	Retired  bool      `json:"retired"`          // drawn no more
	Length   int       `json:"length,omitempty"` // letters; only in the reply to the one who set it
	Letters  []string  `json:"letters,omitempty"`
	// Weaknesses are what the policy lets pass with a warning; only in the reply to the one who set it.
	Weaknesses []AnswerWeakness `json:"weaknesses,omitempty"`
}

// LockInfo is one lock in force.
type LockInfo struct {
	Kind   string     `json:"kind"` // "pair", "user", "for-good", "admin", "not-me", "disabled", "expired"
	Source string     `json:"source,omitempty"`
	Until  *time.Time `json:"until,omitempty"` // nil: until an admin lifts it
}

// QuestionInfo is one question of the pool.
type QuestionInfo struct {
	ID            string            `json:"id"`
	Label         map[string]string `json:"label"`
	Phrase        map[string]string `json:"phrase"`
	MinimumLength int               `json:"minimum_length"`
}

// AuditEntry is one record of the audit log.
type AuditEntry struct {
	Seq       uint64    `json:"seq"`
	Time      time.Time `json:"time"`
	Event     string    `json:"event"` // "login", "user.add", "answer.set", …
	Result    string    `json:"result"`
	Reason    Reason    `json:"reason,omitempty"`
	Reference string    `json:"reference,omitempty"`
	User      string    `json:"user,omitempty"`  // canonical, or the raw name quoted where it can be none
	Given     string    `json:"given,omitempty"` // the name as it was given, where it differs
	UserID    string    `json:"user_id,omitempty"`
	Door      string    `json:"door,omitempty"`
	NAS       string    `json:"nas,omitempty"`
	Source    string    `json:"source,omitempty"`
	Policy    string    `json:"policy,omitempty"`
	Actor     string    `json:"actor,omitempty"`
	Detail    string    `json:"detail,omitempty"`
}

// AuditFilter picks records; empty fields pick all.
type AuditFilter struct {
	User      string
	Reference string
	From      uint64 // first sequence number; 0: see Newest
	Newest    int    // only the newest so many, ascending; 0: all
}

// AuditVerdict is what verifying the chain found.
type AuditVerdict struct {
	Records uint64 `json:"records"`
	Head    string `json:"head"`
	Broken  uint64 `json:"broken,omitempty"` // the first record whose link is wrong
	Problem string `json:"problem,omitempty"`
}

// ImportRow is one user of an import.
type ImportRow struct {
	Line int // of the file, for errors
	NewUser
	Password Secret
	Answers  map[string]Secret // by question
}

// ImportProgress is told from time to time.
type ImportProgress struct {
	Rows    int  `json:"rows"`
	Refused int  `json:"refused"`
	Done    bool `json:"done"`
	// Weak are rows whose answers are taken with a warning, found since it was told last.
	Weak []RowError `json:"weak,omitempty"`
}

// RowError is what is wrong with one row.
type RowError struct {
	Line  int    `json:"line"`
	Name  string `json:"name,omitempty"`
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// Problem is an error for the person who asked: what is wrong and what to do. It holds no secret.
type Problem struct {
	Kind error  // one of the errors below, for errors.Is
	Text string // "no user lutz"
	Hint string // "latchkey user list shows all"
}

func (p *Problem) Error() string { return p.Text }

// Unwrap gives the kind.
func (p *Problem) Unwrap() error { return p.Kind }

// The kinds of Problem.
var (
	ErrNoSuchUser     = errors.New("no such user")
	ErrUserExists     = errors.New("user exists")
	ErrNoSuchQuestion = errors.New("no such question")
	ErrInvalid        = errors.New("invalid")
	ErrRefused        = errors.New("refused")
)

// What a door may hear of the state under a change that failed: nothing was kept, or nobody knows.
var (
	ErrNoRoom         = store.ErrFull
	ErrUnknownOutcome = store.ErrUnknown
)

func problem(kind error, text, hint string) *Problem { return &Problem{kind, text, hint} }
