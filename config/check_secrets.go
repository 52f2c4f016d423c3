package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
)

// Lengths of a shared secret in bytes: RFC 2865 section 3 asks for 16, and MD5 of less than 8
// is found in an afternoon.
const (
	minSecret  = 8
	goodSecret = 16
	maxSecrets = 4
)

// secrets gathers those of one client, from whichever of the four keys it uses.
func (c check) secrets(key string, given client) []core.Secret {
	var used []string
	for _, name := range []string{"secret", "secret_file", "secrets", "secret_files"} {
		if c.given(key + "." + name) {
			used = append(used, name)
		}
	}
	switch {
	case c.silenced(key):
		return nil
	case len(used) == 0:
		c.fail(key+".secret", "secret_file: with the path of a file that holds it, or secret: in quotes", "is missing")
		return nil
	case len(used) > 1:
		c.fail(key+"."+used[1], "secrets: [new, old] while one is changed", "%s is given too, and only one of them may be", used[0])
		return nil
	}
	at := key + "." + used[0]
	var list []core.Secret
	add := func(key string, s core.Secret) {
		if s = c.strength(key, s); !s.IsEmpty() {
			for _, other := range list {
				if other.Equal(s) {
					c.warn(key, "", "is the same secret as one before it")
				}
			}
			list = append(list, s)
		}
	}
	switch used[0] {
	case "secret":
		c.exposedSecret(at)
		add(at, given.Secret)
	case "secret_file":
		add(at, c.secretFile(at, given.SecretFile))
	case "secrets":
		c.exposedSecret(at)
		c.count(at, len(given.Secrets))
		for i, s := range given.Secrets {
			add(itemPath(at, i), s)
		}
	case "secret_files":
		c.count(at, len(given.SecretFiles))
		for i, path := range given.SecretFiles {
			add(itemPath(at, i), c.secretFile(itemPath(at, i), path))
		}
	}
	return list
}

func (c check) count(key string, n int) {
	switch {
	case n == 0:
		c.fail(key, "[new, old]", "is empty")
	case n > maxSecrets:
		c.fail(key, "each packet is tried with all of them", "has %d secrets, at most %d are possible", n, maxSecrets)
	}
}

func (c check) strength(key string, s core.Secret) core.Secret {
	switch {
	case s.IsEmpty():
		c.fail(key, fmt.Sprintf("at least %d characters", goodSecret), "is empty")
	case s.Len() < minSecret:
		c.fail(key, fmt.Sprintf("at least %d", goodSecret), "is shorter than %d characters", minSecret)
	case s.Len() < goodSecret:
		c.warn(key, "openssl rand -hex 24", "is shorter than %d characters: one recorded packet is enough to search for it", goodSecret)
	}
	return s
}

// exposedSecret warns of a secret in a configuration file that everybody may read.
func (c check) exposedSecret(key string) {
	if readableByAll(c.mode) {
		c.warn(key, "chmod 0640, or secret_file", "everybody on this machine may read this file, its mode is %04o", c.mode.Perm())
	}
}

// secretFile reads a secret from its file, without the line break that editors put at the end.
// No message shows the path: it may be a secret that was written behind the wrong key.
func (c check) secretFile(key, path string) core.Secret {
	c.absolute(key, path)
	if c.silenced(key) {
		return core.Secret{}
	}
	content, err := c.files.ReadFile(path)
	if err != nil {
		hint := "the user latchkey must be able to read it"
		if errors.Is(err, fs.ErrNotExist) {
			hint = "is the path right? A new secret: openssl rand -hex 24"
		}
		c.fail(key, hint, "cannot be read: %s", cause(err))
		return core.Secret{}
	}
	content = bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r"))
	switch {
	case len(content) == 0:
		c.fail(key, "it holds the secret, and nothing else", "is an empty file")
	case len(content) > 4096 || bytes.ContainsAny(content, "\r\n"):
		c.fail(key, "it holds the secret, and nothing else", "holds more than one line")
	}
	if mode, err := c.files.Mode(path); err == nil && readableByAll(mode) {
		c.warn(key, "chmod 0640", "everybody on this machine may read this file, its mode is %04o", mode.Perm())
	}
	return secret.FromBytes(content)
}

func readableByAll(mode fs.FileMode) bool { return mode.Perm()&0o004 != 0 }
