// Package architecture holds the rules of the house as tests: who may import whom, and what
// no file may contain. A rule that fails says why it exists.
//
// rules_test.go is the table; graph_test.go asks the go command for the packages;
// source_test.go reads the files themselves.
package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/latchkey/latchkey"

// pkg is what `go list -json` says of a package, as far as the rules ask.
type pkg struct {
	ImportPath string
	Name       string
	Standard   bool
	Imports    []string // of the code that is shipped, not of tests
	CgoFiles   []string
	Deps       []string // everything linked with it
}

// path is the import path below the module's: "core/store", or "" for the module's root.
func (p pkg) path() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// root finds the folder of go.mod, from the folder of this test.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("the module's root is not two folders above test/architecture: %v", err)
	}
	return dir
}

// list runs go list with cgo on, so that a file that uses it is seen.
func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-e=false", "-json=ImportPath,Name,Standard,Imports,CgoFiles,Deps"}, args...)...)
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, problems.String())
	}
	var found []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		found = append(found, p)
	}
	if len(found) == 0 {
		t.Fatalf("%s found no package: the rules would hold for nothing", cmd)
	}
	return found
}

// under tells whether path is one of the trees, or below one. A tree that ends in "/*" leaves
// out its own root.
func under(path string, trees ...string) bool {
	for _, tree := range trees {
		if below, ok := strings.CutSuffix(tree, "/*"); ok {
			if strings.HasPrefix(path, below+"/") {
				return true
			}
		} else if path == tree || strings.HasPrefix(path, tree+"/") {
			return true
		}
	}
	return false
}
