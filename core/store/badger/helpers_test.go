package badger

import (
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
)

var discard = slog.New(slog.DiscardHandler)

// key32 is a chain link good enough for tests.
func key32(seq uint64, prev, data []byte) []byte {
	h := sha256.New()
	_ = binary.Write(h, binary.BigEndian, seq)
	h.Write(prev)
	h.Write(data)
	return h.Sum(nil)
}
