package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/latchkey/latchkey/core"
)

// events is the stream of server-sent events of one device: ids only, and a comment now and then, by
// which both ends notice that the other has gone.
func (s *Server) events(w http.ResponseWriter, r *request) error {
	c, err := s.read(w, r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	out := &stream{w: w, control: http.NewResponseController(w), patience: s.limits.Reply, fail: cancel}
	if !s.streams.enter() {
		return refuse(core.CodeBusy, "")
	}
	defer s.streams.leave()
	defer context.AfterFunc(s.stopping, func() { cancel(errStopping) })()

	var beats sync.WaitGroup
	defer beats.Wait()
	defer cancel(nil)
	begun := false
	err = s.phones().DeviceEvents(ctx, c, func() {
		begun = true
		// Only now is the caller known: before, an outsider could end a device's streams in its name.
		forget := s.streams.add(c.Device, func() { cancel(errNewer) })
		context.AfterFunc(ctx, forget)
		out.begin()
		beats.Go(func() { out.beat(ctx, s.limits.Heartbeat) })
	}, out.event)
	if begun {
		s.judge(r, c, nil)
		return nil // whatever it was, the stream has begun: it ends
	}
	s.judge(r, c, err)
	if err == nil {
		err = errStopping
	}
	return err
}

// stream writes events. Core and the heartbeat write at the same time.
type stream struct {
	mu       sync.Mutex
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	fail     context.CancelCauseFunc
}

func (s *stream) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies of nginx's kind would keep the events back
	// A stream outlives the time that a request may take.
	_ = s.control.SetReadDeadline(time.Time{})
	s.w.WriteHeader(http.StatusOK)
	_ = s.flush()
	_ = s.control.SetWriteDeadline(time.Time{})
}

func (s *stream) event(e core.DeviceEvent) error {
	data, err := json.Marshal(struct {
		ID string `json:"id"`
	}{e.ID})
	if err != nil {
		return err
	}
	return s.write(fmt.Sprintf("event: %s\ndata: %s\n\n", e.Name, data))
}

func (s *stream) beat(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if s.write(":\n\n") != nil {
				return
			}
		}
	}
}

func (s *stream) write(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.control.SetWriteDeadline(time.Now().Add(s.patience))
	_, err := s.w.Write([]byte(text))
	if err == nil {
		err = s.flush()
	}
	// Between writes there is no deadline: HTTP/2 would end a stream at it though nothing is to be written.
	_ = s.control.SetWriteDeadline(time.Time{})
	if err != nil {
		s.fail(err)
	}
	return err
}

func (s *stream) flush() error { return s.control.Flush() }
