package core

import (
	"math"
	"net/netip"
	"time"
)

// The counters that keep guessing bounded: pair (one user from one source), user (from
// everywhere) and for good stand in the user's countRecord, source (everybody) in a row of
// a table of fixed size. Each is written in the commit that the reply waits for. Times are
// Unix milliseconds.

// maxPairs bounds a user's record. When it is full, what protects least goes first.
const maxPairs = 32

// countRecord stands under keyCount, and for unknown names under keyUnknown.
type countRecord struct {
	Wrong float64      `cbor:"1,keyasint,omitempty"` // from everywhere, as decayed at At
	At    int64        `cbor:"2,keyasint,omitempty"`
	Pairs []pairRecord `cbor:"3,keyasint,omitempty"`
	// SecondWrong counts wrong second factors after a right first factor since an admin's unlock.
	SecondWrong int  `cbor:"4,keyasint,omitempty"`
	ForGood     bool `cbor:"5,keyasint,omitempty"`
}

type pairRecord struct {
	Source  string `cbor:"1,keyasint"`
	Wrong   int    `cbor:"2,keyasint,omitempty"`
	At      int64  `cbor:"3,keyasint,omitempty"` // of the last wrong try
	Until   int64  `cbor:"4,keyasint,omitempty"` // locked
	Success int64  `cbor:"5,keyasint,omitempty"` // of the last success, for sources that are a person's
}

// counterKey is what counts as one source: an IPv6 host has a whole /64 at its hands.
func (s Source) counterKey() string {
	if s.Kind == SourcePerson {
		if a, err := netip.ParseAddr(s.address()); err == nil {
			toldBy := s.Value[len(s.address()):]
			a = a.Unmap().WithZone("")
			if a.Is6() {
				if p, err := a.Prefix(64); err == nil {
					return "addr:" + p.String() + toldBy
				}
			}
			return "addr:" + a.String() + toldBy
		}
	}
	return s.String()
}

// person tells whether the source stands for one person and not for everybody behind a NAS.
func (s Source) person() bool { return s.Kind == SourcePerson || s.Kind == SourceUID }

func (c *countRecord) pair(source string) *pairRecord {
	for i := range c.Pairs {
		if c.Pairs[i].Source == source {
			return &c.Pairs[i]
		}
	}
	return nil
}

// decayed is the user counter now: it halves every halves.
func (c *countRecord) decayed(now time.Time, halves time.Duration) float64 {
	if c.Wrong == 0 || halves <= 0 {
		return c.Wrong
	}
	since := float64(now.UnixMilli()-c.At) / float64(halves.Milliseconds())
	return c.Wrong * math.Exp2(-max(since, 0))
}

// userLocked tells whether only sources with an earlier success may try.
func (c *countRecord) userLocked(now time.Time, l Locks) bool {
	return l.UserAfter > 0 && math.Round(c.decayed(now, l.UserHalves)) >= float64(l.UserAfter)
}

// locked gives the lock that is in force for a try from source, or "".
func (c *countRecord) locked(now time.Time, l Locks, source Source) Reason {
	if c.ForGood && l.PermanentlyAfter > 0 {
		return LockedForGood
	}
	p := c.pair(source.counterKey())
	if p != nil && l.PairAfter > 0 && now.UnixMilli() < p.Until {
		return LockedPair
	}
	if c.userLocked(now, l) && (p == nil || p.Success == 0 || !source.person()) {
		return LockedUser
	}
	return ""
}

// wrong counts one wrong try. second says that it was a wrong second factor after a right first factor.
// A try that met a lock counts for the user, and does not lengthen the pair's lock: who shares a
// source with a guesser gets in again after the time that was said.
func (c *countRecord) wrong(now time.Time, l Locks, source Source, second bool) {
	ms := now.UnixMilli()
	p := c.pair(source.counterKey())
	if p == nil {
		c.evict(ms)
		c.Pairs = append(c.Pairs, pairRecord{Source: source.counterKey()})
		p = &c.Pairs[len(c.Pairs)-1]
	}
	// A local user at a lock of his own guesses nothing, and is known: `su root` all day long locks root for him alone.
	if ms >= p.Until || source.Kind != SourceUID {
		c.Wrong = c.decayed(now, l.UserHalves) + 1
		if l.UserAfter > 0 {
			// A flood must not lock for weeks: the lock ends two half-lives after it.
			c.Wrong = min(c.Wrong, 4*float64(l.UserAfter))
		}
		c.At = ms
	}
	if ms >= p.Until {
		if p.Until != 0 || ms-p.At > l.PairFor.Milliseconds() {
			p.Wrong, p.Until = 0, 0
		}
		p.Wrong++
		if l.PairAfter > 0 && p.Wrong >= l.PairAfter {
			p.Until = ms + l.PairFor.Milliseconds()
		}
	}
	p.At = ms
	if second {
		c.SecondWrong++
		if l.PermanentlyAfter > 0 && c.SecondWrong >= l.PermanentlyAfter {
			c.ForGood = true
		}
	}
}

// right notes a success and clears the pair's count. It tells whether anything changed, so
// that a usual login writes no counter. A success never clears the user counter: else the
// owner's logins would refill a guesser's tries.
func (c *countRecord) right(now time.Time, source Source) (changed bool) {
	ms := now.UnixMilli()
	p := c.pair(source.counterKey())
	if p == nil {
		if !source.person() {
			return false
		}
		c.evict(ms)
		c.Pairs = append(c.Pairs, pairRecord{Source: source.counterKey(), Success: ms})
		return true
	}
	if p.Wrong != 0 || p.Until != 0 {
		p.Wrong, p.Until, p.At, changed = 0, 0, 0, true
	}
	// Once a day is enough to keep the source among those with a success.
	if source.person() && ms-p.Success > 24*time.Hour.Milliseconds() {
		p.Success, changed = ms, true
	}
	return changed
}

// evict makes room for one more pair: first those that neither lock nor succeeded, then those
// that lock, then those with a success; the oldest of each first.
func (c *countRecord) evict(now int64) {
	if len(c.Pairs) < maxPairs {
		return
	}
	worst, worstClass, worstAt := 0, 3, int64(math.MaxInt64)
	for i, p := range c.Pairs {
		class := 0
		if now < p.Until {
			class = 1
		}
		if p.Success > 0 {
			class = 2
		}
		if at := max(p.At, p.Success); class < worstClass || class == worstClass && at < worstAt {
			worst, worstClass, worstAt = i, class, at
		}
	}
	c.Pairs = append(c.Pairs[:worst], c.Pairs[worst+1:]...)
}

// sourceRow stands under keySource: the sources whose keyed hash falls on it.
type sourceRow struct {
	Entries []sourceRecord `cbor:"1,keyasint,omitempty"`
}

type sourceRecord struct {
	Source string `cbor:"1,keyasint"`
	Wrong  int    `cbor:"2,keyasint,omitempty"`
	At     int64  `cbor:"3,keyasint,omitempty"`
	Until  int64  `cbor:"4,keyasint,omitempty"`
}

// maxRow bounds a row: a flood of invented sources costs no more than the table.
const maxRow = 8

// over tells whether the source is over its limit now.
func (r *sourceRow) over(now time.Time, source string) bool {
	for _, e := range r.Entries {
		if e.Source == source {
			return now.UnixMilli() < e.Until
		}
	}
	return false
}

// wrong counts one wrong try and tells whether it reached the limit just now.
func (r *sourceRow) wrong(now time.Time, l Locks, source string) (reached bool) {
	ms := now.UnixMilli()
	at := -1
	for i := range r.Entries {
		if r.Entries[i].Source == source {
			at = i
		}
	}
	if at < 0 {
		if len(r.Entries) >= maxRow {
			oldest := 0
			for i, e := range r.Entries {
				if e.At < r.Entries[oldest].At {
					oldest = i
				}
			}
			r.Entries = append(r.Entries[:oldest], r.Entries[oldest+1:]...)
		}
		r.Entries = append(r.Entries, sourceRecord{Source: source})
		at = len(r.Entries) - 1
	}
	e := &r.Entries[at]
	if ms < e.Until {
		return false
	}
	if e.Until != 0 || ms-e.At > l.SourceFor.Milliseconds() {
		e.Wrong, e.Until = 0, 0
	}
	e.Wrong++
	e.At = ms
	if l.SourceAfter > 0 && e.Wrong >= l.SourceAfter {
		e.Until = ms + l.SourceFor.Milliseconds()
		return true
	}
	return false
}
