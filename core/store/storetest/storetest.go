// Package storetest judges an engine against the words of package store: every promise
// has a test here, and an engine is right when Run passes. It must never know how an
// engine works, nor how fast it is.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/store"
)

// Opener opens ONE state, empty at first: each call after the store before was closed
// finds what that had kept. It opens with Link below.
type Opener func() (store.Store, error)

// NewState gives a new, empty state for each test.
type NewState func(t *testing.T) Opener

// Link is the chain that an Opener must pass to its engine.
func Link(seq uint64, prev, data []byte) []byte {
	h := sha256.New()
	_ = binary.Write(h, binary.BigEndian, seq)
	h.Write(prev)
	h.Write(data)
	return h.Sum(nil)
}

// patience ends a test that hangs; nothing waits for it when all is well.
const patience = 60 * time.Second

// Run judges the engine whose states newState makes.
func Run(t *testing.T, newState NewState) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"reading and writing", readAndWrite},
		{"what belongs to whom", ownership},
		{"own writes in a transaction", ownWrites},
		{"all or nothing", allOrNothing},
		{"a function that panics", panics},
		{"limits", limits},
		{"scan", scan},
		{"scan with own writes", scanOwnWrites},
		{"scan against a model", scanModel},
		{"counters of hundreds of writers", counters},
		{"many counters at once", manyCounters},
		{"write skew", writeSkew},
		{"absent keys are guarded", absentKeys},
		{"deleted keys are guarded", deletedKeys},
		{"a retried function starts anew", rerun},
		{"bank", bank},
		{"a view is one snapshot", snapshots},
		{"a long view keeps its snapshot", longView},
		{"reads follow returned updates", readYourWrites},
		{"a view within a view", nestedView},
		{"journal", journal},
		{"journal of many writers", journalConcurrent},
		{"journal of a refused transaction", journalRefused},
		{"watch", watchBasics},
		{"watch ends", watchEnds},
		{"watch of a slow reader", watchSlow},
		{"context", contexts},
		{"context ends at any moment", contextRace},
		{"closed", closed},
		{"closing under load", closeUnderLoad},
		{"reopening keeps everything", reopen},
		{"in use", inUse},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			b := &bench{T: t, ctx: ctx, open: newState(t)}
			b.reopen()
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Errorf("closing at the end: %v", err)
				}
			})
			c.test(t, b)
		})
	}
}

// bench is an open store under test, with short ways to use it that fail the test.
type bench struct {
	*testing.T
	store.Store
	ctx  context.Context
	open Opener
}

func (b *bench) reopen() {
	b.Helper()
	s, err := b.open()
	if err != nil {
		b.Fatalf("opening: %v", err)
	}
	b.Store = s
}

func (b *bench) update(fn func(store.Txn) error) {
	b.Helper()
	if err := b.Update(b.ctx, fn); err != nil {
		b.Fatalf("Update: %v", err)
	}
}

func (b *bench) view(fn func(store.Reader) error) {
	b.Helper()
	if err := b.View(b.ctx, fn); err != nil {
		b.Fatalf("View: %v", err)
	}
}

func (b *bench) set(pairs ...string) {
	b.Helper()
	b.update(func(t store.Txn) error {
		for i := 0; i < len(pairs); i += 2 {
			t.Set([]byte(pairs[i]), []byte(pairs[i+1]))
		}
		return nil
	})
}

// get gives "-" for an absent key.
func get(r store.Reader, key string) (string, error) {
	v, err := r.Get([]byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return "-", nil
	}
	return string(v), err
}

// want checks pairs of key and value ("-": absent).
func (b *bench) want(pairs ...string) {
	b.Helper()
	b.view(func(r store.Reader) error {
		b.Helper()
		for i := 0; i < len(pairs); i += 2 {
			if v, err := get(r, pairs[i]); err != nil || v != pairs[i+1] {
				b.Errorf("%q holds %q, %v; want %q", pairs[i], v, err, pairs[i+1])
			}
		}
		return nil
	})
}

// list gives what a scan finds as "k=v k=v".
func list(r store.Reader, prefix, start string) (string, error) {
	var found []string
	var from []byte
	if start != "" {
		from = []byte(start)
	}
	err := r.Scan([]byte(prefix), from, func(k, v []byte) bool {
		found = append(found, fmt.Sprintf("%s=%s", k, v))
		return true
	})
	return strings.Join(found, " "), err
}

// number reads and writes counters.
func number(r store.Reader, key string) (uint64, error) {
	v, err := r.Get([]byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err == nil && len(v) != 8 {
		err = fmt.Errorf("%q holds %d bytes", key, len(v))
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(v), nil
}

func setNumber(t store.Txn, key string, n uint64) {
	t.Set([]byte(key), binary.BigEndian.AppendUint64(nil, n))
}

func add(t store.Txn, key string, n uint64) (uint64, error) {
	v, err := number(t, key)
	if err == nil {
		setNumber(t, key, v+n)
	}
	return v + n, err
}

// together runs one function on n goroutines and waits.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

// verify reads the whole journal, checks numbers and links, and gives its records.
func (b *bench) verify() []store.Record {
	b.Helper()
	var all []store.Record
	var prev []byte
	err := b.Journal(b.ctx, 1, false, func(r store.Record) bool {
		if r.Seq != uint64(len(all)+1) {
			b.Errorf("record %d stands in place %d", r.Seq, len(all)+1)
		}
		if want := Link(r.Seq, prev, r.Data); !bytes.Equal(r.Link, want) {
			b.Errorf("the link of record %d does not follow from the one before", r.Seq)
		}
		prev = r.Link
		all = append(all, r)
		return true
	})
	if err != nil {
		b.Fatalf("Journal: %v", err)
	}
	seq, link, err := b.JournalHead(b.ctx)
	if err != nil || seq != uint64(len(all)) || !bytes.Equal(link, prev) {
		b.Errorf("JournalHead: %d, %x, %v; the newest record is %d, %x", seq, link, err, len(all), prev)
	}
	return all
}
