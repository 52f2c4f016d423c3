package common

import (
	"slices"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core/pinphrase"
)

// TestLists: each says where it comes from, has answers enough, and none of them twice.
func TestLists(t *testing.T) {
	names := Names()
	if len(names) < 11 {
		t.Fatalf("only %v", names)
	}
	for _, name := range names {
		if len(Lists(name)) == 0 {
			t.Fatalf("%s is empty", name)
		}
		for _, list := range Lists(name) {
			content, err := files.ReadFile("lists/" + list.Name + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			for _, head := range []string{"# Source: ", "# Order: "} {
				if !strings.Contains(string(content), "\n"+head) {
					t.Errorf("%s has no line %q", list.Name, head)
				}
			}
			if len(list.Entries) < 200 || list.Common < 100 {
				t.Errorf("%s has %d answers, %d common", list.Name, len(list.Entries), list.Common)
			}
			if err := list.Check(); err != nil {
				t.Errorf("%s: %v", list.Name, err)
			}
			if list.Weighted != (name == "towns") {
				t.Errorf("%s weighted: %v", list.Name, list.Weighted)
			}
		}
	}
	for name, known := range map[string]string{
		"towns": "Heidelberg", "cars": "Volkswagen", "surnames": "Müller", "resorts": "Tegernsee", "pets": "Bello", "clubs": "FC Bayern",
		"teachers": "Mrs Smith", "streets": "Bahnhofstraße", "bands": "Die Ärzte", "employers": "Deutsche Bahn", "firstnames": "Heidi",
	} {
		found := false
		for _, list := range Lists(name) {
			found = found || slices.ContainsFunc(list.Entries, func(e pinphrase.Entry) bool { return e.Text == known })
		}
		if !found {
			t.Errorf("%s lacks %s", name, known)
		}
	}
	if Lists("nothing") != nil {
		t.Error("a list of that name")
	}
}

// TestSampleNamesLists: the shipped questions name lists that are there.
func TestSampleNamesLists(t *testing.T) {
	for _, q := range pinphrase.SampleQuestions() {
		if len(q.Common) == 0 {
			t.Errorf("%s has no list", q.ID)
		}
		for _, name := range q.Common {
			if len(Lists(name)) == 0 {
				t.Errorf("%s: no list %s", q.ID, name)
			}
		}
	}
}
