package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/latchkey/latchkey/hostapi"
	"github.com/latchkey/latchkey/hostapi/member"
)

// central is an appliance elsewhere, asked over HTTPS as a host of its fleet.
type central struct{ way *member.Transport }

// overHTTPS is the way of a fleet to a central appliance. Whom it trusts stands in files of root's; nothing of the
// environment has a say.
func overHTTPS(o *options, log *logger) (transport, error) {
	c := member.Config{Dir: o.credential, Connect: connectTime(o.timeout)}
	if c.Dir == "" {
		c.Dir = member.DefaultDir
	}
	var err error
	if c.URLs, err = member.ParseURLs(o.url); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	ca := o.ca
	if ca == "" {
		ca = filepath.Join(c.Dir, member.RootsFile)
	}
	pem, err := readSafely(ca)
	if err == nil {
		c.Roots, err = member.ReadRoots(pem)
	}
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	if o.pin != "" {
		if c.Pin, err = member.ParsePin(o.pin); err != nil {
			return nil, fmt.Errorf("pin: %w", err)
		}
	}
	if err := safeAbove(filepath.Join(c.Dir, "host.pem"), 0); err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	way, err := member.NewTransport(c)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	renew(way, log)
	return &central{way}, nil
}

// connectTime leaves time for both addresses, and for the call itself.
func connectTime(timeout time.Duration) time.Duration {
	return min(3*time.Second, timeout/4)
}

// renewTime is what a login may lose by a renewal, once in three weeks.
const renewTime = 3 * time.Second

// renew renews the certificate where it is due. Where it can't be, the present one goes on, and the next login tries again.
func renew(way *member.Transport, log *logger) {
	ctx, cancel := context.WithTimeout(context.Background(), renewTime)
	defer cancel()
	if err := way.RenewDue(ctx); err != nil {
		log.noticef("the certificate of this host is not renewed yet: %v", err)
	}
}

func (c *central) client() *hostapi.Client { return c.way.Client() }

// opens: no address of the appliance took a connection. Whoever owns the network can bring that about; failmode=safe
// says that this is accepted. A certificate that is not right, and a 503, never open anything.
func (c *central) opens(err error) bool {
	var unreached *hostapi.NotReached
	return errors.As(err, &unreached)
}
