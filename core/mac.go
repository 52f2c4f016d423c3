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

// begin gives a keyed hash to write into, which end takes back.
func (k *macKey) begin() *keyedHash {
	h := k.free.Get().(*keyedHash)
	h.Reset()
	return h
}

func (k *macKey) end(h *keyedHash) []byte {
	sum := h.Sum(nil)
	clear(h.room[:])
	k.free.Put(h)
	return sum
}

// mac is a keyed hash over parts, each framed by its length.
func mac(key *macKey, parts ...string) []byte {
	h := key.begin()
	room := h.room[:0]
	for _, p := range parts {
		room = binary.BigEndian.AppendUint64(room, uint64(len(p)))
		room = append(room, p...)
	}
	h.Write(room)
	clear(room) // a part may be as secret as an answer
	return key.end(h)
}

func mac8(key *macKey, parts ...string) (h [8]byte) {
	copy(h[:], mac(key, parts...))
	return h
}
