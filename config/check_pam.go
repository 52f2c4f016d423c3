package config

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core"
)

// servicePrefix begins the name of every PAM service for checks, as latchkey-pamcheck has it: the stacks of other
// programs are none of the daemon's business.
const servicePrefix = "latchkey"

// pamFolders are where libpam looks for a service.
var pamFolders = []string{"/etc/pam.d/", "/usr/lib/pam.d/"}

func (c check) pam() PAM {
	given := c.file.PAM
	p := PAM{Service: given.Service, Socket: c.absolute("pam.socket", given.Socket), Timeout: given.Within, AtOnce: given.AtOnce}
	if !strings.HasPrefix(given.Service, servicePrefix) || len(given.Service) > 64 ||
		strings.Trim(given.Service, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		c.fail("pam.service", "latchkey-pamcheck", "is no name of a file in /etc/pam.d that begins with %s", servicePrefix)
	}
	if len(p.Socket) > maxSocketPath {
		c.fail("pam.socket", "Unix sockets allow no more", "is %d bytes long, at most %d are possible", len(p.Socket), maxSocketPath)
	}
	c.within("pam.check_within", given.Within, time.Second, time.Minute)
	if given.AtOnce < 1 || given.AtOnce > 256 {
		c.fail("pam.at_once", "8", "must be 1 to 256")
	}
	for _, policy := range c.file.Policies {
		if core.FirstKind(policy.Value.First) == core.FirstPAM {
			p.Used = true
		}
	}
	switch {
	case p.Used:
		c.pamThere(p)
	case c.given("pam"):
		c.warn("pam", "first: pam in a policy", "does nothing: no policy lets PAM check the password")
	}
	return p
}

// pamThere looks for what the first check will need. None of it is the daemon's own, so a lack is a warning.
func (c check) pamThere(p PAM) {
	missing := true
	for _, folder := range pamFolders {
		if _, err := c.files.Mode(folder + p.Service); !errors.Is(err, fs.ErrNotExist) {
			missing = false
		}
	}
	if missing {
		c.warnFirst("pam.service", "the package latchkey has /etc/pam.d/latchkey-pamcheck", "there is no PAM service %s: nobody could log in", p.Service)
	}
	if mode, err := c.files.Mode(p.Socket); errors.Is(err, fs.ErrNotExist) || err == nil && mode.Type() != fs.ModeSocket {
		c.warnFirst("pam.socket", "systemctl enable --now latchkey-pamcheck.socket", "nobody listens at %s to check passwords by PAM", p.Socket)
	}
	for i, client := range c.file.Radius.Clients {
		rule, ok := c.rules[client.Policy]
		if ok && core.FirstKind(rule.First) == core.FirstPAM && p.Timeout >= client.Timeout*time.Duration(client.Tries) {
			c.warn(itemPath("radius.clients", i), "timeout and tries as the gateway has them, or a shorter pam.check_within",
				"gives up after %s: before a password check that takes pam.check_within (%s)", client.Timeout*time.Duration(client.Tries), p.Timeout)
		}
	}
}

// warnFirst puts a warning about a default where a policy asks for it.
func (c check) warnFirst(key, hint, format string, args ...any) {
	if !c.given(key) {
		for _, policy := range c.file.Policies {
			if core.FirstKind(policy.Value.First) == core.FirstPAM {
				key = entryPath("policies", policy.Name) + ".first"
				break
			}
		}
	}
	c.warn(key, hint, format, args...)
}
