package badger

import (
	"sync"
)

// cache keeps the NEWEST committed value of keys, absence too, so that the reads of a
// login need not go through Badger's tables and their decryption each time.
//
// Why it is never wrong: an entry carries the timestamp of its key's last write. Every
// write passes through put, before the durable state that holds it is shown to anybody.
// So an entry is its key's last write of all that anybody sees, and a reader at ts may
// take it when the entry is not newer than ts. What a reader found in Badger at ts is
// filled in only when no key of the shard was written after ts.
type cache struct {
	shards [cacheShards]shard
}

const (
	cacheShards = 64
	cacheBytes  = 64 << 20 // of all shards
	cacheValue  = 4 << 10  // larger values are not kept
	cacheEntry  = 128      // what an entry costs beyond its bytes
)

type shard struct {
	mu       sync.RWMutex
	now, old map[string]cached
	bytes    int    // of now
	newest   uint64 // the last write to a key of this shard
}

type cached struct {
	ts      uint64
	value   []byte
	present bool
}

func (c *cache) begin(ts uint64) {
	for i := range c.shards {
		c.shards[i].now, c.shards[i].newest = map[string]cached{}, ts
	}
}

// get finds what a reader at ts sees of key. The value is shared: copy it.
func (c *cache) get(hash uint64, key []byte, ts uint64) (e cached, ok bool) {
	s := &c.shards[hash%cacheShards]
	s.mu.RLock()
	if e, ok = s.now[string(key)]; !ok {
		e, ok = s.old[string(key)]
	}
	s.mu.RUnlock()
	return e, ok && e.ts <= ts
}

// put notes a write that commits at ts.
func (c *cache) put(hash uint64, key, value []byte, present bool, ts uint64) {
	s := &c.shards[hash%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = ts
	s.set(key, value, present, ts)
}

// fill notes what a reader at ts found in Badger, written there at version.
func (c *cache) fill(hash uint64, key, value []byte, present bool, version, ts uint64) {
	s := &c.shards[hash%cacheShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest <= ts {
		s.set(key, value, present, version)
	}
}

func (s *shard) set(key, value []byte, present bool, ts uint64) {
	if len(value) > cacheValue {
		delete(s.now, string(key))
		delete(s.old, string(key))
		return
	}
	if s.bytes > cacheBytes/cacheShards/2 {
		s.old, s.now, s.bytes = s.now, make(map[string]cached, len(s.now)), 0
	}
	// An older entry of the key in old is hidden by this one, and dropped before it.
	s.now[string(key)] = cached{ts: ts, value: append([]byte(nil), value...), present: present}
	s.bytes += len(key) + len(value) + cacheEntry
}
