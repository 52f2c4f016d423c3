package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"sort"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core/store"
)

func readAndWrite(t *testing.T, b *bench) {
	b.want("a", "-")
	b.set("a", "1", "b", "2", "", "the empty key", "\x00", "nul", "\xff\xff", "high")
	b.want("a", "1", "b", "2", "", "the empty key", "\x00", "nul", "\xff\xff", "high")
	b.set("a", "3", "e", "")
	b.want("a", "3", "b", "2", "e", "")
	b.update(func(t store.Txn) error { t.Delete([]byte("b")); t.Delete([]byte("never there")); return nil })
	b.want("a", "3", "b", "-", "never there", "-")
	b.update(func(t store.Txn) error { return nil })
	b.view(func(r store.Reader) error {
		v, err := r.Get([]byte("e"))
		if err != nil || v == nil {
			t.Errorf("an empty value reads as %v, %v; want empty, not nil", v, err)
		}
		return nil
	})
	cause := errors.New("mine")
	if err := b.View(b.ctx, func(store.Reader) error { return cause }); err != cause {
		t.Errorf("View gave %v; want its function's error unchanged", err)
	}
}

// ownership: Get's slices belong to the caller; Set, Delete and Append keep copies.
func ownership(t *testing.T, b *bench) {
	b.update(func(t store.Txn) error {
		key, value, record := []byte("key"), []byte("value"), []byte("record")
		t.Set(key, value)
		t.Append(record)
		copy(key, "xxx")
		copy(value, "xxxxx")
		copy(record, "xxxxxx")
		mine, err := t.Get([]byte("key"))
		copy(mine, "yyyyy")
		return err
	})
	b.want("key", "value")
	b.view(func(r store.Reader) error {
		v, err := r.Get([]byte("key"))
		copy(v, "zzzzz")
		_ = append(v, "beyond"...)
		return err
	})
	b.want("key", "value")
	if all := b.verify(); len(all) != 1 || string(all[0].Data) != "record" {
		t.Errorf("the journal holds %v", all)
	}
}

func ownWrites(t *testing.T, b *bench) {
	b.set("a", "1", "b", "2")
	b.update(func(x store.Txn) error {
		x.Set([]byte("a"), []byte("new"))
		x.Delete([]byte("b"))
		x.Set([]byte("c"), []byte("3"))
		x.Set([]byte("c"), []byte("4"))
		x.Set([]byte("d"), []byte("5"))
		x.Delete([]byte("d"))
		x.Delete([]byte("e"))
		x.Set([]byte("e"), []byte("6"))
		for key, want := range map[string]string{"a": "new", "b": "-", "c": "4", "d": "-", "e": "6"} {
			if v, err := get(x, key); err != nil || v != want {
				t.Errorf("within: %q holds %q, %v; want %q", key, v, err, want)
			}
		}
		return nil
	})
	b.want("a", "new", "b", "-", "c", "4", "d", "-", "e", "6")
	// The same with many keys, where an engine may keep them in another way.
	b.update(func(x store.Txn) error {
		for i := range 300 {
			x.Set(fmt.Appendf(nil, "m%03d", i), fmt.Append(nil, i))
		}
		for i := range 300 {
			if i%3 == 0 {
				x.Delete(fmt.Appendf(nil, "m%03d", i))
			}
			if v, err := get(x, fmt.Sprintf("m%03d", i)); err != nil || (v == "-") != (i%3 == 0) {
				t.Errorf("within: m%03d holds %q, %v", i, v, err)
			}
		}
		return nil
	})
	b.want("m000", "-", "m001", "1", "m299", "299")
}

func allOrNothing(t *testing.T, b *bench) {
	b.set("a", "1")
	cause := fmt.Errorf("refused: %w", store.ErrBusy) // even one of the store's own
	err := b.Update(b.ctx, func(x store.Txn) error {
		x.Set([]byte("a"), []byte("2"))
		x.Set([]byte("b"), []byte("2"))
		x.Delete([]byte("a"))
		x.Append([]byte("never"))
		return cause
	})
	if err != cause {
		t.Errorf("Update gave %v; want the function's error unchanged", err)
	}
	b.want("a", "1", "b", "-")
	if all := b.verify(); len(all) != 0 {
		t.Errorf("a refused transaction left %d records", len(all))
	}
}

func panics(t *testing.T, b *bench) {
	type mine struct{ n int }
	thrown := func() (v any) {
		defer func() { v = recover() }()
		_ = b.Update(b.ctx, func(x store.Txn) error {
			x.Set([]byte("a"), []byte("1"))
			panic(mine{7})
		})
		return nil
	}()
	if thrown != (mine{7}) {
		t.Errorf("the panic came out as %v", thrown)
	}
	b.want("a", "-")
	b.set("a", "2") // and the store goes on
	b.want("a", "2")

	// Among many that conflict, wherever the engine runs them again.
	together(60, func(i int) {
		returned := false
		defer func() {
			v := recover()
			if (i%3 == 1) != (v == any(mine{i})) || (i%3 == 0) != returned {
				t.Errorf("transaction %d: panic %v, returned %v", i, v, returned)
			}
		}()
		err := b.Update(b.ctx, func(x store.Txn) error {
			_, err := add(x, "n", 1)
			switch i % 3 {
			case 1:
				panic(mine{i})
			case 2:
				runtime.Goexit() // as t.FailNow does
			}
			return err
		})
		if err != nil {
			t.Errorf("Update: %v", err)
		}
		returned = true
	})
	b.view(func(r store.Reader) error {
		n, err := number(r, "n")
		if n != 20 {
			t.Errorf("the counter stands at %d, want 20", n)
		}
		return err
	})
}

func limits(t *testing.T, b *bench) {
	big := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	keys := func(n int) func(store.Txn) {
		return func(x store.Txn) {
			for i := range n {
				x.Set(fmt.Appendf(nil, "key %d", i), nil)
			}
		}
	}
	for _, c := range []struct {
		name string
		fits bool
		fn   func(store.Txn)
	}{
		{"longest key", true, func(x store.Txn) { x.Set(big(store.MaxKeySize), nil) }},
		{"key too long", false, func(x store.Txn) { x.Set(big(store.MaxKeySize+1), nil) }},
		{"deleted key too long", false, func(x store.Txn) { x.Delete(big(store.MaxKeySize + 1)) }},
		{"longest value", true, func(x store.Txn) { x.Set([]byte("v"), big(store.MaxValueSize)) }},
		{"value too long", false, func(x store.Txn) { x.Set([]byte("v"), big(store.MaxValueSize+1)) }},
		{"longest record", true, func(x store.Txn) { x.Append(big(store.MaxValueSize)) }},
		{"record too long", false, func(x store.Txn) { x.Append(big(store.MaxValueSize + 1)) }},
		{"most keys", true, keys(store.MaxTxnKeys)},
		{"too many keys", false, keys(store.MaxTxnKeys + 1)},
		{"one key again and again", true, func(x store.Txn) {
			for range 2 * store.MaxTxnKeys {
				x.Set([]byte("again"), []byte("v"))
			}
		}},
		{"keys and records are too many", false, func(x store.Txn) {
			keys(store.MaxTxnKeys)(x)
			x.Append([]byte("one more"))
		}},
		{"largest transaction", true, func(x store.Txn) {
			for i := range store.MaxTxnSize / store.MaxValueSize {
				x.Set([]byte{byte('a' + i)}, big(store.MaxValueSize-8))
			}
		}},
		{"transaction too large", false, func(x store.Txn) {
			for i := range store.MaxTxnSize / store.MaxValueSize {
				x.Set([]byte{byte('a' + i)}, big(store.MaxValueSize))
			}
		}},
	} {
		before := len(b.verify())
		err := b.Update(b.ctx, func(x store.Txn) error {
			x.Append([]byte("marker"))
			c.fn(x)
			return nil
		})
		marked := len(b.verify()) > before
		switch {
		case c.name == "most keys" || c.name == "longest record":
			// The marker is one record too many for the first; both are tried without it.
			err = b.Update(b.ctx, func(x store.Txn) error { c.fn(x); return nil })
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		case c.fits && (err != nil || !marked):
			t.Errorf("%s: %v", c.name, err)
		case !c.fits && (!errors.Is(err, store.ErrTooLarge) || marked):
			t.Errorf("%s: %v, kept %v; want ErrTooLarge and nothing kept", c.name, err, marked)
		}
	}
	cause := errors.New("mine")
	err := b.Update(b.ctx, func(x store.Txn) error { x.Set(big(store.MaxKeySize+1), nil); return cause })
	if err != cause {
		t.Errorf("Update gave %v; want the function's own error first", err)
	}
}

func scan(t *testing.T, b *bench) {
	b.set("a", "0", "b", "1", "b\x00", "2", "b1", "3", "b2", "4", "b\xff", "5", "c", "6", "\xff", "7", "\xff\xff", "8")
	check := func(r store.Reader) {
		for _, c := range []struct{ prefix, start, want string }{
			{"b", "", "b=1 b\x00=2 b1=3 b2=4 b\xff=5"},
			{"b", "b", "b=1 b\x00=2 b1=3 b2=4 b\xff=5"},
			{"b", "b1", "b1=3 b2=4 b\xff=5"},
			{"b", "b11", "b2=4 b\xff=5"},
			{"b", "a", "b=1 b\x00=2 b1=3 b2=4 b\xff=5"}, // before the prefix
			{"b", "c", ""}, // behind the prefix
			{"\xff", "", "\xff=7 \xff\xff=8"},
			{"none", "", ""},
			{"", "", "a=0 b=1 b\x00=2 b1=3 b2=4 b\xff=5 c=6 \xff=7 \xff\xff=8"},
			{"", "c", "c=6 \xff=7 \xff\xff=8"},
		} {
			if got, err := list(r, c.prefix, c.start); err != nil || got != c.want {
				t.Errorf("scan of %q from %q: %q, %v; want %q", c.prefix, c.start, got, err, c.want)
			}
		}
		n := 0
		if err := r.Scan([]byte("b"), nil, func(_, _ []byte) bool { n++; return n < 2 }); err != nil || n != 2 {
			t.Errorf("a scan that ends early: %d calls, %v; want 2", n, err)
		}
		// Reading, and a scan within a scan, are allowed.
		n = 0
		err := r.Scan([]byte("b"), nil, func(k, v []byte) bool {
			inner, err := r.Get(k)
			if err != nil || !bytes.Equal(inner, v) {
				t.Errorf("Get within a scan: %q, %v", inner, err)
			}
			return r.Scan([]byte("b"), nil, func(_, _ []byte) bool { n++; return true }) == nil
		})
		if err != nil || n != 25 {
			t.Errorf("a scan within a scan: %d calls, %v; want 25", n, err)
		}
	}
	b.view(func(r store.Reader) error { check(r); return nil })
	b.update(func(x store.Txn) error { check(x); return nil })
}

func scanOwnWrites(t *testing.T, b *bench) {
	b.set("p1", "old", "p3", "old", "p5", "old", "q", "old")
	b.update(func(x store.Txn) error {
		x.Set([]byte("p0"), []byte("new"))
		x.Set([]byte("p3"), []byte("new"))
		x.Set([]byte("p4"), []byte("new"))
		x.Delete([]byte("p5"))
		x.Set([]byte("p9"), []byte("new"))
		x.Set([]byte("o"), []byte("new"))
		for start, want := range map[string]string{
			"":   "p0=new p1=old p3=new p4=new p9=new",
			"p1": "p1=old p3=new p4=new p9=new",
			"p4": "p4=new p9=new",
			"p5": "p9=new",
		} {
			if got, err := list(x, "p", start); err != nil || got != want {
				t.Errorf("scan from %q: %q, %v; want %q", start, got, err, want)
			}
		}
		n := 0
		if err := x.Scan([]byte("p"), nil, func(_, _ []byte) bool { n++; return n < 3 }); err != nil || n != 3 {
			t.Errorf("a scan that ends early: %d calls, %v; want 3", n, err)
		}
		// Writing while scanning is allowed; whether the scan sees it is not said.
		return x.Scan([]byte("p"), nil, func(k, _ []byte) bool { x.Delete(k); return true })
	})
	b.view(func(r store.Reader) error {
		if got, err := list(r, "p", ""); err != nil || got != "" {
			t.Errorf("after deleting all: %q, %v", got, err)
		}
		return nil
	})
}

// scanModel compares random writes and scans with a map.
func scanModel(t *testing.T, b *bench) {
	rnd := rand.New(rand.NewPCG(1, 2))
	model := map[string]string{}
	key := func() string { return strings.Repeat("k", rnd.IntN(3)) + fmt.Sprint(rnd.IntN(40)) }
	wanted := func(prefix, start string) string {
		var found []string
		for k := range model {
			if strings.HasPrefix(k, prefix) && k >= start {
				found = append(found, k)
			}
		}
		sort.Strings(found)
		for i, k := range found {
			found[i] = k + "=" + model[k]
		}
		return strings.Join(found, " ")
	}
	for round := range 60 {
		before := maps.Clone(model)
		b.update(func(x store.Txn) error {
			model = maps.Clone(before) // fn may run more than once
			for i := range rnd.IntN(30) {
				k, v := key(), fmt.Sprint(round, ".", i)
				if rnd.IntN(3) == 0 {
					x.Delete([]byte(k))
					delete(model, k)
				} else {
					x.Set([]byte(k), []byte(v))
					model[k] = v
				}
			}
			prefix, start := strings.Repeat("k", rnd.IntN(3)), key()
			if got, err := list(x, prefix, start); err != nil || got != wanted(prefix, start) {
				t.Errorf("round %d, within: %q, %v; want %q", round, got, err, wanted(prefix, start))
			}
			return nil
		})
		b.view(func(r store.Reader) error {
			if got, err := list(r, "", ""); err != nil || got != wanted("", "") {
				t.Errorf("round %d: %q, %v; want %q", round, got, err, wanted("", ""))
			}
			return nil
		})
	}
}
