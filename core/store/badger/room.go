package badger

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/latchkey/latchkey/core/store"
)

// room looks whether the medium has room BEFORE anything is written. Badger writes
// through memory maps, where a full disk is no error but a fault that ends the process.
type room struct {
	dir     string
	reserve int64
}

func (r *room) check() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(r.dir, &fs); err != nil {
		return fmt.Errorf("%w: %s: %w", store.ErrFull, r.dir, err)
	}
	if fs.Flags&unix.ST_RDONLY != 0 {
		return fmt.Errorf("%w: %s is mounted read-only", store.ErrFull, r.dir)
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < r.reserve {
		return fmt.Errorf("%w: %s has %d MiB free, %d are needed", store.ErrFull, r.dir, free>>20, r.reserve>>20)
	}
	return nil
}
