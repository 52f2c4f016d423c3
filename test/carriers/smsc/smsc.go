// Package smsc runs a message centre for tests: somebody else's SMPP, in a process of its own.
package smsc

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Password is what a bind must say.
const Password = "geheim"

// Event is one thing that has happened at the centre.
type Event struct {
	Event string `json:"event"`

	Port       int    `json:"port"`      // listening
	SystemID   string `json:"system_id"` // bound
	SystemType string `json:"system_type"`
	Version    int    `json:"version"`
	Status     int    `json:"status"` // submit, nacked
	Count      int    `json:"count"`  // most

	// inbox
	ID       string `json:"id"`
	From     string `json:"from"`
	FromTON  int    `json:"from_ton"`
	FromNPI  int    `json:"from_npi"`
	To       string `json:"to"`
	ToTON    int    `json:"to_ton"`
	ToNPI    int    `json:"to_npi"`
	Coding   int    `json:"coding"`
	Class    int    `json:"class"`
	Receipt  int    `json:"receipt"`
	Validity string `json:"validity"`
	Text     string `json:"text"`
	Parts    int    `json:"parts"`
}

// Centre is a running message centre.
type Centre struct {
	Address string // host:port
	Port    int

	t     testing.TB
	cmd   *exec.Cmd
	input io.WriteCloser
	ended chan struct{}
	once  sync.Once

	mu     sync.Mutex
	events []Event
	more   chan struct{} // closed at each new one
	taken  int           // how many Next has given
}

// Options are not needed.
type Options struct {
	Port             int // 0: any
	Certificate, Key string
	Password         string
}

// Start begins a centre, which ends with the test.
func Start(t testing.TB, o Options) *Centre {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	dir := filepath.Dir(here)
	if _, err := os.Stat(filepath.Join(dir, "node_modules/smpp")); err != nil {
		t.Fatalf("the npm package smpp is not installed: make test does so, or (cd %s && npm ci)", dir)
	}
	if o.Password == "" {
		o.Password = Password
	}
	cmd := exec.Command("node", filepath.Join(dir, "smsc.js"))
	cmd.Env = append(os.Environ(), "SMSC_PASSWORD="+o.Password, "SMSC_CERTIFICATE="+o.Certificate, "SMSC_KEY="+o.Key, "SMSC_PORT="+strconv.Itoa(o.Port))
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &Centre{t: t, cmd: cmd, input: input, ended: make(chan struct{}), more: make(chan struct{})}
	go c.listen(output)
	t.Cleanup(c.Kill)
	c.Port = c.Next("listening").Port
	c.Address = "127.0.0.1:" + strconv.Itoa(c.Port)
	return c
}

func (c *Centre) listen(output io.Reader) {
	defer close(c.ended)
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		c.mu.Lock()
		c.events = append(c.events, e)
		close(c.more)
		c.more = make(chan struct{})
		c.mu.Unlock()
	}
	_ = c.cmd.Wait()
}

// patience is how long an event may take on a busy machine.
const patience = 30 * time.Second

// Next waits for the next event of a kind, and passes over others.
func (c *Centre) Next(kind string) Event {
	c.t.Helper()
	e, ok := c.Within(patience, kind)
	if !ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.t.Fatalf("the message centre had no event %q in time; there were %+v", kind, c.events)
	}
	return e
}

// Within is Next, without a failure.
func (c *Centre) Within(d time.Duration, kind string) (Event, bool) {
	timeout := time.After(d)
	for {
		c.mu.Lock()
		for i := c.taken; i < len(c.events); i++ {
			if c.events[i].Event == kind {
				c.taken = i + 1
				e := c.events[i]
				c.mu.Unlock()
				return e, true
			}
		}
		more := c.more
		c.mu.Unlock()
		select {
		case <-more:
		case <-c.ended:
			// Once more: the last events may have come with the end.
			select {
			case <-more:
			default:
				return Event{}, false
			}
		case <-timeout:
			return Event{}, false
		}
	}
}

// Count is how many events of a kind there were.
func (c *Centre) Count(kind string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.events {
		if e.Event == kind {
			n++
		}
	}
	return n
}

// Order changes what the centre does from now on; when it returns, the centre knows.
func (c *Centre) Order(change map[string]any) {
	c.t.Helper()
	order := map[string]any{"act": "order"}
	for k, v := range change {
		order[k] = v
	}
	c.tell(order)
	c.Next("ordered")
}

// Act lets the centre do one thing: kick, unbind, garbage, unknown, person or most.
func (c *Centre) Act(what string) {
	c.t.Helper()
	c.tell(map[string]any{"act": what})
}

func (c *Centre) tell(order map[string]any) {
	c.t.Helper()
	line, err := json.Marshal(order)
	if err == nil {
		_, err = c.input.Write(append(line, '\n'))
	}
	if err != nil {
		c.t.Fatalf("the message centre takes no order: %v", err)
	}
}

// Kill ends the centre at once, as a crash would.
func (c *Centre) Kill() {
	c.once.Do(func() {
		_ = c.cmd.Process.Kill()
		<-c.ended
	})
}
