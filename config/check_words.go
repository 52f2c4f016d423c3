package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

var word = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// word is a name that stands in logs, keys of the store and tokens.
func (c check) word(key, name, hint string) {
	switch {
	case name == "":
		c.fail(key, hint, "is missing")
	case !word.MatchString(name):
		c.fail(key, hint, "may hold letters, digits, dots, hyphens and underscores, at most 64")
	}
}

func (c check) oneOf(key, value string, known ...string) bool {
	if slices.Contains(known, value) {
		return true
	}
	last := len(known) - 1
	must := strings.Join(known[:last], ", ") + " or " + known[last]
	hint := ""
	for _, k := range known {
		if d := edits(strings.ToLower(value), k); d <= len(k)/3 {
			hint = "did you mean " + k + "?"
		}
	}
	c.fail(key, hint, "must be %s", must)
	return false
}

// between reports a number out of its range.
func (c check) between(key string, value, low, high int) {
	if value < low || value > high {
		c.fail(key, fmt.Sprintf("from %d to %d", low, high), "is %d", value)
	}
}

// within reports a duration out of its range.
func (c check) within(key string, value, low, high time.Duration) {
	if value < low || value > high {
		c.fail(key, fmt.Sprintf("from %s to %s", short(low), short(high)), "is %s", short(value))
	}
}

// short writes 15m for 15m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
