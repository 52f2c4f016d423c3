package language

import (
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Tag{
		"de": German, "DE": German, "de-AT": German, "de_CH": German, " en ": English, "en-GB": English, "en-US-u-hc-h12": English,
		"fr": "", "": "", "x": "", "und": "", "deutsch": "", "de\x00": "", "\xff": "",
	} {
		got, err := Parse(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Parse(%q) = %q, %v; want %q", text, got, err, want)
		}
		if err != nil && !errors.Is(err, ErrUnknown) {
			t.Errorf("Parse(%q): %v is not ErrUnknown", text, err)
		}
	}
}

func TestBest(t *testing.T) {
	for _, c := range []struct {
		wishes []Tag
		want   Tag
	}{
		{nil, English}, {[]Tag{"", "de"}, German}, {[]Tag{"fr", "de"}, German}, {[]Tag{"en", "de"}, English}, {[]Tag{"fr"}, English},
	} {
		if got := Best(c.wishes...); got != c.want {
			t.Errorf("Best(%v) = %q, want %q", c.wishes, got, c.want)
		}
	}
}

func TestPick(t *testing.T) {
	table := map[Tag]string{"en": "e"}
	if text, tag, ok := Pick(table, "de", "fr"); text != "e" || tag != "en" || !ok {
		t.Errorf("Pick = %q %q %v", text, tag, ok)
	}
	if _, _, ok := Pick(map[Tag]string{}, "de", "en"); ok {
		t.Error("Pick found something in an empty table")
	}
}

func TestOrdinals(t *testing.T) {
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 10: "10th", 11: "11th", 12: "12th", 13: "13th", 20: "20th", 21: "21st", 22: "22nd", 23: "23rd", 63: "63rd", 64: "64th"} {
		if got := In(English).Ordinal(n); got != want {
			t.Errorf("English %d: %q, want %q", n, got, want)
		}
	}
	if got := In(German).Ordinal(21); got != "21." {
		t.Errorf("German 21: %q", got)
	}
}

func TestPositions(t *testing.T) {
	for _, c := range []struct {
		tag       Tag
		positions []int
		n         int
		want      string
	}{
		{German, []int{1, 3, 4, 10}, 10, "1., 3., 4. und letzte"},
		{German, []int{1, 3, 5, 8}, 9, "1., 3., 5. und vorletzte"},
		{German, []int{1, 5, 6}, 6, "1., vorletzte und letzte"},
		{English, []int{1, 3, 4, 10}, 10, "1st, 3rd, 4th and last"},
		{English, []int{2, 7, 8}, 8, "2nd, second to last and last"},
		{English, []int{2}, 8, "2nd"},
		{English, nil, 8, ""},
	} {
		if got := In(c.tag).Positions(c.positions, c.n); got != c.want {
			t.Errorf("%s %v of %d: %q, want %q", c.tag, c.positions, c.n, got, c.want)
		}
	}
}

// Every text must be there in every language, with the same placeholders.
func TestTextsAreComplete(t *testing.T) {
	placeholders := regexp.MustCompile(`\{\w+\}`)
	fields := 0
	for _, l := range all() {
		if l.Name == "" || l.and == "" || l.last == "" || l.secondToLast == "" || l.ordinal == nil {
			t.Errorf("%s: grammar is incomplete", l.Tag)
		}
		for _, part := range []struct{ own, reference any }{{l.Texts, english.Texts}, {l.PINphrase, english.PINphrase}} {
			own, reference := reflect.ValueOf(part.own), reflect.ValueOf(part.reference)
			for i := range own.NumField() {
				fields++
				name, text := own.Type().Field(i).Name, own.Field(i).String()
				if strings.TrimSpace(text) == "" {
					t.Errorf("%s: %s is empty", l.Tag, name)
				}
				got, want := placeholders.FindAllString(text, -1), placeholders.FindAllString(reference.Field(i).String(), -1)
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("%s: %s has %v, English has %v", l.Tag, name, got, want)
				}
			}
		}
	}
	if fields < 40 {
		t.Errorf("only %d texts were looked at", fields)
	}
}

func TestFilledTexts(t *testing.T) {
	texts := In(English).Texts
	for _, c := range []struct{ got, want string }{
		{texts.Reference("K7Q2-9XMD"), "Ref. K7Q2-9XMD"},
		{texts.RenewSoon("First car?"), "Please renew the answer to «First car?» soon."},
		{texts.App("anchor", "", 0, false), "Symbol: anchor. Choose it in the app, then press Enter"},
		{texts.AppPair("ANCHOR, STAR", "⚓ ★", 0, false), "Symbols: ANCHOR, STAR ⚓ ★. Choose both in the app, in this order, then press Enter"},
		{texts.AppPair("ANCHOR, STAR", "", 3, true), "Symbols: ANCHOR, STAR. Not confirmed yet (3). Choose both in the app, in this order, then press Enter (or type p for a question)"},
		{texts.App("anchor", "⚓", 2, false), "Symbol: anchor ⚓. Not confirmed yet (2). Choose it in the app, then press Enter"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	for _, text := range []string{texts.NoticeLocked("12:15"), texts.NoticeNewSource("192.0.2.1"), texts.NoticeChanged("phone")} {
		if strings.ContainsAny(text, "{}") {
			t.Errorf("not filled: %q", text)
		}
	}
}

func TestASCII(t *testing.T) {
	for _, c := range []struct {
		tag        Tag
		text, want string
	}{
		{German, "Größe «Ä» – Straße…", `Groesse "Ae" - Strasse...`},
		{German, "u\u0308", "ue"},
		{English, "naïve Ærø, Ångström", "naive Aero, Angstrom"},
		{English, "Москва, Ελλάδα", "Moskva, Ellada"},
		{English, "¿日本? 😀\u00a0ok\nnext", "?  ok\nnext"},
		{English, "ﬁne ½", "fine 12"},
		{English, "plain ~!", "plain ~!"},
	} {
		got := In(c.tag).ASCII(c.text)
		if got != c.want {
			t.Errorf("%s %q: %q, want %q", c.tag, c.text, got, c.want)
		}
	}
}

func FuzzASCII(f *testing.F) {
	f.Add("Größe «Ä»")
	f.Add("\xff\u0301İ\x7f")
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range all() {
			for _, r := range l.ASCII(text) {
				if r > 127 {
					t.Fatalf("%q gives %q", text, r)
				}
			}
		}
	})
}
