package core

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store/memory"
)

// seed are the six answers of the PINphrase seed.
var seed = map[string]string{
	"birthplace": "Heidelberg", "first_car": "Volkswagen", "mothers_maiden_name": "Müller",
	"first_holiday": "Tegernsee", "pet": "Bello", "football_club": "FCBayern",
}

var root = Actor{Name: "root", Role: RoleAdmin}

// house is a Core on a memory store, with a clock of its own.
type house struct {
	*Core
	t    *testing.T
	disk *memory.Disk
	keys *keys.Keyset
	now  time.Time
	set  Settings
}

func settings() Settings {
	p := pinphrase.Defaults()
	for i := range p.Questions {
		switch p.Questions[i].ID {
		case "pet":
			p.Questions[i].MinimumLength = 5
		case "mothers_maiden_name":
			p.Questions[i].MinimumLength = 6
		}
	}
	return Settings{
		Language: "de",
		Names:    NameRules{FoldCase: true, Strip: []string{`CORP\`, "@corp.example"}},
		Policies: map[string]Policy{
			"vpn":  {First: FirstPassword, Second: []Method{MethodPINphrase}, Realm: "default"},
			"bare": {First: FirstNone, Second: []Method{MethodPINphrase}, Realm: "default"},
			"lab":  {First: FirstPassword, Second: []Method{MethodPINphrase}, Realm: "lab"},
			"soft": {First: FirstPassword, Second: []Method{MethodPINphrase}, Realm: "default", Unenrolled: UnenrolledAllow},
		},
		Locks:     Locks{PairAfter: 3, PairFor: 15 * time.Minute, UserAfter: 20, UserHalves: 12 * time.Hour, SourceAfter: 30, SourceFor: 15 * time.Minute},
		PINphrase: p, CodeWords: CodeWords{Words: 4, Valid: 72 * time.Hour, OpensLogin: true, SelfService: true},
	}
}

func newHouse(t *testing.T, change ...func(*Settings)) *house {
	t.Helper()
	k, err := keys.Generate()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, disk: memory.NewDisk(), keys: k, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), set: settings()}
	for _, c := range change {
		c(&h.set)
	}
	h.open()
	return h
}

// open opens the state anew, as a restart does.
func (h *house) open() {
	h.t.Helper()
	s, err := memory.New(memory.Config{Disk: h.disk, Link: AuditLink(h.keys), Twice: true})
	if err != nil {
		h.t.Fatal(err)
	}
	h.Core, err = Open(h.t.Context(), Config{
		Store: s, Keys: h.keys, Settings: h.set, Now: func() time.Time { return h.now },
		Passwords: password.NewPool(password.PoolConfig{Params: password.Params{Memory: 8, Time: 1, Threads: 1}}),
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) restart() {
	h.t.Helper()
	if err := h.Core.store.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.open()
}

// enrol adds a user with the seed's answers and the demo password.
func (h *house) enrol(name string) {
	h.t.Helper()
	if _, _, err := h.AddUser(h.t.Context(), root, NewUser{Name: name}); err != nil {
		h.t.Fatal(err)
	}
	if err := h.SetPassword(h.t.Context(), root, name, secret.New("latchkey-demo")); err != nil {
		h.t.Fatal(err)
	}
	for q, a := range seed {
		if _, err := h.SetAnswer(h.t.Context(), root, name, q, secret.New(a)); err != nil {
			h.t.Fatal(err)
		}
	}
}

func attempt(user string) Attempt {
	return Attempt{
		Request: "r1", Door: DoorRADIUS, NAS: "vpn", Policy: "vpn", User: user,
		Source: Source{SourcePerson, "192.0.2.7"}, Password: secret.New("latchkey-demo"),
	}
}

func (h *house) begin(a Attempt) Step {
	h.t.Helper()
	s, err := h.Begin(h.t.Context(), a)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *house) answer(a Attempt, token, text string) Step {
	h.t.Helper()
	s, err := h.Answer(h.t.Context(), Reply{Attempt: a, Token: token, Text: secret.New(text)})
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// solve reads a German prompt as a person does.
func (h *house) solve(prompt string) string {
	h.t.Helper()
	return solve(h.t, h.set.PINphrase.Questions, prompt, seed)
}

func solve(t *testing.T, questions []pinphrase.Question, prompt string, answers map[string]string) string {
	t.Helper()
	for _, q := range questions {
		if !strings.HasSuffix(prompt, q.Phrase[language.German]+".") {
			continue
		}
		letters := []rune(answers[q.ID])
		_, rest, _ := strings.Cut(prompt, "das ")
		positions, _, _ := strings.Cut(rest, " Zeichen")
		var out strings.Builder
		for _, p := range strings.FieldsFunc(positions, func(r rune) bool { return r == ' ' || r == ',' }) {
			n := 0
			switch p {
			case "und":
				continue
			case "letzte":
				n = len(letters)
			case "vorletzte":
				n = len(letters) - 1
			default:
				if _, err := fmt.Sscanf(p, "%d.", &n); err != nil {
					t.Fatalf("position %q in %q", p, prompt)
				}
			}
			out.WriteRune(letters[n-1])
		}
		return out.String()
	}
	t.Fatalf("no question fits the prompt %q", prompt)
	return ""
}

// login goes through both rounds with the right answer.
func (h *house) login(a Attempt) Step {
	h.t.Helper()
	s := h.begin(a)
	if s.Kind != Challenge {
		h.t.Fatalf("no challenge: %+v", s)
	}
	return h.answer(a, s.Token, h.solve(s.Prompt))
}

// audited gives the newest audit record.
func (h *house) audited() (e AuditEntry) {
	h.t.Helper()
	err := h.Audit(h.t.Context(), AuditFilter{Newest: 1}, func(x AuditEntry) bool { e = x; return true })
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

func want(t *testing.T, s Step, kind StepKind, reason Reason) {
	t.Helper()
	if s.Kind != kind || s.Reason != reason {
		t.Fatalf("%v %q (%s), want %v %q", s.Kind, s.Reason, s.Text, kind, reason)
	}
}
