package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/hostapi/hostdoor"
)

// Config is what a Server is made of.
type Config struct {
	Listen       []string           // "192.0.2.1:8443", "[::]:8443": IP addresses with ports
	URL          string             // where browsers and phones find it: https://HOST or https://HOST:PORT
	Certificates *Certificates      // of FromFiles or LocalAuthority
	Phones       func() core.Phones // asked once a call: a reload puts another one there
	// SelfService is asked once a call, as Phones is; it gives nil, or is nil, where the pages at /me/ are not served.
	SelfService func() core.SelfService
	App         fs.FS // with an index.html, and the pages of self-service below me/; nil: no app is served
	Brand       Brand
	Apps        Apps
	Hosts       func() core.Hosts // the same; nil: there is no fleet
	Log         *slog.Logger      // nil: slog.Default()
	Now         func() time.Time  // nil: time.Now
	Limits      Limits
}

// Server is the door. Its methods are safe for many goroutines.
type Server struct {
	place        place
	certificates *Certificates
	phones       func() core.Phones
	self         func() core.SelfService
	hosts        func() core.Hosts
	hostDoor     http.Handler
	hostCalls    *buckets
	hostShare    *conns // of calls in work, by host
	app          map[string]appFile
	brand        atomic.Pointer[Brand]
	sharing      atomic.Pointer[sharing]
	log          *slog.Logger
	now          func() time.Time
	limits       Limits

	table      table
	ids        *requestIDs
	quiet      quiet
	enrolments *buckets
	strangers  *strangers
	devices    *buckets
	streams    *streams
	conns      *conns
	places     chan struct{}
	waiters    chan struct{}
	signIns    *buckets
	allSignIns *buckets

	http     *http.Server
	stopping context.Context // ends the streams of events
	stop     context.CancelFunc

	mu      sync.Mutex
	sockets []*socket
	serving bool
	closed  bool
	running sync.WaitGroup
	broken  chan error
}

// socket is one listening address.
type socket struct {
	address string // as configured
	net.Listener
	retired atomic.Bool
}

// ErrClosed says that the server has been shut down, or serves already.
var ErrClosed = errors.New("web: the server is closed or serves already")

// New opens the addresses, so that mistakes show before anything is promised. Connections wait in the
// kernel until Serve.
func New(c Config) (*Server, error) {
	where, ok := newPlace(c.URL)
	if !ok {
		return nil, fmt.Errorf("web: the URL %q is not https://HOST or https://HOST:PORT", c.URL)
	}
	if c.Certificates == nil || c.Phones == nil {
		return nil, errors.New("web: a server needs Certificates and Phones")
	}
	app, err := loadApp(c.App)
	if err != nil {
		return nil, err
	}
	l := c.Limits.withDefaults()
	s := &Server{
		place: where, certificates: c.Certificates, phones: c.Phones, app: app, log: c.Log, now: c.Now, limits: l,
		ids: newRequestIDs(), enrolments: newBuckets(l.Enrolments), strangers: newStrangers(l.Failures), devices: newBuckets(l.Device),
		streams: newStreams(l.Streams, l.OfDevice), conns: newConns(l.Conns, l.OfNetwork),
		self: c.SelfService, signIns: newBuckets(l.SignIns), allSignIns: newBuckets(l.AllSignIns),
		places: make(chan struct{}, l.Calls), waiters: make(chan struct{}, l.Waiters), broken: make(chan error, 1),
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	if err := errors.Join(s.SetBrand(c.Brand), s.SetApps(c.Apps)); err != nil {
		return nil, err
	}
	s.hosts, s.hostCalls, s.hostShare = c.Hosts, newBuckets(l.OfHost), newConns(hostPlaces, hostsOwn)
	s.hostDoor = http.StripPrefix("/api", hostdoor.Handler(hostdoor.Config{Settle: s.settleHost, Log: s.log, Now: s.now}))
	s.devices.most = mostDevices
	s.table = newTable(s.routes())
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler: s, TLSConfig: s.tlsConfig(),
		ReadHeaderTimeout: l.Header, ReadTimeout: l.Request, WriteTimeout: l.Request + l.Reply, IdleTimeout: l.Idle,
		MaxHeaderBytes: 8 << 10,
		// What net/http has to say is about handshakes that strangers broke off.
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if err := s.Listen(c.Listen); err != nil {
		return nil, err
	}
	return s, nil
}

// Serve answers until ctx ends; then it ends the streams of events, lets the requests in work end, for
// Limits.Drain at most, and returns nil, or why it could not go on.
func (s *Server) Serve(ctx context.Context) error {
	s.mu.Lock()
	if s.closed || s.serving {
		s.mu.Unlock()
		return ErrClosed
	}
	s.serving = true
	for _, k := range s.sockets {
		s.accept(k)
	}
	s.mu.Unlock()

	var failure error
	select {
	case <-ctx.Done():
	case failure = <-s.broken:
	}
	s.mu.Lock()
	s.closed = true
	for _, k := range s.sockets {
		k.retired.Store(true)
	}
	s.mu.Unlock()
	s.stop()
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limits.Drain)
	defer cancel()
	err := s.http.Shutdown(patience)
	if err != nil {
		err = fmt.Errorf("web: requests were cut off: %w", errors.Join(err, s.http.Close()))
	}
	s.running.Wait()
	return errors.Join(failure, err)
}

// Close releases the addresses of a server that never served.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving || s.closed {
		return nil
	}
	s.closed = true
	var err error
	for _, k := range s.sockets {
		err = errors.Join(err, k.Close())
	}
	return err
}

// accept runs for one socket, under s.mu.
func (s *Server) accept(k *socket) {
	s.log.Info("web listens", "address", k.Addr().String())
	s.running.Go(func() {
		err := s.http.Serve(tls.NewListener(listener{k.Listener, s.conns}, s.http.TLSConfig))
		if k.retired.Load() {
			return
		}
		select {
		case s.broken <- fmt.Errorf("web: %s: %w", k.address, err):
		default:
		}
	})
}

// Addrs gives the addresses with the ports that the system has chosen.
func (s *Server) Addrs() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []netip.AddrPort
	for _, k := range s.sockets {
		list = append(list, k.Addr().(*net.TCPAddr).AddrPort())
	}
	return list
}
