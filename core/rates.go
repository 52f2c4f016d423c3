package core

import (
	"encoding/binary"
	"time"

	"github.com/latchkey/latchkey/core/store"
)

// How many messages there may be. Messages cost money, and whoever has a password, or numbers of his own, can have
// them sent: so they are counted durably, for each user and number where a message is asked for, for each carrier and
// in all where it is sent.

// windowRecord counts in a window of time that begins with its first message.
type windowRecord struct {
	From  int64 `cbor:"1,keyasint,omitempty"` // Unix milliseconds
	Count int   `cbor:"2,keyasint,omitempty"`
	Told  bool  `cbor:"3,keyasint,omitempty"` // that the limit was reached
}

// room tells whether the rate allows one more.
func (w *windowRecord) room(now time.Time, rate Rate) bool {
	return rate.Most <= 0 || now.UnixMilli() >= w.From+rate.In.Milliseconds() || w.Count < rate.Most
}

// ends is when the window does.
func (w *windowRecord) ends(rate Rate) int64 { return w.From + rate.In.Milliseconds() }

// take counts one more.
func (w *windowRecord) take(now time.Time, rate Rate) {
	if ms := now.UnixMilli(); w.From == 0 || ms >= w.From+rate.In.Milliseconds() {
		*w = windowRecord{From: ms}
	}
	w.Count++
}

// tell says once in a window that its limit was reached.
func (w *windowRecord) tell() (first bool) {
	first, w.Told = !w.Told, true
	return first
}

// keyNumber counts for a number or address, by its keyed hash. Rows whose window is over are swept.
func (c *Core) keyNumber(to Secret) []byte {
	h := mac8(c.nameKey, "number", to.Reveal())
	return append([]byte("rn"), h[:]...)
}

func keyCarrierRate(name string) []byte { return append([]byte("rc"), name...) }

var keyAllRate = []byte("ra")

// sweepRates removes the windows that are over.
func (c *Core) sweepRates(t store.Txn, now time.Time, keys [][]byte) error {
	for _, key := range keys {
		var w windowRecord
		if found, err := get(t, key, &w); err != nil {
			return err
		} else if found && now.UnixMilli() >= w.ends(c.set.Delivery.Number) {
			t.Delete(key)
		}
	}
	return nil
}

// keyQuiet is a row of the table of fixed size that makes messages to nobody cost what others do.
func (c *Core) keyQuiet(name string) []byte {
	h := binary.BigEndian.Uint16(mac(c.nameKey, "quiet", name))
	return []byte{'y', byte(h >> 8), byte(h)}
}

// sendLimits are the windows of one carrier and of all, as one transaction of the sender changes them.
type sendLimits struct {
	name     string
	set      DeliverySettings
	own, all windowRecord
	read     bool
	changed  bool
}

func newSendLimits(name string, set DeliverySettings) *sendLimits {
	return &sendLimits{name: name, set: set}
}

// take counts one message that is about to be sent, or says until when none may be.
func (l *sendLimits) take(t store.Txn, now time.Time, said *[]func(), c *Core) (wait int64, err error) {
	if !l.read {
		l.read = true
		if _, err := get(t, keyCarrierRate(l.name), &l.own); err != nil {
			return 0, err
		}
		if _, err := get(t, keyAllRate, &l.all); err != nil {
			return 0, err
		}
	}
	alert := func(w *windowRecord, what string) error {
		if !w.tell() {
			return nil
		}
		l.changed = true
		*said = append(*said, func() {
			c.log.Error("too many messages: the rest waits or is not sent", "limit", what, "hint", "delivery.limits; somebody may be running up costs")
		})
		return audit(t, auditRecord{Time: now.UnixMilli(), Event: eventAlert, Result: "message-limit", Detail: "limit of " + what})
	}
	switch {
	case !l.own.room(now, l.set.Carrier):
		return l.own.ends(l.set.Carrier), alert(&l.own, "carrier "+l.name)
	case !l.all.room(now, l.set.All):
		return l.all.ends(l.set.All), alert(&l.all, "all carriers")
	}
	l.own.take(now, l.set.Carrier)
	l.all.take(now, l.set.All)
	l.changed = true
	return 0, nil
}

func (l *sendLimits) put(t store.Txn) error {
	if !l.changed {
		return nil
	}
	if err := put(t, keyCarrierRate(l.name), &l.own); err != nil {
		return err
	}
	return put(t, keyAllRate, &l.all)
}
