package radiusd

import (
	"sync"
	"time"

	"layeh.com/radius"
)

// statusPerSecond is how many Status-Server packets one NAS gets answered. RFC 5997 section
// 4.1 has a client wait seconds between two.
const statusPerSecond = 50

// allowance bounds a client's Status-Server packets by the second.
type allowance struct {
	sync.Mutex
	second int64
	used   int
}

func (a *allowance) take(now time.Time) bool {
	a.Lock()
	defer a.Unlock()
	if second := now.Unix(); second != a.second {
		a.second, a.used = second, 0
	}
	a.used++
	return a.used <= statusPerSecond
}

// status answers a Status-Server (RFC 5997 section 3): the server is alive and reads. It is
// done by the reader, past queues and core, and not kept: a repeated question is a new one.
func (s *Server) status(r *request) Drop {
	if !r.client.status.take(r.arrived) {
		return StatusLimited
	}
	b := newReply(r, radius.CodeAccessAccept)
	b.proxyStates(r)
	raw, err := b.seal(r)
	if err != nil {
		return Unencodable
	}
	s.counters.status.Add(1)
	if r.socket.write(raw, r.from, r.local) != nil {
		return SendFailed
	}
	return none
}
