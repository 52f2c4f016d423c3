// Package core is Latchkey's domain: users, answers, policies, locks, audit, and the one
// use case, a login. A door calls Begin when it first hears of an attempt and Answer for
// each reply; both give a Step that the door only renders. The files stand in the order of
// a login: attempt, begin, challenge, answer, step; then what admins do.
//
// The package does no I/O of its own and must never know RADIUS, PAM, HTTP, YAML or the
// engine that keeps its state. Texts for people are made here, once, in their language.
package core

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/token"
)

// Config is what a Core is made of.
type Config struct {
	Store     store.Store
	Keys      *keys.Keyset
	Passwords *password.Pool
	Settings  Settings
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: none
	Doorbell  Doorbell         // nil: phones are not rung
	Carriers  map[string]Carrier
	Turns     *password.Turns // of checks by somebody else; nil: 8 at a time
}

// Core answers for logins under one snapshot of the settings. With gives another snapshot
// over the same state. It is safe for concurrent use.
type Core struct {
	*state
	set      Settings
	policies map[string]*policy
	// prompts and questions are the settings' texts and pool, looked up at every login.
	prompts   map[language.Tag]pinphrase.Texts
	questions map[string]pinphrase.Question
	series    []string // of all realms
	// messages and presend have, by series, a policy whose messages that is about: the first by name.
	messages, presend map[string]*policy
	common            *commonRules
	audits            *questionAudits
}

// state is what all snapshots share.
type state struct {
	store      store.Store
	keys       *keys.Keyset
	passwords  *password.Pool
	turns      *password.Turns
	tokens     *token.Sealer
	clock      *clock
	log        *slog.Logger
	generation uint64
	// population is what a sample of the users is like; decoys are like them.
	population pinphrase.Population
	phoneShare uint32 // of users with a phone, in parts of 2³²
	imports    imports
	waits      waits
	doorbell   Doorbell

	carriers      atomic.Pointer[map[string]Carrier]
	recast        chan struct{} // the carriers are others
	senders       senders
	reports       chan report          // receipts that carriers have heard
	newest        atomic.Pointer[Core] // under the settings of the last With
	node          [8]byte              // this process, as leases name it
	sequence      atomic.Uint32        // orders what is queued within a millisecond
	hostAuthority *fleet.Authority

	nameKey, decoyKey, drawKey, replayKey, bindKey, codeKey *macKey
}

// policy is a Policy with what is computed from it once.
type policy struct {
	Policy
	hash [8]byte // of what decides a login
}

// Open makes a Core on a store, which it prepares when it is empty. It fails with
// store.ErrCorrupt where the keyset is not the one that the state was written with.
func Open(ctx context.Context, cfg Config) (*Core, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Turns == nil {
		cfg.Turns = password.NewTurns(password.TurnsConfig{Workers: 8})
	}
	s := &state{
		turns: cfg.Turns,
		store: cfg.Store, keys: cfg.Keys, passwords: cfg.Passwords, log: cfg.Log, doorbell: cfg.Doorbell,
		clock:     &clock{now: cfg.Now},
		nameKey:   newMACKey(cfg.Keys.Derive("names")),
		decoyKey:  newMACKey(cfg.Keys.Derive("decoys")),
		drawKey:   newMACKey(cfg.Keys.Derive("draws")),
		replayKey: newMACKey(cfg.Keys.Derive("replays")),
		bindKey:   newMACKey(cfg.Keys.Derive("bindings")),
		codeKey:   newMACKey(cfg.Keys.Derive("phone codes")),
		recast:    make(chan struct{}, 1),
		reports:   make(chan report, maxHeard),
	}
	_, _ = rand.Read(s.node[:])
	s.carriers.Store(&cfg.Carriers)
	var err error
	if s.hostAuthority, err = fleet.NewAuthority(cfg.Keys.Derive("hosts")); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	s.newTokens()
	return (&Core{state: s}).With(cfg.Settings), nil
}

// newTokens makes the sealer of a generation. That is part of the key: after a restore all
// older tokens are void.
func (s *state) newTokens() {
	s.tokens = token.NewSealer(func(day uint16) []byte {
		return s.keys.Derive(fmt.Sprintf("token/%016x/%d", s.generation, day))
	})
}

// With gives a Core under other settings over the same state. Requests that hold the old
// one end under the old one.
func (c *Core) With(set Settings) *Core {
	if set.TokenLife == 0 {
		set.TokenLife = 120 * time.Second
	}
	set.Hosts = set.Hosts.canonical(set.Names)
	n := &Core{
		state: c.state, set: set, policies: map[string]*policy{}, common: &commonRules{}, audits: &questionAudits{},
		prompts: map[language.Tag]pinphrase.Texts{}, questions: map[string]pinphrase.Question{},
	}
	for name, p := range set.Policies {
		p.Name = name
		n.policies[name] = &policy{p, hashPolicy(p)}
	}
	for _, p := range n.policies {
		n.series = append(n.series, p.series())
	}
	for _, name := range slices.Sorted(maps.Keys(n.policies)) {
		p := n.policies[name]
		if !p.message() || !slices.Contains(p.Second, MethodPINphrase) {
			continue
		}
		if n.messages == nil {
			n.messages, n.presend = map[string]*policy{}, map[string]*policy{}
		}
		if n.messages[p.series()] == nil {
			n.messages[p.series()] = p
		}
		if p.Presend && n.presend[p.series()] == nil {
			n.presend[p.series()] = p
		}
	}
	slices.Sort(n.series)
	n.series = slices.Compact(n.series)
	for _, tag := range language.Known() {
		n.prompts[tag] = set.PINphrase.In(tag, language.Best(language.Tag(set.Language)))
	}
	for _, q := range set.PINphrase.Questions {
		n.questions[q.ID] = q
	}
	c.newest.Store(n)
	return n
}

func (c *Core) question(id string) (pinphrase.Question, bool) {
	q, ok := c.questions[id]
	return q, ok
}

// hashPolicy covers what decides a login, so that a token begun under one policy cannot
// be answered under another. Reply attributes and names are left out.
func hashPolicy(p Policy) (h [8]byte) {
	m := sha256.New()
	fmt.Fprintf(m, "%q %q %q %q %v", p.First, p.Second, p.Realm, p.Unenrolled, p.Fallback)
	if asked := (&policy{Policy: p}); asked.message() {
		fmt.Fprintf(m, " %q", p.Deliver)
	}
	if p.Symbols == SymbolsPair {
		fmt.Fprint(m, " pair")
	}
	copy(h[:], m.Sum(nil))
	return h
}

// generationRecord stands under keyGeneration.
type generationRecord struct {
	Number  uint64 `cbor:"1,keyasint"` // random, never zero
	Created int64  `cbor:"2,keyasint"`
	// Check is sealed: a wrong keyset is found at the start, not at the first login.
	Check []byte `cbor:"3,keyasint"`
}

const checkContext = "generation"

func (s *state) prepare(ctx context.Context) error {
	// The journal's newest record stands in for the clock's mark: whatever sets a lock is audited
	// in the same commit.
	if err := s.store.View(ctx, s.samplePhones); err != nil {
		return err
	}
	err := s.store.Journal(ctx, 0, true, func(r store.Record) bool {
		var a auditRecord
		if cborDecode.Unmarshal(r.Data, &a) == nil {
			s.clock.raise(a.Time)
		}
		return false
	})
	if err != nil {
		return err
	}
	return s.store.Update(ctx, func(t store.Txn) error {
		var mark int64
		if _, err := get(t, keyClock, &mark); err != nil {
			return err
		}
		s.clock.raise(mark)
		var g generationRecord
		found, err := get(t, keyGeneration, &g)
		if err != nil {
			return err
		}
		if found {
			if _, err := s.keys.Open(g.Check, checkContext); err != nil {
				return fmt.Errorf("%w: the keyset is not the one that this state was written with", store.ErrCorrupt)
			}
			s.generation = g.Number
			return s.likeness(t)
		}
		var b [8]byte
		_, _ = rand.Read(b[:])
		g = generationRecord{Number: binary.BigEndian.Uint64(b[:]) | 1, Created: s.clock.Now().Unix()}
		if g.Check, err = s.keys.Seal(secret.New(checkContext), checkContext); err != nil {
			return err
		}
		s.generation = g.Number
		return put(t, keyGeneration, g)
	})
}

// KeepTime writes the clock's mark, so that a restart after the host's clock was set back
// does not go back with it. The daemon calls it every minute and at its end.
func (c *Core) KeepTime(ctx context.Context) error {
	now := c.clock.Now().UnixMilli()
	return c.store.Update(ctx, func(t store.Txn) error {
		var mark int64
		if _, err := get(t, keyClock, &mark); err != nil || mark >= now {
			return err
		}
		return put(t, keyClock, now)
	})
}

// ClockBehind is how far the host's clock is behind the latest time known here; until it has
// caught up, time goes on from there.
func (c *Core) ClockBehind() time.Duration {
	return c.clock.behind()
}

// likeness takes the sample that is kept, or takes one and keeps it when there are users enough:
// decoys that moved at each restart, when no user's challenge does, would be told apart.
func (s *state) likeness(t store.Txn) error {
	found, err := get(t, keyPopulation, &s.population)
	if err != nil || found {
		return err
	}
	if err := s.sample(t); err != nil {
		return err
	}
	if s.population.Lengths == nil {
		s.population = pinphrase.Population{}
		return nil
	}
	return put(t, keyPopulation, s.population)
}

// sample looks at some users, so that decoys are as the population is. A language is told
// apart by nobody who sees the decoys alone; the lengths are not those of any one user.
func (s *state) sample(r store.Reader) error {
	const enough = 500
	users := 0
	s.population = pinphrase.Population{Languages: map[language.Tag]uint64{}, Lengths: map[int]uint64{}}
	err := r.Scan([]byte{'u'}, nil, func(_, value []byte) bool {
		var u userRecord
		if cborDecode.Unmarshal(value, &u) == nil && language.Tag(u.Language).Known() {
			s.population.Languages[language.Tag(u.Language)]++
		}
		users++
		return users < enough
	})
	if err != nil || users < enough/10 {
		// Of a few users the lengths would say too much.
		s.population.Lengths = nil
		return err
	}
	answers := 0
	return r.Scan([]byte{'a'}, nil, func(_, value []byte) bool {
		var a answersRecord
		if cborDecode.Unmarshal(value, &a) == nil {
			for _, item := range a.Items {
				s.population.Lengths[item.Length]++
			}
		}
		answers++
		return answers < enough
	})
}
