package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the bad files give to their .want files")

// TestBadFiles holds each file of testdata/bad against the lines that --check prints of it.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 12 {
		t.Fatalf("found only %d files in testdata/bad: %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			config, problems := Parse(filepath.Base(path), content, usual())
			got := problems.String()
			if (config == nil) != problems.Fatal() {
				t.Errorf("a Config (%t) and errors (%t)", config != nil, problems.Fatal())
			}
			if problems.Fatal() == strings.HasPrefix(filepath.Base(path), "warn_") {
				t.Errorf("wrong severity:\n%s", got)
			}
			if strings.Contains(got, canary) {
				t.Errorf("a secret is shown:\n%s", got)
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".want"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestTellsAllAtOnce: the lines ascend, whatever found them.
func TestTellsAllAtOnce(t *testing.T) {
	_, problems := Parse("x", []byte("names: {fold_case: 3}\nlanguage: fr\nstate_dir: var\nnope: 1\n"), usual())
	var lines []int
	for _, p := range problems.Errors() {
		lines = append(lines, p.Line)
	}
	if len(lines) != 4 || lines[0] != 1 || lines[1] != 2 || lines[2] != 3 || lines[3] != 4 {
		t.Fatalf("lines %v:\n%s", lines, problems)
	}
}
