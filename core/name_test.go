package core

import (
	"strings"
	"testing"
	"unicode/utf8"
)

var corp = NameRules{FoldCase: true, Strip: []string{`CORP\`, "@corp.example", "@corp"}}

func TestCanonical(t *testing.T) {
	for raw, want := range map[string]string{
		"lutz": "lutz", "LUTZ": "lutz", `CORP\lutz`: "lutz", "lutz@corp": "lutz", "lutz@corp.example": "lutz", `corp\lutz@CORP`: "lutz",
		"ＬＵＴＺ": "lutz", "Straße": "strasse", "STRASSE": "strasse", " lutz ": "lutz", `other\lutz`: `other\lutz`,
		"ﬁnn": "finn", "Σίσυφος": "σίσυφοσ", "e\u0301va": "éva", "@corp": "@corp", `CORP\`: `corp\`,
		"": "", " ": "", "a\x00b": "", "a\tb": "", "a\u202eb": "", "a\u200db": "", "\xff": "", strings.Repeat("x", 254): "",
	} {
		got, ok := corp.Canonical(raw)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v; want %q", raw, got, ok, want)
		}
	}
	exact := NameRules{}
	if got, _ := exact.Canonical("Lutz"); got != "Lutz" {
		t.Errorf("folded without being told to: %q", got)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"lutz", `CORP\CORP\lutz`, "ﬃ@corp@corp", "İ", "ẞ", "\u0345", "a\u0345b", "K"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		name, ok := corp.Canonical(raw)
		if !ok {
			return
		}
		if !utf8.ValidString(name) || name == "" || len(name) > MaxName {
			t.Errorf("%q: %q", raw, name)
		}
		if again, ok := corp.Canonical(name); !ok || again != name {
			t.Errorf("not idempotent: %q, %q, %q", raw, name, again)
		}
	})
}
