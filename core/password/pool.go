package password

import (
	"context"

	"github.com/latchkey/latchkey/core/secret"
)

// PoolConfig bounds a Pool; zero fields take the values in brackets.
type PoolConfig struct {
	Workers   int    // checks at a time [1]
	Waiting   int    // checks that may wait in all [256]
	PerSource int    // and of one source [64]
	Params    Params // of new hashes, and of the hash that stands in for unknown users [Default]
}

// Pool runs argon2id checks, in fair turns.
type Pool struct {
	*Turns
	params Params
	dummy  secret.Secret
}

// NewPool makes a pool. It hashes once, so it takes some 20 ms.
func NewPool(cfg PoolConfig) *Pool {
	if cfg.Params == (Params{}) {
		cfg.Params = Default
	}
	return &Pool{
		Turns:  NewTurns(TurnsConfig{Workers: cfg.Workers, Waiting: cfg.Waiting, PerSource: cfg.PerSource}),
		params: cfg.Params,
		dummy:  Hash(secret.New("nobody has this password"), cfg.Params),
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
	return Hash(password, p.params), nil
}
