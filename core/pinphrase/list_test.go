package pinphrase

import (
	"errors"
	"strings"
	"testing"
)

func TestParseList(t *testing.T) {
	list, err := ParseList("own", "# a remark\n# Common: 2\nBerlin\t10\r\nKöln\t5\n\nHeidelberg am Neckar\t1\nHeidelberg\t0\n")
	if err != nil || len(list.Entries) != 4 || list.Common != 2 || !list.Weighted || list.Entries[1] != (Entry{"Köln", 5}) {
		t.Fatalf("%+v, %v", list, err)
	}
	rule := Rule([]List{list})
	for text, refused := range map[string]bool{"BERLIN": true, "koeln": true, "K Ö L N": true, "Heidelberg": false} {
		if err := rule(Question{}, answer(t, text)); errors.Is(err, ErrCommon) != refused {
			t.Errorf("%s: %v", text, err)
		}
	}
	if all := Likely([]List{list}, false); len(all) != 3 || all[0].Weight <= all[1].Weight {
		t.Errorf("%+v", all)
	}
	if rest := Likely([]List{list}, true); len(rest) != 1 {
		t.Errorf("%d are left without the common ones", len(rest))
	}
	if plain, err := ParseList("own", "Berlin\nKöln"); err != nil || plain.Common != 2 || plain.Weighted {
		t.Errorf("%+v, %v", plain, err)
	}
	for content, line := range map[string]string{
		"Berlin\tmany": "line 1", "# Common: all\nBerlin": "line 1", "Berlin\n\xff": "line 2", "A\t1\nB\n": "weight",
	} {
		if _, err := ParseList("own", content); err == nil || !strings.Contains(err.Error(), line) {
			t.Errorf("%q: %v", content, err)
		}
	}
	if list, err := ParseList("own", "Berlin\n...\n"); err != nil || list.Check() == nil {
		t.Errorf("dots are an answer: %v", err)
	}
}
