// Package watch tells watchers of changed keys without ever slowing a commit: each
// has a bounded set of keys that wait for it, and what does not fit becomes one event
// that says so. It must never know an engine.
package watch

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/latchkey/latchkey/core/store"
)

// Pending is the number of different keys that may wait for one watcher.
const Pending = 1024

// Hub hands events to watchers. The zero value is usable.
type Hub struct {
	count    atomic.Int64
	mu       sync.Mutex
	watchers map[*watcher]struct{}
	closed   bool
}

type watcher struct {
	prefix string
	wake   chan struct{}
	ended  chan struct{} // the hub was closed

	mu      sync.Mutex
	waiting map[string]bool // key → deleted
	order   []string
	lost    bool
}

// Watch serves store.Store.Watch.
func (h *Hub) Watch(ctx context.Context, prefix []byte) <-chan store.Event {
	out := make(chan store.Event)
	w := &watcher{prefix: string(prefix), wake: make(chan struct{}, 1), ended: make(chan struct{}), waiting: map[string]bool{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(out)
		return out
	}
	if h.watchers == nil {
		h.watchers = map[*watcher]struct{}{}
	}
	h.watchers[w] = struct{}{}
	h.count.Add(1)
	go func() {
		defer close(out)
		defer h.forget(w)
		w.pump(ctx, out)
	}()
	return out
}

func (h *Hub) forget(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
	h.count.Add(-1)
}

// Watched tells whether anybody would hear; a commit asks before it collects keys.
func (h *Hub) Watched() bool { return h.count.Load() > 0 }

// Changed tells of one key. It does not keep key.
func (h *Hub) Changed(key []byte, deleted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		if strings.HasPrefix(string(key), w.prefix) {
			w.add(string(key), deleted)
		}
	}
}

// Lost tells every watcher that changes may have been missed.
func (h *Hub) Lost() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.mu.Lock()
		w.lose()
		w.mu.Unlock()
		w.nudge()
	}
}

// Close ends every watch; a later one is over at once.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	for w := range h.watchers {
		close(w.ended)
	}
}

func (w *watcher) add(key string, deleted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost {
		return // the event that waits covers this change too
	}
	if _, merged := w.waiting[key]; !merged {
		if len(w.order) >= Pending {
			w.lose()
			w.nudge()
			return
		}
		w.order = append(w.order, key)
	}
	w.waiting[key] = deleted
	w.nudge()
}

// lose replaces what waits by the one event that covers everything.
func (w *watcher) lose() {
	w.lost, w.order = true, nil
	clear(w.waiting)
}

func (w *watcher) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) next() (e store.Event, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost {
		w.lost = false
		return store.Event{Lost: true}, true
	}
	if len(w.order) == 0 {
		return e, false
	}
	key := w.order[0]
	w.order = w.order[1:]
	e = store.Event{Key: []byte(key), Deleted: w.waiting[key]}
	delete(w.waiting, key)
	return e, true
}

func (w *watcher) pump(ctx context.Context, out chan<- store.Event) {
	for {
		e, ok := w.next()
		if !ok {
			select {
			case <-w.wake:
				continue
			case <-ctx.Done():
				return
			case <-w.ended:
				return
			}
		}
		select {
		case out <- e:
		case <-ctx.Done():
			return
		case <-w.ended:
			return
		}
	}
}
