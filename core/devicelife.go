package core

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// The other calls of a device's life: its first approval key, renewal, change of PIN, and what the app shows.

func (k *deviceCall) hello() (any, error) {
	if err := k.body(&struct{}{}); err != nil {
		return nil, err
	}
	name, err := k.userName(k.d.User)
	if err != nil {
		return nil, err
	}
	doc := map[string]any{
		"state": string(k.d.State), "user": name, "appliance": k.set.Device.Appliance, "pin_digits": k.pinDigits(), "generation": uint64(0),
	}
	if k.doorbell != nil {
		doc["vapid_key"] = k.doorbell.PublicKey()
	}
	if n := k.d.newest(); n != nil {
		doc["generation"] = n.Generation
	}
	if k.d.State == deviceInert && k.d.Check != "" {
		doc["check_code"] = k.d.Check
	}
	return doc, nil
}

// setKey takes the first approval key.
func (k *deviceCall) setKey() (any, error) {
	var in struct {
		Evaluation  mobile.EvaluationID `json:"evaluation"`
		ApprovalKey mobile.Bytes        `json:"approval_key"`
		Signature   mobile.Bytes        `json:"signature"`
	}
	if err := k.body(&in); err != nil {
		return nil, err
	}
	if len(k.d.Keys) > 0 {
		return nil, refuseCall(CodeStaleGeneration, "this device has an approval key: renew it")
	}
	key, err := mobile.ParseApprovalKey(in.ApprovalKey)
	if err != nil {
		return nil, refuseCall(CodeBadKey, "the approval key is not RSA of 2048 to 4096 bits with exponent 65537")
	}
	e, open := k.d.evaluation(in.Evaluation, k.now)
	if !open || e.Purpose != "setup" {
		return nil, refuseCall(CodeStaleNonce, "this evaluation does not wait for a key")
	}
	if key.Verify(mobile.Key(k.id, e.ID, e.Nonce, in.ApprovalKey), in.Signature) != nil {
		return nil, refuseCall(CodeBadSignature, "the signature is not this key's")
	}
	if budget, ok := k.d.Budget.Refund(e.ID); ok {
		k.d.Budget = budget
	}
	k.d.Keys = []approvalRecord{{Generation: 1, Key: in.ApprovalKey, Share: k.d.Share}}
	k.d.Share = nil
	code := mobile.CheckCode(k.id, e.Nonce, k.d.DeviceKey, in.ApprovalKey)
	if k.d.Trusted {
		k.d.State = deviceActive
		if err := k.tellOwner((*language.Changes).PhoneAdded); err != nil {
			return nil, err
		}
	} else {
		k.d.Check = code
	}
	if err := k.audit("device.enrol", string(k.d.State), k.d.Name); err != nil {
		return nil, err
	}
	return map[string]any{"state": string(k.d.State), "check_code": code}, nil
}

// renewBegin takes the present key's word that it is to be renewed.
func (k *deviceCall) renewBegin() (any, error) {
	var in struct {
		Evaluation mobile.EvaluationID `json:"evaluation"`
		Signature  mobile.Bytes        `json:"signature"`
		NewPIN     bool                `json:"new_pin"`
	}
	if err := k.body(&in); err != nil {
		return nil, err
	}
	a, err := k.signed(in.Evaluation, "unlock", in.Signature, func(e evaluationRecord) []byte {
		return mobile.RenewBegin(k.id, e.ID, e.Nonce)
	})
	if err != nil {
		return nil, err
	}
	if a.Generation != k.d.newest().Generation {
		return nil, refuseCall(CodeStaleGeneration, "a newer key was taken already")
	}
	k.d.Renewal = &renewalRecord{Nonce: newNonce(), Generation: a.Generation, Until: k.now.Add(renewalFor).UnixMilli()}
	if in.NewPIN {
		if k.d.Renewal.Share, err = k.newShare(k.id, a.Generation+1); err != nil {
			return nil, err
		}
	}
	return map[string]any{"nonce": k.d.Renewal.Nonce, "generation": a.Generation}, nil
}

// renew takes the next key: compare-and-swap on the generation. Until the new key's first signature both hold.
func (k *deviceCall) renew() (any, error) {
	var in struct {
		Generation   uint64       `json:"generation"`
		Nonce        mobile.Nonce `json:"nonce"`
		ApprovalKey  mobile.Bytes `json:"approval_key"`
		SignatureOld mobile.Bytes `json:"signature_old"`
		SignatureNew mobile.Bytes `json:"signature_new"`
	}
	if err := k.body(&in); err != nil {
		return nil, err
	}
	r := k.d.Renewal
	switch {
	case r == nil || r.Nonce != in.Nonce || k.now.UnixMilli() >= r.Until:
		return nil, refuseCall(CodeStaleNonce, "no renewal of this nonce was begun")
	case r.Generation != in.Generation || k.d.newest() == nil || k.d.newest().Generation != in.Generation:
		return nil, refuseCall(CodeStaleGeneration, "a newer key was taken already")
	case len(r.Share) > 0 && r.Evaluation == nil:
		return nil, refuseCall(CodeStaleNonce, "the new PIN was not evaluated")
	}
	next, err := mobile.ParseApprovalKey(in.ApprovalKey)
	if err != nil {
		return nil, refuseCall(CodeBadKey, "the approval key is not RSA of 2048 to 4096 bits with exponent 65537")
	}
	present := *k.d.newest()
	old, err := mobile.ParseApprovalKey(present.Key)
	if err != nil {
		return nil, err
	}
	message := mobile.Renew(k.id, in.Generation, in.Nonce, in.ApprovalKey)
	if old.Verify(message, in.SignatureOld) != nil || next.Verify(message, in.SignatureNew) != nil {
		return nil, refuseCall(CodeBadSignature, "a renewal is signed by both keys")
	}
	share := r.Share
	if len(share) == 0 {
		// The same PIN, the same share: sealed anew, since a share is bound to its generation.
		text, err := k.share(k.id, present.Generation, present.Share)
		if err != nil {
			return nil, err
		}
		if share, err = k.keys.Seal(text, shareContext(k.id, present.Generation+1)); err != nil {
			return nil, err
		}
	} else if budget, ok := k.d.Budget.Refund(*r.Evaluation); ok {
		k.d.Budget = budget
		k.d.evaluation(*r.Evaluation, k.now)
	}
	k.d.Keys = []approvalRecord{present, {Generation: present.Generation + 1, Key: in.ApprovalKey, Share: share}}
	k.d.Renewal, k.d.Grid = nil, nil
	if err := k.voidApprovals(); err != nil {
		return nil, err
	}
	if err := k.audit("device.renew", "done", ""); err != nil {
		return nil, err
	}
	return map[string]any{"generation": present.Generation + 1}, nil
}

// voidApprovals ends the logins that this device has approved and that nobody has come for yet.
func (k *deviceCall) voidApprovals() error {
	var w waitingRecord
	if _, err := get(k.t, keyWaiting(k.d.User), &w); err != nil {
		return err
	}
	for _, id := range w.IDs {
		var p pendingRecord
		if _, err := get(k.t, keyPending([8]byte(id[:8])), &p); err != nil {
			return err
		}
		if p.State == pendingApproved && p.Device != nil && *p.Device == k.id {
			if err := endPending(k.t, &p, pendingEnded); err != nil {
				return err
			}
		}
	}
	return nil
}

// push keeps where the doorbell rings, or takes it away.
func (k *deviceCall) push() (any, error) {
	var in struct {
		Subscription json.RawMessage `json:"subscription"`
	}
	if err := k.body(&in); err != nil {
		return nil, err
	}
	if len(in.Subscription) == 0 || string(in.Subscription) == "null" {
		k.d.Push = nil
		return struct{}{}, nil
	}
	if k.doorbell == nil {
		return nil, refuseCall(CodeSubscriptionRefused, "this appliance rings no phones")
	}
	if err := k.doorbell.Vet(in.Subscription); err != nil {
		return nil, refuseCall(CodeSubscriptionRefused, "this push service is not on the appliance's list")
	}
	var err error
	k.d.Push, err = k.keys.Seal(secret.FromBytes(in.Subscription), "push|"+k.id.String())
	return struct{}{}, err
}

func (k *deviceCall) rename() (any, error) {
	var in struct {
		Name string `json:"name"`
	}
	if err := k.body(&in); err != nil {
		return nil, err
	}
	name, err := deviceName(in.Name)
	if err != nil {
		return nil, err
	}
	k.d.Name = name
	if k.d.confirmed() {
		if err := k.tellOwner((*language.Changes).PhoneRenamed); err != nil {
			return nil, err
		}
	}
	return struct{}{}, k.audit("device.rename", "done", name)
}

// remove takes the device away at its own wish.
func (k *deviceCall) remove() (any, error) {
	if err := k.body(&struct{}{}); err != nil {
		return nil, err
	}
	if err := errors.Join(k.audit("device.remove", "done", ""), k.tellOwner((*language.Changes).PhoneRemoved)); err != nil {
		return nil, err
	}
	ids, records, err := k.devicesOf(k.t, k.d.User)
	if err != nil {
		return nil, err
	}
	other := false
	for i := range records {
		other = other || ids[i] != k.id && records[i].confirmed()
	}
	if other || !k.d.confirmed() {
		return struct{}{}, k.revoke(k.t, k.id, k.d)
	}
	// This call needs no PIN: if the last phone could go without a trace, whoever finds it could turn a login by
	// phone into one by questions. So it still counts as had, until an administrator revokes it or another is there.
	k.d.lock(whyRemoved)
	k.d.Keys, k.d.Share, k.d.Push, k.d.Evaluations = nil, nil, nil, nil
	return struct{}{}, nil
}

// historyLength is how many logins the app shows, and historyReach how far back in the audit log they are
// looked for.
const (
	historyLength = 20
	historyReach  = 5000
)

func (k *deviceCall) history() (any, error) {
	if err := k.body(&struct{}{}); err != nil {
		return nil, err
	}
	type past struct {
		Service string    `json:"service"`
		Host    string    `json:"host"`
		Source  string    `json:"source"`
		Time    time.Time `json:"time"`
		Result  string    `json:"result"`
	}
	list := []past{}
	id, reach := k.d.User.String(), historyReach
	err := k.store.Journal(context.Background(), 0, true, func(r store.Record) bool {
		if e := decodeAudit(r); e.Event == eventLogin && e.UserID == id && e.Reason != CodeAwaited { // that one is only the beginning
			list = append(list, past{e.Policy, e.NAS, e.Source, e.Time, historyWord(e)})
		}
		reach--
		return len(list) < historyLength && reach > 0
	})
	return map[string]any{"history": list}, err
}

// historyWord says how a login ended, in the words that apps translate; others are shown as they are.
func historyWord(e AuditEntry) string {
	switch e.Reason {
	case RightApproval, RightPhoneCode:
		return "approved"
	case ApprovalDenied:
		return "denied"
	case WrongSymbol:
		return "wrong-symbol"
	case PendingEnded:
		return "other-chosen"
	case PendingExpired:
		return "expired"
	}
	return e.Result
}

// DeviceEvents tells an open app of pendings and messages as they come and go.
func (c *Core) DeviceEvents(ctx context.Context, call DeviceCall, begun func(), send func(DeviceEvent) error) error {
	if call.Method != "GET" {
		return refuseCall(CodeBadRequest, "events are asked for by GET")
	}
	// A call that is repeated gets its kept reply without being run: what it is about is read afterwards.
	if _, err := c.answerCall(ctx, call, op{func(*deviceCall) (any, error) { return struct{}{}, nil }, false, false}); err != nil {
		return err
	}
	id, err := mobile.ParseDeviceID(call.Device)
	if err != nil {
		return err
	}
	var d deviceRecord
	if err := c.store.View(ctx, func(r store.Reader) error {
		_, err := get(r, keyDevice(id), &d)
		return err
	}); err != nil {
		return silence(err)
	}
	user := d.User
	wake, leave := c.waits.listen(user, id)
	defer leave()
	begun()
	known := map[string]string{} // id to kind
	for {
		var waiting []pendingRecord
		var messages map[string]bool
		d = deviceRecord{}
		err := c.store.View(ctx, func(r store.Reader) (err error) {
			if _, err = get(r, keyDevice(id), &d); err != nil {
				return err
			}
			if _, waiting, err = c.waitingOf(r, user, c.clock.Now()); err != nil {
				return err
			}
			messages, err = c.newest.Load().messageIDs(r, user, c.clock.Now())
			return err
		})
		if err != nil {
			return silence(err)
		}
		if d.State != deviceActive {
			return refuseCall(CodeDeviceLocked, "this device may not listen any more")
		}
		now := map[string]string{}
		for _, p := range waiting {
			now[p.ID.String()] = "pending"
		}
		for m := range messages {
			now[m] = "message"
		}
		for what, kind := range now {
			if known[what] == "" {
				if err := send(DeviceEvent{kind, what}); err != nil {
					return err
				}
			}
		}
		for what := range known {
			if now[what] == "" {
				if err := send(DeviceEvent{"ended", what}); err != nil {
					return err
				}
			}
		}
		known = now
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		}
	}
}

// Doorbell rings phones that are not open. It says nothing but that there is something to see.
type Doorbell interface {
	// PublicKey is what phones subscribe with: a point of P-256, uncompressed, in base64url.
	PublicKey() string
	// Vet judges a subscription before it is kept: its host is on the list, its keys are usable.
	Vet(subscription []byte) error
	// Ring is called after a pending is durable, and must not block. gone is called when the push service says that
	// the subscription has ended.
	Ring(subscription Secret, gone func())
}
