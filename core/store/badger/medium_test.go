package badger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/latchkey/latchkey/core/store"
)

// TestMedium runs each part in a mount namespace of its own, on a small tmpfs: there a
// full disk and a read-only one are real, for root too.
func TestMedium(t *testing.T) {
	t.Parallel()
	for part := range mountedParts {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), "LATCHKEY_MOUNTED="+part, "LATCHKEY_MOUNT="+t.TempDir())
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
			if os.Getuid() != 0 {
				cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
				cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
				cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
			}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasSuffix(string(out), "all right\n") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

var mountedParts = map[string]func(m medium){
	"full disk":                fullDisk,
	"disk filled by others":    filledByOthers,
	"full disk at opening":     fullAtOpening,
	"read-only at opening":     readOnlyAtOpening,
	"room for a whole start":   tightStart,
	"killed while it was full": killedFull,
}

func beMounted(part string) {
	m := medium{os.Getenv("LATCHKEY_MOUNT")}
	if part == fillAndDie { // within the mount of the part that asks for it
		fmt.Println("kept", m.fill(m.open()))
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	m.must(syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	m.must(syscall.Mount("tmpfs", m.dir, "tmpfs", 0, "size=112m"))
	mountedParts[part](m)
	fmt.Println("all right")
	os.Exit(0)
}

// medium is a mounted tmpfs of 112 MiB.
type medium struct{ dir string }

func (m medium) fail(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
	os.Exit(1)
}

func (m medium) must(err error) {
	if err != nil {
		m.fail("unexpected: %v", err)
	}
}

func (m medium) remount(flags uintptr, size string) {
	m.must(syscall.Mount("tmpfs", m.dir, "tmpfs", syscall.MS_REMOUNT|flags, "size="+size))
}

func (m medium) config() Config {
	cfg := smallConfig(filepath.Join(m.dir, "state"))
	cfg.Reserve = 72 << 20
	cfg.Fatal = func(err error) { m.fail("fatal: %v", err) }
	return cfg
}

func (m medium) open() *Store {
	s, err := Open(m.config())
	m.must(err)
	return s
}

func (m medium) one(s *Store, n uint64) error {
	return s.Update(context.Background(), func(t store.Txn) error {
		t.Set(fmt.Append(nil, "key", n), payload(n, 60_000))
		t.Append(fmt.Append(nil, n))
		return nil
	})
}

// fill writes until there is no room, and gives the number of transactions that were kept.
func (m medium) fill(s *Store) (n uint64) {
	for n < 10_000 {
		if err := m.one(s, n); err != nil {
			if !errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrUnknown) || !strings.Contains(err.Error(), "MiB free") {
				m.fail("a full disk gives %v", err)
			}
			return n
		}
		n++
	}
	m.fail("the disk never became full")
	return 0
}

func (m medium) holds(s *Store, n uint64) {
	m.must(s.View(context.Background(), func(r store.Reader) error {
		for i := range n {
			if _, err := r.Get(fmt.Append(nil, "key", i)); err != nil {
				return fmt.Errorf("transaction %d of %d: %w", i, n, err)
			}
		}
		if _, err := r.Get(fmt.Append(nil, "key", n)); !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("transaction %d was refused, and reads as %v", n, err)
		}
		return nil
	}))
	seq, _, err := s.JournalHead(context.Background())
	m.must(err)
	if seq != n {
		m.fail("%d records of %d", seq, n)
	}
}

func fullDisk(m medium) {
	s := m.open()
	n := m.fill(s)
	m.holds(s, n)
	if st := s.Stats(); st.Full == 0 || st.Commits != n {
		m.fail("the statistics know %d commits of %d, %d refused", st.Commits, n, st.Full)
	}
	m.remount(0, "208m")
	m.must(m.one(s, n)) // it goes on by itself
	m.holds(s, n+1)
	m.must(s.Close())
	s = m.open()
	m.holds(s, n+1)
	m.must(s.Close())
}

// ballast takes the whole rest of the medium.
func (m medium) ballast() string {
	path := filepath.Join(m.dir, "ballast")
	f, err := os.Create(path)
	m.must(err)
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return path
		}
	}
}

func filledByOthers(m medium) {
	s := m.open()
	var n uint64
	for ; n < 20; n++ {
		m.must(m.one(s, n))
	}
	path := m.ballast()
	if err := m.one(s, n); !errors.Is(err, store.ErrFull) {
		m.fail("with no byte left: %v", err)
	}
	m.holds(s, n)
	m.must(os.Remove(path))
	m.must(m.one(s, n))
	m.must(s.Close())
	s = m.open()
	m.holds(s, n+1)
	m.must(s.Close())
}

func fullAtOpening(m medium) {
	s := m.open()
	m.must(m.one(s, 0))
	m.must(s.Close())
	path := m.ballast()
	if _, err := Open(m.config()); !errors.Is(err, store.ErrFull) {
		m.fail("opening with no byte left: %v", err)
	}
	m.must(os.Remove(path))
	s = m.open()
	m.holds(s, 1)
	m.must(s.Close())
}

func readOnlyAtOpening(m medium) {
	s := m.open()
	m.must(m.one(s, 0))
	m.must(s.Close())
	m.remount(syscall.MS_RDONLY, "112m")
	if _, err := Open(m.config()); !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "read-only") {
		m.fail("opening read-only: %v", err)
	}
	fresh := m.config()
	fresh.Dir = filepath.Join(m.dir, "new")
	if _, err := Open(fresh); !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "read-only") {
		m.fail("beginning on a read-only medium: %v", err)
	}
	m.remount(0, "112m")
	s = m.open()
	m.holds(s, 1)
	m.must(s.Close())
}

// tightStart: a store that has filled the disk down to its reserve can be closed and
// opened, to be read and to be told of.
func tightStart(m medium) {
	s := m.open()
	n := m.fill(s)
	m.must(s.Close())
	s = m.open()
	m.holds(s, n)
	m.must(s.Close())
}

// killedFull: a process that was killed when the disk was full leaves all that it had
// acknowledged.
func killedFull(m medium) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "LATCHKEY_MOUNTED="+fillAndDie)
	out, _ := cmd.Output()
	var n uint64
	if _, err := fmt.Sscanf(string(out), "kept %d", &n); err != nil {
		m.fail("the process that was to fill the disk said %q", out)
	}
	s := m.open()
	m.holds(s, n)
	m.must(s.Close())
}

const fillAndDie = "fill and die"
