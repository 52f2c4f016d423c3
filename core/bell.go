package core

import (
	"bytes"
	"context"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/store"
)

// ring rings the user's phones, once the pending is durable. What it cannot do it logs: the app hears of pendings
// without it, too.
func (c *Core) ring(id userID) {
	if c.doorbell == nil {
		return
	}
	err := c.store.View(context.Background(), func(r store.Reader) error {
		ids, records, err := c.devicesOf(r, id)
		for i, d := range records {
			if d.State != deviceActive || len(d.Push) == 0 {
				continue
			}
			subscription, err := c.keys.Open(d.Push, "push|"+ids[i].String())
			if err != nil {
				return err
			}
			c.doorbell.Ring(subscription, func() { c.forget(ids[i], d.Push) })
		}
		return err
	})
	if err != nil {
		c.log.Warn("phones were not rung", "user", id.String(), "error", err)
	}
}

// forget drops a subscription that has ended, unless it was replaced meanwhile.
func (c *Core) forget(id mobile.DeviceID, push []byte) {
	err := c.store.Update(context.Background(), func(t store.Txn) error {
		var d deviceRecord
		if found, err := get(t, keyDevice(id), &d); err != nil || !found || !bytes.Equal(d.Push, push) {
			return err
		}
		d.Push = nil
		return put(t, keyDevice(id), d)
	})
	if err != nil {
		c.log.Warn("a push subscription was not forgotten", "device", id.String(), "error", err)
	}
}
