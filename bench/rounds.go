package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/latchkey/latchkey/bench/load"
)

// contender is a server with the people who log in there.
type contender struct {
	name      string
	process   func() *process
	commits   func() (commits, error) // nil: it has none
	generator *load.Generator
	rounds    []round
}

// round is one measurement of one contender.
type round struct {
	load.Result
	server, own time.Duration // processor time
	memory      int64
	store       commits
}

func newContender(name string, process func() *process, server netip.AddrPort, from netip.Addr, workers int, accounts load.Accounts) (*contender, error) {
	g, err := load.New(load.Config{Server: server, Secret: sharedSecret, Local: from, Workers: workers, Accounts: accounts})
	if err != nil {
		return nil, err
	}
	return &contender{name: name, process: process, generator: g}, nil
}

// measure lets the contender serve for a while.
func (c *contender) measure(ctx context.Context, run load.Run) (r round, err error) {
	var before, after commits
	if c.commits != nil {
		if before, err = c.commits(); err != nil {
			return r, err
		}
	}
	began, err := c.process().usage()
	if err != nil {
		return r, err
	}
	own := ownCPU()
	result, err := c.generator.Run(ctx, run)
	if err != nil {
		return r, err
	}
	r.Result, r.own = *result, ownCPU()-own
	ended, err := c.process().usage()
	if err != nil {
		return r, err
	}
	r.server, r.memory = ended.cpu-began.cpu, ended.memory
	if c.commits != nil {
		if after, err = c.commits(); err != nil {
			return r, err
		}
		r.store = commits{after.Commits - before.Commits, after.Batches - before.Batches}
	}
	return r, c.sound(&r)
}

// sound refuses a measurement that measured something else than logins.
func (c *contender) sound(r *round) error {
	switch {
	case r.Bad > 0:
		return fmt.Errorf("%s: %d replies were wrong: %w", c.name, r.Bad, r.FirstBad)
	case r.Rejects > r.Completed/1000:
		// FreeRADIUS loses the session of one login in some ten thousand under this load.
		return fmt.Errorf("%s: %d of %d right answers were rejected", c.name, r.Rejects, r.Completed+r.Rejects)
	case r.Logins == 0:
		return fmt.Errorf("%s: nobody could log in (%d timeouts)", c.name, r.Timeouts)
	}
	return nil
}

// alternate measures the contenders in turn, after a warm-up each. Those that are not measured
// stand still.
func (b *bench) alternate(ctx context.Context, what string, rounds int, rate func(*contender) float64, contenders ...*contender) error {
	for _, c := range contenders {
		c.rounds = nil
		c.process().pause()
	}
	for n := range rounds {
		for _, c := range contenders {
			c.process().resume()
			run := load.Run{For: b.seconds, Rate: rate(c)}
			if n == 0 {
				if _, err := c.measure(ctx, load.Run{For: b.seconds / 2, Rate: run.Rate}); err != nil {
					return err
				}
			}
			stop := func() error { return nil }
			if b.profile != "" && c.commits != nil && n == rounds-1 {
				var err error
				if stop, err = record(ctx, c.process(), b.profile); err != nil {
					return err
				}
			}
			r, err := c.measure(ctx, run)
			if err != nil {
				return err
			}
			if err := stop(); err != nil {
				return err
			}
			c.process().pause()
			c.rounds = append(c.rounds, r)
			b.say("  %-10s round %d  %-28s %7.0f logins/s   p50 %-8s p99 %-8s max %-8s server %3.0f µs, generator %3.0f µs a login%s",
				what, n+1, c.name, r.PerSecond(), milli(r.Latency.Quantile(.5)), milli(r.Latency.Quantile(.99)), milli(r.Latency.Max()),
				perLogin(r.server, r.Completed), perLogin(r.own, r.Completed), remarks(&r))
		}
	}
	for _, c := range contenders {
		c.process().resume()
	}
	return nil
}

// unlimited is the rate of a closed loop.
func unlimited(*contender) float64 { return 0 }

// half is half of what the contender's rounds have carried.
func half(c *contender) float64 { return c.each(round.perSecond).median() / 2 }

func (r round) perSecond() float64 { return r.PerSecond() }

// each collects one measure of all rounds.
func (c *contender) each(measure func(round) float64) (s series) {
	for _, r := range c.rounds {
		s = append(s, measure(r))
	}
	return s
}

func perLogin(d time.Duration, logins uint64) float64 {
	if logins == 0 {
		return 0
	}
	return float64(d.Microseconds()) / float64(logins)
}

func milli(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

func remarks(r *round) (text string) {
	for _, c := range []struct {
		n    uint64
		what string
	}{{r.Retransmits, "retransmissions"}, {r.Rejects, "rejects"}, {r.Timeouts, "timeouts"}, {r.Stray, "stray replies"}, {r.Late, "begun late"}} {
		if c.n > 0 {
			text += fmt.Sprintf(", %d %s", c.n, c.what)
		}
	}
	if r.store.Batches > 0 {
		text += fmt.Sprintf(", %.0f commits a sync", float64(r.store.Commits)/float64(r.store.Batches))
	}
	return text
}
