package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/latchkey/latchkey/core/store"
)

// FuzzDecodeBlock: a damaged block is an error, never a panic; and a whole one comes back.
func FuzzDecodeBlock(f *testing.F) {
	var m mark
	m.chain([][]byte{[]byte("one"), nil, bytes.Repeat([]byte("x"), 300)}, key32, func(key, value []byte) {
		if string(key) != headKey {
			f.Add(value)
		}
	})
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, block []byte) {
		records, err := decodeBlock(journalKey(7), bytes.Clone(block))
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("%v is not ErrCorrupt", err)
			}
			return
		}
		size := 0
		for i, r := range records {
			if r.Seq != uint64(7+i) {
				t.Errorf("record %d has the number %d", i, r.Seq)
			}
			size += len(r.Data) + len(r.Link)
		}
		if size > len(block) {
			t.Errorf("%d bytes came out of %d", size, len(block))
		}
	})
}

// TestJournalBlocks: records that overflow a block, in one transaction and in many.
func TestJournalBlocks(t *testing.T) {
	s := mustOpen(t, Config{Dir: t.TempDir(), EncryptionKey: benchKey, Link: key32})
	defer mustClose(t, s)
	n := 0
	for range 3 {
		if err := s.Update(context.Background(), func(x store.Txn) error {
			for i := range 12 {
				x.Append(append(fmt.Append(nil, n+i+1, " "), make([]byte, 60_000)...))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		n += 12
	}
	for from := uint64(1); from <= uint64(n); from++ {
		for _, backward := range []bool{false, true} {
			want := from
			if err := s.Journal(context.Background(), from, backward, func(r store.Record) bool {
				var told uint64
				if _, err := fmt.Sscan(string(r.Data[:3]), &told); err != nil || r.Seq != want || told != want {
					t.Errorf("from %d, backward %v: record %d tells of %d; want %d", from, backward, r.Seq, told, want)
				}
				if want++; backward {
					want -= 2
				}
				return !t.Failed()
			}); err != nil {
				t.Error(err)
			}
			if end := map[bool]uint64{false: uint64(n + 1), true: 0}[backward]; want != end {
				t.Errorf("from %d, backward %v: ended before %d", from, backward, want)
			}
		}
	}
}
