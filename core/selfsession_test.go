package core

import (
	"testing"

	"github.com/latchkey/latchkey/core/store"
)

// TestSessionsOfOneUserAreBounded: of too many the oldest goes; those that are over do not count, nor do another's.
func TestSessionsOfOneUserAreBounded(t *testing.T) {
	h := newHouse(t, selfServed)
	h.enrol("lutz")
	h.enrol("other")
	theirs := h.signIn("other")
	var all []*browser
	for range maxSessions {
		all = append(all, h.signIn("lutz"))
	}
	all[1].must("sign-out", doc{}, nil)
	all = append(all, h.signIn("lutz"))
	all[0].overview()
	all = append(all, h.signIn("lutz"))
	all[0].refused("", nil, CodeSignedOut)
	for _, b := range all[2:] {
		b.overview()
	}
	theirs.overview()
	if err := h.RemoveUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	lists := 0
	err := h.Core.store.View(t.Context(), func(r store.Reader) error {
		return r.Scan([]byte{'j'}, nil, func(_, _ []byte) bool { lists++; return true })
	})
	if err != nil || lists != 1 {
		t.Errorf("%d lists of sessions: %v", lists, err)
	}
}
