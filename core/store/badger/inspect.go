package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	bdg "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// inspect looks at the tables that the manifest names before Badger does: at a damaged
// one Badger panics on a goroutine of its own, which nobody can turn into an error.
func inspect(cfg Config) error {
	f, err := os.Open(filepath.Join(cfg.Dir, bdg.ManifestFilename))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	manifest, _, err := bdg.ReplayManifestFile(f, 0, badgerOptions(cfg))
	if err != nil {
		return err
	}
	ids := make([]uint64, 0, len(manifest.Tables))
	for id := range manifest.Tables {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	if len(ids) == 0 {
		return nil
	}
	data, err := newBlocks(cfg)
	if err != nil {
		return err
	}
	defer data.close()
	for _, id := range ids {
		path := table.NewFilename(id, cfg.Dir)
		err := inspectTable(path)
		if err == nil {
			err = data.check(path, manifest.Tables[id])
		}
		if err != nil {
			return fmt.Errorf("table %s: %w", table.IDToFilename(id), err)
		}
	}
	return nil
}

var errTable = errors.New("it is damaged")

// inspectTable checks a table's index, which stands at its end as
// index, length of the index, checksum, length of the checksum. The blocks before it have
// checksums of their own: see blocks.
func inspectTable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	end := info.Size()
	take := func(n int64) ([]byte, error) {
		if n < 0 || n > end {
			return nil, errTable
		}
		end -= n
		p := make([]byte, n)
		if _, err := f.ReadAt(p, end); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return p, nil
	}
	takeField := func() ([]byte, error) {
		size, err := take(4)
		if err != nil {
			return nil, err
		}
		return take(int64(binary.BigEndian.Uint32(size)))
	}
	sum, err := takeField()
	if err != nil {
		return err
	}
	var want pb.Checksum
	if proto.Unmarshal(sum, &want) != nil {
		return errTable
	}
	index, err := takeField()
	if err != nil {
		return err
	}
	if len(index) == 0 || y.VerifyChecksum(index, &want) != nil {
		return errTable
	}
	return nil
}
