package config

import (
	"slices"
	"time"

	"github.com/latchkey/latchkey/core"
)

// selfService goes with web.serve: the one says where the pages are, the other under what policy one signs in there.
func (c check) selfService() core.SelfServiceSettings {
	const key = "selfservice"
	given := c.file.Selfservice
	served := slices.Contains(c.file.Web.Serve, "selfservice") && c.given("web")
	switch {
	case !c.given(key) && !served:
		return core.SelfServiceSettings{}
	case !c.given(key):
		c.fail("web.serve", "a section `selfservice:` with a policy", "serves selfservice, and nothing says under what policy one signs in there")
		return core.SelfServiceSettings{}
	case !served:
		c.warn(key, "serve: [app, selfservice] in the section web", "does nothing: web.serve lacks selfservice")
	}
	c.within(key+".idle", given.Idle, time.Minute, 12*time.Hour)
	c.within(key+".lasts", given.Lasts, time.Minute, 24*time.Hour)
	if given.Idle > given.Lasts {
		c.fail(key+".idle", "10m", "must not be above selfservice.lasts")
	}
	c.between(key+".recovery_codes", given.RecoveryCodes, 0, 20)
	c.oneOf(key+".not_me", given.NotMe, "alert", "lock")
	c.selfServicePolicy(key, given.Policy)
	return core.SelfServiceSettings{
		Policy: given.Policy, Idle: given.Idle, Lasts: given.Lasts, RecoveryCodes: given.RecoveryCodes, NotMeLocks: given.NotMe == "lock",
	}
}

// selfServicePolicy: in front of these pages stands nobody who could have checked a password.
func (c check) selfServicePolicy(key, name string) {
	if name == "" {
		c.fail(key+".policy", "the name of one of the policies", "is missing")
		return
	}
	given, ok := c.rules[name]
	switch {
	case !ok:
		c.fail(key+".policy", c.policyNames(), "there is no such policy")
	case core.FirstKind(given.First) == core.FirstNone:
		c.warn(key+".policy", "a policy with first: password",
			"under %s nobody checks a password, so that one signs in with the code word alone, and nobody can change what is there", name)
	}
}
