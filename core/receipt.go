package core

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/latchkey/latchkey/core/store"
)

// What a carrier hears of a message later: that it has reached the device, or that it will not. Carriers remember in
// memory what their receipts are about, so those of messages that were given to a carrier before the process began are
// lost: such a message stays "taken", and its user types "resend".

// maxHeard is how many receipts wait to be written down. Further ones are dropped, and logged.
const maxHeard = 1000

// report is what a carrier has heard of one try of a message.
type report struct {
	of        *awaited
	delivered bool
	state     string
}

// awaited is a try of a message whose receipt may come.
type awaited struct {
	record outboxRecord // as it was given to the carrier
	told   atomic.Bool  // only the first receipt counts
	// void says that the carrier has not taken the message after all, as when it took the first part of a long one: the
	// sender goes on, and no receipt does.
	void atomic.Bool
}

// report is Message.Report of a try.
func (s *state) report(of *awaited) func(delivered bool, state string) {
	return func(delivered bool, state string) {
		if !of.told.CompareAndSwap(false, true) {
			return
		}
		select {
		case s.reports <- report{of, delivered, state}:
		default:
			s.log.Warn("a delivery receipt is dropped: too many came at once", "message", fmt.Sprintf("%x", of.record.ID))
		}
	}
}

// takeReports writes down what carriers hear, until ctx ends.
func (c *Core) takeReports(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-c.reports:
			if err := c.newest.Load().reported(ctx, r); err != nil {
				c.log.Warn("a delivery receipt was not written down", "message", fmt.Sprintf("%x", r.of.record.ID), "error", err)
			}
		}
	}
}

// reported audits a receipt. A challenge that has not reached its user, and could still be answered, goes on to the next
// carrier.
func (c *Core) reported(ctx context.Context, rep report) error {
	var said []func()
	err := c.store.Update(ctx, func(t store.Txn) error {
		said = nil
		if rep.of.void.Load() {
			return nil
		}
		now := c.clock.Now()
		r := rep.of.record
		result, detail := deliveryDelivered, rep.state
		if !rep.delivered {
			result = deliveryUndelivered
		}
		if err := c.auditMessage(t, now, &r, string(result), detail); err != nil || r.Kind != outboxChallenge {
			return err
		}
		var all deliveriesRecord
		if _, err := get(t, keyDeliveries(r.User), &all); err != nil {
			return err
		}
		d, ok := all.Series[r.Series]
		if !ok || d.Message != r.ID {
			return nil // it was sent again meanwhile, or its challenge is over: the receipt came too late
		}
		d.State, d.Carrier = result, r.Carrier
		if !rep.delivered {
			next, err := c.insteadOf(t, now, &r, &d)
			if err != nil {
				return err
			}
			if next != nil {
				// Under an id of its own: so this receipt is spent, and whoever still holds the old entry finds that another one
				// has taken its place.
				if _, err := c.enqueue(t, now, next); err != nil {
					return err
				}
				d.At, d.State, d.Carrier, d.Message = now.UnixMilli(), deliveryQueued, next.Carrier, next.ID
				from := fmt.Sprintf("%s: %s", r.Carrier, rep.state)
				said = append(said, func() { c.sayMessage(next, "passed on", from) })
				if err := c.auditMessage(t, now, next, "passed-on", from); err != nil {
					return err
				}
			}
		}
		all.Series[r.Series] = d
		return put(t, keyDeliveries(r.User), &all)
	})
	if err == nil {
		tell(said)
	}
	return err
}

// messageInfo tells what became of the messages that a user was sent last.
func (c *Core) messageInfo(r store.Reader, id userID) (list []MessageInfo, err error) {
	var all deliveriesRecord
	if _, err := get(r, keyDeliveries(id), &all); err != nil {
		return nil, err
	}
	for _, series := range slices.Sorted(maps.Keys(all.Series)) {
		d := all.Series[series]
		list = append(list, MessageInfo{
			Mark: markOf(c.state, d.Challenge), Realm: strings.TrimSuffix(series, "/"+formMessage), Carrier: d.Carrier, State: string(d.State),
			At: time.UnixMilli(d.At).UTC(),
		})
	}
	return list, nil
}

// insteadOf makes the entry for the next carrier of a message that did not arrive; nil where there is none, or where
// nobody needs it any more. A carrier that had the message, or may have it, is none.
func (c *Core) insteadOf(r store.Reader, now time.Time, e *outboxRecord, d *deliveryRecord) (*outboxRecord, error) {
	if now.UnixMilli() >= d.Until {
		return nil, nil
	}
	who := subject{id: e.User}
	var err error
	if who.known, err = get(r, keyUser(e.User), &who.user); err != nil || !who.mayBeSent(now) {
		return nil, err
	}
	_, open, err := c.openChallenge(r, who, e.Series, e.Challenge)
	if err != nil || !open {
		return nil, err
	}
	for i, name := range e.Next {
		carrier := c.carrier(name)
		if carrier == nil || name == e.Carrier || slices.Contains(d.Doubtful, name) {
			continue
		}
		to, err := c.address(r, e.User, &who.user, carrier.Address())
		if err != nil {
			return nil, err
		}
		if to.Len() == 0 {
			continue
		}
		return &outboxRecord{
			Kind: e.Kind, User: e.User, Carrier: name, Next: slices.Clone(e.Next[i+1:]), Created: e.Created, Until: d.Until,
			Series: e.Series, Challenge: e.Challenge, Ahead: e.Ahead,
		}, nil
	}
	return nil, nil
}
