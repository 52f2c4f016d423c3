package core

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/store"
)

// auditRecord is one record of the journal: what happened, in the same commit as the
// change that it tells of. It holds no secret, and every text that came from outside is
// bounded and printable.
type auditRecord struct {
	Time      int64  `cbor:"1,keyasint"` // Unix milliseconds
	Event     string `cbor:"2,keyasint"`
	Result    string `cbor:"3,keyasint,omitempty"`
	Reason    Reason `cbor:"4,keyasint,omitempty"`
	Reference string `cbor:"5,keyasint,omitempty"`
	User      string `cbor:"6,keyasint,omitempty"`
	Given     string `cbor:"7,keyasint,omitempty"`
	UserID    string `cbor:"8,keyasint,omitempty"`
	Door      Door   `cbor:"9,keyasint,omitempty"`
	NAS       string `cbor:"10,keyasint,omitempty"`
	Source    string `cbor:"11,keyasint,omitempty"`
	Policy    string `cbor:"12,keyasint,omitempty"`
	Actor     string `cbor:"13,keyasint,omitempty"`
	Detail    string `cbor:"14,keyasint,omitempty"`
}

// The events of the audit log.
const (
	eventLogin = "login"
	eventLock  = "lock"
	eventAlert = "alert"
)

// AuditLink is the keyed link of the audit chain: HMAC-SHA256 over number, predecessor and
// record. The store is opened with it. Unkeyed, whoever can write the files could compute
// the chain anew.
func AuditLink(k *keys.Keyset) store.Link {
	key := newMACKey(k.Derive("audit"))
	return func(seq uint64, prev, data []byte) []byte {
		h := key.begin()
		n := binary.BigEndian.AppendUint64(h.room[:0], seq)
		h.Write(binary.BigEndian.AppendUint64(n, uint64(len(prev))))
		h.Write(prev)
		h.Write(data)
		return key.end(h)
	}
}

// audit appends a record to the transaction.
func audit(t store.Txn, r auditRecord) error {
	b, err := encode(&r)
	if err != nil {
		return err
	}
	t.Append(b)
	return nil
}

// reference makes the short text that leads from a reject to its audit record: 8
// characters of Crockford's base32, 40 bits.
func reference() string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [8]byte
	_, _ = rand.Read(b[:])
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return string(b[:])
}

// printable makes a text from outside safe to show: control and other unprintable characters
// are escaped as Go escapes them, the length is bounded.
func printable(s string) string {
	if len(s) > MaxName {
		s = s[:MaxName]
	}
	q := strconv.Quote(s)
	q = q[1 : len(q)-1]
	return strings.ReplaceAll(q, `\"`, `"`)
}

func (r auditRecord) entry(seq uint64) AuditEntry {
	return AuditEntry{
		Seq: seq, Time: time.UnixMilli(r.Time).UTC(), Event: r.Event, Result: r.Result, Reason: r.Reason,
		Reference: r.Reference, User: r.User, Given: r.Given, UserID: r.UserID, Door: doorWord(r.Door), NAS: r.NAS,
		Source: r.Source, Policy: r.Policy, Actor: r.Actor, Detail: r.Detail,
	}
}

func doorWord(d Door) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
