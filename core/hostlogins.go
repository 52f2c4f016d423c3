package core

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/store"
)

// Logins on hosts of the fleet: Begin and Answer, by a host that has proved itself, for whom it may ask.

// Reasons of hosts.
const (
	NotForHost  Reason = "not-for-this-host" // a user whom the host may not ask for: refused as one who is not there
	HostBudget  Reason = "host-over-limit"   // too many wrong tries from one host
	HostRevoked Reason = "host-revoked"      // between Begin and Accept
	NoHostEntry Reason = "no-entry-for-host" // hosts.named has none that fits
)

// Host tells who makes a call.
func (c *Core) Host(ctx context.Context, call HostCall) (HostIdentity, error) {
	_, h, err := c.authenticateHost(ctx, call, false)
	if err != nil {
		return HostIdentity{}, err
	}
	if rule := c.set.Hosts.rule(h.Name); rule != nil {
		return HostIdentity{h.Name, rule.Policy, rule.Services}, nil
	}
	return HostIdentity{Name: h.Name}, nil
}

// HostBegin is Begin for a host.
func (c *Core) HostBegin(ctx context.Context, call HostCall, a Attempt) (Step, error) {
	a, err := c.fromHost(ctx, call, a)
	if err != nil {
		return Step{}, err
	}
	if a.host.rule == nil {
		return c.dismiss(ctx, a, subject{given: printable(a.User), name: printable(a.User)}, NoHostEntry)
	}
	return c.Begin(ctx, a)
}

// HostAnswer is Answer for a host.
func (c *Core) HostAnswer(ctx context.Context, call HostCall, r Reply) (Step, error) {
	a, err := c.fromHost(ctx, call, r.Attempt)
	if err != nil {
		return Step{}, err
	}
	if a.host.rule == nil {
		return c.dismiss(ctx, a, subject{given: printable(a.User), name: printable(a.User)}, NoHostEntry)
	}
	r.Attempt = a
	return c.Answer(ctx, r)
}

// fromHost makes an attempt a host's: everything that the host's certificate and the configuration say overwrites what
// the host says of itself.
func (c *Core) fromHost(ctx context.Context, call HostCall, a Attempt) (Attempt, error) {
	id, h, err := c.authenticateHost(ctx, call, false)
	if err != nil {
		return a, err
	}
	a.Door, a.NAS, a.Policy = DoorPAM, h.Name, ""
	if a.Request == "" {
		a.Request = call.Request
	}
	a.host = &hostScope{id: id, name: h.Name, epoch: h.Epoch, rule: c.set.Hosts.rule(h.Name)}
	a.Source, a.PasswordChecked = a.host.source(a.Source), false
	if a.host.rule != nil {
		a.PasswordChecked = a.host.rule.PasswordChecked
		a.Policy = a.host.rule.policyOf(a.Service)
	}
	return a, nil
}

// source is where a person is, as far as this host is believed. Its name stands in each: a host that lies spoils nobody's
// counters but its own.
func (h *hostScope) source(said Source) Source {
	switch said.Kind {
	case SourceUID:
		uid := said.Value[strings.LastIndexByte(said.Value, '/')+1:] // doors put the host before it
		if n, err := strconv.ParseUint(uid, 10, 32); err == nil {
			return Source{SourceUID, strconv.FormatUint(n, 10) + "@" + h.name}
		}
	case SourcePerson:
		if a, err := netip.ParseAddr(said.Value); err == nil && h.rule != nil && h.rule.TrustRHost {
			return Source{SourcePerson, a.Unmap().WithZone("").String() + "@" + h.name}
		}
	}
	return Source{SourceNAS, "host@" + h.name}
}

// authenticateHost finds the host of a certificate and judges both by what is kept now. renewing takes a certificate that
// ended not too long ago.
func (c *Core) authenticateHost(ctx context.Context, call HostCall, renewing bool) (fleet.ID, hostRecord, error) {
	if !c.set.Hosts.Served {
		return fleet.ID{}, hostRecord{}, errNotServed
	}
	id, err := c.hostAuthority.Check(call.Certificate)
	if err != nil {
		return id, hostRecord{}, errNoHost
	}
	var h hostRecord
	var write bool
	judge := func(r store.Reader) (err error) {
		if h, err = hostOf(r, id); err == nil {
			write, err = c.judgeHost(&h, call, renewing)
		}
		return err
	}
	err = c.store.View(ctx, judge)
	if err == nil && write {
		err = c.store.Update(ctx, func(t store.Txn) error {
			before := h.Current.Number
			if err := judge(t); err != nil {
				return err
			}
			if !write {
				return nil // another of the host's calls has done so
			}
			if h.Current.Number != before {
				err := auditHost(t, c.clock.Now(), "host.renew", "done", h.Name, call.Remote, fmt.Sprintf("host %s, certificate %d", id, h.Current.Number))
				if err != nil {
					return err
				}
			}
			return put(t, keyHost(id), h)
		})
	}
	var refused *DeviceError
	if errors.As(err, &refused) && refused.Code == CodeOldCredential {
		c.alertOld(ctx, id, call)
	}
	if err != nil && refused == nil {
		err = silence(err)
	}
	return id, h, err
}

// judgeHost judges a host and the certificate that it shows, and changes the record as a good call does. write says that
// it is to be kept.
func (c *Core) judgeHost(h *hostRecord, call HostCall, renewing bool) (write bool, err error) {
	if err := h.stands(c.generation); err != nil {
		return false, err
	}
	shown := fleet.Fingerprint(call.Certificate)
	if h.Next != nil && shown == h.Next.Fingerprint {
		h.Current, h.Next, write = *h.Next, nil, true
	}
	if shown != h.Current.Fingerprint {
		return false, refuseCall(CodeOldCredential, "a newer certificate of this host has been used: is there a copy of it?")
	}
	now := c.clock.Now()
	until := h.Current.Until
	if renewing {
		until += int64(hostLate.Seconds())
	}
	if now.Unix() >= until {
		return false, refuseCall(CodeEndedHost, "this host's certificate has ended: renew it (latchkey host renew), or enrol it anew")
	}
	if now.Unix()-h.Seen >= int64(hostSeenEvery.Seconds()) {
		h.Seen, write = now.Unix(), true
	}
	return write, nil
}

// alertOld tells, once for each certificate, that an older one than it was shown: two machines have the same host.
func (c *Core) alertOld(ctx context.Context, id fleet.ID, call HostCall) {
	var name string
	err := c.store.Update(ctx, func(t store.Txn) error {
		name = ""
		h, err := hostOf(t, id)
		if err != nil || h.State != hostActive || h.Alerted == h.Current.Number {
			return err
		}
		h.Alerted, name = h.Current.Number, h.Name
		if err := auditHost(t, c.clock.Now(), eventAlert, "host-old-certificate", h.Name, call.Remote, "host "+id.String()); err != nil {
			return err
		}
		return put(t, keyHost(id), h)
	})
	switch {
	case err != nil:
		c.log.Warn("an old certificate of a host was not alerted on", "host", id.String(), "error", err)
	case name != "":
		c.log.Warn("an old certificate of a host was shown: is there a copy of the machine?", "host", name, "from", call.Remote,
			"hint", "latchkey host revoke "+name+", then invite it anew")
	}
}

// asked finds whom an attempt is about. Whom its host may not ask for is nobody, and looks and costs like nobody.
func (c *Core) asked(r store.Reader, a Attempt) (subject, error) {
	who, err := c.lookup(r, a.User)
	if err != nil || a.host == nil || !who.known {
		return who, err
	}
	if !a.host.allows(who) {
		return subject{name: who.name, given: who.given, barred: true}, nil
	}
	return who, nil
}

// allows tells whether a host may ask for somebody. Doors without hosts may ask for everybody.
func (h *hostScope) allows(who subject) bool {
	return h == nil || h.rule != nil && !who.barred && h.rule.allows(who.name, who.user.Groups)
}

// hostStands tells whether the host of an attempt may still get an Accept, in the transaction that gives it.
func (j *judgement) hostStands() (bool, error) {
	if j.a.host == nil {
		return true, nil
	}
	h, err := hostOf(j.t, j.a.host.id)
	var refused *DeviceError
	switch {
	case errors.As(err, &refused):
		return false, nil
	case err != nil:
		return false, err
	}
	return h.stands(j.generation) == nil && h.Epoch == j.a.host.epoch, nil
}

// hostKey binds tokens to the very host, beyond its name.
func (a *Attempt) hostKey() string {
	if a.host == nil {
		return ""
	}
	return a.host.id.String() + "/" + strconv.FormatUint(a.host.epoch, 10)
}

// address is what a source says, without the host that told it.
func (s Source) address() string {
	value, _, _ := strings.Cut(s.Value, "@")
	return value
}
