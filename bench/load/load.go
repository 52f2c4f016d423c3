// Package load logs many people in over RADIUS at once and measures how long each of them
// waits. It is for benchmarks: it plays the gateway and the people behind it, against any
// server that asks for characters of an answer in English.
//
// It has a codec and an event loop of its own, since it shares the machine with what it
// measures: a packet costs it two system calls and four MD5 sums, and no allocation. It must
// never know how a server works inside.
package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Accounts are the people who log in, numbered from 0. All methods append to dst and return
// it; they are called in the hot path of one goroutine.
type Accounts interface {
	Len() int
	Name(dst []byte, i int) []byte
	// Password is what the gateway sends in the first round; at most 128 bytes.
	Password(dst []byte, i int) []byte
	// Answer is the whole answer of person i, in ASCII, to the question whose prompt ends in
	// phrase ("of your place of birth"). Nothing appended: there is none.
	Answer(dst []byte, i int, phrase []byte) []byte
}

// Config says whom to ask and who asks.
type Config struct {
	Server   netip.AddrPort
	Secret   string
	NAS      string     // NAS-Identifier ("bench")
	Local    netip.Addr // where requests come from; the zero value leaves it to the system
	Workers  int        // logins at once, each with a socket of its own (256)
	Accounts Accounts

	Retransmit time.Duration // patience before a packet is sent again (1 s)
	Tries      int           // transmissions of a packet before its login is given up (5)
}

// Run is one measurement.
type Run struct {
	For  time.Duration
	Rate float64 // logins begun each second, whatever the server does; 0: each worker begins the next at once
}

// Generator keeps its sockets between runs, and goes on with the people who come next.
type Generator struct {
	config  Config
	workers []*worker
	loop    loop
	codec   codec
}

// New opens the sockets.
func New(c Config) (*Generator, error) {
	c.NAS = cmp.Or(c.NAS, "bench")
	c.Workers = cmp.Or(c.Workers, 256)
	c.Retransmit = cmp.Or(c.Retransmit, time.Second)
	c.Tries = cmp.Or(c.Tries, 5)
	if c.Accounts == nil || c.Accounts.Len() < c.Workers {
		return nil, fmt.Errorf("load: %d workers need at least as many accounts, or somebody would log in twice at once", c.Workers)
	}
	if len(c.NAS) > maxValue {
		return nil, errors.New("load: the NAS-Identifier is too long")
	}
	g := &Generator{config: c, codec: newCodec(c.Secret, c.NAS)}
	if err := g.loop.open(); err != nil {
		return nil, err
	}
	for i := range c.Workers {
		w := &worker{number: i, account: i, request: make([]byte, 0, maxRequest)}
		fd, err := dial(c.Local, c.Server)
		if err == nil {
			w.socket = fd
			g.workers = append(g.workers, w)
			err = g.loop.add(fd, i)
		}
		if err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	return g, nil
}

// Close closes the sockets.
func (g *Generator) Close() error {
	err := g.loop.close()
	for _, w := range g.workers {
		err = errors.Join(err, closeSocket(w.socket))
	}
	return err
}

// Result is what a run has counted. A login belongs to the run in whose time it began and
// ended; those that were under way at the end are waited for, and count in Completed only.
type Result struct {
	Elapsed     time.Duration
	Logins      uint64 // accepted within Elapsed
	Completed   uint64 // accepted at all
	Challenges  uint64
	Rejects     uint64
	Timeouts    uint64 // logins given up after Config.Tries
	Retransmits uint64
	Bad         uint64 // replies that were not authentic, malformed, or asked for what nobody knows
	Stray       uint64 // authentic in form, but to no open request: replies to both copies of a packet
	Late        uint64 // open loop: logins that began 5 ms or more after they were due
	Latency     Histogram
	FirstBad    error // what was wrong with the first of Bad
}

// PerSecond is the rate of accepted logins.
func (r *Result) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Logins) / r.Elapsed.Seconds()
}

// Run measures until its time is over or ctx ends, then waits for the logins under way. In an
// open loop a login's time counts from when it was due, also where all workers were busy then:
// a slow server must not slow down those who measure it.
func (g *Generator) Run(ctx context.Context, run Run) (*Result, error) {
	if run.For <= 0 || run.Rate < 0 {
		return nil, errors.New("load: a run needs a time, and a rate that is not negative")
	}
	s := &session{Generator: g, context: ctx, run: run, result: new(Result)}
	if err := s.measure(); err != nil {
		return nil, err
	}
	return s.result, nil
}
