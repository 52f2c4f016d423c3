package core

import (
	"sync/atomic"
	"time"
)

// clock is the time that locks and expiries are compared with. It never runs backward,
// neither while the daemon runs nor, through a mark in the store, over a restart: setting a
// host's clock back must not reopen what has expired or lengthen nothing into for ever.
type clock struct {
	now  func() time.Time
	high atomic.Int64 // Unix milliseconds
}

// Now is the later of the system's time and the latest time ever given.
func (c *clock) Now() time.Time {
	ms := c.now().UnixMilli()
	for {
		high := c.high.Load()
		if ms <= high {
			return time.UnixMilli(high)
		}
		if c.high.CompareAndSwap(high, ms) {
			return time.UnixMilli(ms)
		}
	}
}

// raise makes sure that Now gives no time before ms.
func (c *clock) raise(ms int64) {
	for {
		high := c.high.Load()
		if ms <= high || c.high.CompareAndSwap(high, ms) {
			return
		}
	}
}
