package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/latchkey/latchkey/core/pamcheck/wire"
)

const (
	maxConns = 512             // at a time
	sayIt    = 2 * time.Second // for a question to be said, and for an answer to be taken
)

// server takes questions from the socket to the pool.
type server struct {
	pool *pool
	may  func(uid int) bool // who may ask
	log  *slog.Logger
}

// serve answers until ctx ends.
func (s *server) serve(ctx context.Context, l *net.UnixListener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	room := make(chan struct{}, maxConns)
	for {
		conn, err := l.AcceptUnix()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // for want of descriptors, say: others end, and free some
			s.log.Error("accept", "error", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		select {
		case room <- struct{}{}:
			go func() {
				defer func() { <-room }()
				s.answer(conn)
			}()
		default: // the asker sees the end of the connection, and stays silent
			_ = conn.Close()
		}
	}
}

// answer takes one question and says one answer. Whoever may not ask hears nothing, and is not listened to.
func (s *server) answer(conn *net.UnixConn) {
	defer conn.Close()
	uid, err := wire.PeerUID(conn)
	if err != nil || !s.may(uid) {
		s.log.Warn("somebody may not ask", "uid", uid, "error", err)
		return
	}
	buf := make([]byte, wire.MaxFrame)
	defer clear(buf)
	_ = conn.SetDeadline(time.Now().Add(sayIt))
	frame, err := wire.ReadFrame(conn, buf)
	if err != nil {
		return // also of whoever only looked whether somebody is there
	}
	r, err := wire.DecodeRequest(frame)
	if err != nil {
		s.log.Warn("a question that is none", "error", err)
		return
	}
	response := s.pool.check(frame, r)
	clear(buf)
	r.Password = ""
	s.tell(r, response)
	_ = conn.SetDeadline(time.Now().Add(sayIt))
	if answer, err := response.Append(nil); err == nil {
		_, _ = conn.Write(answer)
	}
}

// tell logs what an administrator asks about; PAM itself logs the wrong ones.
func (s *server) tell(r wire.Request, response wire.Response) {
	attributes := []any{"request", r.ID, "service", r.Service, "user", r.Name, "detail", response.Detail}
	switch response.Outcome {
	case wire.Unavailable:
		s.log.Warn("no answer from PAM", attributes...)
	case wire.Refused, wire.Stale:
		s.log.Info("the password is right, but the account may not log in", attributes...)
	}
}
