package radiusd

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey/latchkey/core"
)

// requestIDs are short and unique: four characters of this start, and a number.
type requestIDs struct {
	start string
	next  atomic.Uint64
}

func newRequestIDs() requestIDs {
	var random [3]byte
	rand.Read(random[:])
	return requestIDs{start: strings.ToLower(base32.StdEncoding.EncodeToString(random[:])[:4]) + "-"}
}

func (n *requestIDs) make() string {
	var space [24]byte
	return string(strconv.AppendUint(append(space[:0], n.start...), n.next.Add(1), 36))
}

// Drops are logged at most so often, each reason for itself; what is left out is counted in
// the next line. The counters have them all.
const (
	linesPerWindow = 5
	logWindow      = 10 * time.Second
)

type logLimit struct {
	sync.Mutex
	since      time.Time
	written    int
	suppressed int
}

func (l *logLimit) allow(now time.Time) (suppressed int, ok bool) {
	l.Lock()
	defer l.Unlock()
	if now.Sub(l.since) >= logWindow {
		l.since, l.written = now, 0
	}
	if l.written >= linesPerWindow {
		l.suppressed++
		return 0, false
	}
	l.written++
	suppressed, l.suppressed = l.suppressed, 0
	return suppressed, true
}

// drop counts and logs a packet that gets no reply. A duplicate that meets its original
// still in work is everyday and is counted only.
func (s *Server) drop(r *request, why Drop, cause error) {
	s.counters.dropped[why].Add(1)
	if why == InFlight {
		return
	}
	suppressed, ok := s.limits[why].allow(r.arrived)
	if !ok {
		return
	}
	level := slog.LevelWarn
	if why == Panicked || why == Unencodable {
		level = slog.LevelError
	}
	attrs := make([]slog.Attr, 0, 8)
	if r.id != "" {
		attrs = append(attrs, slog.String("request", r.id))
	}
	attrs = append(attrs, slog.String("reason", why.String()), slog.String("from", r.from.String()))
	if r.client != nil {
		attrs = append(attrs, slog.String("client", r.client.Name))
	}
	if r.packet.userName != nil {
		attrs = append(attrs, slog.String("user", quoted(r.packet.userName)))
	}
	if cause != nil {
		attrs = append(attrs, slog.String("error", cause.Error()))
	}
	if hint := dropHints[why]; hint != "" {
		attrs = append(attrs, slog.String("hint", hint))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	s.log.LogAttrs(context.Background(), level, "radius packet dropped", attrs...)
}

// finished logs a request that has got its reply: one line, never with password or State.
func (s *Server) finished(r *request, step *core.Step, now time.Time) {
	if !s.log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	var space [10]slog.Attr
	attrs := append(space[:0],
		slog.String("request", r.id),
		slog.String("client", r.client.Name),
		slog.String("user", quoted(r.packet.userName)),
		slog.String("step", step.Kind.String()))
	if !r.client.Prefix.IsSingleIP() {
		attrs = append(attrs, slog.String("from", r.from.Addr().String()))
	}
	if step.User != "" {
		attrs = append(attrs, slog.String("name", step.User))
	}
	if step.Reason != "" {
		attrs = append(attrs, slog.String("reason", string(step.Reason)))
	}
	if step.Reference != "" {
		attrs = append(attrs, slog.String("reference", step.Reference))
	}
	if r.joined {
		attrs = append(attrs, slog.Bool("joined", true))
	}
	attrs = append(attrs, slog.Int64("took_us", now.Sub(r.arrived).Microseconds()))
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "radius request", attrs...)
}

// quoted gives a name that may hold any bytes in a form that a log can hold: as it is where
// it is plain, else quoted as a Go string.
func quoted(name []byte) string {
	for _, c := range name {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return strconv.QuoteToASCII(string(name))
		}
	}
	return string(name)
}
