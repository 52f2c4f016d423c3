package password

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrBusy: more checks wait than may wait. The caller stays silent, and the gateway's
// retransmission tries again.
var ErrBusy = errors.New("password: too many checks are waiting")

// TurnsConfig bounds Turns; zero fields take the values in brackets.
type TurnsConfig struct {
	Workers   int // at a time [1]
	Waiting   int // may wait in all [256]
	PerSource int // and of one source [64]
}

// Turns lets at most Workers checks run at a time. The sources that wait take turns, so that a
// flood from one of them delays the others by one check each, not by its whole queue.
type Turns struct {
	cfg TurnsConfig

	mu      sync.Mutex
	running int
	waiting int
	queues  map[string][]chan bool // by source, in order of arrival
	turns   []string               // sources that wait, in order of their next turn
}

// NewTurns makes Turns.
func NewTurns(cfg TurnsConfig) *Turns {
	if cfg.Workers <= 0 {
		cfg.Workers = 1
	}
	if cfg.Waiting <= 0 {
		cfg.Waiting = 256
	}
	if cfg.PerSource <= 0 {
		cfg.PerSource = 64
	}
	return &Turns{cfg: cfg, queues: map[string][]chan bool{}}
}

// Take waits for a turn of source, which the caller gives back when its check has ended. An error
// (ErrBusy, or that of ctx) means that there was none.
func (p *Turns) Take(ctx context.Context, source string) (giveBack func(), err error) {
	if err := p.acquire(ctx, source); err != nil {
		return nil, err
	}
	return p.release, nil
}

func (p *Turns) acquire(ctx context.Context, source string) error {
	p.mu.Lock()
	if p.running < p.cfg.Workers {
		p.running++
		p.mu.Unlock()
		return nil
	}
	if len(p.queues[source]) >= p.cfg.PerSource || p.waiting >= p.cfg.Waiting && !p.displace(source) {
		p.mu.Unlock()
		return ErrBusy
	}
	turn := make(chan bool, 1)
	if len(p.queues[source]) == 0 {
		p.turns = append(p.turns, source)
	}
	p.queues[source] = append(p.queues[source], turn)
	p.waiting++
	p.mu.Unlock()

	select {
	case mine := <-turn:
		if !mine {
			return ErrBusy
		}
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	for i, c := range p.queues[source] {
		if c == turn {
			p.remove(source, i)
			p.mu.Unlock()
			return ctx.Err()
		}
	}
	p.mu.Unlock()
	// The turn came at the same moment: pass it on.
	if <-turn {
		p.release()
	}
	return ctx.Err()
}

// displace makes room for source by sending away the newest of the source that waits with the
// most, where that has at least two more than source: a few sources cannot fill the pool.
func (p *Turns) displace(source string) bool {
	longest := source
	for s, queue := range p.queues {
		if len(queue) > len(p.queues[longest]) {
			longest = s
		}
	}
	last := len(p.queues[longest]) - 1
	if last < len(p.queues[source])+1 {
		return false
	}
	p.queues[longest][last] <- false
	p.remove(longest, last)
	return true
}

// remove takes the waiter at i out of the queue of source; with the last one its turn goes.
func (p *Turns) remove(source string, i int) {
	p.waiting--
	queue := slices.Delete(p.queues[source], i, i+1)
	if len(queue) > 0 {
		p.queues[source] = queue
		return
	}
	delete(p.queues, source)
	p.turns = slices.DeleteFunc(p.turns, func(s string) bool { return s == source })
}

// release hands the slot to the next source in turn, or frees it.
func (p *Turns) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.turns) > 0 {
		source := p.turns[0]
		p.turns = p.turns[1:]
		queue := p.queues[source]
		if len(queue) == 0 {
			delete(p.queues, source)
			continue
		}
		if len(queue) == 1 {
			delete(p.queues, source)
		} else {
			p.queues[source] = queue[1:]
			p.turns = append(p.turns, source)
		}
		p.waiting--
		queue[0] <- true
		return
	}
	p.running--
}
