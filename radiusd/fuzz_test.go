package radiusd

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"layeh.com/radius"

	"github.com/latchkey/latchkey/core"
)

// FuzzPacket sends raw bytes through the whole pipeline, from the structure to the signed
// reply, and looks on as layeh's parser and a NAS would: nothing panics, what is answered is a
// reply to exactly that packet, and what our walk takes, layeh's takes alike.
func FuzzPacket(f *testing.F) {
	f.Add(asked(identified(1), user("lutz"), password("pw")), true)
	f.Add(asked(identified(2), user("lutz"), password("pw"), unsigned), false)
	f.Add(asked(user("lutz"), password("ac"), with(24, "TOKEN234"), with(33, "p"), with(33, "q")), true)
	f.Add(asked(user("lutz"), with(79, "\x02\x00\x00\x09\x01lutz")), true)
	f.Add(asked(user("lutz"), with(26, "\x00\x00\x01\x37\x19\x34xx")), false)
	f.Add(asked(coded(radius.CodeStatusServer)), true)
	f.Add(unhex(f, rfcStatusServer), true)
	f.Add([]byte{1, 0, 0, 20, 19: 0}, false)
	f.Add([]byte{}, true)

	hands := new(clock)
	var asks int
	step := func(name string) core.Step {
		asks++
		switch len(name) % 3 {
		case 0:
			return core.Step{Kind: core.Accept, Text: name, Attributes: slicesOf(3, 100)}
		case 1:
			return core.Step{Kind: core.Reject, Text: name, Reference: "R-1"}
		}
		return core.Step{Kind: core.Challenge, Token: "T", Prompt: name, Secret: true}
	}
	l := &inline{begin: func(a core.Attempt) core.Step { return step(a.User) }, answer: func(r core.Reply) core.Step { return step(r.User) }}
	s, err := New(Config{Listen: []string{"127.0.0.1:0"}, Log: quiet(), Now: hands.now},
		Snapshot{Logins: l, Clients: []Client{nas(nil), nas(func(c *Client) {
			c.Name, c.Prefix, c.MessageAuthenticator, c.LimitProxyState = "lax", netip.MustParsePrefix("127.0.0.2/32"), LetOff, false
			c.TrustCallingStation = true
		})}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	there, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { there.Close() })
	port := there.LocalAddr().(*net.UDPAddr).AddrPort().Port()

	f.Fuzz(func(t *testing.T, raw []byte, strict bool) {
		if len(raw) > maxPacket {
			raw = raw[:maxPacket]
		}
		hands.advance(time.Minute) // nothing is a duplicate of an earlier run's
		r := s.fresh()
		n := copy(r.buf[:], raw)
		r.socket, r.arrived = s.sockets[0], hands.now()
		r.from = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
		if !strict {
			r.from = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), port)
		}
		before := asks
		queued, why, cause := s.receive(r, n)
		if why == Panicked {
			t.Fatal(cause)
		}
		if !queued {
			if asks != before {
				t.Fatal("core was asked for a packet that was dropped")
			}
			r.reset()
			return
		}
		// No worker runs here: take the request from its queue and do the work in this goroutine.
		until(t, "work", func() bool { return s.lanes[firstRounds].open.Load()+s.lanes[secondRounds].open.Load() == 0 })
		if s.Stats().Dropped[Panicked] != 0 {
			t.Fatal("a worker panicked")
		}
		theirs, err := radius.Parse(raw, []byte(testSecret))
		if err != nil {
			t.Fatalf("layeh would not take it: %v", err)
		}
		var ours packet
		if ours.length(raw) != none || ours.attributes() != none {
			t.Fatal("taken, and not the second time")
		}
		for kind, value := range map[radius.Type][]byte{1: ours.userName, 2: ours.userPassword, 24: ours.state, 31: ours.callingStation} {
			if !bytes.Equal(theirs.Get(kind), value) {
				t.Fatalf("attribute %d: %x here, %x there", kind, value, theirs.Get(kind))
			}
		}
		if reply := s.remembered(r0(raw, s, strict, port)); reply != nil {
			checked(t, reply, raw[:len(ours.raw)], testSecret)
		}
	})
}

// r0 is where the packet of the fuzz target came from.
func r0(raw []byte, s *Server, strict bool, port uint16) origin {
	from := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	if !strict {
		from = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), port)
	}
	return origin{from: from, socket: s.sockets[0].number, identifier: raw[1]}
}

// remembered gives the reply that the cache holds for an origin.
func (s *Server) remembered(o origin) []byte {
	shard := s.duplicates.shard(&o)
	shard.Lock()
	defer shard.Unlock()
	if m := shard.newest[o]; m != nil {
		return m.reply
	}
	return nil
}

// inline is a core without a memory.
type inline struct {
	begin  func(core.Attempt) core.Step
	answer func(core.Reply) core.Step
}

func (l *inline) Begin(_ context.Context, a core.Attempt) (core.Step, error) { return l.begin(a), nil }
func (l *inline) AnswerLater(_ context.Context, r core.Reply, _ core.Later) (core.Step, bool, error) {
	return l.answer(r), false, nil
}
