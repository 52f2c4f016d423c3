package main

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"text/template"
	"time"
)

// binaries are what is measured, built from this tree.
type binaries struct{ daemon, command string }

// build makes them as the Makefile does, but with symbols, which profiles need and which cost
// no time.
func build(dir string) (b binaries, err error) {
	b = binaries{filepath.Join(dir, "latchkeyd"), filepath.Join(dir, "latchkey")}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", dir+"/", "./cmd/latchkeyd", "./cmd/latchkey")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return b, fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return b, nil
}

//go:embed latchkey.yaml.tmpl
var latchkeyTemplate string

// latchkey is an appliance with a state of its own.
type latchkey struct {
	binaries
	name    string
	dir     string
	address netip.AddrPort
	running *process

	Ready    time.Duration // from its start to "ready", the last time
	imported time.Duration // how long the import took
}

// newLatchkey writes the configuration and starts the daemon on an empty state.
func newLatchkey(b binaries, name, dir string, address netip.AddrPort) (*latchkey, error) {
	l := &latchkey{binaries: b, name: name, dir: dir, address: address}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(l.config(), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = template.Must(template.New("").Parse(latchkeyTemplate)).Execute(f, map[string]any{
		"Dir": dir, "Listen": address, "Secret": sharedSecret, "Gateway": gateway, "PasswordGateway": passwordGateway, "Questions": labelled(),
	})
	if err = cmp.Or(err, f.Close()); err != nil {
		return nil, err
	}
	return l, l.start()
}

func labelled() (list []map[string]string) {
	for _, q := range questions {
		list = append(list, map[string]string{"ID": q.id, "Label": q.label, "Phrase": q.phrase})
	}
	return list
}

func (l *latchkey) config() string { return filepath.Join(l.dir, "latchkey.yaml") }
func (l *latchkey) state() string  { return filepath.Join(l.dir, "state") }
func (l *latchkey) proc() *process { return l.running }

func (l *latchkey) start() (err error) {
	if l.running, err = start(filepath.Join(l.dir, "log"), l.daemon, "--config", l.config()); err != nil {
		return err
	}
	l.Ready, err = l.running.until(`"msg":"ready"`, time.Minute)
	return err
}

// restart ends the daemon by sig and starts it again. A daemon that ends in peace has its
// state on the disk as small as it gets, which the size tells.
func (l *latchkey) restart(sig syscall.Signal) (onDisk int64, err error) {
	if err := l.running.end(sig); err != nil {
		return 0, err
	}
	if onDisk, err = size(l.state()); err != nil {
		return 0, err
	}
	return onDisk, l.start()
}

// enrol imports people, and tells how long it took.
func (l *latchkey) enrol(p people, passwords bool) (time.Duration, error) {
	file := filepath.Join(l.dir, p.prefix+".csv")
	if err := p.export(file, passwords); err != nil {
		return 0, err
	}
	defer os.Remove(file)
	began := time.Now()
	out, err := l.ask("user", "import", file)
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, tail(out))
	}
	return time.Since(began), nil
}

func (l *latchkey) ask(args ...string) ([]byte, error) {
	cmd := exec.Command(l.command, append([]string{"--socket", filepath.Join(l.dir, "admin.sock"), "--json"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("%v: %w", cmd, err)
	}
	return out, nil
}

// commits are the store's own sums.
type commits struct {
	Commits uint64 `json:"commits"` // transactions that wrote
	Batches uint64 `json:"batches"` // merged and synced as one
}

func (l *latchkey) commits() (c commits, err error) {
	out, err := l.ask("status")
	if err != nil {
		return c, err
	}
	var status struct {
		Store *commits `json:"store"`
	}
	status.Store = &c
	return c, json.Unmarshal(out, &status)
}
