package config

import (
	"fmt"
	"slices"

	"github.com/latchkey/latchkey/core"
)

func (c check) hosts() Hosts {
	given := c.file.Hosts
	if !c.given("hosts") {
		return Hosts{}
	}
	h := Hosts{Policy: given.Policy, PasswordChecked: given.PasswordChecked}
	if given.Policy == "" {
		c.fail("hosts.policy", "the name of one of the policies", "is missing")
	} else {
		c.hostPolicy("hosts.policy", given.Policy, "hosts", given.PasswordChecked)
	}
	for _, s := range given.Services {
		key := entryPath("hosts.services", s.Name)
		if h.Services == nil {
			h.Services = map[string]string{}
		}
		h.Services[s.Name] = s.Value
		c.hostPolicy(key, s.Value, "hosts", given.PasswordChecked)
	}
	if given.PasswordChecked && !c.passwordless(given) {
		c.warn("hosts.password_checked", "false", "does nothing: no policy of hosts says first: none")
	}
	return h
}

// passwordless tells whether a policy of hosts rests on the hosts' own check.
func (c check) passwordless(given hosts) bool {
	none := func(policy string) bool { return core.FirstKind(c.rules[policy].First) == core.FirstNone }
	return none(given.Policy) || slices.ContainsFunc(given.Services, func(s named[string]) bool { return none(s.Value) })
}

// hostPolicy: `first: none` is safe only behind PAM stacks that have checked the password.
func (c check) hostPolicy(key, policy, section string, checked bool) {
	given, ok := c.rules[policy]
	switch {
	case !ok:
		c.fail(key, c.policyNames(), "there is no such policy")
	case core.FirstKind(given.First) == core.FirstNone && !checked && !c.silenced(entryPath("policies", policy)+".first"):
		c.fail(key, "first: password there, or "+section+".password_checked: true if the hosts' PAM stacks check it (pam_unix) before they ask Latchkey",
			"under %s nobody checks the password", policy)
	}
}

// socketsOfHosts: one for root and one for everybody, so that a crowd at the latter keeps nobody from the former.
func (c check) socketsOfHosts(s *Socket) {
	if !c.given("hosts") {
		for _, key := range []string{"socket.pam", "socket.pam_user"} {
			if c.given(key) {
				c.warn(key, "hosts: {policy: …}", "does nothing: there is no section for hosts")
			}
		}
		return
	}
	s.PAM = c.socketPath("socket.pam", c.file.Socket.PAM)
	s.PAMUser = c.socketPath("socket.pam_user", c.file.Socket.PAMUser)
	keys, paths := []string{"socket.admin", "socket.pam", "socket.pam_user"}, []string{s.Admin, s.PAM, s.PAMUser}
	for i, path := range paths {
		if j := slices.Index(paths, path); j < i {
			c.fail(keys[i], "a socket of its own", "%s", fmt.Sprintf("is the path of %s", keys[j]))
		}
	}
}
