package localapi

import (
	"context"
	"errors"
	"math"
	"net/http"

	"github.com/latchkey/latchkey/core"
)

// readAudit streams records. With follow=true it goes on with new ones until the caller goes
// or the daemon ends.
func (s *Server) readAudit(w http.ResponseWriter, r *http.Request, _ core.Actor) error {
	q, err := parameters(r, "user", "reference", "from", "newest", "follow")
	if err != nil {
		return err
	}
	filter := core.AuditFilter{User: q.text("user"), Reference: q.text("reference")}
	if filter.From, err = q.number("from"); err != nil {
		return err
	}
	newest, err := q.number("newest")
	if err != nil {
		return err
	}
	filter.Newest = int(min(newest, math.MaxInt32))

	out := newStream(w)
	var last uint64
	send := func(record core.AuditEntry) bool {
		last = record.Seq
		return out.write(event{Record: &record}) == nil
	}
	if !q.flag("follow") {
		if err := s.admin().Audit(r.Context(), filter, send); err != nil {
			return err
		}
		return ended(out)
	}
	return s.followAudit(r.Context(), out, filter, send, &last)
}

// followAudit first sends what is there, then what comes. last is the newest record sent:
// the new ones join it without a gap, since FollowAudit begins after it. When the filter has
// picked nothing, the newest record of all is where to begin.
func (s *Server) followAudit(ctx context.Context, out *stream, filter core.AuditFilter,
	send func(core.AuditEntry) bool, last *uint64) error {
	var head uint64
	err := s.admin().Audit(ctx, core.AuditFilter{Newest: 1}, func(record core.AuditEntry) bool {
		head = record.Seq
		return true
	})
	if err == nil {
		err = s.admin().Audit(ctx, filter, send)
	}
	if err == nil && out.flush() == nil {
		filter.From, filter.Newest = 0, 0
		err = s.admin().FollowAudit(ctx, max(head, *last), filter, func(record core.AuditEntry) bool {
			return out.send(event{Record: &record}) == nil
		})
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return ended(out)
}

func (s *Server) verifyAudit(w http.ResponseWriter, r *http.Request, _ core.Actor) error {
	verdict, err := s.admin().VerifyAudit(r.Context())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, verdict)
	return nil
}
