package badger

import (
	"errors"
	"sync/atomic"

	"github.com/latchkey/latchkey/core/store"
)

// Stats are sums since Open, for metrics.
type Stats struct {
	Commits   uint64 // transactions that were made durable
	Batches   uint64 // Badger transactions, each with one sync
	Conflicts uint64 // functions that the committer ran again
	Full      uint64 // transactions refused for want of room
	Bytes     uint64 // of keys, values and records committed
	LSM       int64  // bytes of tables on disk, as of about a minute ago
	ValueLog  int64
}

type counters struct {
	commits, batches, conflicts, full, bytes atomic.Uint64
}

func (c *counters) batch(b *batch, err error) {
	c.conflicts.Add(uint64(b.reruns))
	if len(b.members) > 0 && errors.Is(b.members[0].err, store.ErrFull) {
		c.full.Add(uint64(len(b.members)))
	}
	if err != nil || (len(b.ops) == 0 && len(b.records) == 0) {
		return
	}
	c.batches.Add(1)
	for _, r := range b.members {
		if r.err == nil && r.threw == nil {
			c.commits.Add(1)
			c.bytes.Add(uint64(r.txn.Size()))
		}
	}
}

// Stats may be called at any time.
func (s *Store) Stats() Stats {
	st := Stats{
		Commits: s.count.commits.Load(), Batches: s.count.batches.Load(), Conflicts: s.count.conflicts.Load(),
		Full: s.count.full.Load(), Bytes: s.count.bytes.Load(),
	}
	if g := s.live.enter(); g != nil {
		st.LSM, st.ValueLog = s.db.Size()
		s.live.leave(g)
	}
	return st
}
