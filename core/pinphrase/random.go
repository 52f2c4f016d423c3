package pinphrase

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// below draws a number in [0,n) without modulo bias, reading as few bytes as n
// needs. The way in which bytes are used is part of what Stream promises: a
// change here changes every derived challenge.
func below(random io.Reader, n uint64) (uint64, error) {
	if n <= 1 {
		return 0, nil
	}
	width := bits.Len64(n - 1)
	mask := uint64(1)<<width - 1
	var b [8]byte
	for {
		if _, err := io.ReadFull(random, b[:(width+7)/8]); err != nil {
			return 0, fmt.Errorf("pinphrase: reading randomness: %w", err)
		}
		if v := binary.LittleEndian.Uint64(b[:]) & mask; v < n {
			return v, nil
		}
	}
}

// Stream gives an endless stream of bytes that depends on key and context
// alone: HMAC-SHA256 in counter mode, under a key derived for the context. Each
// part of the context is framed by its length. It serves derived draws (draw 0 of
// a user, decoys), which must be the same on every node without being stored.
func Stream(key []byte, context ...string) io.Reader {
	derive := hmac.New(sha256.New, key)
	derive.Write([]byte("latchkey/pinphrase/stream/1"))
	var size [8]byte
	for _, part := range context {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		derive.Write(size[:])
		derive.Write([]byte(part))
	}
	return &stream{key: derive.Sum(nil)}
}

type stream struct {
	key     []byte
	counter uint64
	rest    []byte
}

func (s *stream) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(s.rest) == 0 {
			block := hmac.New(sha256.New, s.key)
			var counter [8]byte
			binary.BigEndian.PutUint64(counter[:], s.counter)
			block.Write(counter[:])
			s.counter++
			s.rest = block.Sum(nil)
		}
		k := copy(p[n:], s.rest)
		s.rest = s.rest[k:]
		n += k
	}
	return n, nil
}
