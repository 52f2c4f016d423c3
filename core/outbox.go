package core

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"github.com/latchkey/latchkey/core/store"
)

// The outbox: a queue in the store for each carrier, in the order of time. An entry names a challenge, or a notice;
// no text stands in it. It is written in the transaction that it belongs to, and goes in the one that knows what
// became of it.

type outboxKind string

const (
	outboxChallenge outboxKind = "challenge"
	outboxNotice    outboxKind = "notice"
	outboxCodeWord  outboxKind = "code-word" // half of one, by mail; Challenge holds its serial
)

// outboxRecord stands under keyOutbox.
type outboxRecord struct {
	ID      [8]byte    `cbor:"1,keyasint"` // the same at every try, by whatever carrier
	Kind    outboxKind `cbor:"2,keyasint"`
	User    userID     `cbor:"3,keyasint"`
	Carrier string     `cbor:"4,keyasint"`           // whose queue it stands in
	Next    []string   `cbor:"5,keyasint,omitempty"` // who may take it over
	Created int64      `cbor:"6,keyasint"`           // Unix milliseconds
	Until   int64      `cbor:"7,keyasint"`
	Due     int64      `cbor:"8,keyasint,omitempty"` // not before
	Tries   int        `cbor:"9,keyasint,omitempty"` // by this carrier
	// Node holds the entry until Lease: it is at the carrier now. A lease that ran out says that nobody knows.
	Node  [8]byte `cbor:"10,keyasint,omitempty"`
	Lease int64   `cbor:"11,keyasint,omitempty"`

	Series    string  `cbor:"12,keyasint,omitempty"` // of a challenge
	Challenge [8]byte `cbor:"13,keyasint,omitempty"`
	Ahead     bool    `cbor:"14,keyasint,omitempty"` // nobody waits for it at a login

	To       []byte        `cbor:"15,keyasint,omitempty"` // of a notice: where the user was before, sealed
	Language string        `cbor:"16,keyasint,omitempty"`
	Notice   *noticeRecord `cbor:"17,keyasint,omitempty"`
}

// keyOutbox orders by carrier, then by time.
func keyOutbox(carrier string, at int64, sequence uint16, id [8]byte) []byte {
	k := append(outboxPrefix(carrier), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	binary.BigEndian.PutUint64(k[len(k)-10:], uint64(at))
	binary.BigEndian.PutUint16(k[len(k)-2:], sequence)
	return append(k, id[:]...)
}

func outboxPrefix(carrier string) []byte { return append(append([]byte{'o'}, carrier...), 0) }

// outboxCarrier is the name in a key of the outbox.
func outboxCarrier(key []byte) string {
	name, _, _ := bytes.Cut(key[1:], []byte{0})
	return string(name)
}

func outboxContext(id [8]byte) string { return "outbox|" + hex.EncodeToString(id[:]) }

// enqueue puts a new entry behind all others of its carrier.
func (c *Core) enqueue(t store.Txn, now time.Time, r *outboxRecord) (key []byte, err error) {
	if r.ID == [8]byte{} {
		r.ID = newMessageID()
	}
	if r.Created == 0 {
		r.Created = now.UnixMilli()
	}
	key = keyOutbox(r.Carrier, now.UnixMilli(), uint16(c.sequence.Add(1)), r.ID)
	return key, put(t, key, r)
}

func newMessageID() (id [8]byte) {
	_, _ = rand.Read(id[:])
	return id
}

// passOn puts an entry into the queue of the next carrier; false where there is none.
func (c *Core) passOn(t store.Txn, now time.Time, key []byte, r *outboxRecord) (moved bool, err error) {
	for i, name := range r.Next {
		if c.carrier(name) == nil {
			continue
		}
		t.Delete(key)
		r.Carrier, r.Next = name, slices.Clone(r.Next[i+1:])
		r.Node, r.Lease, r.Tries, r.Due = [8]byte{}, 0, 0, 0
		key, err = c.enqueue(t, now, r)
		return true, err
	}
	return false, nil
}

// deliveriesRecord stands under keyDeliveries: what a user was sent, and the guard of it.
type deliveriesRecord struct {
	Series  map[string]deliveryRecord `cbor:"1,keyasint,omitempty"`
	Sent    windowRecord              `cbor:"2,keyasint,omitempty"`
	Notices map[string]noticedRecord  `cbor:"3,keyasint,omitempty"`
	Told    windowRecord              `cbor:"4,keyasint,omitempty"` // notices
}

type deliveryState string

const (
	deliveryQueued  deliveryState = "queued"
	deliveryTaken   deliveryState = "taken"   // the carrier has taken it over
	deliveryFailed  deliveryState = "failed"  // nobody has
	deliveryUnknown deliveryState = "unknown" // the carrier may have

	deliveryDelivered   deliveryState = "delivered"   // the carrier says that it has reached the device
	deliveryUndelivered deliveryState = "undelivered" // the carrier took it, and says now that it did not
)

// deliveryRecord is what became of the message of a series' open challenge.
type deliveryRecord struct {
	Challenge [8]byte       `cbor:"1,keyasint"`
	At        int64         `cbor:"2,keyasint"` // when it was queued last, Unix milliseconds
	Until     int64         `cbor:"3,keyasint"`
	State     deliveryState `cbor:"4,keyasint"`
	Carrier   string        `cbor:"5,keyasint,omitempty"`
	Message   [8]byte       `cbor:"6,keyasint"`           // the outbox's id of it
	Doubtful  []string      `cbor:"7,keyasint,omitempty"` // carriers of which nobody knows whether they took it
	Reached   bool          `cbor:"8,keyasint,omitempty"` // a carrier has taken it at least once
	// Phones is the carrier by which the user's phones may show it; empty: they may not.
	Phones string `cbor:"9,keyasint,omitempty"`
	Seen   bool   `cbor:"10,keyasint,omitempty"` // one of them has
}

func keyDeliveries(id userID) []byte { return append([]byte{'e'}, id[:]...) }

// became notes what became of a message, unless another one has taken its place.
func (c *Core) became(t store.Txn, r *outboxRecord, state deliveryState) error {
	if r.Kind != outboxChallenge {
		return nil
	}
	var all deliveriesRecord
	if _, err := get(t, keyDeliveries(r.User), &all); err != nil {
		return err
	}
	d, ok := all.Series[r.Series]
	if !ok || d.Message != r.ID {
		return nil
	}
	if state == deliveryTaken && (d.State == deliveryDelivered || d.State == deliveryUndelivered) {
		return nil // the receipt was quicker
	}
	d.State, d.Carrier = state, r.Carrier
	switch state {
	case deliveryUnknown:
		if !slices.Contains(d.Doubtful, r.Carrier) {
			d.Doubtful = append(d.Doubtful, r.Carrier)
		}
		d.Reached = true // it may have
	case deliveryTaken:
		d.Reached = true
	}
	all.Series[r.Series] = d
	return put(t, keyDeliveries(r.User), all)
}

// SweepOutbox passes on what waits for carriers that are gone, and removes counts that are over. The daemon calls it
// from time to time; no login rests on it.
func (c *Core) SweepOutbox(ctx context.Context) error {
	const most = 500
	now := c.clock.Now()
	var orphans, numbers [][]byte
	err := c.store.View(ctx, func(r store.Reader) error {
		orphans, numbers = nil, nil
		err := r.Scan([]byte{'o'}, nil, func(key, _ []byte) bool {
			if c.carrier(outboxCarrier(key)) == nil {
				orphans = append(orphans, slices.Clone(key))
			}
			return len(orphans) < most
		})
		if err != nil {
			return err
		}
		return r.Scan([]byte("rn"), nil, func(key, value []byte) bool {
			var w windowRecord
			if cborDecode.Unmarshal(value, &w) == nil && now.UnixMilli() >= w.ends(c.set.Delivery.Number) {
				numbers = append(numbers, slices.Clone(key))
			}
			return len(numbers) < most
		})
	})
	if err != nil || len(orphans)+len(numbers) == 0 {
		return err
	}
	return c.store.Update(ctx, func(t store.Txn) error {
		for _, key := range orphans {
			var r outboxRecord
			if found, err := get(t, key, &r); err != nil {
				return err
			} else if !found || c.carrier(r.Carrier) != nil {
				continue
			}
			state := deliveryFailed
			if r.Lease != 0 {
				state = deliveryUnknown // it was given to the carrier before that was taken away
			} else if moved, err := c.passOn(t, now, key, &r); err != nil {
				return err
			} else if moved {
				continue
			}
			t.Delete(key)
			if err := c.became(t, &r, state); err != nil {
				return err
			}
			if err := c.auditMessage(t, now, &r, string(state), "no such carrier"); err != nil {
				return err
			}
		}
		return c.sweepRates(t, now, numbers)
	})
}

// auditMessage notes what happened to a message; never what stands in it.
func (c *Core) auditMessage(t store.Txn, now time.Time, r *outboxRecord, result, detail string) error {
	var u userRecord
	if _, err := get(t, keyUser(r.User), &u); err != nil {
		return err
	}
	what := string(r.Kind)
	switch {
	case r.Kind == outboxChallenge:
		what = "message " + markOf(c.state, r.Challenge)
	case r.Notice != nil:
		what = "notice " + string(r.Notice.Kind)
	}
	what += " by " + r.Carrier
	if detail != "" {
		what += ", " + printable(detail)
	}
	return audit(t, auditRecord{
		Time: now.UnixMilli(), Event: eventMessage, Result: result, User: u.Name, UserID: r.User.String(), Detail: what,
	})
}
