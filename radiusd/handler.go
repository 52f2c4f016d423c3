package radiusd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
)

// turn is what one worker has to bring to an end: a request, and those that have joined it.
type turn struct {
	mine []*request // whose reply is up to the worker
	led  *flight    // of those who still may join; nil: none may
}

// land ends the joining: who has joined is the worker's too.
func (t *turn) land(j *joining) {
	if t.led != nil {
		t.mine, t.led = j.land(t.led), nil
	}
}

// rescue is deferred: a panic costs the requests of the turn, not the worker.
func (s *Server) rescue(t *turn) {
	p := recover()
	if p == nil {
		return
	}
	cause := fmt.Errorf("%v\n%s", p, debug.Stack())
	t.land(s.joining)
	for _, r := range t.mine {
		s.abandon(r, Panicked, cause)
	}
}

// work takes a queued request to its reply. It runs in a worker of the request's lane.
func (s *Server) work(r *request) {
	t := turn{mine: append(make([]*request, 0, 1), r)}
	defer s.rescue(&t)

	if s.now().Sub(r.arrived) >= r.client.patience {
		s.abandon(r, Stale, nil)
		return
	}
	if !r.decrypt() {
		s.abandon(r, WrongSecret, nil)
		return
	}
	if words := r.refusal(); words != "" {
		s.counters.refused.Add(1)
		s.reply(r, &core.Step{Kind: core.Reject, Text: words + " (" + r.id + ")", Reference: r.id})
		return
	}
	switch role, f := s.joining.join(r); role {
	case leading:
		t.led = f
	case waiting:
		s.counters.joined.Add(1)
		s.recycle(r)
		return
	case crowded:
		s.abandon(r, InFlight, nil)
		return
	}
	step, later, err := s.ask(&t)
	if err == nil && step.Waiting {
		step, later, err = s.hold(&t, step)
	}
	if !later {
		s.settle(&t, step, err)
	}
}

// settle ends a turn: everybody in it gets the step, or no reply.
func (s *Server) settle(t *turn, step core.Step, err error) {
	t.land(s.joining)
	why := NoAnswer
	if errors.Is(err, core.ErrFault) {
		why = Panicked
	}
	for len(t.mine) > 0 {
		if err != nil {
			s.abandon(t.mine[0], why, err)
		} else {
			s.reply(t.mine[0], &step)
		}
		t.mine = t.mine[1:]
	}
}

// decrypt finds the password and, where no Message-Authenticator has told it, the secret.
// Without that proof a password that is no text means another secret, or that somebody has
// tampered with it: neither is the user's wrong try. With it, garbage is the user's own.
func (r *request) decrypt() bool {
	p := &r.packet
	switch {
	case len(p.userPassword) == 0:
		if r.signer == nil {
			r.signer = r.client.signer(0)
		}
	case r.signer != nil:
		r.hidden, _ = unpadded(r.signer.password(r.password[:], p.userPassword, p.authenticator()))
	default:
		r.signer, r.hidden = r.client.whoHid(p, r.password[:])
	}
	return r.signer != nil
}

// refusal says in words why a request is none that core could judge, or nothing.
func (r *request) refusal() string {
	p := &r.packet
	switch {
	case len(p.userName) == 0:
		return "The request names no user."
	case p.foreign != "" && len(p.userPassword) == 0:
		return "This server takes passwords by PAP only; the request carries " + p.foreign + "."
	}
	return ""
}

// ask puts the request to core. The context ends when the NAS has given up. later says that core has taken the turn
// over: it waits for a phone.
func (s *Server) ask(t *turn) (step core.Step, later bool, err error) {
	r := t.mine[0]
	ctx, cancel := context.WithTimeout(s.base, r.left(s.now()))
	defer cancel()
	attempt, text := r.attempt(), secret.FromBytes(r.hidden)
	if r.packet.state != nil {
		reply := core.Reply{Attempt: attempt, Token: string(r.packet.state), Text: text, Wait: max(0, r.client.wait-s.now().Sub(r.arrived))}
		return r.snapshot.logins.AnswerLater(ctx, reply, s.park(t, nil))
	}
	attempt.Password = text
	step, err = r.snapshot.logins.Begin(ctx, attempt)
	return step, false, err
}

// left is how long the NAS goes on waiting for a reply.
func (r *request) left(now time.Time) time.Duration { return r.client.patience - now.Sub(r.arrived) }

// attempt is what core hears of every request, without a password.
func (r *request) attempt() core.Attempt {
	return core.Attempt{
		Request: r.id,
		Door:    core.DoorRADIUS,
		NAS:     r.client.Name,
		Policy:  r.client.Policy,
		Source:  r.source(),
		User:    string(r.packet.userName),
		ASCII:   r.client.ASCII,

		NoChallenge:     !r.client.Challenge,
		PasswordChecked: r.client.PasswordChecked,
	}
}

// source is the person's address where the NAS is trusted to tell it and tells an address,
// with or without a port; else the NAS itself.
func (r *request) source() core.Source {
	if r.client.TrustCallingStation && len(r.packet.callingStation) > 0 {
		text := string(r.packet.callingStation)
		addr, err := netip.ParseAddr(text)
		if err != nil {
			var with netip.AddrPort
			if with, err = netip.ParseAddrPort(text); err == nil {
				addr = with.Addr()
			}
		}
		if err == nil {
			return core.Source{Kind: core.SourcePerson, Value: addr.Unmap().WithZone("").String()}
		}
	}
	return core.Source{Kind: core.SourceNAS, Value: r.client.Name}
}

// reply sends the step as r's reply, keeps the bytes for duplicates, and lets go of r.
func (s *Server) reply(r *request, step *core.Step) {
	if step.Kind == core.Challenge && !r.client.Challenge { // core gives none there: a net, in case
		s.counters.refused.Add(1)
		step = &core.Step{Kind: core.Reject, User: step.User, Reference: r.id,
			Text: "A second factor is needed, and this gateway cannot ask for it (" + r.id + ")"}
	}
	raw, err := render(r, step)
	if err != nil {
		// Rather a refusal in words than a NAS that waits in vain.
		s.drop(r, Unencodable, err)
		step = &core.Step{Kind: core.Reject, User: step.User, Reference: r.id,
			Text: "The reply does not fit into a packet (" + r.id + ")"}
		if raw, err = render(r, step); err != nil {
			s.abandon(r, Unencodable, err)
			return
		}
	}
	now := s.now()
	s.duplicates.answer(r.entry, raw, now)
	s.counters.steps[step.Kind].Add(1)
	if err := r.socket.write(raw, r.from, r.local); err != nil {
		s.drop(r, SendFailed, err)
	}
	if s.observe != nil {
		s.observe(step.Kind, now.Sub(r.arrived))
	}
	s.finished(r, step, now)
	s.leave(r)
}

// abandon leaves r without a reply and frees its entry, so that a retransmission asks again.
func (s *Server) abandon(r *request, why Drop, cause error) {
	s.duplicates.forget(r.entry)
	s.drop(r, why, cause)
	s.leave(r)
}

// leave ends r.
func (s *Server) leave(r *request) {
	r.socket.release()
	s.recycle(r)
}

// recycle returns r to the pool, if it has what a packet is read into.
func (s *Server) recycle(r *request) {
	if r.buffers != nil {
		r.reset()
		s.requests.Put(r)
	}
}
