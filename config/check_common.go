package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/pinphrase/common"
)

// commonLists looks for the lists of common answers that a question names, and reads those that are the admin's own.
func (c check) commonLists(key string, names []string, s *pinphrase.Settings) {
	for i, name := range names {
		at := itemPath(key, i)
		if slices.Contains(names[:i], name) {
			c.fail(at, "", "stands there twice")
		}
		if !strings.HasPrefix(name, "/") {
			if known := common.Names(); !slices.Contains(known, name) {
				c.fail(at, "there are "+strings.Join(known, ", ")+", or the path of a file of your own", "is no list")
			}
			continue
		}
		if _, read := s.Lists[name]; read {
			continue
		}
		content, err := c.files.ReadFile(name)
		if err != nil {
			c.fail(at, "", "cannot be read: %s", cause(err))
			continue
		}
		if len(content) > MaxSize {
			c.fail(at, fmt.Sprintf("at most %d KiB", MaxSize>>10), "is too large")
			continue
		}
		list, err := pinphrase.ParseList(name, string(content))
		if err == nil {
			err = list.Check()
		}
		if err != nil {
			c.fail(at, "one answer a line, perhaps a tab and a weight behind it", "%s", err)
			continue
		}
		if s.Lists == nil {
			s.Lists = map[string]pinphrase.List{}
		}
		s.Lists[name] = list
	}
}
