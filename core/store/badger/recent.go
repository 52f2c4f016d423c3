package badger

import "hash/maphash"

// recent remembers when keys were last written, so that the committer can tell whether
// a transaction's reads are out of date without asking Badger. It knows keys by a keyed
// hash: two keys with one hash cost a needless second run, never a missed conflict. Of
// the past before low it knows nothing: whoever read before that counts as out of date.
type recent struct {
	seed     maphash.Seed
	now, old map[uint64]uint64
	turned   uint64 // what was committed after this is in now
	low      uint64 // what was committed after this is in old or now
}

// recentKeys is the number of keys after which the older half is forgotten.
const recentKeys = 1 << 16

func (r *recent) begin(ts uint64) {
	r.seed = maphash.MakeSeed()
	r.now, r.old = map[uint64]uint64{}, map[uint64]uint64{}
	r.turned, r.low = ts, ts
}

func (r *recent) hash(key []byte) uint64 { return maphash.Bytes(r.seed, key) }

// stale tells whether one of the keys was, or may have been, written after ts.
func (r *recent) stale(reads []uint64, ts uint64) bool {
	if ts < r.low {
		return true
	}
	for _, h := range reads {
		if r.now[h] > ts || r.old[h] > ts {
			return true
		}
	}
	return false
}

// written notes a write of the batch that commits at ts.
func (r *recent) written(hash, ts uint64) { r.now[hash] = ts }

// turn forgets the older half when the newer one is full. ts is the newest commit.
func (r *recent) turn(ts uint64) {
	if len(r.now) < recentKeys {
		return
	}
	r.old, r.now = r.now, r.old
	clear(r.now)
	r.low, r.turned = r.turned, ts
}
