package badger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	bdg "github.com/dgraph-io/badger/v4"

	"github.com/latchkey/latchkey/core/store"
)

// What kinds of keys there are in Badger.
const (
	dataPrefix    = "d" // then the caller's key
	journalPrefix = "j" // then the number of the block's first record, 8 bytes big-endian
	headKey       = "shead"
	formatKey     = "sformat"
)

// blockSize is the number of bytes from which a further journal block is begun. The
// records of one batch share a block, since one write costs more than its bytes.
const blockSize = 128 << 10

// chain adds records behind m, which moves on, and hands the blocks and the head to set.
func (m *mark) chain(records [][]byte, link store.Link, set func(key, value []byte)) {
	var block []byte
	first := m.seq + 1
	for i, data := range records {
		m.link = link(m.seq+1, m.link, data)
		m.seq++
		block = binary.AppendUvarint(block, uint64(len(m.link)))
		block = append(block, m.link...)
		block = binary.AppendUvarint(block, uint64(len(data)))
		block = append(block, data...)
		if len(block) >= blockSize || i == len(records)-1 {
			set(journalKey(first), block)
			block, first = nil, m.seq+1
		}
	}
	set([]byte(headKey), append(binary.BigEndian.AppendUint64(nil, m.seq), m.link...))
}

func journalKey(seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(journalPrefix), seq)
}

// decodeBlock gives the records of a block; they share the block's memory.
func decodeBlock(key, block []byte) ([]store.Record, error) {
	if len(key) != len(journalPrefix)+8 {
		return nil, errBlock
	}
	seq := binary.BigEndian.Uint64(key[len(journalPrefix):])
	var records []store.Record
	field := func() (p []byte, ok bool) {
		n, w := binary.Uvarint(block)
		if w <= 0 || n > uint64(len(block)-w) {
			return nil, false
		}
		p, block = block[w:w+int(n):w+int(n)], block[w+int(n):]
		return p, true
	}
	for len(block) > 0 {
		link, ok1 := field()
		data, ok2 := field()
		if !ok1 || !ok2 {
			return nil, errBlock
		}
		records = append(records, store.Record{Seq: seq, Data: data, Link: link})
		seq++
	}
	return records, nil
}

var errBlock = fmt.Errorf("%w: a journal block does not decode", store.ErrCorrupt)

// readHead reads the journal's head as of ts.
func readHead(db *bdg.DB, ts uint64) (seq uint64, link []byte, err error) {
	txn := db.NewTransactionAt(ts, false)
	defer txn.Discard()
	item, err := txn.Get([]byte(headKey))
	if errors.Is(err, bdg.ErrKeyNotFound) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	value, err := item.ValueCopy(nil)
	if err != nil {
		return 0, nil, err
	}
	if len(value) < 8 {
		return 0, nil, fmt.Errorf("%w: the journal's head does not decode", store.ErrCorrupt)
	}
	return binary.BigEndian.Uint64(value), value[8:], nil
}

// JournalHead implements store.Store.
func (s *Store) JournalHead(ctx context.Context) (uint64, []byte, error) {
	g, err := s.enter(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer s.live.leave(g)
	m := s.durable.Load()
	return m.seq, bytes.Clone(m.link), nil
}

// Journal implements store.Store, on one snapshot.
func (s *Store) Journal(ctx context.Context, from uint64, backward bool, fn func(store.Record) bool) error {
	g, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer s.live.leave(g)
	m := s.durable.Load()
	if backward && (from == 0 || from > m.seq) {
		from = m.seq
	}
	if !backward && from == 0 {
		from = 1
	}
	txn := s.db.NewTransactionAt(m.ts, false)
	defer txn.Discard()
	start := from
	if !backward {
		start = blockOf(txn, from)
	}
	it := txn.NewIterator(bdg.IteratorOptions{Prefix: []byte(journalPrefix), Reverse: backward})
	defer it.Close()
	for it.Seek(journalKey(start)); it.Valid(); it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		value, err := it.Item().ValueCopy(nil)
		if err != nil {
			return readError(err)
		}
		records, err := decodeBlock(it.Item().Key(), value)
		if err != nil {
			return err
		}
		if !deliver(records, from, backward, fn) {
			return nil
		}
	}
	return nil
}

// deliver hands over those records of a block that lie in the asked direction.
func deliver(records []store.Record, from uint64, backward bool, fn func(store.Record) bool) bool {
	for i := range records {
		r := records[i]
		if backward {
			r = records[len(records)-1-i]
		}
		if (backward && r.Seq > from) || (!backward && r.Seq < from) {
			continue
		}
		if !fn(r) {
			return false
		}
	}
	return true
}

// blockOf finds the number of the first record of the block that holds seq.
func blockOf(txn *bdg.Txn, seq uint64) uint64 {
	it := txn.NewIterator(bdg.IteratorOptions{Prefix: []byte(journalPrefix), Reverse: true})
	defer it.Close()
	it.Seek(journalKey(seq))
	if key := it.Item; it.Valid() && len(key().Key()) == len(journalPrefix)+8 {
		return binary.BigEndian.Uint64(it.Item().Key()[len(journalPrefix):])
	}
	return seq
}
