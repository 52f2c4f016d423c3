package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	bdg "github.com/dgraph-io/badger/v4"

	"github.com/latchkey/latchkey/core/store"
)

// The format's number stands in two places. In the database, where it changes in the same
// transaction as what a migration changes; and in a plain file beside it, so that a newer
// format is refused before anything of it is touched, and people can read it.
const (
	format     = 1
	formatFile = "FORMAT"
	formatText = "latchkey store (badger), format %d\n"
)

// migrations[n] brings format n to n+1: it reads in a snapshot and sets keys, which are
// written with the new number in one durable transaction.
var migrations = [format]func(from *bdg.Txn, set func(key, value []byte)) error{
	0: headFromJournal,
}

// headFromJournal: format 0 kept no head of the journal beside its blocks.
func headFromJournal(from *bdg.Txn, set func(key, value []byte)) error {
	it := from.NewIterator(bdg.IteratorOptions{Prefix: []byte(journalPrefix), Reverse: true})
	defer it.Close()
	it.Seek(journalKey(1<<64 - 1))
	if !it.Valid() {
		return nil
	}
	value, err := it.Item().ValueCopy(nil)
	if err != nil {
		return err
	}
	records, err := decodeBlock(it.Item().Key(), value)
	if err != nil || len(records) == 0 {
		return errors.Join(err, errBlock)
	}
	last := records[len(records)-1]
	set([]byte(headKey), append(binary.BigEndian.AppendUint64(nil, last.Seq), last.Link...))
	return nil
}

func tooNew(dir string, n uint64) error {
	return fmt.Errorf("%w: %s was written by a newer Latchkey: format %d, this one reads up to %d (install the newer version again, or restore an older backup)",
		store.ErrFormat, dir, n, format)
}

// checkFormatFile refuses a directory that is not a Latchkey state, or a newer one.
func checkFormatFile(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, formatFile))
	if errors.Is(err, os.ErrNotExist) {
		return checkStranger(dir)
	}
	if err != nil {
		return openError(dir, err)
	}
	var n uint64
	if _, err := fmt.Sscanf(string(text), formatText, &n); err != nil {
		return fmt.Errorf("%w: %s does not say a format of Latchkey's", store.ErrFormat, filepath.Join(dir, formatFile))
	}
	if n > format {
		return tooNew(dir, n)
	}
	return nil
}

// checkStranger looks at a directory without a FORMAT file: it may be new, of format 0,
// or left by a first start that did not come far; with other people's files it is not ours.
func checkStranger(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return openError(dir, err)
	}
	for _, file := range files {
		switch name := file.Name(); {
		case name == lockName, name == "LOCK", name == "MANIFEST", name == "MANIFEST-REWRITE",
			name == "KEYREGISTRY", name == "REWRITE-KEYREGISTRY", name == "DISCARD", name == formatFile+".new":
		case strings.HasSuffix(name, ".mem"), strings.HasSuffix(name, ".sst"), strings.HasSuffix(name, ".vlog"):
		default:
			return fmt.Errorf("%w: %s holds %q, which is not of a Latchkey state (give the store a directory of its own)", store.ErrFormat, dir, name)
		}
	}
	return nil
}

// migrate brings the open database to the present format, step by step.
func migrate(db *bdg.DB, dir string, log *slog.Logger) error {
	n, fresh, err := readFormat(db)
	if err != nil {
		return openError(dir, err)
	}
	if n > format {
		return tooNew(dir, n)
	}
	if fresh {
		n = format
		if err := writeStep(db, n, nil); err != nil {
			return openError(dir, err)
		}
	}
	for ; n < format; n++ {
		log.Info("the store's format is being migrated", "dir", dir, "from", n, "to", n+1)
		if err := writeStep(db, n+1, migrations[n]); err != nil {
			return fmt.Errorf("badger: migrating %s from format %d: %w", dir, n, err)
		}
	}
	return writeFormatFile(dir)
}

// readFormat: a database without the mark is fresh when it is empty, else of format 0.
func readFormat(db *bdg.DB) (n uint64, fresh bool, err error) {
	txn := db.NewTransactionAt(db.MaxVersion(), false)
	defer txn.Discard()
	item, err := txn.Get([]byte(formatKey))
	if errors.Is(err, bdg.ErrKeyNotFound) {
		it := txn.NewIterator(bdg.IteratorOptions{})
		defer it.Close()
		it.Rewind()
		return 0, !it.Valid(), nil
	}
	if err != nil {
		return 0, false, err
	}
	value, err := item.ValueCopy(nil)
	if err != nil {
		return 0, false, err
	}
	if len(value) != 8 {
		return 0, false, fmt.Errorf("%w: the format mark does not decode", store.ErrCorrupt)
	}
	return binary.BigEndian.Uint64(value), false, nil
}

func writeStep(db *bdg.DB, n uint64, step func(*bdg.Txn, func(key, value []byte)) error) error {
	ts := db.MaxVersion()
	txn := db.NewTransactionAt(ts, true)
	defer txn.Discard()
	var failed error
	set := func(key, value []byte) {
		if failed == nil {
			failed = txn.Set(key, value)
		}
	}
	if step != nil {
		from := db.NewTransactionAt(ts, false)
		defer from.Discard()
		if err := step(from, set); err != nil {
			return err
		}
	}
	set([]byte(formatKey), binary.BigEndian.AppendUint64(nil, n))
	if failed != nil {
		return failed
	}
	return txn.CommitAt(ts+1, nil)
}

// writeFormatFile puts the file in place, whole and durable.
func writeFormatFile(dir string) error {
	path := filepath.Join(dir, formatFile)
	text := fmt.Sprintf(formatText, format)
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return nil
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return openError(dir, err)
	}
	if err := syncPath(path + ".new"); err != nil {
		return openError(dir, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return openError(dir, err)
	}
	return openErrorOrNil(dir, syncPath(dir))
}

func openErrorOrNil(dir string, err error) error {
	if err == nil {
		return nil
	}
	return openError(dir, err)
}
