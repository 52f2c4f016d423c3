package web

import (
	"errors"
	"sync"
)

// Why a stream ends besides that its reader went away.
var (
	errNewer    = errors.New("web: a newer stream of the device")
	errStopping = errors.New("web: the server stops")
)

// streams bounds the streams in all and of each device. A phone that lost its connection leaves a
// stream that nobody reads: so the newest one wins, and the oldest ends.
type streams struct {
	most, each int

	mu    sync.Mutex
	count int
	of    map[string][]*open
}

type open struct{ end func() }

func newStreams(most, each int) *streams {
	return &streams{most: most, each: each, of: map[string][]*open{}}
}

// enter takes a place, if there is one.
func (s *streams) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count >= s.most {
		return false
	}
	s.count++
	return true
}

func (s *streams) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count--
}

// add lists a stream of a device that has proved itself, and ends the oldest above the bound.
func (s *streams) add(device string, end func()) (forget func()) {
	this := &open{end}
	s.mu.Lock()
	list := append(s.of[device], this)
	var over []*open
	if n := len(list) - s.each; n > 0 {
		over, list = list[:n:n], append([]*open(nil), list[n:]...)
	}
	s.of[device] = list
	s.mu.Unlock()
	for _, o := range over {
		o.end()
	}
	return func() { s.remove(device, this) }
}

func (s *streams) remove(device string, this *open) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.of[device]
	for i, o := range list {
		if o == this {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if s.of[device] = list; len(list) == 0 {
		delete(s.of, device)
	}
}
