package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/latchkey/latchkey/core/store"
)

// await takes events until done says so, and gives up with the test's ctx.
func (b *bench) await(events <-chan store.Event, done func(store.Event) bool) bool {
	b.Helper()
	for {
		select {
		case e, open := <-events:
			if !open {
				b.Error("the watch was closed early")
				return false
			}
			if done(e) {
				return true
			}
		case <-b.ctx.Done():
			b.Error("an event did not come")
			return false
		}
	}
}

// watchBasics: every change is told of (or Lost), with its prefix only, and what an
// event tells of can be read at that moment.
func watchBasics(t *testing.T, b *bench) {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	events := b.Watch(ctx, []byte("w/"))
	b.set("w/gone", "x", "other", "x", "w", "x")
	_ = b.Update(b.ctx, func(x store.Txn) error { x.Set([]byte("w/never"), nil); return errors.New("no") })
	b.update(func(x store.Txn) error {
		x.Delete([]byte("w/gone"))
		x.Set([]byte("w/there"), []byte("y"))
		return nil
	})
	left := map[string]bool{"w/gone": true, "w/there": false}
	b.await(events, func(e store.Event) bool {
		if e.Lost {
			return true
		}
		switch key := string(e.Key); key {
		case "w/gone", "w/there":
			if e.Deleted == left[key] {
				delete(left, key)
			}
			if key == "w/there" {
				b.want("w/there", "y")
			}
		default:
			t.Errorf("an event for %q", key)
		}
		return len(left) == 0
	})
	all := b.Watch(ctx, nil)
	b.set("anything", "1")
	b.await(all, func(e store.Event) bool { return e.Lost || string(e.Key) == "anything" })
}

func watchEnds(t *testing.T, b *bench) {
	closes := func(events <-chan store.Event) {
		t.Helper()
		for {
			select {
			case _, open := <-events:
				if !open {
					return
				}
			case <-b.ctx.Done():
				t.Fatal("the channel is not closed")
			}
		}
	}
	ctx, cancel := context.WithCancel(b.ctx)
	idle, busy := b.Watch(ctx, nil), b.Watch(ctx, nil)
	b.set("a", "1")
	cancel()
	closes(idle)
	closes(busy)
	open := b.Watch(b.ctx, nil)
	b.set("a", "2")
	if err := b.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	closes(open)
	closes(b.Watch(b.ctx, nil))
	b.reopen()
}

// watchSlow: a reader that does not read slows nobody, and hears that it missed some.
func watchSlow(t *testing.T, b *bench) {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	events := b.Watch(ctx, nil)
	const txns = 40
	for i := range txns {
		b.update(func(x store.Txn) error {
			for j := range 1000 {
				x.Set(fmt.Append(nil, i, ".", j), nil)
			}
			return nil
		})
	}
	// Either Lost, or really every key; and afterwards the watch goes on.
	found := map[string]bool{}
	b.await(events, func(e store.Event) bool {
		found[string(e.Key)] = true
		return e.Lost || len(found) == txns*1000
	})
	b.set("after", "1")
	b.await(events, func(e store.Event) bool {
		if e.Lost { // told before the reader had caught up; the change may be in it
			b.set("after", "2")
		}
		return string(e.Key) == "after"
	})
}
