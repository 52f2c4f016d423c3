package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"
)

func TestCleanWritesOutWhatATerminalActsOn(t *testing.T) {
	for in, want := range map[string]string{
		"lutz":               "lutz",
		"Müller 山田 🇩🇪":       "Müller 山田 🇩🇪",
		"e\u0301":            "e\u0301",
		"a\x1b[31mb":         `a\u{1b}[31mb`,
		"a\u009bb":           `a\u{9b}b`,
		"a\nb\tc\rd":         `a\nb\tc\u{d}d`,
		"\x00\x7f":           `\u{0}\u{7f}`,
		"a\u202eb\u2066":     `a\u{202e}b\u{2066}`,
		"a\u2028b":           `a\u{2028}b`,
		"\U000e0041":         `\u{e0041}`,
		"caf\xe9":            `caf\xe9`,
		"\ufffd":             "\ufffd",
		"نی\u200cم 👩\u200d💻": "نی\u200cم 👩\u200d💻",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[2Jb\u202e\xff\n")
	f.Add("山田\u200d")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range clean(text) {
			if unsafeRune(r) {
				t.Fatalf("%q leaves %U", text, r)
			}
		}
		raw, err := marshal(map[string]string{"text": text}, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range string(raw) {
			if unsafeRune(r) && r != '\n' {
				t.Fatalf("%q leaves %U in JSON", text, r)
			}
		}
		var back map[string]string
		if err := json.Unmarshal(raw, &back); err != nil || back["text"] != strings.ToValidUTF8(text, "\ufffd") && !strings.Contains(back["text"], "\ufffd") {
			t.Fatalf("%q comes back as %q: %v", text, back["text"], err)
		}
	})
}

func TestTable(t *testing.T) {
	for name, c := range map[string]struct {
		width int
		rows  [][]string
		want  string
	}{
		"aligned by what is seen": {0, [][]string{{"Müller", "x"}, {"山田", "y"}, {"e\u0301", ""}, {"a\x1bb", "z"}},
			"NAME      B\nMüller    x\n山田      y\ne\u0301         -\na\\u{1b}b  z\n"},
		"shortened to the terminal": {22, [][]string{{"lutz", strings.Repeat("x", 30)}, {strings.Repeat("山", 10), "y"}},
			"NAME        B\nlutz        xxxxxxxxx…\n山山山山…   y\n"},
		"whole in a pipe": {0, [][]string{{"lutz", strings.Repeat("x", 300)}}, "NAME  B\nlutz  " + strings.Repeat("x", 300) + "\n"},
	} {
		var out bytes.Buffer
		table := (&ui{out: &out, width: c.width}).table("NAME", "B")
		for _, row := range c.rows {
			table.add(row...)
		}
		if err := table.end(nil, ""); err != nil || out.String() != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, out.String(), c.want)
		}
	}
}

func TestColourOnlyWhereItIsSeen(t *testing.T) {
	var out bytes.Buffer
	table := (&ui{out: &out, outColour: true}).table("NAME")
	table.add("lutz")
	if err := table.end(nil, ""); err != nil || out.String() != "\x1b[1mNAME\x1b[0m\nlutz\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestDistance(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "now", -500 * time.Millisecond: "now", time.Second: "in 1 second", -89 * time.Second: "89 seconds ago",
		90 * time.Second: "in 2 minutes", -15 * time.Minute: "15 minutes ago", 2 * time.Hour: "in 2 hours", 72 * time.Hour: "in 3 days",
		-90 * 24 * time.Hour: "3 months ago", 10 * 365 * 24 * time.Hour: "in 10 years",
	} {
		if got := distance(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{"90m": 90 * time.Minute, "24h": 24 * time.Hour, "3d": 72 * time.Hour, "2w": 14 * 24 * time.Hour} {
		var s span
		if err := s.Set(text); err != nil || time.Duration(s) != want {
			t.Errorf("%s: %v, %v", text, time.Duration(s), err)
		}
	}
	for _, text := range []string{"", "3", "d", "-3d", "1.5d", "99999d", "-1h", "x"} {
		var s span
		if err := s.Set(text); err == nil {
			t.Errorf("%q is taken as %v", text, time.Duration(s))
		}
	}
}

func TestNumbered(t *testing.T) {
	if got := numbered(strings.Split("Müller", ""), 80); got != "  1  2  3  4  5  6\n  M  ü  l  l  e  r" {
		t.Errorf("%q", got)
	}
	if got := numbered([]string{"a", " ", "山", "\u0627"}, 10); got != "   1   2\n   a   ␣\n\n   3   4\n  山   \u0627\u200e" {
		t.Errorf("%q", got)
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct {
		width, column, indent int
		text, want            string
	}{
		{20, 0, 4, "fits into the line", "fits into the line"},
		{20, 0, 4, "does not fit  into the line", "does not fit  into\n    the line"},
		{20, 0, 4, "one  averyveryverylongwordindeed two", "one\n    averyveryverylongwordindeed\n    two"},
		{20, 8, 8, "first_car, pet, x", "first_car,\n        pet, x"},
		{20, 0, 2, "山田山田 山田山田 山田", "山田山田 山田山田\n  山田"},
		{0, 0, 4, strings.Repeat("no terminal ", 20), strings.Repeat("no terminal ", 20)},
		{4, 0, 4, "nowhere to fold", "nowhere to fold"},
	} {
		if got := (&ui{width: c.width}).foldAfter(c.column, c.text, c.indent); got != c.want {
			t.Errorf("width %d, %q:\n%s\nwant\n%s", c.width, c.text, got, c.want)
		}
	}
}

// Help is read in a terminal of 80 columns, over a slow line, at night.
func TestHelpFitsATerminal(t *testing.T) {
	var visit func(cmd *cobra.Command)
	seen := 0
	visit = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "completion" || cmd.Name() == "help" { // cobra's own texts
			return
		}
		seen++
		var out bytes.Buffer
		cmd.SetOut(&out)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if width := uniseg.StringWidth(strings.TrimRight(line, "\n")); width > 80 {
				t.Errorf("%s --help has a line of %d columns: %s", cmd.CommandPath(), width, line)
			}
		}
		for _, child := range cmd.Commands() {
			visit(child)
		}
	}
	visit((&app{ui: &ui{}, env: func(string) string { return "" }}).root())
	if seen < 20 {
		t.Errorf("only %d commands seen", seen)
	}
}
