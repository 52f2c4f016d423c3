// Package memory is the engine for tests: the contract of package store, simple and
// right, with nothing kept beyond the process. It must never be what an appliance
// runs on.
package memory

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/google/btree"

	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/store/internal/watch"
	"github.com/latchkey/latchkey/core/store/internal/writes"
)

// Config says how to open a store. The zero value is usable.
type Config struct {
	// Link chains the journal. Nil: every link is empty.
	Link store.Link
	// Disk is what outlives a Close. Nil: a new, empty one.
	Disk *Disk
	// Twice runs the function of each Update two times and keeps the second run, to
	// find callers whose functions do not bear that.
	Twice bool
}

// Disk holds a state while no store has it open.
type Disk struct {
	mu   sync.Mutex
	open bool
	last *state
}

// NewDisk makes an empty one.
func NewDisk() *Disk { return &Disk{} }

// state is one immutable version of everything.
type state struct {
	keys    *btree.BTreeG[pair]
	journal []store.Record // only ever appended to: older states see a shorter part
}

type pair struct{ key, value []byte }

// Store is the engine.
type Store struct {
	cfg    Config
	writer sync.Mutex
	now    atomic.Pointer[state]
	hub    watch.Hub
	closed atomic.Bool
}

var _ store.Store = (*Store)(nil)

// New opens a store. It fails with store.ErrInUse when the Disk is open already.
func New(cfg Config) (*Store, error) {
	if cfg.Disk == nil {
		cfg.Disk = NewDisk()
	}
	if cfg.Link == nil {
		cfg.Link = func(uint64, []byte, []byte) []byte { return nil }
	}
	d := cfg.Disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open {
		return nil, fmt.Errorf("memory: %w", store.ErrInUse)
	}
	d.open = true
	if d.last == nil {
		d.last = &state{keys: btree.NewG(16, func(a, b pair) bool { return bytes.Compare(a.key, b.key) < 0 })}
	}
	s := &Store{cfg: cfg}
	s.now.Store(d.last)
	return s, nil
}

// Close keeps the state on the Disk.
func (s *Store) Close() error {
	s.writer.Lock()
	defer s.writer.Unlock()
	if s.closed.Swap(true) {
		return nil
	}
	s.hub.Close()
	s.cfg.Disk.mu.Lock()
	defer s.cfg.Disk.mu.Unlock()
	s.cfg.Disk.last, s.cfg.Disk.open = s.now.Load(), false
	return nil
}

func (s *Store) ready(ctx context.Context) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return ctx.Err()
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	return fn(s.now.Load())
}

// Update implements store.Store: one transaction at a time.
func (s *Store) Update(ctx context.Context, fn func(store.Txn) error) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	if err := s.ready(ctx); err != nil {
		return err
	}
	t := &txn{state: s.now.Load()}
	if s.cfg.Twice {
		_ = fn(t)
		t.Reset()
	}
	if err := fn(t); err != nil {
		return err
	}
	if err := t.Err(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.now.Store(s.apply(t))
	for _, op := range t.Ops() {
		s.hub.Changed(op.Key, op.Delete)
	}
	return nil
}

func (s *Store) apply(t *txn) *state {
	next := &state{keys: t.state.keys.Clone(), journal: t.state.journal}
	for _, op := range t.Ops() {
		if op.Delete {
			next.keys.Delete(pair{key: op.Key})
		} else {
			next.keys.ReplaceOrInsert(pair{op.Key, op.Value})
		}
	}
	for _, data := range t.Records() {
		seq, prev := next.head()
		next.journal = append(next.journal, store.Record{Seq: seq + 1, Data: data, Link: s.cfg.Link(seq+1, prev, data)})
	}
	return next
}

// OneAtATime tells the suite that no Update commits while the function of another runs.
func (s *Store) OneAtATime() bool { return true }

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, prefix []byte) <-chan store.Event {
	return s.hub.Watch(ctx, prefix)
}

// Journal implements store.Store.
func (s *Store) Journal(ctx context.Context, from uint64, backward bool, fn func(store.Record) bool) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	journal := s.now.Load().journal
	newest := uint64(len(journal))
	step := uint64(1)
	if backward {
		step = ^uint64(0) // minus one
		if from == 0 || from > newest {
			from = newest
		}
	} else if from == 0 {
		from = 1
	}
	for seq := from; seq >= 1 && seq <= newest; seq += step {
		if err := ctx.Err(); err != nil {
			return err
		}
		r := journal[seq-1]
		if !fn(store.Record{Seq: r.Seq, Data: bytes.Clone(r.Data), Link: bytes.Clone(r.Link)}) {
			return nil
		}
	}
	return nil
}

// JournalHead implements store.Store.
func (s *Store) JournalHead(ctx context.Context) (uint64, []byte, error) {
	if err := s.ready(ctx); err != nil {
		return 0, nil, err
	}
	seq, link := s.now.Load().head()
	return seq, bytes.Clone(link), nil
}

func (st *state) head() (uint64, []byte) {
	if len(st.journal) == 0 {
		return 0, nil
	}
	r := st.journal[len(st.journal)-1]
	return r.Seq, r.Link
}

// Get implements store.Reader.
func (st *state) Get(key []byte) ([]byte, error) {
	p, ok := st.keys.Get(pair{key: key})
	if !ok {
		return nil, store.ErrNotFound
	}
	return append([]byte{}, p.value...), nil
}

// Scan implements store.Reader.
func (st *state) Scan(prefix, start []byte, fn func(key, value []byte) bool) error {
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	st.keys.AscendGreaterOrEqual(pair{key: start}, func(p pair) bool {
		return bytes.HasPrefix(p.key, prefix) && fn(p.key, p.value)
	})
	return nil
}

// txn is a state with a transaction's writes over it.
type txn struct {
	*state
	writes.Buffer
}

// Get implements store.Reader.
func (t *txn) Get(key []byte) ([]byte, error) {
	if op, ok := t.Buffer.Get(key); ok {
		if op.Delete {
			return nil, store.ErrNotFound
		}
		return append([]byte{}, op.Value...), nil
	}
	return t.state.Get(key)
}

// Scan implements store.Reader.
func (t *txn) Scan(prefix, start []byte, fn func(key, value []byte) bool) error {
	return t.Buffer.Scan(prefix, start, t.state.Scan, fn)
}
