package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey/latchkey/core/store"
)

// read lists the numbers of the journal's records from one on.
func (b *bench) read(from uint64, backward bool, most int) string {
	b.Helper()
	var seqs []string
	err := b.Journal(b.ctx, from, backward, func(r store.Record) bool {
		if want := fmt.Sprint("record ", r.Seq); string(r.Data) != want {
			b.Errorf("record %d holds %q, want %q", r.Seq, r.Data, want)
		}
		seqs = append(seqs, fmt.Sprint(r.Seq))
		return len(seqs) < most
	})
	if err != nil {
		b.Errorf("Journal: %v", err)
	}
	return strings.Join(seqs, " ")
}

func journal(t *testing.T, b *bench) {
	if seq, link, err := b.JournalHead(b.ctx); seq != 0 || link != nil || err != nil {
		t.Errorf("the head of nothing is %d, %x, %v; want 0, nil", seq, link, err)
	}
	for _, backward := range []bool{false, true} {
		for _, from := range []uint64{0, 1, 7} {
			if got := b.read(from, backward, 99); got != "" {
				t.Errorf("the empty journal from %d holds %s", from, got)
			}
		}
	}
	n := 0
	for _, count := range []int{1, 3, 1, 5} { // records of one transaction stay in order
		before := n
		b.update(func(x store.Txn) error {
			n = before
			for range count {
				n++
				x.Append(fmt.Append(nil, "record ", n))
			}
			return nil
		})
	}
	b.verify()
	for _, c := range []struct {
		from     uint64
		backward bool
		most     int
		want     string
	}{
		{1, false, 99, "1 2 3 4 5 6 7 8 9 10"},
		{0, false, 99, "1 2 3 4 5 6 7 8 9 10"},
		{3, false, 99, "3 4 5 6 7 8 9 10"},
		{5, false, 2, "5 6"},
		{10, false, 99, "10"},
		{11, false, 99, ""},
		{0, true, 99, "10 9 8 7 6 5 4 3 2 1"},
		{0, true, 1, "10"},
		{10, true, 2, "10 9"},
		{4, true, 99, "4 3 2 1"},
		{1, true, 99, "1"},
		{99, true, 3, "10 9 8"},
	} {
		if got := b.read(c.from, c.backward, c.most); got != c.want {
			t.Errorf("from %d, backward %v, at most %d: %s; want %s", c.from, c.backward, c.most, got, c.want)
		}
	}
	// Records are not keys.
	b.view(func(r store.Reader) error {
		if got, err := list(r, "", ""); err != nil || got != "" {
			t.Errorf("a scan shows %q, %v", got, err)
		}
		return nil
	})
	b.update(func(x store.Txn) error { x.Append(nil); return nil })
	if all := b.verify(); len(all) != 11 || len(all[10].Data) != 0 {
		t.Errorf("an empty record does not come back")
	}
}

// journalConcurrent: the order of the records is the order of the commits, the chain
// holds at any moment, and a record stands exactly where its transaction's write does.
func journalConcurrent(t *testing.T, b *bench) {
	const writers, each = 48, 12
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			var last uint64
			var prev []byte
			err := b.Journal(b.ctx, 1, false, func(r store.Record) bool {
				if r.Seq != last+1 || string(r.Link) != string(Link(r.Seq, prev, r.Data)) {
					t.Errorf("while writing: record %d after %d, or its link, is wrong", r.Seq, last)
					return false
				}
				last, prev = r.Seq, r.Link
				return true
			})
			if err != nil {
				t.Errorf("Journal: %v", err)
				return
			}
		}
	})
	together(writers, func(w int) {
		for range each {
			err := b.Update(b.ctx, func(x store.Txn) error {
				n, err := add(x, fmt.Sprint("n", w%4), 1)
				x.Append(fmt.Appendf(nil, "n%d=%d", w%4, n))
				if n%2 == 0 {
					x.Append(fmt.Appendf(nil, "even%d=%d", w%4, n))
				}
				return err
			})
			if err != nil {
				t.Errorf("Update: %v", err)
				return
			}
		}
	})
	close(done)
	reader.Wait()
	all := b.verify()
	next := [4]int{1, 1, 1, 1}
	for i := 0; i < len(all); i++ {
		var c, n int
		if _, err := fmt.Sscanf(string(all[i].Data), "n%d=%d", &c, &n); err != nil {
			t.Fatalf("record %d holds %q", all[i].Seq, all[i].Data)
		}
		if n != next[c] {
			t.Fatalf("record %d tells of %d, but %d was next", all[i].Seq, n, next[c])
		}
		next[c]++
		if n%2 == 0 { // the transaction's second record follows at once
			if i++; i >= len(all) || string(all[i].Data) != fmt.Sprintf("even%d=%d", c, n) {
				t.Fatalf("the records of one transaction are torn apart after %d", all[i-1].Seq)
			}
		}
	}
	if len(all) != writers*each*3/2 {
		t.Errorf("%d records, want %d", len(all), writers*each*3/2)
	}
}

func journalRefused(t *testing.T, b *bench) {
	cause := errors.New("no")
	together(32, func(i int) {
		err := b.Update(b.ctx, func(x store.Txn) error {
			if _, err := add(x, "n", 1); err != nil { // so that many run again
				return err
			}
			x.Append(fmt.Append(nil, i))
			if i%2 == 1 {
				return cause
			}
			return nil
		})
		if (i%2 == 1) != (err == cause) {
			t.Errorf("transaction %d: %v", i, err)
		}
	})
	if all := b.verify(); len(all) != 16 {
		t.Errorf("%d records, want 16", len(all))
	}
	b.view(func(r store.Reader) error {
		n, err := number(r, "n")
		if n != 16 {
			t.Errorf("the counter stands at %d, want 16", n)
		}
		return err
	})
}
