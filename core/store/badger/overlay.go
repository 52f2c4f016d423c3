package badger

import (
	"bytes"
	"sort"

	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/store/internal/writes"
)

// overlay reads a batch that is not written yet, over the last durable state. Only
// functions that the committer runs again see it.
type overlay struct {
	base *snapshot
	ops  map[string]writes.Op
}

func newOverlay(base *snapshot) *overlay {
	return &overlay{base: base, ops: map[string]writes.Op{}}
}

func (o *overlay) put(ops []writes.Op) {
	for _, op := range ops {
		o.ops[string(op.Key)] = op
	}
}

// Get implements store.Reader.
func (o *overlay) Get(key []byte) ([]byte, error) {
	op, ok := o.ops[string(key)]
	switch {
	case !ok:
		return o.base.Get(key)
	case op.Delete:
		return nil, store.ErrNotFound
	}
	return append([]byte{}, op.Value...), nil
}

// Scan implements store.Reader.
func (o *overlay) Scan(prefix, start []byte, fn func(key, value []byte) bool) error {
	var own []writes.Op
	for _, op := range o.ops {
		if bytes.HasPrefix(op.Key, prefix) && bytes.Compare(op.Key, start) >= 0 {
			own = append(own, op)
		}
	}
	sort.Slice(own, func(i, j int) bool { return bytes.Compare(own[i].Key, own[j].Key) < 0 })
	return writes.Merge(own, prefix, start, o.base.Scan, fn)
}
