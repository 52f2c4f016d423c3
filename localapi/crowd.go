package localapi

import (
	"net"
	"sync"
	"time"
)

// Limits of everybody's socket. A login is some calls; a program that asks for more guesses, or wants to be in the way.
const (
	connsInAll  = 256
	connsOfOne  = 8
	callsAtOnce = 20
	callEvery   = 3 * time.Second // after those
)

// crowd bounds what the users of everybody's socket can take, each and all together.
type crowd struct {
	now   func() time.Time
	mu    sync.Mutex
	all   int
	conns map[int]int // by uid
	calls map[int]*bucket
}

// bucket holds how many calls a uid may make at a time.
type bucket struct {
	left float64
	at   time.Time
}

func newCrowd(now func() time.Time) *crowd {
	return &crowd{now: now, conns: map[int]int{}, calls: map[int]*bucket{}}
}

// counted is a connection of the crowd.
type counted struct {
	*net.UnixConn
	peer  peer
	leave func()
}

// Close counts it out, once.
func (c *counted) Close() error {
	c.leave()
	return c.UnixConn.Close()
}

// enter lets a connection in, or closes it and gives nil. Whoever is turned away has been reached, and says so: that is
// never "unreachable".
func (c *crowd) enter(conn *net.UnixConn) net.Conn {
	p, err := peerOf(conn)
	if err != nil {
		_ = conn.Close()
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= connsInAll || c.conns[p.uid] >= connsOfOne {
		_ = conn.Close()
		return nil
	}
	c.all++
	c.conns[p.uid]++
	return &counted{conn, p, sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all--
		if c.conns[p.uid]--; c.conns[p.uid] <= 0 {
			delete(c.conns, p.uid)
		}
	})}
}

// allow takes one call out of a uid's bucket.
func (c *crowd) allow(uid int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	b := c.calls[uid]
	if b == nil {
		if len(c.calls) >= 10000 { // uids of this machine: somebody makes them
			for other, full := range c.calls {
				if full.refill(now); full.left >= callsAtOnce {
					delete(c.calls, other)
				}
			}
		}
		b = &bucket{callsAtOnce, now}
		c.calls[uid] = b
	}
	b.refill(now)
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

func (b *bucket) refill(now time.Time) {
	if d := now.Sub(b.at); d > 0 {
		b.left = min(callsAtOnce, b.left+float64(d)/float64(callEvery))
	}
	b.at = now
}
