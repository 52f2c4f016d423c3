package core

import (
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
