package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/latchkey/latchkey/bench/load"
)

// report gathers what was measured, and says it at the end as Markdown. What was not measured
// is nil.
type report struct {
	b            *bench
	small, store *latchkey // store is the large one

	ours, other, peer, large, everybody, passwords *contender

	carried, relaxed map[*contender][]round

	onDisk                  int64
	startClean, startKilled time.Duration
	killed                  *load.Result
}

// contenders are those that are measured in turn.
func (r *report) contenders() (all []*contender) {
	for _, c := range []*contender{r.ours, r.other, r.peer, r.large, r.everybody} {
		if c != nil {
			all = append(all, c)
		}
	}
	return all
}

func (r *report) close() {
	for _, c := range r.contenders() {
		_ = c.generator.Close()
	}
}

func keep(all []*contender) map[*contender][]round {
	m := map[*contender][]round{}
	for _, c := range all {
		m[c] = c.rounds
	}
	return m
}

func of(rounds []round, measure func(round) float64) (s series) {
	for _, r := range rounds {
		s = append(s, measure(r))
	}
	return s
}

func quantile(q float64) func(round) float64 {
	return func(r round) float64 { return float64(r.Latency.Quantile(q).Microseconds()) / 1000 }
}

func longest(r round) float64   { return float64(r.Latency.Max().Microseconds()) / 1000 }
func serverCPU(r round) float64 { return perLogin(r.server, r.Completed) }
func ownShare(r round) float64  { return perLogin(r.own, r.Completed) }
func megabytes(r round) float64 { return float64(r.memory) / 1e6 }
func batch(r round) float64 {
	if r.store.Batches == 0 {
		return 0
	}
	return float64(r.store.Commits) / float64(r.store.Batches)
}

func (r *report) print() {
	say := r.b.say
	say("\n## Results\n\nMedian (min–max) of the rounds; %d processors, shared by server and load generator.\n", runtime.NumCPU())
	say("| closed loop, %d workers | logins/s | p50 ms | p99 ms | max ms | server µs CPU/login | generator µs CPU/login | commits/sync | MB resident |", r.b.workers)
	say("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, c := range r.contenders() {
		row(say, c.name, r.carried[c])
	}
	if r.passwords != nil {
		row(say, r.passwords.name, r.passwords.rounds)
	}
	if len(r.relaxed) > 0 {
		say("\n| open loop | logins/s | p50 ms | p99 ms | max ms | server µs CPU/login | generator µs CPU/login | commits/sync | MB resident |")
		say("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
		for _, c := range r.contenders() {
			row(say, c.name, r.relaxed[c])
		}
	}
	say("")
	r.ratio("Latchkey carries", r.ours, r.peer, "times the logins of FreeRADIUS")
	r.ratio("Latchkey carries", r.ours, r.other, "times the logins of the other one")
	if r.other != nil {
		cost := of(r.carried[r.ours], serverCPU).over(of(r.carried[r.other], serverCPU))
		say("- A login costs %s times the processor time of the other one.", cost.show("%.2f"))
	}
	r.ratio("The large store carries", r.large, r.ours, "times the logins of the small one, for as many people")
	r.ratio("The large store carries", r.everybody, r.ours, "times the logins of the small one, when everybody logs in")
	if r.store != nil {
		n := float64(r.b.users)
		say("- %d users: imported in %.1f s (%.0f a second), %.0f bytes a user on disk after a clean end, ready %.2f s after a start, %.2f s after kill -9 under load.",
			r.b.users, r.store.imported.Seconds(), n/r.store.imported.Seconds(), float64(r.onDisk)/n, r.startClean.Seconds(), r.startKilled.Seconds())
		say("- Through the kill: %d logins, %d packets sent again, %d logins given up, %d rejected.",
			r.killed.Completed, r.killed.Retransmits, r.killed.Timeouts, r.killed.Rejects)
	}
}

func row(say func(string, ...any), name string, rounds []round) {
	say("| %s | %s | %s | %s | %s | %s | %s | %s | %s |", name,
		of(rounds, round.perSecond).show("%.0f"), of(rounds, quantile(.5)).show("%.1f"), of(rounds, quantile(.99)).show("%.1f"), of(rounds, longest).show("%.0f"),
		of(rounds, serverCPU).show("%.0f"), of(rounds, ownShare).show("%.0f"), of(rounds, batch).show("%.0f"), fmt.Sprintf("%.0f", of(rounds, megabytes).median()))
}

func (r *report) ratio(what string, a, b *contender, times string) {
	if a == nil || b == nil {
		return
	}
	ratios := of(r.carried[a], round.perSecond).over(of(r.carried[b], round.perSecond))
	r.b.say("- %s %s %s.", what, ratios.show("%.2f"), times)
}
