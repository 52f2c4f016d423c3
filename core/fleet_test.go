package core

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
)

func newFleetHouse(t *testing.T, change ...func(*Settings)) *house {
	t.Helper()
	return newHouse(t, append([]func(*Settings){func(s *Settings) {
		s.Device.Origin = "https://latchkey.example.org:8443"
		s.Locks.HostAfter, s.Locks.HostHalves = 100, time.Hour
		s.Hosts = HostSettings{
			Served: true, Local: HostRule{Policy: "vpn"},
			Fleet: []HostRule{
				{Match: "web*", PasswordChecked: true, Policy: "bare", Services: map[string]string{"sudo": "vpn"}, Users: []string{"Lutz"}, Groups: []string{"admins"}, TrustRHost: true},
				{Match: "lab*", Policy: "lab"},
				{Match: "web-special", Policy: "vpn"},
			},
		}
	}}, change...)...)
}

// testHost is a host of the fleet, or who has stolen one.
type testHost struct {
	h           *house
	name        string
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	number      uint64
}

func request(t *testing.T) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := fleet.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	der, err := fleet.Request(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

func (h *house) inviteHost(name string) fleet.Invitation {
	h.t.Helper()
	url, _, err := h.InviteHost(h.t.Context(), root, name, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	inv, err := fleet.ParseInvitation(url.Reveal())
	if err != nil {
		h.t.Fatal(err)
	}
	return inv
}

func (h *house) spend(inv fleet.Invitation, request []byte) (reply hostReply, err error) {
	body, _ := json.Marshal(map[string]any{"invitation": mobile.Bytes(inv.ID[:]), "secret": mobile.Bytes(inv.Secret.Reveal()), "request": mobile.Bytes(request)})
	raw, err := h.EnrolHost(h.t.Context(), HostEnrolCall{Request: "r", Body: body, Remote: "192.0.2.80"})
	if err == nil {
		err = json.Unmarshal(raw, &reply)
	}
	return reply, err
}

func (h *house) newHost(name string) *testHost {
	h.t.Helper()
	key, der := request(h.t)
	reply, err := h.spend(h.inviteHost(name), der)
	if err != nil {
		h.t.Fatal(err)
	}
	p := &testHost{h: h, name: name, key: key}
	p.take(reply)
	return p
}

func (p *testHost) take(reply hostReply) {
	p.h.t.Helper()
	certificate, err := x509.ParseCertificate(reply.Certificate)
	if err != nil {
		p.h.t.Fatal(err)
	}
	p.certificate, p.number = certificate, reply.Number
}

func (p *testHost) call() HostCall {
	return HostCall{Request: "r1", Certificate: p.certificate, Remote: "192.0.2.80"}
}

func (p *testHost) renew(request []byte) (reply hostReply, err error) {
	body, _ := json.Marshal(map[string]any{"request": mobile.Bytes(request)})
	raw, err := p.h.RenewHost(p.h.t.Context(), p.call(), body)
	if err == nil {
		err = json.Unmarshal(raw, &reply)
	}
	return reply, err
}

// fromSSH is an attempt as a door hears of it: what it says of policy and NAS is a lie that must not matter.
func fromSSH(user string) Attempt {
	return Attempt{
		Door: DoorRADIUS, NAS: "vpn", Policy: "soft", Service: "sshd", User: user, Source: Source{SourcePerson, "198.51.100.7"},
		Password: secret.New("latchkey-demo"),
	}
}

func (p *testHost) begin(a Attempt) Step {
	p.h.t.Helper()
	s, err := p.h.HostBegin(p.h.t.Context(), p.call(), a)
	if err != nil {
		p.h.t.Fatal(err)
	}
	return s
}

func (p *testHost) answer(a Attempt, token, text string) Step {
	p.h.t.Helper()
	s, err := p.h.HostAnswer(p.h.t.Context(), p.call(), Reply{Attempt: a, Token: token, Text: secret.New(text)})
	if err != nil {
		p.h.t.Fatal(err)
	}
	return s
}

func (p *testHost) login(a Attempt) Step {
	p.h.t.Helper()
	s := p.begin(a)
	if s.Kind != Challenge {
		p.h.t.Fatalf("no challenge: %+v", s)
	}
	return p.answer(a, s.Token, p.h.solve(s.Prompt))
}

func (h *house) hostInfo1(name string) HostInfo {
	h.t.Helper()
	list, err := h.HostList(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(i HostInfo) bool { return i.Name == name })
	if i < 0 {
		return HostInfo{}
	}
	return list[i]
}

func wantCode(t *testing.T, err error, code DeviceCode) {
	t.Helper()
	if codeOf(err) != code {
		t.Fatalf("%v, want %s", err, code)
	}
}

func TestHostLogsIn(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	p := h.newHost("web01")
	want(t, p.login(fromSSH("LUTZ")), Accept, Right)
	e := h.audited()
	if e.Door != "pam" || e.NAS != "web01" || e.Policy != "bare" || e.Source != "addr:198.51.100.7@web01" || e.Detail != "service sshd" {
		t.Errorf("audited %+v", e)
	}
	// By service, and under a first factor.
	a := fromSSH("lutz")
	a.Service = "sudo"
	want(t, p.login(a), Accept, Right)
	if e := h.audited(); e.Policy != "vpn" {
		t.Errorf("audited %+v", e)
	}
	info := h.hostInfo1("web01")
	if info.State != "active" || info.Entry != "web*" || info.Realm != "default" || info.LastSeen == nil || info.Expires == nil || info.Wrong != 0 {
		t.Errorf("%+v", info)
	}
	if !info.Expires.Equal(h.now.Add(hostLife).UTC()) {
		t.Errorf("ends %v", info.Expires)
	}
}

func TestHostRules(t *testing.T) {
	s := HostSettings{Fleet: []HostRule{{Match: "*"}, {Match: "web*"}, {Match: "web*.example.org"}, {Match: "w*b*1"}, {Match: "web01"}, {Match: "*db"}}}
	for name, want := range map[string]string{
		"web01": "web01", "web02": "web*", "web02.example.org": "web*.example.org", "mail": "*", "web11": "web*", "wxb1": "w*b*1", "db": "*db", "dbdb": "*db", "web": "web*",
	} {
		if r := s.rule(name); r == nil || r.Match != want {
			t.Errorf("%s: %+v, want %s", name, r, want)
		}
	}
	if r := (&HostSettings{Fleet: s.Fleet[1:3]}).rule("mail"); r != nil {
		t.Errorf("mail: %+v", r)
	}
	for _, no := range []string{"aba", "ab", "abxb"} {
		if fits("ab*ba", no) {
			t.Errorf("ab*ba fits %s", no)
		}
	}
}

func TestAttackInvitationSpentTwice(t *testing.T) {
	h := newFleetHouse(t)
	inv := h.inviteHost("web01")
	_, one := request(t)
	_, two := request(t)
	replies := make([]error, 2)
	parallel(2, func(i int) { _, replies[i] = h.spend(inv, [][]byte{one, two}[i]) })
	if good := slices.DeleteFunc(slices.Clone(replies), func(err error) bool { return err != nil }); len(good) != 1 {
		t.Fatalf("%v", replies)
	}
	info := h.hostInfo1("web01")
	if info.State != "locked" || info.Why != "invitation" {
		t.Errorf("%+v", info)
	}
	if e := h.audited(); e.Event != eventAlert || e.Result != "host-invitation-used-twice" || e.NAS != "web01" {
		t.Errorf("%+v", e)
	}
	if err := h.UnlockHost(t.Context(), root, "web01"); !errors.Is(err, ErrRefused) {
		t.Errorf("unlocked: %v", err)
	}
	for _, der := range [][]byte{one, two} {
		_, err := h.spend(inv, der)
		wantCode(t, err, CodeInvitationVoid)
	}
}

func TestInvitationAfterALostReply(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	inv := h.inviteHost("web01")
	key, der := request(t)
	first, err := h.spend(inv, der)
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.spend(inv, der)
	if err != nil || string(again.Certificate) != string(first.Certificate) {
		t.Fatalf("%v", err)
	}
	p := &testHost{h: h, name: "web01", key: key}
	p.take(again)
	want(t, p.login(fromSSH("lutz")), Accept, Right)
}

func TestInvitationsEnd(t *testing.T) {
	h := newFleetHouse(t)
	_, der := request(t)
	inv := h.inviteHost("web01")
	if i := h.hostInfo1("web01"); i.State != "invited" {
		t.Errorf("%+v", i)
	}
	wrong := inv
	wrong.Secret = secret.New(strings.Repeat("x", fleet.SecretSize))
	_, err := h.spend(wrong, der)
	wantCode(t, err, CodeInvitationVoid)
	newer := h.inviteHost("web01") // ends the older
	_, err = h.spend(inv, der)
	wantCode(t, err, CodeInvitationVoid)
	h.now = h.now.Add(hostInviteFor)
	_, err = h.spend(newer, der)
	wantCode(t, err, CodeInvitationVoid)
	if h.hostInfo1("web01").Name != "" {
		t.Error("an invitation that has ended is listed")
	}
	back := h.inviteHost("web01")
	if err := h.RevokeHost(t.Context(), root, "WEB01"); err != nil {
		t.Fatal(err)
	}
	_, err = h.spend(back, der)
	wantCode(t, err, CodeInvitationVoid)

	if _, _, err := h.InviteHost(t.Context(), root, "mail", 0); !errors.Is(err, ErrRefused) {
		t.Errorf("a host that no entry fits: %v", err)
	}
	if _, _, err := h.InviteHost(t.Context(), root, "web 1", 0); !errors.Is(err, ErrInvalid) {
		t.Errorf("%v", err)
	}
	h.newHost("web01")
	if _, _, err := h.InviteHost(t.Context(), root, "web01", 0); !errors.Is(err, ErrHostExists) {
		t.Errorf("%v", err)
	}
}

func TestHostRenews(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	p := h.newHost("web01")
	old := *p
	key, der := request(t)
	lost, err := p.renew(der)
	if err != nil {
		t.Fatal(err)
	}
	// The reply is lost: the old one holds, and the same request gets the same certificate.
	want(t, p.login(fromSSH("lutz")), Accept, Right)
	reply, err := p.renew(der)
	if err != nil || string(reply.Certificate) != string(lost.Certificate) || reply.Number != 2 {
		t.Fatalf("%v %+v", err, reply)
	}
	s := p.begin(fromSSH("lutz")) // begun with the old one
	p.key = key
	p.take(reply)
	want(t, p.answer(fromSSH("lutz"), s.Token, h.solve(s.Prompt)), Accept, Right)
	// Used: the old one is nothing any more, and shows that there is a copy.
	_, err = h.HostBegin(t.Context(), old.call(), fromSSH("lutz"))
	wantCode(t, err, CodeOldCredential)
	if e := h.audited(); e.Event != eventAlert || e.Result != "host-old-certificate" {
		t.Errorf("%+v", e)
	}
	before := h.audited().Seq
	_, err = h.HostBegin(t.Context(), old.call(), fromSSH("lutz"))
	wantCode(t, err, CodeOldCredential)
	if h.audited().Seq != before {
		t.Error("each use of an old certificate writes a record")
	}
	_, der = request(t)
	_, err = old.renew(der)
	wantCode(t, err, CodeOldCredential)
	// Not with the same key again.
	same, _ := fleet.Request(key)
	_, err = p.renew(same)
	wantCode(t, err, CodeBadKey)
}

// Two processes renew at once: each gets a certificate, the one that is used first stays, and the host with it.
func TestHostRenewsTwiceAtOnce(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	p := h.newHost("web01")
	_, one := request(t)
	_, two := request(t)
	var replies [2]hostReply
	var errs [2]error
	parallel(2, func(i int) { replies[i], errs[i] = p.renew([][]byte{one, two}[i]) })
	if errs[0] != nil || errs[1] != nil {
		t.Fatal(errs)
	}
	works := 0
	for _, reply := range replies {
		q := *p
		q.take(reply)
		if s, err := h.HostBegin(t.Context(), q.call(), fromSSH("lutz")); err == nil && s.Kind == Challenge {
			works++
		} else {
			wantCode(t, err, CodeOldCredential)
		}
	}
	if works != 1 {
		t.Errorf("%d of the two certificates work", works)
	}
}

func TestCertificatesEndByTheClockOfTheAppliance(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	p := h.newHost("web01")
	h.now = h.now.Add(hostLife - time.Second)
	want(t, p.login(fromSSH("lutz")), Accept, Right)
	h.now = h.now.Add(time.Second)
	_, err := h.HostBegin(t.Context(), p.call(), fromSSH("lutz"))
	wantCode(t, err, CodeEndedHost)
	h.now = h.now.Add(hostLate - time.Second) // late, and still in time to renew
	_, der := request(t)
	reply, err := p.renew(der)
	if err != nil {
		t.Fatal(err)
	}
	q := *p
	q.take(reply)
	want(t, q.login(fromSSH("lutz")), Accept, Right)

	p = h.newHost("web02")
	h.now = h.now.Add(hostLife + hostLate)
	_, der = request(t)
	_, err = p.renew(der)
	wantCode(t, err, CodeEndedHost)
	// A clock that goes back does not bring it back.
	h.now = h.now.Add(-hostLife - hostLate)
	_, err = h.HostBegin(t.Context(), p.call(), fromSSH("lutz"))
	wantCode(t, err, CodeEndedHost)
}

func TestHostSources(t *testing.T) {
	trusted, not := &hostScope{name: "web01", rule: &HostRule{TrustRHost: true}}, &hostScope{name: "web01", rule: &HostRule{}}
	for _, c := range []struct {
		host *hostScope
		said Source
		want string
	}{
		{trusted, Source{SourcePerson, "198.51.100.7"}, "addr:198.51.100.7@web01"},
		{trusted, Source{SourcePerson, "::ffff:198.51.100.7"}, "addr:198.51.100.7@web01"},
		{trusted, Source{SourcePerson, "fe80::1%eth0"}, "addr:fe80::1@web01"},
		{trusted, Source{SourcePerson, "gateway.example.org"}, "nas:host@web01"},
		{not, Source{SourcePerson, "198.51.100.7"}, "nas:host@web01"},
		{not, Source{SourceUID, "1000"}, "uid:1000@web01"},
		{not, Source{SourceUID, "1000@web02"}, "nas:host@web01"},
		{not, Source{SourceUID, "-1"}, "nas:host@web01"},
		{not, Source{}, "nas:host@web01"},
	} {
		if got := c.host.source(c.said).String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.said, got, c.want)
		}
	}
	if a, b := (Source{SourcePerson, "2001:db8::1@web01"}).counterKey(), (Source{SourcePerson, "2001:db8::2@web01"}).counterKey(); a != b || a != "addr:2001:db8::/64@web01" {
		t.Errorf("%s, %s", a, b)
	}
}

func TestRestoredHostsWaitForAnAdmin(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	p := h.newHost("web01")
	if restored, err := h.CheckWitness(t.Context(), Witness{Seq: 1 << 40}); err != nil || !restored {
		t.Fatal(restored, err)
	}
	_, err := h.HostBegin(t.Context(), p.call(), fromSSH("lutz"))
	wantCode(t, err, CodeHostRestored)
	if i := h.hostInfo1("web01"); i.State != "restored" {
		t.Errorf("%+v", i)
	}
	if err := h.UnlockHost(t.Context(), root, "web01"); err != nil {
		t.Fatal(err)
	}
	want(t, p.login(fromSSH("lutz")), Accept, Right)
}

func TestLoginsDoNotWriteWhenTheHostWasSeen(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	p := h.newHost("web01")
	first := *h.hostInfo1("web01").LastSeen
	h.now = h.now.Add(59 * time.Minute)
	want(t, p.login(fromSSH("lutz")), Accept, Right)
	if !h.hostInfo1("web01").LastSeen.Equal(first) {
		t.Error("written at each login")
	}
	h.now = h.now.Add(2 * time.Minute)
	p.begin(fromSSH("lutz"))
	if !h.hostInfo1("web01").LastSeen.Equal(h.now) {
		t.Error("not written after an hour")
	}
}
