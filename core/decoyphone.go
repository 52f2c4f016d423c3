package core

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/token"
)

// Where nobody here checks a password, a name without a phone is shown a symbol as often as the names of users are,
// and so is a locked user with a phone, which does not ring. Nothing is stored: the symbol and the moment at which it
// was first shown stand in the token.

// decoyHasPhone tells whether a name is one of those that pretend to have a phone.
func (c *Core) decoyHasPhone(p *policy, who subject) bool {
	question := slices.Index(p.Second, MethodPINphrase)
	if question >= 0 && question < slices.Index(p.Second, MethodApp) {
		return false // whoever has answers is asked for them
	}
	h := mac(c.decoyKey, "phone", who.name, p.Realm)
	return question < 0 || binary.BigEndian.Uint32(h) < c.phoneShare
}

// samplePhones finds the share of users with a phone, in parts of 2³². Of a few users it is never all or none.
func (s *state) samplePhones(r store.Reader) error {
	const enough = 500
	users, phones := uint64(0), uint64(0)
	var ids []userID
	err := r.Scan([]byte{'u'}, nil, func(key, _ []byte) bool {
		if len(key) == 1+len(userID{}) {
			ids = append(ids, userID(key[1:]))
		}
		return len(ids) < enough
	})
	for _, id := range ids {
		if err != nil {
			return err
		}
		var has bool
		if has, _, err = (&Core{state: s}).hasPhone(r, id); has {
			phones++
		}
		users++
	}
	s.phoneShare = uint32((phones + 1) << 32 / (users + 2))
	return err
}

// decoyApp begins a wait for a phone that is not there.
func (c *Core) decoyApp(a Attempt, p *policy, who subject, now time.Time) Step {
	symbol, err := mobile.DrawPair()
	if err != nil {
		c.log.Error("no decoy", "request", a.Request, "error", err)
		return c.decoyQuestion(a, p, who, now, 0)
	}
	var shown [8]byte
	binary.BigEndian.PutUint64(shown[:], uint64(now.UnixMilli()))
	for i, one := range symbol.Parts() {
		shown[i] = byte(slices.Index(mobile.Symbols(), one)) // above the milliseconds of ages to come
	}
	return c.showDecoyApp(a, p, who, now, token.Claims{Kind: token.AppDecoy, Challenge: shown})
}

// storeNothing costs what a pending does: else the time of a reply would tell who has a phone.
func (c *Core) storeNothing(ctx context.Context, who subject) error {
	return c.store.Update(ctx, func(t store.Txn) error { return c.putNothing(t, who) })
}

func (c *Core) putNothing(t store.Txn, who subject) error {
	return put(t, c.keyQuiet("phone of "+who.name), quietRecord{At: c.clock.Now().UnixMilli()})
}

// showDecoyApp shows the symbol of claims, in the language that decoyQuestion would speak.
func (c *Core) showDecoyApp(a Attempt, p *policy, who subject, now time.Time, claims token.Claims) Step {
	tag := c.tag(who.user.Language, a.Language)
	if !who.known {
		copy(who.id[:], mac(c.decoyKey, "id", who.name))
		if d, err := c.set.PINphrase.NewDecoy(c.decoyKey.key, c.population, tag, who.name, p.Realm, ""); err == nil {
			tag = c.tag(string(d.Language))
		}
	}
	symbols := mobile.Symbols()
	shown := symbols[int(claims.Challenge[0])%len(symbols)]
	if p.Symbols == SymbolsPair {
		shown = mobile.Pair(shown, symbols[int(claims.Challenge[1])%len(symbols)])
	}
	return c.showSymbol(a, p, who, now, language.Tag(tag), shown, p.decoyFallback(), claims)
}

func (p *policy) decoyFallback() bool {
	return p.Fallback && slices.Contains(p.Second, MethodPINphrase)
}

// lookAtDecoy judges as lookAtPending does, and ends as a phone ends that nobody looks at.
func (c *Core) lookAtDecoy(ctx context.Context, r Reply, p *policy, claims token.Claims, last bool) (step Step, until time.Time, err error) {
	a := r.Attempt
	var who subject
	err = c.store.View(ctx, func(rd store.Reader) (err error) {
		who, err = c.asked(rd, a)
		return err
	})
	if err != nil {
		return Step{}, until, silence(err)
	}
	dismiss := func(reason Reason) (Step, time.Time, error) {
		step, err := c.dismiss(ctx, a, who, reason)
		return step, time.Time{}, err
	}
	id := who.id
	if !who.known {
		copy(id[:], mac(c.decoyKey, "id", who.name))
	}
	switch {
	case id != claims.User:
		return dismiss(ForeignToken)
	case who.user.Epoch != claims.Epoch:
		return dismiss(StaleToken)
	}
	shown := claims.Challenge
	shown[0], shown[1] = 0, 0
	ends := time.UnixMilli(int64(binary.BigEndian.Uint64(shown[:]))).Add(c.pendingFor())
	// In the order of lookAtPending: what comes first must not tell the two apart, nor how long it takes.
	now := c.clock.Now()
	if !now.Before(ends) {
		return dismiss(PendingExpired)
	}
	if strings.ToLower(strings.TrimSpace(r.Text.Reveal())) == "p" && p.decoyFallback() {
		if p.message() {
			if err := c.sendNothing(ctx, a, who); err != nil {
				return Step{}, until, silence(err)
			}
		}
		return c.decoyQuestion(a, p, who, now, 0), until, nil
	}
	if claims.Round >= maxRounds {
		return dismiss(TooManyRounds)
	}
	if !last {
		return Step{}, ends, nil
	}
	claims.Round++
	return c.showDecoyApp(a, p, who, now, claims), until, nil
}
