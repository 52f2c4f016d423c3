package core

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/latchkey/latchkey/core/token"
)

// A login that waits for the phone costs a record and a timer, and no goroutine: a hundred thousand may wait, and few
// are looked at in any moment. The first look is the caller's. Later ones, after a change or when the time is over,
// are made by workers, which there are while there is something to look at.

// Later is what a door hands over where a login waits for the phone. It is called at most once, before AnswerLater
// returns, under no lock. done gets the step, exactly once, from another goroutine and perhaps before AnswerLater
// returns: when the phone has spoken, when Reply.Wait is over, or soon after ctx has ended. A nil done says that the
// door has no room: the person is asked again at once.
type Later func() (ctx context.Context, done func(Step, error))

// ErrFault: looking at a waiting login ended in a fault of the program. It comes with ErrSilence.
var ErrFault = errors.New("core: a fault")

const (
	// mostLooks bounds the workers. Looks that write share the store's commits, so they are more than the processors.
	mostLooks = 256
	// lookFor is how long one look may take, whatever became of the door that it is for.
	lookFor = 10 * time.Second
)

// parked is a login that waits. It is in the table of waits from before its first look until its step is known, so
// that no change is missed between a look and the sleep after it.
type parked struct {
	*Core  // with the settings that the reply came under
	policy *policy
	reply  Reply
	claims token.Claims
	ctx    context.Context
	done   func(Step, error)
	timer  *time.Timer
	next   *parked // another one that waits for the same

	// What follows is under waits.mu.
	busy  bool // being looked at, or queued for it; stays set at the end
	again bool // something has happened since the look began
	last  bool // the time is over: the next look ends the wait
}

// await looks whether the phone has spoken, or pretends to, and parks the login where it has not.
func (c *Core) await(ctx context.Context, r Reply, p *policy, claims token.Claims, take Later) (step Step, later bool, err error) {
	r.Token, r.Password = "", Secret{} // read, and not used
	w := &parked{Core: c, policy: p, reply: r, claims: claims, busy: true}
	c.waits.join(w)
	defer func() {
		if !later {
			c.waits.leave(w)
		}
	}()
	step, until, err := w.look(ctx, r.Wait <= 0)
	if err != nil || until.IsZero() {
		return step, false, err
	}
	if w.ctx, w.done = take(); w.done == nil {
		step, _, err = w.look(ctx, true)
		return step, false, err
	}
	c.waits.park(w, r.Wait)
	return Step{}, true, nil
}

// look gives the step, or until when there is something to wait for. The last look always gives a step.
func (w *parked) look(ctx context.Context, last bool) (step Step, until time.Time, err error) {
	if w.claims.Kind == token.AppDecoy {
		return w.lookAtDecoy(ctx, w.reply, w.policy, w.claims, last)
	}
	return w.lookAtPending(ctx, w.reply, w.policy, w.claims, last)
}

// lookAgain is a look by a worker, which a fault must not end.
func (w *parked) lookAgain(last bool) (step Step, waits bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			step, waits, err = Step{}, false, fmt.Errorf("%w: %w: %v\n%s", ErrSilence, ErrFault, p, debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), lookFor)
	defer cancel()
	step, until, err := w.look(ctx, last)
	return step, err == nil && !until.IsZero(), err
}

// finish tells the door, once.
func (w *parked) finish(step Step, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.log.Error("a door broke", "request", w.reply.Request, "error", fmt.Sprintf("%v\n%s", p, debug.Stack()))
		}
	}()
	w.done(step, err)
}

// join enters a login into the table.
func (s *waits) join(w *parked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by, s.doors = map[[8]byte]*parked{}, map[<-chan struct{}]*doorWaits{}
	}
	w.next = s.by[w.claims.Challenge]
	s.by[w.claims.Challenge] = w
}

// leave takes a login out of the table. It is not woken any more.
func (s *waits) leave(w *parked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := w.claims.Challenge
	switch at := s.by[id]; {
	case at == w && w.next == nil:
		delete(s.by, id)
	case at == w:
		s.by[id] = w.next
	default:
		for ; at != nil; at = at.next {
			if at.next == w {
				at.next = w.next
				break
			}
		}
	}
	if w.timer == nil {
		return
	}
	w.timer.Stop()
	if d := s.doors[w.ctx.Done()]; d != nil {
		delete(d.all, w)
		if len(d.all) == 0 {
			d.stop()
			delete(s.doors, w.ctx.Done())
		}
	}
}

// doorWaits are those whose wait ends with one context: a door's, or one call's.
type doorWaits struct {
	all  map[*parked]struct{}
	stop func() bool
}

// park lets a login sleep, unless something has happened since its look began.
func (s *waits) park(w *parked, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.timer = time.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hurry(w)
	})
	if over := w.ctx.Done(); over != nil {
		d := s.doors[over]
		if d == nil {
			d = &doorWaits{all: map[*parked]struct{}{}}
			s.doors[over] = d
			d.stop = context.AfterFunc(w.ctx, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				for w := range d.all {
					s.hurry(w)
				}
			})
		}
		d.all[w] = struct{}{}
	}
	w.last = w.ctx.Err() != nil // that function may have run already
	if w.busy = false; w.again || w.last {
		s.wake(w)
	}
}

// wake has a login looked at, once for all that happens until then. The caller holds s.mu.
func (s *waits) wake(w *parked) {
	w.again = true
	if w.busy {
		return
	}
	w.busy = true
	s.ready = append(s.ready, w)
	if s.workers < mostLooks {
		s.workers++
		go s.work()
	}
}

// hurry ends a wait with one more look. The caller holds s.mu.
func (s *waits) hurry(w *parked) {
	w.last = true
	s.wake(w)
}

// work looks at those that are ready.
func (s *waits) work() {
	s.mu.Lock()
	for len(s.ready) > 0 {
		w := s.ready[0]
		s.ready[0] = nil
		s.ready = s.ready[1:]
		w.again = false
		last := w.last
		s.mu.Unlock()
		step, waits, err := w.lookAgain(last)
		if !waits {
			s.leave(w)
			w.finish(step, err)
		}
		s.mu.Lock()
		if !waits {
			continue
		}
		if w.busy = false; w.again {
			s.wake(w)
		}
	}
	s.ready = nil
	s.workers--
	s.mu.Unlock()
}
