package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/user"
	"strconv"
)

// Files is what the configuration needs of the file system: to read secrets that are kept in
// files of their own, and to see whether others may read them too. Disk is the real one.
type Files interface {
	// ReadFile gives a file's content. It refuses what is no regular file, or holds more than MaxSize bytes.
	ReadFile(path string) ([]byte, error)
	// Mode gives a file's kind and permissions; the error of a missing file is fs.ErrNotExist.
	Mode(path string) (fs.FileMode, error)
}

// Groups is what Files may offer besides: whether this machine knows a Unix group. Where it
// does not, no group is looked up.
type Groups interface {
	HasGroup(name string) bool
}

// Disk is the machine's own file system, with the groups of the machine.
type Disk struct{}

// HasGroup implements Groups. A number is a group by its id.
func (Disk) HasGroup(name string) bool {
	if _, err := strconv.Atoi(name); err == nil {
		return true
	}
	_, err := user.LookupGroup(name)
	return err == nil
}

var errNotRegular = errors.New("no regular file")

// ReadFile implements Files.
func (Disk) ReadFile(path string) ([]byte, error) {
	// Before opening: to open a pipe would wait for its writer.
	if mode, err := (Disk{}).Mode(path); err != nil {
		return nil, err
	} else if !mode.IsRegular() {
		return nil, errNotRegular
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	// One byte more than is taken, so that a larger file is seen to be too large.
	return io.ReadAll(io.LimitReader(f, MaxSize+1))
}

// Mode implements Files.
func (Disk) Mode(path string) (fs.FileMode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Mode(), nil
}

// cause is an error without the path that package os puts before it: the message has the key.
func cause(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	return err.Error()
}
