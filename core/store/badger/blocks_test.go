package badger

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/latchkey/latchkey/core/store"
)

// TestDamagedBlocks: wherever in its data a table is damaged, the state does not open; Badger
// would serve it as if the rows were not there.
func TestDamagedBlocks(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), EncryptionKey: bytes.Repeat([]byte{7}, 32), Reserve: 1}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range byte(40) {
		value := make([]byte, 1000)
		_, _ = rand.Read(value)
		if err := s.Update(t.Context(), func(tx store.Txn) error { tx.Set([]byte{'k', i}, value); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(cfg.Dir, "*.sst"))
	if err != nil || len(tables) != 1 {
		t.Fatalf("tables: %v, %v", tables, err)
	}
	whole, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(whole) < 40_000 {
		t.Fatalf("the table has only %d bytes", len(whole))
	}
	for at := 0; at < len(whole); at += len(whole) / 23 {
		broken := bytes.Clone(whole)
		broken[at] ^= 1
		if err := os.WriteFile(tables[0], broken, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(cfg); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("byte %d of %d turned: %v, want %v", at, len(whole), err, store.ErrCorrupt)
			if err == nil {
				_ = s.Close()
			}
		}
	}
	if err := os.WriteFile(tables[0], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Open(cfg)
	if err != nil {
		t.Fatalf("with its bytes put back: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
