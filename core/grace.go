package core

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/netip"
	"slices"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/store"
)

// Who needs no second factor on a host: because the configuration exempts him, or because he has shown one a short time
// ago on the same host and from the same place. Both are off by default, come after a right first factor and after every
// lock, and each use is in the audit log. Neither counts as a success from that place.

// Reasons of an Accept without a second factor.
const (
	Exempted    Reason = "exempt"
	WithinGrace Reason = "grace"
)

// graceRecord stands under keyGrace: where the user has shown a second factor of late.
type graceRecord struct {
	Entries []graceEntry `cbor:"1,keyasint,omitempty"`
}

type graceEntry struct {
	Host       *fleet.ID `cbor:"1,keyasint,omitempty"` // nil: the appliance itself
	Source     string    `cbor:"2,keyasint"`
	At         int64     `cbor:"3,keyasint"`
	Epoch      uint64    `cbor:"4,keyasint"` // of the user
	HostEpoch  uint64    `cbor:"5,keyasint,omitempty"`
	Policy     [8]byte   `cbor:"6,keyasint"`
	Generation uint64    `cbor:"7,keyasint"`
}

// maxGraces bounds a user's record; the oldest goes first.
const maxGraces = 32

func keyGrace(id userID) []byte { return append([]byte("hg"), id[:]...) }

// spare lets in who needs no second factor here. Everything that decides is read in the transaction that lets in.
func (c *Core) spare(ctx context.Context, a Attempt, p *policy, who subject) (step Step, spared bool, err error) {
	rule := c.ruleOf(a)
	if rule == nil || rule.Grace <= 0 && len(rule.Exempt.Groups) == 0 && len(rule.Exempt.Networks) == 0 {
		return Step{}, false, nil
	}
	err = c.store.Update(ctx, func(t store.Txn) error {
		j := judgement{Core: c, t: t, now: c.clock.Now(), a: a, p: p}
		var err error
		if j.who, err = c.asked(t, a); err != nil {
			return err
		}
		// What was checked must still stand: the same user, the same password.
		if !j.who.known || j.who.id != who.id || j.who.user.Epoch != who.user.Epoch {
			return errNothing
		}
		j.who.vouched = p.First != FirstNone
		if pre, err := c.barrier(t, j.now, j.who, a); err != nil || pre != "" {
			return cmp.Or(err, errNothing)
		}
		if stands, err := j.hostStands(); err != nil || !stands {
			return cmp.Or(err, errNothing)
		}
		if rule.exempts(&j.who.user, a.Source) {
			err = j.letIn(Exempted, "")
		} else if within, errGrace := j.withinGrace(rule); errGrace != nil || !within {
			return cmp.Or(errGrace, errNothing)
		} else {
			err = j.letIn(WithinGrace, "")
		}
		step = j.step
		return err
	})
	switch {
	case errors.Is(err, errNothing):
		return Step{}, false, nil
	case err != nil:
		return Step{}, false, silence(err)
	}
	return step, true, nil
}

// exempts tells whether the configuration asks no second factor of a user. An address counts only where the host is
// trusted to tell it.
func (r *HostRule) exempts(u *userRecord, source Source) bool {
	if slices.ContainsFunc(u.Groups, func(g string) bool { return slices.Contains(r.Exempt.Groups, g) }) {
		return true
	}
	if source.Kind != SourcePerson {
		return false
	}
	a, err := netip.ParseAddr(source.address())
	return err == nil && slices.ContainsFunc(r.Exempt.Networks, func(n netip.Prefix) bool { return n.Contains(a.Unmap()) })
}

// keepGrace notes a second factor that was shown, where the host gives grace. A code of the helpdesk is none, nor is a
// code word.
func (j *judgement) keepGrace(reason Reason) error {
	rule := j.ruleOf(j.a)
	if rule == nil || rule.Grace <= 0 || !j.a.Source.person() || reason != Right && reason != RightApproval {
		return nil
	}
	var g graceRecord
	if _, err := get(j.t, keyGrace(j.who.id), &g); err != nil {
		return err
	}
	now := graceEntry{
		Source: j.a.Source.counterKey(), At: j.now.Unix(), Epoch: j.who.user.Epoch, Policy: j.p.hash, Generation: j.generation,
	}
	if j.a.host != nil {
		now.Host, now.HostEpoch = &j.a.host.id, j.a.host.epoch
	}
	kept := slices.DeleteFunc(g.Entries, func(e graceEntry) bool { return e.same(&now) || e.Epoch != now.Epoch || e.Generation != now.Generation })
	if over := len(kept) + 1 - maxGraces; over > 0 {
		kept = kept[over:] // they stand in the order of their times
	}
	g.Entries = append(kept, now)
	return put(j.t, keyGrace(j.who.id), g)
}

// same tells whether two entries are about one place.
func (e *graceEntry) same(o *graceEntry) bool {
	return (e.Host == nil) == (o.Host == nil) && (e.Host == nil || *e.Host == *o.Host) && e.Source == o.Source && e.Policy == o.Policy
}

// withinGrace tells whether the user has shown a second factor here a short time ago.
func (j *judgement) withinGrace(rule *HostRule) (bool, error) {
	if rule.Grace <= 0 || !j.a.Source.person() {
		return false, nil
	}
	var g graceRecord
	if _, err := get(j.t, keyGrace(j.who.id), &g); err != nil {
		return false, err
	}
	here := graceEntry{Source: j.a.Source.counterKey(), Policy: j.p.hash}
	if j.a.host != nil {
		here.Host, here.HostEpoch = &j.a.host.id, j.a.host.epoch
	}
	return slices.ContainsFunc(g.Entries, func(e graceEntry) bool {
		return e.same(&here) && e.Epoch == j.who.user.Epoch && e.HostEpoch == here.HostEpoch && e.Generation == j.generation &&
			j.now.Unix() >= e.At && j.now.Unix()-e.At < int64(math.Ceil(rule.Grace.Seconds()))
	}), nil
}
