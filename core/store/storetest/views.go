package storetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/latchkey/latchkey/core/store"
)

// snapshots: two keys that always change together are equal in every view, by Get and by
// Scan, and an Update's own reads are of one snapshot too.
func snapshots(t *testing.T, b *bench) {
	b.set("x", "0", "y", "0")
	done := make(chan struct{})
	var wg sync.WaitGroup
	same := func(r store.Reader) error {
		x, err := get(r, "x")
		if err != nil {
			return err
		}
		y, err := get(r, "y")
		if err != nil {
			return err
		}
		scanned, err := list(r, "", "")
		if x != y || scanned != fmt.Sprintf("x=%s y=%s", x, x) {
			t.Errorf("one snapshot holds x=%s, y=%s, and by scan %s", x, y, scanned)
		}
		return err
	}
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := b.View(b.ctx, same); err != nil {
					t.Errorf("View: %v", err)
					return
				}
				if err := b.Update(b.ctx, func(x store.Txn) error { return same(x) }); err != nil {
					t.Errorf("Update that only reads: %v", err)
					return
				}
			}
		})
	}
	together(4, func(w int) {
		for i := range 50 {
			v := fmt.Append(nil, w, ".", i)
			if err := b.Update(b.ctx, func(x store.Txn) error { x.Set([]byte("x"), v); x.Set([]byte("y"), v); return nil }); err != nil {
				t.Errorf("Update: %v", err)
			}
		}
	})
	close(done)
	wg.Wait()
}

// longView: what a view sees stays, however much is written and deleted meanwhile, and
// it holds up nobody.
func longView(t *testing.T, b *bench) {
	b.set("a", "old", "b", "old", "c", "old")
	b.view(func(r store.Reader) error {
		for i := range 50 {
			b.set("a", fmt.Sprint(i), "d", "new")
			b.update(func(x store.Txn) error { x.Delete([]byte("b")); return nil })
		}
		if got, err := list(r, "", ""); err != nil || got != "a=old b=old c=old" {
			t.Errorf("the old view shows %q, %v", got, err)
		}
		if v, err := get(r, "d"); err != nil || v != "-" {
			t.Errorf("the old view shows a new key: %q, %v", v, err)
		}
		return nil
	})
	b.want("a", "49", "b", "-", "d", "new")
}

// readYourWrites: once Update has returned, every later View and Update sees it.
func readYourWrites(t *testing.T, b *bench) {
	together(16, func(w int) {
		key := fmt.Sprint("w", w)
		for i := range 15 {
			if err := b.Update(b.ctx, func(x store.Txn) error { setNumber(x, key, uint64(i)); return nil }); err != nil {
				t.Errorf("Update: %v", err)
				return
			}
			check := func(r store.Reader) error {
				if n, err := number(r, key); err != nil || n != uint64(i) {
					t.Errorf("after an update to %d a read finds %d, %v", i, n, err)
				}
				return nil
			}
			if err := b.View(b.ctx, check); err != nil {
				t.Errorf("View: %v", err)
			}
			if err := b.Update(b.ctx, func(x store.Txn) error { return check(x) }); err != nil {
				t.Errorf("Update: %v", err)
			}
		}
	})
}

func nestedView(t *testing.T, b *bench) {
	b.set("a", "1")
	b.view(func(outer store.Reader) error {
		b.set("a", "2")
		b.want("a", "2")
		if v, err := get(outer, "a"); err != nil || v != "1" {
			t.Errorf("the outer view shows %q, %v; want its own snapshot", v, err)
		}
		return nil
	})
}
