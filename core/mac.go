package core

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// macKey is a key for HMAC-SHA256. A keyed hash that was made once is used again: making one
// costs as much as using it.
type macKey struct {
	key  []byte
	free sync.Pool // of *keyedHash
}

type keyedHash struct {
	hash.Hash
	room [128]byte
}

func newMACKey(key []byte) *macKey {
	return &macKey{key: key, free: sync.Pool{New: func() any { return &keyedHash{Hash: hmac.New(sha256.New, key)} }}}
}

// mac is a keyed hash over parts, each framed by its length.
func mac(key *macKey, parts ...string) []byte {
	sum := key.sum(parts)
	return sum[:]
}

func mac8(key *macKey, parts ...string) (h [8]byte) {
	sum := key.sum(parts)
	copy(h[:], sum[:])
	return h
}

func (k *macKey) sum(parts []string) (sum [sha256.Size]byte) {
	h := k.free.Get().(*keyedHash)
	h.Reset()
	room := h.room[:0]
	for _, p := range parts {
		room = binary.BigEndian.AppendUint64(room, uint64(len(p)))
		room = append(room, p...)
	}
	h.Write(room)
	h.Sum(h.room[:0])
	copy(sum[:], h.room[:])
	clear(room) // a part may be as secret as an answer
	clear(h.room[:])
	k.free.Put(h)
	return sum
}
