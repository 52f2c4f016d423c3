package scripts

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// gateway is an SMS gateway over HTTP, and the telephones behind it.
type gateway struct {
	mu     sync.Mutex
	texts  []string // "+49171…: PINphrase: …"
	more   chan struct{}
	server *http.Server
	read   int // by the person last
}

// gatewayCommand is: gateway up|down
func gatewayCommand(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	if neg || len(args) != 1 {
		ts.Fatalf("usage: gateway up|down")
	}
	switch args[0] {
	case "up":
		if w.gateway == nil {
			w.gateway = &gateway{more: make(chan struct{})}
		}
		ts.Check(w.gateway.up(ts.Getenv("GATEWAY")))
		ts.Defer(w.gateway.down)
	case "down":
		w.gateway.down()
	default:
		ts.Fatalf("gateway %s: up or down", args[0])
	}
}

func (g *gateway) up(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: g, ReadHeaderTimeout: time.Minute}
	g.mu.Lock()
	g.server = server
	g.mu.Unlock()
	go func() { _ = server.Serve(listener) }()
	return nil
}

func (g *gateway) down() {
	g.mu.Lock()
	server := g.server
	g.mu.Unlock()
	if server != nil {
		_ = server.Close()
	}
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct{ To, Text string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.texts = append(g.texts, in.To+": "+in.Text)
	close(g.more)
	g.more = make(chan struct{})
}

// await gives the first text that ok is true of, and how many there are.
func (g *gateway) await(ok func(n int, text string) bool) (string, error) {
	late := time.After(30 * time.Second)
	for {
		g.mu.Lock()
		more := g.more
		for i, text := range g.texts {
			if ok(i+1, text) {
				g.mu.Unlock()
				return text, nil
			}
		}
		n := len(g.texts)
		g.mu.Unlock()
		select {
		case <-more:
		case <-late:
			return "", fmt.Errorf("the gateway has had %d messages, none such", n)
		}
	}
}

// inboxCommand is: inbox N. The Nth message has come, no more have, and it stands in stdout.
func inboxCommand(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	if neg || len(args) != 1 || w.gateway == nil {
		ts.Fatalf("usage: inbox N, after gateway up")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	text := ""
	if n > 0 {
		text, err = w.gateway.await(func(i int, _ string) bool { return i == n })
		ts.Check(err)
	}
	w.gateway.mu.Lock()
	have := len(w.gateway.texts)
	w.gateway.mu.Unlock()
	if have != n {
		ts.Fatalf("%d messages have come, not %d", have, n)
	}
	_, _ = fmt.Fprintln(ts.Stdout(), text)
}

var marked = regexp.MustCompile(`asked for in message ([A-Z]{2})\.`)

// message gives the question that a prompt's mark leads to; another prompt asks itself.
func (w *world) message(prompt string) (string, error) {
	mark := marked.FindStringSubmatch(prompt)
	if mark == nil {
		return prompt, nil
	}
	if w.gateway == nil {
		return "", errors.New("there is no telephone to read the message on")
	}
	// Marks come again after a while: what lies before the message that was read last is over.
	read := w.gateway.read
	text, err := w.gateway.await(func(n int, text string) bool {
		w.gateway.read = n
		return n >= read && strings.HasSuffix(text, " ("+mark[1]+")")
	})
	if err != nil {
		return "", err
	}
	_, question, _ := strings.Cut(text, ": ")
	return strings.TrimSuffix(question, " ("+mark[1]+")"), nil
}
