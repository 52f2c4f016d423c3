package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// FuzzYAML: no bytes make it panic or show a secret, and what loads once loads again, equal.
func FuzzYAML(f *testing.F) {
	for _, pattern := range []string{"latchkey.yaml", "testdata/bad/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds in %s: %v", pattern, err)
		}
		for _, path := range files {
			content, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(content)
		}
	}
	f.Add([]byte(minimal))
	for _, text := range misplaced {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		config, problems := Parse("x.yaml", content, usual())
		if (config == nil) != problems.Fatal() {
			t.Fatalf("config %t, fatal %t", config != nil, problems.Fatal())
		}
		for _, p := range problems {
			if p.Key == "" || p.Text == "" || p.Line < 1 || p.Line > 2+strings.Count(string(content), "\n")+strings.Count(string(content), "\r") ||
				!utf8.ValidString(p.String()) || strings.ContainsFunc(p.String(), unicode.IsControl) {
				t.Fatalf("a line that cannot be printed: %q", p)
			}
		}
		if said := problems.String(); strings.Contains(said, canary) && !elsewhereThanSecrets(content) {
			t.Fatalf("a secret is shown: %s", said)
		}
		again, same := Parse("x.yaml", content, usual())
		if !reflect.DeepEqual(config, again) || !reflect.DeepEqual(problems, same) {
			t.Fatalf("loaded twice:\n%+v %v\n%+v %v", config, problems, again, same)
		}
	})
}

// elsewhereThanSecrets tells whether the canary stands where no secret is expected: there it
// is a word like any other, and may be quoted.
func elsewhereThanSecrets(content []byte) bool {
	var root yaml.Node
	if yaml.Unmarshal(content, &root) != nil {
		return false
	}
	var visit func(n *yaml.Node, secret bool) bool
	visit = func(n *yaml.Node, secret bool) bool {
		if n.Kind == yaml.ScalarNode {
			return !secret && strings.Contains(n.Value, canary)
		}
		for i, c := range n.Content {
			inside := secret
			if n.Kind == yaml.MappingNode && i%2 == 1 {
				inside = secret || strings.HasPrefix(n.Content[i-1].Value, "secret")
			}
			if visit(c, inside) {
				return true
			}
		}
		return false
	}
	return visit(&root, false)
}
