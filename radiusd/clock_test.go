package radiusd

import (
	"sync"
	"time"
)

// epoch is when the tests' clocks start.
var epoch = time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)

// stopped is a clock that stands.
func stopped() time.Time { return epoch }

// clock is one that the test moves.
type clock struct {
	mu     sync.Mutex
	passed time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return epoch.Add(c.passed)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed += d
}
