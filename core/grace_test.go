package core

import (
	"net/netip"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

func TestGrace(t *testing.T) {
	h := newFleetHouse(t, func(s *Settings) {
		for i := range s.Hosts.Fleet {
			s.Hosts.Fleet[i].Grace = 10 * time.Minute
		}
	})
	h.enrol("lutz")
	h.enrol("carla")
	p, q := h.newHost("web01"), h.newHost("web02")
	if s := p.begin(fromSSH("lutz")); s.Kind != Challenge {
		t.Fatalf("grace out of nothing: %+v", s)
	}
	want(t, p.login(fromSSH("lutz")), Accept, Right)
	want(t, p.begin(fromSSH("lutz")), Accept, WithinGrace)
	if e := h.audited(); e.Reason != WithinGrace || e.Result != "accept" {
		t.Errorf("not logged: %+v", e)
	}
	h.restart() // it is durable
	want(t, p.begin(fromSSH("lutz")), Accept, WithinGrace)

	elsewhere := fromSSH("lutz")
	elsewhere.Source.Value = "198.51.100.8"
	onHost := fromSSH("lutz")
	onHost.Source = Source{}
	sudo := fromSSH("lutz") // another policy
	sudo.Service = "sudo"
	for what, s := range map[string]Step{
		"another address": p.begin(elsewhere), "no address": p.begin(onHost), "another host": q.begin(fromSSH("lutz")),
		"another policy": p.begin(sudo), "another user": p.begin(fromSSH("carla")),
	} {
		if s.Kind != Challenge {
			t.Errorf("%s: %+v", what, s)
		}
	}
	// It does not prolong itself.
	h.now = h.now.Add(9 * time.Minute)
	want(t, p.begin(fromSSH("lutz")), Accept, WithinGrace)
	h.now = h.now.Add(time.Minute)
	if s := p.begin(fromSSH("lutz")); s.Kind != Challenge {
		t.Fatalf("past its time: %+v", s)
	}
	// A lock holds, and the epoch ends it.
	want(t, p.login(fromSSH("lutz")), Accept, Right)
	if err := h.LockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	if s := p.begin(fromSSH("lutz")); s.Kind == Accept {
		t.Fatalf("locked: %+v", s)
	}
	if err := h.UnlockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	want(t, p.login(fromSSH("lutz")), Accept, Right)
	if err := h.SetPassword(t.Context(), root, "lutz", secret.New("latchkey-demo")); err != nil {
		t.Fatal(err)
	}
	if s := p.begin(fromSSH("lutz")); s.Kind == Accept {
		t.Fatalf("after a new password: %+v", s)
	}
	// A wrong password gets none, and a helpdesk's code gives none.
	if _, _, err := h.TemporaryCode(t.Context(), root, "lutz", time.Hour, 1); err != nil {
		t.Fatal(err)
	}
	want(t, p.login(sudo), Accept, Right)
	want(t, p.begin(sudo), Accept, WithinGrace)
	sudo.Password = secret.New("wrong")
	want(t, p.begin(sudo), Reject, WrongPassword)
}

func TestGraceIsNotOfTheHelpdesk(t *testing.T) {
	h := newFleetHouse(t, func(s *Settings) { s.Hosts.Fleet[0].Grace = time.Hour })
	h.enrol("lutz")
	p := h.newHost("web01")
	code, _, err := h.TemporaryCode(t.Context(), root, "lutz", time.Hour, 1)
	if err != nil {
		t.Fatal(err)
	}
	want(t, p.answer(fromSSH("lutz"), p.begin(fromSSH("lutz")).Token, code.Reveal()), Accept, RightTemporary)
	if s := p.begin(fromSSH("lutz")); s.Kind != Challenge {
		t.Errorf("%+v", s)
	}
}

func TestExempt(t *testing.T) {
	h := newFleetHouse(t, func(s *Settings) {
		s.Hosts.Fleet[0].Exempt = Exempt{Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}, Groups: []string{"robots"}}
		s.Hosts.Fleet[2].Exempt.Networks = s.Hosts.Fleet[0].Exempt.Networks // web-special is not trusted to tell addresses
	})
	h.enrol("lutz")
	h.enrol("carla")
	p := h.newHost("web01")
	want(t, p.begin(fromSSH("lutz")), Accept, Exempted)
	if e := h.audited(); e.Reason != Exempted {
		t.Errorf("not logged: %+v", e)
	}
	out := fromSSH("lutz")
	out.Source.Value = "203.0.113.5"
	if s := p.begin(out); s.Kind != Challenge {
		t.Errorf("%+v", s)
	}
	// Nobody, and whom the host may not ask for, are exempt from nothing.
	for _, user := range []string{"nobody-here", "carla"} {
		if s := p.begin(fromSSH(user)); s.Kind != Challenge {
			t.Errorf("%s: %+v", user, s)
		}
	}
	if s := h.newHost("web-special").begin(fromSSH("lutz")); s.Kind != Challenge {
		t.Errorf("%+v", s)
	}
	sudo := fromSSH("lutz")
	sudo.Service, sudo.Password = "sudo", secret.New("wrong")
	want(t, p.begin(sudo), Reject, WrongPassword)
	// By group, from anywhere; a success without second factor is none for the locks.
	groups := []string{"robots"}
	if _, err := h.ChangeUser(t.Context(), root, "lutz", UserChange{Groups: &groups}); err != nil {
		t.Fatal(err)
	}
	want(t, p.begin(out), Accept, Exempted)
	if err := h.LockUser(t.Context(), root, "lutz"); err != nil {
		t.Fatal(err)
	}
	if s := p.begin(out); s.Kind == Accept {
		t.Errorf("a locked user is exempt: %+v", s)
	}
	// At the local socket the same, by its own rule.
	h.set.Hosts.Local.Exempt.Groups = groups
	h.restart()
	local := fromSSH("lutz")
	local.Door, local.NAS, local.Policy, local.Source = DoorPAM, "localhost", "vpn", Source{SourceUID, "1000"}
	if s := h.begin(local); s.Kind == Accept {
		t.Errorf("locked: %+v", s)
	}
	_ = h.UnlockUser(t.Context(), root, "lutz")
	want(t, h.begin(local), Accept, Exempted)
	local.Door = DoorRADIUS
	if s := h.begin(local); s.Kind != Challenge {
		t.Errorf("RADIUS has no exemptions: %+v", s)
	}
}
