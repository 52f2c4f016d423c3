package main

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"sync"
	"time"

	"github.com/latchkey/latchkey/core/pamcheck/wire"
)

const (
	longest  = 60 * time.Second // what an asker may wait at most
	shortest = 100 * time.Millisecond
	mostUses = 500 // of one worker: what a module leaks ends with it
)

type poolConfig struct {
	Workers int                                  // processes, and checks at a time
	Start   func() (*worker, error)              // makes one
	Vet     func(service string) (string, error) // names the version of the service's file, or says what is wrong with it
	Log     *slog.Logger
}

// pool lets at most so many checks run at a time, each in a worker that is killed when the time of its check is over.
// C cannot be interrupted, and a module may wait for good.
type pool struct {
	cfg   poolConfig
	slots chan struct{}
	room  chan struct{} // of those who wait for a slot, and those who have one
	like  likeness

	mu       sync.Mutex
	idle     []*worker
	lost     int // killed, and not gone yet: a process that waits for a dead disk cannot be killed
	closed   bool
	probes   map[string]probed // by service
	lastFail time.Time         // of Start

	probing chan struct{} // one at a time

	family   sync.RWMutex
	children sync.Map // pids of the workers
}

func newPool(cfg poolConfig) *pool {
	return &pool{
		cfg: cfg, slots: make(chan struct{}, cfg.Workers), room: make(chan struct{}, 5*cfg.Workers),
		probes: map[string]probed{}, probing: make(chan struct{}, 1),
	}
}

func unavailable(detail string) wire.Response {
	return wire.Response{Outcome: wire.Unavailable, Detail: detail}
}

// check answers one request, whose frame is passed on to a worker.
func (p *pool) check(frame []byte, r wire.Request) wire.Response {
	deadline := time.Now().Add(min(max(r.Within, shortest), longest))
	select {
	case p.room <- struct{}{}:
		defer func() { <-p.room }()
	default:
		return unavailable("too many checks wait")
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-timer.C:
		return unavailable("no worker came free in time")
	}
	if !wire.IsService(r.Service) {
		return unavailable("the service's name must begin with " + wire.ServicePrefix)
	}
	version, err := p.cfg.Vet(r.Service)
	if err != nil {
		return unavailable(err.Error())
	}
	if refused := p.probe(r.Service, version, deadline); refused != "" {
		return unavailable(refused)
	}
	w, err := p.take()
	if err != nil {
		return unavailable(err.Error())
	}
	if r.Kind == wire.KindDecoy {
		return p.pretend(w, deadline)
	}
	began := time.Now()
	end := p.like.begin()
	response, err := w.ask(frame, deadline)
	if err != nil {
		end(time.Since(began), false)
		p.kill(w)
		return unavailable(err.Error())
	}
	p.give(w, response.Retire)
	if response.Unknown {
		end(0, true)
		// Stacks are quicker, or slower, with names that they don't know.
		wait, _ := p.like.draw()
		time.Sleep(min(wait-time.Since(began), time.Until(deadline)))
		return response
	}
	end(response.Took, response.Outcome != wire.Unavailable)
	return response
}

// pretend takes a worker's time, and nothing of what it can do.
func (p *pool) pretend(w *worker, deadline time.Time) wire.Response {
	defer p.give(w, false)
	for wait, answered := p.like.draw(); ; wait = 50 * time.Millisecond {
		timer := time.NewTimer(min(wait, time.Until(deadline)))
		select {
		case <-timer.C:
		case <-w.ended:
			timer.Stop()
			return unavailable(errDied.Error())
		}
		switch {
		case !answered, !time.Now().Before(deadline):
			return unavailable("as the last checks of accounts")
		case !p.like.hangs():
			return wire.Response{Outcome: wire.Wrong}
		}
	}
}

// probed is what a probe of a service has shown.
type probed struct {
	version string
	until   time.Time // zero: for good
}

func (p *pool) knows(service, version string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.probes[service]
	return ok && known.version == version && (known.until.IsZero() || time.Now().Before(known.until))
}

// probe asks each version of a service once about an account that cannot be, with a password that nobody has. A stack
// that takes those takes anything: a pam_permit too many, or pam_rootok, since a worker is root.
func (p *pool) probe(service, version string, deadline time.Time) (refused string) {
	if p.knows(service, version) {
		return ""
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case p.probing <- struct{}{}:
		defer func() { <-p.probing }()
	case <-timer.C:
		return "the PAM service has not answered its first question yet"
	}
	if p.knows(service, version) {
		return ""
	}
	var b [24]byte
	_, _ = rand.Read(b[:])
	text := hex.EncodeToString(b[:])
	r := wire.Request{Kind: wire.KindCheck, Service: service, Name: "latchkey-probe-" + text[:8], Password: text[8:]}
	frame, err := r.Append(nil)
	if err != nil {
		return err.Error()
	}
	w, err := p.take()
	if err != nil {
		return err.Error()
	}
	response, err := w.ask(frame[4:], deadline)
	if err != nil {
		p.kill(w)
		return "probe: " + err.Error()
	}
	p.give(w, response.Retire)
	known := probed{version: version}
	switch {
	case response.Outcome == wire.Wrong:
	case response.Outcome == wire.Unavailable && !response.Open:
		// It has said nothing about anybody, so it has let in nobody. It is asked again, but not before each check.
		known.until = time.Now().Add(30 * time.Second)
	default:
		return "the PAM service " + service + " takes any name with any password: nobody is let in by it"
	}
	p.mu.Lock()
	p.probes[service] = known
	p.mu.Unlock()
	return ""
}

// take gives a worker that nobody else has.
func (p *pool) take() (*worker, error) {
	p.mu.Lock()
	for len(p.idle) > 0 {
		w := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if !w.gone() {
			p.mu.Unlock()
			return w, nil
		}
		p.lost++
		go p.bury(w)
	}
	lost, tired := p.lost >= 2*p.cfg.Workers, time.Since(p.lastFail) < time.Second
	p.mu.Unlock()
	switch {
	case lost:
		return nil, errLost
	case tired:
		return nil, errTired
	}
	// While a process is made, nobody may look for strays: it would be taken for one.
	p.family.RLock()
	w, err := p.cfg.Start()
	if err == nil {
		p.children.Store(w.cmd.Process.Pid, true)
	}
	p.family.RUnlock()
	if err != nil {
		p.mu.Lock()
		p.lastFail = time.Now()
		p.mu.Unlock()
		p.cfg.Log.Error("a worker does not start", "error", err)
		return nil, err
	}
	return w, nil
}

// give takes a worker back.
func (p *pool) give(w *worker, retire bool) {
	w.uses++
	p.mu.Lock()
	keep := !p.closed && !retire && w.uses < mostUses && !w.gone()
	if keep {
		p.idle = append(p.idle, w)
	}
	p.mu.Unlock()
	if !keep {
		p.kill(w)
	}
}

// kill ends a worker and all that it has started, and does not wait for that.
func (p *pool) kill(w *worker) {
	p.mu.Lock()
	p.lost++
	p.mu.Unlock()
	go p.bury(w)
}

func (p *pool) bury(w *worker) {
	w.kill()
	p.family.Lock()
	p.children.Delete(w.cmd.Process.Pid)
	strays(func(pid int) bool { _, ours := p.children.Load(pid); return ours })
	p.family.Unlock()
	p.mu.Lock()
	p.lost--
	p.mu.Unlock()
}

// close ends the workers that are idle; those at work end with this process.
func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, w := range idle {
		w.kill()
	}
}
