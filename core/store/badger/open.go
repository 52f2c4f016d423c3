package badger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	bdg "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/ristretto/v2/z"
	"golang.org/x/sys/unix"

	"github.com/latchkey/latchkey/core/store"
)

const lockName = "latchkey.lock"

// openFiles locks the directory, looks whether it is ours to open, settles what a crash
// left, and opens Badger.
func openFiles(cfg Config) (*os.File, *bdg.DB, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, nil, openError(cfg.Dir, err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, nil, err
	}
	db, err := openLocked(cfg)
	if err != nil {
		_ = lock.Close()
		return nil, nil, err
	}
	return lock, db, nil
}

func openLocked(cfg Config) (*bdg.DB, error) {
	if err := checkFormatFile(cfg.Dir); err != nil {
		return nil, err
	}
	// Half of the reserve: a store that has stopped at its reserve must open again.
	r := room{dir: cfg.Dir, reserve: cfg.Reserve / 2}
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := settle(cfg.Dir); err != nil {
		return nil, openError(cfg.Dir, err)
	}
	if err := inspect(cfg); err != nil {
		return nil, openError(cfg.Dir, err)
	}
	db, err := openBadger(cfg)
	if err != nil {
		return nil, openError(cfg.Dir, err)
	}
	return db, nil
}

func openBadger(cfg Config) (db *bdg.DB, err error) {
	defer func() {
		if v := recover(); v != nil { // Badger panics on some broken files
			err = fmt.Errorf("%w: %v", store.ErrCorrupt, v)
		}
	}()
	return bdg.OpenManaged(badgerOptions(cfg))
}

// lockDir keeps a second opener out until the file is closed.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, openError(dir, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s (is another latchkeyd running?)", store.ErrInUse, dir)
		}
		return nil, openError(dir, err)
	}
	return f, nil
}

// settle makes what an earlier process left true on the medium before anybody reads it.
//
// After a failed sync the page cache may hold what the medium does not, marked as clean:
// no later sync would write it. And after a kill it may hold transactions that were never
// synced. So each log is synced and then dropped from the cache: what is read now, and
// answered from, is what the medium has.
//
// A crash between making and sizing a log leaves an empty one, at which Badger stops;
// nothing was ever written to it.
func settle(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		name := file.Name()
		if !strings.HasSuffix(name, ".mem") && !strings.HasSuffix(name, ".vlog") {
			continue
		}
		if err := settleLog(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return syncPath(dir)
}

func settleLog(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return os.Remove(path)
	}
	m, err := z.OpenMmapFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := m.Close(-1); err != nil { // which syncs
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// openError says in the contract's words, and with a hint, why a state does not open.
func openError(dir string, err error) error {
	for _, known := range []error{store.ErrFormat, store.ErrInUse, store.ErrFull} {
		if errors.Is(err, known) {
			return err
		}
	}
	switch {
	case errors.Is(err, bdg.ErrEncryptionKeyMismatch):
		return fmt.Errorf("%w: %s: the key does not fit (is the keyset the one that this state was made with?)", store.ErrCorrupt, dir)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w: %s: %w", store.ErrFull, dir, innermost(err))
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w: %s: %w (is it mounted read-only?)", store.ErrFull, dir, innermost(err))
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("badger: %s: %w (it must belong to the user that latchkeyd runs as)", dir, err)
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.EIO), errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("badger: %s: %w", dir, err)
	}
	return fmt.Errorf("%w: %s: %w (restore a backup, or move the directory away to begin anew)", store.ErrCorrupt, dir, err)
}
