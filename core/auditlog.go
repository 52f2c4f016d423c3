package core

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/latchkey/latchkey/core/store"
)

// Reading the audit log.

// followEvery is how often FollowAudit looks for new records.
const followEvery = 300 * time.Millisecond

func (f AuditFilter) takes(e *AuditEntry) bool {
	return (f.User == "" || e.User == f.User) && (f.Reference == "" || e.Reference == f.Reference)
}

// canonical brings what a person typed into the form that records have.
func (c *Core) canonicalFilter(f AuditFilter) AuditFilter {
	if name, ok := c.set.Names.Canonical(f.User); ok {
		f.User = name
	}
	ref := bytes.ToUpper(bytes.ReplaceAll(bytes.TrimSpace([]byte(f.Reference)), []byte("-"), nil))
	f.Reference = string(ref)
	return f
}

func decodeAudit(r store.Record) AuditEntry {
	var a auditRecord
	if err := cborDecode.Unmarshal(r.Data, &a); err != nil {
		return AuditEntry{Seq: r.Seq, Event: "unreadable", Detail: "the record does not decode"}
	}
	return a.entry(r.Seq)
}

// Audit calls fn for the records that filter picks, ascending, until it returns false.
func (c *Core) Audit(ctx context.Context, f AuditFilter, fn func(AuditEntry) bool) error {
	f = c.canonicalFilter(f)
	if f.Newest > 0 {
		var newest []AuditEntry
		err := c.store.Journal(ctx, 0, true, func(r store.Record) bool {
			if e := decodeAudit(r); r.Seq >= f.From && f.takes(&e) {
				newest = append(newest, e)
			}
			return len(newest) < f.Newest && r.Seq > f.From
		})
		slices.Reverse(newest)
		for _, e := range newest {
			if !fn(e) {
				break
			}
		}
		return err
	}
	return c.store.Journal(ctx, max(f.From, 1), false, func(r store.Record) bool {
		e := decodeAudit(r)
		return !f.takes(&e) || fn(e)
	})
}

// FollowAudit calls fn for each new record after seq until ctx ends or fn returns false.
func (c *Core) FollowAudit(ctx context.Context, seq uint64, f AuditFilter, fn func(AuditEntry) bool) error {
	f = c.canonicalFilter(f)
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		more := true
		err := c.store.Journal(ctx, seq+1, false, func(r store.Record) bool {
			seq = r.Seq
			if e := decodeAudit(r); f.takes(&e) {
				more = fn(e)
			}
			return more
		})
		if err != nil || !more {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// VerifyAudit computes the chain anew from its first record.
func (c *Core) VerifyAudit(ctx context.Context) (AuditVerdict, error) {
	link := AuditLink(c.keys)
	var v AuditVerdict
	var prev []byte
	err := c.store.Journal(ctx, 1, false, func(r store.Record) bool {
		switch {
		case r.Seq != v.Records+1:
			v.Broken, v.Problem = v.Records+1, fmt.Sprintf("record %d is missing", v.Records+1)
		case !bytes.Equal(link(r.Seq, prev, r.Data), r.Link):
			v.Broken, v.Problem = r.Seq, fmt.Sprintf("record %d was changed, or its keyset is another one", r.Seq)
		default:
			v.Records, prev = r.Seq, r.Link
			return true
		}
		return false
	})
	if err != nil {
		return v, err
	}
	seq, head, err := c.store.JournalHead(ctx)
	if err != nil {
		return v, err
	}
	if v.Broken == 0 && seq == v.Records && !bytes.Equal(head, prev) || v.Broken == 0 && seq < v.Records {
		v.Broken, v.Problem = seq, "the head does not fit the last record"
	}
	v.Head = hex.EncodeToString(prev)
	return v, nil
}

// isProblem tells a person's error from an internal one.
func isProblem(err error) bool {
	var p *Problem
	return errors.As(err, &p)
}
