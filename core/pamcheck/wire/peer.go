package wire

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// PeerUID is the effective uid of the process at the other end: of one that listens, when it began to.
func PeerUID(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	var cred *unix.Ucred
	var sockErr error
	if err := raw.Control(func(fd uintptr) { cred, sockErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return -1, err
	}
	if sockErr != nil {
		return -1, fmt.Errorf("SO_PEERCRED: %w", sockErr)
	}
	return int(cred.Uid), nil
}
