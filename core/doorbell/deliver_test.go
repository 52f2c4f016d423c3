package doorbell

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

// wire is a network inside the test: connections to any host lead to one TLS server, in the test's own time.
type wire struct {
	calls chan net.Conn
	dials atomic.Int32
	done  chan struct{}
}

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	w.dials.Add(1)
	here, there := net.Pipe()
	select {
	case w.calls <- there:
		return here, nil
	case <-w.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.calls:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error   { close(w.done); return nil }
func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

// stage is a Bell and a push service in a bubble of synctest.
type stage struct {
	*Bell
	log  logbook
	gone atomic.Int32
}

// play runs a scene in the test's own time; waits of minutes take none.
func play(t *testing.T, limits Limits, service http.Handler, scene func(t *testing.T, s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		certificate, roots := identity(t)
		w := &wire{calls: make(chan net.Conn), done: make(chan struct{})}
		server := &http.Server{Handler: service, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}}
		go func() { _ = server.ServeTLS(w, "", "") }()
		s := &stage{}
		var err error
		s.Bell, err = newBell(Config{
			Keys: testKeys(t), Contact: contact, Allow: []string{"push.example.org", "*.slow.example"}, Roots: roots, Log: s.log.logger(), Limits: limits,
		}, w.dial)
		if err != nil {
			t.Fatal(err)
		}
		scene(t, s)
		s.Close()
		_ = server.Close()
		synctest.Wait()
	})
}

const origin = "https://push.example.org"

func (s *stage) ring(p *pushService) { s.Ring(p.subscription(), func() { s.gone.Add(1) }) }

func (s *stage) wait() time.Duration {
	began := time.Now()
	s.rings.Wait()
	return time.Since(began)
}

func TestVerdicts(t *testing.T) {
	type answer = func(http.ResponseWriter, *http.Request)
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	date := func(w http.ResponseWriter, r *http.Request) {
		status(503, "Retry-After", time.Now().Add(20*time.Second).UTC().Format(http.TimeFormat))(w, r)
	}
	for _, tt := range []struct {
		name    string
		answers []answer
		tries   int
		took    time.Duration
		gone    int32
		log     string
	}{
		{"created", []answer{status(201)}, 1, 0, 0, "a phone was rung"},
		{"accepted", []answer{status(202)}, 1, 0, 0, "a phone was rung"},
		{"gone", []answer{status(410)}, 1, 0, 1, "a push subscription has ended"},
		{"not found", []answer{status(404)}, 1, 0, 1, "a push subscription has ended"},
		{"gone at the second try", []answer{status(503), status(410)}, 2, time.Second, 1, "a push subscription has ended"},
		{"refused", []answer{status(400)}, 1, 0, 0, "status 400"},
		{"a signature that is not taken", []answer{status(403)}, 1, 0, 0, "it does not take the appliance's signature"},
		{"too large", []answer{status(413)}, 1, 0, 0, "status 413"},
		{"a redirect", []answer{status(307, "Location", origin+"/elsewhere")}, 1, 0, 0, "a redirect, which is not followed"},
		{"a permanent redirect", []answer{status(301, "Location", "http://169.254.169.254/")}, 1, 0, 0, "a redirect, which is not followed"},
		{"a failure that passes", []answer{status(500), status(502), status(201)}, 3, 3 * time.Second, 0, "tries=3"},
		{"a failure that stays", []answer{status(503)}, 4, 7 * time.Second, 0, "a phone was not rung"},
		{"no answer to the first try", []answer{hang, status(201)}, 2, 11 * time.Second, 0, "tries=2"},
		{"too many requests", []answer{status(429, "Retry-After", "7"), status(201)}, 2, 7 * time.Second, 0, "tries=2"},
		{"until a date", []answer{date, status(201)}, 2, 20 * time.Second, 0, "tries=2"},
		{"a date that is over", []answer{status(503, "Retry-After", "Sat, 01 Jan 1994 00:00:00 GMT"), status(201)}, 2, time.Second, 0, "tries=2"},
		{"a wait that makes no sense", []answer{status(503, "Retry-After", "-5 soon"), status(201)}, 2, time.Second, 0, "tries=2"},
		{"a wait beyond the pending", []answer{status(429, "Retry-After", "60")}, 1, 0, 0, "a phone was not rung"},
		{"a wait without end", []answer{status(429, "Retry-After", "99999999999999999999")}, 4, 7 * time.Second, 0, "a phone was not rung"},
	} {
		t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
			service := newPushService(t, origin, tt.answers...)
			play(t, Limits{}, service, func(t *testing.T, s *stage) {
				s.ring(service)
				if took := s.wait(); took != tt.took {
					t.Errorf("it took %s, not %s", took, tt.took)
				}
				if n := len(service.requests(t)); n != tt.tries || s.gone.Load() != tt.gone {
					t.Errorf("%d tries, not %d; gone %d times, not %d", n, tt.tries, s.gone.Load(), tt.gone)
				}
				s.log.says(t, tt.log)
			})
		})
	}
}

// TestTTL: what is tried late lives the shorter.
func TestTTL(t *testing.T) {
	service := newPushService(t, origin, status(429, "Retry-After", "25"), status(429, "Retry-After", "30"), status(201))
	play(t, Limits{}, service, func(t *testing.T, s *stage) {
		s.ring(service)
		s.wait()
		var ttls []string
		for _, r := range service.requests(t) {
			ttls = append(ttls, r.ttl)
		}
		if got := strings.Join(ttls, " "); got != "60 35 5" {
			t.Errorf("TTLs are %s", got)
		}
	})
}

// TestSlow: a service that never answers ends by our clock, and holds up nobody at another.
func TestSlow(t *testing.T) {
	slow := newPushService(t, "https://a.slow.example", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	quick := newPushService(t, origin)
	both := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Host, ".slow.example") {
			slow.ServeHTTP(w, r)
		} else {
			quick.ServeHTTP(w, r)
		}
	})
	play(t, Limits{Together: 2, PerMinute: 10}, both, func(t *testing.T, s *stage) {
		began := time.Now()
		for range 5 {
			s.ring(slow) // two work, three wait for them
		}
		synctest.Wait()
		s.ring(quick)
		synctest.Wait()
		if n := len(quick.requests(t)); n != 1 || time.Since(began) != 0 {
			t.Errorf("the quick service was asked %d times, %s later", n, time.Since(began))
		}
		if n := len(slow.requests(t)); n != 2 {
			t.Errorf("%d at once at the slow one", n)
		}
		if took := s.wait(); took != time.Minute {
			t.Errorf("it took %s to give up", took)
		}
		if s.gone.Load() != 0 || s.waiting != 0 {
			t.Errorf("gone %d times, %d still wait", s.gone.Load(), s.waiting)
		}
		s.log.says(t, "it does not answer in time")
		s.log.says(t, "too many stood before it")
	})
}

// TestEndless: an answer without end is not read to its end.
func TestEndless(t *testing.T) {
	service := newPushService(t, origin, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 1024)); err != nil {
				return
			}
		}
	})
	play(t, Limits{}, service, func(t *testing.T, s *stage) {
		s.ring(service)
		if took := s.wait(); took != 0 {
			t.Errorf("it took %s", took)
		}
		s.log.says(t, "a phone was rung")
	})
}

func TestLargeHeader(t *testing.T) {
	service := newPushService(t, origin, status(201, "X-Large", strings.Repeat("x", 64<<10)))
	play(t, Limits{Attempts: 1}, service, func(t *testing.T, s *stage) {
		s.ring(service)
		s.wait()
		s.log.says(t, "the connection failed")
	})
}

// TestOften: one subscription is rung six times a minute at most, another is not held up by that.
func TestOften(t *testing.T) {
	service, other := newPushService(t, origin), newPushService(t, origin)
	other.path = "/other"
	both := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == other.path {
			other.ServeHTTP(w, r)
		} else {
			service.ServeHTTP(w, r)
		}
	})
	play(t, Limits{}, both, func(t *testing.T, s *stage) {
		for range 10 {
			s.ring(service)
		}
		s.ring(other)
		s.wait()
		if n, m := len(service.requests(t)), len(other.requests(t)); n != 6 || m != 1 {
			t.Errorf("%d and %d rings", n, m)
		}
		s.log.says(t, "often enough")
		time.Sleep(time.Minute) // in the bubble's time
		s.ring(service)
		s.wait()
		if n := len(service.requests(t)); n != 7 {
			t.Errorf("%d rings after a minute", n)
		}
	})
}

// TestFull: a flood of rings does not block and does not grow without end.
func TestFull(t *testing.T) {
	service := newPushService(t, origin, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	play(t, Limits{Waiting: 8, Together: 2, PerMinute: 1000}, service, func(t *testing.T, s *stage) {
		for range 100 {
			s.ring(service)
		}
		if s.waiting != 8 {
			t.Errorf("%d wait", s.waiting)
		}
		s.log.says(t, "rings are dropped")
		if n := strings.Count(s.log.String(), "rings are dropped"); n != 1 {
			t.Errorf("told %d times in a minute", n)
		}
	})
}

// TestClose: what is under way is given up at once.
func TestClose(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"in a try":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"in a pause":   status(429, "Retry-After", "50"),
		"in its queue": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			service := newPushService(t, origin, answer)
			play(t, Limits{Together: 1}, service, func(t *testing.T, s *stage) {
				s.ring(service)
				if name == "in its queue" {
					s.ring(service)
				}
				synctest.Wait()
				began := time.Now()
				s.Close()
				if took := time.Since(began); took != 0 || s.waiting != 0 || s.gone.Load() != 0 {
					t.Errorf("it took %s, %d wait, %d gone", took, s.waiting, s.gone.Load())
				}
				s.log.says(t, "going down")
			})
		})
	}
}

// TestExpired: a subscription that ended by its own word is forgotten without a question.
func TestExpired(t *testing.T) {
	service := newPushService(t, origin)
	play(t, Limits{}, service, func(t *testing.T, s *stage) {
		text := strings.Replace(service.subscription().Reveal(), "null", fmt.Sprint(time.Now().Add(time.Hour).UnixMilli()), 1)
		ring := func() { s.Ring(secret.New(text), func() { s.gone.Add(1) }); s.wait() }
		ring()
		time.Sleep(time.Hour) // in the bubble's time
		ring()
		if n := len(service.requests(t)); n != 1 || s.gone.Load() != 1 {
			t.Errorf("%d rings, %d times gone", n, s.gone.Load())
		}
		s.Close()
		ring()
		if s.gone.Load() != 1 {
			t.Error("gone is called after the end, when the store may be closed")
		}
	})
}
