package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/latchkey/latchkey/core"
)

// maxSocketPath is what sockaddr_un holds, its closing NUL left out (unix(7)).
const maxSocketPath = 107

func (c check) stateDir() string {
	dir := c.absolute("state_dir", c.file.StateDir)
	if dir == "/" {
		c.fail("state_dir", "/var/lib/latchkey", "must be a directory of its own")
	}
	return dir
}

// keysFile: a keyset in the state directory would lie in every backup beside what it opens.
func (c check) keysFile() string {
	const key = "keys.file"
	path := c.absolute(key, c.file.Keys.File)
	if c.inState(path) {
		c.fail(key, "a backup of the state must not hold its own key: /etc/latchkey/keyset", "lies inside state_dir")
		return path
	}
	mode, err := c.files.Mode(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// It is made at the first start.
	case err != nil:
		c.fail(key, "", "cannot be read: %s", cause(err))
	case !mode.IsRegular():
		c.fail(key, "", "is no regular file")
	case mode.Perm()&0o077 != 0:
		c.warn(key, "chmod 0600", "others than its owner may use the keyset, its mode is %04o", mode.Perm())
	}
	return path
}

func (c check) auditHeadFile() string {
	const key = "audit.head_file"
	if !c.given(key) {
		return ""
	}
	path := c.absolute(key, c.file.Audit.HeadFile)
	switch {
	case c.inState(path):
		c.fail(key, "whoever puts back an old state would put back the head too", "lies inside state_dir")
	case path == filepath.Clean(c.file.Keys.File):
		c.fail(key, "a file of its own", "is the keyset's file")
	}
	return path
}

func (c check) inState(path string) bool {
	if c.silenced("state_dir") {
		return false
	}
	rest, err := filepath.Rel(filepath.Clean(c.file.StateDir), path)
	return err == nil && rest != ".." && !strings.HasPrefix(rest, "../")
}

func (c check) socketPath(key, path string) string {
	path = c.absolute(key, path)
	if len(path) > maxSocketPath {
		c.fail(key, "Unix sockets allow no more", "is %d bytes long, at most %d are possible", len(path), maxSocketPath)
	}
	return path
}

func (c check) socket() Socket {
	s := Socket{Admin: c.socketPath("socket.admin", c.file.Socket.Admin)}
	c.socketsOfHosts(&s)
	for _, r := range c.file.Socket.Roles {
		key := entryPath("socket.roles", r.Name)
		switch role := core.Role(r.Value); role {
		case core.RoleAdmin, core.RoleHelpdesk, core.RoleAuditor:
			if s.Roles == nil {
				s.Roles = map[string]core.Role{}
			}
			s.Roles[r.Name] = role
			// The daemon would not start, and nobody could log in for want of a helpdesk.
			if on, ok := c.files.(Groups); ok && !on.HasGroup(r.Name) {
				c.fail(key, "groupadd --system "+r.Name, "there is no such group on this system")
			}
		default:
			c.fail(key, "admin, helpdesk or auditor", "is no role")
		}
	}
	return s
}
