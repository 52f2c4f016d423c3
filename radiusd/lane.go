package radiusd

import (
	"sync"
	"sync/atomic"
)

// The two queues. Second rounds have their own, with their own workers, so that they never
// wait behind first rounds, whose password check takes its time.
const (
	firstRounds = iota
	secondRounds
	lanes
)

// lane is a bounded queue and its workers. Workers are started as work asks for them, up to
// a limit: a packet costs no goroutine. Some stay, ready for the next; those that a wave of
// waiting logins has called go again, since an idle one costs some kilobytes.
type lane struct {
	jobs    chan *request
	share   int32 // how much of the queue one NAS may fill
	most    int32
	workers atomic.Int32
	open    atomic.Int32 // queued or in work
	running sync.WaitGroup
	work    func(*request)
}

func newLane(index, capacity, workers int, work func(*request)) *lane {
	return &lane{
		jobs:  make(chan *request, capacity),
		share: int32(max(1, capacity/2)),
		most:  int32(workers),
		work: func(r *request) {
			r.client.queued[index].Add(-1)
			work(r)
		},
	}
}

// offer queues a request, or says that there is no room. It never waits. Only readers call
// it, and none does after drain.
func (l *lane) offer(r *request) bool {
	queued := &r.client.queued[r.lane]
	if queued.Add(1) > l.share {
		queued.Add(-1)
		return false
	}
	open := l.open.Add(1)
	select {
	case l.jobs <- r:
	default:
		l.open.Add(-1)
		queued.Add(-1)
		return false
	}
	// As many workers as open requests: none waits for one that is in core. Several readers
	// may be here at once.
	for n := l.workers.Load(); open > n && n < l.most; n = l.workers.Load() {
		if l.workers.CompareAndSwap(n, n+1) {
			l.running.Go(l.loop)
			break
		}
	}
	return true
}

// idle is how many workers may wait for work.
const idle = 256

func (l *lane) loop() {
	for r := range l.jobs {
		l.work(r)
		if l.open.Add(-1) < l.workers.Load()-idle && l.retire() {
			return
		}
	}
}

// retire takes the worker out of the count, unless work has come for it meanwhile: offer
// counts the request before it looks for workers, so one of the two sees the other.
func (l *lane) retire() bool {
	if n := l.workers.Add(-1); l.open.Load() <= n {
		return true
	}
	l.workers.Add(1)
	return false
}

// drain lets the workers end what is queued and returns when they have. Nothing may be offered any more.
func (l *lane) drain() {
	close(l.jobs)
	l.running.Wait()
}
