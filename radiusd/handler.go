package radiusd

import (
	"context"
	"fmt"
	"net/netip"
	"runtime/debug"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
)

// work takes a queued request to its reply. It runs in a worker of the request's lane.
func (s *Server) work(r *request) {
	mine := append(make([]*request, 0, 1), r) // those whose reply is up to this worker
	var led *flight
	defer func() {
		if p := recover(); p != nil {
			cause := fmt.Errorf("%v\n%s", p, debug.Stack())
			if led != nil {
				mine = s.joining.land(led)
			}
			for _, r := range mine {
				s.abandon(r, Panicked, cause)
			}
		}
	}()

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
		led = f
	case waiting:
		s.counters.joined.Add(1)
		return // no longer ours to touch
	case crowded:
		s.abandon(r, InFlight, nil)
		return
	}
	step, err := s.ask(r)
	if led != nil {
		mine = s.joining.land(led)
		led = nil
	}
	for len(mine) > 0 {
		if err != nil {
			s.abandon(mine[0], NoAnswer, err)
		} else {
			s.reply(mine[0], &step)
		}
		mine = mine[1:]
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

// ask puts the request to core. The context ends when the NAS has given up.
func (s *Server) ask(r *request) (core.Step, error) {
	ctx, cancel := context.WithTimeout(s.base, r.client.patience-s.now().Sub(r.arrived))
	defer cancel()
	attempt := core.Attempt{
		Request: r.id,
		Door:    core.DoorRADIUS,
		NAS:     r.client.Name,
		Policy:  r.client.Policy,
		Source:  r.source(),
		User:    string(r.packet.userName),
		ASCII:   r.client.ASCII,
	}
	text := secret.FromBytes(r.hidden)
	if r.packet.state != nil {
		return r.snapshot.logins.Answer(ctx, core.Reply{Attempt: attempt, Token: string(r.packet.state), Text: text})
	}
	attempt.Password = text
	return r.snapshot.logins.Begin(ctx, attempt)
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
	if step.Kind == core.Challenge && !r.client.Challenge {
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

// leave returns r to the pool.
func (s *Server) leave(r *request) {
	r.socket.release()
	r.reset()
	s.requests.Put(r)
}
