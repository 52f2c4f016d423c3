package member

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/hostapi"
)

// Due tells whether a certificate is in the last third of its life.
func Due(identity *tls.Certificate, now time.Time) bool {
	leaf := identity.Leaf
	return !now.Before(leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3))
}

// Renew renews the credential of a directory where it is due, or in any case when forced. It tells whether it did.
func (c Config) Renew(ctx context.Context, forced bool) (renewed bool, err error) {
	identity, err := Identity(c.Dir)
	if err != nil {
		return false, err
	}
	if !forced && !Due(identity, c.now()) {
		return false, nil
	}
	next, err := c.renew(ctx, identity, forced)
	return next != nil && err == nil, err
}

// RenewDue renews a transport's credential where it is due. On an error the present one is used on: it holds until the
// next one's first use.
func (t *Transport) RenewDue(ctx context.Context) error {
	t.mu.Lock()
	identity := t.identity
	t.mu.Unlock()
	if !Due(identity, t.config.now()) {
		return nil
	}
	next, err := t.config.renew(ctx, identity, false)
	if err != nil || next == nil {
		return err
	}
	t.mu.Lock()
	t.identity = next
	t.mu.Unlock()
	return nil
}

// renew gives the credential after had: of a renewal, or what another process has renewed meanwhile. Without wait it
// gives nil where another process is at it.
func (c Config) renew(ctx context.Context, had *tls.Certificate, wait bool) (*tls.Certificate, error) {
	release, err := lock(c.Dir, wait)
	if errors.Is(err, errBusy) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer release()
	present, err := Identity(c.Dir)
	if err != nil {
		return nil, err
	}
	if !present.Leaf.Equal(had.Leaf) {
		return present, nil
	}
	key, request, err := prepare(c.Dir, fmt.Sprintf("after %x", present.Leaf.SerialNumber))
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]mobile.Bytes{"request": request})
	if err != nil {
		return nil, err
	}
	for _, base := range c.URLs {
		var out Enrolled
		out, _, err = c.exchange(ctx, base, fleet.RenewPath, body, present)
		var unreached *hostapi.NotReached
		if errors.As(err, &unreached) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := keep(c.Dir, key, out.Certificate); err != nil {
			return nil, err
		}
		return Identity(c.Dir)
	}
	return nil, err
}
