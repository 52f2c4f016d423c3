package badger

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	bdg "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// tuning is what only tests and the measuring change.
type tuning struct {
	memTable int64 // bytes in memory, and in the log, before a table is written; 11 MiB
	// is the least that takes every transaction which the contract allows
	discardEvery time.Duration
	garbageEvery time.Duration
	noSync       bool // the negative control of the power-loss test
}

func (t *tuning) defaults() {
	if t.memTable == 0 {
		t.memTable = 16 << 20
	}
	if t.discardEvery == 0 {
		t.discardEvery = time.Second
	}
	if t.garbageEvery == 0 {
		t.garbageEvery = 10 * time.Minute
	}
}

// batchBytes is what Badger takes in one transaction, less a margin.
func (t *tuning) batchBytes() int { return int(t.memTable*15/100) - 64<<10 }

func badgerOptions(cfg Config) bdg.Options {
	return bdg.DefaultOptions(cfg.Dir).
		WithSyncWrites(!cfg.tuning.noSync).
		WithEncryptionKey(cfg.EncryptionKey).
		WithDetectConflicts(false). // the committer's own work
		WithNumVersionsToKeep(1).
		WithMetricsEnabled(false).
		WithLogger(quiet{cfg.Logger}).
		WithMemTableSize(cfg.tuning.memTable).
		WithNumMemtables(3).
		WithNumCompactors(2).
		// A large store has one level less to write everything through. No more than ten
		// tables from memory: see DefaultReserve.
		WithBaseLevelSize(128 << 20).
		// Bounds what a compaction needs for a moment: see DefaultReserve.
		WithNumLevelZeroTablesStall(10).
		// Every value stays with its key: a second log would be a second sync, and
		// Badger only logs a failure of that one.
		WithValueThreshold(min(1<<20, cfg.tuning.memTable*15/100)).
		WithValueLogFileSize(min(16<<20, cfg.tuning.memTable)).
		// Answers are sealed and do not compress; the caches spare decryption.
		WithCompression(options.None).
		WithChecksumVerificationMode(options.OnBlockRead).
		WithBlockCacheSize(128 << 20).
		WithIndexCacheSize(64 << 20)
}

// quiet carries Badger's log lines to slog, each at one level less than Badger thinks.
type quiet struct{ to *slog.Logger }

func line(format string, args []any) string {
	return "badger: " + strings.TrimSpace(fmt.Sprintf(format, args...))
}

func (q quiet) Errorf(f string, a ...any)   { q.to.Error(line(f, a)) }
func (q quiet) Warningf(f string, a ...any) { q.to.Info(line(f, a)) }
func (q quiet) Infof(string, ...any)        {}
func (q quiet) Debugf(string, ...any)       {}
