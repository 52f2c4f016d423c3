package load

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/radiusd"
)

const testSecret = "a secret of the tests"

// everybody has the same answer, and a password that tells who it is.
type everybody struct {
	count  int
	answer string
}

func (e everybody) Len() int { return e.count }
func (e everybody) Name(dst []byte, i int) []byte {
	return strconv.AppendInt(append(dst, "user"...), int64(i), 10)
}
func (e everybody) Password(dst []byte, i int) []byte {
	return strconv.AppendInt(append(dst, "a password longer than a block, of "...), int64(i), 10)
}
func (e everybody) Answer(dst []byte, _ int, phrase []byte) []byte {
	if string(phrase) != "of your place of birth" {
		return dst
	}
	return append(dst, e.answer...)
}

// logins is the core behind the door: it accepts who gives HIDG, and watches who comes.
type logins struct {
	t      *testing.T
	prompt string
	lose   func(core.Attempt) bool // nil, or whether the door is to be silent

	strict bool // every login comes to its end before the same person's next

	mu    sync.Mutex
	open  map[string]bool
	names map[string]int
}

func (l *logins) Begin(_ context.Context, a core.Attempt) (core.Step, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lose != nil && l.lose(a) {
		return core.Step{}, core.ErrSilence
	}
	if want := "a password longer than a block, of " + strings.TrimPrefix(a.User, "user"); a.Password.Reveal() != want {
		l.t.Errorf("%s came with the password %q", a.User, a.Password.Reveal())
	}
	if l.strict && l.open[a.User] {
		l.t.Errorf("%s logs in twice at once", a.User)
	}
	l.open[a.User] = true
	return core.Step{Kind: core.Challenge, Token: "TOKEN-" + a.User, Prompt: l.prompt, Secret: true}, nil
}

func (l *logins) AnswerLater(_ context.Context, r core.Reply, _ core.Later) (core.Step, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, r.User)
	l.names[r.User]++
	if r.Token != "TOKEN-"+r.User || r.Text.Reveal() != "HIDG" {
		return core.Step{Kind: core.Reject, Text: "Denied.", Reason: core.WrongAnswer}, false, nil
	}
	return core.Step{Kind: core.Accept}, false, nil
}

const heidelberg = "PINphrase: Please enter the 1st, 3rd, 4th and last character of your place of birth."

// serve starts the real door before a core of the tests, and a generator that knows it.
func serve(t *testing.T, l *logins, c Config) *Generator {
	t.Helper()
	l.t, l.open, l.names = t, map[string]bool{}, map[string]int{}
	if l.prompt == "" {
		l.prompt = heidelberg
	}
	server, err := radiusd.New(
		radiusd.Config{Listen: []string{"127.0.0.1:0"}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))},
		radiusd.Snapshot{Logins: l, Clients: []radiusd.Client{{
			Name: "vpn", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Challenge: true, Secrets: []secret.Secret{secret.New(testSecret)},
		}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	c.Server = server.Addrs()[0]
	if c.Secret == "" {
		c.Secret = testSecret
	}
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func measure(t *testing.T, g *Generator, run Run) *Result {
	t.Helper()
	r, err := g.Run(context.Background(), run)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestClosedLoop(t *testing.T) {
	l := &logins{strict: true}
	g := serve(t, l, Config{Workers: 8, Accounts: everybody{30, "HEIDELBERG"}})
	var completed uint64
	served := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.names)
	}
	// A few rounds are enough, unless the machine is very busy.
	for n := 0; n < 2 || n < 50 && served() < 30; n++ {
		r := measure(t, g, Run{For: 150 * time.Millisecond})
		if r.Bad > 0 || r.Rejects > 0 || r.Timeouts > 0 {
			t.Errorf("wrong replies: %+v (%v)", r, r.FirstBad)
		}
		if r.Completed == 0 || r.Logins > r.Completed || r.Completed != r.Latency.Count() || r.Challenges != r.Completed {
			t.Errorf("the sums do not fit: %d logins, %d completed, %d challenges, %d times", r.Logins, r.Completed, r.Challenges, r.Latency.Count())
		}
		completed += r.Completed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.names) != 30 {
		t.Errorf("%d people of 30 had their turn: %v", len(l.names), l.names)
	}
	sum := 0
	for _, n := range l.names {
		sum += n
	}
	if uint64(sum) != completed {
		t.Errorf("the server saw %d logins, the generator %d", sum, completed)
	}
}

func TestOpenLoop(t *testing.T) {
	g := serve(t, &logins{}, Config{Workers: 8, Accounts: everybody{8, "HEIDELBERG"}})
	r := measure(t, g, Run{For: 200 * time.Millisecond, Rate: 100})
	// Due at 0, 10, … 190 ms, and at 200 if the clock was read in time.
	if r.Completed < 1 || r.Completed > 21 || r.Bad > 0 || r.Rejects > 0 {
		t.Errorf("at 100 a second, 200 ms gave %d logins, %d bad, %d rejected", r.Completed, r.Bad, r.Rejects)
	}
}

func TestRetransmits(t *testing.T) {
	heard := map[string]int{}
	l := &logins{lose: func(a core.Attempt) bool { heard[a.User]++; return heard[a.User] == 1 }}
	g := serve(t, l, Config{Workers: 4, Accounts: everybody{4, "HEIDELBERG"}, Retransmit: 60 * time.Millisecond})
	r := measure(t, g, Run{For: 100 * time.Millisecond})
	l.mu.Lock()
	defer l.mu.Unlock()
	if people := uint64(len(heard)); people == 0 || r.Retransmits < people || r.Completed < people || r.Timeouts > 0 {
		t.Errorf("the first packet of each of %d people was lost once: %d sent again, %d logins, %d given up", people, r.Retransmits, r.Completed, r.Timeouts)
	}
}

func TestGivesUp(t *testing.T) {
	l := &logins{lose: func(core.Attempt) bool { return true }}
	g := serve(t, l, Config{Workers: 2, Accounts: everybody{2, "HEIDELBERG"}, Retransmit: time.Millisecond, Tries: 3})
	r := measure(t, g, Run{For: time.Millisecond})
	if r.Timeouts == 0 || r.Completed > 0 || r.Retransmits != 2*r.Timeouts {
		t.Errorf("nobody answers: %d given up, %d sent again, %d logins", r.Timeouts, r.Retransmits, r.Completed)
	}
}

func TestCountsWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name   string
		logins *logins
		config Config
		want   func(*Result) bool
	}{
		{"a wrong answer", &logins{}, Config{Accounts: everybody{1, "HAMBURGXXX"}}, func(r *Result) bool { return r.Rejects > 0 && r.Bad == 0 }},
		{"an unknown question", &logins{prompt: "Please enter the 1st and last character of your pet."}, Config{Accounts: everybody{1, "X"}},
			func(r *Result) bool { return r.FirstBad == errUnknown }},
		{"no question", &logins{prompt: "Password?"}, Config{Accounts: everybody{1, "X"}}, func(r *Result) bool { return r.FirstBad == errPrompt }},
		{"another secret", &logins{}, Config{Secret: "another secret of the tests", Accounts: everybody{1, "X"}, Retransmit: time.Millisecond, Tries: 2},
			func(r *Result) bool { return r.Timeouts > 0 && r.Challenges == 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Workers = 1
			g := serve(t, c.logins, c.config)
			if r := measure(t, g, Run{For: 40 * time.Millisecond}); !c.want(r) || r.Completed > 0 {
				t.Errorf("%d accepted, %d rejected, %d given up, %d bad: %v", r.Completed, r.Rejects, r.Timeouts, r.Bad, r.FirstBad)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]Config{
		"nobody":                      {},
		"fewer accounts than workers": {Workers: 3, Accounts: everybody{2, "X"}},
		"a NAS too long":              {Workers: 1, NAS: strings.Repeat("n", 254), Accounts: everybody{2, "X"}},
	} {
		if g, err := New(c); err == nil {
			t.Errorf("%s: taken", name)
			_ = g.Close()
		}
	}
}
