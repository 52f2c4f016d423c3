package radiusd

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

// MessageAuthenticator says what is asked of a NAS and what it gets, after BlastRADIUS
// (CVE-2024-3596). A Message-Authenticator that is there is verified in every case.
type MessageAuthenticator uint8

// The zero value is the strict one.
const (
	Require MessageAuthenticator = iota // an Access-Request without it is dropped
	LetOff                              // requests may lack it, replies carry it ("accept" in the configuration)
	Omit                                // requests may lack it, replies do not carry it: old gateways drop them
)

// String gives the word that the configuration uses.
func (m MessageAuthenticator) String() string {
	switch m {
	case Require:
		return "require"
	case LetOff:
		return "accept"
	case Omit:
		return "omit"
	}
	return "unknown"
}

// Client is a NAS, or all of those in a network, as the configuration describes it.
type Client struct {
	Name                 string       // Attempt.NAS, and the name in logs
	Prefix               netip.Prefix // where its packets come from; the longest prefix wins
	Secrets              []secret.Secret
	MessageAuthenticator MessageAuthenticator
	LimitProxyState      bool          // under LetOff and Omit: Proxy-State without Message-Authenticator is dropped
	Timeout              time.Duration // how long the NAS waits for a reply (0: 5 s)
	Tries                int           // how often it asks (0: 3)
	Wait                 time.Duration // how long a second round waits for a phone (0: not at all); four fifths of Timeout at most
	Hold                 time.Duration // how long a first round waits for a phone instead of showing the symbol (0: not at all)
	ASCII                bool          // it can show ASCII only
	Challenge            bool          // it knows Access-Challenge; without, a challenge becomes a reject in words
	PasswordChecked      bool          // it has checked the password itself
	TrustCallingStation  bool          // its Calling-Station-Id tells the person's address
	Policy               string        // the policy of those who log in there
}

// client is a Client at work.
type client struct {
	Client
	signers  []*signer
	last     atomic.Uint32 // which of the signers fitted last: tried first, and used where nothing tells
	patience time.Duration // after which the NAS has given up
	wait     time.Duration // of a second round for a phone, well below the NAS's timeout
	hold     time.Duration // of a first round for a phone, well below patience
	queued   [lanes]atomic.Int32
	parked   atomic.Int32 // rounds that wait for a phone
	status   allowance
}

// clients finds a NAS by the address that a packet comes from.
type clients struct {
	v4, v6 []int // the prefix lengths in use, longest first
	by     map[netip.Prefix]*client
}

// errNoSecret and errTwice are mistakes that the configuration's check finds earlier, with a line number.
var (
	errNoSecret = errors.New("a RADIUS client needs a shared secret that is not empty")
	errTwice    = errors.New("two RADIUS clients have the same address")
)

func newClients(list []Client) (*clients, error) {
	t := &clients{by: make(map[netip.Prefix]*client, len(list))}
	for _, c := range list {
		prefix := unmapped(c.Prefix).Masked()
		if !prefix.IsValid() {
			return nil, fmt.Errorf("radiusd: client %q: %v is no network", c.Name, c.Prefix)
		}
		if _, twice := t.by[prefix]; twice {
			return nil, fmt.Errorf("radiusd: client %q: %w: %v", c.Name, errTwice, prefix)
		}
		n := &client{Client: c}
		timeout := cmp.Or(max(c.Timeout, 0), 5*time.Second)
		n.patience = timeout * time.Duration(cmp.Or(max(c.Tries, 0), 3))
		n.wait = min(max(c.Wait, 0), timeout/5*4)
		n.hold = min(max(c.Hold, 0), n.patience/10*9)
		for _, s := range c.Secrets {
			if s.IsEmpty() {
				return nil, fmt.Errorf("radiusd: client %q: %w", c.Name, errNoSecret)
			}
			n.signers = append(n.signers, newSigner(s))
		}
		if len(n.signers) == 0 {
			return nil, fmt.Errorf("radiusd: client %q: %w", c.Name, errNoSecret)
		}
		t.by[prefix] = n
		lengths := &t.v6
		if prefix.Addr().Is4() {
			lengths = &t.v4
		}
		if !slices.Contains(*lengths, prefix.Bits()) {
			*lengths = append(*lengths, prefix.Bits())
		}
	}
	for _, lengths := range [][]int{t.v4, t.v6} {
		slices.SortFunc(lengths, func(a, b int) int { return b - a })
	}
	return t, nil
}

// unmapped turns a prefix of IPv4-mapped IPv6 addresses into the IPv4 one that it means.
func unmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// find gives the NAS with the longest prefix, or nil. A prefix has no zone, so neither has the look-up.
func (t *clients) find(addr netip.Addr) *client {
	addr = addr.Unmap().WithZone("")
	lengths := t.v6
	if addr.Is4() {
		lengths = t.v4
	}
	for _, bits := range lengths {
		prefix, err := addr.Prefix(bits)
		if err != nil {
			continue
		}
		if c := t.by[prefix]; c != nil {
			return c
		}
	}
	return nil
}

// signer gives the secrets in the order in which to try them: i counts from 0.
func (c *client) signer(i int) *signer {
	return c.signers[(int(c.last.Load())+i)%len(c.signers)]
}

// fitted remembers a secret that has fitted.
func (c *client) fitted(s *signer) {
	if c.signer(0) == s {
		return
	}
	c.last.Store(uint32(slices.Index(c.signers, s)))
}

// whoSigned finds the secret of the packet's Message-Authenticator, or nil.
func (c *client) whoSigned(p *packet) *signer {
	for i := range c.signers {
		if s := c.signer(i); s.signed(p) {
			c.fitted(s)
			return s
		}
	}
	return nil
}

// whoHid finds the secret under which the packet's password makes sense, or nil.
func (c *client) whoHid(p *packet, space []byte) (s *signer, password []byte) {
	for i := range c.signers {
		s := c.signer(i)
		if password, ok := unpadded(s.password(space, p.userPassword, p.authenticator())); ok {
			c.fitted(s)
			return s, password
		}
	}
	return nil, nil
}
