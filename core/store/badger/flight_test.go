package badger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/latchkey/latchkey/core/store"
)

// held is a store whose commits wait, just before they are written, for a word of the
// test: the Link function, which the committer calls, is the place.
type held struct {
	*Store
	arrived, release chan struct{}
}

func openHeld(t *testing.T) *held {
	h := &held{arrived: make(chan struct{}), release: make(chan struct{})}
	h.Store = mustOpen(t, Config{Dir: t.TempDir(), EncryptionKey: benchKey, Link: func(uint64, []byte, []byte) []byte {
		h.arrived <- struct{}{}
		<-h.release
		return nil
	}})
	t.Cleanup(func() { mustClose(t, h.Store) })
	return h
}

// begin starts an Update and gives its outcome later.
func (h *held) begin(ctx context.Context, fn func(store.Txn) error) chan error {
	out := make(chan error, 1)
	go func() { out <- h.Update(ctx, fn) }()
	return out
}

func (h *held) value(t *testing.T, key string) (v string) {
	t.Helper()
	if err := h.View(context.Background(), func(r store.Reader) error {
		p, err := r.Get([]byte(key))
		if v = string(p); errors.Is(err, store.ErrNotFound) {
			v, err = "-", nil
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return v
}

func put(key, value string) func(store.Txn) error {
	return func(x store.Txn) error {
		x.Set([]byte(key), []byte(value))
		x.Append([]byte(key))
		return nil
	}
}

// TestCommitInFlight: while a commit is on its way nothing of it is seen, views and
// reading updates do not wait, and who leaves is told that the outcome is unknown.
func TestCommitInFlight(t *testing.T) {
	h := openHeld(t)
	bg := context.Background()
	leaving, leave := context.WithCancel(bg)
	watching, unwatch := context.WithCancel(bg)
	defer unwatch()
	events := h.Watch(watching, nil)
	out := h.begin(leaving, put("a", "1"))
	<-h.arrived

	if v := h.value(t, "a"); v != "-" {
		t.Errorf("a view sees %q before it is durable", v)
	}
	if seq, _, err := h.JournalHead(bg); seq != 0 || err != nil {
		t.Errorf("the journal's head is %d, %v before it is durable", seq, err)
	}
	if err := h.Update(bg, func(x store.Txn) error {
		_, err := x.Get([]byte("a"))
		return err
	}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an update sees, before it is durable: %v", err)
	}
	select {
	case e := <-events:
		t.Errorf("a watcher hears of %q before it is durable", e.Key)
	default:
	}

	// A second one waits behind it, and may still be taken back.
	waiting, takeBack := context.WithCancel(bg)
	second := h.begin(waiting, put("b", "1"))
	takeBack()
	if err := <-second; !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("taken back while waiting: %v; want context.Canceled alone", err)
	}
	leave()
	if err := <-out; !errors.Is(err, store.ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("left while it was written: %v; want ErrUnknown", err)
	}
	h.release <- struct{}{}
	if e := <-events; string(e.Key) != "a" || e.Deleted {
		t.Errorf("the event is %+v", e)
	}
	if a, b := h.value(t, "a"), h.value(t, "b"); a != "1" || b != "-" {
		t.Errorf("afterwards a=%s b=%s; want 1 and -", a, b)
	}
}

// TestRefusalIsNotEarly: a function that refuses because of what another transaction of
// the SAME batch has written must not be heard before that is durable.
func TestRefusalIsNotEarly(t *testing.T) {
	h := openHeld(t)
	bg := context.Background()
	first := h.begin(bg, put("x", "1"))
	<-h.arrived // now two more gather behind it, in one batch
	taken := errors.New("taken")
	take := func(x store.Txn) error {
		if _, err := x.Get([]byte("ticket")); err == nil {
			return taken
		}
		return put("ticket", "mine")(x)
	}
	one, other := h.begin(bg, take), h.begin(bg, take)
	for len(h.queue) < 2 {
		runtime.Gosched()
	}
	h.release <- struct{}{}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	<-h.arrived // the second batch is built, and not written
	for range 1000 {
		runtime.Gosched()
	}
	select {
	case err := <-one:
		t.Errorf("told %v before the batch is durable", err)
	case err := <-other:
		t.Errorf("told %v before the batch is durable", err)
	default:
	}
	h.release <- struct{}{}
	a, b := <-one, <-other
	if (a == nil) == (b == nil) || !errors.Is(errors.Join(a, b), taken) {
		t.Errorf("the outcomes are %v and %v; want one nil, one refusal", a, b)
	}
	if st := h.Stats(); st.Conflicts != 1 || st.Batches != 2 || st.Commits != 2 {
		t.Errorf("%+v; want 1 conflict, 2 batches, 2 commits", st)
	}
}

// TestOldVersions: what is overwritten goes from the disk, but not what a view that is
// still open may read.
func TestOldVersions(t *testing.T) {
	t.Parallel()
	cfg := smallConfig(t.TempDir())
	cfg.tuning.discardEvery = 1 // every moment
	s := mustOpen(t, cfg)
	defer mustClose(t, s)
	const keys, rounds = 40, 60
	bg := context.Background()
	write := func(round uint64) {
		for from := 0; from < keys; from += 10 {
			if err := s.Update(bg, func(x store.Txn) error {
				for k := from; k < from+10; k++ {
					x.Set(fmt.Append(nil, "key", k), payload(round, 10_000))
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(r store.Reader, round uint64) {
		t.Helper()
		for k := range keys {
			if v, err := r.Get(fmt.Append(nil, "key", k)); err != nil || binary.BigEndian.Uint64(v) != round {
				t.Fatalf("key%d is not of round %d: %v", k, round, err)
			}
		}
	}
	write(0)
	if err := s.View(bg, func(old store.Reader) error {
		for round := range uint64(rounds) {
			write(round + 1)
		}
		check(old, 0)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for round := range uint64(rounds) {
		write(round + 1)
	}
	if err := s.View(bg, func(r store.Reader) error { check(r, rounds); return nil }); err != nil {
		t.Fatal(err)
	}
	written, live := int64(2*rounds*keys*10_000), int64(keys*10_000)
	if used := diskUsage(cfg.Dir); used > written/2 {
		t.Errorf("%d KiB on disk for %d KiB of values, %d KiB were written: old versions stay", used>>10, live>>10, written>>10)
	}
}
