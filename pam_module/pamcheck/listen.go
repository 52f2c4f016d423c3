package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// listen takes the socket that systemd hands over (sd_listen_fds(3)), or makes one at path, for the user's group.
func listen(path, name string) (*net.UnixListener, error) {
	if path == "" {
		return handed()
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		_ = os.Remove(path)
	}
	// Nobody may connect before the owner is right.
	old := unix.Umask(0o177)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return nil, err
	}
	u, err := user.Lookup(name)
	if err == nil {
		var gid int
		if gid, err = strconv.Atoi(u.Gid); err == nil && gid != os.Getegid() {
			err = os.Chown(path, -1, gid)
		}
	}
	if err = errors.Join(err, os.Chmod(path, 0o660)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func handed() (*net.UnixListener, error) {
	const first = 3
	pid, _ := strconv.Atoi(os.Getenv("LISTEN_PID"))
	count, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if pid != os.Getpid() || count != 1 {
		return nil, errors.New("no socket was handed over: start latchkey-wire.socket, or say --socket PATH")
	}
	for _, key := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(key)
	}
	unix.CloseOnExec(first)
	f := os.NewFile(first, "socket")
	l, err := net.FileListener(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	unixListener, ok := l.(*net.UnixListener)
	if !ok {
		return nil, fmt.Errorf("the socket that was handed over is %s, not a Unix stream socket", l.Addr().Network())
	}
	return unixListener, nil
}
