package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// readSafely reads a file that root alone may change, as may be every folder and link on the way to it.
func readSafely(path string) ([]byte, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%s: must be an absolute path", path)
	}
	real, err := walk(path, 0)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(real, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0) // a FIFO must not hold a login up
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

// safeAbove looks at all folders and links on the way to path.
func safeAbove(path string, owners ...uint32) error {
	_, err := walk(path, append([]uint32{0}, owners...)...)
	return err
}

// walk goes to path as the kernel would and gives it without links. Nobody but owners may change a folder or a link on
// the way: a link of root's may lead through a folder of a user's. What is missing is nobody's; a sticky directory
// keeps what is in it. The end of the way is looked at by the caller.
func walk(path string, owners ...uint32) (real string, err error) {
	rest, real, links := strings.Split(path, "/"), "/", 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		info, err := os.Lstat(real)
		if err == nil {
			err = ownedBy(real, info, owners...)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		if name == ".." {
			real = filepath.Dir(real)
			continue
		}
		next := filepath.Join(real, name)
		info, err = os.Lstat(next)
		if err != nil || info.Mode().Type() != os.ModeSymlink {
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return "", err
			}
			real = next
			continue
		}
		// Permissions of a link mean nothing; its owner may put another in its place in a sticky directory.
		if sys, ok := info.Sys().(*syscall.Stat_t); !ok || !slices.Contains(owners, sys.Uid) {
			return "", fmt.Errorf("%s: a link that belongs to others than it may", next)
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if links++; links > 40 {
			return "", fmt.Errorf("%s: too many links", path)
		}
		if filepath.IsAbs(target) {
			real = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return real, nil
}
