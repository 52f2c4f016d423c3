package radiusd

import (
	"bytes"
	"context"
	"errors"

	"github.com/latchkey/latchkey/core"
)

// Waiting for a phone. A first round shows the symbol at once; a second round, whatever it answers, waits a
// little and is asked again in other words. A reply that is held back blocks the other users of many gateways:
// so waits end well before the NAS asks again, and a first round is held only where its client is told to.
// While a round waits it has neither a worker nor a buffer, only what its reply is made of.

// hold lets core keep a first round whose login waits for a phone, if its client wants that. What it would have
// shown is its reply where the wait brings no end: that says less than the next challenge would, and what is not
// known now the next round finds out.
func (s *Server) hold(t *turn, shown core.Step) (step core.Step, later bool, err error) {
	r := t.mine[0]
	d := r.client.hold - s.now().Sub(r.arrived)
	if d <= 0 || r.packet.state != nil {
		return shown, false, nil
	}
	ctx, cancel := context.WithTimeout(s.base, r.left(s.now()))
	defer cancel()
	step, later, err = r.snapshot.logins.AnswerLater(ctx, core.Reply{Attempt: r.attempt(), Token: shown.Token, Wait: d}, s.park(t, &shown))
	if !later {
		step, err = outcome(&shown, step, err)
	}
	return step, later, err
}

// outcome is what became of a login that waited; shown is nil for a second round.
func outcome(shown *core.Step, step core.Step, err error) (core.Step, error) {
	if shown != nil && !errors.Is(err, core.ErrFault) && (err != nil || step.Kind == core.Challenge && step.Waiting) {
		return *shown, nil
	}
	return step, err
}

// park hands the turn over to core, if there is room: one NAS may have half of the places. Beyond that nobody waits,
// and people are asked again at once. The end of the server's work ends the wait, too.
func (s *Server) park(t *turn, shown *core.Step) core.Later {
	return func() (context.Context, func(core.Step, error)) {
		c := t.mine[0].client
		leave := func() { c.parked.Add(-1); s.parked.Add(-1) }
		if mine, all := c.parked.Add(1), s.parked.Add(1); int(mine) > s.bounds.Waits/2 || int(all) > s.bounds.Waits {
			leave()
			return nil, nil
		}
		s.waiting.Add(1)
		held := s.detach(t)
		return s.stopping, func(step core.Step, err error) {
			defer s.waiting.Done()
			defer leave()
			defer s.rescue(held)
			step, err = outcome(shown, step, err)
			s.settle(held, step, err)
		}
	}
}

// detach moves a turn away from its worker, which may go on: the request leaves the buffer that it was read into.
func (s *Server) detach(t *turn) *turn {
	r := t.mine[0]
	slim := r.slim()
	if t.led != nil {
		s.joining.replace(t.led, slim)
	}
	held := &turn{mine: []*request{slim}, led: t.led}
	*t = turn{}
	s.recycle(r)
	return held
}

// slim is a copy of a request that waits, without its buffers and its password: what its reply and its log line are
// made of.
func (r *request) slim() *request {
	n := *r
	n.buffers, n.hidden = nil, nil
	if n.packet.length(bytes.Clone(r.packet.raw)) == none {
		n.packet.attributes() // as of the original
	}
	return &n
}
