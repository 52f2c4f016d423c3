package core

import (
	"crypto/hmac"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// Recovery codes: some random codes that a user prints while he has a strong factor, for the day on which it is
// lost. Each opens one login, at any prompt for a second factor, behind the first factor, as a temporary code does;
// a wrong one counts like any wrong reply. It proves nothing for a change (threat: the weakest way in): paper is copied
// without a trace, so whoever finds it gets in as often as codes are left, each time with a notice to the owner, and can
// make nothing of it that stays. Only a keyed hash is kept.

const (
	recoveryLength = 10 // letters: 43 bits
	recoveryGroup  = 5
	eventRecovery  = "recovery.make"
)

// recoveryRecord stands under keyRecovery.
type recoveryRecord struct {
	Made       int64    `cbor:"1,keyasint"`
	Generation uint64   `cbor:"2,keyasint"` // of the state: after a restore, used ones would be back
	Left       [][]byte `cbor:"3,keyasint,omitempty"`
}

func keyRecovery(id userID) []byte { return append([]byte{'z'}, id[:]...) }

func (c *Core) recoveryHash(id userID, made int64, letters string) []byte {
	return mac(c.codeKey, "recovery", strconv.FormatUint(c.generation, 16), id.String(), strconv.FormatInt(made, 10), letters)
}

func (c *Core) recoveryOf(r store.Reader, id userID) (record recoveryRecord, err error) {
	if c.set.SelfService.RecoveryCodes == 0 {
		return record, nil
	}
	_, err = get(r, keyRecovery(id), &record)
	if record.Generation != c.generation {
		record.Left = nil
	}
	return record, err
}

func (c *Core) hasRecovery(r store.Reader, id userID) (bool, error) {
	record, err := c.recoveryOf(r, id)
	return len(record.Left) > 0, err
}

// likeRecovery tells whether a reply can be meant as a recovery code: no other reply has this length.
func likeRecovery(text secret.Secret) bool {
	return len(pinphrase.CanonicalReply(text.Reveal())) == recoveryLength
}

// recovery takes a recovery code at any prompt. A reply that is none goes on to be judged as what was asked for.
func (j *judgement) recovery(text secret.Secret) (taken bool, err error) {
	if !likeRecovery(text) || !j.who.known {
		return false, nil
	}
	record, err := j.recoveryOf(j.t, j.who.id)
	if err != nil {
		return false, err
	}
	given := j.recoveryHash(j.who.id, record.Made, pinphrase.CanonicalReply(text.Reveal()))
	found := -1
	for i, hash := range record.Left {
		if hmac.Equal(hash, given) {
			found = i
		}
	}
	if found < 0 {
		return false, nil
	}
	record.Left = slices.Delete(record.Left, found, found+1)
	if err := put(j.t, keyRecovery(j.who.id), record); err != nil {
		return false, err
	}
	tag := j.tag(j.who.user.Language)
	if err := j.notify(j.t, j.now, j.who.id, &j.who.user, notice{Kind: noticeChanged, What: language.In(tag).Changes.RecoveryUsed, Source: j.a.Source.String()}); err != nil {
		return false, err
	}
	return true, j.accept(RightRecovery, "")
}

// likeCode tells whether a reply can be meant as one of the codes that the user has, and so was compared with them.
func (j *judgement) likeCode(text secret.Secret) (bool, error) {
	if !j.who.known {
		return false, nil
	}
	if len(pinphrase.CanonicalReply(text.Reveal())) == temporaryLength && j.temporaryValid(j.who, j.now) {
		return true, nil
	}
	if !likeRecovery(text) {
		return false, nil
	}
	return j.hasRecovery(j.t, j.who.id)
}

// selfRecovery is what the pages show of the codes.
type selfRecovery struct {
	Left int        `json:"left"`
	Of   int        `json:"of"` // so many would be made
	Made *time.Time `json:"made"`
	May  string     `json:"may"` // yes, proof, ask-admin
}

func (k *selfCall) recoveryState() (*selfRecovery, error) {
	if k.set.SelfService.RecoveryCodes == 0 || k.p.First == FirstNone {
		return nil, nil
	}
	record, err := k.recoveryOf(k.t, k.who.id)
	if err != nil {
		return nil, err
	}
	state := &selfRecovery{Left: len(record.Left), Of: k.set.SelfService.RecoveryCodes, May: "proof"}
	if len(record.Left) > 0 {
		state.Made = unix(record.Made / 1000)
	}
	least, err := k.recoveryNeeds()
	switch {
	case err != nil:
		return nil, err
	case k.proved() >= least:
		state.May = "yes"
	case !k.offers(least):
		state.May = "ask-admin"
	}
	return state, nil
}

// recoveryNeeds is the factor on whose word codes are made: the phone, or, where there is none, a message.
func (k *selfCall) recoveryNeeds() (strength, error) {
	had, err := k.hadPhone(k.t, k.who.id)
	if had {
		return strengthPhone, err
	}
	return strengthMessage, err
}

// makeRecovery makes all codes anew; those of before are void. They are in the reply, this once.
func (k *selfCall) makeRecovery() (any, error) {
	if err := k.call.body(&struct{}{}); err != nil {
		return nil, err
	}
	n := k.set.SelfService.RecoveryCodes
	if n == 0 {
		return nil, refuseCall(CodeNotOffered, "there are no recovery codes here")
	}
	least, err := k.recoveryNeeds()
	if err != nil {
		return nil, err
	}
	if err := k.needs(least); err != nil {
		return nil, err
	}
	before := k.who.user
	old, err := k.recoveryOf(k.t, k.who.id)
	if err != nil {
		return nil, err
	}
	record := recoveryRecord{Made: k.now.UnixMilli(), Generation: k.generation}
	var codes []string
	for range n {
		text := newCode(recoveryLength).Reveal()
		record.Left = append(record.Left, k.recoveryHash(k.who.id, record.Made, pinphrase.CanonicalReply(text)))
		codes = append(codes, text[:recoveryGroup]+"-"+text[recoveryGroup:])
	}
	if err := put(k.t, keyRecovery(k.who.id), record); err != nil {
		return nil, err
	}
	if len(old.Left) > 0 {
		if err := k.replaced(); err != nil {
			return nil, err
		}
	}
	if err := k.audit(eventRecovery, fmt.Sprintf("%d codes", n)); err != nil {
		return nil, err
	}
	tag := k.tag(k.who.user.Language)
	return map[string]any{"codes": codes}, k.notify(k.t, k.now, k.who.id, &before, notice{Kind: noticeChanged, What: language.In(tag).Changes.RecoveryMade})
}

// voidRecovery ends the codes that are left: whoever has lost the paper needs no proof for that.
func (k *selfCall) voidRecovery() (any, error) {
	if err := k.call.body(&struct{}{}); err != nil {
		return nil, err
	}
	if err := k.notNewcomer(); err != nil {
		return nil, err
	}
	has, err := k.hasRecovery(k.t, k.who.id)
	if err != nil || !has {
		return struct{}{}, err
	}
	before := k.who.user
	if err := put(k.t, keyRecovery(k.who.id), recoveryRecord{Made: k.now.UnixMilli(), Generation: k.generation}); err != nil {
		return nil, err
	}
	if err := k.replaced(); err != nil {
		return nil, err
	}
	if err := k.audit("recovery.void", ""); err != nil {
		return nil, err
	}
	tag := k.tag(k.who.user.Language)
	return struct{}{}, k.notify(k.t, k.now, k.who.id, &before, notice{Kind: noticeChanged, What: language.In(tag).Changes.RecoveryVoid})
}
