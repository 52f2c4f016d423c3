package localapi

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/latchkey/latchkey/core"
)

// peer is what the kernel says of the process at the other end.
type peer struct {
	uid, gid, pid int
	groups        []int // supplementary groups that the process held when it connected
}

// peerOf asks the kernel. SO_PEERGROUPS (Linux 4.13) is used rather than a look-up by name: it
// is what the process really holds, costs no name service, and needs no cgo to see LDAP groups.
func peerOf(conn *net.UnixConn) (peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return peer{}, err
	}
	var p peer
	var sockErr error
	err = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			sockErr = fmt.Errorf("SO_PEERCRED: %w", err)
			return
		}
		p.uid, p.gid, p.pid = int(cred.Uid), int(cred.Gid), int(cred.Pid)
		p.groups, sockErr = peerGroups(fd)
	})
	if err == nil {
		err = sockErr
	}
	return p, err
}

// peerGroups reads SO_PEERGROUPS: an array of gid_t. golang.org/x/sys has no getter for it.
func peerGroups(fd uintptr) ([]int, error) {
	buf := make([]uint32, 64)
	for {
		size := uint32(len(buf) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == unix.ERANGE && int(size) > len(buf)*4: // the kernel has told how much it needs
			buf = make([]uint32, size/4)
			continue
		case errno != 0:
			return nil, fmt.Errorf("SO_PEERGROUPS: %w", errno)
		}
		groups := make([]int, 0, size/4)
		for _, gid := range buf[:size/4] {
			groups = append(groups, int(gid))
		}
		return groups, nil
	}
}

// Roles says which group of the system gives which role.
type Roles map[string]core.Role

// roleGroup is one entry of Roles, looked up.
type roleGroup struct {
	gid  int
	role core.Role
}

// resolve looks the groups up, so that a misspelt one is an error at the start and not a
// refusal later. A group may be given by number.
func (r Roles) resolve() ([]roleGroup, error) {
	var groups []roleGroup
	for name, role := range r {
		switch role {
		case core.RoleAdmin, core.RoleHelpdesk, core.RoleAuditor:
		default:
			return nil, fmt.Errorf("socket.roles: %s: no role %q (admin, helpdesk or auditor)", name, role)
		}
		gid, err := strconv.Atoi(name)
		if err != nil {
			group, err := user.LookupGroup(name)
			if err != nil {
				return nil, fmt.Errorf("socket.roles: no group %q on this system (groupadd --system %s)", name, name)
			}
			if gid, err = strconv.Atoi(group.Gid); err != nil {
				return nil, fmt.Errorf("socket.roles: group %q has the odd id %q", name, group.Gid)
			}
		}
		groups = append(groups, roleGroup{gid, role})
	}
	slices.SortFunc(groups, func(a, b roleGroup) int { return a.gid - b.gid })
	return groups, nil
}

// rank orders the roles: each may do what those of a lower rank may. No role ranks 0.
func rank(role core.Role) int {
	switch role {
	case core.RoleAdmin:
		return 3
	case core.RoleHelpdesk:
		return 2
	case core.RoleAuditor:
		return 1
	}
	return 0
}

// actorOf turns a peer into an actor with the highest role that it has; without any the role
// is empty. root and the daemon's own user are admins: both can read the state anyway.
func actorOf(p peer, groups []roleGroup) core.Actor {
	actor := core.Actor{UID: p.uid, Name: "uid " + strconv.Itoa(p.uid)}
	if u, err := user.LookupId(strconv.Itoa(p.uid)); err == nil {
		actor.Name = u.Username
	}
	if p.uid == 0 || p.uid == os.Geteuid() {
		actor.Role = core.RoleAdmin
		return actor
	}
	for _, g := range groups {
		if (p.gid == g.gid || slices.Contains(p.groups, g.gid)) && rank(g.role) > rank(actor.Role) {
			actor.Role = g.role
		}
	}
	return actor
}
