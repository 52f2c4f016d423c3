package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// readSafely reads a file that root alone may change, as may be what is above it.
func readSafely(path string) ([]byte, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%s: must be an absolute path", path)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO must not hold a login up
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is no regular file", path)
	}
	if err := ownedBy(path, info, 0); err != nil {
		return nil, err
	}
	if err := safeAbove(path, 0); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, 64<<10+1))
	if err == nil && len(text) > 64<<10 {
		err = fmt.Errorf("%s: is too large", path)
	}
	return text, err
}

// ownedBy refuses what belongs to others than owners, or may be written by others.
func ownedBy(path string, info os.FileInfo, owners ...uint32) error {
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !slices.Contains(owners, sys.Uid) {
		return fmt.Errorf("%s: belongs to others than it may (uid %d)", path, sys.Uid)
	}
	if info.Mode().Perm()&0o022 != 0 && (!info.IsDir() || info.Mode()&os.ModeSticky == 0) {
		return fmt.Errorf("%s: others may write it (mode %04o)", path, info.Mode().Perm())
	}
	return nil
}

// safeAbove looks at all directories above path. What is missing is nobody's; a sticky directory keeps what is in it.
func safeAbove(path string, owners ...uint32) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err == nil {
			if err := ownedBy(dir, info, append([]uint32{0}, owners...)...); err != nil {
				return err
			}
		}
		if dir == "/" {
			return nil
		}
	}
}
