package radiusd

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// joining is the second net, by meaning: a retransmission that comes from another port with
// another authenticator, as OpenVPN's plugin sends it, joins the request that is still being
// worked on and gets the same step. Nothing that has ended is ever joined, and only what
// agrees in everything that a stranger with the user's password could not know or be: the
// address of the NAS, the identifier, the user, a Calling-Station-Id that is PRESENT, the
// password, and the State.
type joining struct {
	macs   sync.Pool
	shards [16]joinShard
}

// maxJoined bounds how many packets wait for one reply.
const maxJoined = 16

type joinShard struct {
	sync.Mutex
	pending map[meaning]*flight
}

// meaning is an HMAC of what is compared, under a key of this process: the table holds no
// password, and nobody can look for collisions.
type meaning [32]byte

// flight is a request being worked on and the packets that wait for its step. The first one leads.
type flight struct {
	meaning meaning
	waiting []*request
}

func newJoining() *joining {
	key := make([]byte, 32)
	rand.Read(key)
	j := &joining{macs: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
	for i := range j.shards {
		j.shards[i].pending = make(map[meaning]*flight)
	}
	return j
}

// part is what a request plays in a flight.
type part uint8

const (
	alone   part = iota // no Calling-Station-Id: not in the table
	leading             // first of a new flight, which it must land
	waiting             // a copy gets its reply with that of another
	crowded             // too many wait already
)

// join enters a request.
func (j *joining) join(r *request) (part, *flight) {
	if len(r.packet.callingStation) == 0 {
		return alone, nil
	}
	m := j.meaning(r)
	s := &j.shards[m[0]%16]
	s.Lock()
	defer s.Unlock()
	f := s.pending[m]
	switch {
	case f == nil:
		f = &flight{meaning: m, waiting: []*request{r}}
		s.pending[m] = f
		return leading, f
	case len(f.waiting) >= maxJoined:
		return crowded, nil
	}
	joined := r.slim()
	joined.joined = true
	f.waiting = append(f.waiting, joined)
	return waiting, nil
}

// replace puts another request in the place of the one that leads.
func (j *joining) replace(f *flight, r *request) {
	s := &j.shards[f.meaning[0]%16]
	s.Lock()
	defer s.Unlock()
	f.waiting[0] = r
}

// land ends a flight and gives all that wait for it.
func (j *joining) land(f *flight) []*request {
	s := &j.shards[f.meaning[0]%16]
	s.Lock()
	defer s.Unlock()
	delete(s.pending, f.meaning)
	return f.waiting
}

func (j *joining) meaning(r *request) (m meaning) {
	h := j.macs.Get().(hash.Hash)
	defer j.macs.Put(h)
	h.Reset()
	nas := r.from.Addr().As16()
	write(h, nas[:], []byte{r.packet.identifier()}, []byte(r.client.Name),
		r.packet.userName, r.packet.callingStation, r.hidden, r.packet.state)
	h.Sum(m[:0])
	return m
}

// write puts each part behind its length, so that no two lists of parts look alike.
func write(h hash.Hash, parts ...[]byte) {
	var length [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(length[:], uint32(len(p)))
		h.Write(length[:])
		h.Write(p)
	}
}
