package core

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/latchkey/latchkey/core/store"
)

// Witness is what is kept outside the state, so that a state that was restored or rolled back is
// known for one: a restore brings back used answers, spent codes and old counters.
type Witness struct {
	Generation string `json:"generation"`
	Seq        uint64 `json:"seq"`  // of the newest audit record
	Link       string `json:"link"` // its link, in hexadecimal
}

// Witness gives the present one.
func (c *Core) Witness(ctx context.Context) (Witness, error) {
	seq, link, err := c.store.JournalHead(ctx)
	return Witness{fmt.Sprintf("%016x", c.generation), seq, hex.EncodeToString(link)}, err
}

// CheckWitness compares the state with a witness of before. Where the state does not hold the
// record that the witness names, a new generation begins: tokens, open challenges, code words and
// temporary codes of before are void. It must be called before any login.
func (c *Core) CheckWitness(ctx context.Context, w Witness) (restored bool, err error) {
	holds := w.Seq == 0
	if !holds {
		err = c.store.Journal(ctx, w.Seq, false, func(r store.Record) bool {
			holds = r.Seq == w.Seq && hex.EncodeToString(r.Link) == w.Link
			return false
		})
		if err != nil {
			return false, err
		}
	}
	if holds {
		return false, nil
	}
	var b [8]byte
	_, _ = rand.Read(b[:])
	next := binary.BigEndian.Uint64(b[:]) | 1
	err = c.store.Update(ctx, func(t store.Txn) error {
		var g generationRecord
		if _, err := get(t, keyGeneration, &g); err != nil {
			return err
		}
		g.Number, g.Created = next, c.clock.Now().Unix()
		if err := put(t, keyGeneration, g); err != nil {
			return err
		}
		return audit(t, auditRecord{
			Time: c.clock.Now().UnixMilli(), Event: eventAlert, Result: "restored",
			Detail: fmt.Sprintf("the witness knows %d records; a new generation begins", w.Seq),
		})
	})
	if err == nil {
		c.generation = next
		c.newTokens()
	}
	return true, err
}
