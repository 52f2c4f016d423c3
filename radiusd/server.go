package radiusd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey/latchkey/core"
)

// Logins is what the door asks. A nil error comes with a Step to render. Any error means
// that there is no outcome to tell of (unknown, overloaded, shutting down): the door is
// silent, and a retransmission asks again. The context ends when the NAS has given up.
// Both methods are called by many goroutines at once. AnswerLater is core's: a reply that waits
// for a phone is taken over, and answered later.
type Logins interface {
	Begin(context.Context, core.Attempt) (core.Step, error)
	AnswerLater(context.Context, core.Reply, core.Later) (step core.Step, later bool, err error)
}

// Snapshot is what a reload replaces as a whole. A request keeps the one that it met from
// its first byte to its reply.
type Snapshot struct {
	Clients []Client
	Logins  Logins
}

// Limits bound what the door holds and does at once. A zero takes the default.
type Limits struct {
	FirstQueue    int           // first rounds that wait (2048)
	FirstWorkers  int           // first rounds in work (256)
	SecondQueue   int           // second rounds that wait (4096)
	SecondWorkers int           // second rounds in work (1024)
	Waits         int           // rounds that wait for a phone, half of them for one NAS (131072)
	Duplicates    int           // replies kept for duplicates (131072)
	Keep          time.Duration // how long they are kept, 5 to 30 s (15 s)
	Drain         time.Duration // how long Serve waits at its end for requests in work (10 s)
}

func (l Limits) withDefaults() Limits {
	l.FirstQueue = cmp.Or(l.FirstQueue, 2048)
	l.FirstWorkers = cmp.Or(l.FirstWorkers, 256)
	l.SecondQueue = cmp.Or(l.SecondQueue, 4096)
	l.SecondWorkers = cmp.Or(l.SecondWorkers, 1024)
	l.Waits = cmp.Or(l.Waits, 1<<17)
	l.Duplicates = cmp.Or(l.Duplicates, 1<<17)
	l.Keep = cmp.Or(l.Keep, 15*time.Second)
	l.Drain = cmp.Or(l.Drain, 10*time.Second)
	return l
}

// Config is what a Server is made of.
type Config struct {
	Listen []string         // "192.0.2.1:1812", "[::]:1812": IP addresses with ports
	Log    *slog.Logger     // nil: slog.Default()
	Now    func() time.Time // nil: time.Now
	Limits Limits

	// Observe is called once for each reply that a Step became, with the time from packet
	// to reply. Optional; it must be quick and safe for many goroutines.
	Observe func(step core.StepKind, took time.Duration)
}

// Server is the door. Its methods are safe for many goroutines.
type Server struct {
	log     *slog.Logger
	now     func() time.Time
	bounds  Limits
	observe func(core.StepKind, time.Duration)

	snapshot   atomic.Pointer[snapshot]
	duplicates *duplicates
	joining    *joining
	lanes      [lanes]*lane
	requests   sync.Pool
	ids        requestIDs
	counters   counters
	limits     [drops]logLimit

	base     context.Context // of every request; ends when Shutdown loses its patience
	cancel   context.CancelFunc
	stopping context.Context // of what waits for a phone; ends when Shutdown begins
	stop     context.CancelFunc

	parked  atomic.Int32 // rounds that wait for a phone
	waiting sync.WaitGroup

	mu      sync.Mutex
	sockets []*socket
	opened  uint32
	serving bool
	closed  bool
	readers sync.WaitGroup
	broken  chan error
	ended   chan struct{}
}

type snapshot struct {
	clients *clients
	logins  Logins
}

// ErrClosed says that the server has been shut down, or serves already.
var ErrClosed = errors.New("radiusd: the server is closed or serves already")

// New opens the addresses, so that mistakes show before anything is promised, and takes the
// first snapshot. Packets wait in the kernel until Serve.
func New(c Config, first Snapshot) (*Server, error) {
	s := &Server{
		log:      c.Log,
		now:      c.Now,
		bounds:   c.Limits.withDefaults(),
		observe:  c.Observe,
		joining:  newJoining(),
		requests: sync.Pool{New: func() any { return &request{buffers: new(buffers)} }},
		ids:      newRequestIDs(),
		broken:   make(chan error, 1),
		ended:    make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.base, s.cancel = context.WithCancel(context.Background())
	s.stopping, s.stop = context.WithCancel(s.base)
	s.duplicates = newDuplicates(s.bounds.Keep, s.bounds.Duplicates)
	s.lanes[firstRounds] = newLane(firstRounds, s.bounds.FirstQueue, s.bounds.FirstWorkers, s.work)
	s.lanes[secondRounds] = newLane(secondRounds, s.bounds.SecondQueue, s.bounds.SecondWorkers, s.work)
	if err := s.Reload(first); err != nil {
		return nil, err
	}
	if err := s.Listen(c.Listen); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload replaces clients and Logins for the requests that come from now on. On an error
// nothing has changed.
func (s *Server) Reload(next Snapshot) error {
	if next.Logins == nil {
		return errors.New("radiusd: a snapshot needs Logins")
	}
	t, err := newClients(next.Clients)
	if err != nil {
		return err
	}
	s.snapshot.Store(&snapshot{clients: t, logins: next.Logins})
	return nil
}

// Serve reads and answers until ctx ends or Shutdown is called; then it lets the requests in
// work end, for Limits.Drain at most. It returns nil, or why it could not go on.
func (s *Server) Serve(ctx context.Context) error {
	s.mu.Lock()
	if s.closed || s.serving {
		s.mu.Unlock()
		return ErrClosed
	}
	s.serving = true
	s.startReading(s.sockets)
	s.mu.Unlock()

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-s.broken:
	case <-s.ended:
		return nil
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.bounds.Drain)
	defer cancel()
	return errors.Join(failure, s.Shutdown(patience))
}

// Shutdown stops reading and lets the requests in work end. When ctx ends first, their
// contexts are cancelled; the error then says so. A second call waits for the first.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.ended
		return nil
	}
	s.closed = true
	for _, k := range s.sockets {
		s.retire(k)
	}
	s.mu.Unlock()
	defer close(s.ended)
	defer s.cancel()

	s.stop()
	s.readers.Wait()
	drained := make(chan struct{})
	go func() {
		for _, l := range s.lanes {
			l.drain()
		}
		s.waiting.Wait()
		close(drained)
	}()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
	}
	s.cancel()
	select {
	case <-drained:
	case <-time.After(time.Second):
	}
	return fmt.Errorf("radiusd: requests were cut off: %w", ctx.Err())
}
