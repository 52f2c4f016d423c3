// Package writes holds what one transaction wants to write until it commits: the
// same buffer, limits and merged reading for every engine. It must never know how
// an engine keeps its data.
package writes

import (
	"bytes"
	"fmt"
	"sort"

	"github.com/latchkey/latchkey/core/store"
)

// Op is one write. Stored is the key with the buffer's prefix before it, Key the
// part of it that the transaction named.
type Op struct {
	Stored []byte
	Key    []byte
	Value  []byte
	Delete bool
}

// indexFrom is the number of writes from which a map finds a key sooner than a walk.
const indexFrom = 12

// Buffer collects the writes of one transaction. The zero value is usable; Prefix
// (one byte string for every key) must be set before the first write.
type Buffer struct {
	Prefix string

	ops     []Op
	records [][]byte
	index   map[string]int
	size    int
	arena   []byte
	err     error
}

// Reset forgets everything but the prefix. What was handed out before stays valid.
func (b *Buffer) Reset() {
	*b = Buffer{Prefix: b.Prefix}
}

// keep copies parts behind each other into memory of the buffer's own.
func (b *Buffer) keep(prefix string, p []byte) []byte {
	n := len(prefix) + len(p)
	if cap(b.arena)-len(b.arena) < n {
		b.arena = make([]byte, 0, max(1024, n))
	}
	from := len(b.arena)
	b.arena = append(b.arena, prefix...)
	b.arena = append(b.arena, p...)
	return b.arena[from:len(b.arena):len(b.arena)]
}

// Set notes a write, the last one for a key wins.
func (b *Buffer) Set(key, value []byte) {
	if len(value) > store.MaxValueSize {
		b.fail("a value of %d bytes, %d are allowed", len(value), store.MaxValueSize)
		return
	}
	b.put(key, value, false)
}

// Delete notes that key is to go.
func (b *Buffer) Delete(key []byte) { b.put(key, nil, true) }

// Append notes a journal record.
func (b *Buffer) Append(record []byte) {
	if len(record) > store.MaxValueSize {
		b.fail("a journal record of %d bytes, %d are allowed", len(record), store.MaxValueSize)
		return
	}
	b.records = append(b.records, b.keep("", record))
	b.grow(len(record))
}

func (b *Buffer) put(key, value []byte, del bool) {
	if len(key) > store.MaxKeySize {
		b.fail("a key of %d bytes, %d are allowed", len(key), store.MaxKeySize)
		return
	}
	if b.err != nil {
		return
	}
	if i := b.find(key); i >= 0 {
		b.size -= len(b.ops[i].Value)
		b.ops[i].Value, b.ops[i].Delete = b.keep("", value), del
		b.grow(len(value))
		return
	}
	stored := b.keep(b.Prefix, key)
	op := Op{Stored: stored, Key: stored[len(b.Prefix):], Value: b.keep("", value), Delete: del}
	b.ops = append(b.ops, op)
	if b.index != nil {
		b.index[string(op.Key)] = len(b.ops) - 1
	}
	b.grow(len(key) + len(value))
}

func (b *Buffer) grow(n int) {
	b.size += n
	if count := len(b.ops) + len(b.records); count > store.MaxTxnKeys {
		b.fail("more than %d writes", store.MaxTxnKeys)
	}
	if b.size > store.MaxTxnSize {
		b.fail("more than %d bytes", store.MaxTxnSize)
	}
}

func (b *Buffer) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("%w: %s", store.ErrTooLarge, fmt.Sprintf(format, args...))
	}
}

func (b *Buffer) find(key []byte) int {
	if b.index == nil && len(b.ops) >= indexFrom {
		b.index = make(map[string]int, 4*indexFrom)
		for i := range b.ops {
			b.index[string(b.ops[i].Key)] = i
		}
	}
	if b.index != nil {
		if i, ok := b.index[string(key)]; ok {
			return i
		}
		return -1
	}
	for i := range b.ops {
		if bytes.Equal(b.ops[i].Key, key) {
			return i
		}
	}
	return -1
}

// Get finds what the transaction itself wrote under key.
func (b *Buffer) Get(key []byte) (op Op, ok bool) {
	if i := b.find(key); i >= 0 {
		return b.ops[i], true
	}
	return Op{}, false
}

// Err is the first limit that was overstepped, wrapping store.ErrTooLarge.
func (b *Buffer) Err() error { return b.err }

// Empty tells that there is nothing to commit.
func (b *Buffer) Empty() bool { return len(b.ops) == 0 && len(b.records) == 0 }

// Ops are the writes, one for each key; Records the journal records in order.
func (b *Buffer) Ops() []Op         { return b.ops }
func (b *Buffer) Records() [][]byte { return b.records }

// Size is the sum of the bytes of keys, values and records.
func (b *Buffer) Size() int { return b.size }

// ScanFunc is Scan as an engine offers it without the writes of a transaction.
type ScanFunc func(prefix, start []byte, fn func(key, value []byte) bool) error

// Scan merges the buffer's writes as they are now into what base finds.
func (b *Buffer) Scan(prefix, start []byte, base ScanFunc, fn func(key, value []byte) bool) error {
	return Merge(b.matching(prefix, start), prefix, start, base, fn)
}

func (b *Buffer) matching(prefix, start []byte) []Op {
	var own []Op
	for _, op := range b.ops {
		if bytes.HasPrefix(op.Key, prefix) && bytes.Compare(op.Key, start) >= 0 {
			own = append(own, op)
		}
	}
	sort.Slice(own, func(i, j int) bool { return bytes.Compare(own[i].Key, own[j].Key) < 0 })
	return own
}

// Merge lays own, which is in ascending order and within prefix and start, over base.
func Merge(own []Op, prefix, start []byte, base ScanFunc, fn func(key, value []byte) bool) error {
	going := true
	emit := func(op Op) {
		if !op.Delete {
			going = fn(op.Key, op.Value)
		}
	}
	err := base(prefix, start, func(key, value []byte) bool {
		for going && len(own) > 0 && bytes.Compare(own[0].Key, key) < 0 {
			emit(own[0])
			own = own[1:]
		}
		if !going {
			return false
		}
		if len(own) > 0 && bytes.Equal(own[0].Key, key) {
			emit(own[0])
			own = own[1:]
		} else {
			going = fn(key, value)
		}
		return going
	})
	for err == nil && going && len(own) > 0 {
		emit(own[0])
		own = own[1:]
	}
	return err
}
