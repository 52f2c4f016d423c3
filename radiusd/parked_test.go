package radiusd

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"github.com/latchkey/latchkey/core"
)

// keeper is a core that keeps each second round until it is told what to say.
type keeper struct {
	*logins
	mu   sync.Mutex
	kept []func(core.Step, error)
}

func (k *keeper) AnswerLater(_ context.Context, _ core.Reply, take core.Later) (core.Step, bool, error) {
	_, done := take()
	if done == nil {
		return still(1), false, nil
	}
	k.mu.Lock()
	k.kept = append(k.kept, done)
	k.mu.Unlock()
	return core.Step{}, true, nil
}

func (k *keeper) holds() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.kept)
}

// release ends all waits.
func (k *keeper) release(step core.Step, err error) {
	k.mu.Lock()
	kept := k.kept
	k.kept = nil
	k.mu.Unlock()
	for _, done := range kept {
		done(step, err)
	}
}

// TestParkedRoundsKeepNothing: thousands that wait have neither workers nor buffers, each is answered once and as
// what it asked, and its retransmission gets the same bytes.
func TestParkedRoundsKeepNothing(t *testing.T) {
	t.Parallel()
	const ports, each = 20, 250
	k := &keeper{logins: &logins{}}
	h := start(t, Config{Limits: Limits{SecondWorkers: 2}}, k, nas(func(c *Client) { c.Timeout, c.Wait = time.Minute, 30*time.Second }))
	before := runtime.NumGoroutine()
	var gates [ports]gateway
	packets := map[int][]byte{}
	for p := range gates {
		gates[p] = dial(t, h.Addrs()[0])
		for i := range each {
			packet := asked(identified(byte(i)), user("lutz"), password("x"), state("ROUND0"), with(33, fmt.Sprint("proxy ", p, i)))
			packets[p*each+i] = packet
			gates[p].send(packet)
		}
		until(t, "they wait", func() bool { return k.holds() == (p+1)*each })
	}
	if n, w := runtime.NumGoroutine()-before, h.lanes[secondRounds].workers.Load(); n > 50 || w > 2 {
		t.Errorf("%d goroutines, %d workers", n, w)
	}
	if n := h.Stats().Waiting; n != ports*each {
		t.Errorf("%d wait", n)
	}
	released := make(chan struct{})
	go func() { k.release(approved, nil); close(released) }()
	for p, g := range gates {
		for range each {
			reply := g.receive()
			r := checked(t, reply, packets[p*each+int(reply[1])], testSecret)
			if r.Code != radius.CodeAccessAccept || rfc2865.ProxyState_GetString(r) != fmt.Sprint("proxy ", p, int(reply[1])) {
				t.Fatalf("%v for %d", r, p)
			}
		}
	}
	<-released
	gates[0].send(packets[0])
	checked(t, gates[0].receive(), packets[0], testSecret)
	if st := h.Stats(); st.Waiting != 0 || st.Accepts != ports*each || st.Resent != 1 {
		t.Errorf("%+v", st)
	}
}

// TestShutdownWithParkedRounds: they are answered, soon, and Serve ends.
func TestShutdownWithParkedRounds(t *testing.T) {
	t.Parallel()
	p := newPhone()
	s, err := New(Config{Listen: []string{"127.0.0.1:0"}, Log: quiet()},
		Snapshot{Logins: p, Clients: []Client{nas(func(c *Client) { c.Timeout, c.Wait = time.Minute, 30*time.Second })}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	g := dial(t, s.Addrs()[0])
	for i := range 200 {
		g.send(asked(identified(byte(i)), user("lutz"), state("ROUND0")))
		p.waited(t)
	}
	cancel()
	for range 200 {
		if code := radius.Code(g.receive()[0]); code != radius.CodeAccessChallenge {
			t.Fatalf("at the end %v", code)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestFaultWhileParked: no reply, and the retransmission asks again. A fault in the reply is no second one.
func TestFaultWhileParked(t *testing.T) {
	t.Parallel()
	k := &keeper{logins: &logins{}}
	broken := false
	h := start(t, Config{Observe: func(core.StepKind, time.Duration) {
		if broken {
			panic(errors.New("a fault after the reply was sent"))
		}
	}}, k, nas(func(c *Client) { c.Timeout, c.Wait = time.Minute, 30*time.Second }))
	g := dial(t, h.Addrs()[0])
	packet := asked(user("lutz"), state("ROUND0"))
	g.send(packet)
	until(t, "it waits", func() bool { return k.holds() == 1 })
	k.release(core.Step{}, fmt.Errorf("%w: %w", core.ErrSilence, core.ErrFault))
	if st := h.Stats(); st.Dropped[Panicked] != 1 || st.Waiting != 0 {
		t.Errorf("%+v", st)
	}
	g.send(packet)
	until(t, "it waits again", func() bool { return k.holds() == 1 })
	broken = true
	k.release(approved, nil)
	if code := radius.Code(g.receive()[0]); code != radius.CodeAccessAccept {
		t.Error(code)
	}
	if again, err := g.tryReceive(50 * time.Millisecond); err == nil {
		t.Errorf("a second reply: %x", again)
	}
	if st := h.Stats(); st.Dropped[Panicked] != 2 || st.Waiting != 0 {
		t.Errorf("%+v", st)
	}
}

// BenchmarkAsleep has 100,000 rounds of two gateways asleep, and tells what each adds to the door's memory; what it
// adds to core's, BenchmarkWaiting there tells. Packets are as a gateway's with the person's address and a Proxy-State.
// Give it -benchtime 1x.
func BenchmarkAsleep(b *testing.B) {
	const ports, each = 400, 250
	patient := func(c *Client) { c.Timeout, c.Wait, c.TrustCallingStation = time.Hour, 30*time.Minute, true }
	for b.Loop() {
		k := &keeper{logins: &logins{}}
		h := start(b, Config{Log: quiet()}, k, nas(patient))
		h.bounds.Waits = 2 * ports * each
		var gates [ports]gateway
		for p := range gates {
			gates[p] = dial(b, h.Addrs()[0])
		}
		before := inUse()
		for p, g := range gates {
			for i := range each {
				g.send(asked(identified(byte(i)), user(fmt.Sprint("user", p*each+i)), password(""), state(fmt.Sprintf("%0120d", p*each+i)),
					with(31, fmt.Sprint("198.51.100.", i)), with(4, "\xc0\x00\x02\x01"), with(32, "vpn.example.org"), with(33, "0123456789")))
			}
			until(b, "they wait", func() bool { return k.holds() == (p+1)*each })
		}
		b.ReportMetric(float64(inUse()-before)/(ports*each), "B/asleep")
		k.release(still(1), nil)
	}
}

// inUse is what the process needs for its heap and its stacks, garbage left out.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
