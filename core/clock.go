package core

import (
	"sync"
	"time"
)

// clock is the time that locks and expiries are compared with. It never runs backward,
// neither while the daemon runs nor, through a mark in the store, over a restart: setting a
// host's clock back must not reopen what has expired. It does not stand still either where the
// host's clock is behind: locks would never end, and tokens would live for ever.
type clock struct {
	now  func() time.Time
	mu   sync.Mutex
	high int64     // Unix milliseconds: the latest time given
	base int64     // high, when the host's clock was last read as behind it
	from time.Time // and that reading, with its monotonic part
}

// Now is the system's time, or what has passed since the latest time known where that is later.
func (c *clock) Now() time.Time {
	t := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if ms := t.UnixMilli(); ms >= c.high {
		c.high, c.from = ms, time.Time{}
		return time.UnixMilli(ms)
	}
	passed := t.Sub(c.from)
	if c.from.IsZero() || passed < 0 {
		c.base, c.from, passed = c.high, t, 0
	}
	c.high = max(c.high, c.base+passed.Milliseconds())
	return time.UnixMilli(c.high)
}

// raise makes sure that Now gives no time before ms.
func (c *clock) raise(ms int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ms > c.high {
		c.high, c.from = ms, time.Time{}
	}
}

// behind is how far the host's clock is behind.
func (c *clock) behind() time.Duration {
	t := c.now().UnixMilli()
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, time.Duration(c.high-t)*time.Millisecond)
}
