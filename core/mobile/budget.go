package mobile

import "slices"

// Limits of a device's tries at its PIN; zero values mean the defaults, five and twenty.
type Limits struct {
	Row  int // evaluations without a signature, one after the other, that lock the device
	Life int // the same in its whole life, which erase its share
}

func (l Limits) row() int  { return or(l.Row, 5) }
func (l Limits) life() int { return or(l.Life, 20) }

func or(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Verdict says what becomes of one more try.
type Verdict int

// Only Allowed lets the share be used.
const (
	Allowed Verdict = iota
	Locked          // too many in a row: until an administrator or an equal factor unlocks
	Erased          // too many in its life: the share is to be erased, the device must be enrolled again
)

func (v Verdict) String() string {
	switch v {
	case Allowed:
		return "allowed"
	case Locked:
		return "locked"
	default:
		return "erased"
	}
}

// Budget is what a device has used of its tries. It is a value: every step gives a new one, which must be
// durable before anything is answered. The tags are those of the store's records.
type Budget struct {
	Row  int `cbor:"1,keyasint,omitempty"`
	Life int `cbor:"2,keyasint,omitempty"`
	// Open are the evaluations that no signature has answered yet: each can be refunded once.
	Open []EvaluationID `cbor:"3,keyasint,omitempty"`
}

// Judge says what would become of a try, and counts nothing.
func (b Budget) Judge(limits Limits) Verdict {
	switch {
	case b.Life >= limits.life():
		return Erased
	case b.Row >= limits.row():
		return Locked
	default:
		return Allowed
	}
}

// Count takes one try for an evaluation that is yet to be made. If it is not Allowed, the budget is unchanged
// and nothing may be evaluated.
func (b Budget) Count(limits Limits, evaluation EvaluationID) (Budget, Verdict) {
	verdict := b.Judge(limits)
	if verdict != Allowed {
		return b, verdict
	}
	b.Row++
	b.Life++
	b.Open = append(slices.Clone(b.Open), evaluation)
	return b, Allowed
}

// Refund gives back the try of an evaluation that a valid signature of the approval key has answered, and
// ends the row: whoever can sign has the PIN. Others' tries stay counted for life, so that a thief who
// waits for the owner's logins gains nothing. False: not an evaluation that waits for its signature.
func (b Budget) Refund(evaluation EvaluationID) (Budget, bool) {
	i := slices.Index(b.Open, evaluation)
	if i < 0 {
		return b, false
	}
	b.Open = slices.Delete(slices.Clone(b.Open), i, i+1)
	b.Row = 0
	b.Life--
	return b, true
}

// Unlock ends the row at an administrator's word. Nothing gives back what counts for life.
func (b Budget) Unlock() Budget {
	b.Row = 0
	return b
}
