package core

import (
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// What delivers: which carriers a message may take, in which order, and how many messages there may be.
//
// The way of a message: message.go puts it into the outbox, in the transaction that it belongs to; outbox.go keeps
// it; sender.go brings it to a carrier; rates.go bounds what all that may cost; notice.go has the messages that are
// no challenges.

// Prompt in Policy.Deliver is no carrier: the question stands on the screen.
const Prompt = "prompt"

// DeliverySettings is what stands under delivery: in the configuration.
type DeliverySettings struct {
	ResendAfter time.Duration // a new login sends the same message again after it; 0: 60 s
	PresendFor  time.Duration // how long a message that is sent ahead is tried; 0: 24 h
	Notices     []string      // the carriers that tell users of changes and locks
	User        Rate          // challenges to one user
	Number      Rate          // challenges to one number or address, whoever has it
	Carrier     Rate          // messages by one carrier
	All         Rate          // messages by all carriers
}

// Rate is a number of messages in a time. Most of 0 is no limit.
type Rate struct {
	Most int
	In   time.Duration
}

func (s DeliverySettings) resendAfter() time.Duration {
	if s.ResendAfter > 0 {
		return s.ResendAfter
	}
	return time.Minute
}

func (s DeliverySettings) presendFor() time.Duration {
	if s.PresendFor > 0 {
		return s.PresendFor
	}
	return 24 * time.Hour
}

// message tells whether the policy's questions go to a device of their own.
func (p *policy) message() bool {
	return len(p.Deliver) > 0 && p.Deliver[0] != Prompt
}

// form is the form of the policy's challenges.
func (p *policy) form() string {
	if p.message() {
		return formMessage
	}
	return formPrompt
}

// series is the series that the policy's challenges are of.
func (p *policy) series() string { return seriesOf(p.Realm, p.form()) }

// formNumber is the form as tokens name it.
func (p *policy) formNumber() uint8 {
	if p.message() {
		return 1
	}
	return 0
}

// SetCarriers replaces the carriers, by name. What waits for one that is gone goes on to the next.
func (c *Core) SetCarriers(carriers map[string]Carrier) {
	c.carriers.Store(&carriers)
	select {
	case c.recast <- struct{}{}:
	default:
	}
}

func (s *state) carrier(name string) Carrier {
	if all := s.carriers.Load(); all != nil {
		return (*all)[name]
	}
	return nil
}

// address is where a carrier finds the user; empty: nowhere.
func (c *Core) address(r store.Reader, id userID, u *userRecord, kind AddressKind) (Secret, error) {
	switch kind {
	case AddressPhone:
		return secret.New(u.Phone), nil
	case AddressMail:
		return secret.New(u.Mail), nil
	case AddressDevice:
		_, usable, err := c.hasPhone(r, id)
		if err != nil || !usable {
			return Secret{}, err
		}
		return secret.New(id.String()), nil
	}
	return Secret{}, nil
}

// reachable gives those of the carriers that there are and that find the user: the one that the user
// prefers first, else in the order given. Those in doubtful come last: what they were given may yet arrive.
func (c *Core) reachable(r store.Reader, id userID, u *userRecord, names, doubtful []string) ([]string, error) {
	var out []string
	for _, name := range names {
		carrier := c.carrier(name)
		if carrier == nil {
			continue
		}
		to, err := c.address(r, id, u, carrier.Address())
		if err != nil {
			return nil, err
		}
		if to.Len() > 0 {
			out = append(out, name)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		rank := func(name string) (n int) {
			if slices.Contains(doubtful, name) {
				n = 2
			}
			if name != u.Deliver {
				n++
			}
			return n
		}
		return rank(a) - rank(b)
	})
	return out, nil
}

// masked shows enough of an address to know it again, and no more.
func masked(kind AddressKind, to Secret) string {
	text := to.Reveal()
	switch kind {
	case AddressPhone:
		if len(text) > 6 {
			return text[:3] + "…" + text[len(text)-2:]
		}
	case AddressMail:
		if at := strings.LastIndexByte(text, '@'); at > 0 {
			first := []rune(text[:at])
			return string(first[:1]) + "…" + text[at:]
		}
	case AddressDevice:
		return "phone"
	}
	return "…"
}
