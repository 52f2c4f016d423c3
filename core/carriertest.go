package core

import (
	"context"

	"github.com/latchkey/latchkey/core/store"
)

// AuditCarrierTest records that an administrator is about to send a test message to somebody: where
// names the carrier and the address, masked.
func (c *Core) AuditCarrierTest(ctx context.Context, actor Actor, where string) error {
	return c.store.Update(ctx, func(t store.Txn) error {
		return c.auditAdmin(t, actor, "carrier-test", subject{}, printable(where))
	})
}
