package phone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Storage keeps one device's state.
//
// Read gives what the last Write was given, or fs.ErrNotExist. Write returns when the state is durable: after
// a power loss there is the old state or the new one, whole; an empty state means that there is none any more.
// Both are called between Lock and its release only. Lock waits until nobody else has it, in this process
// or in another one, or until ctx ends.
type Storage interface {
	Lock(ctx context.Context) (release func(), err error)
	Read() ([]byte, error)
	Write(state []byte) error
}

// File keeps the state in a file of mode 0600, with a lock file (PATH.lock) beside it.
type File string

var _ Storage = File("")

// ErrReadable says that others may read the state.
var ErrReadable = errors.New("phone: the state may be read by others (chmod 600)")

// lockPause is how long a waiting Lock looks away.
const lockPause = 5 * time.Millisecond

// Lock implements Storage.
func (f File) Lock(ctx context.Context) (func(), error) {
	lock, err := os.OpenFile(string(f)+".lock", os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("phone: locking the state: %w", err)
	}
	for {
		// Each Lock has an open file of its own, so this also holds between goroutines.
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = lock.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = lock.Close()
			return nil, fmt.Errorf("phone: locking the state: %w", err)
		}
		select {
		case <-ctx.Done():
			_ = lock.Close()
			return nil, fmt.Errorf("phone: the state is locked: %w", ctx.Err())
		case <-time.After(lockPause):
		}
	}
}

// Read implements Storage.
func (f File) Read() ([]byte, error) {
	file, err := os.Open(string(f))
	if err != nil {
		return nil, fmt.Errorf("phone: reading the state: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("phone: reading the state: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s", ErrReadable, string(f))
	}
	b := make([]byte, info.Size())
	if _, err := file.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("phone: reading the state: %w", err)
	}
	return b, nil
}

// Write implements Storage: a new file, synced, takes the place of the old one, and the folder is synced.
func (f File) Write(state []byte) (err error) {
	folder := filepath.Dir(string(f))
	if len(state) == 0 {
		if err := os.Remove(string(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("phone: removing the state: %w", err)
		}
		return syncFolder(folder)
	}
	temporary, err := os.CreateTemp(folder, "."+filepath.Base(string(f))+"-*") // 0600
	if err != nil {
		return fmt.Errorf("phone: writing the state: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name())
		}
	}()
	_, err = temporary.Write(state)
	if err == nil {
		err = temporary.Sync()
	}
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temporary.Name(), string(f))
	}
	if err != nil {
		return fmt.Errorf("phone: writing the state: %w", err)
	}
	return syncFolder(folder)
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("phone: syncing the state: %w", err)
	}
	defer func() { _ = folder.Close() }()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("phone: syncing the state: %w", err)
	}
	return nil
}
