package web

import (
	"cmp"
	"net/netip"
	"sync"
	"time"

	"github.com/latchkey/latchkey/core"
)

// Limits are bounds on what strangers may cost. Zero values take the defaults in brackets.
type Limits struct {
	Header     time.Duration // for TLS and the header of a request (10 s)
	Request    time.Duration // for a whole request (30 s)
	Reply      time.Duration // for a reply, and for each write to a stream (30 s)
	Idle       time.Duration // of a connection between requests (2 min)
	Heartbeat  time.Duration // between comments on a stream of events (20 s)
	Drain      time.Duration // how long Serve waits at its end for requests in work (10 s)
	Patience   time.Duration // how long a call waits for a place (2 s)
	Calls      int           // calls in work (256)
	Streams    int           // streams of events (10000)
	OfDevice   int           // streams of one device; a newer one ends the oldest (1)
	Conns      int           // connections (16384)
	OfNetwork  int           // connections of one address, or one /64 of IPv6 (1024)
	Enrolments Rate          // enrolments of one network that are refused (60, then one a second)
	Waiters    int           // calls of self-service that wait for a phone (512)
	SignIns    Rate          // sign-ins of one network at self-service that are refused (20, then one in 3 s)
	AllSignIns Rate          // sign-ins at self-service of everybody (200, then 50 a second)
	OfHost     Rate          // calls of one host of the fleet (200, then 20 a second)
	Failures   Rate          // calls of one network that prove no device (60, then one a second)
	Device     Rate          // well-signed calls of one device (60, then two a second)
}

// Rate is a bucket of Burst tokens that gets one back each Every.
type Rate struct {
	Burst int
	Every time.Duration
}

func (l Limits) withDefaults() Limits {
	l.Header = cmp.Or(l.Header, 10*time.Second)
	l.Request = cmp.Or(l.Request, 30*time.Second)
	l.Reply = cmp.Or(l.Reply, 30*time.Second)
	l.Idle = cmp.Or(l.Idle, 2*time.Minute)
	l.Heartbeat = cmp.Or(l.Heartbeat, 20*time.Second)
	l.Drain = cmp.Or(l.Drain, 10*time.Second)
	l.Patience = cmp.Or(l.Patience, 2*time.Second)
	l.Calls = cmp.Or(l.Calls, 256)
	l.Streams = cmp.Or(l.Streams, 10000)
	l.OfDevice = cmp.Or(l.OfDevice, 1)
	l.Conns = cmp.Or(l.Conns, 16384)
	l.OfNetwork = cmp.Or(l.OfNetwork, 1024)
	l.Enrolments = cmp.Or(l.Enrolments, Rate{60, time.Second})
	l.Waiters = cmp.Or(l.Waiters, 512)
	l.SignIns = cmp.Or(l.SignIns, Rate{20, 3 * time.Second})
	l.AllSignIns = cmp.Or(l.AllSignIns, Rate{200, 20 * time.Millisecond})
	l.OfHost = cmp.Or(l.OfHost, Rate{hostBurst, time.Second / hostEachTick})
	l.Failures = cmp.Or(l.Failures, Rate{60, time.Second})
	l.Device = cmp.Or(l.Device, Rate{60, time.Second / 2})
	return l
}

// network is what counts as one outsider: an address, or the /64 that every household of IPv6 has.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// buckets hold tokens by key. At most `most` keys are kept; those beyond share one bucket, so
// that many addresses cost no memory and gain nothing.
type buckets struct {
	rate Rate
	most int

	mu     sync.Mutex
	full   map[string]time.Time // when the key's bucket will be full again
	shared time.Time
	swept  time.Time
}

const mostKeys = 1 << 14

// mostDevices is how many may have called of late: above it they share a bucket, and honest phones would wait.
const mostDevices = 1 << 17

func newBuckets(rate Rate) *buckets {
	return &buckets{rate: rate, most: mostKeys, full: map[string]time.Time{}}
}

// take takes a token, if there is one.
func (b *buckets) take(key string, now time.Time) bool { return b.try(key, now, 1) }

// has tells whether there is a token, and takes none.
func (b *buckets) has(key string, now time.Time) bool { return b.try(key, now, 0) }

func (b *buckets) try(key string, now time.Time, tokens int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	full, listed := b.full[key]
	if !listed && len(b.full) >= b.most {
		b.sweep(now)
	}
	room := listed || len(b.full) < b.most
	if !room {
		full = b.shared
	}
	if full.Before(now) {
		full = now
	}
	// The bucket holds a token as long as it will be full within the time of all tokens but one.
	if full.Sub(now) > time.Duration(b.rate.Burst-1)*b.rate.Every {
		return false
	}
	if full = full.Add(time.Duration(tokens) * b.rate.Every); tokens > 0 {
		if room {
			b.full[key] = full
		} else {
			b.shared = full
		}
	}
	return true
}

// wait is how long there will be no token for a key.
func (b *buckets) wait(key string, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	full, listed := b.full[key]
	if !listed {
		full = b.shared
	}
	return max(0, full.Sub(now)-time.Duration(b.rate.Burst-1)*b.rate.Every)
}

// sweep forgets full buckets, at most once a second.
func (b *buckets) sweep(now time.Time) {
	if now.Sub(b.swept) < time.Second && !now.Before(b.swept) {
		return
	}
	b.swept = now
	for key, full := range b.full {
		if !full.After(now) {
			delete(b.full, key)
		}
	}
}

// strangers slow down who sends calls that prove no device, without hurting the phones behind the
// same address: a device that has proved itself here has a bucket of its own.
type strangers struct {
	failures *buckets

	mu     sync.Mutex
	proved map[string]struct{}
}

func newStrangers(rate Rate) *strangers {
	return &strangers{failures: newBuckets(rate), proved: map[string]struct{}{}}
}

func (s *strangers) key(remote netip.Addr, device string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.proved[device]; ok {
		return network(remote) + " " + device
	}
	return network(remote)
}

func (s *strangers) admit(remote netip.Addr, device string, now time.Time) bool {
	return s.failures.has(s.key(remote, device), now)
}

// judge learns from what core said.
func (s *strangers) judge(remote netip.Addr, device string, err error, now time.Time) {
	switch codeOf(err) {
	case core.CodeUnknownDevice, core.CodeBadSignature:
		s.failures.take(s.key(remote, device), now)
	case "":
		if err == nil {
			s.prove(device)
		}
	}
}

// prove keeps as many devices as there are keys; which one makes room does not matter.
func (s *strangers) prove(device string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.proved[device]; !ok && len(s.proved) >= mostKeys {
		for old := range s.proved {
			delete(s.proved, old)
			break
		}
	}
	s.proved[device] = struct{}{}
}
