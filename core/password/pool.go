package password

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/latchkey/latchkey/core/secret"
)

// ErrBusy: more checks wait than the pool lets wait. The caller stays silent, and the
// gateway's retransmission tries again.
var ErrBusy = errors.New("password: too many checks are waiting")

// PoolConfig bounds a Pool; zero fields take the values in brackets.
type PoolConfig struct {
	Workers   int    // checks at a time [1]
	Waiting   int    // checks that may wait in all [256]
	PerSource int    // and of one source [64]
	Params    Params // of new hashes, and of the hash that stands in for unknown users [Default]
}

// Pool runs argon2id checks, at most Workers at a time. The sources that wait take turns, so
// that a flood from one of them delays the others by one check each, not by its whole queue.
type Pool struct {
	cfg   PoolConfig
	dummy secret.Secret

	mu      sync.Mutex
	running int
	waiting int
	queues  map[string][]chan bool // by source, in order of arrival
	turns   []string               // sources that wait, in order of their next turn
}

// NewPool makes a pool. It hashes once, so it takes some 20 ms.
func NewPool(cfg PoolConfig) *Pool {
	if cfg.Workers <= 0 {
		cfg.Workers = 1
	}
	if cfg.Waiting <= 0 {
		cfg.Waiting = 256
	}
	if cfg.PerSource <= 0 {
		cfg.PerSource = 64
	}
	if cfg.Params == (Params{}) {
		cfg.Params = Default
	}
	return &Pool{
		cfg:    cfg,
		dummy:  Hash(secret.New("nobody has this password"), cfg.Params),
		queues: map[string][]chan bool{},
	}
}

// Verify checks password against hash. An empty hash stands for a user who is unknown or has
// no password: it costs the same and is never right.
func (p *Pool) Verify(ctx context.Context, source string, password, hash secret.Secret) (bool, error) {
	if err := p.acquire(ctx, source); err != nil {
		return false, err
	}
	defer p.release()
	if hash.IsEmpty() {
		_, _ = Verify(password, p.dummy)
		return false, nil
	}
	return Verify(password, hash)
}

// Hash makes a hash with the pool's parameters, taking its turn like a check.
func (p *Pool) Hash(ctx context.Context, source string, password secret.Secret) (secret.Secret, error) {
	if err := p.acquire(ctx, source); err != nil {
		return secret.Secret{}, err
	}
	defer p.release()
	return Hash(password, p.cfg.Params), nil
}

func (p *Pool) acquire(ctx context.Context, source string) error {
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
func (p *Pool) displace(source string) bool {
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
func (p *Pool) remove(source string, i int) {
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
func (p *Pool) release() {
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
