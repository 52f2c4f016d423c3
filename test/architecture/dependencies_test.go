package architecture

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDependenciesAreExplained holds docs/dependencies.md against what is really imported.
func TestDependenciesAreExplained(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "docs/dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{} // library: version
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-z][^ |]*/[^ |]*) \| (v[^ |]+) \| [^|]+ \| [^|]+ \| [^|]{20,} \|$`).FindAllStringSubmatch(string(text), -1) {
		rows[row[1]] = row[2]
	}
	imported := directModules(t)
	if len(imported) < 5 || len(rows) < 5 {
		t.Fatalf("only %d modules imported and %d rows found", len(imported), len(rows))
	}
	for module, version := range imported {
		switch row, ok := rows[module]; {
		case !ok:
			t.Errorf("%s %s is imported, and docs/dependencies.md does not say why", module, version)
		case row != version:
			t.Errorf("docs/dependencies.md has %s %s, go.mod %s: is its row still true?", module, row, version)
		}
	}
	for module := range rows {
		if imported[module] == "" {
			t.Errorf("docs/dependencies.md explains %s, which nobody imports", module)
		}
	}
}

// directModules are the modules of all packages that ours, or their tests, import.
func directModules(t *testing.T) map[string]string {
	t.Helper()
	golist := func(args ...string) string {
		cmd := exec.Command("go", append([]string{"list"}, args...)...)
		cmd.Dir = root(t)
		var problems strings.Builder
		cmd.Stderr = &problems
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, problems.String())
		}
		return string(out)
	}
	paths := map[string]bool{}
	const lists = `{{join .Imports "\n"}}{{"\n"}}{{join .TestImports "\n"}}{{"\n"}}{{join .XTestImports "\n"}}`
	for path := range strings.Lines(golist("-f", lists, "./...")) {
		path = strings.TrimSpace(path)
		if strings.Contains(strings.Split(path, "/")[0], ".") && !under(path, module) {
			paths[path] = true
		}
	}
	var args []string
	for path := range paths {
		args = append(args, path)
	}
	modules := map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(golist(append([]string{"-json=Module"}, args...)...))); dec.More(); {
		var p struct {
			Module struct{ Path, Version string }
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		modules[p.Module.Path] = p.Module.Version
	}
	return modules
}
