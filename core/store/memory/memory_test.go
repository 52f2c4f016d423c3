package memory_test

import (
	"testing"

	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/store/memory"
	"github.com/latchkey/latchkey/core/store/storetest"
)

func TestContract(t *testing.T) {
	for name, twice := range map[string]bool{"plain": false, "twice": true} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(*testing.T) storetest.Opener {
				disk := memory.NewDisk()
				return func() (store.Store, error) {
					return memory.New(memory.Config{Link: storetest.Link, Disk: disk, Twice: twice})
				}
			})
		})
	}
}
