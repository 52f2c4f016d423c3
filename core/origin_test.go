package core

import (
	"errors"
	"testing"
)

// TestOriginOrphans: phones belong to the origin that they were enrolled for.
func TestOriginOrphans(t *testing.T) {
	h := newPhoneHouse(t)
	under := func(origin string) *Core {
		set := h.set
		set.Device.Origin = origin
		return h.With(set)
	}
	check := func(origin string, force bool, wantOrphaned, wantRefused int) {
		t.Helper()
		orphaned, err := under(origin).CheckOrigin(t.Context(), force)
		var changed *OriginChanged
		refused := 0
		if errors.As(err, &changed) {
			refused = changed.Devices
		} else if err != nil {
			t.Fatal(err)
		}
		if orphaned != wantOrphaned || refused != wantRefused {
			t.Errorf("%s: %d phones orphaned, %d in the way: %v", origin, orphaned, refused, err)
		}
	}
	const first, second, third = "https://a.example.org", "https://b.example.org:8443", "https://c.example.org"
	check(first, false, 0, 0)
	check(second, false, 0, 0) // nobody has a phone yet
	p := h.newPhone("lutz", true)
	h.newPhone("lutz", false) // inert, but somebody's
	check(second, false, 0, 0)
	check(first, false, 0, 2)
	check(second, false, 0, 0) // nothing was kept
	check("", false, 0, 0)     // the door is shut for a while
	if err := h.RevokeDevice(t.Context(), Actor{Name: "root", Role: RoleAdmin}, "lutz", p.id.String()); err != nil {
		t.Fatal(err)
	}
	check(first, false, 0, 1)
	check(third, true, 1, 0)
	check(third, false, 0, 0)
}
