package radiusd

import (
	"context"
	"time"

	"github.com/latchkey/latchkey/core"
)

// Waiting for a phone. A first round shows the symbol at once; a second round, whatever it answers, waits a
// little and is asked again in other words. A reply that is held back blocks the other users of many gateways:
// so waits end well before the NAS asks again, and a first round is held only where its client is told to.

// wait is how long core may keep a second round. Each that waits holds a worker: one NAS may take half of
// them, all together three quarters; beyond that nobody waits, and people are asked again at once. Which
// rounds are about a phone is sealed in their token, so all are counted. done ends the count.
func (s *Server) wait(r *request) (wait time.Duration, done func()) {
	c, workers := r.client, int32(s.bounds.SecondWorkers)
	mine, all := c.answering.Add(1), s.answering.Add(1)
	done = func() { c.answering.Add(-1); s.answering.Add(-1) }
	if mine > workers/2 || all > workers/4*3 {
		return 0, done
	}
	return max(0, c.wait-s.now().Sub(r.arrived)), done
}

// hold takes over the turn of a first round whose login waits for a phone, if its client wants that and there is
// room. It needs no worker: first rounds have few, and their password checks must go on.
func (s *Server) hold(t *turn, shown core.Step) bool {
	r := t.mine[0]
	d := r.client.hold - s.now().Sub(r.arrived)
	if d <= 0 || r.packet.state != nil {
		return false
	}
	if s.holding.Add(1) > int32(s.bounds.Holds) {
		s.holding.Add(-1)
		return false
	}
	held := *t
	*t = turn{}
	s.holders.Go(func() {
		defer s.holding.Add(-1)
		defer s.rescue(&held)
		s.settle(&held, s.outcome(r, shown, d), nil)
	})
	return true
}

// outcome is what became of a login while it was held: its end, or the challenge that it began with. That
// one says less than the next would, and what is not known now the next round finds out.
func (s *Server) outcome(r *request, shown core.Step, d time.Duration) core.Step {
	ctx, cancel := context.WithTimeout(s.stopping, r.left(s.now()))
	defer cancel()
	step, err := r.snapshot.logins.Answer(ctx, core.Reply{Attempt: r.attempt(), Token: shown.Token, Wait: d})
	if err != nil || step.Kind == core.Challenge && step.Waiting {
		return shown
	}
	return step
}
