package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"
)

func TestSeries(t *testing.T) {
	for _, c := range []struct {
		s      series
		median float64
		shown  string
	}{
		{nil, 0, "–"},
		{series{3}, 3, "3"},
		{series{9, 1, 4}, 4, "4 (1–9)"},
		{series{4, 1, 2, 9}, 3, "3 (1–9)"},
	} {
		if got := c.s.median(); got != c.median {
			t.Errorf("the median of %v is %g", c.s, got)
		}
		if got := c.s.show("%.0f"); got != c.shown {
			t.Errorf("%v is shown as %q", c.s, got)
		}
	}
	if got := (series{10, 30, 7}).over(series{5, 10}); len(got) != 2 || got[0] != 2 || got[1] != 3 {
		t.Errorf("ratios %v, want 2 and 3", got)
	}
}

// TestPeople holds the file of an import and the answers at a login together.
func TestPeople(t *testing.T) {
	p := people{prefix: "l", count: 50, password: "hello"}
	file := filepath.Join(t.TempDir(), "people.csv")
	if err := p.export(file, true); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 51 || len(rows[0]) != 3+len(questions) {
		t.Fatalf("%d rows of %d columns", len(rows), len(rows[0]))
	}
	every7th := people{prefix: "l", count: 7, password: "hello", apart: 7}
	for i := range every7th.count {
		row := rows[1+7*i]
		if got := string(every7th.Name(nil, i)); got != row[0] {
			t.Errorf("person %d is called %s, in the file %s", i, got, row[0])
		}
		for q, question := range questions {
			answer := string(every7th.Answer(nil, i, []byte(question.phrase)))
			if answer != row[2+q] || len(answer) < 12 || len(answer) > 24 {
				t.Errorf("person %d answers %q, in the file %q", i, answer, row[2+q])
			}
		}
		if row[len(row)-1] != "hello" || row[1] != "en" {
			t.Errorf("row %v", row)
		}
	}
	if got := p.Answer(nil, 0, []byte("of your dreams")); len(got) != 0 {
		t.Errorf("an unknown question is answered: %q", got)
	}
	if string(twins{p}.Answer(nil, 3, []byte(questions[0].phrase))) != "HEIDELBERG" {
		t.Error("the peer's people do not know their birthplace")
	}
}
