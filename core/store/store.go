// Package store is the contract between Latchkey's core and the engine that
// keeps its state: Badger by default, memory for tests, etcd for several nodes.
// The engines live in packages below this one and only the mains import them;
// storetest is the suite that judges each of them against the words below.
//
// The package must never know what the keys and values mean.
//
// # What is promised
//
//   - Update runs a read-modify-write transaction that is serializable with
//     respect to every key that it read BY NAME (Get), present or absent: the
//     outcome is as if the transactions had run one after the other.
//   - When Update returns nil, everything that the transaction wrote is durable:
//     it survives a power loss one instant later.
//   - Nothing is visible to any View or Update before it is durable. A reply that
//     rests on a read alone is therefore never contradicted after a crash.
//   - A transaction is all or nothing. If fn returns an error, nothing of it is kept
//     and Update returns that error unchanged.
//   - If Update returns an error for which errors.Is(err, ErrUnknown) holds, the
//     transaction may or may not have been kept. Callers stay silent and let the
//     user's retransmission find out. Any other error means: nothing was kept.
//   - Journal records (Txn.Append) are numbered without gaps from 1 in the order of
//     their commits, and each is linked to its predecessor by the Link function that
//     the engine was opened with. A record is durable with its transaction.
//
// # What is NOT promised
//
//   - Scan inside Update sees a snapshot, but what it did not find is not guarded:
//     two transactions that both scan an empty prefix may both insert (phantoms).
//     Read and write one guard key by name where that matters.
//   - fn may run more than once, on different goroutines, but never twice at a time.
//     It must not keep what it was given, and it must have no effect beyond its Txn and
//     variables that it overwrites on each run. It must not call Update or Close itself.
//   - Watch may merge several changes of one key into one event and says nothing about
//     order between keys.
//   - There is no expiry. Whoever stores a deadline compares it itself.
//   - A transaction is small: at most MaxTxnKeys writes and records, MaxTxnSize bytes
//     together. Import by staging.
package store

import (
	"context"
	"errors"
)

// Limits of one transaction and of one entry.
const (
	MaxTxnKeys   = 4096
	MaxKeySize   = 1024
	MaxValueSize = 64 << 10 // a value, or a journal record
	MaxTxnSize   = 1 << 20  // keys, values and records together
)

var (
	// ErrNotFound: Get found no such key.
	ErrNotFound = errors.New("store: no such key")
	// ErrUnknown: the outcome of an Update is not known (a lost reply of the engine,
	// or a commit still in flight when the store was closed or ctx ended).
	ErrUnknown = errors.New("store: outcome unknown")
	// ErrBusy: conflicts outlasted all retries; nothing was kept.
	ErrBusy = errors.New("store: too many conflicts")
	// ErrClosed: the store was closed before the transaction began.
	ErrClosed = errors.New("store: closed")
	// ErrTooLarge: over one of the limits above; nothing was kept.
	ErrTooLarge = errors.New("store: transaction too large")
	// ErrFull: the medium has no room, or is read-only; nothing was kept.
	ErrFull = errors.New("store: no room, or read-only")
	// ErrInUse: another process has the state open.
	ErrInUse = errors.New("store: in use by another process")
	// ErrFormat: the state was written by a newer format, or is not Latchkey's.
	ErrFormat = errors.New("store: format not supported")
	// ErrCorrupt: the state, or its key, does not decrypt or decode.
	ErrCorrupt = errors.New("store: corrupt, or opened with a wrong key")
)

// Reader reads one consistent snapshot. Slices it returns belong to the caller.
type Reader interface {
	// Get returns the value of key, or ErrNotFound.
	Get(key []byte) ([]byte, error)
	// Scan calls fn for each key with the prefix, in ascending byte order, beginning at
	// start (nil: the first). It ends early when fn returns false. In an Update it sees
	// the transaction's own writes. key and value are only valid during the call of fn.
	Scan(prefix, start []byte, fn func(key, value []byte) bool) error
}

// Txn is what an Update's function works on.
type Txn interface {
	Reader
	// Set and Delete take effect at commit; Get in the same transaction sees them.
	// They and Append keep copies of what they are given.
	Set(key, value []byte)
	Delete(key []byte)
	// Append adds a record to this node's journal.
	Append(record []byte)
}

// Store is the state of one appliance.
type Store interface {
	View(ctx context.Context, fn func(Reader) error) error
	Update(ctx context.Context, fn func(Txn) error) error
	// Watch tells of changed keys with the prefix, after they are durable, until ctx ends;
	// then the channel is closed. An Event with Lost says that changes may have been missed:
	// read again. A slow reader loses events, never slows a commit.
	Watch(ctx context.Context, prefix []byte) <-chan Event
	// Journal calls fn with records from sequence number from on, ascending, or descending
	// from it when backward (from 0 then means the newest), until fn returns false.
	Journal(ctx context.Context, from uint64, backward bool, fn func(Record) bool) error
	// JournalHead is the newest record's number and link (0 and nil if there is none).
	JournalHead(ctx context.Context) (seq uint64, link []byte, err error)
	Close() error
}

// Event names a key that changed.
type Event struct {
	Key     []byte
	Deleted bool
	Lost    bool
}

// Record is one entry of the journal.
type Record struct {
	Seq  uint64
	Data []byte
	Link []byte
}

// Link chains the journal: it computes the link of record seq with the given data from
// the link of its predecessor (nil for the first). Core passes a keyed MAC: an unkeyed
// chain could be recomputed by whoever can write the files.
type Link func(seq uint64, prev, data []byte) []byte
