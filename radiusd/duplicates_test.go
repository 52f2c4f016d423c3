package radiusd

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"

	"github.com/latchkey/latchkey/core"
)

func TestDuplicateIsAnsweredFromTheCache(t *testing.T) {
	hands := new(clock)
	core := new(logins)
	s := start(t, Config{Now: hands.now, Limits: Limits{Keep: 15 * time.Second}}, core, nas(nil))
	g := dial(t, s.Addrs()[0])
	raw := asked(identified(7), user("lutz"), password("pw"))
	g.send(raw)
	first := g.receive()
	hands.advance(14 * time.Second)
	g.send(raw)
	if again := g.receive(); !bytes.Equal(again, first) {
		t.Errorf("another reply\n%x\n%x", first, again)
	}
	if begun, _ := core.calls(); begun != 1 || s.Stats().Resent != 1 {
		t.Errorf("core asked %d times; %+v", begun, s.Stats())
	}

	// Another authenticator is another request, and the old one is forgotten.
	g.send(asked(identified(7), user("lutz"), password("pw")))
	g.receive()
	g.send(raw)
	g.receive()
	if begun, _ := core.calls(); begun != 3 {
		t.Errorf("core asked %d times, want 3", begun)
	}

	// So is the same packet after the cache's time.
	hands.advance(16 * time.Second)
	g.send(raw)
	g.receive()
	if begun, _ := core.calls(); begun != 4 || s.Stats().Remembered != 1 {
		t.Errorf("core asked %d times, want 4; %+v", begun, s.Stats())
	}
	// The same bytes from another port are not a duplicate of the first net.
	dial(t, s.Addrs()[0]).ask(raw, testSecret)
	if begun, _ := core.calls(); begun != 5 {
		t.Errorf("core asked %d times, want 5", begun)
	}
}

func TestDuplicateInFlightIsDropped(t *testing.T) {
	core, entered, release := held()
	s := start(t, Config{}, core, nas(nil))
	g := dial(t, s.Addrs()[0])
	raw := asked(identified(7), user("lutz"), password("pw"))
	g.send(raw)
	<-entered
	g.send(raw)
	g.send(raw)
	until(t, "both dropped", func() bool { return s.Stats().Dropped[InFlight] == 2 })
	// A packet with the same identifier, which anybody could send, evicts nothing: the
	// duplicate of the first is still known, and the first still gets its reply.
	other := asked(identified(7), user("mallory"), password("pw"))
	g.send(other)
	<-entered
	g.send(raw)
	until(t, "third dropped", func() bool { return s.Stats().Dropped[InFlight] == 3 })
	close(release)
	for range 2 {
		reply := g.receive()
		if !radius.IsAuthenticResponse(reply, raw, []byte(testSecret)) && !radius.IsAuthenticResponse(reply, other, []byte(testSecret)) {
			t.Error("a reply to neither")
		}
	}
	if begun, _ := core.calls(); begun != 2 {
		t.Errorf("core asked %d times", begun)
	}
}

// held is a core whose Begin says that it has been entered and waits to be released.
func held() (l *logins, entered chan string, release chan struct{}) {
	entered, release = make(chan string, 100), make(chan struct{})
	l = &logins{begin: func(ctx context.Context, a core.Attempt) (core.Step, error) {
		entered <- a.User
		select {
		case <-release:
			return core.Step{Kind: core.Accept}, nil
		case <-ctx.Done():
			return core.Step{}, ctx.Err()
		}
	}}
	return l, entered, release
}

// An error of core is silence, and frees the entry: the retransmission asks again.
func TestNoOutcomeIsSilence(t *testing.T) {
	failures := 1
	core := &logins{begin: func(context.Context, core.Attempt) (core.Step, error) {
		if failures > 0 {
			failures--
			return core.Step{}, context.DeadlineExceeded
		}
		return core.Step{Kind: core.Accept}, nil
	}}
	s := start(t, Config{}, core, nas(nil))
	g := dial(t, s.Addrs()[0])
	raw := asked(user("lutz"), password("pw"))
	g.send(raw)
	until(t, "no answer", func() bool { return s.Stats().Dropped[NoAnswer] == 1 })
	if st := s.Stats(); st.Remembered != 0 || st.Accepts != 0 {
		t.Errorf("%+v", st)
	}
	if reply := g.ask(raw, testSecret); reply.Code != radius.CodeAccessAccept {
		t.Errorf("code %v", reply.Code)
	}
	if !strings.Contains(s.log.String(), "reason=no-answer") {
		t.Errorf("log:\n%s", s.log)
	}
}

func originOf(port uint16, id byte) origin {
	return origin{from: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port), socket: 1, identifier: id}
}

func TestDuplicatesAreBounded(t *testing.T) {
	d := newDuplicates(15*time.Second, 4*shardCount)
	var inFlight []*remembered
	for i := range 100 {
		m, _, why := d.begin(originOf(uint16(1000+i), 9), [16]byte{byte(i)}, epoch)
		if why != none {
			t.Fatal(why)
		}
		inFlight = append(inFlight, m)
	}
	for i := range 100_000 {
		m, _, why := d.begin(originOf(uint16(2000+i%50_000), byte(i)), [16]byte{byte(i), byte(i >> 8), byte(i >> 16)}, epoch)
		if why != none {
			t.Fatal(why)
		}
		d.answer(m, []byte{1}, epoch)
	}
	answered, origins := d.size()
	if answered > 4*shardCount || origins != answered+100 {
		t.Errorf("%d answered, %d origins", answered, origins)
	}
	for i := range 100 { // nothing in work was evicted
		if _, _, why := d.begin(originOf(uint16(1000+i), 9), [16]byte{byte(i)}, epoch); why != InFlight {
			t.Fatalf("entry %d: %v", i, why)
		}
	}
	for _, m := range inFlight {
		d.forget(m)
	}
	for i := range d.shards {
		d.shards[i].Lock()
		d.expire(&d.shards[i], epoch.Add(time.Minute))
		d.shards[i].Unlock()
	}
	if answered, origins := d.size(); answered != 0 || origins != 0 {
		t.Errorf("left behind: %d answered, %d origins", answered, origins)
	}
}

func TestDuplicatesOfOneOrigin(t *testing.T) {
	d := newDuplicates(15*time.Second, 1000)
	o := originOf(1812, 1)
	begin := func(auth byte, want Drop) *remembered {
		t.Helper()
		m, reply, why := d.begin(o, [16]byte{auth}, epoch)
		if why != want || reply != nil {
			t.Fatalf("authenticator %d: %v %v", auth, why, reply)
		}
		return m
	}
	a := begin(1, none)
	b := begin(2, none)
	begin(1, InFlight)
	begin(2, InFlight)
	d.answer(a, []byte("a"), epoch) // b is newer: a is not kept
	if answered, _ := d.size(); answered != 0 {
		t.Error("the older reply was kept")
	}
	d.answer(b, []byte("b"), epoch)
	if _, reply, _ := d.begin(o, [16]byte{2}, epoch); string(reply) != "b" {
		t.Errorf("reply %q", reply)
	}
	c := begin(3, none) // forgets b
	d.forget(c)
	begin(2, none)
	for i := byte(10); i < 10+maxSiblings-1; i++ {
		begin(i, none)
	}
	begin(99, QueueFull)
}

// FuzzDuplicates plays random calls and compares with the rules, told the simple way.
func FuzzDuplicates(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 64, 65, 128, 129})
	f.Add([]byte("begin answer forget"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		d := newDuplicates(10*time.Second, 1000*shardCount)
		now := epoch
		type key struct{ id, auth byte }
		open := map[key]*remembered{}
		for _, op := range ops {
			k := key{op & 3, op >> 2 & 3}
			switch op >> 4 {
			case 0, 1, 2, 3, 4, 5:
				m, reply, why := d.begin(originOf(1, k.id), [16]byte{k.auth}, now)
				if _, flying := open[k]; flying != (why == InFlight) {
					t.Fatalf("in flight %v, got %v", flying, why)
				}
				if why == none && (m == nil) == (reply == nil) {
					t.Fatal("neither or both")
				}
				if m != nil {
					open[k] = m
				}
			case 6, 7, 8, 9, 10:
				if m := open[k]; m != nil {
					delete(open, k)
					d.answer(m, []byte{k.auth}, now)
				}
			case 11, 12, 13:
				if m := open[k]; m != nil {
					delete(open, k)
					d.forget(m)
				}
			default:
				now = now.Add(4 * time.Second)
			}
		}
		for _, m := range open {
			d.forget(m)
		}
		for i := range d.shards {
			d.expire(&d.shards[i], now.Add(time.Minute))
		}
		if answered, origins := d.size(); answered != 0 || origins != 0 {
			t.Fatalf("left behind: %d answered, %d origins", answered, origins)
		}
	})
}
