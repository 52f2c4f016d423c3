package config

import (
	"errors"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/radiusd/attribute"
)

// maxReply is what reply attributes may take of an Access-Accept of 4,096 bytes (RFC 2865
// section 3); the rest is for Message-Authenticator, Reply-Message, State and Proxy-State.
const maxReply = 3000

// reply encodes the attributes of a policy or group, so that a wrong one shows here and not at
// somebody's login.
func (c check) reply(key string, given []named[reply]) []core.Attribute {
	var list []core.Attribute
	for _, a := range given {
		at := entryPath(key, a.Name)
		if a.Value.value == nil {
			continue // the walk has said why
		}
		encoded, err := attribute.Encode(a.Name, a.Value.value)
		if err != nil {
			if e, ok := errors.AsType[*attribute.Error](err); ok {
				c.fail(at, e.Help, "%s", e.What)
			} else {
				c.fail(at, "", "%s", err)
			}
			continue
		}
		list = append(list, encoded...)
	}
	return list
}

// fits reports attributes that no reply can hold: those of a policy with those of one group
// in it, which replace the policy's of the same name.
func (c check) fits(key string, policy, group []core.Attribute) {
	size := 0
	replaced := map[string]bool{}
	for _, a := range group {
		size += 2 + len(a.Value)
		replaced[a.Name] = true
	}
	for _, a := range policy {
		if !replaced[a.Name] {
			size += 2 + len(a.Value)
		}
	}
	if size > maxReply {
		c.fail(key, "", "the attributes take %d bytes, a reply has room for %d", size, maxReply)
	}
}
