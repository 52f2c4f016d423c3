package main

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/latchkey/latchkey/bench/load"
)

// appliance starts a daemon of ours and enrols people.
func (b *bench) appliance(name string, with binaries, p people) (*latchkey, error) {
	address, err := free()
	if err != nil {
		return nil, err
	}
	l, err := newLatchkey(with, name, b.path(name), address)
	if l != nil && l.running != nil {
		b.running = append(b.running, l.running)
	}
	if err != nil {
		return nil, err
	}
	b.say("importing %d users", p.count)
	took, err := l.enrol(p, false)
	if err != nil {
		return nil, err
	}
	l.imported = took
	return l, nil
}

func (b *bench) contend(l *latchkey, name string, p people) (*contender, error) {
	c, err := newContender(name, l.proc, l.address, gateway, b.workers, p)
	if err != nil {
		return nil, err
	}
	c.commits = l.commits
	return c, nil
}

// peer starts FreeRADIUS.
func (b *bench) peer() (*contender, error) {
	address, err := free()
	if err != nil {
		return nil, err
	}
	r, err := newFreeradius(b.path("freeradius"), address, b.threads)
	if r != nil && r.running != nil {
		b.running = append(b.running, r.running)
	}
	if err != nil {
		return nil, err
	}
	return newContender("FreeRADIUS "+r.version, r.proc, r.address, gateway, b.workers, twins{people{prefix: "two", count: smallStore, password: "hello"}})
}

// large fills a second store and measures what its size costs: once with as many people as log
// in at the small one, so that only the size differs, and once with everybody, most of whom are
// new to the caches, and log in for the first time ever.
func (b *bench) large(r *report) error {
	everybody := people{prefix: "l", count: b.users, password: "hello"}
	l, err := b.appliance("large", b.binaries, everybody)
	if err != nil {
		return err
	}
	r.store = l
	if r.onDisk, err = b.restart(l, syscall.SIGTERM); err != nil {
		return err
	}
	r.startClean = l.Ready
	few := everybody
	few.count = min(smallStore, b.users)
	few.apart = b.users / few.count
	if r.large, err = b.contend(l, fmt.Sprintf("Latchkey, %d of %d users", few.count, b.users), few); err != nil {
		return err
	}
	r.everybody, err = b.contend(l, fmt.Sprintf("Latchkey, all of %d users", b.users), everybody)
	return err
}

// afterwards kills the large store's daemon in the middle of its work.
func (b *bench) afterwards(ctx context.Context, r *report) error {
	ended := make(chan error, 1)
	go func() {
		time.Sleep(b.seconds)
		_, err := b.restart(r.store, syscall.SIGKILL)
		ended <- err
	}()
	// What is on its way when the daemon dies is sent again until the new one answers.
	result, err := r.large.generator.Run(ctx, load.Run{For: b.seconds + 2*time.Second})
	if killed := <-ended; killed != nil {
		return killed
	}
	r.startKilled, r.killed = r.store.Ready, result
	return err
}

func (b *bench) restart(l *latchkey, sig syscall.Signal) (int64, error) {
	before := l.running
	onDisk, err := l.restart(sig)
	for i := range b.running {
		if b.running[i] == before {
			b.running[i] = l.running
		}
	}
	return onDisk, err
}

// password measures logins whose first factor is a password that Latchkey keeps.
func (b *bench) password(ctx context.Context, r *report) error {
	l := r.small
	p := people{prefix: "p", count: withHash, password: "correct horse battery staple"}
	if _, err := l.enrol(p, true); err != nil {
		return err
	}
	c, err := newContender("Latchkey, first: password", l.proc, netip.AddrPortFrom(gateway, l.address.Port()), passwordGateway, min(b.workers, 16), p)
	if err != nil {
		return err
	}
	defer c.generator.Close()
	b.say("the same with passwords, whose argon2id hashes are checked first; 16 workers")
	if err := b.alternate(ctx, "password", min(2, b.rounds), unlimited, c); err != nil {
		return err
	}
	r.passwords = c
	return nil
}
