package core

import (
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

// The way for gateways that can show nothing: the first try is rejected in words and waits for the phone, which
// shows a code after it has approved; the next try brings it, typed behind the password. Approving alone lets
// nobody in: only who sees the phone and types at the login can bring the two together.

const (
	kindSymbol pendingKind = ""
	kindPair   pendingKind = "pair" // of symbols, in their order
	kindCode   pendingKind = "code"

	// codeFor and codeTries are how long, and against how many wrong ones, a code stands.
	codeFor   = 60 * time.Second
	codeTries = 3
)

// word is the kind as documents have it.
func (k pendingKind) word() pendingKind {
	if k == kindSymbol {
		return "symbol"
	}
	return k
}

// typed judges a code, or opens an attempt that waits for one; begun says that it did. All that decides is read in
// the transaction that counts, consumes or stores. errNothing: the user has no phone.
func (j *judgement) typed(code string) (begun bool, err error) {
	has, usable, err := j.hasPhone(j.t, j.who.id)
	switch {
	case err != nil:
		return false, err
	case !has:
		return false, errNothing
	case !usable:
		return false, j.dismiss(PhoneUnusable)
	}
	w, waiting, err := j.waitingOf(j.t, j.who.id, j.now)
	if err != nil {
		return false, err
	}
	for _, id := range w.IDs {
		var p pendingRecord
		if _, err := get(j.t, keyPending([8]byte(id[:8])), &p); err != nil {
			return false, err
		}
		if !j.same(&p) {
			continue
		}
		if p.State == pendingApproved && code != "" {
			return false, j.code(&p, code)
		}
		// A client that tries again by itself must not fill both places. To join gives nothing away: the code is on
		// the phone only.
		return false, j.dismiss(CodeAwaited)
	}
	if code != "" && w.Used != nil {
		var used pendingRecord
		if _, err := get(j.t, keyPending([8]byte(w.Used[:8])), &used); err != nil {
			return false, err
		}
		if j.same(&used) && hmac.Equal(used.Code, j.codeHash(used.ID, code)) {
			return false, j.dismiss(Replayed)
		}
	}
	// A code where none is out is as good as none: nothing was compared. So a password that ends like a code can be typed.
	quiet, err := j.quiet(w)
	if err != nil {
		return false, err
	}
	if len(waiting) >= maxWaiting || quiet {
		return false, j.dismiss(TooManyPending)
	}
	record, err := j.newPending(j.a, j.p, j.who, j.now, nil)
	if err != nil {
		return false, err
	}
	record.Kind, record.Symbol = kindCode, ""
	if err := storePending(j.t, w, record); err != nil {
		return false, err
	}
	return true, j.dismiss(CodeAwaited)
}

// same tells whether a pending waits for a code from where this attempt comes.
func (j *judgement) same(p *pendingRecord) bool {
	return p.Kind == kindCode && p.User == j.who.id && p.Epoch == j.who.user.Epoch && p.Door == j.a.Door &&
		p.Policy == j.a.Policy && j.origin(p.attempt("")) == j.origin(j.a)
}

// code judges a code against an approved pending.
func (j *judgement) code(p *pendingRecord, code string) error {
	if !hmac.Equal(p.Code, j.codeHash(p.ID, code)) {
		var err error
		if p.Tries++; p.Tries >= codeTries {
			err = j.end(p, pendingWrong)
		} else {
			err = put(j.t, p.key(), p)
		}
		if err == nil {
			err = j.count(j.t, j.now, j.a, j.who, WrongCode, true, &j.said)
		}
		if err != nil {
			return err
		}
		return j.dismiss(WrongCode)
	}
	if err := j.useApproval(p, RightPhoneCode); err != nil || j.step.Kind != Accept {
		return err
	}
	var w waitingRecord
	if _, err := get(j.t, keyWaiting(j.who.id), &w); err != nil {
		return err
	}
	w.Used = &p.ID
	return put(j.t, keyWaiting(j.who.id), w)
}

// codeHash is what is kept of a code. The generation is in it, so that no restored snapshot lets a code be used twice.
func (c *Core) codeHash(id mobile.PendingID, code string) []byte {
	return mac(c.codeKey, strconv.FormatUint(c.generation, 16), string(id[:]), code)
}

// approveCode takes the second signature for one login that could show no symbol, and gives the code to type there. The
// signature covers this one login alone, since there is no symbol to choose by. The reply, and with it the code, stays
// with the device's record until its next call, as every reply does.
func (k *deviceCall) approveCode(g *gridRecord, id mobile.PendingID, signature []byte) (any, error) {
	shown, err := k.shown(g)
	if err != nil {
		return nil, err
	}
	picked := slices.IndexFunc(shown, func(p pendingRecord) bool { return p.ID == id })
	if picked < 0 {
		return nil, refuseCall(CodeNoSuchPending, "this login was not shown")
	}
	p := &shown[picked]
	if p.Kind != kindCode {
		return nil, refuseCall(CodeBadRequest, "this login shows a symbol: pick it")
	}
	if err := k.picked(g, mobile.InsteadOfSymbol, mobile.Displayed([]mobile.Shown{p.shown()}), signature); err != nil {
		return nil, err
	}
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return nil, err
	}
	code := fmt.Sprintf("%0*d", codeLength, n)
	p.Code = k.codeHash(p.ID, code)
	if err := k.approved(shown, picked); err != nil {
		return nil, err
	}
	return map[string]any{"result": "approved", "pending": p.ID, "code": code, "expires": time.UnixMilli(p.Until).UTC()}, nil
}
