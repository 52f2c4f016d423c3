package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/latchkey/latchkey/core/keys"
)

// loadKeyset reads the keyset. It makes one only where the state is empty: over a state that
// exists, a new keyset would be a new lock on a door whose key is lost.
func loadKeyset(path, stateDir string, log *slog.Logger) (*keys.Keyset, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		k, err := keys.Parse(b)
		clear(b)
		if err != nil {
			return nil, fmt.Errorf("keyset %s: %w", path, err)
		}
		return k, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("keyset: %w (it belongs to the user that latchkeyd runs as, mode 0600)", err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("keyset: %w", err)
	}
	if !empty(stateDir) {
		return nil, fmt.Errorf("keyset %s is missing, and the state in %s cannot be read without it: put it back from where it is kept", path, stateDir)
	}
	k, err := keys.Generate()
	if err != nil {
		return nil, err
	}
	text, err := k.Marshal()
	if err != nil {
		return nil, err
	}
	if err := writeNew(path, []byte(text.Reveal())); err != nil {
		return nil, fmt.Errorf("keyset: %w (make it with `latchkey init --keys %s`)", err, path)
	}
	log.Warn("a new keyset is made: keep a copy of it, apart from the backups of the state", "file", path)
	return k, nil
}

func empty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0
}

// writeNew makes a file of mode 0600 that is there whole, and durably, or not at all.
func writeNew(path string, content []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".keyset-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(content); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	// Link fails where the file is there already: nobody's keyset is overwritten.
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
