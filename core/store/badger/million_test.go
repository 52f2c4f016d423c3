package badger

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"flag"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/store"
)

var users = flag.Int("users", 100_000, "how many users BenchmarkUsers stores")

// BenchmarkUsers stores users as an import does, and reports what they cost: bytes on
// disk for each, time to open after Close and after a kill, and to read one.
func BenchmarkUsers(b *testing.B) {
	for range b.N {
		dir := filepath.Join(b.TempDir(), "state")
		cfg := Config{Dir: dir, EncryptionKey: benchKey, Link: key32}
		s := benchOpen(b, cfg)
		stop := make(chan struct{})
		var peak atomic.Int64
		var sampler sync.WaitGroup
		sampler.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					peak.Store(max(peak.Load(), diskUsage(dir)))
				}
			}
		})
		began := time.Now()
		load(b, s, *users)
		b.ReportMetric(float64(*users)/time.Since(began).Seconds(), "users/s")
		close(stop)
		sampler.Wait()
		killed := filepath.Join(b.TempDir(), "killed")
		for settled := ""; settled != tableNames(dir); time.Sleep(2 * time.Second) {
			settled = tableNames(dir) // until no compaction changes the files any more
		}
		// No commit is going on: this is what a kill leaves.
		if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(diskUsage(dir))/float64(*users), "disk-B/user")
		b.ReportMetric(float64(peak.Load())/float64(*users), "peak-B/user")
		for name, dir := range map[string]string{"open-ms": dir, "open-killed-ms": killed} {
			cfg.Dir = dir
			began := time.Now()
			s := benchOpen(b, cfg)
			b.ReportMetric(float64(time.Since(began).Milliseconds()), name)
			if name == "open-ms" {
				began = time.Now()
				const reads = 50_000
				for range reads {
					if err := s.View(context.Background(), func(r store.Reader) error {
						_, err := r.Get(userKey('i', mrand.IntN(*users)))
						return err
					}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(time.Since(began).Microseconds())/reads, "µs/read")
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func benchOpen(b *testing.B, cfg Config) *Store {
	b.Helper()
	s, err := Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// userKey spreads users over the key space, as ids and hashes of names do.
func userKey(kind byte, n int) []byte {
	key := make([]byte, 24)
	key[0] = kind
	binary.BigEndian.PutUint64(key[1:], uint64(n)*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint64(key[9:], uint64(n))
	return key
}

func load(b *testing.B, s *Store, users int) {
	b.Helper()
	const each = 200
	var next atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			noise := make([]byte, 12+120+420)
			for {
				first := int(next.Add(each)) - each
				if first >= users {
					return
				}
				err := s.Update(context.Background(), func(t store.Txn) error {
					for n := first; n < min(first+each, users); n++ {
						_, _ = rand.Read(noise)
						t.Set(userKey('i', n), noise[:12])
						t.Set(userKey('u', n)[:13], noise[12:132])
						t.Set(userKey('a', n)[:13], noise[132:])
					}
					return nil
				})
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func tableNames(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "*.sst"))
	return strings.Join(files, " ")
}

// diskUsage sums up the blocks that the files really take.
func diskUsage(dir string) (sum int64) {
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		var st syscall.Stat_t
		if syscall.Stat(filepath.Join(dir, f.Name()), &st) == nil {
			sum += st.Blocks * 512
		}
	}
	return sum
}
