package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core"
)

// request is an *http.Request after the guard.
type request struct {
	*http.Request
	id     string     // of this request, in logs and audit
	remote netip.Addr // the peer; no header is believed about it
}

// reply remembers what was written, for the log and for panics.
type reply struct {
	http.ResponseWriter
	status int
}

func (w *reply) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *reply) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach deadlines and flushing.
func (w *reply) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ServeHTTP is what every request passes, in this order: headers that every reply has, the route, who
// may ask, the handler; then one line in the log.
func (s *Server) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	started := s.now()
	w := &reply{ResponseWriter: out}
	r := &request{Request: in, id: s.ids.make(), remote: peer(in.RemoteAddr)}
	s.place.harden(w.Header(), s.sharing.Load().policy, in.URL.Path)
	err := s.answer(w, r)
	if err != nil && w.status == 0 {
		problemOf(err).write(w)
	}
	s.finished(r, w.status, err, started)
}

// answer finds the route and runs its handler. A panic is this request's only: the daemon serves
// logins at other doors too.
func (s *Server) answer(w http.ResponseWriter, r *request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic in a request", "request", r.id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	if done, err := s.preflight(w, r); done {
		return err
	}
	apps := s.sharing.Load()
	found, ok, allowed := s.table.find(r.Method, r.URL.Path)
	if !ok {
		if err := s.place.admits(r.Request, anywhere, apps); err != nil {
			return err
		}
		if len(allowed) == 0 {
			return refuse(codeNotFound, "")
		}
		slices.Sort(allowed)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return refuse(codeWrongMethod, "")
	}
	if err := s.place.admits(r.Request, found.from, apps); err != nil {
		return err
	}
	if found.from == anyApp {
		w.Header().Set("Vary", "Origin")
		if origin, ok := apps.admitted(r.Request); ok {
			allow(w.Header(), origin)
		}
	}
	// The path is signed as it stands in the request line: with a query, or in another spelling, it is not it.
	if (found.from == samePage || found.from == anyApp) && r.RequestURI != r.URL.Path {
		return refuse(core.CodeBadRequest, "the path is to be given as documented, without a query")
	}
	return found.handler(w, r)
}

// peer is the address without its port. An address of IPv4 in an IPv6 socket is one of IPv4.
func peer(remote string) netip.Addr {
	a, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap().WithZone("")
}

// finished logs a request: never a body, a header or a query, and of the path only what is in the
// table, since the rest is somebody's text.
func (s *Server) finished(r *request, status int, err error, started time.Time) {
	level := slog.LevelDebug
	code := codeOf(err)
	switch {
	case err != nil && code == "" && r.Context().Err() == nil:
		level = slog.LevelError
	case err != nil:
		level = slog.LevelInfo
	}
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	now := s.now()
	suppressed := 0
	if level > slog.LevelDebug {
		var ok bool
		if suppressed, ok = s.quiet.allow(code, now); !ok {
			return
		}
	}
	attrs := []slog.Attr{
		slog.String("request", r.id), slog.String("method", known(r.Method)), slog.String("path", s.table.known(r.URL.Path)),
		slog.String("from", r.remote.String()), slog.Int("status", status), slog.Int64("took_us", now.Sub(started).Microseconds()),
	}
	if code != "" {
		attrs = append(attrs, slog.String("code", string(code)))
	} else if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	s.log.LogAttrs(r.Context(), level, "web request", attrs...)
}

func known(method string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}, method) {
		return method
	}
	return "other"
}
