// Package localapi is the Unix-socket door for those who administer the appliance: HTTP with
// JSON over a socket file, its server and its client. Who is calling is settled from the
// kernel's word before any handler runs, and the table in routes.go says which role may do what.
//
// The package must never know how users are kept, decide who may log in, or log a body.
package localapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/latchkey/latchkey/core"
)

// Config of a Server.
type Config struct {
	Admin    func() Admin                 // asked once a call: a reload puts another one there
	Status   func(context.Context) Status // what the daemon knows of itself
	Carriers Carriers                     // nil: there are none
	Head     func() LetterHead            // of letters; nil: a plain one
	Roles    Roles                        // beside root and the daemon's own user
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now
}

// Server answers on one or more sockets.
type Server struct {
	admin    func() Admin
	status   func(context.Context) Status
	carriers Carriers
	head     func() LetterHead
	groups   []roleGroup
	log      *slog.Logger
	now      func() time.Time
	mux      *http.ServeMux
}

// NewServer fails if a role or its group does not exist.
func NewServer(c Config) (*Server, error) {
	groups, err := c.Roles.resolve()
	if err != nil {
		return nil, err
	}
	s := &Server{admin: c.Admin, status: c.Status, head: c.Head, carriers: c.Carriers, groups: groups, log: c.Log, now: c.Now, mux: http.NewServeMux()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.status == nil {
		s.status = func(context.Context) Status { return Status{} }
	}
	if s.head == nil {
		s.head = func() LetterHead { return LetterHead{} }
	}
	for _, r := range s.routes() {
		s.mux.Handle(r.method+" "+r.path, s.guard(r))
	}
	return s, nil
}

// How long a caller may take. Streams (import, audit) have no limit as a whole; each write has.
const (
	headerTime   = 10 * time.Second
	idleTime     = 2 * time.Minute
	writeTime    = 5 * time.Minute // somebody reads a long list in a pager
	shutdownTime = 5 * time.Second
)

type callerKey struct{}

// caller is who is at the other end of a connection.
type caller struct {
	actor core.Actor
	err   error
}

// Serve answers at l until ctx ends, then lets requests in flight finish for a moment and
// closes l. It returns nil after an end by ctx.
func (s *Server) Serve(ctx context.Context, l *Listener) error {
	return serveHTTP(ctx, "admin socket", l, s, func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, callerKey{}, s.identify(conn))
	}, s.log)
}

// serveHTTP serves one socket in the way of Serve. who settles who is calling, once a connection.
func serveHTTP(ctx context.Context, what string, l *Listener, handler http.Handler, who func(context.Context, net.Conn) context.Context, log *slog.Logger) error {
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       who,
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		_ = l.Close()
		return fmt.Errorf("%s: %w", what, err)
	case <-ctx.Done():
	}
	_ = l.Close()
	stop() // ends those who follow the audit log, and those who wait for a phone
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		_ = server.Close()
	}
	<-done
	return nil
}

func (s *Server) identify(conn net.Conn) caller {
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return caller{err: fmt.Errorf("not a Unix socket: %T", conn)}
	}
	p, err := peerOf(unixConn)
	if err != nil {
		return caller{err: err}
	}
	return caller{actor: actorOf(p, s.groups)}
}

// ServeHTTP refuses what no route takes, in the words of this API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := s.mux.Handler(r); pattern == "" {
		writeProblem(w, http.StatusNotFound, Problem{"no such call",
			"the command line and the daemon are of different versions; restart latchkeyd after an update"})
		return
	}
	s.mux.ServeHTTP(w, r)
}

// handler does one call. An error that it returns is told to the caller.
type handler func(w http.ResponseWriter, r *http.Request, actor core.Actor) error

// guard stands before every handler: request id, actor, role, panics, log.
func (s *Server) guard(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		began := s.now()
		id := requestID()
		log := s.log.With("request", id, "call", r.method+" "+r.path)
		reply := &replyWriter{ResponseWriter: w}
		who, _ := req.Context().Value(callerKey{}).(caller)
		err := s.run(reply, req, r, who)
		status := reply.status
		if err != nil {
			var problem Problem
			status, problem = tell(log, id, err)
			if reply.status == 0 {
				writeProblem(reply, status, problem)
			} else { // the reply has begun: only a stream can still say it
				_ = newStream(reply).send(event{Problem: &problem})
				drain(reply, req)
			}
		}
		log.Info("admin call", "actor", who.actor.Name, "uid", who.actor.UID, "role", string(who.actor.Role),
			"status", status, "took_us", s.now().Sub(began).Microseconds())
	})
}

func (s *Server) run(w http.ResponseWriter, r *http.Request, route route, who caller) (err error) {
	defer func() {
		switch p := recover(); {
		case p == nil:
		case p == http.ErrAbortHandler: //nolint:errorlint // compared as net/http does
			panic(p)
		default:
			// The value may hold anything, a secret included; its type and the place are enough.
			err = fmt.Errorf("panic of type %T at %s", p, panicSite())
		}
	}()
	if who.err != nil {
		return fmt.Errorf("who is calling: %w", who.err)
	}
	if rank(who.actor.Role) < rank(route.role) || rank(who.actor.Role) == 0 {
		return s.refuseRole(who.actor, route.role)
	}
	return route.handler(w, r, who.actor)
}

func (s *Server) refuseRole(actor core.Actor, needed core.Role) error {
	if actor.Role == "" {
		return refuse(http.StatusForbidden, fmt.Sprintf("%s may not administer latchkey", actor.Name),
			"you need to be root or in a group that socket.roles names")
	}
	return refuse(http.StatusForbidden, fmt.Sprintf("%s has the role %s; this needs %s", actor.Name, actor.Role, needed),
		"socket.roles in latchkey.yaml says which group has which role")
}

func requestID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// replyWriter remembers whether a reply has begun, and limits the time of each write.
type replyWriter struct {
	http.ResponseWriter
	status int
}

func (w *replyWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *replyWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	err := http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTime))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return w.ResponseWriter.Write(b)
}

// FlushError is for http.ResponseController: what is flushed has begun.
func (w *replyWriter) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (w *replyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
