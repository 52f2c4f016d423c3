package radiusd

import (
	"sync/atomic"

	"github.com/latchkey/latchkey/core"
)

// Drop is why a packet got no reply of its own. The zero value is none.
type Drop uint8

// The reasons, in the order in which a packet can meet them.
const (
	none                        Drop = iota
	TooShort                         // under 20 bytes
	BadLength                        // the length field is under 20, over 4096, or more than came
	UnknownClient                    // no client has this address
	UnsupportedCode                  // neither Access-Request nor Status-Server
	Malformed                        // attributes that cannot be read, or occur twice where they may not
	MissingMessageAuthenticator      // and the client, the code or an EAP-Message requires it
	BadMessageAuthenticator          // wrong secret, or forged
	ProxyStateLimited                // Proxy-State without Message-Authenticator
	StatusLimited                    // more Status-Server than the client may send
	InFlight                         // a duplicate of a packet that is still being worked on
	QueueFull                        // shed: more work than the queues hold
	Stale                            // shed: the NAS has given up before its turn came
	WrongSecret                      // the password does not decrypt to a text
	NoAnswer                         // Logins knows no outcome
	Panicked                         // a handler broke
	Unencodable                      // the reply does not fit into a packet
	SendFailed                       // the socket refused the reply
	drops
)

var dropWords = [drops]string{
	"none", "too-short", "bad-length", "unknown-client", "unsupported-code", "malformed",
	"missing-message-authenticator", "bad-message-authenticator", "proxy-state-limited",
	"status-limited", "duplicate-in-flight", "queue-full", "stale", "wrong-secret",
	"no-answer", "panicked", "unencodable", "send-failed",
}

// dropHints say what the admin can do about it.
var dropHints = [drops]string{
	UnknownClient:               "add the address under radius.clients, or find out who that is",
	UnsupportedCode:             "this port serves Access-Request and Status-Server only; accounting belongs elsewhere",
	MissingMessageAuthenticator: "let the NAS send it, or set message_authenticator: accept for this client",
	BadMessageAuthenticator:     "compare the shared secrets of both sides",
	ProxyStateLimited:           "let the proxy send Message-Authenticator, or set limit_proxy_state: false for this client",
	WrongSecret:                 "compare the shared secrets of both sides",
	QueueFull:                   "more requests than can be answered; look for a flood, or at the time that passwords take",
	Stale:                       "the NAS's patience (timeout × tries) ended in the queue",
	NoAnswer:                    "the error says why; the NAS asks again by itself",
	Unencodable:                 "the reply attributes and the Proxy-States together exceed 4096 bytes",
}

// String gives the word that logs and metrics use.
func (d Drop) String() string {
	if d < drops {
		return dropWords[d]
	}
	return "unknown"
}

// Stats are the counters since the start, and four levels of this moment.
type Stats struct {
	Received     uint64 // datagrams, whatever was in them
	First        uint64 // first rounds that came to their queue, those shed included
	Second       uint64 // second rounds
	Accepts      uint64 // replies, without those sent again
	Rejects      uint64
	Challenges   uint64
	Refused      uint64 // rejects by the door itself: no user name, not PAP, no challenge possible
	StatusServer uint64 // answered
	Resent       uint64 // duplicates answered from the cache
	Joined       uint64 // retransmissions from another port that got a pending request's step
	Dropped      map[Drop]uint64

	QueuedFirst  int // waiting for a worker
	QueuedSecond int
	Waiting      int // for a phone
	Remembered   int // replies in the cache of duplicates
}

type counters struct {
	received, first, second, refused, status, resent, joined atomic.Uint64

	steps   [core.Challenge + 1]atomic.Uint64
	dropped [drops]atomic.Uint64
}

// Stats reads the counters. It is safe at any time and not expensive.
func (s *Server) Stats() Stats {
	c := &s.counters
	st := Stats{
		Received:     c.received.Load(),
		First:        c.first.Load(),
		Second:       c.second.Load(),
		Accepts:      c.steps[core.Accept].Load(),
		Rejects:      c.steps[core.Reject].Load(),
		Challenges:   c.steps[core.Challenge].Load(),
		Refused:      c.refused.Load(),
		StatusServer: c.status.Load(),
		Resent:       c.resent.Load(),
		Joined:       c.joined.Load(),
		Dropped:      make(map[Drop]uint64, drops-1),
		QueuedFirst:  len(s.lanes[firstRounds].jobs),
		QueuedSecond: len(s.lanes[secondRounds].jobs),
		Waiting:      int(s.parked.Load()),
	}
	for d := none + 1; d < drops; d++ {
		st.Dropped[d] = c.dropped[d].Load()
	}
	st.Remembered, _ = s.duplicates.size()
	return st
}
