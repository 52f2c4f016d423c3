package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	bdg "github.com/dgraph-io/badger/v4"

	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/store/internal/writes"
)

// snapshot reads callers' keys as of ts, which is durable.
type snapshot struct {
	store *Store
	ts    uint64
	txn   *bdg.Txn // only when the cache did not do
	over  bool
}

func (s *snapshot) badger() *bdg.Txn {
	if s.txn == nil {
		s.txn = s.store.db.NewTransactionAt(s.ts, false)
	}
	return s.txn
}

// end makes a later use of the snapshot fail.
func (s *snapshot) end() {
	s.over = true
	if s.txn != nil {
		s.txn.Discard()
	}
}

// Get implements store.Reader.
func (s *snapshot) Get(key []byte) ([]byte, error) {
	return s.get(s.store.recent.hash(key), key)
}

func (s *snapshot) get(hash uint64, key []byte) ([]byte, error) {
	if s.over {
		return nil, errOver
	}
	if e, ok := s.store.cache.get(hash, key, s.ts); ok {
		if !e.present {
			return nil, store.ErrNotFound
		}
		return append([]byte{}, e.value...), nil
	}
	var room [64]byte
	item, err := s.badger().Get(append(append(room[:0], dataPrefix...), key...))
	if errors.Is(err, bdg.ErrKeyNotFound) {
		s.store.cache.fill(hash, key, nil, false, 0, s.ts)
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, readError(err)
	}
	value, err := item.ValueCopy(nil)
	if err != nil {
		return nil, readError(err)
	}
	if value == nil {
		value = []byte{}
	}
	s.store.cache.fill(hash, key, value, true, item.Version(), s.ts)
	return value, nil
}

// Scan implements store.Reader.
func (s *snapshot) Scan(prefix, start []byte, fn func(key, value []byte) bool) error {
	if s.over {
		return errOver
	}
	full := append([]byte(dataPrefix), prefix...)
	from := full
	if bytes.Compare(start, prefix) > 0 {
		from = append([]byte(dataPrefix), start...)
	}
	it := s.badger().NewIterator(bdg.IteratorOptions{Prefix: full})
	defer it.Close()
	for it.Seek(from); it.Valid(); it.Next() {
		item, going := it.Item(), true
		err := item.Value(func(value []byte) error {
			going = fn(item.Key()[len(dataPrefix):], value)
			return nil
		})
		if err != nil {
			return readError(err)
		}
		if !going {
			return nil
		}
	}
	return nil
}

var errOver = errors.New("badger: a transaction was used after its function had returned")

// readError speaks of a failed read without naming the key, as Badger's errors do.
func readError(err error) error {
	switch {
	case errors.Is(err, bdg.ErrKeyNotFound):
		return store.ErrNotFound
	case errors.Is(err, bdg.ErrDBClosed):
		return store.ErrClosed
	}
	return fmt.Errorf("%w: reading failed: %w", store.ErrCorrupt, innermost(err))
}

func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// txn is what an Update's function works on: base with the transaction's writes over it.
type txn struct {
	writes.Buffer
	base  store.Reader
	store *Store
	ts    uint64    // what base shows; only of the first run
	reads []uint64  // hashes of the keys read by name; only of the first run
	first *snapshot // base, on the first run
}

// Get implements store.Reader.
func (t *txn) Get(key []byte) ([]byte, error) {
	if op, ok := t.Buffer.Get(key); ok {
		if op.Delete {
			return nil, store.ErrNotFound
		}
		return append([]byte{}, op.Value...), nil
	}
	if t.first == nil {
		return t.base.Get(key)
	}
	hash := t.store.recent.hash(key)
	t.reads = append(t.reads, hash)
	return t.first.get(hash, key)
}

// Scan implements store.Reader.
func (t *txn) Scan(prefix, start []byte, fn func(key, value []byte) bool) error {
	return t.Buffer.Scan(prefix, start, t.base.Scan, fn)
}

// request is a transaction on its way to the committer.
type request struct {
	fn    func(store.Txn) error
	txn   txn
	taken atomic.Bool   // by the committer, or back by a caller whose ctx ended
	done  chan struct{} // closed when err and threw are final
	err   error
	threw *thrown
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, fn func(store.Txn) error) error {
	g, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer s.live.leave(g)
	r := &request{fn: fn}
	t := &r.txn
	t.Prefix, t.store, t.ts = dataPrefix, s, s.durable.Load().ts
	if err := s.firstRun(r); err != nil {
		return err
	}
	if err := t.Err(); err != nil {
		return err
	}
	if t.Empty() {
		return nil // all reads were of one durable state: nothing to check
	}
	return s.submit(ctx, r)
}

// firstRun runs the function in the caller's goroutine, on the last durable state.
func (s *Store) firstRun(r *request) error {
	snap := &snapshot{store: s, ts: r.txn.ts}
	defer snap.end()
	r.txn.base, r.txn.first = snap, snap
	return r.fn(&r.txn)
}

// submit hands r to the committer and waits for the outcome.
func (s *Store) submit(ctx context.Context, r *request) error {
	r.done = make(chan struct{})
	select {
	case s.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-r.done:
		return r.outcome()
	case <-ctx.Done():
	}
	if r.taken.CompareAndSwap(false, true) {
		return ctx.Err() // taken back before the committer had it
	}
	// The committer has it. Once the batch is built, fn runs no more, and the caller
	// may have its variables back.
	s.building.Lock()
	//lint:ignore SA2001 waiting is all that it is for
	s.building.Unlock()
	select {
	case <-r.done:
		return r.outcome()
	default:
		return fmt.Errorf("%w: %w while it was being written", store.ErrUnknown, ctx.Err())
	}
}

func (r *request) outcome() error {
	if r.threw != nil {
		r.threw.again()
	}
	return r.err
}

// thrown is how a function ended that did not return.
type thrown struct {
	value any // of panic; nil: runtime.Goexit
}

// again ends the caller's goroutine as fn would have ended it.
func (t *thrown) again() {
	if t.value == nil {
		runtime.Goexit()
	}
	panic(t.value)
}

// guarded runs fn so that a panic or Goexit in it hurts nobody else.
func guarded(fn func() error) (threw *thrown, err error) {
	done := make(chan struct{})
	go func() {
		returned := false
		defer close(done)
		defer func() {
			if !returned {
				threw = &thrown{recover()}
			}
		}()
		err = fn()
		returned = true
	}()
	<-done
	return threw, err
}
