package config

import (
	"slices"
	"time"

	"github.com/latchkey/latchkey/core"
)

// delivery is what messages may cost, and whom they tell.
func (c check) delivery() core.DeliverySettings {
	given := c.file.Delivery
	c.within("delivery.resend_after", given.ResendAfter, 10*time.Second, time.Hour)
	c.within("delivery.presend_for", given.PresendFor, time.Minute, 14*24*time.Hour)
	d := core.DeliverySettings{ResendAfter: given.ResendAfter, PresendFor: given.PresendFor, Notices: given.Notices}
	for i, name := range given.Notices {
		at := itemPath("delivery.notices", i)
		if name == core.Prompt {
			c.fail(at, "a carrier, such as mail", "is no carrier")
		} else {
			c.knownCarrier(at, name)
		}
		if c.given(entryPath("carriers", name) + ".push") {
			c.fail(at, "a carrier of SMS or mail", "rings phones, and a bell brings no notice")
		}
		if slices.Contains(given.Notices[:i], name) {
			c.fail(at, "", "stands there twice")
		}
	}
	l := given.Limits
	d.User = c.rate("delivery.limits.user", l.User.Most, l.User.In, true)
	d.Number = c.rate("delivery.limits.number", l.Number.Most, l.Number.In, true)
	d.Carrier = c.rate("delivery.limits.carrier", l.Carrier.Most, l.Carrier.In, true)
	d.All = c.rate("delivery.limits.all", l.All.Most, l.All.In, len(c.file.Carriers) > 1)
	return d
}

func (c check) rate(key string, most int, in time.Duration, needed bool) core.Rate {
	c.between(key+".most", most, 0, 10_000_000)
	c.within(key+".in", in, time.Second, 31*24*time.Hour)
	if most == 0 && needed {
		c.warn(key+".most", "a number", "0 switches it off: whoever has a password, or numbers of his own, can run up costs")
	}
	return core.Rate{Most: most, In: in}
}

// knownCarrier reports a name that is none under carriers:. A carrier that is there and wrong has its own report.
func (c check) knownCarrier(at, name string) {
	if !c.given(entryPath("carriers", name)) {
		c.fail(at, "the name of one of those under carriers:", "there is no carrier %s", name)
	}
}

// delivers looks at the ways by which a policy's questions reach users.
func (c check) delivers(key string, given rule) {
	prompt := slices.Contains(given.Deliver, core.Prompt)
	for i, way := range given.Deliver {
		at := itemPath(key+".deliver", i)
		switch {
		case slices.Contains(given.Deliver[:i], way):
			c.fail(at, "", "stands there twice")
		case way != core.Prompt && prompt:
			c.fail(at, "[prompt], or carriers alone", "stands beside prompt: who need not read the message would never wait for it")
		case way != core.Prompt:
			c.knownCarrier(at, way)
		}
	}
	question := slices.Contains(given.Second, string(core.MethodPINphrase))
	if given.Presend && (prompt || len(given.Deliver) == 0) {
		c.fail(key+".presend", "deliver: [sms], or false", "needs a carrier in deliver: a prompt cannot be sent ahead")
	}
	if given.Presend && !question {
		c.fail(key+".presend", "second: [pinphrase], or false", "needs pinphrase: there is no question to send")
	}
	if !question && c.given(key+".deliver") && !prompt && len(given.Deliver) > 0 {
		c.warn(key+".deliver", "second: [pinphrase]", "does nothing: the policy asks no question")
	}
}

// typesLetters tells whether the characters of a message may be typed behind the password.
func (r rule) typesLetters() bool {
	return r.Presend && slices.Contains(r.Second, string(core.MethodPINphrase)) && len(r.Deliver) > 0 && !slices.Contains(r.Deliver, core.Prompt)
}
