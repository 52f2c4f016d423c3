package core

import (
	"math"
	"time"

	"github.com/latchkey/latchkey/core/store"
)

// How much of what a host asks may be wrong. A stolen host must neither guess without end nor lock users out elsewhere:
// so wrong tries by way of one host are counted for the host, in all and for each user, and above the limit nothing is
// compared any more, and nothing counted for the user.

// hostBudgetRecord stands under keyHostBudget.
type hostBudgetRecord struct {
	Wrong float64          `cbor:"1,keyasint,omitempty"` // as decayed at At
	At    int64            `cbor:"2,keyasint,omitempty"` // Unix milliseconds
	Users []hostUserRecord `cbor:"3,keyasint,omitempty"`
}

// hostUserRecord counts wrong tries for one name, be it a user's or nobody's.
type hostUserRecord struct {
	Name  [8]byte `cbor:"1,keyasint"` // keyed hash
	Wrong float64 `cbor:"2,keyasint"`
	At    int64   `cbor:"3,keyasint"`
}

// maxHostUsers bounds the record. The least count goes first: to push one out, a flood must count as high.
const maxHostUsers = 128

func decay(wrong float64, at int64, now time.Time, halves time.Duration) float64 {
	if wrong == 0 || halves <= 0 {
		return wrong
	}
	return wrong * math.Exp2(-max(float64(now.UnixMilli()-at)/float64(halves.Milliseconds()), 0))
}

// ofUser is how many wrong tries for one user one host may bring: half of what locks the user, so that one stolen host
// alone never does.
func (l Locks) ofUser() float64 {
	if l.UserAfter <= 0 {
		return 10
	}
	return math.Max(float64(l.UserAfter/2), 1)
}

func (b *hostBudgetRecord) user(name [8]byte) *hostUserRecord {
	for i := range b.Users {
		if b.Users[i].Name == name {
			return &b.Users[i]
		}
	}
	return nil
}

func (b *hostBudgetRecord) over(now time.Time, l Locks) bool {
	return l.HostAfter > 0 && math.Round(decay(b.Wrong, b.At, now, l.HostHalves)) >= float64(l.HostAfter)
}

// ofUser is how many wrong tries for a user there were, in limits: from 1 on only those may try who have logged in from
// where they are before, and their tries do not count for the user elsewhere; from 2 on nobody may.
func (b *hostBudgetRecord) ofUser(name [8]byte, now time.Time, l Locks) float64 {
	u := b.user(name)
	if u == nil {
		return 0
	}
	return math.Round(decay(u.Wrong, u.At, now, l.UserHalves)) / l.ofUser()
}

// wrong counts one try, and tells whether it reached the limit of all just now.
func (b *hostBudgetRecord) wrong(name [8]byte, now time.Time, l Locks) (reached bool) {
	was := b.over(now, l)
	b.Wrong, b.At = decay(b.Wrong, b.At, now, l.HostHalves)+1, now.UnixMilli()
	u := b.user(name)
	if u == nil {
		if len(b.Users) >= maxHostUsers {
			least := 0
			for i, x := range b.Users {
				if decay(x.Wrong, x.At, now, l.UserHalves) < decay(b.Users[least].Wrong, b.Users[least].At, now, l.UserHalves) {
					least = i
				}
			}
			b.Users = append(b.Users[:least], b.Users[least+1:]...)
		}
		b.Users = append(b.Users, hostUserRecord{Name: name})
		u = &b.Users[len(b.Users)-1]
	}
	u.Wrong, u.At = decay(u.Wrong, u.At, now, l.UserHalves)+1, now.UnixMilli()
	return !was && b.over(now, l)
}

func (c *Core) hostUser(who subject) [8]byte { return mac8(c.nameKey, "host user", who.name) }

// barrier is refusal, and for a host's attempt its budget too.
func (c *Core) barrier(r store.Reader, now time.Time, who subject, a Attempt) (Reason, error) {
	reason, err := c.refusal(r, now, who, a.Source)
	if err != nil || a.host == nil {
		return reason, err
	}
	over, err := c.overBudget(r, now, who, a)
	if over {
		return HostBudget, err
	}
	return reason, err
}

// overBudget tells whether a host has used up what may be wrong. Over a limit those may still try who have logged in from
// where they are before; over twice that of one user nobody may.
func (c *Core) overBudget(r store.Reader, now time.Time, who subject, a Attempt) (bool, error) {
	var b hostBudgetRecord
	if found, err := get(r, keyHostBudget(a.host.id), &b); err != nil || !found {
		return false, err
	}
	switch used := b.ofUser(c.hostUser(who), now, c.set.Locks); {
	case used >= 2:
		return true, nil
	case used < 1 && !b.over(now, c.set.Locks):
		return false, nil
	}
	var counts countRecord
	if _, err := get(r, c.countKey(who), &counts); err != nil {
		return false, err
	}
	p := counts.pair(a.Source.counterKey())
	return p == nil || p.Success == 0 || !a.Source.person(), nil
}

// countHost counts one wrong try by way of a host, in the transaction that counts it for the user. alone says that the host
// had its part of the user's wrong tries already: this one is to be counted for the host alone.
func (c *Core) countHost(t store.Txn, now time.Time, a Attempt, who subject, said *[]func()) (alone bool, err error) {
	if a.host == nil {
		return false, nil
	}
	var b hostBudgetRecord
	if _, err := get(t, keyHostBudget(a.host.id), &b); err != nil {
		return false, err
	}
	alone = b.ofUser(c.hostUser(who), now, c.set.Locks) >= 1
	if b.wrong(c.hostUser(who), now, c.set.Locks) {
		name := a.host.name
		*said = append(*said, func() {
			c.log.Warn("too many wrong tries by way of one host", "request", a.Request, "host", name, "hint", "latchkey host unlock "+name)
		})
		if err := audit(t, c.record(now, a, subject{}, eventAlert, "host-limit", "")); err != nil {
			return false, err
		}
	}
	return alone, put(t, keyHostBudget(a.host.id), &b)
}
