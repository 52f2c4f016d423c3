package core

import (
	"errors"
	"slices"
	"time"
)

// What a change needs. A factor is replaced, added to or taken away only by who shows one that is at least as
// strong, at that moment (threat 2: phone over message over prompt), so that no guess of a few characters becomes
// a way in that stays. What is not there yet may be set by a newcomer, whom the code word has let in.

// proved is what this session has shown of late for a change; the sign-in itself is no such proof.
func (k *selfCall) proved() strength {
	if k.s.Proof == strengthNone || k.now.UnixMilli()-k.s.Proved >= proofFor.Milliseconds() {
		return strengthNone
	}
	return k.s.Proof
}

// needs refuses a change for which too little was shown.
func (k *selfCall) needs(least strength) error {
	switch shown := k.proved(); {
	case shown >= least:
		return nil
	case shown == strengthNone:
		return refuseCall(CodeProofNeeded, "this change needs a factor, now")
	}
	return refuseCall(CodeFactorTooWeak, "what was shown is weaker than what this would change")
}

// proofUntil is when the proof ends.
func (k *selfCall) proofUntil() *time.Time {
	if k.proved() == strengthNone {
		return nil
	}
	until := time.UnixMilli(k.s.Proved).Add(proofFor).UTC()
	return &until
}

// offers tells whether a proof of that strength can be asked for here at all: by a phone that works, by message, or at
// the prompt.
func (k *selfCall) offers(least strength) bool {
	if k.p.First == FirstNone {
		return false
	}
	_, usable, err := k.hasPhone(k.t, k.who.id)
	if err == nil && usable && slices.Contains(k.p.Second, MethodApp) {
		return true
	}
	if !slices.Contains(k.p.Second, MethodPINphrase) {
		return false
	}
	if k.p.message() {
		return least <= strengthMessage
	}
	return least <= strengthPrompt
}

// notNewcomer refuses who has shown nothing but the code word: it takes nothing away.
func (k *selfCall) notNewcomer() error {
	if k.s.Newcomer && k.proved() == strengthNone {
		return refuseCall(CodeProofNeeded, "this needs a factor, now")
	}
	return nil
}

// replaced raises the epoch, since something was taken away or replaced: tokens, pendings and sessions of before
// are void, but for this one.
func (k *selfCall) replaced() error {
	k.who.user.Epoch++
	return errors.Join(put(k.t, keyUser(k.who.id), &k.who.user), k.stays(k.who.user.Epoch))
}
