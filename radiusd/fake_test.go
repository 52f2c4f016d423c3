package radiusd

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
)

const testSecret = "xyzzy5461-and-longer"

// logins is the core that the tests speak to: functions, and a record of what came.
type logins struct {
	begin  func(context.Context, core.Attempt) (core.Step, error)
	answer func(context.Context, core.Reply) (core.Step, error)
	later  func(context.Context, core.Reply) (core.Step, error) // instead of answer, where logins wait for the phone

	mu      sync.Mutex
	begun   []core.Attempt
	replies []core.Reply
}

func (l *logins) Begin(ctx context.Context, a core.Attempt) (core.Step, error) {
	l.mu.Lock()
	l.begun = append(l.begun, a)
	l.mu.Unlock()
	if l.begin == nil {
		return core.Step{Kind: core.Challenge, Token: "TOKEN234", Prompt: "Letters 1, 3?", Secret: true}, nil
	}
	return l.begin(ctx, a)
}

// AnswerLater has what later gives come later.
func (l *logins) AnswerLater(ctx context.Context, r core.Reply, take core.Later) (core.Step, bool, error) {
	l.mu.Lock()
	l.replies = append(l.replies, r)
	l.mu.Unlock()
	if l.later != nil {
		over, done := take()
		if done != nil {
			go func() { done(l.later(over, r)) }()
			return core.Step{}, true, nil
		}
		r.Wait = 0
		step, err := l.later(ctx, r)
		return step, false, err
	}
	step, err := l.judge(ctx, r)
	return step, false, err
}

func (l *logins) judge(ctx context.Context, r core.Reply) (core.Step, error) {
	if l.answer != nil {
		return l.answer(ctx, r)
	}
	if r.Token == "TOKEN234" && r.Text.Reveal() == "ac" {
		return core.Step{Kind: core.Accept, User: r.User, Reason: core.Right,
			Attributes: []core.Attribute{{Name: "Class", Type: 25, Value: []byte("staff")}}}, nil
	}
	return core.Step{Kind: core.Reject, Text: "Denied. R-77", Reference: "R-77", Reason: core.WrongAnswer}, nil
}

// calls counts what came to core.
func (l *logins) calls() (begun, answered int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.begun), len(l.replies)
}

// last gives what came to core last.
func (l *logins) last() (begun core.Attempt, answered core.Reply) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.begun); n > 0 {
		begun = l.begun[n-1]
	}
	if n := len(l.replies); n > 0 {
		answered = l.replies[n-1]
	}
	return begun, answered
}

// accepting is a core that accepts everybody.
func accepting() *logins {
	return &logins{begin: func(context.Context, core.Attempt) (core.Step, error) {
		return core.Step{Kind: core.Accept}, nil
	}}
}

// nas is a client entry for loopback; change alters it.
func nas(change func(*Client)) Client {
	c := Client{Name: "vpn", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Challenge: true,
		Secrets: []secret.Secret{secret.New(testSecret)}, LimitProxyState: true, Policy: "vpn"}
	if change != nil {
		change(&c)
	}
	return c
}

// logBuffer takes log lines from many goroutines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type house struct {
	*Server
	log *logBuffer
}

// start serves on loopback until the test ends.
func start(t testing.TB, c Config, l Logins, clients ...Client) house {
	t.Helper()
	log := new(logBuffer)
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	if c.Listen == nil {
		c.Listen = []string{"127.0.0.1:0"}
	}
	s, err := New(c, Snapshot{Clients: clients, Logins: l})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return house{s, log}
}

// until waits for an event that has no channel of its own.
func until(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if happened() {
			return
		}
	}
	t.Fatalf("never happened: %s", what)
}

// gateway is a NAS of the tests: a socket.
type gateway struct {
	t    testing.TB
	conn *net.UDPConn
}

func dial(t testing.TB, to netip.AddrPort) gateway {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return gateway{t, conn}
}

func (g gateway) send(raw []byte) {
	g.t.Helper()
	if _, err := g.conn.Write(raw); err != nil {
		g.t.Fatal(err)
	}
}

// receive waits for one reply.
func (g gateway) receive() []byte {
	g.t.Helper()
	raw, err := g.tryReceive(5 * time.Second)
	if err != nil {
		g.t.Fatalf("no reply: %v", err)
	}
	return raw
}

func (g gateway) tryReceive(patience time.Duration) ([]byte, error) {
	_ = g.conn.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, maxPacket)
	n, err := g.conn.Read(b)
	return b[:n], err
}

// ask sends and checks that the reply is authentic in every way.
func (g gateway) ask(raw []byte, secret string) *radius.Packet {
	g.t.Helper()
	g.send(raw)
	return checked(g.t, g.receive(), raw, secret)
}

// asked is a packet for the tests. Each option adds to it; signed comes last of all.
func asked(options ...func(*radius.Packet)) []byte {
	p := radius.New(radius.CodeAccessRequest, []byte(testSecret))
	sign := true
	for _, o := range options {
		if o == nil {
			sign = false
			continue
		}
		o(p)
	}
	raw, err := p.Encode()
	if err != nil {
		panic(err)
	}
	if sign {
		raw = signedBy(raw, string(p.Secret))
	}
	return raw
}

// unsigned leaves the Message-Authenticator out.
var unsigned func(*radius.Packet)

func user(name string) func(*radius.Packet) {
	return func(p *radius.Packet) { p.Add(rfc2865.UserName_Type, []byte(name)) }
}

func password(text string) func(*radius.Packet) {
	return func(p *radius.Packet) {
		hidden, err := radius.NewUserPassword([]byte(text), p.Secret, p.Authenticator[:])
		if err != nil {
			panic(err)
		}
		p.Add(rfc2865.UserPassword_Type, hidden)
	}
}

func with(kind byte, value string) func(*radius.Packet) {
	return func(p *radius.Packet) { p.Add(radius.Type(kind), []byte(value)) }
}

func under(secret string) func(*radius.Packet) {
	return func(p *radius.Packet) { p.Secret = []byte(secret) }
}

func identified(id byte) func(*radius.Packet) {
	return func(p *radius.Packet) { p.Identifier = id }
}

func coded(c radius.Code) func(*radius.Packet) {
	return func(p *radius.Packet) { p.Code = c }
}

// signedBy appends a Message-Authenticator to an encoded packet, by the letter of RFC 2869
// and without the code under test.
func signedBy(raw []byte, secret string) []byte {
	raw = append(append(bytes.Clone(raw), 80, 18), make([]byte, 16)...)
	binary.BigEndian.PutUint16(raw[2:], uint16(len(raw)))
	h := hmac.New(md5.New, []byte(secret))
	h.Write(raw)
	copy(raw[len(raw)-16:], h.Sum(nil))
	return raw
}

// checked parses a reply and proves its Response Authenticator and, where it is there, the
// Message-Authenticator, again without the code under test.
func checked(t testing.TB, reply, request []byte, secret string) *radius.Packet {
	t.Helper()
	if !radius.IsAuthenticResponse(reply, request, []byte(secret)) {
		t.Fatalf("the reply's authenticator is wrong: %x", reply)
	}
	p, err := radius.Parse(reply, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	if p.Identifier != request[1] {
		t.Fatalf("identifier %d, want %d", p.Identifier, request[1])
	}
	for i, avp := range p.Attributes {
		if avp.Type != 80 {
			continue
		}
		if i != 0 {
			t.Errorf("Message-Authenticator is attribute %d, want the first", i)
		}
		copied := bytes.Clone(reply)
		copy(copied[4:20], request[4:20])
		clear(copied[22:38])
		h := hmac.New(md5.New, []byte(secret))
		h.Write(copied)
		if !hmac.Equal(h.Sum(nil), avp.Attribute) {
			t.Error("Message-Authenticator is wrong")
		}
	}
	return p
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
