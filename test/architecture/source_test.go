package architecture

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// file is one source file of the project.
type file struct {
	path string // below the root
	text []byte
}

// sources reads every file with one of the extensions, outside of what is built.
func sources(t *testing.T, extensions ...string) []file {
	t.Helper()
	top := root(t)
	var found []file
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch name := d.Name(); name {
			case ".git", ".cache", "bin", "dist", "node_modules":
				return filepath.SkipDir
			}
			return nil
		}
		for _, extension := range extensions {
			if !d.Type().IsRegular() || !strings.HasSuffix(path, extension) {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(top, path)
			if err != nil {
				return err
			}
			found = append(found, file{relative, text})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("no file ends in %v: the rules would hold for nothing", extensions)
	}
	return found
}

func TestFilesCanBeReadAtOneSitting(t *testing.T) {
	const most = 600
	for _, f := range sources(t, ".go", ".ts", ".c", ".h", ".sh", ".css") {
		if lines := bytes.Count(f.text, []byte("\n")); lines > most {
			t.Errorf("%s has %d lines, over %d: it is perhaps two rooms", f.path, lines, most)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, f := range sources(t, ".go") {
		formatted, err := format.Source(f.text)
		if err != nil {
			t.Errorf("%s: %v", f.path, err)
		} else if !bytes.Equal(formatted, f.text) {
			t.Errorf("%s: gofmt would change it (gofmt -w %[1]s)", f.path)
		}
	}
}

// TestNothingIsSkipped holds for all Go files, as suites stand in ordinary ones too.
func TestNothingIsSkipped(t *testing.T) {
	for _, f := range sources(t, ".go") {
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, f.path, f.text, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%s: %v", f.path, err)
			continue
		}
		for _, position := range skips(set, tree) {
			t.Errorf("%s: a test that is skipped proves nothing and nobody notices; fail with what is missing, or return", position)
		}
	}
}

// skips finds calls of Skip, Skipf and SkipNow on something named like a test's handle.
func skips(set *token.FileSet, tree *ast.File) (positions []token.Position) {
	ast.Inspect(tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !regexp.MustCompile(`^Skip(f|Now)?$`).MatchString(selector.Sel.Name) {
			return true
		}
		if handle, ok := selector.X.(*ast.Ident); ok && regexp.MustCompile(`^(t|b|f|tb|ts)$`).MatchString(handle.Name) {
			positions = append(positions, set.Position(call.Pos()))
		}
		return true
	})
	return positions
}

func TestSkipIsFound(t *testing.T) {
	const text = "package x\nfunc TestX(t *testing.T) {\n\tif true {\n\t\tt.Skipf(\"%d\", 1)\n\t}\n\tt.Run(\"a\", func(t *testing.T) { t.SkipNow() })\n\treader.Skip(3)\n}\n"
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, "x_test.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := skips(set, tree)
	if len(found) != 2 || found[0].Line != 4 || found[1].Line != 6 {
		t.Errorf("found %v, want lines 4 and 6", found)
	}
}

// TestNoUnfinishedWork keeps the marks of it out of what is committed.
func TestNoUnfinishedWork(t *testing.T) {
	// Spelt so that this line is not its own fault.
	mark := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	for _, f := range sources(t, ".go", ".sh", ".c", ".ts") {
		for i, line := range bytes.Split(f.text, []byte("\n")) {
			if mark.Match(line) {
				t.Errorf("%s:%d: unfinished: %s", f.path, i+1, bytes.TrimSpace(line))
			}
		}
	}
}
