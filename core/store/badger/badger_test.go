package badger

import (
	"testing"

	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		dir := t.TempDir()
		return func() (store.Store, error) {
			s, err := Open(Config{Dir: dir, EncryptionKey: benchKey, Link: storetest.Link})
			if err != nil {
				return nil, err
			}
			return s, nil
		}
	})
}
