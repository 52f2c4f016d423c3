package localapi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxPath is what sun_path of a Unix address holds, less the terminating NUL.
const maxPath = 107

// Listener is a Unix socket that takes its file away when it is closed, if it is still its own.
type Listener struct {
	*net.UnixListener
	accept func(*net.UnixConn) net.Conn // nil: all are taken as they are
	path   string
	file   os.FileInfo
	close  sync.Once
	err    error
}

// Listen makes the socket file at path, mode 0660, and lets the groups of roles connect. Its
// directory is made, mode 0755, if it is missing. A socket that a dead daemon left behind is
// replaced; one that is answered, or a file that is no socket, is an error.
//
// The socket is bound under a temporary name in the same directory and renamed when its
// permissions are right, so that nobody can connect in between.
func Listen(path string, roles Roles) (*Listener, error) {
	groups, err := roles.resolve()
	if err != nil {
		return nil, err
	}
	return listen(path, 0o660, groups)
}

// ListenPAM makes the socket file for root's programs, mode 0600.
func ListenPAM(path string) (*Listener, error) { return listen(path, 0o600, nil) }

// ListenPAMUser makes the socket file for everybody's programs, mode 0666.
func ListenPAMUser(path string) (*Listener, error) { return listen(path, 0o666, nil) }

func listen(path string, mode os.FileMode, groups []roleGroup) (*Listener, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	if err := vacant(path); err != nil {
		return nil, err
	}
	temporary := filepath.Join(dir, ".new-"+strconv.Itoa(os.Getpid()))
	if len(temporary) > maxPath || len(path) > maxPath {
		return nil, fmt.Errorf("socket %s: the path is too long for a Unix socket (%d bytes at most)",
			path, maxPath-len(filepath.Base(temporary)))
	}
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	inner, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	inner.SetUnlinkOnClose(false)
	info, err := publish(temporary, path, mode, groups)
	if err != nil {
		_ = inner.Close()
		_ = os.Remove(temporary)
		return nil, err
	}
	return &Listener{UnixListener: inner, path: path, file: info}, nil
}

// publish sets the permissions of the socket file and gives it its name.
func publish(temporary, path string, mode os.FileMode, groups []roleGroup) (os.FileInfo, error) {
	if err := os.Chmod(temporary, mode); err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	if err := letIn(temporary, groups); err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	info, err := os.Lstat(temporary)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	return info, nil
}

// vacant tells whether path may be taken: there is nothing, or a socket that nobody answers.
func vacant(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("socket %s: %w", path, err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("socket %s: there is a file of that name that is no socket; move it away", path)
	}
	conn, err := net.DialTimeout("unix", path, 2*time.Second)
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("socket %s: another latchkeyd answers there", path)
	}
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil // stale: the rename replaces it
	}
	return fmt.Errorf("socket %s: somebody else's: %w", path, err)
}

// letIn gives the groups access by a POSIX ACL. Unlike a change of the owning group that needs
// no privilege (the daemon is in none of the groups), and there may be several groups. On a
// file system without ACLs, one group can still own the file.
func letIn(path string, groups []roleGroup) error {
	if len(groups) == 0 {
		return nil
	}
	err := unix.Setxattr(path, "system.posix_acl_access", accessList(groups), 0)
	if err == nil || len(groups) > 1 {
		if err != nil {
			return fmt.Errorf("several groups need access control lists, which fail here: %w", err)
		}
		return nil
	}
	if err := os.Chown(path, -1, groups[0].gid); err != nil {
		return fmt.Errorf("letting group %d in: %w", groups[0].gid, err)
	}
	return nil
}

// accessList encodes rw for the owner, the owning group and the groups, nothing for others, in
// the form of linux/posix_acl_xattr.h: a version, then entries of tag, permission and id.
// The entries must be ordered by tag, then id; groups are sorted.
func accessList(groups []roleGroup) []byte {
	const (
		version                         = 2
		userObj, groupObj, group        = 0x01, 0x04, 0x08
		mask, other                     = 0x10, 0x20
		readWrite, nothing              = 6, 0
		undefined                uint32 = 0xffffffff
	)
	list := binary.LittleEndian.AppendUint32(nil, version)
	entry := func(tag, permission uint16, id uint32) {
		list = binary.LittleEndian.AppendUint16(list, tag)
		list = binary.LittleEndian.AppendUint16(list, permission)
		list = binary.LittleEndian.AppendUint32(list, id)
	}
	entry(userObj, readWrite, undefined)
	entry(groupObj, readWrite, undefined)
	for i, g := range groups {
		if i == 0 || groups[i-1].gid != g.gid {
			entry(group, readWrite, uint32(g.gid))
		}
	}
	entry(mask, readWrite, undefined)
	entry(other, nothing, undefined)
	return list
}

// Accept gives the next connection that is let in.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil || l.accept == nil {
			return conn, err
		}
		if taken := l.accept(conn); taken != nil {
			return taken, nil
		}
	}
}

// Close stops listening and removes the socket file, unless another daemon has put its own there.
func (l *Listener) Close() error {
	l.close.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.file) {
			_ = os.Remove(l.path)
		}
		l.err = l.UnixListener.Close()
	})
	return l.err
}
