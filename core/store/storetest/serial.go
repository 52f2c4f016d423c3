package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey/latchkey/core/store"
)

// counters: 200 writers on ONE key. Every increment must count, and each writer must see
// its own value, none twice.
func counters(t *testing.T, b *bench) {
	const writers, each = 200, 5
	var mu sync.Mutex
	seen := map[uint64]bool{}
	together(writers, func(int) {
		for range each {
			var mine uint64
			err := b.Update(b.ctx, func(x store.Txn) (err error) { mine, err = add(x, "n", 1); return err })
			if err != nil {
				t.Errorf("Update: %v", err)
				return
			}
			mu.Lock()
			if seen[mine] {
				t.Errorf("two transactions made the value %d", mine)
			}
			seen[mine] = true
			mu.Unlock()
		}
	})
	b.view(func(r store.Reader) error {
		n, err := number(r, "n")
		if err != nil || n != writers*each {
			t.Errorf("the counter stands at %d, %v; want %d", n, err, writers*each)
		}
		return nil
	})
}

// manyCounters: transactions that touch two of several keys, in any order.
func manyCounters(t *testing.T, b *bench) {
	const writers, each, keys = 64, 20, 7
	together(writers, func(w int) {
		rnd := rand.New(rand.NewPCG(uint64(w), 1))
		for range each {
			one, other := rnd.IntN(keys), rnd.IntN(keys)
			err := b.Update(b.ctx, func(x store.Txn) error {
				if _, err := add(x, fmt.Sprint("c", one), 1); err != nil {
					return err
				}
				_, err := add(x, fmt.Sprint("c", other), 1)
				return err
			})
			if err != nil {
				t.Errorf("Update: %v", err)
				return
			}
		}
	})
	var sum uint64
	b.view(func(r store.Reader) error {
		for i := range keys {
			n, err := number(r, fmt.Sprint("c", i))
			if err != nil {
				return err
			}
			sum += n
		}
		return nil
	})
	if sum != 2*writers*each {
		t.Errorf("the counters stand at %d together, want %d", sum, 2*writers*each)
	}
}

// writeSkew: two doctors may each go off duty only while the other is on it.
func writeSkew(t *testing.T, b *bench) {
	for round := range 40 {
		b.set("duty0", "on", "duty1", "on")
		var off atomic.Int32
		together(2, func(i int) {
			left := false
			err := b.Update(b.ctx, func(x store.Txn) error {
				left = false
				other, err := get(x, fmt.Sprint("duty", 1-i))
				if err == nil && other == "on" {
					x.Set(fmt.Append(nil, "duty", i), []byte("off"))
					left = true
				}
				return err
			})
			if err != nil {
				t.Errorf("Update: %v", err)
			}
			if left {
				off.Add(1)
			}
		})
		if off.Load() != 1 {
			t.Fatalf("round %d: %d have left, want 1", round, off.Load())
		}
	}
}

// absentKeys: of many that create one key because it is absent, one wins; also when
// what they write is another key than what they read.
func absentKeys(t *testing.T, b *bench) {
	taken := errors.New("taken")
	for round := range 15 {
		var direct, skewed atomic.Int32
		together(16, func(i int) {
			claim := func(read, write string, won *atomic.Int32) {
				err := b.Update(b.ctx, func(x store.Txn) error {
					if v, err := get(x, read); err != nil || v != "-" {
						return errors.Join(taken, err)
					}
					x.Set([]byte(write), fmt.Append(nil, i))
					return nil
				})
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, taken) {
					t.Errorf("Update: %v", err)
				}
			}
			claim(fmt.Sprint("name", round), fmt.Sprint("name", round), &direct)
			claim(fmt.Sprint("pair", round, i%2), fmt.Sprint("pair", round, 1-i%2), &skewed)
		})
		if direct.Load() != 1 {
			t.Fatalf("round %d: %d made the absent key, want 1", round, direct.Load())
		}
		// Serially, the first one hides the key of the other kind; its own kind goes on.
		var both int
		b.view(func(r store.Reader) error {
			for i := range 2 {
				if v, err := get(r, fmt.Sprint("pair", round, i)); err != nil {
					return err
				} else if v != "-" {
					both++
				}
			}
			return nil
		})
		if both != 1 || skewed.Load() != 8 {
			t.Fatalf("round %d: %d of two exclusive keys exist and %d won; want 1 and 8", round, both, skewed.Load())
		}
	}
}

// deletedKeys: a thing can be taken once.
func deletedKeys(t *testing.T, b *bench) {
	gone := errors.New("gone")
	for round := range 25 {
		key := fmt.Sprint("ticket", round%3)
		b.set(key, "x")
		var won atomic.Int32
		together(16, func(int) {
			err := b.Update(b.ctx, func(x store.Txn) error {
				if v, err := get(x, key); err != nil || v == "-" {
					return errors.Join(gone, err)
				}
				x.Delete([]byte(key))
				return nil
			})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, gone) {
				t.Errorf("Update: %v", err)
			}
		})
		if won.Load() != 1 {
			t.Fatalf("round %d: %d took the ticket, want 1", round, won.Load())
		}
	}
}

// rerun: nothing that a function did on an earlier run may be left: neither writes nor
// records. An Update that commits during the first run makes a second one necessary.
func rerun(t *testing.T, b *bench) {
	b.set("a", "0")
	runs := 0
	inside := make(chan struct{})
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		<-inside
		b.set("a", "1")
	}()
	err := b.Update(b.ctx, func(x store.Txn) error {
		runs++
		v, err := get(x, "a")
		if err != nil {
			return err
		}
		x.Set(fmt.Append(nil, "run", runs), []byte(v))
		x.Set([]byte("b"), []byte(v))
		x.Append(fmt.Append(nil, "run", runs))
		if runs == 1 {
			close(inside)
			if b.optimistic() {
				<-changed
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	<-changed
	all := b.verify()
	if len(all) != 1 || string(all[0].Data) != fmt.Sprint("run", runs) {
		t.Errorf("%d runs left the records %v", runs, all)
	}
	for i := 1; i <= runs; i++ {
		b.view(func(r store.Reader) error {
			v, err := get(r, fmt.Sprint("run", i))
			if (v != "-") != (i == runs) {
				t.Errorf("of run %d of %d is left: %q, %v", i, runs, v, err)
			}
			return err
		})
	}
	if b.optimistic() {
		if runs < 2 {
			t.Error("the function ran once, though what it read had changed")
		}
		b.want("b", "1")
	}
}

// optimistic tells whether another Update can commit while a function runs.
func (b *bench) optimistic() bool {
	s, ok := b.Store.(interface{ OneAtATime() bool })
	return !ok || !s.OneAtATime()
}

// bank: transfers keep the sum, in every snapshot.
func bank(t *testing.T, b *bench) {
	const accounts, start, writers, each = 12, 100, 32, 20
	name := func(i int) string { return fmt.Sprintf("account%02d", i) }
	b.update(func(x store.Txn) error {
		for i := range accounts {
			setNumber(x, name(i), start)
		}
		return nil
	})
	sum := func(r store.Reader) (total uint64) {
		n := 0
		if err := r.Scan([]byte("account"), nil, func(k, _ []byte) bool {
			v, err := number(r, string(k))
			if err != nil {
				t.Errorf("reading: %v", err)
			}
			total += v
			n++
			return true
		}); err != nil || n != accounts {
			t.Errorf("scan: %d accounts, %v", n, err)
		}
		return total
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := b.View(b.ctx, func(r store.Reader) error {
					if s := sum(r); s != accounts*start {
						t.Errorf("a view sums up to %d, want %d", s, accounts*start)
					}
					return nil
				}); err != nil {
					t.Errorf("View: %v", err)
					return
				}
			}
		})
	}
	together(writers, func(w int) {
		rnd := rand.New(rand.NewPCG(uint64(w), 2))
		for range each {
			from, to, amount := name(rnd.IntN(accounts)), name(rnd.IntN(accounts)), uint64(rnd.IntN(30))
			err := b.Update(b.ctx, func(x store.Txn) error {
				have, err := number(x, from)
				if err != nil || have < amount {
					return err
				}
				setNumber(x, from, have-amount)
				_, err = add(x, to, amount)
				return err
			})
			if err != nil {
				t.Errorf("Update: %v", err)
				return
			}
		}
	})
	close(done)
	readers.Wait()
	b.view(func(r store.Reader) error {
		if s := sum(r); s != accounts*start {
			t.Errorf("at the end the sum is %d, want %d", s, accounts*start)
		}
		return nil
	})
}
