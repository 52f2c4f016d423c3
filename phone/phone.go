package phone

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

// Config says where a phone keeps its state and how it reaches the appliance. Only Storage must be set.
type Config struct {
	Storage Storage
	// Origin is where the appliance is, https://HOST:PORT, for an invitation that was typed. One with a URL says it itself.
	Origin  string
	Timeout time.Duration // of one call; 15 s
	Poll    time.Duration // between two looks while no stream of events can be had; 5 s
	Silence time.Duration // after which a stream of events is taken for dead; 60 s
	Dial    dialer        // reaches the appliance; the network
}

func (c Config) timeout() time.Duration { return or(c.Timeout, 15*time.Second) }
func (c Config) poll() time.Duration    { return or(c.Poll, 5*time.Second) }
func (c Config) silence() time.Duration { return or(c.Silence, time.Minute) }

func or(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// Phone is one device of one user at one appliance. Its methods may be called from several goroutines.
type Phone struct {
	config Config
	client *http.Client

	mu        sync.Mutex
	checkCode string // of an enrolment in this process; never stored
}

// Load takes up a device that Enrol has left in the storage. ErrNotEnrolled if there is none.
func Load(ctx context.Context, config Config) (*Phone, error) {
	p := &Phone{config: config}
	s, err := p.look(ctx)
	if err != nil {
		return nil, err
	}
	if !s.enrolled() {
		return nil, ErrNotEnrolled
	}
	p.connect(s)
	return p, nil
}

func (p *Phone) connect(s *state) {
	var pin mobile.Pin
	copy(pin[:], s.Pin)
	p.client = newClient(p.config, pin)
}

// Close gives up connections that lie idle. The phone can still be used.
func (p *Phone) Close() { p.client.CloseIdleConnections() }

// CheckCode is what the user tells the administrator: eight letters, or nothing if the device was active at
// once or was enrolled by another process (Status has it then).
func (p *Phone) CheckCode() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.checkCode
}

// Status is where the device stands.
type Status struct {
	State      string `json:"state"` // inert, active, locked
	User       string `json:"user"`
	Appliance  string `json:"appliance"`
	PINDigits  int    `json:"pin_digits"`
	Generation uint64 `json:"generation"`
	CheckCode  string `json:"check_code"` // only while inert
}

// Status asks the appliance.
func (p *Phone) Status(ctx context.Context) (Status, error) {
	var status Status
	err := p.call(ctx, "hello", struct{}{}, &status)
	return status, err
}

// Rename gives the device another name in the lists of user and administrator.
func (p *Phone) Rename(ctx context.Context, name string) error {
	return p.call(ctx, "rename", map[string]string{"name": name}, &struct{}{})
}

// Subscribe tells the appliance where this phone may be rung: what a browser's PushSubscription.toJSON gives. nil: nowhere.
func (p *Phone) Subscribe(ctx context.Context, subscription json.RawMessage) error {
	if subscription == nil {
		subscription = json.RawMessage("null")
	}
	return p.call(ctx, "push", map[string]any{"subscription": subscription}, &struct{}{})
}

// Past is a login that was.
type Past struct {
	Service string    `json:"service"`
	Host    string    `json:"host"`
	Source  string    `json:"source"`
	Time    time.Time `json:"time"`
	Result  string    `json:"result"`
}

// History lists recent logins of the user, the newest first.
func (p *Phone) History(ctx context.Context) ([]Past, error) {
	var reply struct {
		History []Past `json:"history"`
	}
	err := p.call(ctx, "history", struct{}{}, &reply)
	return reply.History, err
}

// Remove ends the device at the appliance and then here. A device that the appliance does not know any
// more is removed here too.
func (p *Phone) Remove(ctx context.Context) error {
	err := p.call(ctx, "remove", struct{}{}, &struct{}{})
	if err != nil && !isAny(err, DeviceRevoked, UnknownDevice) {
		return err
	}
	return p.Forget(ctx)
}

// Forget removes the device here only; the appliance goes on listing it.
func (p *Phone) Forget(ctx context.Context) error {
	release, err := p.config.Storage.Lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	return p.config.Storage.Write(nil)
}
