package core

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// What is kept of phones. One record holds everything of a device, so that each call is one
// compare-and-swap on one key.

// Lives of what a device is given to answer.
const (
	evaluationFor = 2 * time.Minute
	gridFor       = 2 * time.Minute
	renewalFor    = 5 * time.Minute
	// maxEvaluations bounds those that wait for their signature: no more can be in a row.
	maxEvaluations = 8
)

// deviceState is where a device is in its life.
type deviceState string

const (
	deviceInert   deviceState = "inert"   // enrolled, not confirmed
	deviceActive  deviceState = "active"  // may approve
	deviceLocked  deviceState = "locked"  // see Why; still counts as had
	deviceErased  deviceState = "erased"  // its share is gone: it must be enrolled again
	deviceRevoked deviceState = "revoked" // only its id is left
)

// deviceRecord stands under keyDevice.
type deviceRecord struct {
	User      userID      `cbor:"1,keyasint"`
	Name      string      `cbor:"2,keyasint"`
	Created   int64       `cbor:"3,keyasint"`
	State     deviceState `cbor:"4,keyasint"`
	Why       string      `cbor:"5,keyasint,omitempty"`
	DeviceKey []byte      `cbor:"6,keyasint,omitempty"` // SPKI
	// Keys are the approval keys that are taken, oldest first: two between a renewal and the new
	// one's first signature.
	Keys    []approvalRecord `cbor:"7,keyasint,omitempty"`
	Share   []byte           `cbor:"8,keyasint,omitempty"` // sealed OPRF key, until the first approval key is there
	Budget  mobile.Budget    `cbor:"9,keyasint"`
	Trusted bool             `cbor:"10,keyasint,omitempty"`
	Check   string           `cbor:"11,keyasint,omitempty"` // the check code, while inert
	// Counter is that of the last call; Frame and Reply repeat it when the reply was lost.
	Counter uint64      `cbor:"12,keyasint,omitempty"`
	Frame   []byte      `cbor:"13,keyasint,omitempty"`
	Reply   replyRecord `cbor:"14,keyasint"`
	Seen    int64       `cbor:"15,keyasint,omitempty"`
	// Generation of the state: after a restore the PIN's tries are what they are at their least.
	Generation  uint64             `cbor:"16,keyasint"`
	Evaluations []evaluationRecord `cbor:"17,keyasint,omitempty"`
	Grid        *gridRecord        `cbor:"18,keyasint,omitempty"`
	Renewal     *renewalRecord     `cbor:"19,keyasint,omitempty"`
	Push        []byte             `cbor:"20,keyasint,omitempty"` // sealed subscription
}

type approvalRecord struct {
	Generation uint64 `cbor:"1,keyasint"`
	Key        []byte `cbor:"2,keyasint"` // SPKI
	Share      []byte `cbor:"3,keyasint"` // sealed OPRF key
}

type replyRecord struct {
	Body []byte     `cbor:"1,keyasint,omitempty"`
	Code DeviceCode `cbor:"2,keyasint,omitempty"`
	Text string     `cbor:"3,keyasint,omitempty"`
	// Fresh: the reply was not kept, and is made again.
	Fresh bool `cbor:"4,keyasint,omitempty"`
}

type evaluationRecord struct {
	ID         mobile.EvaluationID `cbor:"1,keyasint"`
	Nonce      mobile.Nonce        `cbor:"2,keyasint"`
	Purpose    string              `cbor:"3,keyasint"`
	Generation uint64              `cbor:"4,keyasint,omitempty"`
	Until      int64               `cbor:"5,keyasint"` // Unix milliseconds
}

// gridRecord is what was displayed, and waits for the second signature.
type gridRecord struct {
	Nonce     mobile.Nonce       `cbor:"1,keyasint"`
	Pendings  []mobile.PendingID `cbor:"2,keyasint,omitempty"`
	Displayed [32]byte           `cbor:"3,keyasint"`
	Symbols   []mobile.Symbol    `cbor:"4,keyasint"`
	Key       uint64             `cbor:"5,keyasint"` // generation of the approval key that opened
	Until     int64              `cbor:"6,keyasint"`
}

type renewalRecord struct {
	Nonce      mobile.Nonce         `cbor:"1,keyasint"`
	Generation uint64               `cbor:"2,keyasint"`
	Share      []byte               `cbor:"3,keyasint,omitempty"` // the next OPRF key, where the PIN changes
	Evaluation *mobile.EvaluationID `cbor:"4,keyasint,omitempty"` // its one evaluation
	Until      int64                `cbor:"5,keyasint"`
}

// devicesRecord stands under keyDevices: the guard that makes a user's devices one row.
type devicesRecord struct {
	IDs []mobile.DeviceID `cbor:"1,keyasint,omitempty"`
	// Had: a phone of the user was active once. Whoever had one is no newcomer, even when it was revoked.
	Had bool `cbor:"2,keyasint,omitempty"`
	// Resets counts how often all was taken away: invitations of before are void.
	Resets uint64 `cbor:"3,keyasint,omitempty"`
}

// hadPhone tells whether the user has, or had, a phone that was ever active.
func (c *Core) hadPhone(r store.Reader, id userID) (bool, error) {
	var list devicesRecord
	if _, err := get(r, keyDevices(id), &list); err != nil || list.Had {
		return list.Had, err
	}
	has, _, err := c.hasPhone(r, id)
	return has, err
}

// maxDevices bounds one user's devices.
const maxDevices = 16

// invitationRecord stands under keyInvitation.
type invitationRecord struct {
	User       userID           `cbor:"1,keyasint"`
	Secret     []byte           `cbor:"2,keyasint"` // keyed hash
	Until      int64            `cbor:"3,keyasint"`
	Trusted    bool             `cbor:"4,keyasint,omitempty"`
	Generation uint64           `cbor:"5,keyasint"`
	Device     *mobile.DeviceID `cbor:"6,keyasint,omitempty"` // that spent it
	Void       bool             `cbor:"7,keyasint,omitempty"`
	Resets     uint64           `cbor:"8,keyasint,omitempty"` // of the user, when it was made
}

func keyDevice(id mobile.DeviceID) []byte         { return append([]byte{'d'}, id[:]...) }
func keyDevices(id userID) []byte                 { return append([]byte{'g'}, id[:]...) }
func keyInvitation(id mobile.InvitationID) []byte { return append([]byte{'v'}, id[:]...) }

func shareContext(id mobile.DeviceID, generation uint64) string {
	return fmt.Sprintf("share|%s|%d", id, generation)
}

// newShare makes and seals an OPRF key of a device.
func (c *Core) newShare(id mobile.DeviceID, generation uint64) ([]byte, error) {
	k, err := mobile.NewOPRFKey()
	if err != nil {
		return nil, err
	}
	return c.keys.Seal(k, shareContext(id, generation))
}

func (c *Core) share(id mobile.DeviceID, generation uint64, sealed []byte) (secret.Secret, error) {
	if len(sealed) == 0 {
		return secret.Secret{}, fmt.Errorf("core: device %s has no share of generation %d", id, generation)
	}
	return c.keys.Open(sealed, shareContext(id, generation))
}

func (d *deviceRecord) newest() *approvalRecord {
	if len(d.Keys) == 0 {
		return nil
	}
	return &d.Keys[len(d.Keys)-1]
}

func (d *deviceRecord) key(generation uint64) *approvalRecord {
	for i := range d.Keys {
		if d.Keys[i].Generation == generation {
			return &d.Keys[i]
		}
	}
	return nil
}

// evaluation takes an open evaluation out of the record: it can be answered once.
func (d *deviceRecord) evaluation(id mobile.EvaluationID, now time.Time) (evaluationRecord, bool) {
	for i, e := range d.Evaluations {
		if e.ID == id {
			d.Evaluations = slices.Delete(slices.Clone(d.Evaluations), i, i+1)
			return e, now.UnixMilli() < e.Until
		}
	}
	return evaluationRecord{}, false
}

// lock takes a device out of use for a reason. It still counts as had: it opens no fallback.
func (d *deviceRecord) lock(why string) {
	d.State, d.Why, d.Grid, d.Renewal = deviceLocked, why, nil, nil
}

// whyRemoved is why a device is locked that was removed by itself, and was the user's last.
const whyRemoved = "removed"

// confirmed tells whether a device was ever active: not whether it is.
func (d *deviceRecord) confirmed() bool {
	return d.State == deviceActive || d.Why == whyRemoved || d.State != deviceInert && len(d.Keys) > 0 && d.Check == ""
}

// devicesOf gives a user's devices that are not revoked.
func (c *Core) devicesOf(r store.Reader, id userID) ([]mobile.DeviceID, []deviceRecord, error) {
	var list devicesRecord
	if _, err := get(r, keyDevices(id), &list); err != nil {
		return nil, nil, err
	}
	var ids []mobile.DeviceID
	var records []deviceRecord
	for _, d := range list.IDs {
		var record deviceRecord
		found, err := get(r, keyDevice(d), &record)
		if err != nil {
			return nil, nil, err
		}
		if found && record.State != deviceRevoked && record.User == id {
			ids, records = append(ids, d), append(records, record)
		}
	}
	return ids, records, nil
}

// hasPhone tells whether the user has a device that was ever active: locked and erased ones count, so
// that a lock opens no weaker way in.
func (c *Core) hasPhone(r store.Reader, id userID) (has, usable bool, err error) {
	_, records, err := c.devicesOf(r, id)
	for _, d := range records {
		has = has || d.confirmed()
		usable = usable || d.State == deviceActive
	}
	return has, usable, err
}

func newNonce() (n mobile.Nonce) {
	_, _ = rand.Read(n[:])
	return n
}

var errNoDevice = errors.New("core: no such device")
