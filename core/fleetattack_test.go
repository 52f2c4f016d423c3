package core

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/secret"
)

// A stolen host asks for whom it may not: it hears what it hears for nobody, and nothing of it is counted for the user.
func TestAttackHostAsksForOthers(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	h.enrol("carla")
	p := h.newHost("web01")
	for _, service := range []string{"sshd", "sudo"} { // first: none, and a first factor
		heard := map[string][]string{}
		for _, user := range []string{"carla", "nobody-here"} {
			for range 4 {
				a := fromSSH(user)
				a.Service = service
				s := p.begin(a)
				if s.Kind == Challenge {
					if strings.Contains(s.Prompt, "Phone") {
						t.Error(s.Prompt)
					}
					s = p.answer(a, s.Token, "abcd")
				}
				heard[user] = append(heard[user], fmt.Sprint(s.Kind, strings.Split(s.Text, "Ref.")[0]))
			}
		}
		if !slices.Equal(heard["carla"], heard["nobody-here"]) {
			t.Errorf("%s: %q", service, heard)
		}
	}
	if e := h.audited(); e.User != "nobody-here" {
		t.Errorf("%+v", e)
	}
	if info, _ := h.User(t.Context(), "carla"); info.Wrong != 0 || len(info.Locks) != 0 {
		t.Errorf("carla pays: %+v", info)
	}
	// The admin hears why.
	seen := false
	_ = h.Audit(t.Context(), AuditFilter{User: "carla"}, func(e AuditEntry) bool { seen = seen || e.Reason == NotForHost; return true })
	if !seen {
		t.Error("no record says that carla was asked for by a host that may not")
	}
	// By group she is.
	groups := []string{"admins"}
	if _, err := h.ChangeUser(t.Context(), root, "carla", UserChange{Groups: &groups}); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(time.Hour)
	want(t, p.login(fromSSH("carla")), Accept, Right)
}

func TestAttackHostOfAnotherRealm(t *testing.T) {
	h := newFleetHouse(t)
	lab, web := h.newHost("lab01"), h.newHost("web01")
	// By chance two realms may ask one user the same, which the first answer ends; all of them they do not.
	same := 0
	users := []string{"lutz", "anna", "bert", "carl", "dora"}
	for _, name := range users {
		h.enrol(name)
		there, here := lab.begin(fromSSH(name)), web.begin(fromSSH(name))
		if there.Kind != Challenge || here.Kind != Challenge {
			t.Fatalf("%v and %v", there.Kind, here.Kind)
		}
		if there.Prompt == here.Prompt {
			same++
		}
	}
	if same == len(users) {
		t.Error("two realms ask the same")
	}
}

func TestAttackTokensOfAnotherHost(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	p, q := h.newHost("web01"), h.newHost("web02")
	s := p.begin(fromSSH("lutz"))
	right := h.solve(s.Prompt)
	want(t, q.answer(fromSSH("lutz"), s.Token, right), Reject, ForeignToken)
	// Nor at the local socket or at RADIUS, by the same names.
	local := fromSSH("lutz")
	local.Door, local.NAS, local.Policy, local.Source = DoorPAM, "web01", "bare", Source{SourcePerson, "198.51.100.7@web01"}
	want(t, h.answer(local, s.Token, right), Reject, ForeignToken)
	// Nor on the same host under a name that it was given anew.
	if err := h.RevokeHost(t.Context(), root, "web01"); err != nil {
		t.Fatal(err)
	}
	again := h.newHost("web01")
	want(t, again.answer(fromSSH("lutz"), s.Token, right), Reject, ForeignToken)
	want(t, again.login(fromSSH("lutz")), Accept, Right)
}

func TestAttackRevokedBetweenBeginAndAnswer(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	p := h.newHost("web01")
	s := p.begin(fromSSH("lutz"))
	if err := h.RevokeHost(t.Context(), root, "web01"); err != nil {
		t.Fatal(err)
	}
	_, err := h.HostAnswer(t.Context(), p.call(), Reply{Attempt: fromSSH("lutz"), Token: s.Token, Text: secret.New(h.solve(s.Prompt))})
	wantCode(t, err, CodeHostRevoked)
	if h.hostInfo1("web01").Name != "" {
		t.Error("a revoked host is listed")
	}
}

// The host is read again by the transaction that accepts: an answer that passed the door before the revocation was
// durable gets nothing.
func TestAttackRevokedWhileAnswering(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	p := h.newHost("web01")
	a, err := h.fromHost(t.Context(), p.call(), fromSSH("lutz"))
	if err != nil {
		t.Fatal(err)
	}
	s := h.begin(a)
	if err := h.RevokeHost(t.Context(), root, "web01"); err != nil {
		t.Fatal(err)
	}
	want(t, h.answer(a, s.Token, h.solve(s.Prompt)), Reject, HostRevoked)
}

func TestAttackCertificatesOfNobody(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	p := h.newHost("web01")
	id, _ := fleet.IDOf(p.certificate)
	key, _ := request(t)
	stranger, err := fleet.NewAuthority([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	for what, authority := range map[string]*fleet.Authority{"another authority": stranger, "this one, for a certificate that was never given": h.hostAuthority} {
		der, err := authority.Sign(&key.PublicKey, id, "web01", h.now, h.now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		q := *p
		if q.certificate, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		if s, err := h.HostBegin(t.Context(), q.call(), fromSSH("lutz")); err == nil {
			t.Errorf("%s: %+v", what, s)
		}
	}
	if _, err := h.HostBegin(t.Context(), HostCall{}, fromSSH("lutz")); codeOf(err) != CodeUnknownHost {
		t.Errorf("no certificate: %v", err)
	}
	// The authority itself is no host.
	if _, err := h.HostBegin(t.Context(), HostCall{Certificate: h.HostAuthority()}, fromSSH("lutz")); codeOf(err) != CodeUnknownHost {
		t.Errorf("the authority: %v", err)
	}
	// Each node has the same authority.
	same, err := fleet.NewAuthority(h.keys.Derive("hosts"))
	if err != nil || !same.Certificate().Equal(h.HostAuthority()) {
		t.Errorf("%v: two nodes have two authorities", err)
	}
}

// A stolen host guesses: for each user it gets so far, in all it gets so far, and the user is locked nowhere else.
func TestAttackStolenHostGuesses(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	want(t, h.login(attempt("lutz")), Accept, Right)
	p := h.newHost("web01")
	compared := 0
	for i := range 60 {
		a := fromSSH("lutz")
		a.Source.Value = fmt.Sprintf("198.51.100.%d", i) // each time from "elsewhere"
		if s := p.answer(a, p.begin(a).Token, "zzzz"); s.Reason != HostBudget {
			compared++
		}
	}
	if compared != 10 {
		t.Errorf("%d guesses were compared", compared)
	}
	info, _ := h.User(t.Context(), "lutz")
	if info.Wrong > 10 {
		t.Errorf("%d wrong tries count for the user", info.Wrong)
	}
	for _, l := range info.Locks {
		if l.Kind == "user" {
			t.Error("one stolen host locks a user out everywhere")
		}
	}
	fresh := attempt("lutz")
	fresh.Source.Value = "203.0.113.9" // a place never seen before
	want(t, h.login(fresh), Accept, Right)
	// Not even by a lie about a place where the user has been.
	a := fromSSH("lutz")
	a.Source.Value = "192.0.2.7"
	want(t, p.answer(a, p.begin(a).Token, "zzzz"), Reject, HostBudget)

	// In all: other names.
	h.restart()
	for i := range 200 {
		a := fromSSH(fmt.Sprintf("name%d", i))
		a.Source.Value = fmt.Sprintf("198.51.100.%d", i)
		p.answer(a, p.begin(a).Token, "zzzz")
	}
	if info := h.hostInfo1("web01"); !info.OverLimit || info.Wrong > 100 {
		t.Errorf("%+v", info)
	}
	alerts := 0
	_ = h.Audit(t.Context(), AuditFilter{}, func(e AuditEntry) bool {
		if e.Result == "host-limit" {
			alerts++
		}
		return true
	})
	if alerts != 1 {
		t.Errorf("%d alerts", alerts)
	}
	q := h.newHost("web02")
	want(t, q.login(fromSSH("lutz")), Accept, Right)
	if err := h.UnlockHost(t.Context(), root, "web01"); err != nil {
		t.Fatal(err)
	}
	want(t, p.login(fromSSH("lutz")), Accept, Right)
}

// On a host that is not stolen, others' guesses do not keep out who has been there before.
func TestHostLimitSparesWhoIsKnownThere(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	p := h.newHost("web01")
	want(t, p.login(fromSSH("lutz")), Accept, Right)
	for i := range 12 {
		a := fromSSH("lutz")
		a.Source = Source{SourceUID, fmt.Sprint(2000 + i)}
		p.answer(a, p.begin(a).Token, "zzzz")
	}
	want(t, p.login(fromSSH("lutz")), Accept, Right)
	a := fromSSH("lutz")
	a.Source = Source{SourceUID, "3000"}
	want(t, p.answer(a, p.begin(a).Token, "zzzz"), Reject, HostBudget)
}

// A stolen host may know where a user has been, and lie about that: even so there is an end.
func TestAttackStolenHostLiesAboutKnownPlaces(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("lutz")
	p := h.newHost("web01")
	want(t, p.login(fromSSH("lutz")), Accept, Right)
	compared := 0
	for range 50 {
		h.now = h.now.Add(16 * time.Minute / 3) // three in each time of a pair's lock
		if s := p.answer(fromSSH("lutz"), p.begin(fromSSH("lutz")).Token, "zzzz"); s.Reason == WrongAnswer || s.Reason == Malformed {
			compared++
		}
	}
	if compared < 15 || compared > 26 {
		t.Errorf("%d guesses were compared in four hours", compared)
	}
	if info, _ := h.User(t.Context(), "lutz"); info.Wrong > 11 {
		t.Errorf("%d wrong tries count for the user", info.Wrong)
	}
}

// A host that lets pass who is not enrolled (nullok) is told so of nobody but those whom it may ask for.
func TestAttackNullokForOthers(t *testing.T) {
	h := newFleetHouse(t)
	h.enrol("carla")
	for _, user := range []string{"lutz", "anna"} {
		if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: user}); err != nil {
			t.Fatal(err)
		}
	}
	h.now = h.now.Add(100 * time.Hour) // past the code words' time
	p := h.newHost("web01")
	ask := func(user string) Step {
		a := fromSSH(user)
		a.TellUnenrolled = true
		return p.begin(a)
	}
	if s := ask("lutz"); s.Kind != Reject || !s.Newcomer {
		t.Errorf("lutz: %+v", s)
	}
	heard := map[string]bool{}
	for _, user := range []string{"carla", "anna", "nobody-here"} { // enrolled, not enrolled, not there
		s := ask(user)
		if s.Kind != Reject || s.Newcomer {
			t.Errorf("%s: %+v", user, s)
		}
		heard[fmt.Sprint(s.Kind, s.Reason, strings.Split(s.Text, "Ref.")[0])] = true
	}
	if len(heard) != 1 {
		t.Errorf("they are told apart: %v", heard)
	}
}

// Whoever looks up the user of an attempt by any other way than asked and barrier forgets whom a host may not ask for, and
// how much of it may be wrong: self-service alone has no hosts.
func TestNoWayRoundTheHost(t *testing.T) {
	allowed := map[string]int{ // calls in each file
		"hostlogins.go": 1, "hostbudget.go": 1, // asked and barrier themselves
		"refuse.go": 1, "selfsignin.go": 2, "users.go": 1,
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 50 {
		t.Fatal(len(files), err)
	}
	calls := regexp.MustCompile(`\.(lookup|refusal)\(`)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(calls.FindAll(source, -1)); n != allowed[name] {
			t.Errorf("%s has %d calls of lookup and refusal, %d were looked at: attempts go by asked and barrier", name, n, allowed[name])
		}
	}
}
