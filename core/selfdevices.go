package core

import (
	"crypto/hmac"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
)

// The phones of a user. A phone is enrolled by an invitation of this session, and is inert until this same session
// types the check code that it shows: a stolen invitation shows another one.

const (
	selfInviteFor = 15 * time.Minute
	maxChecks     = 5 // wrong check codes; then the invitation is void
	whyLost       = "lost"
)

type selfDevice struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	State    string     `json:"state"`
	Why      string     `json:"why,omitempty"`
	Created  time.Time  `json:"created"`
	LastSeen *time.Time `json:"last_seen"`
	Row      int        `json:"pin_tries_in_row"`
}

// selfInvitation is the one of this session, while it is of use.
type selfInvitation struct {
	Expires time.Time `json:"expires"`
	Device  string    `json:"device,omitempty"` // that has come by it, and waits for its check code
	Ready   bool      `json:"ready"`            // the device shows its check code
}

func (k *selfCall) phoneState(o *selfOverview) error {
	ids, records, err := k.devicesOf(k.t, k.who.id)
	if err != nil {
		return err
	}
	o.Devices = []selfDevice{}
	for i, d := range records {
		info := deviceInfo(ids[i], d)
		o.Devices = append(o.Devices, selfDevice{info.ID, info.Name, info.State, info.Why, info.Created, info.LastSeen, info.Row})
	}
	had, err := k.hadPhone(k.t, k.who.id)
	if err != nil {
		return err
	}
	var refused *DeviceError
	switch err := k.mayInvite(had); {
	case k.set.Device.Origin == "":
		o.AddPhone = string(CodeNotOffered)
	case err == nil:
		o.AddPhone = "yes"
	case asRefusal(err, &refused) && (refused.Code == CodeProofNeeded || refused.Code == CodeFactorTooWeak):
		o.AddPhone = "proof"
	default:
		o.AddPhone = string(CodeAskAdmin)
	}
	o.Invitation, err = k.invitationState()
	return err
}

func (k *selfCall) invitationState() (*selfInvitation, error) {
	inv, err := k.invitation()
	if inv == nil || err != nil {
		return nil, err
	}
	state := &selfInvitation{Expires: time.Unix(inv.Until, 0).UTC()}
	if inv.Device == nil {
		return state, nil
	}
	var d deviceRecord
	if found, err := get(k.t, keyDevice(*inv.Device), &d); err != nil || !found || d.State != deviceInert {
		return nil, err
	}
	state.Device, state.Ready = inv.Device.String(), d.Check != ""
	return state, nil
}

// invitation is the one that this session has made, or nil.
func (k *selfCall) invitation() (*invitationRecord, error) {
	if k.s.Invitation == nil {
		return nil, nil
	}
	var inv invitationRecord
	found, err := get(k.t, keyInvitation(*k.s.Invitation), &inv)
	if err != nil || !found || inv.Void || inv.Generation != k.generation || inv.User != k.who.id ||
		inv.Device == nil && k.now.Unix() >= inv.Until {
		return nil, err
	}
	return &inv, nil
}

// mayInvite: the first phone is a newcomer's; every further one comes on the word of a phone. A guess of some
// characters, or a message, must not become a phone that stays: then an administrator invites.
func (k *selfCall) mayInvite(had bool) error {
	switch {
	case had && !k.offers(strengthPhone) && k.proved() < strengthPhone:
		return refuseCall(CodeAskAdmin, "only an administrator can invite another phone")
	case had:
		return k.needs(strengthPhone)
	case k.s.Newcomer:
		return nil
	}
	return refuseCall(CodeAskAdmin, "only an administrator can invite the first phone")
}

func (k *selfCall) inviteDevice() (any, error) {
	if err := k.call.body(&struct{}{}); err != nil {
		return nil, err
	}
	if k.set.Device.Origin == "" {
		return nil, refuseCall(CodeNotOffered, "there is no door that phones could reach")
	}
	had, err := k.hadPhone(k.t, k.who.id)
	if err != nil {
		return nil, err
	}
	if err := k.mayInvite(had); err != nil {
		return nil, err
	}
	var list devicesRecord
	if _, err := get(k.t, keyDevices(k.who.id), &list); err != nil {
		return nil, err
	}
	if len(list.IDs) >= maxDevices {
		return nil, refuseCall(CodeTooMany, "remove a phone first")
	}
	if err := k.voidInvitation(); err != nil {
		return nil, err
	}
	inv, err := mobile.NewInvitation(k.set.Device.Origin, k.set.Device.Pin)
	if err != nil {
		return nil, err
	}
	until := k.now.Add(selfInviteFor)
	k.s.Invitation, k.s.Equal, k.s.Checks = &inv.ID, had, 0
	err = errors.Join(k.putSession(), put(k.t, keyInvitation(inv.ID), invitationRecord{
		User: k.who.id, Secret: k.hashInvitation(inv.ID, []byte(inv.Secret.Reveal())), Until: until.Unix(), Generation: k.generation,
		Resets: list.Resets,
	}), k.audit("device.invite", "invitation "+inv.ID.String()), k.notify(k.t, k.now, k.who.id, &k.who.user, notice{Kind: noticeInvited}))
	return map[string]any{"url": inv.URL().Reveal(), "typed": inv.Typed().Reveal(), "expires": until.UTC().Truncate(time.Second)}, err
}

// voidInvitation ends what this session has invited so far, and the device that came by it and was not confirmed.
func (k *selfCall) voidInvitation() error {
	inv, err := k.invitation()
	if inv == nil || err != nil {
		return err
	}
	if inv.Device != nil {
		var d deviceRecord
		if found, err := get(k.t, keyDevice(*inv.Device), &d); err != nil {
			return err
		} else if found && d.State == deviceInert {
			if err := k.dropInert(*inv.Device, &d); err != nil {
				return err
			}
		}
	}
	inv.Void = true
	id := *k.s.Invitation
	k.s.Invitation = nil
	return errors.Join(put(k.t, keyInvitation(id), *inv), k.putSession())
}

// dropInert removes a device that never was one: nothing rests on it, so that the epoch stays.
func (k *selfCall) dropInert(id mobile.DeviceID, d *deviceRecord) error {
	var list devicesRecord
	if _, err := get(k.t, keyDevices(k.who.id), &list); err != nil {
		return err
	}
	list.IDs = slices.DeleteFunc(slices.Clone(list.IDs), func(other mobile.DeviceID) bool { return other == id })
	*d = deviceRecord{User: d.User, Name: d.Name, Created: d.Created, State: deviceRevoked, Counter: d.Counter, Generation: d.Generation}
	return errors.Join(put(k.t, keyDevices(k.who.id), list), put(k.t, keyDevice(id), *d))
}

func (k *selfCall) confirmDevice() (any, error) {
	var in struct {
		Code string `json:"code"`
	}
	if err := k.call.body(&in); err != nil {
		return nil, err
	}
	inv, err := k.invitation()
	if err != nil {
		return nil, err
	}
	if inv == nil || inv.Device == nil {
		return nil, refuseCall(CodeNoSuchDevice, "no new phone waits for its check code")
	}
	var d deviceRecord
	if found, err := get(k.t, keyDevice(*inv.Device), &d); err != nil {
		return nil, err
	} else if !found || d.State != deviceInert || d.Check == "" {
		return nil, refuseCall(CodeNoSuchDevice, "no new phone waits for its check code")
	}
	// The first phone may have come by another way meanwhile; then this one needs that one's word.
	if had, err := k.hadPhone(k.t, k.who.id); err != nil {
		return nil, err
	} else if had && !k.s.Equal {
		return nil, refuseCall(CodeAskAdmin, "there is another phone since: begin anew")
	}
	code := strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(in.Code))
	if !hmac.Equal([]byte(d.Check), []byte(code)) {
		k.keep = true
		refused := refuseCall(CodeWrongCheckCode, "the new phone shows another code")
		if k.s.Checks++; k.s.Checks < maxChecks {
			return nil, errors.Join(k.putSession(), refused)
		}
		return nil, errors.Join(k.voidInvitation(), k.alert("check-code", "too many wrong check codes: the invitation is void"), refused)
	}
	d.State, d.Check = deviceActive, ""
	k.s.Invitation, k.s.Equal, k.s.Checks = nil, false, 0
	before := k.who.user
	tag := k.tag(before.Language)
	return struct{}{}, errors.Join(put(k.t, keyDevice(*inv.Device), d), k.putSession(), k.audit("device.confirm", "device "+inv.Device.String()),
		k.notify(k.t, k.now, k.who.id, &before, notice{Kind: noticeDevice, What: language.In(tag).Changes.PhoneAdded(d.Name)}))
}

// device finds one of the user's by the id in the body.
func (k *selfCall) device(id string) (mobile.DeviceID, *deviceRecord, error) {
	ids, records, err := k.devicesOf(k.t, k.who.id)
	if err != nil {
		return mobile.DeviceID{}, nil, err
	}
	for i := range ids {
		if ids[i].String() == id {
			return ids[i], &records[i], nil
		}
	}
	return mobile.DeviceID{}, nil, refuseCall(CodeNoSuchDevice, "there is no such phone")
}

type deviceBody struct {
	Device string `json:"device"`
}

// changed keeps a device, and tells of it.
func (k *selfCall) changed(id mobile.DeviceID, d *deviceRecord, event string, what func(*language.Changes, string) string) (any, error) {
	before := k.who.user
	tag := k.tag(before.Language)
	return struct{}{}, errors.Join(put(k.t, keyDevice(id), *d), k.audit(event, "device "+id.String()),
		k.notify(k.t, k.now, k.who.id, &before, notice{Kind: noticeDevice, What: what(&language.In(tag).Changes, d.Name)}))
}

func (k *selfCall) renameDevice() (any, error) {
	var in struct {
		Device string `json:"device"`
		Name   string `json:"name"`
	}
	if err := k.call.body(&in); err != nil {
		return nil, err
	}
	name, err := deviceName(strings.TrimSpace(in.Name))
	if err != nil {
		return nil, err
	}
	if err := k.notNewcomer(); err != nil {
		return nil, err
	}
	id, d, err := k.device(in.Device)
	if err != nil {
		return nil, err
	}
	d.Name = name
	return k.changed(id, d, "device.rename", (*language.Changes).PhoneRenamed)
}

// lockDevice takes a lost phone out of use. It still counts as had, so that this opens no weaker way in; hence it
// needs no proof, which whoever has lost his phone could not give.
func (k *selfCall) lockDevice() (any, error) {
	var in deviceBody
	if err := k.call.body(&in); err != nil {
		return nil, err
	}
	if err := k.notNewcomer(); err != nil {
		return nil, err
	}
	id, d, err := k.device(in.Device)
	if err != nil {
		return nil, err
	}
	if d.State != deviceActive {
		return nil, refuseCall(CodeBeyondHelp, "this phone is in no use")
	}
	d.lock(whyLost)
	return k.changed(id, d, "device.lock", (*language.Changes).PhoneLocked)
}

// unlockDevice ends a lock for wrong PINs, or for being lost, on the word of another phone.
func (k *selfCall) unlockDevice() (any, error) {
	var in deviceBody
	if err := k.call.body(&in); err != nil {
		return nil, err
	}
	id, d, err := k.device(in.Device)
	if err != nil {
		return nil, err
	}
	if d.State != deviceLocked || !d.confirmed() || d.Why != "pin" && d.Why != whyLost {
		return nil, refuseCall(CodeBeyondHelp, "this phone cannot be unlocked here")
	}
	if !k.offers(strengthPhone) && k.proved() < strengthPhone {
		return nil, refuseCall(CodeAskAdmin, "only another phone, or an administrator, unlocks this one")
	}
	if err := k.needs(strengthPhone); err != nil {
		return nil, err
	}
	d.State, d.Why, d.Budget = deviceActive, "", d.Budget.Unlock()
	return k.changed(id, d, "device.unlock", (*language.Changes).PhoneUnlocked)
}

func (k *selfCall) revokeDevice() (any, error) {
	var in deviceBody
	if err := k.call.body(&in); err != nil {
		return nil, err
	}
	id, d, err := k.device(in.Device)
	if err != nil {
		return nil, err
	}
	if !d.confirmed() {
		if err := k.dropInert(id, d); err != nil {
			return nil, err
		}
		return k.changed(id, d, "device.revoke", (*language.Changes).PhoneRemoved)
	}
	if !k.offers(strengthPhone) && k.proved() < strengthPhone {
		return nil, refuseCall(CodeAskAdmin, "only a phone, or an administrator, removes a phone")
	}
	if err := k.needs(strengthPhone); err != nil {
		return nil, err
	}
	name := d.Name
	if err := k.revoke(k.t, id, d); err != nil {
		return nil, err
	}
	d.Name = name
	if err := k.stays(k.who.user.Epoch + 1); err != nil { // revoke has raised it
		return nil, err
	}
	return k.changed(id, d, "device.revoke", (*language.Changes).PhoneRemoved)
}
