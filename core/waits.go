package core

import (
	"context"
	"sync"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/store"
)

// waits wakes those who wait for a pending, in this process or, through the store's watch, for what another
// node has written.
type waits struct {
	mu      sync.Mutex
	by      map[[8]byte]*parked // by what they wait for; the first of a chain
	doors   map[<-chan struct{}]*doorWaits
	ready   []*parked // to be looked at, in the order in which they were woken
	workers int
	user    map[userID]map[chan struct{}]struct{} // phones that listen for pendings and messages of their user
	// phones counts the streams of each phone, in this process.
	phones map[mobile.DeviceID]int
}

// listen registers a phone for all that concerns its user. The channel gets a value after each change.
func (w *waits) listen(id userID, phone mobile.DeviceID) (wake chan struct{}, leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.user == nil {
		w.user, w.phones = map[userID]map[chan struct{}]struct{}{}, map[mobile.DeviceID]int{}
	}
	w.phones[phone]++
	wake = make(chan struct{}, 1)
	if w.user[id] == nil {
		w.user[id] = map[chan struct{}]struct{}{}
	}
	w.user[id][wake] = struct{}{}
	return wake, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.user[id], wake)
		if len(w.user[id]) == 0 {
			delete(w.user, id)
		}
		if w.phones[phone]--; w.phones[phone] == 0 {
			delete(w.phones, phone)
		}
	}
}

// listens tells whether a phone has a stream open.
func (w *waits) listens(phone mobile.DeviceID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.phones[phone] > 0
}

// wakeAll wakes all of a chain. The caller holds w.mu.
func (w *waits) wakeAll(chain *parked) {
	for ; chain != nil; chain = chain.next {
		w.wake(chain)
	}
}

func ring(all map[chan struct{}]struct{}) {
	for wake := range all {
		select {
		case wake <- struct{}{}:
		default: // it is awake already
		}
	}
}

// Run wakes waiting logins and listening phones as pendings change, and sends messages, until ctx ends. Without it
// they hear of nothing before their time is over, and no message leaves.
func (c *Core) Run(ctx context.Context) error {
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() { c.deliver(ctx) })
	pendings := c.store.Watch(ctx, []byte{'p'})
	// What a phone hears of: pendings, what was sent to it, and challenges that were answered.
	waiting, deliveries, states := c.store.Watch(ctx, []byte{'w'}), c.store.Watch(ctx, []byte{'e'}), c.store.Watch(ctx, []byte{'s'})
	of := func(events <-chan store.Event, e store.Event, ok bool) <-chan store.Event {
		if !ok {
			return nil
		}
		c.waits.mu.Lock()
		defer c.waits.mu.Unlock()
		if e.Lost || len(e.Key) != 13 {
			for _, all := range c.waits.user {
				ring(all)
			}
		} else {
			ring(c.waits.user[userID(e.Key[1:])])
		}
		return events
	}
	for pendings != nil || waiting != nil || deliveries != nil || states != nil {
		select {
		case e, ok := <-pendings:
			if !ok {
				pendings = nil
				continue
			}
			c.waits.mu.Lock()
			if e.Lost || len(e.Key) != 9 {
				for _, chain := range c.waits.by {
					c.waits.wakeAll(chain)
				}
			} else {
				c.waits.wakeAll(c.waits.by[[8]byte(e.Key[1:])])
			}
			c.waits.mu.Unlock()
		case e, ok := <-waiting:
			waiting = of(waiting, e, ok)
		case e, ok := <-deliveries:
			deliveries = of(deliveries, e, ok)
		case e, ok := <-states:
			states = of(states, e, ok)
		}
	}
	return nil
}
