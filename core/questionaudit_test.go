package core

import (
	"math"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core/pinphrase"
)

func (h *house) auditOf(id string) QuestionAudit {
	h.t.Helper()
	all, err := h.AuditQuestions(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, q := range all {
		if q.ID == id {
			return q
		}
	}
	h.t.Fatalf("no audit of %s", id)
	return QuestionAudit{}
}

// keep leaves these questions in the pool: to reckon all takes seconds.
func keep(ids ...string) func(*Settings) {
	return func(s *Settings) {
		var kept []pinphrase.Question
		for _, q := range s.PINphrase.Questions {
			for _, id := range ids {
				if q.ID == id {
					kept = append(kept, q)
				}
			}
		}
		s.PINphrase.Questions, s.PINphrase.MinimumAnswers = kept, 1
	}
}

func TestQuestionAudit(t *testing.T) {
	h := newHouse(t, keep("pet", "football_club"), func(s *Settings) {
		s.PINphrase.Questions = append(s.PINphrase.Questions,
			pinphrase.Question{ID: "own", Common: []string{"/own"}}, pinphrase.Question{ID: "bare"}, pinphrase.Question{ID: "short", Common: []string{"/short"}})
		own, err := pinphrase.ParseList("/own", "# Common: 1\nHeadquarters\t9\nWarehouse\t1\n")
		short, _ := pinphrase.ParseList("/short", "abc\n")
		if err != nil {
			t.Fatal(err)
		}
		s.PINphrase.Lists = map[string]pinphrase.List{"/own": own, "/short": short}
	})
	own := h.auditOf("own")
	if own.Population != 2 || own.Weights != "weighted" || math.Abs(own.Guess.First-.9) > .03 || own.Guess.Three < .999 || own.Verdict != QuestionBad {
		t.Errorf("%+v, %+v", own, own.Guess)
	}
	if own.IfRefused == nil || own.IfRefused.First < .999 {
		t.Errorf("of the one answer that is left: %+v", own.IfRefused)
	}
	pet := h.auditOf("pet")
	if pet.MinimumLength != 5 || pet.Positions != 4 || pet.Weights != "uniform" || pet.Population < 100 || pet.CommonAnswers != "warn" {
		t.Errorf("%+v", pet)
	}
	// What a recorder knows of the shortest answer is the published figure where there is one.
	if w := h.auditOf("football_club").Watched; w[1].Logins != 2 || math.Round(100*w[1].Recorded) != 26 || math.Round(100*w[3].Recorded) != 88 {
		t.Errorf("%+v", w)
	}
	for i := 1; i < len(pet.Watched); i++ {
		if pet.Watched[i].Guess.First < pet.Watched[i-1].Guess.First-.02 || pet.Watched[i].Recorded < pet.Watched[i-1].Recorded {
			t.Errorf("who has watched more knows less: %+v", pet.Watched)
		}
	}
	if advice := strings.Join(pet.Advice, "\n"); !strings.Contains(advice, "minimum_length: 8") {
		t.Errorf("%q", advice)
	}
	for _, id := range []string{"bare", "short"} {
		if a := h.auditOf(id); a.Verdict != QuestionUnknown || a.Guess != nil || a.Population != 0 || len(a.Advice) == 0 {
			t.Errorf("%+v", a)
		}
	}
}

func TestQuestionAuditUnderRefusal(t *testing.T) {
	own, _ := pinphrase.ParseList("/own", "# Common: 1\nHeadquarters\t9\nWarehouse\t1\n")
	h := newHouse(t, keep("football_club"), func(s *Settings) {
		s.PINphrase.Questions = append(s.PINphrase.Questions, pinphrase.Question{ID: "own", Common: []string{"/own"}})
		s.PINphrase.Lists = map[string]pinphrase.List{"/own": own}
		s.PINphrase.CommonAnswers = pinphrase.CommonRefuse
	})
	if a := h.auditOf("own"); a.Population != 1 || a.IfRefused != nil {
		t.Errorf("%+v", a)
	}
	if a := h.auditOf("football_club"); a.Population != 0 || a.Guess != nil || !strings.Contains(a.Advice[0], "refused") {
		t.Errorf("%+v", a)
	}
	before, _ := h.AuditQuestions(t.Context())
	if again, _ := h.AuditQuestions(t.Context()); &again[0] != &before[0] {
		t.Error("reckoned twice")
	}
}
