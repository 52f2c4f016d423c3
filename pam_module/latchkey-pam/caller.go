package main

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey/latchkey/hostapi"
	"github.com/latchkey/latchkey/hostapi/member"
)

// caller makes calls, and makes them again while there is hope: latchkeyd may be restarting, or overloaded. What was
// counted once is not counted again by that: a used challenge is stale.
type caller struct {
	way      transport
	client   *hostapi.Client
	patience time.Duration // with one call, beside its wait for a phone
}

const (
	// retryEvery is short: restarting takes about a second.
	retryEvery = 150 * time.Millisecond
	// restartTime is how long an appliance may be away at the beginning before it counts as not there.
	restartTime = 3 * time.Second
)

// unreachable says that the appliance is not there, for certain, when a login begins.
type unreachable struct{ error }

func (u *unreachable) Unwrap() error { return u.error }

// once says that a call is not made again.
type once struct{ error }

func (o *once) Unwrap() error { return o.error }

func (c *caller) begin(ctx context.Context, in hostapi.Begin) (hostapi.Step, error) {
	began := time.Now()
	return c.again(ctx, c.patience, func(ctx context.Context) (hostapi.Step, error) {
		step, err := c.client.Begin(ctx, in)
		var lost *member.Lost
		if errors.As(err, &lost) {
			// It was sent to an appliance elsewhere, and may have rung a phone: it is not begun twice.
			return step, &once{err}
		}
		if err != nil && c.way.opens(err) && time.Since(began) >= min(restartTime, c.patience/2) {
			err = &unreachable{err}
		}
		return step, err
	})
}

// answer is never "unreachable": an appliance that has shown a challenge is there, and its login waits for it.
func (c *caller) answer(ctx context.Context, in hostapi.Answer) (hostapi.Step, error) {
	return c.again(ctx, c.patience+time.Duration(in.WaitMS)*time.Millisecond, func(ctx context.Context) (hostapi.Step, error) {
		return c.client.Answer(ctx, in)
	})
}

func (c *caller) again(ctx context.Context, patience time.Duration, do func(context.Context) (hostapi.Step, error)) (hostapi.Step, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		step, err := do(ctx)
		var refused *hostapi.Refused
		var gone *unreachable
		var only *once
		if err == nil || errors.As(err, &refused) || errors.As(err, &gone) || errors.As(err, &only) {
			return step, err
		}
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return hostapi.Step{}, err
		}
	}
}
