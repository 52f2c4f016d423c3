package core

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/store"
)

// A phone's call: the signature first, then the counter, then what it asks for; counter, reply
// and change are one commit, so that a lost reply is given again and a copied profile is found.

// deviceCall is one run of the transaction that answers a call.
type deviceCall struct {
	*Core
	t    store.Txn
	now  time.Time
	call DeviceCall
	id   mobile.DeviceID
	d    *deviceRecord
	said []func()
}

// op answers one kind of call. What it returns is the reply's document, or a *DeviceError.
type op struct {
	run func(*deviceCall) (any, error)
	// inert says that a device that is not confirmed yet may call it.
	inert bool
	// fresh says that the reply is not kept, since it holds what nothing may hold: a call that is repeated is run again.
	// It changes nothing but what the first run has changed.
	fresh bool
}

// ops are all calls but enrolment and the event stream.
func ops() map[string]op {
	return map[string]op{
		"hello":        {(*deviceCall).hello, true, false},
		"pin/evaluate": {(*deviceCall).evaluate, true, false},
		"key":          {(*deviceCall).setKey, true, false},
		"pendings":     {(*deviceCall).pendings, false, false},
		"open":         {(*deviceCall).open, false, false},
		"approve":      {(*deviceCall).approve, false, false},
		"deny":         {(*deviceCall).deny, false, false},
		"renew/begin":  {(*deviceCall).renewBegin, false, false},
		"renew":        {(*deviceCall).renew, false, false},
		"push":         {(*deviceCall).push, false, false},
		"rename":       {(*deviceCall).rename, true, false},
		"remove":       {(*deviceCall).remove, true, false},
		"history":      {(*deviceCall).history, false, false},
		"messages":     {(*deviceCall).messages, false, true},
	}
}

// Device answers a signed call.
func (c *Core) Device(ctx context.Context, call DeviceCall) ([]byte, error) {
	o, ok := ops()[call.Op]
	if !ok || call.Method != "POST" {
		return nil, refuseCall(CodeBadRequest, "there is no such call")
	}
	return c.answerCall(ctx, call, o)
}

func (c *Core) answerCall(ctx context.Context, call DeviceCall, o op) ([]byte, error) {
	id, err := mobile.ParseDeviceID(call.Device)
	if err != nil {
		return nil, refuseCall(CodeUnknownDevice, "no such device")
	}
	if err := c.verifyCall(ctx, id, call); err != nil {
		return nil, err
	}
	var reply replyRecord
	var said []func()
	err = c.store.Update(ctx, func(t store.Txn) error {
		k := deviceCall{Core: c, t: t, now: c.clock.Now(), call: call, id: id, d: &deviceRecord{}}
		var err error
		reply, err = k.answer(o)
		said = k.said
		return err
	})
	switch {
	case err != nil && !errors.Is(err, errNothing):
		return nil, silence(err)
	case reply.Code != "":
		tell(said)
		return nil, &DeviceError{reply.Code, reply.Text}
	}
	tell(said)
	return reply.Body, nil
}

// verifyCall judges the signature before anything else: an outsider moves nothing. A device's key never
// changes, so this needs no transaction.
func (c *Core) verifyCall(ctx context.Context, id mobile.DeviceID, call DeviceCall) error {
	var d deviceRecord
	err := c.store.View(ctx, func(r store.Reader) error {
		found, err := get(r, keyDevice(id), &d)
		if err == nil && !found {
			err = errNoDevice
		}
		return err
	})
	switch {
	case errors.Is(err, errNoDevice):
		return refuseCall(CodeUnknownDevice, "no such device")
	case err != nil:
		return silence(err)
	case d.State == deviceRevoked:
		return refuseCall(CodeDeviceRevoked, "this device was revoked")
	}
	key, err := mobile.ParseDeviceKey(d.DeviceKey)
	if err != nil {
		return fmt.Errorf("core: key of device %s: %w", id, err)
	}
	if key.Verify(mobile.Call(id, call.Counter, call.Method, call.Path, call.Body), call.Signature) != nil {
		return refuseCall(CodeBadSignature, "the signature is not this device's")
	}
	return nil
}

// answer judges the counter, runs the call, and keeps the reply, whatever it is.
func (k *deviceCall) answer(o op) (replyRecord, error) {
	found, err := get(k.t, keyDevice(k.id), k.d)
	if err != nil {
		return replyRecord{}, err
	}
	if !found || k.d.State == deviceRevoked {
		return replyRecord{Code: CodeDeviceRevoked, Text: "this device was revoked"}, errNothing
	}
	frame := sha256.Sum256(mobile.Call(k.id, k.call.Counter, k.call.Method, k.call.Path, k.call.Body))
	if k.call.Counter == k.d.Counter && bytes.Equal(frame[:], k.d.Frame) {
		if k.d.Reply.Fresh {
			return k.reply(o)
		}
		return k.d.Reply, errNothing
	}
	if k.call.Counter <= k.d.Counter {
		return k.cloned()
	}
	if k.d.Generation != k.generation {
		k.restored()
	}
	k.d.Counter, k.d.Frame, k.d.Seen = k.call.Counter, frame[:], k.now.Unix()
	reply, err := k.reply(o)
	if err != nil {
		return replyRecord{}, err
	}
	k.d.Reply = reply
	if o.fresh {
		k.d.Reply = replyRecord{Fresh: true}
	}
	return reply, put(k.t, keyDevice(k.id), k.d)
}

// reply runs the call.
func (k *deviceCall) reply(o op) (replyRecord, error) {
	doc, err := k.run(o)
	var refused *DeviceError
	switch {
	case errors.As(err, &refused):
		return replyRecord{Code: refused.Code, Text: refused.Text}, nil
	case err != nil:
		return replyRecord{}, err
	}
	body, err := json.Marshal(doc)
	return replyRecord{Body: body}, err
}

func (k *deviceCall) run(o op) (any, error) {
	switch k.d.State {
	case deviceLocked:
		if k.d.Why == whyRemoved {
			return nil, refuseCall(CodeDeviceRevoked, "this device was removed")
		}
		if k.d.Why == "pin" {
			return nil, refuseCall(CodePINLocked, "too many wrong PINs: ask to be unlocked")
		}
		return nil, refuseCall(CodeDeviceLocked, "this device is locked: ask your administrator")
	case deviceErased:
		return nil, refuseCall(CodePINErased, "too many wrong PINs in this device's life: enrol it again")
	case deviceInert:
		if !o.inert {
			return nil, refuseCall(CodeDeviceInert, "this device is not confirmed yet")
		}
	}
	return o.run(k)
}

// cloned: an older counter, or the same one with another call. Two hold the same profile.
func (k *deviceCall) cloned() (replyRecord, error) {
	told := replyRecord{Code: CodeDeviceCloned, Text: "this device's profile was copied: it is locked"}
	if k.d.State == deviceLocked && (k.d.Why == "cloned" || k.d.Why == whyRemoved) {
		return told, errNothing // said once: whoever has the device's key must not fill the audit log
	}
	if k.d.State != deviceErased {
		k.d.lock("cloned")
	}
	if err := errors.Join(k.alert("device-cloned", "an older counter: the profile was copied"), k.tellOwner((*language.Changes).PhoneCloned)); err != nil {
		return replyRecord{}, err
	}
	return told, put(k.t, keyDevice(k.id), k.d)
}

// restored brings the PIN's tries to their least: those of after the backup are not known.
func (k *deviceCall) restored() {
	row, life := k.limits()
	k.d.Generation = k.generation
	k.d.Budget.Row = max(k.d.Budget.Row, row-1)
	k.d.Budget.Life = max(k.d.Budget.Life, life-row)
	k.d.Evaluations, k.d.Grid, k.d.Renewal = nil, nil, nil
}

func (c *Core) limits() (row, life int) {
	row, life = c.set.Device.Tries, c.set.Device.TriesForLife
	if row <= 0 {
		row = 5
	}
	if life <= 0 {
		life = 20
	}
	return row, life
}

// alert audits something that an admin should see, and logs it after the commit.
func (k *deviceCall) alert(result, detail string) error {
	name, err := k.userName(k.d.User)
	if err != nil {
		return err
	}
	request, device := k.call.Request, k.id.String()
	k.said = append(k.said, func() {
		k.log.Warn("device alert", "request", request, "user", name, "device", device, "alert", result)
	})
	return k.audit(eventAlert, result, detail)
}

// tellOwner tells the user what became of this phone.
func (k *deviceCall) tellOwner(what func(*language.Changes, string) string) error {
	return k.tellOfPhone(k.t, k.now, k.d.User, k.d.Name, what)
}

// tellOfPhone tells a user what became of a phone, on the channels that are the user's now: phones change none.
func (c *Core) tellOfPhone(t store.Txn, now time.Time, id userID, phone string, what func(*language.Changes, string) string) error {
	var u userRecord
	if found, err := get(t, keyUser(id), &u); err != nil || !found {
		return err
	}
	return c.notify(t, now, id, &u, notice{Kind: noticeDevice, What: what(&language.In(c.tag(u.Language)).Changes, phone)})
}

func (k *deviceCall) audit(event, result, detail string) error {
	name, err := k.userName(k.d.User)
	if err != nil {
		return err
	}
	if detail != "" {
		detail = ": " + detail
	}
	return audit(k.t, auditRecord{
		Time: k.now.UnixMilli(), Event: event, Result: result, User: name, UserID: k.d.User.String(), Door: DoorWeb,
		Source: printable(k.call.Remote), Detail: "device " + k.id.String() + detail,
	})
}

func (k *deviceCall) userName(id userID) (string, error) {
	var u userRecord
	_, err := get(k.t, keyUser(id), &u)
	return u.Name, err
}

// body decodes what a call sends, strictly.
func decodeCall(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return refuseCall(CodeBadRequest, "the body is not the document that this call takes")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuseCall(CodeBadRequest, "the body has more than one document")
	}
	return nil
}

func (k *deviceCall) body(into any) error { return decodeCall(k.call.Body, into) }

// Enrol spends an invitation: a device is made, inert unless the invitation was trusted.
func (c *Core) Enrol(ctx context.Context, call EnrolCall) ([]byte, error) {
	var in struct {
		Invitation mobile.Bytes `json:"invitation"`
		Secret     mobile.Bytes `json:"secret"`
		DeviceKey  mobile.Bytes `json:"device_key"`
		Name       string       `json:"name"`
		Proof      mobile.Bytes `json:"proof"`
	}
	if err := decodeCall(call.Body, &in); err != nil {
		return nil, err
	}
	var id mobile.InvitationID
	if len(in.Invitation) != len(id) {
		return nil, refuseCall(CodeBadRequest, "the invitation's id has 8 bytes")
	}
	copy(id[:], in.Invitation)
	key, err := mobile.ParseDeviceKey(in.DeviceKey)
	if err != nil {
		return nil, refuseCall(CodeBadKey, "the device key is not ECDSA on P-256")
	}
	if key.Verify(mobile.Enrol(id, in.Secret, in.DeviceKey), in.Proof) != nil {
		return nil, refuseCall(CodeBadSignature, "the proof is not this key's")
	}
	name, err := deviceName(in.Name)
	if err != nil {
		return nil, err
	}
	var doc any
	var refused error
	err = c.store.Update(ctx, func(t store.Txn) (err error) {
		doc, refused = nil, nil
		e := enrolling{Core: c, t: t, now: c.clock.Now(), call: call, id: id}
		doc, err = e.enrol(in.Secret, in.DeviceKey, name)
		var told *DeviceError
		if errors.As(err, &told) {
			refused = err // what the refusal wrote is kept
			return nil
		}
		return err
	})
	switch {
	case err != nil:
		return nil, silence(err)
	case refused != nil:
		return nil, refused
	}
	return json.Marshal(doc)
}

func deviceName(name string) (string, error) {
	if name == "" || len(name) > 64 || printable(name) != name {
		return "", refuseCall(CodeBadRequest, "a device's name has 1 to 64 printable bytes")
	}
	return name, nil
}
