package main

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// voidAnswer begins what sshd puts in the place of an answer (and perhaps a name) where the login is void anyway:
// for unknown users, and for root under PermitRootLogin. It is nobody's guess.
const voidAnswer = '\b'

// identify finds whom the login is about, and whether the module has anything to say about them. NSS comes first: a name
// that it does not know is denied before any exemption is looked at. A verdict that is not empty ends the login.
func identify(c *call, o *options, log *logger) (account, verdict) {
	name := c.user
	if o.ruser {
		if !slices.Contains([]string{"sudo", "sudo-i", "su", "su-l"}, c.service) {
			log.critf("user_from=ruser is for sudo and su, not for %q: denied", c.service)
			return account{}, mistaken
		}
		name = c.ruser
	}
	if name == "" || name[0] == voidAnswer || !utf8.ValidString(name) {
		log.noticef("a name that is none: denied")
		return account{}, unknownUser
	}
	who, err := findAccount(name)
	switch {
	case errors.Is(err, errNoAccount):
		log.noticef("the host knows no such user: denied")
		return who, unknownUser
	case err != nil:
		log.critf("%v: denied", err)
		return who, unavailable
	}
	if o.ruser && who.uid != c.realUID {
		// PAM_RUSER is a program's word; the real uid is the kernel's.
		log.critf("PAM_RUSER is %q, whose uid is not the caller's (%d): denied", name, c.realUID)
		return who, deny
	}
	log.user = who.name
	why, err := exempt(who, o)
	if err != nil {
		log.critf("%v: denied", err)
		return who, mistaken
	}
	if why != "" {
		log.noticef("exempt: %s", why)
		return who, ignore
	}
	return who, ""
}

// exempt says why the module leaves somebody to the rest of the stack, or nothing. A group that does not exist exempts
// nobody, and is an error in groups=: misspelt, it would exempt everybody.
func exempt(who account, o *options) (why string, err error) {
	if who.uid < o.minUID {
		return fmt.Sprintf("uid %d is below min_uid", who.uid), nil
	}
	if len(o.groups)+len(o.exclude) == 0 {
		return "", nil
	}
	mine, err := groupsOf(who)
	if err != nil {
		return "", err
	}
	in := func(name string) (bool, error) {
		gid, err := findGroup(name)
		return err == nil && mine[gid], err
	}
	for _, name := range o.exclude {
		is, err := in(name)
		if err != nil && !errors.Is(err, errNoGroup) {
			return "", err
		}
		if is {
			return "a member of " + name, nil
		}
	}
	member := len(o.groups) == 0
	for _, name := range o.groups {
		is, err := in(name)
		if err != nil {
			return "", fmt.Errorf("groups=: %s: %w", name, err)
		}
		member = member || is
	}
	if !member {
		return "in none of the groups", nil
	}
	return "", nil
}
