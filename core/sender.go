package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/store"
)

// The sender brings what stands in the outbox to the carriers. It may run in several processes on one state: an entry
// belongs to who holds its lease.
//
// # What it promises
//
//   - An entry is given to a carrier only after its lease is durable, and what came of it is durable before it goes.
//   - What a carrier has taken, or may have taken, it is never given again by itself. So when the process dies while
//     messages are at a carrier, those few are not sent again: their users type "resend". Nothing else is lost.
//   - Entries are given to a carrier in the order in which they came, as many at once as it bears.

const (
	// sendFor bounds one try. leaseFor is longer: who holds a lease has ended before it does.
	sendFor  = 20 * time.Second
	leaseFor = 40 * time.Second
	graceFor = 3 * time.Second
	// atOnce is how many messages a carrier is given at once.
	atOnce = 8
	// scanned bounds what is looked at for the next ones.
	scanned = 2000

	backoffFirst = time.Second
	backoffMost  = 30 * time.Second
	// triesEach is how often a carrier that is down is tried before the next one, if there is one; downAfter is how many
	// failures in a row make it known as down: then those who have another carrier do not wait for it at all.
	triesEach = 2
	downAfter = 3
	// busyMost is how long a message waits for a carrier that throttles, where another one could take it.
	busyMost = 10 * time.Second
)

// AtOnce is what a Carrier may also be: it says how many messages it bears at once.
type AtOnce interface{ AtOnce() int }

// sendQueue is what this process knows of a carrier. It is gone with the process.
type sendQueue struct {
	name string
	poke chan struct{}

	mu       sync.Mutex
	inFlight map[string]bool // keys
	fails    int             // in a row
	pause    time.Time       // nothing is sent before
	last     string          // the last fault
	sent     uint64
	ended    context.CancelFunc
}

func (q *sendQueue) wake() {
	select {
	case q.poke <- struct{}{}:
	default:
	}
}

// senders are the queues by name.
type senders struct {
	mu sync.Mutex
	by map[string]*sendQueue
}

// deliver runs the sender until ctx ends, and what is at a carrier then has ended.
func (c *Core) deliver(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { c.takeReports(ctx) })
	events := c.store.Watch(ctx, []byte{'o'})
	for {
		c.recastQueues(ctx, &running)
		select {
		case <-ctx.Done():
			return
		case <-c.recast:
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			if e.Deleted {
				continue
			}
			c.senders.mu.Lock()
			for name, q := range c.senders.by {
				if e.Lost || outboxCarrier(e.Key) == name {
					q.wake()
				}
			}
			c.senders.mu.Unlock()
		}
	}
}

// recastQueues begins a queue for each new carrier, and ends those of carriers that are gone.
func (c *Core) recastQueues(ctx context.Context, running *sync.WaitGroup) {
	c.senders.mu.Lock()
	defer c.senders.mu.Unlock()
	all := *c.carriers.Load()
	for name, q := range c.senders.by {
		if all[name] == nil {
			q.ended()
			delete(c.senders.by, name)
		}
	}
	for name := range all {
		if c.senders.by[name] != nil || all[name] == nil {
			continue
		}
		q := &sendQueue{name: name, poke: make(chan struct{}, 1), inFlight: map[string]bool{}}
		var own context.Context
		own, q.ended = context.WithCancel(ctx)
		if c.senders.by == nil {
			c.senders.by = map[string]*sendQueue{}
		}
		c.senders.by[name] = q
		running.Go(func() { c.drain(own, q) })
	}
}

// drain sends what stands in one carrier's queue.
func (c *Core) drain(ctx context.Context, q *sendQueue) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		next, err := c.newest.Load().round(ctx, q, &running)
		wait := time.Minute // in case an event was missed
		switch {
		case err != nil && ctx.Err() == nil:
			c.log.Warn("the outbox was not looked at", "carrier", q.name, "error", err)
			wait = backoffFirst
		case !next.IsZero():
			wait = min(wait, max(next.Sub(c.clock.Now()), time.Millisecond))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-q.poke:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// parcel is an entry on its way to a carrier.
type parcel struct {
	key     []byte
	record  outboxRecord
	carrier Carrier
	message Message
	awaited *awaited
}

// room is how many more messages the carrier may be given now. down says that it is known as down.
func (q *sendQueue) room(now time.Time, carrier Carrier) (free int, down bool, wait time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	most := atOnce
	if own, ok := carrier.(AtOnce); ok && own.AtOnce() > 0 {
		most = own.AtOnce()
	}
	down = q.fails >= downAfter
	if down {
		most = 1 // to see whether it is back
	}
	if now.Before(q.pause) {
		return 0, down, q.pause
	}
	return max(0, most-len(q.inFlight)), down, time.Time{}
}

// round looks at the queue once, and sends what can be sent. next is when to look again, at the latest.
func (c *Core) round(ctx context.Context, q *sendQueue, running *sync.WaitGroup) (next time.Time, err error) {
	carrier := c.carrier(q.name)
	if carrier == nil {
		return time.Time{}, nil
	}
	now := c.clock.Now()
	free, down, wait := q.room(now, carrier)
	soonest := func(ms int64) {
		if t := time.UnixMilli(ms); next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if !wait.IsZero() {
		soonest(wait.UnixMilli())
	}
	var keys [][]byte
	chosen := 0
	err = c.store.View(ctx, func(r store.Reader) error {
		seen := 0
		keys, chosen = nil, 0
		return r.Scan(outboxPrefix(q.name), nil, func(key, value []byte) bool {
			seen++
			var e outboxRecord
			if cborDecode.Unmarshal(value, &e) != nil {
				return seen < scanned
			}
			ms := now.UnixMilli()
			switch {
			case q.holds(key):
			case e.Lease > ms:
				soonest(e.Lease)
			case e.Lease != 0, ms >= e.Until:
				keys = append(keys, slices.Clone(key)) // to be ended
			case down && len(e.Next) > 0 && (chosen > 0 || free == 0):
				keys = append(keys, slices.Clone(key)) // to be passed on
			case e.Due > ms:
				soonest(min(e.Due, e.Until))
			case chosen < free:
				chosen++
				keys = append(keys, slices.Clone(key))
			default:
				soonest(e.Until)
				return down && seen < scanned
			}
			return seen < scanned && len(keys) < 64
		})
	})
	if err != nil || len(keys) == 0 {
		return next, err
	}
	parcels, delayed, err := c.claim(ctx, q, carrier, keys, free, down)
	if err != nil {
		return next, err
	}
	if delayed > 0 {
		soonest(delayed)
	}
	for _, p := range parcels {
		running.Go(func() { c.newest.Load().carry(ctx, q, p) })
	}
	if len(keys) > len(parcels) && delayed == 0 {
		next = now // what was ended or passed on made room
	}
	return next, nil
}

func (q *sendQueue) holds(key []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.inFlight[string(key)]
}

// claim takes leases on entries, in one transaction, and ends or passes on those that are not to be sent. delayed is
// when what a limit holds back may be sent.
func (c *Core) claim(ctx context.Context, q *sendQueue, carrier Carrier, keys [][]byte, free int, down bool) (parcels []parcel, delayed int64, err error) {
	var said []func()
	err = c.store.Update(ctx, func(t store.Txn) error {
		parcels, said, delayed = nil, nil, 0
		now := c.clock.Now()
		ms := now.UnixMilli()
		limits := newSendLimits(q.name, c.set.Delivery)
		for _, key := range keys {
			var r outboxRecord
			found, err := get(t, key, &r)
			if err != nil {
				return err
			}
			if !found || r.Lease > ms {
				continue // another node's
			}
			end := func(state deliveryState, detail string) error {
				t.Delete(key)
				said = append(said, func() { c.sayMessage(&r, string(state), detail) })
				return errors.Join(c.became(t, &r, state), c.auditMessage(t, now, &r, string(state), detail))
			}
			switch {
			case r.Lease != 0:
				err = end(deliveryUnknown, "its sender died")
			case ms >= r.Until:
				err = end(deliveryFailed, "its time is over")
			case down && len(r.Next) > 0 && len(parcels) >= free:
				var moved bool
				if moved, err = c.passOn(t, now, key, &r); err == nil && !moved {
					continue
				}
			case len(parcels) >= free || r.Due > ms:
				continue
			default:
				var m Message
				var why string
				if m, why, err = c.render(t, now, &r, carrier); err != nil {
					return err
				}
				if why != "" {
					err = end(deliveryFailed, why)
					break
				}
				var wait int64
				if wait, err = limits.take(t, now, &said, c); err != nil {
					return err
				}
				if wait > 0 {
					var moved bool
					if moved, err = c.passOn(t, now, key, &r); err != nil || moved {
						break
					}
					if wait >= r.Until {
						err = end(deliveryFailed, "a limit of delivery")
						break
					}
					// It is as good as not sent: a login is told of the limit, and does not wait for it.
					delayed = wait
					r.Due = wait
					err = errors.Join(c.became(t, &r, deliveryFailed), put(t, key, &r))
					break
				}
				r.Node, r.Lease = c.node, now.Add(leaseFor).UnixMilli()
				r.Tries++
				err = put(t, key, &r)
				if r.Kind == outboxChallenge && carrier.Address() == AddressDevice {
					err = errors.Join(err, c.toPhones(t, &r))
				}
				of := &awaited{record: r}
				of.record.To = nil
				m.Report = c.report(of)
				parcels = append(parcels, parcel{key, r, carrier, m, of})
			}
			if err != nil {
				return err
			}
		}
		return limits.put(t)
	})
	if err != nil {
		return nil, 0, err
	}
	tell(said)
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range parcels {
		q.inFlight[string(p.key)] = true
	}
	return parcels, delayed, nil
}

// render makes the message of an entry, or says why it is not to be sent any more.
func (c *Core) render(r store.Reader, now time.Time, e *outboxRecord, carrier Carrier) (m Message, why string, err error) {
	m = Message{ID: fmt.Sprintf("%x", e.ID), Until: time.UnixMilli(e.Until)}
	if e.Kind == outboxNotice {
		return c.renderNotice(e, m)
	}
	if e.Kind == outboxCodeWord {
		return c.renderCodeWord(r, now, e, m)
	}
	who := subject{id: e.User}
	if who.known, err = get(r, keyUser(e.User), &who.user); err != nil {
		return m, "", err
	}
	u := &who.user
	if !who.mayBeSent(now) {
		return m, "its user may not log in", nil
	}
	var all deliveriesRecord
	if _, err := get(r, keyDeliveries(e.User), &all); err != nil {
		return m, "", err
	}
	if all.Series[e.Series].Message != e.ID {
		return m, "another one has taken its place", nil
	}
	o, open, err := c.openChallenge(r, who, e.Series, e.Challenge)
	if err != nil {
		return m, "", err
	}
	if !open {
		return m, "its challenge is over", nil
	}
	if m.To, err = c.address(r, e.User, u, carrier.Address()); err != nil {
		return m, "", err
	}
	if m.To.Len() == 0 {
		return m, "its address is gone", nil
	}
	if carrier.Address() == AddressDevice {
		return m, "", nil // the phone asks for the text
	}
	m.Subject, m.Text = c.messageSubject(u), c.messageText(u, o)
	return m, "", nil
}

// mayBeSent tells whether a user could log in with what a message asks.
func (s *subject) mayBeSent(now time.Time) bool {
	u := &s.user
	return s.known && !u.Disabled && !u.Locked && (u.Expires == 0 || now.Unix() < u.Expires)
}

// openChallenge tells whether a challenge is the one that waits for its answer, and gives it.
func (c *Core) openChallenge(r store.Reader, who subject, series string, challenge [8]byte) (o *opened, open bool, err error) {
	o, err = c.opened(r, who, series)
	if errors.Is(err, errNotEnrolled) || errors.Is(err, pinphrase.ErrNoQuestion) {
		return nil, false, nil
	}
	return o, err == nil && o.record.ID == challenge, err
}

// carry gives one message to its carrier, and writes down what came of it.
func (c *Core) carry(ctx context.Context, q *sendQueue, p parcel) {
	fault := try(ctx, p)
	if fault != nil {
		own := *fault // the carrier may share it
		fault = &own
		if fault.Fault != CarrierUnknown {
			p.awaited.void.Store(true) // before what the sender does about it is written down
		}
	}
	// What happened has happened, also when the process is about to end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseFor-sendFor)
	defer cancel()
	now := c.clock.Now()
	q.mu.Lock()
	switch {
	case fault == nil:
		q.fails, q.last = 0, ""
		q.sent++
	case fault.Fault == CarrierDown:
		q.fails++
		q.last = fault.Error()
		if q.fails >= downAfter {
			q.pause = now.Add(backoff(q.fails - downAfter))
		}
	case fault.Fault == CarrierBusy:
		q.last = fault.Error()
		if fault.After <= 0 {
			fault.After = backoffFirst
		}
		// The carrier pauses as long as the message: so it keeps its place before those that came later.
		if until := now.Add(fault.After); until.After(q.pause) {
			q.pause = until
		}
	default:
		q.last = fault.Error()
	}
	q.mu.Unlock()
	err := c.settleParcel(ctx, p, fault, now)
	if err != nil {
		// The lease stands: when it is over, nobody knows what came of the message.
		c.log.Error("what became of a message was not written", "carrier", q.name, "message", p.message.ID, "error", err)
	}
	q.mu.Lock()
	delete(q.inFlight, string(p.key))
	q.mu.Unlock()
	q.wake()
}

// try is the one call of a carrier. What ends without an answer of the carrier may have been taken.
func try(ctx context.Context, p parcel) (fault *CarrierError) {
	defer func() {
		if r := recover(); r != nil {
			fault = &CarrierError{Fault: CarrierUnknown, Text: "internal"}
		}
	}()
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendFor)
	defer cancel()
	// When the process is to end, what is at a carrier may come to its own end first.
	defer context.AfterFunc(ctx, func() { time.AfterFunc(graceFor, cancel) })()
	err := p.carrier.Send(own, p.message)
	var known *CarrierError
	switch {
	case err == nil:
		return nil
	case own.Err() != nil && !errors.As(err, &known):
		return &CarrierError{Fault: CarrierUnknown, Text: "no answer in time"}
	}
	return faultOf(err)
}

func backoff(n int) time.Duration {
	return min(backoffFirst<<min(max(n, 0), 10), backoffMost)
}

// settleParcel writes down what came of a try that ended now.
func (c *Core) settleParcel(ctx context.Context, p parcel, fault *CarrierError, now time.Time) error {
	var said []func()
	err := c.store.Update(ctx, func(t store.Txn) error {
		said = nil
		ms := now.UnixMilli()
		var r outboxRecord
		found, err := get(t, p.key, &r)
		if err != nil || !found || r.Node != c.node || r.Lease != p.record.Lease {
			return err // the lease was over
		}
		r.Node, r.Lease = [8]byte{}, 0
		end := func(state deliveryState, detail string) error {
			t.Delete(p.key)
			said = append(said, func() { c.sayMessage(&r, string(state), detail) })
			return errors.Join(c.became(t, &r, state), c.auditMessage(t, now, &r, string(state), detail))
		}
		if fault == nil {
			return end(deliveryTaken, "")
		}
		detail := fault.Error()
		passOn := false
		switch fault.Fault {
		case CarrierUnknown:
			return end(deliveryUnknown, detail)
		case CarrierBusy:
			r.Due, passOn = now.Add(fault.After).UnixMilli(), fault.After > busyMost
			r.Tries--
		case CarrierUnheard:
			seen, err := c.seen(t, &r)
			if err != nil {
				return err
			}
			passOn = !seen // somebody may have looked meanwhile
		case CarrierRefused:
			passOn = true
			r.Due = r.Until // nobody else: the end
		default:
			r.Due, passOn = now.Add(backoff(r.Tries-1)).UnixMilli(), r.Tries >= triesEach
		}
		if passOn {
			from := r.Carrier
			moved, err := c.passOn(t, now, p.key, &r)
			if err != nil {
				return err
			}
			if moved {
				said = append(said, func() { c.sayMessage(&r, "passed on", from+": "+detail) })
				return c.auditMessage(t, now, &r, "passed-on", from+": "+detail)
			}
		}
		if fault.Fault == CarrierUnheard {
			return end(deliveryTaken, detail)
		}
		if r.Due >= r.Until || ms >= r.Until {
			return end(deliveryFailed, detail)
		}
		said = append(said, func() { c.sayMessage(&r, "again", detail) })
		return put(t, p.key, &r)
	})
	if err == nil {
		tell(said)
	}
	return err
}

// sayMessage logs what became of a message; never what stands in it.
func (c *Core) sayMessage(r *outboxRecord, what, detail string) {
	level := c.log.Info
	if what != string(deliveryTaken) {
		level = c.log.Warn
	}
	level("message "+what, "message", fmt.Sprintf("%x", r.ID), "kind", string(r.Kind), "carrier", r.Carrier, "user_id", r.User.String(), "detail", printable(detail))
}
