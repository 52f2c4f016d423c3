package config

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core"
)

// maxGrace: whoever shows a second factor less than once a day shows none.
const maxGrace = 24 * time.Hour

// hostPattern is a host's name, or such a name with * in it.
var hostPattern = regexp.MustCompile(`^[a-z0-9*]([a-z0-9._*-]{0,62}[a-z0-9*])?$`)

// hostSettings are the rules of hosts, as core knows them: those of this machine, and each kind of the fleet.
func (c check) hostSettings() core.HostSettings {
	given := c.file.Hosts
	s := core.HostSettings{Served: slices.Contains(c.file.Web.Serve, "hosts") && c.given("web")}
	if !c.given("hosts") {
		if s.Served {
			c.fail("web.serve", "a section `hosts:` with named", "has hosts, and there is no section that says what they may do")
		}
		return s
	}
	services := map[string]string{}
	for _, e := range given.Services {
		services[e.Name] = e.Value
	}
	s.Local = core.HostRule{
		Policy: given.Policy, Services: services, PasswordChecked: given.PasswordChecked, TrustRHost: true,
		Grace: c.grace("hosts", given.Grace), Exempt: c.exempt("hosts", given.Exempt, true),
	}
	switch {
	case s.Served && len(given.Named) == 0:
		c.fail("web.serve", "named: {\"web*\": {groups: [staff]}} in the section `hosts:`", "has hosts, and hosts.named allows none")
	case !s.Served && len(given.Named) > 0:
		c.warn("hosts.named", "serve: [app, hosts]", "does nothing: web.serve lacks hosts")
	}
	for _, e := range given.Named {
		s.Fleet = append(s.Fleet, c.kind(entryPath("hosts.named", e.Name), e.Name, e.Value, services))
	}
	return s
}

// kind is one entry of hosts.named. It takes policy and services from the section where it has none of its own; what opens
// something it must say itself.
func (c check) kind(key, name string, given kind, services map[string]string) core.HostRule {
	if !hostPattern.MatchString(strings.ToLower(name)) {
		c.fail(key, `web01, web01.example.org or "web*"`, "is no name of a host, nor a pattern")
	}
	r := core.HostRule{
		Match: strings.ToLower(name), Policy: given.Policy, Services: services, PasswordChecked: given.PasswordChecked,
		Users: given.Users, Groups: given.Groups, TrustRHost: given.TrustRHost,
		Grace: c.grace(key, given.Grace), Exempt: c.exempt(key, given.Exempt, given.TrustRHost),
	}
	at := key + ".policy"
	if r.Policy == "" {
		r.Policy, at = c.file.Hosts.Policy, key
	}
	if r.Policy != "" {
		c.hostPolicy(at, r.Policy, key, given.PasswordChecked)
	}
	if c.given(key + ".services") {
		r.Services = map[string]string{}
		for _, e := range given.Services {
			r.Services[e.Name] = e.Value
			c.hostPolicy(entryPath(key+".services", e.Name), e.Value, key, given.PasswordChecked)
		}
	} else {
		for _, policy := range services {
			if policy != r.Policy {
				c.hostPolicy(key, policy, key, given.PasswordChecked)
			}
		}
	}
	if len(given.Users)+len(given.Groups) == 0 {
		c.warn(key, "groups: [staff], or users: [lutz]", "may ask for everybody: one such host that is stolen learns who there is, and may guess for each")
	}
	if given.Grace > 0 && !given.TrustRHost {
		c.warn(key+".grace", "trust_rhost: true", "holds for sudo and su alone: without trust_rhost nobody knows where a login by ssh comes from")
	}
	return r
}

func (c check) grace(key string, d time.Duration) time.Duration {
	if d != 0 {
		c.within(key+".grace", d, time.Second, maxGrace)
	}
	return d
}

func (c check) exempt(key string, given exempt, trusted bool) core.Exempt {
	key += ".exempt"
	e := core.Exempt{Groups: given.Groups}
	for i, text := range given.Networks {
		at := itemPath(key+".networks", i)
		prefix, err := netip.ParsePrefix(text)
		switch {
		case err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6():
			c.fail(at, "192.0.2.0/24", "is no network")
			continue
		case prefix.Bits() == 0:
			c.fail(at, "unenrolled: allow, or no second factor in the policy, if that is meant", "is everywhere")
			continue
		}
		e.Networks = append(e.Networks, prefix)
	}
	if len(e.Networks) > 0 && !trusted {
		c.warn(key+".networks", "trust_rhost: true", "does nothing: without trust_rhost nobody knows an address")
	}
	if len(e.Networks)+len(e.Groups) > 0 {
		c.warn(key, "leave it out, if you can", "lets in with the password alone; each such login is logged")
	}
	return e
}
