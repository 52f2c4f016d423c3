package test

import (
	"net"
	"os"
)

// listenNotify makes the socket of sd_notify(3), which the daemon's user may write to.
func listenNotify(path string) (*net.UnixConn, error) {
	_ = os.Remove(path)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}
