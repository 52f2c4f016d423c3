package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/store"
)

// contexts: a ctx that has ended begins nothing; one that ends while the function runs
// leaves nothing, or says ErrUnknown, and never nil for something that was not kept.
func contexts(t *testing.T, b *bench) {
	ended, end := context.WithCancel(b.ctx)
	end()
	ran := false
	note := func() { ran = true }
	for name, err := range map[string]error{
		"Update":  b.Update(ended, func(x store.Txn) error { note(); x.Set([]byte("a"), nil); return nil }),
		"View":    b.View(ended, func(store.Reader) error { note(); return nil }),
		"Journal": b.Journal(ended, 0, false, func(store.Record) bool { note(); return true }),
	} {
		if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnknown) {
			t.Errorf("%s with an ended ctx: %v; want context.Canceled", name, err)
		}
	}
	if _, _, err := b.JournalHead(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("JournalHead with an ended ctx: %v", err)
	}
	if ran {
		t.Error("a function ran though the ctx had ended")
	}
	b.want("a", "-")

	during, end := context.WithCancel(b.ctx)
	defer end()
	err := b.Update(during, func(x store.Txn) error {
		x.Set([]byte("b"), []byte("1"))
		x.Append([]byte("b"))
		end()
		return nil
	})
	kept := b.kept("b")
	switch {
	case err == nil:
		t.Errorf("Update gave nil though its ctx had ended before the commit began")
	case errors.Is(err, store.ErrUnknown): // either is right
	case kept || len(b.verify()) != 0:
		t.Errorf("Update gave %v, yet something was kept", err)
	}
	b.verify()
}

func (b *bench) kept(key string) (yes bool) {
	b.Helper()
	b.view(func(r store.Reader) error {
		v, err := get(r, key)
		yes = v != "-"
		return err
	})
	return yes
}

// contextRace ends contexts at random moments of busy transactions: nil means kept, and
// an error that is not ErrUnknown means not kept.
func contextRace(t *testing.T, b *bench) {
	const writers, each = 24, 12
	type result struct {
		key string
		err error
	}
	var mu sync.Mutex
	var results []result
	var unknown atomic.Int32
	together(writers, func(w int) {
		rnd := rand.New(rand.NewPCG(uint64(w), 3))
		for i := range each {
			ctx, cancel := context.WithTimeout(b.ctx, time.Duration(rnd.IntN(3000))*time.Microsecond)
			key := fmt.Sprint("k", w, ".", i)
			runs := 0 // written by fn, read after Update: fn must be over by then
			err := b.Update(ctx, func(x store.Txn) error {
				runs++
				_, err := add(x, "hot", 1)
				x.Set([]byte(key), []byte("1"))
				x.Append([]byte(key))
				return err
			})
			cancel()
			runs++
			if errors.Is(err, store.ErrUnknown) {
				unknown.Add(1)
			}
			mu.Lock()
			results = append(results, result{key, err})
			mu.Unlock()
		}
	})
	b.set("barrier", "1") // whatever was in flight is over
	n := 0
	for _, r := range results {
		kept := b.kept(r.key)
		if kept {
			n++
		}
		switch {
		case r.err == nil && !kept:
			t.Errorf("%s: nil, but not kept", r.key)
		case r.err != nil && !errors.Is(r.err, store.ErrUnknown) && kept:
			t.Errorf("%s: %v, but kept", r.key, r.err)
		}
	}
	if all := b.verify(); len(all) != n {
		t.Errorf("%d transactions and %d records were kept", n, len(all))
	}
	b.view(func(r store.Reader) error {
		hot, err := number(r, "hot")
		if int(hot) != n {
			t.Errorf("the counter stands at %d, want %d", hot, n)
		}
		return err
	})
}

func closed(t *testing.T, b *bench) {
	b.set("a", "1")
	if err := b.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	ran := false
	fail := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s of a closed store: %v; want ErrClosed", what, err)
		}
	}
	fail("Update", b.Update(b.ctx, func(store.Txn) error { ran = true; return nil }))
	fail("View", b.View(b.ctx, func(store.Reader) error { ran = true; return nil }))
	fail("Journal", b.Journal(b.ctx, 0, true, func(store.Record) bool { ran = true; return true }))
	_, _, err := b.JournalHead(b.ctx)
	fail("JournalHead", err)
	if ran {
		t.Error("a function ran on a closed store")
	}
	if err := b.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	b.reopen()
	b.want("a", "1")
}

// closeUnderLoad: whatever was acknowledged before or during Close is there afterwards.
func closeUnderLoad(t *testing.T, b *bench) {
	var acknowledged, unknown [32]uint64
	var begun sync.WaitGroup
	begun.Add(len(acknowledged))
	var all sync.WaitGroup
	for w := range acknowledged {
		all.Go(func() {
			for first := true; ; first = false {
				err := b.Update(b.ctx, func(x store.Txn) error { _, err := add(x, fmt.Sprint("w", w), 1); return err })
				if first {
					begun.Done()
				}
				switch {
				case err == nil:
					acknowledged[w]++
				case errors.Is(err, store.ErrUnknown):
					unknown[w]++
				case errors.Is(err, store.ErrClosed):
					return
				default:
					t.Errorf("Update: %v", err)
					return
				}
			}
		})
	}
	begun.Wait()
	if err := b.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	all.Wait()
	b.reopen()
	b.view(func(r store.Reader) error {
		for w, least := range acknowledged {
			n, err := number(r, fmt.Sprint("w", w))
			if err != nil || n < least || n > least+unknown[w] {
				t.Errorf("writer %d: %d kept, %v; %d were acknowledged, %d unknown", w, n, err, least, unknown[w])
			}
		}
		return nil
	})
}

func reopen(t *testing.T, b *bench) {
	for round := range 4 {
		together(16, func(w int) {
			if err := b.Update(b.ctx, func(x store.Txn) error {
				n, err := add(x, fmt.Sprint("n", w), 1)
				x.Set(fmt.Append(nil, "round", round, ".", w), []byte("x"))
				x.Delete(fmt.Append(nil, "round", round-1, ".", w))
				x.Append(fmt.Append(nil, w, " ", n))
				return err
			}); err != nil {
				t.Errorf("Update: %v", err)
			}
		})
		head, link, err := b.JournalHead(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		b.reopen()
		again, linkAgain, err := b.JournalHead(b.ctx)
		if err != nil || again != head || string(link) != string(linkAgain) {
			t.Errorf("round %d: the head was %d, and is %d, %v after opening again", round, head, again, err)
		}
		if all := b.verify(); len(all) != 16*(round+1) {
			t.Errorf("round %d: %d records, want %d", round, len(all), 16*(round+1))
		}
		b.view(func(r store.Reader) error {
			for w := range 16 {
				if n, err := number(r, fmt.Sprint("n", w)); err != nil || n != uint64(round+1) {
					t.Errorf("round %d: n%d is %d, %v", round, w, n, err)
				}
			}
			return nil
		})
		b.want(fmt.Sprint("round", round, ".3"), "x", fmt.Sprint("round", round-1, ".3"), "-")
	}
}

// inUse: an engine for one process lets nobody else in; one for many may, and says so by
// opening.
func inUse(t *testing.T, b *bench) {
	second, err := b.open()
	if err == nil {
		if err := second.Close(); err != nil {
			t.Errorf("closing the second: %v", err)
		}
		return
	}
	if !errors.Is(err, store.ErrInUse) {
		t.Errorf("the second opener got %v; want ErrInUse", err)
	}
	b.set("a", "1") // and the first goes on
	b.want("a", "1")
}
