package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// newLog writes JSON lines, or text for a person on a terminal. flush writes what waits; call it
// at the end.
func newLog(w io.Writer) (log *slog.Logger, flush func()) {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return slog.New(slog.NewTextHandler(w, nil)), func() {}
		}
	}
	lines := &lines{to: w}
	return slog.New(promptly{slog.NewJSONHandler(lines, nil), lines}), lines.flush
}

const (
	lineDelay = 5 * time.Millisecond
	lineBytes = 32 << 10
)

// lines gathers what is logged within a few milliseconds into one write: under load, thousands of
// lines a second would be as many system calls. Whoever kills the daemon loses the last of them;
// what was decided stands in the audit log, which is durable before any reply leaves.
type lines struct {
	to io.Writer

	mu      sync.Mutex
	waiting bytes.Buffer
	due     bool // a flush is coming
}

// Write takes one line.
func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting.Write(line)
	switch {
	case l.waiting.Len() >= lineBytes:
		l.out()
	case !l.due:
		l.due = true
		time.AfterFunc(lineDelay, l.flush)
	}
	return len(line), nil
}

func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = false
	l.out()
}

// out writes what waits. Where a log cannot be written there is nobody to tell.
func (l *lines) out() {
	if l.waiting.Len() == 0 {
		return
	}
	_, _ = l.to.Write(l.waiting.Bytes())
	l.waiting.Reset()
}

// promptly lets warnings and errors out at once.
type promptly struct {
	slog.Handler
	lines *lines
}

func (p promptly) Handle(ctx context.Context, r slog.Record) error {
	err := p.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		p.lines.flush()
	}
	return err
}

func (p promptly) WithAttrs(attrs []slog.Attr) slog.Handler {
	return promptly{p.Handler.WithAttrs(attrs), p.lines}
}

func (p promptly) WithGroup(name string) slog.Handler {
	return promptly{p.Handler.WithGroup(name), p.lines}
}
