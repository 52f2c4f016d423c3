package core

import (
	"context"
	"fmt"

	"github.com/latchkey/latchkey/core/store"
)

// What phones keep belongs to the web origin that the app was loaded from: under another one the browser
// has none of it. So the state remembers the origin, and a change is no slip of the pen.

var keyOrigin = []byte("m/origin")

// originRecord stands under keyOrigin.
type originRecord struct {
	Origin string `cbor:"1,keyasint"`
	Since  int64  `cbor:"2,keyasint"`
}

// OriginChanged says that phones are enrolled for another origin than the configured one.
type OriginChanged struct {
	Old, New string
	Devices  int // that could not be used any more
}

func (e *OriginChanged) Error() string {
	phones := fmt.Sprintf("%d phones are", e.Devices)
	if e.Devices == 1 {
		phones = "1 phone is"
	}
	return fmt.Sprintf("%s enrolled for %s and could not be used under %s", phones, e.Old, e.New)
}

// CheckOrigin compares the origin of the settings with the one that phones were enrolled for, and remembers it.
// A change that would orphan phones is an *OriginChanged, and nothing is kept, unless it is forced. orphaned is
// how many phones it was forced upon. Without an origin in the settings nothing is judged.
func (c *Core) CheckOrigin(ctx context.Context, force bool) (orphaned int, err error) {
	now := c.set.Device.Origin
	if now == "" {
		return 0, nil
	}
	err = c.store.Update(ctx, func(t store.Txn) error {
		orphaned = 0
		var was originRecord
		found, err := get(t, keyOrigin, &was)
		if err != nil || found && was.Origin == now {
			return err
		}
		if found {
			if orphaned, err = phones(t); err != nil {
				return err
			}
			if orphaned > 0 && !force {
				return &OriginChanged{Old: was.Origin, New: now, Devices: orphaned}
			}
			detail := fmt.Sprintf("from %s to %s, %d phones", was.Origin, now, orphaned)
			err = audit(t, auditRecord{Time: c.clock.Now().UnixMilli(), Event: "origin.change", Result: "done", Detail: detail})
			if err != nil {
				return err
			}
		}
		return put(t, keyOrigin, originRecord{Origin: now, Since: c.clock.Now().Unix()})
	})
	if err != nil {
		return 0, err
	}
	return orphaned, nil
}

// phones counts those that a user has; a revoked one is nobody's.
func phones(r store.Reader) (n int, err error) {
	err = r.Scan([]byte{'d'}, nil, func(_, value []byte) bool {
		var d deviceRecord
		if cborDecode.Unmarshal(value, &d) == nil && d.State != deviceRevoked {
			n++
		}
		return true
	})
	return n, err
}
