package badger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bdg "github.com/dgraph-io/badger/v4"

	"github.com/latchkey/latchkey/core/store"
)

// made gives a directory with a closed store that holds a=1 and one record.
func made(t *testing.T) Config {
	t.Helper()
	cfg := Config{Dir: t.TempDir(), EncryptionKey: benchKey, Link: key32}
	s := mustOpen(t, cfg)
	if err := s.Update(context.Background(), func(x store.Txn) error {
		x.Set([]byte("a"), []byte("canary-value"))
		x.Append([]byte("r"))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	return cfg
}

func mustOpen(t *testing.T, cfg Config) *Store {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustClose(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustHold(t *testing.T, cfg Config) {
	t.Helper()
	s := mustOpen(t, cfg)
	defer mustClose(t, s)
	if err := s.View(context.Background(), func(r store.Reader) error {
		v, err := r.Get([]byte("a"))
		if string(v) != "canary-value" {
			t.Errorf("a holds %q", v)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if seq, _, err := s.JournalHead(context.Background()); seq != 1 || err != nil {
		t.Errorf("the journal's head is %d, %v", seq, err)
	}
}

// TestRefused: every state that must not be opened is refused in words, and whole
// afterwards.
func TestRefused(t *testing.T) {
	write := func(name, text string) func(*testing.T, *Config) {
		return func(t *testing.T, cfg *Config) {
			if err := os.WriteFile(filepath.Join(cfg.Dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(*testing.T, *Config)
		is    error
		says  string
	}{
		{"newer format file", write("FORMAT", "latchkey store (badger), format 3\n"), store.ErrFormat, "written by a newer Latchkey: format 3, this one reads up to 1"},
		{"format file of somebody else", write("FORMAT", "MySQL 5\n"), store.ErrFormat, "does not say a format"},
		{"newer mark within", newerMark, store.ErrFormat, "written by a newer Latchkey: format 7"},
		{"a stranger's directory", stranger, store.ErrFormat, "notes.txt"},
		{"wrong key", func(_ *testing.T, cfg *Config) { cfg.EncryptionKey = bytes.Repeat([]byte{9}, 32) }, store.ErrCorrupt, "key does not fit"},
		{"key too short", func(_ *testing.T, cfg *Config) { cfg.EncryptionKey = []byte("short") }, nil, "32 bytes"},
		{"no key", func(_ *testing.T, cfg *Config) { cfg.EncryptionKey = nil }, nil, "32 bytes"},
		{"broken manifest", write("MANIFEST", "this is no manifest at all, but long enough"), store.ErrCorrupt, "backup"},
		{"broken key registry", write("KEYREGISTRY", "x"), store.ErrCorrupt, ""},
		{"table gone", removeTables, store.ErrCorrupt, "backup"},
		{"table broken", breakTables, store.ErrCorrupt, "backup"},
		{"directory is a file", func(t *testing.T, cfg *Config) { cfg.Dir = filepath.Join(cfg.Dir, "MANIFEST") }, nil, "not a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := made(t)
			good := cfg
			c.spoil(t, &cfg)
			s, err := Open(cfg)
			if err == nil {
				mustClose(t, s)
				t.Fatal("it opens")
			}
			if c.is != nil && (!errors.Is(err, c.is) || !strings.Contains(err.Error(), cfg.Dir)) {
				t.Errorf("%v; want %q with the path", err, c.is)
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want the words %q", err, c.says)
			}
			for _, secret := range []string{string(benchKey), string(cfg.EncryptionKey), "canary-value"} {
				if secret != "" && strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows a secret: %v", err)
				}
			}
			if c.name == "wrong key" || c.name == "no key" {
				mustHold(t, good)
			}
		})
	}
}

// raw opens a closed store's Badger, to write into it by hand.
func raw(t *testing.T, cfg Config, fn func(txn *bdg.Txn)) {
	t.Helper()
	cfg.Logger = discard
	cfg.tuning.defaults()
	db, err := bdg.OpenManaged(badgerOptions(cfg))
	if err != nil {
		t.Fatal(err)
	}
	txn := db.NewTransactionAt(db.MaxVersion(), true)
	fn(txn)
	if err := txn.CommitAt(db.MaxVersion()+1, nil); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func newerMark(t *testing.T, cfg *Config) {
	raw(t, *cfg, func(txn *bdg.Txn) {
		if err := txn.Set([]byte(formatKey), binary.BigEndian.AppendUint64(nil, 7)); err != nil {
			t.Fatal(err)
		}
	})
}

func stranger(t *testing.T, cfg *Config) {
	cfg.Dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(cfg.Dir, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func tables(t *testing.T, cfg *Config) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(cfg.Dir, "*.sst"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	return found
}

func removeTables(t *testing.T, cfg *Config) {
	for _, path := range tables(t, cfg) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func breakTables(t *testing.T, cfg *Config) {
	for _, path := range tables(t, cfg) {
		if err := os.WriteFile(path, bytes.Repeat([]byte("broken"), 100), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMigrateFormat0 makes a store of format 0 by hand, as it lay on disk: no mark, no
// FORMAT file, no head of the journal.
func TestMigrateFormat0(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), EncryptionKey: benchKey, Link: key32}
	raw(t, cfg, func(txn *bdg.Txn) {
		var m mark
		m.chain([][]byte{[]byte("one"), []byte("two")}, key32, func(key, value []byte) {
			if string(key) != headKey {
				if err := txn.Set(key, value); err != nil {
					t.Fatal(err)
				}
			}
		})
		if err := txn.Set([]byte(dataPrefix+"a"), []byte("kept")); err != nil {
			t.Fatal(err)
		}
	})
	for range 2 { // the second time there is nothing to migrate
		s := mustOpen(t, cfg)
		seq, link, err := s.JournalHead(context.Background())
		want := key32(2, key32(1, nil, []byte("one")), []byte("two"))
		if err != nil || seq != 2 || !bytes.Equal(link, want) {
			t.Errorf("the head is %d, %x, %v", seq, link, err)
		}
		mustClose(t, s)
		text, err := os.ReadFile(filepath.Join(cfg.Dir, formatFile))
		if err != nil || string(text) != fmt.Sprintf(formatText, format) {
			t.Errorf("FORMAT holds %q, %v", text, err)
		}
	}
	s := mustOpen(t, cfg)
	defer mustClose(t, s)
	if err := s.Update(context.Background(), func(x store.Txn) error {
		v, err := x.Get([]byte("a"))
		if string(v) != "kept" {
			t.Errorf("a holds %q", v)
		}
		x.Append([]byte("three"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if seq, _, _ := s.JournalHead(context.Background()); seq != 3 {
		t.Errorf("the next record is %d, want 3", seq)
	}
}

// TestFirstStartCutShort: a first start that ended between any two files begins anew.
func TestFirstStartCutShort(t *testing.T) {
	cfg := made(t)
	if err := os.Remove(filepath.Join(cfg.Dir, formatFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Dir, formatFile+".new"), []byte("latch"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Dir, "00099.mem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mustHold(t, cfg)
}
