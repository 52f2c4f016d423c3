package core

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/store"
)

// How a phone becomes a user's: invitation, device, confirmation.

// enrolling is one run of the transaction that spends an invitation.
type enrolling struct {
	*Core
	t    store.Txn
	now  time.Time
	call EnrolCall
	id   mobile.InvitationID
}

var errVoid = &DeviceError{CodeInvitationVoid, "the invitation is not valid: ask for a new one"}

func (e *enrolling) enrol(text, deviceKey []byte, name string) (any, error) {
	var inv invitationRecord
	found, err := get(e.t, keyInvitation(e.id), &inv)
	if err != nil {
		return nil, err
	}
	if !found || !hmac.Equal(inv.Secret, e.hashInvitation(e.id, text)) {
		return nil, errVoid
	}
	var u userRecord
	if found, err := get(e.t, keyUser(inv.User), &u); err != nil {
		return nil, err
	} else if !found || u.Disabled {
		return nil, errVoid
	}
	if inv.Device != nil {
		return e.again(&inv, u, deviceKey)
	}
	if inv.Void || inv.Generation != e.generation || e.now.Unix() >= inv.Until {
		return nil, errVoid
	}
	var list devicesRecord
	if _, err := get(e.t, keyDevices(inv.User), &list); err != nil {
		return nil, err
	}
	if inv.Resets != list.Resets {
		return nil, errVoid
	}
	if len(list.IDs) >= maxDevices {
		return nil, refuseCall(CodeInvitationVoid, "this user has too many devices: revoke one first")
	}
	var device mobile.DeviceID
	_, _ = rand.Read(device[:])
	d := deviceRecord{
		User: inv.User, Name: name, Created: e.now.Unix(), State: deviceInert, DeviceKey: deviceKey, Trusted: inv.Trusted, Generation: e.generation,
	}
	if d.Share, err = e.newShare(device, 1); err != nil {
		return nil, err
	}
	inv.Device = &device
	list.IDs = append(list.IDs, device)
	if err := errors.Join(put(e.t, keyInvitation(e.id), inv), put(e.t, keyDevices(inv.User), list), put(e.t, keyDevice(device), d)); err != nil {
		return nil, err
	}
	if err := e.audit(u, inv.User, "device.enrol", "begun", device); err != nil {
		return nil, err
	}
	return e.reply(device, u), nil
}

// again answers a second use of a spent invitation: the same phone lost the reply, or somebody else has the
// invitation too. Then nobody keeps what it gave.
func (e *enrolling) again(inv *invitationRecord, u userRecord, deviceKey []byte) (any, error) {
	var d deviceRecord
	found, err := get(e.t, keyDevice(*inv.Device), &d)
	if err != nil {
		return nil, err
	}
	if found && d.State == deviceInert && d.Counter == 0 && bytes.Equal(d.DeviceKey, deviceKey) {
		return e.reply(*inv.Device, u), nil
	}
	if found && bytes.Equal(d.DeviceKey, deviceKey) {
		return nil, errVoid // the same phone, long past this step
	}
	if found && d.State != deviceRevoked && !inv.Void {
		d.lock("invitation")
		if err := put(e.t, keyDevice(*inv.Device), d); err != nil {
			return nil, err
		}
		if err := errors.Join(e.audit(u, inv.User, eventAlert, "invitation-used-twice", *inv.Device),
			e.tellOfPhone(e.t, e.now, inv.User, d.Name, (*language.Changes).PhoneTwice)); err != nil {
			return nil, err
		}
	}
	inv.Void = true
	if err := put(e.t, keyInvitation(e.id), *inv); err != nil {
		return nil, err
	}
	return nil, errVoid
}

func (e *enrolling) reply(device mobile.DeviceID, u userRecord) any {
	return map[string]any{
		"device": device.String(), "user": u.Name, "appliance": e.set.Device.Appliance, "pin_digits": e.pinDigits(), "counter": 0,
	}
}

func (c *Core) pinDigits() int {
	if c.set.Device.PINDigits > 0 {
		return c.set.Device.PINDigits
	}
	return mobile.PINDigits
}

func (e *enrolling) audit(u userRecord, id userID, event, result string, device mobile.DeviceID) error {
	return audit(e.t, auditRecord{
		Time: e.now.UnixMilli(), Event: event, Result: result, User: u.Name, UserID: id.String(), Door: DoorWeb,
		Source: printable(e.call.Remote), Detail: "device " + device.String(),
	})
}

func (c *Core) hashInvitation(id mobile.InvitationID, text []byte) []byte {
	return mac(c.bindKey, "invitation", string(id[:]), string(text))
}

// InviteDevice gives an invitation URL. See the admin socket's interface.
func (c *Core) InviteDevice(ctx context.Context, actor Actor, name string, trusted bool) (url Secret, expires time.Time, err error) {
	if c.set.Device.Origin == "" {
		return url, expires, problem(ErrRefused, "there is no HTTPS door that phones could reach", "a section `web:` with `url` opens it")
	}
	inv, err := mobile.NewInvitation(c.set.Device.Origin, c.set.Device.Pin)
	if err != nil {
		return url, expires, err
	}
	valid := c.set.Device.InviteFor
	if valid <= 0 {
		valid = 24 * time.Hour
	}
	err = c.change(ctx, actor, "device.invite", name, func(t store.Txn, who *subject) (string, error) {
		expires = c.clock.Now().Add(valid).UTC()
		detail := "invitation " + inv.ID.String()
		if trusted {
			detail += ", trusted"
		}
		if err := c.notify(t, c.clock.Now(), who.id, &who.user, notice{Kind: noticeInvited}); err != nil {
			return "", err
		}
		var list devicesRecord
		if _, err := get(t, keyDevices(who.id), &list); err != nil {
			return "", err
		}
		return detail, put(t, keyInvitation(inv.ID), invitationRecord{
			User: who.id, Secret: c.hashInvitation(inv.ID, []byte(inv.Secret.Reveal())), Until: expires.Unix(), Trusted: trusted, Generation: c.generation,
			Resets: list.Resets,
		})
	})
	return inv.URL(), expires, err
}

// Devices lists a user's devices.
func (c *Core) Devices(ctx context.Context, name string) (infos []DeviceInfo, err error) {
	infos = []DeviceInfo{}
	err = c.store.View(ctx, func(r store.Reader) error {
		who, err := c.wanted(r, name)
		if err != nil {
			return err
		}
		ids, records, err := c.devicesOf(r, who.id)
		for i, d := range records {
			infos = append(infos, deviceInfo(ids[i], d))
		}
		return err
	})
	return infos, err
}

func deviceInfo(id mobile.DeviceID, d deviceRecord) DeviceInfo {
	return DeviceInfo{
		ID: id.String(), Name: d.Name, State: string(d.State), Why: d.Why, Created: time.Unix(d.Created, 0).UTC(), LastSeen: unix(d.Seen),
		Row: d.Budget.Row, Life: d.Budget.Life, Push: len(d.Push) > 0,
	}
}

// ConfirmDevice activates the inert device that shows the check code.
func (c *Core) ConfirmDevice(ctx context.Context, actor Actor, name, code string) (info DeviceInfo, err error) {
	code = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(code))
	err = c.change(ctx, actor, "device.confirm", name, func(t store.Txn, who *subject) (string, error) {
		ids, records, err := c.devicesOf(t, who.id)
		if err != nil {
			return "", err
		}
		for i, d := range records {
			if d.State == deviceInert && d.Check != "" && hmac.Equal([]byte(d.Check), []byte(code)) {
				d.State, d.Check = deviceActive, ""
				info = deviceInfo(ids[i], d)
				if err := c.tellOfPhone(t, c.clock.Now(), who.id, d.Name, (*language.Changes).PhoneAdded); err != nil {
					return "", err
				}
				return "device " + ids[i].String(), put(t, keyDevice(ids[i]), d)
			}
		}
		return "", problem(ErrInvalid, fmt.Sprintf("no new device of %s shows this code", who.name),
			"the eight letters are on the phone; a code that does not fit means that another phone has used the invitation")
	})
	return info, err
}

// changeDevice changes one device of a user.
func (c *Core) changeDevice(ctx context.Context, actor Actor, event, name, device string, fn func(t store.Txn, who *subject, id mobile.DeviceID, d *deviceRecord) error) error {
	return c.change(ctx, actor, event, name, func(t store.Txn, who *subject) (string, error) {
		ids, records, err := c.devicesOf(t, who.id)
		if err != nil {
			return "", err
		}
		i, named := slices.IndexFunc(ids, func(id mobile.DeviceID) bool { return id.String() == device }), 0
		for n := range records {
			// A phone gives itself its name, so that a name never stands for an id, nor for one of two.
			if i < 0 && records[n].Name == device || named > 0 && records[n].Name == device {
				i, named = n, named+1
			}
		}
		if named > 1 {
			return "", problem(ErrInvalid, fmt.Sprintf("user %s has %d devices of this name", who.name, named),
				fmt.Sprintf("name it by its id: `latchkey device list %s` shows them", who.name))
		}
		if i >= 0 {
			if err := fn(t, who, ids[i], &records[i]); err != nil {
				return "", err
			}
			return "device " + ids[i].String(), put(t, keyDevice(ids[i]), records[i])
		}
		return "", problem(ErrInvalid, fmt.Sprintf("user %s has no device %s", who.name, printable(device)),
			fmt.Sprintf("`latchkey device list %s` shows which there are", who.name))
	})
}

// UnlockDevice ends a lock and the row of PIN tries.
func (c *Core) UnlockDevice(ctx context.Context, actor Actor, name, device string) error {
	return c.changeDevice(ctx, actor, "device.unlock", name, device, func(t store.Txn, who *subject, _ mobile.DeviceID, d *deviceRecord) error {
		switch {
		case d.State == deviceErased:
			return problem(ErrRefused, "this device's share was erased after too many wrong PINs", "revoke it and invite a new one")
		case d.State == deviceLocked && d.Why == "invitation":
			return problem(ErrRefused, "this device's invitation was used twice: somebody else had it", "revoke it and invite a new one")
		case d.State == deviceLocked && d.Why == whyRemoved:
			return problem(ErrRefused, "this device was removed on the phone itself", "revoke it and invite a new one")
		case d.State == deviceLocked && !d.confirmed():
			d.State, d.Why = deviceInert, "" // to end a lock is no confirmation
		case d.State == deviceLocked:
			d.State, d.Why = deviceActive, ""
		}
		d.Budget = d.Budget.Unlock()
		return c.tellOfPhone(t, c.clock.Now(), who.id, d.Name, (*language.Changes).PhoneUnlocked)
	})
}

// RevokeDevice takes a device away for ever: of its record only the id stays.
func (c *Core) RevokeDevice(ctx context.Context, actor Actor, name, device string) error {
	return c.changeDevice(ctx, actor, "device.revoke", name, device, func(t store.Txn, who *subject, id mobile.DeviceID, d *deviceRecord) error {
		if err := c.tellOfPhone(t, c.clock.Now(), who.id, d.Name, (*language.Changes).PhoneRemoved); err != nil {
			return err
		}
		return c.revoke(t, id, d)
	})
}

// revoke empties the record, takes the device out of the user's row, and raises the epoch.
func (c *Core) revoke(t store.Txn, id mobile.DeviceID, d *deviceRecord) error {
	var list devicesRecord
	if _, err := get(t, keyDevices(d.User), &list); err != nil {
		return err
	}
	list.Had = list.Had || d.confirmed()
	list.IDs = slices.DeleteFunc(slices.Clone(list.IDs), func(other mobile.DeviceID) bool { return other == id })
	var u userRecord
	if found, err := get(t, keyUser(d.User), &u); err != nil || !found {
		return errors.Join(err, errNoDevice)
	}
	u.Epoch++
	*d = deviceRecord{User: d.User, Name: d.Name, Created: d.Created, State: deviceRevoked, Counter: d.Counter, Generation: d.Generation}
	if err := errors.Join(put(t, keyDevices(d.User), list), put(t, keyUser(d.User), u)); err != nil {
		return err
	}
	return c.forgotten(t, subject{name: u.Name, given: u.Name, known: true, id: d.User, user: u})
}
