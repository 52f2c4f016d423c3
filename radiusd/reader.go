package radiusd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"time"

	"layeh.com/radius"
)

// request is one packet on its way. It is used again for another when its reply has left.
type request struct {
	packet
	*buffers        // nil: it waits, and keeps what it needs
	hidden   []byte // the decrypted User-Password, in password; nil: there was none

	socket   *socket
	from     netip.AddrPort
	local    []byte // the control message that sends the reply from the right address
	arrived  time.Time
	id       string
	snapshot *snapshot
	client   *client
	signer   *signer // the secret that has proven right; nil: nothing has told yet
	entry    *remembered
	lane     int
	joined   bool // got the step of another packet's request
}

// buffers are what a request is read and decrypted into.
type buffers struct {
	buf      [maxPacket]byte
	oob      [oobSize]byte
	password [maxPassword]byte
}

func (s *Server) read(k *socket) {
	defer k.release()
	failures := 0
	r := s.fresh()
	for {
		n, from, local, err := k.read(r.buf[:], r.oob[:])
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
				return
			}
			if failures++; failures < 100 {
				continue // the kernel tells of an earlier packet's fate; the socket is well
			}
			select {
			case s.broken <- fmt.Errorf("radiusd: reading from %s: %w", k.address, err):
			default:
			}
			return
		}
		failures = 0
		r.socket, r.from, r.local, r.arrived = k, from, local, s.now()
		s.counters.received.Add(1)
		queued, why, cause := s.receive(r, n)
		if queued {
			r = s.fresh()
			continue
		}
		if why != none {
			s.drop(r, why, cause)
		}
		r.reset()
	}
}

// fresh gives a request to read into.
func (s *Server) fresh() *request {
	return s.requests.Get().(*request)
}

// reset forgets the packet, its password first.
func (r *request) reset() {
	clear(r.password[:])
	r.packet = packet{}
	r.hidden, r.socket, r.local, r.id = nil, nil, nil, ""
	r.snapshot, r.client, r.signer, r.entry = nil, nil, nil, nil
	r.joined = false
}

// receive takes a datagram of n bytes as far as a queue, or says why not. It must never
// wait: every packet of the socket comes through here.
func (s *Server) receive(r *request, n int) (queued bool, why Drop, cause error) {
	defer func() {
		if p := recover(); p != nil {
			queued, why, cause = false, Panicked, fmt.Errorf("%v\n%s", p, debug.Stack())
		}
	}()
	if why := r.packet.length(r.buf[:n]); why != none {
		return false, why, nil
	}
	r.snapshot = s.snapshot.Load()
	if r.client = r.snapshot.clients.find(r.from.Addr()); r.client == nil {
		return false, UnknownClient, nil
	}
	code := r.packet.code()
	if code != radius.CodeAccessRequest && code != radius.CodeStatusServer {
		return false, UnsupportedCode, nil
	}
	if why := r.packet.attributes(); why != none {
		return false, why, nil
	}
	if why := r.authenticate(); why != none {
		return false, why, nil
	}
	if code == radius.CodeStatusServer {
		return false, s.status(r), nil
	}
	return s.queue(r)
}

// authenticate applies the rules for the Message-Authenticator. What fails here never comes
// near the cache of duplicates.
func (r *request) authenticate() Drop {
	p, c := &r.packet, r.client
	if p.message != 0 {
		if r.signer = c.whoSigned(p); r.signer == nil {
			return BadMessageAuthenticator
		}
		return none
	}
	switch {
	case c.MessageAuthenticator == Require, p.eap, p.code() == radius.CodeStatusServer:
		return MissingMessageAuthenticator
	case c.LimitProxyState && p.proxyStates > 0:
		return ProxyStateLimited
	}
	return none
}

// queue answers a duplicate, or queues what is new.
func (s *Server) queue(r *request) (queued bool, why Drop, cause error) {
	o := origin{from: r.from, socket: r.socket.number, identifier: r.packet.identifier()}
	entry, reply, why := s.duplicates.begin(o, [16]byte(r.packet.authenticator()), r.arrived)
	switch {
	case why != none:
		return false, why, nil
	case reply != nil:
		s.counters.resent.Add(1)
		if err := r.socket.write(reply, r.from, r.local); err != nil {
			return false, SendFailed, err
		}
		return false, none, nil
	}
	r.entry = entry
	r.id = s.ids.make()
	r.lane = firstRounds
	count := &s.counters.first
	if r.packet.state != nil {
		r.lane = secondRounds
		count = &s.counters.second
	}
	count.Add(1)
	r.socket.hold()
	if !s.lanes[r.lane].offer(r) {
		r.socket.release()
		s.duplicates.forget(entry)
		return false, QueueFull, nil
	}
	return true, none, nil
}
