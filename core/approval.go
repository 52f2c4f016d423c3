package core

import (
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
)

// The calls of an approval: the PIN's evaluation, the first signature, the symbols, the second signature.

type pendingDocument struct {
	ID      mobile.PendingID `json:"id"`
	Kind    pendingKind      `json:"kind"`
	Service string           `json:"service"`
	Host    string           `json:"host"`
	Source  string           `json:"source"`
	Created time.Time        `json:"created"`
	Expires time.Time        `json:"expires"`
}

func (k *deviceCall) documents(waiting []pendingRecord) (docs []pendingDocument, shown []mobile.Shown) {
	docs = []pendingDocument{}
	for _, p := range waiting {
		s := p.shown()
		shown = append(shown, s)
		docs = append(docs, pendingDocument{
			ID: s.ID, Kind: p.Kind.word(), Service: s.Service, Host: s.Host, Source: s.Source, Created: s.Created.UTC().Truncate(time.Second), Expires: time.UnixMilli(p.Until).UTC(),
		})
	}
	return docs, shown
}

// pendings lists what waits, without symbols.
func (k *deviceCall) pendings() (any, error) {
	if err := k.body(&struct{}{}); err != nil {
		return nil, err
	}
	_, waiting, err := k.waitingOf(k.t, k.d.User, k.now)
	if err != nil {
		return nil, err
	}
	docs, _ := k.documents(waiting)
	return map[string]any{"pendings": docs}, nil
}

// evaluate counts one try of the PIN, and evaluates. Count and reply are one commit, which is durable before the
// reply leaves.
func (k *deviceCall) evaluate() (any, error) {
	var in struct {
		Blinded    mobile.Bytes `json:"blinded"`
		Purpose    string       `json:"purpose"`
		Generation uint64       `json:"generation"`
	}
	if err := k.body(&in); err != nil {
		return nil, err
	}
	e := evaluationRecord{Purpose: in.Purpose, Nonce: newNonce(), Until: k.now.Add(evaluationFor).UnixMilli()}
	_, _ = rand.Read(e.ID[:])
	var sealed []byte
	share := uint64(1) // the generation that the share was sealed for
	switch {
	case in.Purpose == "setup" && len(k.d.Keys) == 0 && len(k.d.Share) > 0:
		sealed = k.d.Share
	case in.Purpose == "unlock" && k.d.State == deviceActive:
		a := k.d.key(in.Generation)
		if a == nil {
			return nil, refuseCall(CodeStaleGeneration, "there is no approval key of this generation")
		}
		sealed, share, e.Generation = a.Share, a.Generation, a.Generation
	case in.Purpose == "next" && k.d.Renewal != nil && len(k.d.Renewal.Share) > 0 && k.d.Renewal.Evaluation == nil && k.now.UnixMilli() < k.d.Renewal.Until:
		sealed, share = k.d.Renewal.Share, k.d.Renewal.Generation+1
		k.d.Renewal.Evaluation = &e.ID
	default:
		return nil, refuseCall(CodeBadRequest, "nothing of this purpose can be evaluated now")
	}
	limits := mobile.Limits{Row: k.set.Device.Tries, Life: k.set.Device.TriesForLife}
	budget, verdict := k.d.Budget.Count(limits, e.ID)
	switch verdict {
	case mobile.Locked:
		k.d.lock("pin")
		if err := errors.Join(k.alert("pin-locked", "too many PINs in a row"), k.tellOwner((*language.Changes).PhonePIN)); err != nil {
			return nil, err
		}
		return nil, refuseCall(CodePINLocked, "too many wrong PINs: ask to be unlocked")
	case mobile.Erased:
		k.erase()
		if err := errors.Join(k.alert("pin-erased", "too many PINs in this device's life"), k.tellOwner((*language.Changes).PhoneErased)); err != nil {
			return nil, err
		}
		return nil, refuseCall(CodePINErased, "too many wrong PINs in this device's life: enrol it again")
	}
	key, err := k.share(k.id, share, sealed)
	if err != nil {
		return nil, err
	}
	evaluated, err := mobile.Evaluate(key, in.Blinded)
	if errors.Is(err, mobile.ErrPoint) {
		// Nothing was evaluated, so nothing is counted.
		if in.Purpose == "next" {
			k.d.Renewal.Evaluation = nil
		}
		return nil, refuseCall(CodeBadPoint, "not a point of the group")
	}
	if err != nil {
		return nil, err
	}
	k.d.Budget = budget
	k.d.Evaluations = append(k.d.Evaluations, e)
	if over := len(k.d.Evaluations) - maxEvaluations; over > 0 {
		k.d.Evaluations = slices.Clone(k.d.Evaluations[over:])
	}
	row, life := k.limits()
	return map[string]any{
		"evaluated": mobile.Bytes(evaluated), "evaluation": e.ID, "nonce": e.Nonce, "tries_left": max(0, min(row-budget.Row, life-budget.Life)),
		"pair": true, // this appliance knows pairs of symbols: a phone that does too says so when it opens
	}, nil
}

// erase takes the device's shares away: no PIN opens its key any more.
func (k *deviceCall) erase() {
	k.d.State, k.d.Why, k.d.Share, k.d.Grid, k.d.Renewal = deviceErased, "pin", nil, nil, nil
	for i := range k.d.Keys {
		k.d.Keys[i].Share = nil
	}
}

// signed judges the signature that answers an evaluation, refunds the try, and lets an older approval key go
// when the newest has spoken.
func (k *deviceCall) signed(id mobile.EvaluationID, purpose string, signature []byte, message func(evaluationRecord) []byte) (*approvalRecord, error) {
	e, open := k.d.evaluation(id, k.now)
	if !open || e.Purpose != purpose {
		return nil, refuseCall(CodeStaleNonce, "this evaluation does not wait for a signature")
	}
	a := k.d.key(e.Generation)
	if a == nil {
		return nil, refuseCall(CodeStaleGeneration, "there is no approval key of this generation")
	}
	key, err := mobile.ParseApprovalKey(a.Key)
	if err != nil {
		return nil, err
	}
	if key.Verify(message(e), signature) != nil {
		return nil, refuseCall(CodeBadSignature, "the signature is not this approval key's")
	}
	if budget, ok := k.d.Budget.Refund(id); ok {
		k.d.Budget = budget
	}
	if a.Generation == k.d.newest().Generation {
		k.d.Keys = k.d.Keys[len(k.d.Keys)-1:]
		a = k.d.newest()
	}
	return a, nil
}

// open takes the first signature, key and PIN are there, and shows the symbols.
func (k *deviceCall) open() (any, error) {
	var in struct {
		Evaluation mobile.EvaluationID `json:"evaluation"`
		Signature  mobile.Bytes        `json:"signature"`
		Pair       bool                `json:"pair"`
	}
	if err := k.body(&in); err != nil {
		return nil, err
	}
	a, err := k.signed(in.Evaluation, "unlock", in.Signature, func(e evaluationRecord) []byte {
		return mobile.Open(k.id, e.ID, e.Nonce)
	})
	if err != nil {
		return nil, err
	}
	_, waiting, err := k.waitingOf(k.t, k.d.User, k.now)
	if err != nil {
		return nil, err
	}
	if len(waiting) == 0 {
		return nil, refuseCall(CodeNoSuchPending, "no login waits")
	}
	docs, shown := k.documents(waiting)
	g := &gridRecord{Nonce: newNonce(), Key: a.Generation, Until: k.now.Add(gridFor).UnixMilli(), Displayed: mobile.Displayed(shown)}
	var must []mobile.Symbol
	for _, p := range waiting {
		g.Pendings = append(g.Pendings, p.ID)
		switch {
		case p.Kind == kindPair && !in.Pair:
			// It would ask for one symbol, which could never be right.
			return nil, refuseCall(CodeAppOutdated, "a login asks for two symbols, in their order: this app is too old for that")
		case p.Kind != kindCode:
			must = append(must, p.Symbol.Parts()...)
		}
	}
	g.Symbols = []mobile.Symbol{}
	if len(must) > 0 {
		if g.Symbols, err = mobile.Grid(must, mobile.GridSize); err != nil {
			return nil, err
		}
	}
	k.d.Grid = g
	return map[string]any{"pendings": docs, "symbols": g.Symbols, "nonce": g.Nonce, "displayed": mobile.Bytes(g.Displayed[:])}, nil
}

// approve takes the second signature. The symbol, or the pair of them, chooses the login; one of none ends all that
// were shown.
func (k *deviceCall) approve() (any, error) {
	var in struct {
		Nonce     mobile.Nonce      `json:"nonce"`
		Symbol    mobile.Symbol     `json:"symbol"`
		Pending   *mobile.PendingID `json:"pending"`
		Signature mobile.Bytes      `json:"signature"`
	}
	if err := k.body(&in); err != nil {
		return nil, err
	}
	g := k.d.Grid
	if g == nil || g.Nonce != in.Nonce || k.now.UnixMilli() >= g.Until {
		return nil, refuseCall(CodeStaleNonce, "this grid is not open")
	}
	if in.Symbol == mobile.InsteadOfSymbol && in.Pending != nil {
		return k.approveCode(g, *in.Pending, in.Signature)
	}
	if in.Pending != nil || !g.holds(in.Symbol) {
		return nil, refuseCall(CodeBadRequest, "this symbol was not shown")
	}
	shown, err := k.shown(g)
	if err != nil {
		return nil, err
	}
	// One where two are asked for, or two where it is one, is a slip of the app and no guess: it could not be right.
	if !slices.ContainsFunc(shown, func(p pendingRecord) bool {
		return p.Kind != kindCode && len(p.Symbol.Parts()) == len(in.Symbol.Parts())
	}) {
		return nil, refuseCall(CodeBadRequest, "no login that was shown asks for so many symbols")
	}
	if err := k.picked(g, in.Symbol, g.Displayed, in.Signature); err != nil {
		return nil, err
	}
	picked := slices.IndexFunc(shown, func(p pendingRecord) bool { return p.Kind != kindCode && p.Symbol == in.Symbol })
	if picked < 0 {
		return nil, k.wrongSymbol(shown)
	}
	if err := k.approved(shown, picked); err != nil {
		return nil, err
	}
	return map[string]any{"result": "approved", "pending": shown[picked].ID}, nil
}

// holds tells whether all of a pick was shown, each symbol once.
func (g *gridRecord) holds(pick mobile.Symbol) bool {
	parts := pick.Parts()
	for i, symbol := range parts {
		if !slices.Contains(g.Symbols, symbol) || slices.Contains(parts[:i], symbol) {
			return false
		}
	}
	return true
}

// shown reads the pendings of a grid.
func (k *deviceCall) shown(g *gridRecord) (shown []pendingRecord, err error) {
	for _, id := range g.Pendings {
		var p pendingRecord
		found, err := get(k.t, keyPending([8]byte(id[:8])), &p)
		if err != nil {
			return nil, err
		}
		if found && p.User == k.d.User {
			shown = append(shown, p)
		}
	}
	return shown, nil
}

// picked judges the second signature, and closes the grid: one pick each.
func (k *deviceCall) picked(g *gridRecord, symbol mobile.Symbol, displayed [32]byte, signature []byte) error {
	a := k.d.key(g.Key)
	if a == nil {
		return refuseCall(CodeStaleGeneration, "the approval key was renewed")
	}
	key, err := mobile.ParseApprovalKey(a.Key)
	if err != nil {
		return err
	}
	if key.Verify(mobile.Approve(k.id, g.Nonce, symbol, displayed), signature) != nil {
		return refuseCall(CodeBadSignature, "the signature is not this approval key's")
	}
	k.d.Grid = nil
	return nil
}

// approved approves one of the logins that were shown, and ends the others.
func (k *deviceCall) approved(shown []pendingRecord, picked int) error {
	p := &shown[picked]
	if !p.waits(k.now) {
		return refuseCall(CodePendingEnded, "this login does not wait any more")
	}
	var u userRecord
	if found, err := get(k.t, keyUser(k.d.User), &u); err != nil {
		return err
	} else if !found || u.Epoch != p.Epoch {
		return refuseCall(CodePendingEnded, "this login is void: something of the user was changed")
	}
	for i := range shown {
		if i != picked && shown[i].waits(k.now) {
			if err := endPending(k.t, &shown[i], pendingEnded); err != nil {
				return err
			}
		}
	}
	p.Device = &k.id
	if p.Kind == kindCode {
		p.Until = k.now.Add(codeFor).UnixMilli()
	}
	if err := endPending(k.t, p, pendingApproved); err != nil {
		return err
	}
	return k.audit("approval", "approved", p.shown().ID.String())
}

// wrongSymbol ends all that were shown, counts one wrong try on the user, and raises an alert. It is
// returned as a refusal, and what it wrote is kept.
func (k *deviceCall) wrongSymbol(shown []pendingRecord) error {
	counted := false
	for i := range shown {
		p := &shown[i]
		if !p.waits(k.now) {
			continue
		}
		if err := endPending(k.t, p, pendingWrong); err != nil {
			return err
		}
		if counted {
			continue
		}
		counted = true
		who := subject{id: k.d.User}
		var err error
		if who.known, err = get(k.t, keyUser(who.id), &who.user); err != nil {
			return err
		}
		who.name, who.given = who.user.Name, who.user.Name
		if err := k.count(k.t, k.now, p.attempt(k.call.Request), who, WrongSymbol, true, &k.said); err != nil {
			return err
		}
	}
	if !counted {
		return refuseCall(CodePendingEnded, "no login waits any more")
	}
	if err := k.alert("wrong-symbol", "a symbol of no waiting login was picked"); err != nil {
		return err
	}
	return refuseCall(CodeWrongSymbol, "this was not the symbol at the login prompt: the login has ended")
}

// deny ends a login. It needs no PIN: refusing must be easy.
func (k *deviceCall) deny() (any, error) {
	var in struct {
		Pending mobile.PendingID `json:"pending"`
		Reason  string           `json:"reason"`
	}
	if err := k.body(&in); err != nil {
		return nil, err
	}
	if in.Reason != "cancel" && in.Reason != "not-me" {
		return nil, refuseCall(CodeBadRequest, `the reason is "cancel" or "not-me"`)
	}
	var p pendingRecord
	found, err := get(k.t, keyPending([8]byte(in.Pending[:8])), &p)
	if err != nil {
		return nil, err
	}
	if !found || p.User != k.d.User || p.ID != in.Pending {
		return nil, refuseCall(CodeNoSuchPending, "no such login")
	}
	// An approval that was not used yet can be taken back.
	if !p.waits(k.now) && p.State != pendingApproved {
		return nil, refuseCall(CodePendingEnded, "this login does not wait any more")
	}
	if err := endPending(k.t, &p, pendingDenied); err != nil {
		return nil, err
	}
	if in.Reason == "not-me" {
		return struct{}{}, errors.Join(k.alert("not-me", "the user says that this login was somebody else's: "+p.shown().Source), k.notMe(&p))
	}
	return struct{}{}, k.audit("approval", "denied", p.ID.String())
}

// notMe tells the user, and locks where the login's policy says so: in the transaction that takes the word, so that
// nothing that is under way gets through. It needs no PIN, as no denial does; and it takes a login that got as far
// as the phone, so that a phone alone, or a password alone, locks nobody.
func (k *deviceCall) notMe(p *pendingRecord) error {
	var u userRecord
	if found, err := get(k.t, keyUser(k.d.User), &u); err != nil || !found {
		return err
	}
	before, said := u, language.In(k.tag(u.Language)).Changes.NotMe
	if rule, ok := k.policies[p.Policy]; ok && rule.NotMe == NotMeLock && !u.Locked {
		u.Locked, u.NotMe = true, true
		u.Epoch++
		said = language.In(k.tag(u.Language)).Changes.NotMeLocked
		name, request := u.Name, k.call.Request
		k.said = append(k.said, func() {
			k.log.Warn("user locked", "request", request, "user", name, "lock", "not-me", "hint", "latchkey user unlock "+name)
		})
		if err := errors.Join(put(k.t, keyUser(k.d.User), &u), k.audit(eventLock, "not-me", p.ID.String())); err != nil {
			return err
		}
	}
	return k.notify(k.t, k.now, k.d.User, &before, notice{Kind: noticeChanged, What: said})
}
