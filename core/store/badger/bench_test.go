package badger

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	bdg "github.com/dgraph-io/badger/v4"

	"github.com/latchkey/latchkey/core/store"
)

var benchKey = bytes.Repeat([]byte{7}, 32)

// typical is a transaction as a login makes it: 6 reads, 2 writes of 200 bytes, and one
// journal record.
func typical(n uint64, get func([]byte) ([]byte, error), set func(k, v []byte)) error {
	var key [24]byte
	value := make([]byte, 200)
	for i := range uint64(6) {
		binary.BigEndian.PutUint64(key[:], n*2654435761+i%2)
		binary.BigEndian.PutUint64(key[8:], i)
		if _, err := get(key[:]); err != nil && err != store.ErrNotFound && err != bdg.ErrKeyNotFound {
			return err
		}
		if i < 2 {
			binary.BigEndian.PutUint64(value, n)
			set(bytes.Clone(key[:]), value)
		}
	}
	return nil
}

// benchUsers are those who log in during one busy hour; each is met again and again.
const benchUsers = 10_000

// BenchmarkUpdate compares the committer with one synced Badger transaction for each.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("merged/writers=%d", writers), func(b *testing.B) {
			s, err := Open(Config{Dir: b.TempDir(), EncryptionKey: benchKey, Link: func(seq uint64, prev, data []byte) []byte { return key32(seq, prev, data) }})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			record := make([]byte, 200)
			measure(b, writers, func(n uint64) error {
				return s.Update(context.Background(), func(t store.Txn) error {
					t.Append(record)
					return typical(n, t.Get, t.Set)
				})
			})
			st := s.Stats()
			b.ReportMetric(float64(st.Commits)/float64(max(1, st.Batches)), "tx/sync")
		})
		b.Run(fmt.Sprintf("plain/writers=%d", writers), func(b *testing.B) {
			cfg := Config{Dir: b.TempDir(), EncryptionKey: benchKey, Logger: discard}
			cfg.tuning.defaults()
			db, err := bdg.Open(badgerOptions(cfg).WithDetectConflicts(true))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			record := make([]byte, 200)
			measure(b, writers, func(n uint64) error {
				for {
					err := db.Update(func(t *bdg.Txn) error {
						var key [8]byte
						binary.BigEndian.PutUint64(key[:], rand.Uint64())
						if err := t.Set(key[:], record); err != nil {
							return err
						}
						return typical(n, func(k []byte) ([]byte, error) {
							item, err := t.Get(k)
							if err != nil {
								return nil, err
							}
							return item.ValueCopy(nil)
						}, func(k, v []byte) { _ = t.Set(k, v) })
					})
					if err != bdg.ErrConflict {
						return err
					}
				}
			})
		})
	}
}

// measure spreads b.N transactions over writers, and reports their rate and CPU time.
func measure(b *testing.B, writers int, one func(n uint64) error) {
	b.ReportAllocs()
	b.ResetTimer()
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := one(rand.Uint64N(benchUsers)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
	b.ReportMetric(float64(cpu.Microseconds())/float64(b.N), "cpu-µs/tx")
}
