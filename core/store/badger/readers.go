package badger

import (
	"sync"
	"sync/atomic"
)

// readers knows which old states are still being read, so that their versions stay,
// and lets Close wait for them. Whoever enters or leaves touches one atomic; the
// generations are turned over by the upkeep, about once a second.
type readers struct {
	current atomic.Pointer[generation]
	closed  atomic.Bool
	empty   chan struct{} // nudged when a generation runs empty after closed

	mu   sync.Mutex
	rows []*generation // oldest first; the last one is current
}

// generation holds those that entered while it was current: all of them read at from
// or later.
type generation struct {
	from   uint64
	active atomic.Int64
}

func (r *readers) begin(ts uint64) {
	r.empty = make(chan struct{}, 1)
	g := &generation{from: ts}
	r.rows = []*generation{g}
	r.current.Store(g)
}

// enter gives nil when the store is closed. The caller picks its timestamp AFTER that.
func (r *readers) enter() *generation {
	for {
		g := r.current.Load()
		g.active.Add(1)
		if r.closed.Load() {
			r.leave(g)
			return nil
		}
		// Had it been turned over in between, turn may have seen it empty already.
		if r.current.Load() == g {
			return g
		}
		r.leave(g)
	}
}

func (r *readers) leave(g *generation) {
	if g.active.Add(-1) == 0 && r.closed.Load() {
		select {
		case r.empty <- struct{}{}:
		default:
		}
	}
}

// turn begins a generation at ts, which must be durable, and returns the oldest
// timestamp that may still be read at.
func (r *readers) turn(ts uint64) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := &generation{from: ts}
	r.rows = append(r.rows, g)
	r.current.Store(g)
	for len(r.rows) > 1 && r.rows[0].active.Load() == 0 {
		r.rows = r.rows[1:]
	}
	return r.rows[0].from
}

// close lets nobody in any more and returns when everybody has left.
func (r *readers) close() {
	r.closed.Store(true)
	for r.busy() {
		<-r.empty
	}
}

func (r *readers) busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.rows {
		if g.active.Load() != 0 {
			return true
		}
	}
	return false
}
