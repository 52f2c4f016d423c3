package core

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/token"
)

// A login that waits for the phone: stored, with its own symbol. At most two wait for a user, each after a
// right first factor.

const (
	maxWaiting = 2
	// maxRounds bounds a conversation that only asks "still waiting?": some gateways stop by themselves at 16.
	maxRounds = 14
	// quietAfter unanswered logins in a row make the next ones wait their turn, twice as long each time.
	quietAfter = 3
	quietFirst = 30 * time.Second
	quietMost  = 15 * time.Minute
)

// Reasons of a login by phone.
const (
	RightApproval  Reason = "right-approval"
	RightPhoneCode Reason = "right-phone-code"
	ApprovalDenied Reason = "approval-denied"
	WrongSymbol    Reason = "wrong-symbol"
	PendingExpired Reason = "pending-expired"
	PendingEnded   Reason = "pending-ended" // another login of the user was chosen, or the user turned to questions
	TooManyPending Reason = "too-many-pending"
	PhoneUnusable  Reason = "phone-locked"
)

type pendingState string

const (
	pendingWaiting  pendingState = "waiting"
	pendingApproved pendingState = "approved"
	pendingDenied   pendingState = "denied"
	pendingWrong    pendingState = "wrong"
	pendingEnded    pendingState = "ended"
	pendingUsed     pendingState = "used"
)

// pendingRecord stands under keyPending.
type pendingRecord struct {
	ID      mobile.PendingID `cbor:"1,keyasint"`
	User    userID           `cbor:"2,keyasint"`
	Symbol  mobile.Symbol    `cbor:"3,keyasint"` // or a pair
	Service string           `cbor:"4,keyasint,omitempty"`
	NAS     string           `cbor:"5,keyasint"`
	Source  Source           `cbor:"6,keyasint"`
	Door    Door             `cbor:"7,keyasint"`
	Policy  string           `cbor:"8,keyasint"`
	Epoch   uint64           `cbor:"9,keyasint"`
	Created int64            `cbor:"10,keyasint"` // Unix milliseconds
	Until   int64            `cbor:"11,keyasint"`
	State   pendingState     `cbor:"12,keyasint"`
	Device  *mobile.DeviceID `cbor:"13,keyasint,omitempty"` // that approved
	Checked bool             `cbor:"14,keyasint"`
	Kind    pendingKind      `cbor:"15,keyasint,omitempty"`
	Code    []byte           `cbor:"16,keyasint,omitempty"` // keyed hash of the code that the phone shows
	Tries   int              `cbor:"17,keyasint,omitempty"` // wrong codes
}

// pendingKind is how a pending and its login are brought together. The zero value: by the symbol at the prompt.
type pendingKind string

// waitingRecord stands under keyWaiting: the guard of a user's pendings.
type waitingRecord struct {
	IDs []mobile.PendingID `cbor:"1,keyasint,omitempty"`
	// Unanswered counts pendings in a row that ended with nobody touching the phone.
	Unanswered int   `cbor:"2,keyasint,omitempty"`
	Quiet      int64 `cbor:"3,keyasint,omitempty"` // Unix milliseconds: no new pending before
	// Used is the last pending whose code was typed: typed again, it opens nothing.
	Used *mobile.PendingID `cbor:"4,keyasint,omitempty"`
}

// keyPending has the first half of the id alone, as tokens have.
func keyPending(id [8]byte) []byte { return append([]byte{'p'}, id[:]...) }
func keyWaiting(id userID) []byte  { return append([]byte{'w'}, id[:]...) }

func (p *pendingRecord) key() []byte { return keyPending([8]byte(p.ID[:8])) }

func (p *pendingRecord) waits(now time.Time) bool {
	return p.State == pendingWaiting && now.UnixMilli() < p.Until
}

// shown is what the phone displays, and signs.
func (p *pendingRecord) shown() mobile.Shown {
	return mobile.Shown{ID: p.ID, Service: p.service(), Host: p.NAS, Source: printable(p.Source.String()), Created: time.UnixMilli(p.Created)}
}

func (p *pendingRecord) service() string {
	if p.Service != "" {
		return p.Service
	}
	return p.Policy
}

// attempt is the attempt that the pending came from, for counters and audit.
func (p *pendingRecord) attempt(request string) Attempt {
	return Attempt{Request: request, Door: p.Door, NAS: p.NAS, Policy: p.Policy, Source: p.Source, Service: p.Service}
}

// unanswered counts a login that ended at a time (Unix milliseconds) with nobody touching the phone.
func (w *waitingRecord) unanswered(at int64) {
	w.Unanswered++
	if w.Unanswered >= quietAfter {
		quiet := min(quietFirst<<min(w.Unanswered-quietAfter, 10), quietMost)
		w.Quiet = max(w.Quiet, at+quiet.Milliseconds())
	}
}

// waitingOf gives a user's pendings that wait, and the guard record without those that do not.
// Those that ran out unanswered are counted for the back-off.
func (c *Core) waitingOf(r store.Reader, id userID, now time.Time) (waitingRecord, []pendingRecord, error) {
	var w waitingRecord
	if _, err := get(r, keyWaiting(id), &w); err != nil {
		return w, nil, err
	}
	var waiting []pendingRecord
	var ids []mobile.PendingID
	for _, pid := range w.IDs {
		var p pendingRecord
		found, err := get(r, keyPending([8]byte(pid[:8])), &p)
		if err != nil {
			return w, nil, err
		}
		switch {
		case found && p.waits(now):
			waiting, ids = append(waiting, p), append(ids, pid)
		case found && p.State == pendingApproved && now.UnixMilli() < p.Until:
			ids = append(ids, pid) // its login has still to come for it
		case found && p.State == pendingWaiting:
			w.unanswered(p.Until)
		}
	}
	w.IDs = ids
	return w, waiting, nil
}

// beginApp stores a pending and shows its symbol. The user, the locks and the devices are read again by the
// transaction that stores it.
func (c *Core) beginApp(ctx context.Context, a Attempt, p *policy, who subject) (Step, error) {
	var step Step
	var rings bool
	err := c.store.Update(ctx, func(t store.Txn) error {
		j := judgement{Core: c, t: t, now: c.clock.Now(), a: a, p: p, who: who}
		var fresh userRecord
		if found, err := get(t, keyUser(who.id), &fresh); err != nil {
			return err
		} else if !found || fresh.Epoch != who.user.Epoch {
			if err := j.dismiss(StaleToken); err != nil {
				return err
			}
			step = j.step
			return nil
		}
		has, usable, err := c.hasPhone(t, who.id)
		if err != nil {
			return err
		}
		w, waiting, err := c.waitingOf(t, who.id, j.now)
		if err != nil {
			return err
		}
		quiet, err := j.quiet(w)
		if err != nil {
			return err
		}
		var pre Reason
		if p.First == FirstNone {
			// Else the first factor has met it.
			if pre, err = c.barrier(t, j.now, who, a); err != nil {
				return err
			}
		}
		rings = false
		code := false
		if has && !usable && pre == "" {
			// A locked phone can be asked nothing; for a code that was given out one can ask.
			if code, err = c.codeOpens(t, who); err != nil {
				return err
			}
		}
		if (len(waiting) >= maxWaiting || quiet) && usable && pre == "" {
			// Whoever fills the places does not keep out whom the helpdesk has given a code.
			code = c.temporaryValid(subject{user: fresh}, j.now)
		}
		switch {
		case pre != "":
			j.step, err = c.decoyApp(a, p, who, j.now), c.putNothing(t, who) // it looks as ever, and no phone rings
		case code:
			j.step = c.askCode(a, p, who, j.now, p.First != FirstNone, !usable)
		case !has || !usable:
			err = j.dismiss(PhoneUnusable)
		case len(waiting) >= maxWaiting || quiet:
			err = j.dismiss(TooManyPending)
		default:
			var record pendingRecord
			if record, err = c.newPending(a, p, who, j.now, waiting); err != nil {
				return err
			}
			err, rings = storePending(t, w, record), true
			j.step = c.askApp(a, p, who, j.now, &record, 0, j.canFallBack())
		}
		step = j.step
		return err
	})
	if err != nil {
		return Step{}, silence(err)
	}
	if step.Kind == Challenge && rings {
		c.ring(who.id)
	}
	return step, nil
}

// storePending stores a new pending; w is the guard of its user.
func storePending(t store.Txn, w waitingRecord, record pendingRecord) error {
	w.IDs = append(w.IDs, record.ID)
	if err := put(t, keyWaiting(record.User), w); err != nil {
		return err
	}
	return put(t, record.key(), record)
}

func (c *Core) newPending(a Attempt, p *policy, who subject, now time.Time, waiting []pendingRecord) (pendingRecord, error) {
	var taken []mobile.Symbol
	for _, w := range waiting {
		taken = append(taken, w.Symbol.Parts()...)
	}
	kind, draw := kindSymbol, mobile.Draw
	if p.Symbols == SymbolsPair {
		kind, draw = kindPair, mobile.DrawPair
	}
	symbol, err := draw(taken...)
	if err != nil {
		return pendingRecord{}, err
	}
	record := pendingRecord{
		User: who.id, Symbol: symbol, Service: a.Service, NAS: a.NAS, Source: a.Source, Door: a.Door, Policy: a.Policy,
		Epoch: who.user.Epoch, Created: now.UnixMilli(), Until: now.Add(c.pendingFor()).UnixMilli(), State: pendingWaiting, Checked: true, Kind: kind,
	}
	_, _ = rand.Read(record.ID[:])
	return record, nil
}

func (c *Core) pendingFor() time.Duration {
	if c.set.Device.PendingFor > 0 {
		return c.set.Device.PendingFor
	}
	return 90 * time.Second
}

// canFallBack tells whether a PINphrase may be answered instead.
func (j *judgement) canFallBack() bool {
	if !j.p.Fallback || !slices.Contains(j.p.Second, MethodPINphrase) {
		return false
	}
	if locked, err := j.phoneLocked(); err != nil || locked {
		return false
	}
	if j.p.message() {
		if reaches, err := j.reaches(j.t, j.who, j.p); err != nil || !reaches {
			return false
		}
	}
	_, err := j.opened(j.t, j.who, j.p.series())
	return err == nil
}

// askApp makes the step that shows the symbol. Its text changes from round to round: some gateways
// do not show the same one twice.
func (c *Core) askApp(a Attempt, p *policy, who subject, now time.Time, record *pendingRecord, round uint8, fallback bool) Step {
	return c.showSymbol(a, p, who, now, c.tag(who.user.Language, a.Language), record.Symbol, fallback, token.Claims{
		Kind: token.App, Round: round, Challenge: [8]byte(record.ID[:8]),
	})
}

// showSymbol shows a symbol, or a pair in its order. It completes the claims, and seals them.
func (c *Core) showSymbol(a Attempt, p *policy, who subject, now time.Time, tag language.Tag, symbol mobile.Symbol, fallback bool, claims token.Claims) Step {
	var names, glyphs []string
	for _, one := range symbol.Parts() {
		names = append(names, one.Upper(tag))
		if !a.ASCII && !a.NoGlyph {
			glyphs = append(glyphs, one.Glyph())
		}
	}
	texts := &language.In(tag).Texts
	say := texts.App
	if len(names) > 1 {
		say = texts.AppPair
	}
	prompt := say(strings.Join(names, ", "), strings.Join(glyphs, " "), int(claims.Round), fallback)
	claims.Door, claims.First, claims.Origin = uint8(a.Door), p.First != FirstNone, c.origin(a)
	claims.User, claims.Epoch, claims.Policy, claims.Expires = who.id, who.user.Epoch, p.hash, now.Add(c.set.TokenLife)
	return Step{Kind: Challenge, User: who.name, Prompt: c.spell(a, tag, prompt), Waiting: true, Symbol: symbol, Fallback: fallback, Token: c.tokens.Seal(now, claims)}
}

// lookAtPending judges a pending in one transaction. It gives until when the phone can be waited for where it has not
// spoken and last is not set: then nothing was written.
func (c *Core) lookAtPending(ctx context.Context, r Reply, p *policy, claims token.Claims, last bool) (step Step, until time.Time, err error) {
	a := r.Attempt
	var said []func()
	err = c.store.Update(ctx, func(t store.Txn) error {
		j := judgement{Core: c, t: t, now: c.clock.Now(), a: a, p: p, claims: claims}
		if until, err = j.app(r, last); err != nil {
			return err
		}
		step, said = j.step, j.said
		if !until.IsZero() {
			return errNothing
		}
		return nil
	})
	if errors.Is(err, errNothing) {
		return Step{}, until, nil
	}
	if err != nil {
		return Step{}, time.Time{}, silence(err)
	}
	tell(said)
	return step, time.Time{}, nil
}

var errNothing = errors.New("core: nothing to write")

func (j *judgement) app(r Reply, last bool) (until time.Time, err error) {
	if j.who, err = j.asked(j.t, j.a); err != nil {
		return until, err
	}
	if !j.who.known || j.who.id != j.claims.User {
		return until, j.dismiss(ForeignToken)
	}
	j.who.vouched = true
	var p pendingRecord
	found, err := get(j.t, keyPending(j.claims.Challenge), &p)
	if err != nil {
		return until, err
	}
	if !found || p.Kind == kindCode || p.User != j.who.id || j.who.user.Epoch != j.claims.Epoch || p.Epoch != j.who.user.Epoch {
		return until, j.dismiss(StaleToken)
	}
	pre, err := j.barrier(j.t, j.now, j.who, j.a)
	if err != nil {
		return until, err
	}
	if pre != "" {
		return until, errors.Join(j.end(&p, pendingEnded), j.wrong(pre))
	}
	switch p.State {
	case pendingApproved:
		return until, j.useApproval(&p, RightApproval)
	case pendingDenied:
		return until, j.dismiss(ApprovalDenied)
	case pendingWrong:
		return until, j.dismiss(WrongSymbol)
	case pendingEnded, pendingUsed:
		return until, j.dismiss(PendingEnded)
	}
	if !p.waits(j.now) {
		return until, j.dismiss(PendingExpired)
	}
	if taken, err := j.temporary(r.Text); err != nil || taken {
		return until, errors.Join(err, j.end(&p, pendingEnded))
	}
	if taken, err := j.recovery(r.Text); err != nil || taken {
		return until, errors.Join(err, j.end(&p, pendingEnded))
	}
	if guessed, err := j.likeCode(r.Text); err != nil {
		return until, err
	} else if guessed { // no guess goes uncounted because a phone is waited for
		return until, errors.Join(j.end(&p, pendingEnded), j.wrong(WrongAnswer))
	}
	if typed := strings.ToLower(strings.TrimSpace(r.Text.Reveal())); typed == "p" && j.canFallBack() {
		return until, j.fallBack(&p)
	}
	if j.claims.Round >= maxRounds {
		return until, errors.Join(j.turnAway(&p), j.dismiss(TooManyRounds))
	}
	if !last {
		return time.UnixMilli(p.Until), nil
	}
	j.step = j.askApp(j.a, j.p, j.who, j.now, &p, j.claims.Round+1, j.canFallBack())
	return until, nil
}

// useApproval gives the one Accept of an approval, after it has read the device again.
func (j *judgement) useApproval(p *pendingRecord, reason Reason) error {
	var d deviceRecord
	if p.Device == nil {
		return j.dismiss(PendingEnded)
	}
	if found, err := get(j.t, keyDevice(*p.Device), &d); err != nil {
		return err
	} else if !found || d.User != j.who.id || d.State != deviceActive {
		return j.dismiss(PhoneUnusable)
	}
	if j.now.UnixMilli() >= p.Until {
		return j.dismiss(PendingExpired)
	}
	if err := j.end(p, pendingUsed); err != nil {
		return err
	}
	return j.accept(reason, "")
}

// fallBack ends the pending, of which the phone is told, and asks a question.
func (j *judgement) fallBack(p *pendingRecord) error {
	if err := j.turnAway(p); err != nil {
		return err
	}
	o, err := j.opened(j.t, j.who, j.p.series())
	if err != nil {
		return err
	}
	r := j.record(j.now, j.a, j.who, "fallback", "pinphrase", "")
	if err := audit(j.t, r); err != nil {
		return err
	}
	if j.p.message() {
		j.claims.Round = 0
		return j.askMessage(o, j.p.First != FirstNone, wished)
	}
	j.step = j.ask(j.a, j.p, j.who, j.now, j.p.First != FirstNone, o)
	return nil
}

// turnAway ends a pending from the login's side. The phone has rung for it and nobody has touched it: it counts as
// unanswered, or whoever has the password could ring without end.
func (j *judgement) turnAway(p *pendingRecord) error {
	if err := j.end(p, pendingEnded); err != nil {
		return err
	}
	var w waitingRecord
	if _, err := get(j.t, keyWaiting(p.User), &w); err != nil {
		return err
	}
	w.unanswered(j.now.UnixMilli())
	return put(j.t, keyWaiting(p.User), w)
}

// answered ends the back-off: a right answer to a question is the user's own.
func (j *judgement) answered() error {
	if !slices.Contains(j.p.Second, MethodApp) {
		return nil
	}
	if j.p.Fallback {
		// The weaker way in was taken beside a phone: its owner hears of it.
		if has, _, err := j.hasPhone(j.t, j.who.id); err != nil {
			return err
		} else if has {
			if err := j.notify(j.t, j.now, j.who.id, &j.who.user, notice{Kind: noticeFallback, Source: j.a.Source.Value}); err != nil {
				return err
			}
		}
	}
	var w waitingRecord
	if _, err := get(j.t, keyWaiting(j.who.id), &w); err != nil || w.Unanswered == 0 {
		return err
	}
	w.Unanswered, w.Quiet = 0, 0
	return put(j.t, keyWaiting(j.who.id), w)
}

// quiet tells whether a new pending must wait its turn. Who has logged in from the same address before need not: else
// whoever has the password alone keeps the owner out for as long as he likes.
func (j *judgement) quiet(w waitingRecord) (bool, error) {
	if j.now.UnixMilli() >= w.Quiet {
		return false, nil
	}
	var counts countRecord
	if _, err := get(j.t, keyCount(j.who.id), &counts); err != nil {
		return false, err
	}
	p := counts.pair(j.a.Source.counterKey())
	return p == nil || p.Success == 0 || !j.a.Source.person(), nil
}

// end brings a pending to a state that is not waiting, and takes it out of the guard's row.
func (j *judgement) end(p *pendingRecord, state pendingState) error {
	return endPending(j.t, p, state)
}

func endPending(t store.Txn, p *pendingRecord, state pendingState) error {
	p.State = state
	var w waitingRecord
	if _, err := get(t, keyWaiting(p.User), &w); err != nil {
		return err
	}
	w.IDs = slices.DeleteFunc(slices.Clone(w.IDs), func(id mobile.PendingID) bool { return id == p.ID })
	if state != pendingEnded {
		w.Unanswered, w.Quiet = 0, 0
	}
	if state == pendingApproved {
		w.IDs = append(w.IDs, p.ID) // until it is used, a new login may not draw its symbol
	}
	if err := put(t, keyWaiting(p.User), w); err != nil {
		return err
	}
	return put(t, p.key(), p)
}

// SweepPendings removes pendings that ended a while ago. The daemon calls it from time to time; nothing rests on it.
func (c *Core) SweepPendings(ctx context.Context) error {
	before := c.clock.Now().Add(-time.Hour).UnixMilli()
	var old [][]byte
	err := c.store.View(ctx, func(r store.Reader) error {
		return r.Scan([]byte{'p'}, nil, func(key, value []byte) bool {
			var p pendingRecord
			if cborDecode.Unmarshal(value, &p) == nil && p.Until < before {
				old = append(old, slices.Clone(key))
			}
			return len(old) < 1000
		})
	})
	if err != nil || len(old) == 0 {
		return err
	}
	return c.store.Update(ctx, func(t store.Txn) error {
		for _, key := range old {
			t.Delete(key)
		}
		return nil
	})
}
