package password

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// TestFewSourcesCannotFillThePool fills the waiting room from two sources; a third still gets in, and the
// newest of the longest queue is sent away for it.
func TestFewSourcesCannotFillThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(PoolConfig{Workers: 1, Waiting: 8, PerSource: 4, Params: cheap})
		ctx, cancel := context.WithCancel(t.Context())
		_ = p.acquire(ctx, "x")
		ended := make(chan error, 16)
		for i := range 8 {
			go func() { ended <- p.acquire(ctx, string(rune('a'+i/4))) }()
			synctest.Wait()
		}
		go func() { ended <- p.acquire(ctx, "honest") }()
		synctest.Wait()
		if err := <-ended; !errors.Is(err, ErrBusy) {
			t.Errorf("sent away: %v", err)
		}
		if len(p.queues["honest"]) != 1 || p.waiting != 8 {
			t.Errorf("honest waits: %d, all: %d", len(p.queues["honest"]), p.waiting)
		}
		cancel()
		synctest.Wait()
		if len(ended) != 8 {
			t.Errorf("%d of 8 gave up", len(ended))
		}
	})
}

// TestGivingUpBuysNoTurns lets one source come and go fifty times; it does not get fifty turns for it.
func TestGivingUpBuysNoTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(PoolConfig{Workers: 1, Params: cheap})
		_ = p.acquire(t.Context(), "x")
		for range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { _ = p.acquire(ctx, "a") }()
			synctest.Wait()
			cancel()
			synctest.Wait()
		}
		if len(p.turns) != 0 {
			t.Errorf("%d turns are left", len(p.turns))
		}
		p.release()
	})
}
