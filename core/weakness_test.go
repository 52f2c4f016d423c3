package core

import (
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
)

func kinds(weak []AnswerWeakness) (text string) {
	for _, w := range weak {
		text += string(w.Kind)
		if !w.Refused {
			text += "?"
		}
		text += " "
	}
	return strings.TrimSpace(text)
}

func TestAnswerWeaknesses(t *testing.T) {
	owner := AnswerOwner{Name: "lutz.braun", Phone: "+491711234567", Mail: "l.braun-weber@example.org"}
	for _, mode := range []pinphrase.CommonAnswers{pinphrase.CommonRefuse, pinphrase.CommonWarn, pinphrase.CommonAllow} {
		h := newHouse(t, func(s *Settings) { s.PINphrase.CommonAnswers = mode })
		common := map[pinphrase.CommonAnswers]string{pinphrase.CommonRefuse: "common", pinphrase.CommonWarn: "common?"}[mode]
		for _, c := range []struct{ question, text, want string }{
			{"birthplace", "Heidelberg", common},
			{"birthplace", "hei-DEL berg", common},
			{"birthplace", "Duesseldorf", common}, // ü is ue
			{"birthplace", "Heidelberg bei Oma", ""},
			{"birthplace", "Schriesheim", ""},                                           // a town, but not among the large ones
			{"first_car", "Heidelberg", ""},                                             // common elsewhere
			{"first_employer", "Deutsche Bahn", common},                                 //
			{"birthplace", "Ulm", strings.TrimSpace("too-short few-letters " + common)}, // all that is wrong is said
			{"birthplace", "aaaaaaaaaabb", "few-letters"},                               //
			{"birthplace", " .-. ", "unusable"},                                         //
			{"birthplace", "a\x00bcdefghij", "unusable"},                                //
			{"birthplace", strings.Repeat("abcd", 17), "unusable"},                      //
			{"birthplace", "Lutz Braun", "personal"},
			{"birthplace", "Braun, Lutz", "personal"},
			{"birthplace", "lutzbraun1984", "personal"},
			{"birthplace", "l.braun-weber@example.org", "personal"},
			{"birthplace", "Weber Braun", "personal"},
			{"birthplace", "0171 1234567", "personal"},
			{"birthplace", "+49 171 1234567", "personal"},
			{"birthplace", "1711234567", "personal"},
			{"birthplace", "Geburtsort", "personal"},
			{"birthplace", "birthplace", "personal"},
			{"birthplace", "Lutz Braun aus Kiel", ""},
			{"birthplace", "Braunschweiger Land", ""}, // begins with a part, and goes on
			{"birthplace", "19841231567", ""},
		} {
			q, _ := h.question(c.question)
			if got := kinds(h.AnswerWeaknesses(q, secret.New(c.text), owner)); got != c.want {
				t.Errorf("%s: %s, %q: %q, want %q", mode, c.question, c.text, got, c.want)
			}
		}
	}
	h := newHouse(t)
	q, _ := h.question("birthplace")
	for _, w := range h.AnswerWeaknesses(q, secret.New("Ulm"), AnswerOwner{}) {
		if w.Kind == WeakCommon {
			continue
		}
		for tag, word := range map[language.Tag]string{language.German: "braucht", language.English: "needs"} {
			if !strings.Contains(w.In(tag), word) || strings.Contains(w.In(tag), "{") {
				t.Errorf("%s", w.In(tag))
			}
		}
	}
	if weak := h.AnswerWeaknesses(q, secret.New("Schriesheim"), AnswerOwner{}); weak != nil {
		t.Errorf("without an owner: %v", kinds(weak))
	}
}

// TestWeakAnswersAtEnrolment: the ways in which an answer comes in judge it alike.
func TestWeakAnswersAtEnrolment(t *testing.T) {
	h := newHouse(t, func(s *Settings) { s.PINphrase.CommonAnswers = pinphrase.CommonRefuse })
	if _, _, err := h.AddUser(t.Context(), root, NewUser{Name: "lutz.braun"}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"Heidelberg", "Braun Lutz"} {
		if _, err := h.SetAnswer(t.Context(), root, "lutz.braun", "birthplace", secret.New(text)); !isProblem(err) || strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
	row := func(i int, r *ImportRow) { r.Answers = map[string]Secret{"birthplace": secret.New("Heidelberg")} }
	taken, bad, _ := h.Import(t.Context(), root, rowsOf(2, row), false, nil, nil)
	if taken != 0 || len(bad) != 2 || bad[0].Line == bad[1].Line || strings.Contains(bad[0].Error, "Heidelberg") {
		t.Errorf("import: %d, %+v", taken, bad)
	}
	h = newHouse(t)
	var weak []RowError
	taken, bad, err := h.Import(t.Context(), root, rowsOf(2, row), false, func(p ImportProgress) { weak = append(weak, p.Weak...) }, nil)
	if taken != 2 || len(bad) != 0 || err != nil || len(weak) != 2 || weak[0].Line == weak[1].Line || strings.Contains(weak[0].Error, "Heidelberg") {
		t.Errorf("import with warnings: %d, %+v, %v, %+v", taken, bad, err, weak)
	}
	h.enrol("lutz")
	info, err := h.SetAnswer(t.Context(), root, "lutz", "childhood_street", secret.New("Bahnhofstraße"))
	if err != nil || kinds(info.Weaknesses) != "common?" {
		t.Errorf("%+v, %v", info, err)
	}
}
