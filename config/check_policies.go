package config

import (
	"slices"
	"strings"

	"github.com/latchkey/latchkey/core"
)

func (c check) policies() map[string]core.Policy {
	policies := map[string]core.Policy{}
	used := map[string]bool{}
	for _, given := range c.file.Radius.Clients {
		used[given.Policy] = true
	}
	used[c.file.Hosts.Policy] = true
	for _, s := range c.file.Hosts.Services {
		used[s.Value] = true
	}
	for _, k := range c.file.Hosts.Named {
		used[k.Value.Policy] = true
		for _, s := range k.Value.Services {
			used[s.Value] = true
		}
	}
	used[c.file.Selfservice.Policy] = true
	for _, p := range c.file.Policies {
		key := entryPath("policies", p.Name)
		c.word(key, p.Name, "a name such as vpn")
		policies[p.Name] = c.policy(key, p.Name, p.Value)
		if !used[p.Name] {
			c.warn(key, "policy: "+p.Name+", of a client or of hosts", "nobody who asks is under this policy")
		}
	}
	return policies
}

func (c check) policy(key, name string, given rule) core.Policy {
	p := core.Policy{
		Name:       name,
		First:      core.FirstKind(given.First),
		Deliver:    given.Deliver,
		Presend:    given.Presend,
		Fallback:   given.Fallback,
		Symbols:    core.Symbols(given.Symbols),
		NotMe:      core.NotMe(given.NotMe),
		Realm:      given.Realm,
		Unenrolled: core.Unenrolled(given.Unenrolled),
		Reply:      c.reply(key+".reply", given.Reply),
	}
	switch given.First {
	case "ldap", "radius": // refused already as not yet there
	default:
		c.oneOf(key+".first", string(given.First), "password", "pam", "none")
	}
	c.word(key+".realm", given.Realm, "a name such as default")
	c.oneOf(key+".symbols", given.Symbols, string(core.SymbolsOne), string(core.SymbolsPair))
	c.oneOf(key+".not_me", given.NotMe, string(core.NotMeAlert), string(core.NotMeLock))
	c.oneOf(key+".unenrolled", given.Unenrolled, "deny", "allow")
	for i, method := range given.Second {
		at := itemPath(key+".second", i)
		if c.oneOf(at, method, "pinphrase", "app") && slices.Contains(given.Second[:i], method) {
			c.fail(at, "", "stands there twice")
		}
		p.Second = append(p.Second, core.Method(method))
	}
	c.delivers(key, given)
	c.passable(key, given)
	c.phones(key, given)
	for _, g := range given.Groups {
		at := entryPath(key+".groups", g.Name)
		if p.Groups == nil {
			p.Groups = map[string][]core.Attribute{}
		}
		p.Groups[g.Name] = c.reply(at+".reply", g.Value.Reply)
		c.fits(at+".reply", p.Reply, p.Groups[g.Name])
	}
	c.fits(key+".reply", p.Reply, nil)
	return p
}

// passable looks for policies that let in nobody, or anybody.
func (c check) passable(key string, given rule) {
	if !c.given(key + ".second") {
		c.fail(key+".second", "[pinphrase]", "is missing")
		return
	}
	allow := core.Unenrolled(given.Unenrolled) == core.UnenrolledAllow
	none := core.FirstKind(given.First) == core.FirstNone
	switch {
	case len(given.Second) == 0 && none && allow:
		c.fail(key+".second", "[pinphrase]", "is empty, as is the first factor: this policy would let in anybody")
	case len(given.Second) == 0 && !allow:
		c.fail(key+".second", "[pinphrase]", "is empty, and who has no second factor is denied: no user could pass")
	case slices.Contains(given.Second, "pinphrase") && len(given.Deliver) == 0:
		c.fail(key+".deliver", "[prompt]", "is empty: no question would reach a user")
	}
	if allow {
		c.warn(key+".unenrolled", "deny, once everybody has a second factor", "who has no second factor yet is let in without one")
	}
	if none {
		c.warn(key+".first", "password", "Latchkey checks no password: all rests on gateways and hosts that have done so")
	}
}

// clientPolicy: `first: none` is safe only behind a NAS that has checked the password.
func (c check) clientPolicy(key string, client Client) {
	if client.Policy == "" {
		c.fail(key+".policy", "the name of one of the policies", "is missing")
		return
	}
	given, ok := c.rules[client.Policy]
	if !ok {
		c.fail(key+".policy", c.policyNames(), "there is no such policy")
		return
	}
	if !client.Challenge && (core.FirstKind(given.First) == core.FirstNone || !slices.Contains(given.Second, string(core.MethodApp)) && !given.typesLetters()) {
		c.fail(key+".challenge", "true, or a policy with first: password, and second: [app] or presend: true with carriers in deliver",
			"a gateway that can show nothing needs the code from the phone, or a message that is there before, which %s does not ask for", client.Policy)
	}
	if core.FirstKind(given.First) == core.FirstNone && !client.PasswordChecked && !c.silenced(entryPath("policies", client.Policy)+".first") {
		c.fail(key+".policy", "first: password there, or password_checked: true here if this gateway really checks it",
			"under %s nobody checks the password", client.Policy)
	}
}

// policyNames is a hint: the first few that there are.
func (c check) policyNames() string {
	var known []string
	for _, p := range c.file.Policies {
		if known = append(known, p.Name); len(known) == 8 {
			known = append(known, "…")
			break
		}
	}
	if known == nil {
		return "policies: has none"
	}
	return "there is " + strings.Join(known, ", ")
}
