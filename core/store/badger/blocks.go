package badger

import (
	"fmt"
	"os"

	bdg "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	lru "github.com/dgraph-io/ristretto/v2"
	"github.com/dgraph-io/ristretto/v2/z"
)

// blocks checks the data of tables. Badger takes a block that it cannot read for one in
// which a key is not: a used answer would be good again, a locked user free, and the next
// compaction would write the loss down for ever. So every block is read before Badger opens.
type blocks struct {
	keys  *bdg.KeyRegistry
	index *lru.Cache[uint64, *fb.TableIndex]
}

func newBlocks(cfg Config) (*blocks, error) {
	opt := badgerOptions(cfg)
	keys, err := bdg.OpenKeyRegistry(bdg.KeyRegistryOptions{
		Dir: cfg.Dir, ReadOnly: true, EncryptionKey: cfg.EncryptionKey, EncryptionKeyRotationDuration: opt.EncryptionKeyRotationDuration,
	})
	if err != nil {
		return nil, err
	}
	// An encrypted table asks for a cache of indexes, as small as it may be.
	index, err := lru.NewCache(&lru.Config[uint64, *fb.TableIndex]{NumCounters: 10, MaxCost: 1 << 20, BufferItems: 64})
	return &blocks{keys, index}, err
}

func (b *blocks) close() { b.index.Close() }

// check reads every block of a table whose index inspectTable has found sound.
func (b *blocks) check(path string, m bdg.TableManifest) (err error) {
	key, err := b.keys.DataKey(m.KeyID)
	if err != nil {
		return err
	}
	f, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() {
		if v := recover(); v != nil { // Badger stumbles over the block that it cannot read
			err = errTable
		}
		_ = f.Close(-1)
	}()
	t, err := table.OpenTable(f, table.Options{
		ReadOnly: true, Compression: m.Compression, DataKey: key, IndexCache: b.index, ChkMode: options.OnBlockRead,
	})
	if err == nil {
		err = t.VerifyChecksum()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errTable, err)
	}
	return nil
}
