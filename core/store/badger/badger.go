// Package badger is the default engine of package store: one directory, one process,
// encrypted by Badger itself.
//
// The way of a transaction: Update runs the caller's function against the last durable
// state and notes what it read (txn.go); ONE committer takes all transactions that wait,
// checks their reads in order, runs again what is out of date, and writes them as one
// Badger transaction with one sync (commit.go). Only then does the durable state, which
// is all that anybody sees, move forward.
//
// The package must never know what keys and values mean.
package badger

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	bdg "github.com/dgraph-io/badger/v4"

	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/store/internal/watch"
)

// Config says how to open a store.
type Config struct {
	// Dir is a directory of the store's own; it is made when it is missing (0700).
	Dir string
	// EncryptionKey has 32 bytes. It is needed: state is never kept in the clear.
	EncryptionKey []byte
	// Link chains the journal. Nil: every link is empty.
	Link store.Link
	// Logger takes the engine's words. Nil: silence.
	Logger *slog.Logger
	// Fatal is told, once and on a goroutine of its own, that a write to the disk failed
	// in a way after which nothing may be promised. The store then refuses everything;
	// the process is to end. Nil: only the refusing.
	Fatal func(error)
	// Reserve is the room in bytes that must be free on the medium for an Update to be
	// taken. Zero: DefaultReserve. It is what Badger's own background work needs.
	Reserve int64

	tuning tuning
}

// DefaultReserve covers what Badger writes in the background before it removes what that
// replaces: ten tables of 16 MiB merged into a base level that may hold as much, a table
// of that merged with ten of the next level at the same time, and the logs in use.
const DefaultReserve = 400 << 20

// Store is the engine.
type Store struct {
	cfg   Config
	log   *slog.Logger
	db    *bdg.DB
	lock  *os.File
	hub   watch.Hub
	live  readers
	cache cache

	queue    chan *request
	stop     chan struct{} // closed: the committer ends
	stopped  chan struct{} // closed: the committer has ended
	upkeep   sync.WaitGroup
	closing  sync.Once
	closeErr error

	durable atomic.Pointer[mark] // what everybody sees
	failure atomic.Pointer[error]
	count   counters

	building sync.Mutex // held by the committer while it runs callers' functions

	// Of the committer alone.
	recent  recent
	waiting []*request
	room    room
}

// mark names a durable state: Badger's timestamp and the journal's head as of then.
type mark struct {
	ts   uint64
	seq  uint64
	link []byte
}

var _ store.Store = (*Store)(nil)

// Open opens the state in cfg.Dir, migrating an older format. Its errors wrap
// store.ErrInUse, ErrFormat, ErrCorrupt or ErrFull where one of these is the cause.
func Open(cfg Config) (*Store, error) {
	if len(cfg.EncryptionKey) != 32 {
		return nil, fmt.Errorf("badger: an encryption key of 32 bytes is needed, this one has %d", len(cfg.EncryptionKey))
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Link == nil {
		cfg.Link = func(uint64, []byte, []byte) []byte { return nil }
	}
	if cfg.Reserve == 0 {
		cfg.Reserve = DefaultReserve
	}
	cfg.tuning.defaults()
	lock, db, err := openFiles(cfg)
	if err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, log: cfg.Logger, db: db, lock: lock,
		queue: make(chan *request, queueLength),
		stop:  make(chan struct{}), stopped: make(chan struct{}),
		room: room{dir: cfg.Dir, reserve: cfg.Reserve},
	}
	if err := s.begin(); err != nil {
		_ = db.Close()
		_ = lock.Close()
		return nil, err
	}
	return s, nil
}

// begin migrates, finds the journal's head, and starts the committer and the upkeep.
func (s *Store) begin() error {
	if err := migrate(s.db, s.cfg.Dir, s.log); err != nil {
		return err
	}
	m := &mark{ts: s.db.MaxVersion()}
	var err error
	if m.seq, m.link, err = readHead(s.db, m.ts); err != nil {
		return openError(s.cfg.Dir, err)
	}
	s.durable.Store(m)
	s.live.begin(m.ts)
	s.recent.begin(m.ts)
	s.cache.begin(m.ts)
	go s.commitLoop()
	s.upkeep.Add(1)
	go s.keepUp()
	return nil
}

// Close waits for running functions and commits, then closes the files.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.hub.Close()
		s.live.close()
		close(s.stop)
		<-s.stopped
		s.upkeep.Wait()
		if failed := s.failure.Load(); failed != nil {
			// Badger's own Close would write down what it holds in memory, and after a
			// failed write that may be half a transaction. The log on disk is whole.
			s.closeErr = fmt.Errorf("badger: left as it is on disk: %w", *failed)
			return
		}
		if err := s.db.Close(); err != nil {
			s.closeErr = fmt.Errorf("badger: closing %s: %w", s.cfg.Dir, err)
		}
		_ = s.lock.Close()
	})
	return s.closeErr
}

// fail makes the store refuse everything from now on.
func (s *Store) fail(err error) {
	if s.failure.CompareAndSwap(nil, &err) {
		s.log.Error("the store refuses to go on after a failed write", "dir", s.cfg.Dir, "error", err)
		if s.cfg.Fatal != nil {
			go s.cfg.Fatal(err)
		}
	}
}

// refusal is what every call gets once the store has failed.
func (s *Store) refusal() error {
	if failed := s.failure.Load(); failed != nil {
		return fmt.Errorf("%w: an earlier write to the disk failed: %w", store.ErrClosed, *failed)
	}
	return nil
}

// enter begins a call that reads; leave must follow when there is no error.
func (s *Store) enter(ctx context.Context) (*generation, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.refusal(); err != nil {
		return nil, err
	}
	g := s.live.enter()
	if g == nil {
		return nil, store.ErrClosed
	}
	return g, nil
}

// View implements store.Store. It waits for no commit.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	g, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer s.live.leave(g)
	snap := &snapshot{store: s, ts: s.durable.Load().ts}
	defer snap.end()
	return fn(snap)
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, prefix []byte) <-chan store.Event {
	return s.hub.Watch(ctx, prefix)
}

// keepUp lets old versions go and collects the value log, now and then.
func (s *Store) keepUp() {
	defer s.upkeep.Done()
	versions := time.NewTicker(s.cfg.tuning.discardEvery)
	defer versions.Stop()
	garbage := time.NewTicker(s.cfg.tuning.garbageEvery)
	defer garbage.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-versions.C:
			s.db.SetDiscardTs(s.live.turn(s.durable.Load().ts))
		case <-garbage.C:
			// One file a call; nil says that there may be more.
			for s.db.RunValueLogGC(0.5) == nil {
				select {
				case <-s.stop:
					return
				default:
				}
			}
		}
	}
}
