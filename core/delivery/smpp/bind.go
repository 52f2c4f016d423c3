package smpp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"

	"github.com/latchkey/latchkey/core/delivery/dial"
)

// Pauses between two binds: doubled from the first to the last. A centre that refuses name or password is asked less
// often, since some lock an account after a few tries.
const (
	pauseFirst  = time.Second
	pauseMost   = time.Minute
	refuseFirst = 30 * time.Second
	refuseMost  = 5 * time.Minute
	// steady is how long a session must have lived to count as a success.
	steady = 10 * time.Second
)

// refusedBind: the centre has answered the bind with a status.
type refusedBind struct{ status data.CommandStatusType }

func (e *refusedBind) Error() string {
	return "it refuses the bind with status " + statusWords(e.status)
}

func (e *refusedBind) credentials() bool {
	return e.status == data.ESME_RINVPASWD || e.status == data.ESME_RINVSYSID || e.status == data.ESME_RBINDFAIL
}

// keepBound binds, again and again, until the Centre is closed.
func (c *Centre) keepBound() {
	pause := pauseFirst
	for c.ctx.Err() == nil {
		c.become(nil, "it is being connected", false)
		began := c.config.Now()
		s, err := c.open()
		if err == nil {
			c.config.Log.Info("bound to the message centre", "address", c.config.Address)
			c.become(s, "", false)
			err = s.run(c.ctx)
			if c.ctx.Err() != nil {
				break
			}
			if c.config.Now().Sub(began) >= steady {
				pause = pauseFirst
			}
		}
		words := wordsOf(err)
		most := pauseMost
		if refused, ok := errors.AsType[*refusedBind](err); ok && refused.credentials() {
			pause, most = max(pause, refuseFirst), refuseMost
		}
		wait := pause/2 + rand.N(pause) // so that many nodes do not come together
		pause = min(2*pause, most)
		c.become(nil, words, true)
		c.config.Log.Warn("not bound to the message centre", "address", c.config.Address, "reason", words, "again_in", wait.Round(time.Millisecond).String())
		select {
		case <-c.ctx.Done():
		case <-time.After(wait):
		}
	}
	c.become(nil, "the carrier is being closed", true)
}

// become changes what Send sees.
func (c *Centre) become(s *session, failure string, pausing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session, c.pausing = s, pausing
	if s != nil || pausing {
		c.failure = failure
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

func wordsOf(err error) string {
	if refused, ok := errors.AsType[*refusedBind](err); ok {
		return refused.Error()
	}
	if own, ok := errors.AsType[*ownError](err); ok {
		return own.text
	}
	return dial.Words(err)
}

// open connects and binds.
func (c *Centre) open() (*session, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.config.Timeout)
	defer cancel()
	conn, err := dial.Open(ctx, c.config.Address, c.secure)
	if err != nil {
		return nil, err
	}
	s := newSession(conn, c)
	if err := c.bind(ctx, s); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

func (c *Centre) bind(ctx context.Context, s *session) error {
	defer context.AfterFunc(ctx, func() { _ = s.conn.Close() })()
	request := pdu.NewBindRequest(pdu.Transceiver)
	request.SystemID, request.Password, request.SystemType = c.config.SystemID, c.config.Password.Reveal(), c.config.SystemType
	sequence := s.next()
	request.SetSequenceNumber(sequence)
	if err := s.write(request); err != nil {
		return err
	}
	for {
		f, err := s.readFrame(c.config.Timeout)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		switch {
		case f.header.CommandID == data.BIND_TRANSCEIVER_RESP && f.header.SequenceNumber == sequence,
			f.header.CommandID == data.GENERIC_NACK:
			if f.header.CommandStatus != data.ESME_ROK {
				return &refusedBind{f.header.CommandStatus}
			}
			if f.header.CommandID == data.GENERIC_NACK {
				return &ownError{"it does not know the command to bind as transceiver"}
			}
			return nil
		case f.header.CommandID == data.OUTBIND:
			// Some greet with it.
		default:
			return &ownError{fmt.Sprintf("it answers the bind with command %#x", uint32(f.header.CommandID))}
		}
	}
}
