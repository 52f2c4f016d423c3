package config

import (
	"net/url"
	"slices"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/mobile"
)

// device is what core must know of phones. The pin of invitations depends on the certificate
// that is in force, so it is the daemon's to add.
func (c check) device() core.DeviceSettings {
	given := c.file.Device
	c.between("device.pin_digits", given.PINDigits, mobile.PINDigitsLeast, 12)
	c.between("device.tries", given.Tries, 1, 10)
	c.between("device.tries_for_life", given.TriesForLife, 1, 100)
	c.within("device.approve_within", given.ApproveWithin, 10*time.Second, 10*time.Minute)
	c.within("device.enrol_within", given.EnrolWithin, time.Minute, 30*24*time.Hour)
	if given.PINDigits < 6 && given.PINDigits >= mobile.PINDigitsLeast {
		c.warn("device.pin_digits", "6", "with so few digits a copied phone opens in one of %d cases", guesses(given.PINDigits, given.TriesForLife))
	}
	if given.TriesForLife < given.Tries {
		c.fail("device.tries_for_life", "20", "must not be below device.tries")
	}
	d := core.DeviceSettings{
		PINDigits: given.PINDigits, Tries: given.Tries, TriesForLife: given.TriesForLife,
		PendingFor: given.ApproveWithin, InviteFor: given.EnrolWithin,
	}
	if c.given("web") {
		// The section's own check tells what is wrong with it.
		d.Origin = (check{report: newReport(""), file: c.file}).origin("web.url", c.file.Web.URL)
		d.Appliance = c.file.Web.Brand.Name
		if u, err := url.Parse(d.Origin); d.Appliance == "" && err == nil {
			d.Appliance = u.Hostname()
		}
	}
	return d
}

// guesses is how many PINs there are for each try.
func guesses(digits, tries int) int {
	pins := 1
	for range digits {
		pins *= 10
	}
	return pins / max(tries, 1)
}

// phones looks for policies under which a phone could not do what it is for.
func (c check) phones(key string, given rule) {
	app := slices.Index(given.Second, string(core.MethodApp))
	question := slices.Index(given.Second, string(core.MethodPINphrase))
	if given.Symbols == string(core.SymbolsPair) && app < 0 {
		c.warn(key+".symbols", "second: [app, pinphrase]", "does nothing without app")
	}
	if given.NotMe == string(core.NotMeLock) && app < 0 {
		c.warn(key+".not_me", "second: [app, pinphrase]", "does nothing without app")
	}
	switch {
	case given.Fallback && app < 0:
		c.fail(key+".fallback", "second: [app, pinphrase]", "needs app: there is no phone to fall back from")
	case given.Fallback && question < 0:
		c.fail(key+".fallback", "second: [app, pinphrase]", "needs pinphrase: there is no question to fall back to")
	}
	if app < 0 {
		return
	}
	at := itemPath(key+".second", app)
	switch {
	case !c.given("web"):
		c.fail(at, "a section `web:` with url and serve: [app]", "phones have no door to come in by")
	case !slices.Contains(c.file.Web.Serve, "app"):
		c.fail(at, "serve: [app]", "phones have no door to come in by: web.serve lacks app")
	case question >= 0 && question < app:
		c.warn(at, "[app, pinphrase]", "stands behind pinphrase: who has answers is never asked on the phone")
	}
}
