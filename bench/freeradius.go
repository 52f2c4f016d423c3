package main

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"
	"time"
)

//go:embed freeradius.conf.tmpl
var freeradiusTemplate string

// peerAnswer is what the one question of the peer is about: its 1st, 3rd, 4th and last
// characters are what the peer's configuration compares with.
const peerAnswer = "HEIDELBERG"

// freeradius is the peer: a challenge kept in memory, nothing durable.
type freeradius struct {
	address netip.AddrPort
	version string
	running *process
}

var errNoPeer = errors.New("FreeRADIUS is not installed (Debian package freeradius)")

func newFreeradius(dir string, address netip.AddrPort, threads int) (*freeradius, error) {
	path, err := exec.LookPath("freeradius")
	if err != nil {
		return nil, errNoPeer
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "radiusd.conf"), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = template.Must(template.New("").Parse(freeradiusTemplate)).Execute(f, map[string]any{
		"Dir": dir, "Address": address.Addr(), "Port": address.Port(), "Secret": sharedSecret, "Gateway": gateway, "Threads": threads,
	})
	dictionary := []byte("$INCLUDE /usr/share/freeradius/dictionary\n")
	if err = cmp.Or(err, f.Close(), os.WriteFile(filepath.Join(dir, "dictionary"), dictionary, 0o600)); err != nil {
		return nil, err
	}
	r := &freeradius{address: address}
	out, err := exec.Command(path, "-v").Output()
	if err != nil {
		return nil, err
	}
	_, _ = fmt.Sscanf(string(out), "radiusd: FreeRADIUS Version %s", &r.version)
	r.version = r.version[:max(0, len(r.version)-1)]
	if r.running, err = start(filepath.Join(dir, "log"), path, "-f", "-l", "stdout", "-d", dir); err != nil {
		return nil, err
	}
	_, err = r.running.until("Ready to process requests", 30*time.Second)
	return r, err
}

func (r *freeradius) proc() *process { return r.running }
