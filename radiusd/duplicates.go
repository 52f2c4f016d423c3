package radiusd

import (
	"net/netip"
	"sync"
	"time"
)

// duplicates is the first net of RFC 5080 section 2.2.2: a packet that came before, from the
// same address and port, with the same identifier and authenticator, gets the same bytes
// again, or nothing while the first is still being worked on.
//
// It is bounded. What has been answered is forgotten after a time, or earlier when there is
// too much of it, the oldest first; what is being worked on is never forgotten, not even for
// a packet with the same identifier and another authenticator: anybody could send that.
type duplicates struct {
	shards [shardCount]duplicateShard
	keep   time.Duration
	limit  int // answered entries in a shard
}

const (
	shardCount = 64
	// maxSiblings bounds how many requests of one address, port and identifier may be in
	// work at once. An honest NAS has one.
	maxSiblings = 8
)

type duplicateShard struct {
	sync.Mutex
	newest   map[origin]*remembered
	answered list
}

// origin is where a packet came from and where, with which identifier.
type origin struct {
	from       netip.AddrPort
	socket     uint32
	identifier byte
}

// remembered is a packet that we have had.
type remembered struct {
	origin
	authenticator [16]byte
	reply         []byte      // nil: in work
	expires       time.Time   // of what is answered
	older         *remembered // others of the same origin, in work, with other authenticators
	before, after *remembered // in the list of the answered
}

// list holds the answered entries of a shard, oldest first.
type list struct {
	first, last *remembered
	length      int
}

func (l *list) add(m *remembered) {
	m.before = l.last
	if l.last != nil {
		l.last.after = m
	} else {
		l.first = m
	}
	l.last = m
	l.length++
}

func (l *list) remove(m *remembered) {
	if m.before != nil {
		m.before.after = m.after
	} else {
		l.first = m.after
	}
	if m.after != nil {
		m.after.before = m.before
	} else {
		l.last = m.before
	}
	m.before, m.after = nil, nil
	l.length--
}

func newDuplicates(keep time.Duration, limit int) *duplicates {
	d := &duplicates{keep: keep, limit: max(1, limit/shardCount)}
	for i := range d.shards {
		d.shards[i].newest = make(map[origin]*remembered)
	}
	return d
}

func (d *duplicates) shard(o *origin) *duplicateShard {
	// Ports and identifiers differ evenly, and a NAS that chooses them badly only makes
	// its own packets wait for one another.
	return &d.shards[(uint(o.from.Port())*31+uint(o.identifier))%shardCount]
}

// begin looks a packet up. It gives either a new entry, which must end in answer or forget,
// or the reply to send again, or the reason to drop the packet.
func (d *duplicates) begin(o origin, authenticator [16]byte, now time.Time) (fresh *remembered, reply []byte, drop Drop) {
	s := d.shard(&o)
	s.Lock()
	defer s.Unlock()
	d.expire(s, now)
	head := s.newest[o]
	siblings := 0
	for m := head; m != nil; m = m.older {
		if m.authenticator == authenticator {
			if m.reply == nil {
				return nil, nil, InFlight
			}
			return nil, m.reply, none
		}
		siblings++
	}
	if siblings >= maxSiblings {
		return nil, nil, QueueFull
	}
	if head != nil && head.reply != nil { // a new request: the old one is over
		s.answered.remove(head)
		head = head.older
	}
	fresh = &remembered{origin: o, authenticator: authenticator, older: head}
	s.newest[o] = fresh
	return fresh, nil, none
}

// answer keeps the reply of an entry, unless a newer packet has taken its place.
func (d *duplicates) answer(m *remembered, reply []byte, now time.Time) {
	s := d.shard(&m.origin)
	s.Lock()
	defer s.Unlock()
	if s.newest[m.origin] != m {
		s.unlink(m)
		return
	}
	m.reply, m.expires = reply, now.Add(d.keep)
	s.answered.add(m)
	d.expire(s, now)
	for s.answered.length > d.limit {
		s.drop(s.answered.first)
	}
}

// forget frees an entry, so that a retransmission asks again.
func (d *duplicates) forget(m *remembered) {
	s := d.shard(&m.origin)
	s.Lock()
	defer s.Unlock()
	s.unlink(m)
}

func (d *duplicates) expire(s *duplicateShard, now time.Time) {
	for m := s.answered.first; m != nil && !now.Before(m.expires); m = s.answered.first {
		s.drop(m)
	}
}

// drop takes an answered entry out.
func (s *duplicateShard) drop(m *remembered) {
	s.answered.remove(m)
	s.unlink(m)
}

// unlink takes an entry out of the chain of its origin.
func (s *duplicateShard) unlink(m *remembered) {
	head := s.newest[m.origin]
	switch {
	case head == m && m.older == nil:
		delete(s.newest, m.origin)
	case head == m:
		s.newest[m.origin] = m.older
	default:
		for ; head != nil; head = head.older {
			if head.older == m {
				head.older = m.older
				return
			}
		}
	}
}

// size counts the entries, for the statistics.
func (d *duplicates) size() (answered, origins int) {
	for i := range d.shards {
		s := &d.shards[i]
		s.Lock()
		answered += s.answered.length
		origins += len(s.newest)
		s.Unlock()
	}
	return answered, origins
}
