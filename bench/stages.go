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
func (b *bench) appliance(_ context.Context, name string, port uint16, p people) (*latchkey, error) {
	l, err := newLatchkey(b.binaries, name, b.path(name), b.listen(port))
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

func (b *bench) contend(l *latchkey, name string, count int, prefix string) (*contender, error) {
	c, err := newContender(name, l.proc, l.address, gateway, b.workers, people{prefix, count, "hello"})
	if err != nil {
		return nil, err
	}
	c.commits = l.commits
	return c, nil
}

// peer starts FreeRADIUS.
func (b *bench) peer() (*contender, error) {
	r, err := newFreeradius(b.path("freeradius"), b.listen(2), b.threads)
	if r != nil && r.running != nil {
		b.running = append(b.running, r.running)
	}
	if err != nil {
		return nil, err
	}
	return newContender("FreeRADIUS "+r.version, r.proc, r.address, gateway, b.workers, twins{people{"two", smallStore, "hello"}})
}

// large fills a second store and measures what its size costs.
func (b *bench) large(ctx context.Context, r *report) (*contender, error) {
	l, err := b.appliance(ctx, "large", 1, people{"l", b.users, "hello"})
	if err != nil {
		return nil, err
	}
	r.store = l
	if r.onDisk, err = b.restart(l, syscall.SIGTERM); err != nil {
		return nil, err
	}
	r.startClean = l.Ready
	return b.contend(l, fmt.Sprintf("Latchkey, %d users", b.users), b.users, "l")
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
func (b *bench) password(ctx context.Context, l *latchkey, r *report) error {
	p := people{"p", withHash, "correct horse battery staple"}
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
