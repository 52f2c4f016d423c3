package core

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/store"
)

// What admins do to hosts. Each change is durable and audited in the same commit.

// hostInviteFor is how long an invitation may be used.
const hostInviteFor = 24 * time.Hour

// ErrNoSuchHost and ErrHostExists are kinds of Problem.
var (
	ErrNoSuchHost = errors.New("no such host")
	ErrHostExists = errors.New("host exists")
)

// InviteHost gives an invitation URL. See the admin socket's interface.
func (c *Core) InviteHost(ctx context.Context, actor Actor, name string, valid time.Duration) (url Secret, expires time.Time, err error) {
	name, ok := fleet.CanonicalName(name)
	switch {
	case !ok:
		return url, expires, problem(ErrInvalid, fmt.Sprintf("%q can be no host's name", printable(name)), "letters, digits, dots, hyphens and underscores, at most 64: web01.example.org")
	case !c.set.Hosts.Served || c.set.Device.Origin == "":
		return url, expires, problem(ErrRefused, "there is no HTTPS door that takes hosts", "`serve: [hosts]` in the section `web:` opens it")
	case c.set.Hosts.rule(name) == nil:
		return url, expires, problem(ErrRefused, fmt.Sprintf("no entry of hosts.named in latchkey.yaml fits %s", name), "its users could not log in: name it there, or a pattern such as \"web*\"")
	}
	if valid <= 0 {
		valid = hostInviteFor
	}
	inv, err := fleet.NewInvitation(c.set.Device.Origin, c.set.Device.Pin)
	if err != nil {
		return url, expires, err
	}
	err = c.store.Update(ctx, func(t store.Txn) error {
		now := c.clock.Now()
		expires = now.Add(valid).UTC().Truncate(time.Second)
		var guard hostNameRecord
		if _, err := get(t, keyHostName(name), &guard); err != nil {
			return err
		}
		if guard.Host != nil {
			return problem(ErrHostExists, fmt.Sprintf("host %s is there", name), fmt.Sprintf("`latchkey host revoke %s` first, if the machine was set up anew", name))
		}
		if guard.Invitation != nil { // the former invitation is void: whoever has it, has nothing
			var old hostInvitationRecord
			if found, err := get(t, keyHostInvitation(*guard.Invitation), &old); err != nil {
				return err
			} else if found {
				old.Void = true
				if err := put(t, keyHostInvitation(*guard.Invitation), old); err != nil {
					return err
				}
			}
		}
		record := hostInvitationRecord{
			Name: name, Secret: c.hashHostInvitation(inv.ID, []byte(inv.Secret.Reveal())), Created: now.Unix(), Until: expires.Unix(), Generation: c.generation,
		}
		return errors.Join(put(t, keyHostInvitation(inv.ID), record), put(t, keyHostName(name), hostNameRecord{Invitation: &inv.ID}),
			c.auditHostAdmin(t, actor, "host.invite", name, "invitation "+inv.ID.String()))
	})
	if err != nil {
		return Secret{}, time.Time{}, err
	}
	return inv.URL(), expires, nil
}

func (c *Core) auditHostAdmin(t store.Txn, actor Actor, event, name, detail string) error {
	return audit(t, auditRecord{
		Time: c.clock.Now().UnixMilli(), Event: event, Result: "done", Door: DoorAdmin, NAS: name, Actor: printable(actor.Name), Detail: detail,
	})
}

// HostList lists hosts and open invitations, by name.
func (c *Core) HostList(ctx context.Context) (infos []HostInfo, err error) {
	infos = []HostInfo{}
	err = c.store.View(ctx, func(r store.Reader) error {
		var names []string
		var guards []hostNameRecord
		err := r.Scan([]byte("hn"), nil, func(key, value []byte) bool {
			var g hostNameRecord
			if cborDecode.Unmarshal(value, &g) == nil {
				names, guards = append(names, string(key[2:])), append(guards, g)
			}
			return true
		})
		for i := range guards {
			if err != nil {
				return err
			}
			var info HostInfo
			if info, err = c.hostInfo(r, names[i], &guards[i]); err == nil && info.State != "" {
				infos = append(infos, info)
			}
		}
		return err
	})
	return infos, err
}

func (c *Core) hostInfo(r store.Reader, name string, guard *hostNameRecord) (info HostInfo, err error) {
	info = HostInfo{Name: name}
	now := c.clock.Now()
	switch {
	case guard.Host != nil:
		h, err := hostOf(r, *guard.Host)
		if err != nil {
			return info, err
		}
		info.ID, info.State, info.Why = guard.Host.String(), string(h.State), h.Why
		if h.State == hostActive && h.Generation != c.generation {
			info.State = "restored"
		}
		info.Created, info.LastSeen, info.Expires = time.Unix(h.Created, 0).UTC(), unix(h.Seen), unix(h.Current.Until)
		var b hostBudgetRecord
		if _, err := get(r, keyHostBudget(*guard.Host), &b); err != nil {
			return info, err
		}
		info.Wrong = int(math.Round(decay(b.Wrong, b.At, now, c.set.Locks.HostHalves)))
		info.OverLimit = b.over(now, c.set.Locks)
	case guard.Invitation != nil:
		var inv hostInvitationRecord
		found, err := get(r, keyHostInvitation(*guard.Invitation), &inv)
		if err != nil || !found || inv.Void || inv.Generation != c.generation || now.Unix() >= inv.Until {
			return info, err // not listed
		}
		info.State, info.Created, info.Expires = "invited", time.Unix(inv.Created, 0).UTC(), unix(inv.Until)
	}
	if rule := c.set.Hosts.rule(name); rule != nil {
		info.Entry, info.Policy, info.Services, info.Users, info.Groups = rule.Match, rule.Policy, rule.Services, rule.Users, rule.Groups
		if p, ok := c.policies[rule.Policy]; ok {
			info.Realm = p.Realm
		}
	}
	return info, nil
}

// changeHost changes a host that is there, found by its name or id.
func (c *Core) changeHost(ctx context.Context, actor Actor, event, name string, fn func(t store.Txn, id fleet.ID, h *hostRecord) error) error {
	return c.store.Update(ctx, func(t store.Txn) error {
		canonical, _ := fleet.CanonicalName(name)
		var guard hostNameRecord
		if _, err := get(t, keyHostName(canonical), &guard); err != nil {
			return err
		}
		if guard.Host == nil {
			return noSuchHost(canonical, guard.Invitation != nil)
		}
		h, err := hostOf(t, *guard.Host)
		if err != nil {
			return err
		}
		if err := fn(t, *guard.Host, &h); err != nil {
			return err
		}
		return errors.Join(put(t, keyHost(*guard.Host), h), c.auditHostAdmin(t, actor, event, h.Name, "host "+guard.Host.String()))
	})
}

func noSuchHost(name string, invited bool) error {
	if invited {
		return problem(ErrNoSuchHost, fmt.Sprintf("%s is invited, and no host yet", printable(name)), fmt.Sprintf("`latchkey host revoke %s` takes the invitation back", printable(name)))
	}
	return problem(ErrNoSuchHost, fmt.Sprintf("no host %s", printable(name)), "`latchkey host list` shows all")
}

// RevokeHost takes a host away for good, at once, also from logins that it has begun; or an invitation that is open.
func (c *Core) RevokeHost(ctx context.Context, actor Actor, name string) error {
	err := c.changeHost(ctx, actor, "host.revoke", name, func(t store.Txn, id fleet.ID, h *hostRecord) error {
		*h = hostRecord{Name: h.Name, Created: h.Created, State: hostRevoked, Epoch: h.Epoch + 1, Seen: h.Seen, Generation: h.Generation}
		t.Delete(keyHostName(h.Name))
		t.Delete(keyHostBudget(id))
		return nil
	})
	var none *Problem
	if errors.As(err, &none) && errors.Is(none, ErrNoSuchHost) {
		return c.revokeInvitation(ctx, actor, name, err)
	}
	return err
}

func (c *Core) revokeInvitation(ctx context.Context, actor Actor, name string, otherwise error) error {
	name, _ = fleet.CanonicalName(name)
	return c.store.Update(ctx, func(t store.Txn) error {
		var guard hostNameRecord
		if _, err := get(t, keyHostName(name), &guard); err != nil {
			return err
		}
		if guard.Host != nil || guard.Invitation == nil {
			return otherwise
		}
		var inv hostInvitationRecord
		if found, err := get(t, keyHostInvitation(*guard.Invitation), &inv); err != nil || !found {
			return errors.Join(err, otherwise)
		}
		inv.Void = true
		t.Delete(keyHostName(name))
		return errors.Join(put(t, keyHostInvitation(*guard.Invitation), inv),
			c.auditHostAdmin(t, actor, "host.revoke", name, "invitation "+guard.Invitation.String()))
	})
}

// UnlockHost clears a host's wrong tries, and confirms it after a restore. A host whose invitation was used twice stays
// locked: nobody knows who has it.
func (c *Core) UnlockHost(ctx context.Context, actor Actor, name string) error {
	return c.changeHost(ctx, actor, "host.unlock", name, func(t store.Txn, id fleet.ID, h *hostRecord) error {
		if h.State == hostLocked {
			return problem(ErrRefused, fmt.Sprintf("the invitation of %s was used twice: somebody else had it", h.Name),
				fmt.Sprintf("`latchkey host revoke %s`, then invite it anew", h.Name))
		}
		h.Generation = c.generation
		t.Delete(keyHostBudget(id))
		return nil
	})
}

// canonical makes the rules' names canonical, so that a user is the same however she is spelt.
func (s HostSettings) canonical(names NameRules) HostSettings {
	rules := make([]HostRule, len(s.Fleet))
	for i, r := range s.Fleet {
		users := slices.Clone(r.Users)
		for k, u := range users {
			if name, ok := names.Canonical(u); ok {
				users[k] = name
			}
		}
		r.Users, r.Match = users, strings.ToLower(r.Match)
		rules[i] = r
	}
	s.Fleet = rules
	return s
}
