package badger

import (
	"errors"
	"fmt"
	"runtime"

	bdg "github.com/dgraph-io/badger/v4"

	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/store/internal/writes"
)

const (
	queueLength = 1024
	gatherTurns = 8
	// perWrite is what one write costs in a batch beyond its bytes. Badger also limits
	// the number of writes; at this price its limit on bytes is always met first.
	perWrite = 100
	// largestTxn is what one transaction can add to a batch.
	largestTxn = store.MaxTxnSize + (store.MaxTxnKeys+64)*perWrite
)

// batch is what becomes one Badger transaction.
type batch struct {
	store   *Store
	base    *mark
	ts      uint64
	members []*request
	ops     []writes.Op
	hashes  []uint64 // of the ops' keys
	records [][]byte
	bytes   int
	reruns  int

	overlay *overlay // only when somebody runs again
}

// commitLoop is the only writer. It ends when stop is closed, which Close does after
// every caller has left.
func (s *Store) commitLoop() {
	defer close(s.stopped)
	for {
		select {
		case r := <-s.queue:
			s.waiting = append(s.waiting, r)
		case <-s.stop:
			return
		}
		for len(s.waiting) > 0 {
			s.gather()
			s.commit()
		}
	}
}

// gather takes what waits, up to a bound. Callers who are just about to come (most were
// woken by the batch before) get their turn on the processor first, as long as that
// brings more: a fuller batch shares its sync among more of them. Nobody waits on a clock.
func (s *Store) gather() {
	for range gatherTurns {
		runtime.Gosched()
		before := len(s.waiting)
		for len(s.waiting) < queueLength && len(s.queue) > 0 {
			s.waiting = append(s.waiting, <-s.queue)
		}
		if len(s.waiting) == before {
			return
		}
	}
}

// commit brings a first part of those that wait to their outcome.
func (s *Store) commit() {
	b := &batch{store: s, base: s.durable.Load()}
	b.ts = b.base.ts + 1
	refusal := s.refusal()
	if refusal == nil {
		refusal = s.room.check()
	}
	s.building.Lock()
	n := 0
	for n < len(s.waiting) && (n == 0 || b.bytes+largestTxn <= s.cfg.tuning.batchBytes()) {
		r := s.waiting[n]
		n++
		if !r.taken.CompareAndSwap(false, true) {
			continue
		}
		b.members = append(b.members, r)
		if r.err = refusal; r.err == nil {
			b.add(r)
		}
	}
	b.discard()
	s.building.Unlock()
	rest := copy(s.waiting, s.waiting[n:])
	clear(s.waiting[rest:])
	s.waiting = s.waiting[:rest]

	next, err := b.write()
	if err != nil {
		for _, r := range b.members {
			r.err, r.threw = err, nil // nobody may rest on what the others had written
		}
	} else if next != nil {
		for i, op := range b.ops {
			s.cache.put(b.hashes[i], op.Key, op.Value, !op.Delete, b.ts)
		}
		s.durable.Store(next)
		s.recent.turn(b.ts)
	}
	s.count.batch(b, err)
	for _, r := range b.members {
		close(r.done)
	}
	if err == nil && s.hub.Watched() {
		for _, op := range b.ops {
			s.hub.Changed(op.Key, op.Delete)
		}
	}
}

// add puts r behind those that are in the batch: as it is when what it read still
// stands, else by running it again on top of them. Its outcome, a failure of its own
// function too, is told after the batch is durable, since it may rest on the others.
func (b *batch) add(r *request) {
	if b.store.recent.stale(r.txn.reads, r.txn.ts) {
		b.rerun(r)
	}
	if r.err != nil || r.threw != nil {
		return
	}
	for _, op := range r.txn.Ops() {
		hash := b.store.recent.hash(op.Key)
		b.store.recent.written(hash, b.ts)
		b.hashes = append(b.hashes, hash)
	}
	b.ops = append(b.ops, r.txn.Ops()...)
	b.records = append(b.records, r.txn.Records()...)
	b.bytes += r.txn.Size() + perWrite*(len(r.txn.Ops())+len(r.txn.Records()))
	if b.overlay != nil {
		b.overlay.put(r.txn.Ops())
	}
}

func (b *batch) rerun(r *request) {
	b.reruns++
	if b.overlay == nil {
		b.overlay = newOverlay(&snapshot{store: b.store, ts: b.base.ts})
		b.overlay.put(b.ops)
	}
	t := &r.txn
	t.Reset()
	t.base, t.first = b.overlay, nil
	r.threw, r.err = guarded(func() error { return r.fn(t) })
	if r.err == nil && r.threw == nil {
		r.err = t.Err()
	}
}

func (b *batch) discard() {
	if b.overlay != nil {
		b.overlay.base.end()
	}
}

// write makes the batch durable and returns the state after it, nil when there was
// nothing to write.
func (b *batch) write() (*mark, error) {
	if len(b.ops) == 0 && len(b.records) == 0 {
		return nil, nil
	}
	next := &mark{ts: b.ts, seq: b.base.seq, link: b.base.link}
	txn := b.store.db.NewTransactionAt(b.base.ts, true)
	defer txn.Discard()
	var err error
	set := func(key, value []byte) {
		if err == nil {
			err = txn.SetEntry(bdg.NewEntry(key, value))
		}
	}
	for _, op := range b.ops {
		if !op.Delete {
			set(op.Stored, op.Value)
		} else if err == nil {
			err = txn.Delete(op.Stored)
		}
	}
	if len(b.records) > 0 {
		next.chain(b.records, b.store.cfg.Link, set)
	}
	if err == nil {
		err = txn.CommitAt(b.ts, nil)
	}
	switch {
	case err == nil:
		return next, nil
	case errors.Is(err, bdg.ErrTxnTooBig):
		// Said before anything was written; the bounds of a batch exclude it.
		return nil, fmt.Errorf("%w: the batch of %d transactions", store.ErrTooLarge, len(b.members))
	}
	b.store.fail(err)
	return nil, fmt.Errorf("%w: writing failed: %w", store.ErrUnknown, err)
}
