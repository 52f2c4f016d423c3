package badger

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey/latchkey/core/store"
)

const victimWriters = 8

// TestMain makes the test binary a victim, when it is asked to be one.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LATCHKEY_VICTIM"); dir != "" {
		beVictim(dir)
	}
	if part := os.Getenv("LATCHKEY_MOUNTED"); part != "" {
		beMounted(part)
	}
	os.Exit(m.Run())
}

func smallConfig(dir string) Config {
	return Config{Dir: dir, EncryptionKey: benchKey, Link: key32, tuning: tuning{memTable: 1 << 20}}
}

func counterKey(w int) []byte           { return fmt.Append(nil, "count/", w) }
func payloadKey(w int, n uint64) []byte { return fmt.Append(nil, "payload/", w, "/", n%64) }
func payload(n uint64, size int) []byte {
	return bytes.Repeat(binary.BigEndian.AppendUint64(nil, n), size/8)
}
func recordText(w int, n uint64) []byte { return fmt.Append(nil, w, " ", n) }
func say(format string, args ...any)    { fmt.Fprintf(os.Stdout, format+"\n", args...) }
func count(r store.Reader, w int) uint64 {
	v, err := r.Get(counterKey(w))
	if err != nil {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

// work is one transaction: a counter, a payload that must fit it, a record that tells of
// it, and a key that all writers fight for.
func work(t store.Txn, w int) (n uint64) {
	n = count(t, w) + 1
	hot, _ := t.Get([]byte("hot"))
	t.Set([]byte("hot"), fmt.Append(hot[:0], w, n))
	t.Set(counterKey(w), binary.BigEndian.AppendUint64(nil, n))
	t.Set(payloadKey(w, n), payload(n, 1000+rand.IntN(2000)))
	t.Append(recordText(w, n))
	return n
}

// beVictim works until it is killed, and says what it has promised to whom.
func beVictim(dir string) {
	cfg := smallConfig(dir)
	cfg.tuning.noSync = os.Getenv("LATCHKEY_VICTIM_NOSYNC") != ""
	fatal := make(chan error, 1)
	cfg.Fatal = func(err error) { fatal <- err }
	s, err := Open(cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, "victim:", err)
		os.Exit(1)
	}
	ctx := context.Background()
	look := func() {
		_ = s.View(ctx, func(r store.Reader) error {
			for w := range victimWriters {
				say("seen %d %d", w, count(r, w))
			}
			return nil
		})
	}
	if os.Getenv("LATCHKEY_VICTIM_LOOKS") != "" {
		look()
		select {}
	}
	var all sync.WaitGroup
	for w := range victimWriters {
		all.Go(func() {
			for {
				var n uint64
				err := s.Update(ctx, func(t store.Txn) error { n = work(t, w); return nil })
				if errors.Is(err, store.ErrUnknown) {
					say("unknown %v", err)
				}
				if err != nil {
					return
				}
				say("ack %d %d", w, n)
				if n%16 == 0 {
					look()
				}
			}
		})
	}
	all.Wait()
	say("fatal %v", <-fatal)
	if err := s.Update(ctx, func(store.Txn) error { return nil }); errors.Is(err, store.ErrClosed) {
		say("then-update closed")
	}
	if err := s.View(ctx, func(store.Reader) error { return nil }); errors.Is(err, store.ErrClosed) {
		say("then-view closed")
	}
	os.Exit(3)
}

// check opens the state and names what is missing of what had been promised.
func (l *loss) check() (lost []string) {
	l.t.Helper()
	s, err := Open(smallConfig(l.dir))
	if err != nil {
		return []string{err.Error()}
	}
	defer func() {
		if err := s.Close(); err != nil {
			l.t.Errorf("Close: %v", err)
		}
	}()
	miss := func(format string, args ...any) { lost = append(lost, fmt.Sprintf(format, args...)) }
	counts := map[int]uint64{}
	ctx := context.Background()
	err = s.View(ctx, func(r store.Reader) error {
		for w := range victimWriters {
			n := count(r, w)
			counts[w] = n
			if n < l.acknowledged[w] {
				miss("writer %d stands at %d, %d was promised", w, n, l.acknowledged[w])
			}
			if v, err := r.Get(payloadKey(w, n)); n > 0 && (err != nil || binary.BigEndian.Uint64(v) != n) {
				miss("writer %d: half a transaction %d: %v", w, n, err)
			}
		}
		return nil
	})
	if err != nil {
		miss("View: %v", err)
	}
	told := map[int]uint64{}
	var last uint64
	var prev []byte
	err = s.Journal(ctx, 1, false, func(r store.Record) bool {
		var w int
		var n uint64
		if _, err := fmt.Sscanf(string(r.Data), "%d %d", &w, &n); err != nil || n != told[w]+1 {
			miss("record %d tells of %q after %d", r.Seq, r.Data, told[w])
		}
		if r.Seq != last+1 || !bytes.Equal(r.Link, key32(r.Seq, prev, r.Data)) {
			miss("the chain is broken at record %d", r.Seq)
		}
		last, prev, told[w] = r.Seq, r.Link, n
		return len(lost) == 0
	})
	if err != nil {
		miss("Journal: %v", err)
	}
	for w, n := range counts {
		if len(lost) == 0 && told[w] != n {
			miss("writer %d stands at %d, the journal tells of %d", w, n, told[w])
		}
	}
	return lost
}

func readLines(r io.Reader, fn func(line string)) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fn(lines.Text())
	}
}

// buildVictim builds this test binary against a copy of ristretto that reports its syncs.
func buildVictim(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root := strings.TrimSpace(goTool(t, "list", "-m", "-f", "{{.Dir}}"))
	from := strings.TrimSpace(goTool(t, "list", "-m", "-f", "{{.Dir}}", ristretto))
	for _, part := range []string{"z", "."} {
		copyGo(t, filepath.Join(from, part), filepath.Join(dir, "ristretto", part))
	}
	if err := os.CopyFS(filepath.Join(dir, "ristretto", "z", "simd"), os.DirFS(filepath.Join(from, "z", "simd"))); err != nil {
		t.Fatal(err)
	}
	patch(t, filepath.Join(dir, "ristretto", "z"))
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "go.mod" {
			data = fmt.Appendf(data, "\nreplace %s => %s\n", ristretto, filepath.Join(dir, "ristretto"))
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(dir, "victim")
	goTool(t, "test", "-c", "-trimpath", "-vet=off", "-mod=mod", "-modfile="+filepath.Join(dir, "go.mod"), "-o", binary, ".")
	return binary
}

const ristretto = "github.com/dgraph-io/ristretto/v2"

func goTool(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, exit.Stderr)
		}
		t.Fatal(err)
	}
	return string(out)
}

func copyGo(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range names(t, from) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// patch changes the copy; a text that is not there, since the library has changed, fails.
func patch(t *testing.T, z string) {
	t.Helper()
	for _, p := range []struct{ file, old, new string }{
		{"file.go", "\treturn &MmapFile{\n\t\tData: buf,", "\tsyncedOpened(filename, buf, rerr == NewFile)\n\treturn &MmapFile{\n\t\tData: buf,"},
		{"file.go", "\treturn os.Remove(m.Fd.Name())\n", "\tsyncedDeleted(m.Fd.Name())\n\treturn os.Remove(m.Fd.Name())\n"},
		{"file_linux.go", "\tm.Data, err = mremap(m.Data, int(maxSz)) // Mmap up to max size.\n", "\tm.Data, err = mremap(m.Data, int(maxSz))\n\tsyncedOpened(m.Fd.Name(), m.Data, false)\n"},
		{"mmap.go", "\treturn msync(b)\n", "\treturn syncedMsync(b)\n"},
	} {
		path := filepath.Join(z, p.file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(text), p.old) != 1 {
			t.Fatalf("%s %s does not hold, once, %q: the patch must follow the library", ristretto, p.file, p.old)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), p.old, p.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("testdata/synced.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(z, "synced.go"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}
