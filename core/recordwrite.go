package core

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/latchkey/latchkey/core/pinphrase"
)

// The records that a login writes, by the short way of cbor.go: the fields in the order of
// their numbers.

// writable is a record that a login writes. write says false where only the library knows how.
type writable interface{ write(*cborWriter) bool }

func (s *stateRecord) write(w *cborWriter) bool {
	f := w.fields()
	f.field(1)
	f.uint(s.Generation)
	f.field(2)
	f.uint(s.Asked)
	if len(s.Usage) > 0 {
		f.field(3)
		writeUsages(w, s.Usage)
	}
	if len(s.Series) > 0 {
		f.field(4)
		writeSeries(w, s.Series)
	}
	f.end()
	return true
}

func writeUsages(w *cborWriter, usages map[[8]byte]pinphrase.Usage) {
	w.head(cborMap, uint64(len(usages)))
	var room [16][8]byte
	marks := room[:0]
	for mark := range usages {
		marks = append(marks, mark)
	}
	slices.SortFunc(marks, func(a, b [8]byte) int { return bytes.Compare(a[:], b[:]) })
	for i := range marks {
		w.bytes(marks[i][:])
		u := usages[marks[i]]
		f := w.fields()
		f.maybeUint(1, u.LastAsked)
		if len(u.Used) > 0 {
			f.field(2)
			f.head(cborArray, uint64(len(u.Used)))
			for _, set := range u.Used {
				f.uint(uint64(set))
			}
		}
		f.maybeUint(3, uint64(u.Seen))
		f.maybeTrue(4, u.Retired)
		f.end()
	}
}

func writeSeries(w *cborWriter, series map[string]seriesRecord) {
	w.head(cborMap, uint64(len(series)))
	var room [8]string
	names := room[:0]
	for name := range series {
		names = append(names, name)
	}
	// By their encoded form, in which the length comes first.
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	for _, name := range names {
		w.text(name)
		s := series[name]
		f := w.fields()
		f.field(1)
		o := w.fields()
		o.field(1)
		o.bytes(s.Open.ID[:])
		o.maybeText(2, s.Open.Question)
		o.maybeUint(3, s.Open.Serial)
		o.maybeUint(4, uint64(s.Open.Set))
		o.maybeTrue(5, s.Open.Pressed)
		o.end()
		f.maybeBytes(2, s.Last)
		f.end()
	}
}

func (c *countRecord) write(w *cborWriter) bool {
	if math.IsNaN(c.Wrong) || math.IsInf(c.Wrong, 0) {
		return false // these have short forms
	}
	f := w.fields()
	if c.Wrong != 0 {
		f.field(1)
		f.float(c.Wrong)
	}
	f.maybeInt(2, c.At)
	if len(c.Pairs) > 0 {
		f.field(3)
		f.head(cborArray, uint64(len(c.Pairs)))
		for i := range c.Pairs {
			p := &c.Pairs[i]
			g := w.fields()
			g.field(1)
			g.text(p.Source)
			g.maybeInt(2, int64(p.Wrong))
			g.maybeInt(3, p.At)
			g.maybeInt(4, p.Until)
			g.maybeInt(5, p.Success)
			g.end()
		}
	}
	f.maybeInt(4, int64(c.SecondWrong))
	f.maybeTrue(5, c.ForGood)
	f.end()
	return true
}

func (a *auditRecord) write(w *cborWriter) bool {
	f := w.fields()
	f.field(1)
	f.int(a.Time)
	f.field(2)
	f.text(a.Event)
	f.maybeText(3, a.Result)
	f.maybeText(4, string(a.Reason))
	f.maybeText(5, a.Reference)
	f.maybeText(6, a.User)
	f.maybeText(7, a.Given)
	f.maybeText(8, a.UserID)
	f.maybeUint(9, uint64(a.Door))
	f.maybeText(10, a.NAS)
	f.maybeText(11, a.Source)
	f.maybeText(12, a.Policy)
	f.maybeText(13, a.Actor)
	f.maybeText(14, a.Detail)
	f.end()
	return true
}
