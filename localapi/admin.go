package localapi

import (
	"context"
	"iter"
	"time"

	"github.com/latchkey/latchkey/core"
)

// Admin is what the admin socket needs of core; *core.Core is one. Each change is durable,
// and audited in the same commit, before the method returns. Errors for the person are
// *core.Problem. A method never checks the actor's role: the routes have done so.
type Admin interface {
	AddUser(ctx context.Context, actor core.Actor, user core.NewUser) (info core.UserInfo, codeWord core.Secret, err error)
	User(ctx context.Context, name string) (core.UserInfo, error)
	// Users calls fn for each user in the order of names, until it returns false.
	Users(ctx context.Context, fn func(core.UserInfo) bool) error
	ChangeUser(ctx context.Context, actor core.Actor, name string, change core.UserChange) (core.UserInfo, error)
	RemoveUser(ctx context.Context, actor core.Actor, name string) error
	LockUser(ctx context.Context, actor core.Actor, name string) error
	UnlockUser(ctx context.Context, actor core.Actor, name string) error
	EnableUser(ctx context.Context, actor core.Actor, name string, enabled bool) error
	// ExpireUser sets when the user ends; the zero time means never.
	ExpireUser(ctx context.Context, actor core.Actor, name string, at time.Time) error
	SetPassword(ctx context.Context, actor core.Actor, name string, password core.Secret) error
	// NewCodeWord voids an unused code word and gives a new one.
	NewCodeWord(ctx context.Context, actor core.Actor, name string) (codeWord core.Secret, until time.Time, err error)
	// TemporaryCode makes the helpdesk's code: eight letters, good for uses logins.
	TemporaryCode(ctx context.Context, actor core.Actor, name string, valid time.Duration, uses int) (code core.Secret, until time.Time, err error)

	// InviteUser makes a new code word and voids an unused one. Mailed: half of it goes by mail, and the caller gets the
	// rest. ErrRefused where there is no way for a mail. ResetUser takes the user's answers, phones, temporary code and
	// sessions away first.
	InviteUser(ctx context.Context, actor core.Actor, name string, mailed bool) (core.Handover, error)
	ResetUser(ctx context.Context, actor core.Actor, name string, mailed bool) (core.Handover, error)

	// AskCaller gives the question to ask a caller who says to be the user; it stays the same until it is answered
	// rightly. JudgeCaller tells whether the answer was right, after it was counted. ErrRefused after too many wrong ones.
	AskCaller(ctx context.Context, actor core.Actor, name string) (core.CallerCheck, error)
	JudgeCaller(ctx context.Context, actor core.Actor, name, id string, text core.Secret) (right bool, err error)
	// ResendMessage sends the messages of the user's open challenges again, within limits. ErrRefused where none
	// is open, or a limit is reached.
	ResendMessage(ctx context.Context, actor core.Actor, name string) ([]core.Sent, error)

	Questions() []core.QuestionInfo
	// AuditQuestions reckons how often each question is guessed. It takes seconds the first time.
	AuditQuestions(ctx context.Context) ([]core.QuestionAudit, error)
	Answers(ctx context.Context, name string) ([]core.AnswerInfo, error)
	// SetAnswer's result alone holds the numbered letters, to be shown once.
	SetAnswer(ctx context.Context, actor core.Actor, name, question string, answer core.Secret) (core.AnswerInfo, error)
	RemoveAnswer(ctx context.Context, actor core.Actor, name, question string) error

	// InviteDevice gives an invitation's URL, which is a secret as a whole: whoever has it first enrols a
	// phone for the user. One device comes of it, within the time. Unless trusted, that device stays inert until
	// ConfirmDevice; trusted is for an invitation that is handed over in person. ErrRefused where there is no HTTPS door.
	InviteDevice(ctx context.Context, actor core.Actor, name string, trusted bool) (url core.Secret, expires time.Time, err error)
	// Devices lists those of a user that are not revoked, the oldest first.
	Devices(ctx context.Context, name string) ([]core.DeviceInfo, error)
	// ConfirmDevice activates the inert device of the user that shows this check code: eight letters, read in any
	// case, without regard to hyphens and spaces. ErrInvalid if none does.
	ConfirmDevice(ctx context.Context, actor core.Actor, name, code string) (core.DeviceInfo, error)
	// UnlockDevice ends a device's lock and its row of wrong PINs; the count for its life stays. The device is named
	// by its id or its name. ErrRefused where nothing helps but a new device.
	UnlockDevice(ctx context.Context, actor core.Actor, name, device string) error
	// RevokeDevice takes a device away for good, with all that waits for it.
	RevokeDevice(ctx context.Context, actor core.Actor, name, device string) error

	// InviteHost gives an invitation's URL for a machine of this name, a secret as a whole; an older one that is open for
	// the name is void. ErrRefused where hosts are not served, or where no entry of the configuration fits the name.
	InviteHost(ctx context.Context, actor core.Actor, name string, valid time.Duration) (url core.Secret, expires time.Time, err error)
	// HostList lists hosts that are not revoked, and open invitations, by name.
	HostList(ctx context.Context) ([]core.HostInfo, error)
	// RevokeHost takes a host away for good, at once, or an invitation that is open.
	RevokeHost(ctx context.Context, actor core.Actor, name string) error
	// UnlockHost clears a host's wrong tries, and confirms it after a restore.
	UnlockHost(ctx context.Context, actor core.Actor, name string) error

	// Import takes all rows or none, unless keepGoing: then it leaves out the bad ones. Rows are
	// staged and published at once. An error that rows yields ends the import. It returns the bad rows
	// (at most the first 1,000) with ErrRefused when nothing was taken for their sake. codeWord is called for
	// each new user without the minimum of answers, after publication.
	Import(ctx context.Context, actor core.Actor, rows iter.Seq2[core.ImportRow, error], keepGoing bool,
		progress func(core.ImportProgress), codeWord func(core.Handover)) (taken int, bad []core.RowError, err error)

	// Audit calls fn for the records that filter picks, ascending, until it returns false.
	Audit(ctx context.Context, filter core.AuditFilter, fn func(core.AuditEntry) bool) error
	// FollowAudit calls fn for each new record after seq until ctx ends.
	FollowAudit(ctx context.Context, seq uint64, filter core.AuditFilter, fn func(core.AuditEntry) bool) error
	VerifyAudit(ctx context.Context) (core.AuditVerdict, error)
}
