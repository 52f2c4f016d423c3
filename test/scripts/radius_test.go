package scripts

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/radiusd/radclient"
)

// ask sends one Access-Request and says what came: the kind of the reply, the length of its
// State, and what it shows.
func (w *world) ask(ts *testscript.TestScript, user, text string, state []byte) radclient.Reply {
	if w.client != nil && w.patience != patience(ts) {
		_ = w.client.Close()
		w.client = nil
	}
	if w.client == nil {
		w.patience = patience(ts)
		server := ts.Getenv("RADIUS")
		if w.tap != nil {
			server = w.tap.front.LocalAddr().String()
		}
		client, err := w.dial(server, w.patience)
		ts.Check(err)
		w.client = client
	}
	reply, err := w.client.Ask(background, radclient.Request{User: user, Password: secret.New(text), State: state})
	out := ""
	switch {
	case errors.Is(err, radclient.ErrSilent), errors.Is(err, radclient.ErrNobody):
		out = "silence\n"
	case err != nil:
		ts.Fatalf("asking for %s: %v", user, err)
	default:
		out = fmt.Sprintf("%v\nstate of %d bytes\n%s\n", reply.Code, len(reply.State), reply.Message)
	}
	_, _ = fmt.Fprint(ts.Stdout(), out)
	ts.Check(w.note(outputs, "$ asked for "+user+"\n"+out))
	return reply
}

// beginCommand is: begin NAME [FILE]. FILE of known/ is the password.
func beginCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: begin NAME [FILE]")
	}
	w, file := of(ts), "password"
	if len(args) == 2 {
		file = args[1]
	}
	password, err := w.known(file)
	ts.Check(err)
	reply := w.ask(ts, args[0], password, nil)
	w.states[args[0]] = begun{reply.State, reply.Message}
}

// answerCommand is: answer NAME right|wrong|again|FILE
func answerCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: answer NAME right|wrong|again|FILE")
	}
	w := of(ts)
	at, ok := w.states[args[0]]
	if !ok {
		ts.Fatalf("no login of %s was begun", args[0])
	}
	typed, err := w.solve(at.prompt, args[1])
	ts.Check(err)
	w.ask(ts, args[0], typed, at.state)
}

// tap is a wire between client and daemon that keeps every packet.
type tap struct {
	front, back *net.UDPConn
	mu          sync.Mutex
	sent        [][]byte
	replies     chan []byte // of resend
	resending   bool
	last        map[byte][]byte // reply by identifier
}

func tapCommand(ts *testscript.TestScript, neg bool, _ []string) {
	w := of(ts)
	if neg || w.tap != nil || w.client != nil {
		ts.Fatalf("usage: tap, once, before begin")
	}
	front, err := localUDP()
	ts.Check(err)
	server, err := net.ResolveUDPAddr("udp4", w.server)
	ts.Check(err)
	back, err := net.DialUDP("udp4", nil, server)
	ts.Check(err)
	w.tap = &tap{front: front, back: back, replies: make(chan []byte, 16), last: map[byte][]byte{}}
	go w.tap.carry()
}

func (t *tap) close() {
	_ = t.front.Close()
	_ = t.back.Close()
}

func (t *tap) carry() {
	var client net.Addr
	var mu sync.Mutex
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := t.back.Read(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil || n < 20 {
				continue // the daemon is away
			}
			packet := append([]byte(nil), buffer[:n]...)
			t.mu.Lock()
			resending := t.resending
			if !resending {
				t.last[packet[1]] = packet
			}
			t.mu.Unlock()
			mu.Lock()
			to := client
			mu.Unlock()
			if resending {
				t.replies <- packet
			} else if to != nil {
				_, _ = t.front.WriteTo(packet, to)
			}
		}
	}()
	buffer := make([]byte, 4096)
	for {
		n, from, err := t.front.ReadFrom(buffer)
		if err != nil {
			return
		}
		packet := append([]byte(nil), buffer[:n]...)
		mu.Lock()
		client = from
		mu.Unlock()
		t.mu.Lock()
		t.sent = append(t.sent, packet)
		t.mu.Unlock()
		_, _ = t.back.Write(packet)
	}
}

// resendCommand is: resend [N]. The Nth packet, or the last one, goes once more; it says whether
// the reply has the same bytes as that of the first time.
func resendCommand(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	if neg || w.tap == nil || len(w.tap.sent) == 0 {
		ts.Fatalf("usage: resend [N], after tap and begin")
	}
	t := w.tap
	t.mu.Lock()
	n := len(t.sent)
	if len(args) == 1 {
		var err error
		n, err = strconv.Atoi(args[0])
		ts.Check(err)
	}
	packet := t.sent[n-1]
	was := t.last[packet[1]]
	t.resending = true
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.resending = false
		t.mu.Unlock()
	}()
	_, err := t.back.Write(packet)
	ts.Check(err)
	select {
	case reply := <-t.replies:
		what := "the same bytes"
		if hexOf(reply) != hexOf(was) {
			what = "other bytes"
		}
		_, _ = fmt.Fprintf(ts.Stdout(), "%v, %s\n", radclient.Code(reply[0]), what)
	case <-time.After(patience(ts)):
		_, _ = fmt.Fprintln(ts.Stdout(), "silence")
	}
}
