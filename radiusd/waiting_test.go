package radiusd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"github.com/latchkey/latchkey/core"
)

// phone is a core whose logins wait for a phone: Begin shows a symbol, Answer waits as long as it may, or until
// the test decides.
type phone struct {
	*logins
	waits   chan time.Duration // one for each Answer that began
	decided chan core.Step     // ends one Answer
}

func newPhone() *phone {
	p := &phone{waits: make(chan time.Duration, 10000), decided: make(chan core.Step, 100)}
	p.logins = &logins{
		begin: func(context.Context, core.Attempt) (core.Step, error) { return still(0), nil },
		later: func(ctx context.Context, r core.Reply) (core.Step, error) {
			p.waits <- r.Wait
			timer := time.NewTimer(r.Wait)
			defer timer.Stop()
			select {
			case s := <-p.decided:
				return s, nil
			case <-timer.C:
			case <-ctx.Done():
			}
			return still(1), nil
		},
	}
	return p
}

// still is the challenge of a round.
func still(round int) core.Step {
	return core.Step{Kind: core.Challenge, Token: fmt.Sprintf("ROUND%d", round), Prompt: fmt.Sprintf("Symbol: sun (%d)", round), Waiting: true}
}

var approved = core.Step{Kind: core.Accept, Reason: core.RightApproval}

func state(token string) func(*radius.Packet) { return with(byte(rfc2865.State_Type), token) }

func (p *phone) waited(t *testing.T) time.Duration {
	t.Helper()
	select {
	case d := <-p.waits:
		return d
	case <-time.After(5 * time.Second):
		t.Fatal("core was never asked")
		return 0
	}
}

// TestSecondRoundWaits: as long as the client's entry says, counted from the packet, and then in other words.
func TestSecondRoundWaits(t *testing.T) {
	t.Parallel()
	p := newPhone()
	h := start(t, Config{}, p, nas(func(c *Client) { c.Wait = 50 * time.Millisecond }))
	g := dial(t, h.Addrs()[0])
	first := g.ask(asked(user("lutz"), password("pw")), testSecret)
	if first.Code != radius.CodeAccessChallenge || len(p.waits) != 0 {
		t.Fatalf("the first round is %v, after %d waits", first.Code, len(p.waits))
	}
	// Any answer means "look": none at all, an empty one, a word.
	for i, answer := range []func(*radius.Packet){func(*radius.Packet) {}, password(""), password("ok")} {
		again := g.ask(asked(identified(byte(i+1)), user("lutz"), state("ROUND0"), answer), testSecret)
		if again.Code != radius.CodeAccessChallenge || rfc2865.ReplyMessage_GetString(again) == rfc2865.ReplyMessage_GetString(first) {
			t.Errorf("%v with %q", again.Code, rfc2865.ReplyMessage_GetString(again))
		}
		if d := p.waited(t); d <= 0 || d > 50*time.Millisecond {
			t.Errorf("core may wait %s", d)
		}
	}
	p.decided <- approved
	if r := g.ask(asked(identified(9), user("lutz"), state("ROUND0")), testSecret); r.Code != radius.CodeAccessAccept {
		t.Errorf("approved gives %v", r.Code)
	}
}

// TestWaitsEndBeforeTheTimeout, whatever the configuration says.
func TestWaitsEndBeforeTheTimeout(t *testing.T) {
	for _, c := range []struct{ timeout, wait, hold, wantWait, wantHold time.Duration }{
		{0, 3 * time.Second, 0, 3 * time.Second, 0},
		{5 * time.Second, 10 * time.Second, time.Hour, 4 * time.Second, 13500 * time.Millisecond},
		{2 * time.Second, -1, -1, 0, 0},
	} {
		table, err := newClients([]Client{nas(func(n *Client) { n.Timeout, n.Wait, n.Hold = c.timeout, c.wait, c.hold })})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range table.by {
			if n.wait != c.wantWait || n.hold != c.wantHold {
				t.Errorf("%+v: waits %s, holds %s", c, n.wait, n.hold)
			}
		}
	}
}

// TestWaitingRoundIsJoined: the same packet again is dropped while the first waits, and gets the cached bytes
// after it; the same meaning from another port joins; another person does neither.
func TestWaitingRoundIsJoined(t *testing.T) {
	t.Parallel()
	p := newPhone()
	h := start(t, Config{}, p, nas(func(c *Client) { c.Timeout, c.Wait = time.Minute, 20*time.Second }))
	one, other := dial(t, h.Addrs()[0]), dial(t, h.Addrs()[0])
	calling := with(byte(rfc2865.CallingStationID_Type), "198.51.100.7")
	packet := asked(identified(7), user("lutz"), password(""), state("ROUND0"), calling)
	one.send(packet)
	p.waited(t)
	one.send(packet)
	again := asked(identified(7), user("lutz"), password(""), state("ROUND0"), calling) // another authenticator
	other.send(again)
	until(t, "the retransmission joins", func() bool { return h.Stats().Joined == 1 && h.Stats().Dropped[InFlight] == 1 })
	stranger := dial(t, h.Addrs()[0])
	third := asked(identified(7), user("lutz"), password(""), state("ROUND0"), with(byte(rfc2865.CallingStationID_Type), "198.51.100.8"))
	stranger.send(third)
	p.waited(t) // asks for itself

	p.decided <- approved
	p.decided <- core.Step{Kind: core.Reject}
	codes := map[radius.Code]int{}
	reply := one.receive()
	codes[checked(t, reply, packet, testSecret).Code]++
	codes[checked(t, other.receive(), again, testSecret).Code]++
	foreign := checked(t, stranger.receive(), third, testSecret).Code
	if codes[foreign] != 0 || len(codes) != 1 {
		t.Errorf("the joined ones got %v, the other %v", codes, foreign)
	}
	one.send(packet)
	if string(one.receive()) != string(reply) {
		t.Error("the cached reply differs")
	}
	if _, answered := p.calls(); answered != 2 {
		t.Errorf("core was asked %d times", answered)
	}
}

// TestWaitsBlockNobody: thousands wait, and a question is answered at once. One NAS cannot take all places: beyond
// its share its rounds are asked again without waiting.
func TestWaitsBlockNobody(t *testing.T) {
	t.Parallel()
	const places, most = 400, 50
	p := newPhone()
	quick := nas(func(c *Client) {
		c.Name = "quick"
		c.Prefix = netip.MustParsePrefix("127.0.0.2/32")
		c.Timeout, c.Wait = time.Minute, 30*time.Second
	})
	slow := nas(func(c *Client) { c.Timeout, c.Wait = time.Minute, 30*time.Second })
	h := start(t, Config{Limits: Limits{SecondWorkers: most, Waits: places}}, p, slow, quick)
	gates := []gateway{dial(t, h.Addrs()[0]), dial(t, h.Addrs()[0])}
	long, none := 0, 0
	for i := range places/2 + 100 {
		gates[i/250].send(asked(identified(byte(i%250)), user("lutz"), state("ROUND0")))
		if p.waited(t) > 0 {
			long++
		} else {
			none++
		}
	}
	if long != places/2 || none != 100 {
		t.Errorf("%d wait, %d do not", long, none)
	}
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}, net.UDPAddrFromAddrPort(h.Addrs()[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	gateway{t, conn}.send(asked(user("lutz"), state("ROUND0")))
	if d := p.waited(t); d < 20*time.Second {
		t.Errorf("another NAS may wait %s", d)
	}
	close(p.decided)
	until(t, "all are answered", func() bool { return h.parked.Load() == 0 })
}

// TestWorkersGoAgain: what a wave has called does not stay.
func TestWorkersGoAgain(t *testing.T) {
	var gate sync.WaitGroup
	gate.Add(1)
	var worked atomic.Int32
	c := &client{}
	l := newLane(secondRounds, 5000, 2000, func(*request) { gate.Wait(); worked.Add(1) })
	for range 2000 {
		if !l.offer(&request{client: c, lane: secondRounds}) {
			t.Fatal("no room")
		}
	}
	if n := l.workers.Load(); n != 2000 {
		t.Fatalf("%d workers for 2000 requests", n)
	}
	gate.Done()
	until(t, "the wave is over", func() bool { return worked.Load() == 2000 && l.open.Load() == 0 && l.workers.Load() <= 2*idle })
	for range 3000 {
		for !l.offer(&request{client: c, lane: secondRounds}) {
		}
	}
	until(t, "the next wave is over", func() bool { return worked.Load() == 5000 })
	l.drain()
}

// TestHold: only where the client says so, only of logins that wait for a phone; what the phone says meanwhile is
// the first reply, else the challenge that the login began with.
func TestHold(t *testing.T) {
	t.Parallel()
	held := func(c *Client) { c.Timeout, c.Hold = 20*time.Second, 50*time.Second }
	for name, c := range map[string]struct {
		client func(*Client)
		begin  func(context.Context, core.Attempt) (core.Step, error)
		decide core.Step
		err    error
		want   radius.Code
		asked  int
	}{
		"approved":      {client: held, decide: approved, want: radius.CodeAccessAccept, asked: 1},
		"denied":        {client: held, decide: core.Step{Kind: core.Reject, Text: "no"}, want: radius.CodeAccessReject, asked: 1},
		"fallen back":   {client: held, decide: core.Step{Kind: core.Challenge, Token: "T", Prompt: "Letters?", Secret: true}, want: radius.CodeAccessChallenge, asked: 1},
		"still waiting": {client: held, decide: still(1), want: radius.CodeAccessChallenge, asked: 1},
		"no outcome":    {client: held, err: core.ErrSilence, want: radius.CodeAccessChallenge, asked: 1},
		"not asked for": {client: func(*Client) {}, want: radius.CodeAccessChallenge},
		"a question": {client: held, want: radius.CodeAccessChallenge, begin: func(context.Context, core.Attempt) (core.Step, error) {
			return core.Step{Kind: core.Challenge, Token: "T", Prompt: "Letters?", Secret: true}, nil
		}},
	} {
		hold := func(t *testing.T, later bool) {
			l := &logins{begin: c.begin, answer: func(_ context.Context, r core.Reply) (core.Step, error) {
				if r.Token != "ROUND0" || r.Wait < 40*time.Second || !r.Text.IsEmpty() || !r.Password.IsEmpty() {
					t.Errorf("core hears %+v", r)
				}
				return c.decide, c.err
			}}
			if l.begin == nil {
				l.begin = func(context.Context, core.Attempt) (core.Step, error) { return still(0), nil }
			}
			if later {
				l.later = l.answer
			}
			h := start(t, Config{}, l, nas(c.client))
			r := dial(t, h.Addrs()[0]).ask(asked(user("lutz"), password("pw")), testSecret)
			if r.Code != c.want {
				t.Errorf("the first reply is %v, want %v", r.Code, c.want)
			}
			if text := rfc2865.ReplyMessage_GetString(r); (name == "still waiting" || name == "no outcome") && text != "Symbol: sun (0) " {
				t.Errorf("the first text is %q", text)
			}
			if _, answered := l.calls(); answered != c.asked {
				t.Errorf("core was asked %d times", answered)
			}
		}
		t.Run(name+" at once", func(t *testing.T) { hold(t, false) })
		t.Run(name+" later", func(t *testing.T) { hold(t, true) })
	}
}

// TestHeldRequestsLeaveRoom: a held one keeps no worker from the others, its retransmission changes nothing, above
// the bound nobody is held, and the end of the server ends the waiting.
func TestHeldRequestsLeaveRoom(t *testing.T) {
	t.Parallel()
	p := newPhone()
	s, err := New(Config{Listen: []string{"127.0.0.1:0"}, Log: quiet(), Limits: Limits{FirstWorkers: 1, Waits: 4}},
		Snapshot{Logins: p, Clients: []Client{nas(func(c *Client) { c.Timeout, c.Hold = time.Minute, 2*time.Minute })}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	g := dial(t, s.Addrs()[0])
	one, two := asked(identified(1), user("anna"), password("pw")), asked(identified(2), user("bert"), password("pw"))
	g.send(one)
	p.waited(t)
	g.send(two)
	p.waited(t)
	g.send(one)
	until(t, "the retransmission is dropped", func() bool { return s.Stats().Dropped[InFlight] == 1 })
	three := asked(identified(3), user("carla"), password("pw"))
	if r := g.ask(three, testSecret); r.Code != radius.CodeAccessChallenge || r.Identifier != 3 {
		t.Errorf("the third is held too: %v", r.Code)
	}
	cancel()
	for range 2 {
		if code := radius.Code(g.receive()[0]); code != radius.CodeAccessChallenge {
			t.Errorf("at the end %v", code)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestPanicWhileHeld costs one reply.
func TestPanicWhileHeld(t *testing.T) {
	t.Parallel()
	p := newPhone()
	p.later, p.answer = nil, func(context.Context, core.Reply) (core.Step, error) { panic(errors.New("a fault")) }
	h := start(t, Config{}, p, nas(func(c *Client) { c.Hold = 10 * time.Second }))
	g := dial(t, h.Addrs()[0])
	g.send(asked(user("lutz"), password("pw")))
	until(t, "the panic is counted", func() bool { return h.Stats().Dropped[Panicked] == 1 })
	if n := h.Stats().Waiting; n != 0 {
		t.Errorf("%d are held", n)
	}
}
