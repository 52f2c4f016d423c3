package scripts

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// noSecretsCommand looks into every file below $WORK for every secret of known/. It fails
// too where it would find nothing: with no secrets, no log, no state, nothing said.
func noSecretsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) > 0 {
		ts.Fatalf("usage: [!] no-secrets")
	}
	w := of(ts)
	canaries, err := w.canaries()
	ts.Check(err)
	if len(canaries) < 9 {
		ts.Fatalf("only %d secrets are known", len(canaries))
	}
	root := filepath.Join(w.diskRoot(), w.dir)
	planted, err := search(filepath.Join(root, "known"), canaries, nil)
	ts.Check(err)
	for _, c := range canaries {
		if !planted.found[c.name] {
			ts.Fatalf("the search does not even find %s where it is kept", c.name)
		}
	}
	canaries = append(canaries, w.keyset())
	// The keyset, and copies that a script makes of it, lie where they belong.
	result, err := search(root, canaries, func(path string) bool {
		return path == "known" || path == "keyset" || path == "good" || path == "other" || path == "keyset2"
	})
	ts.Check(err)
	for _, needed := range []string{logFile, outputs, "state/", "latchkey.yaml"} {
		if !result.searched(needed) {
			ts.Fatalf("%s was not searched, only %v", needed, result.files)
		}
	}
	for _, leak := range result.leaks {
		ts.Logf("LEAK: %s", leak)
	}
	typed := w.typedNowhere()
	if neg {
		if len(result.leaks) == 0 && typed == nil {
			ts.Fatalf("no secret was found")
		}
		return
	}
	if len(result.leaks) > 0 {
		ts.Fatalf("secrets stand where they must not")
	}
	ts.Check(typed)
	ts.Logf("%d files, %d bytes, %d secrets: none found", len(result.files), result.bytes, len(canaries))
}

// keyset is the longest word in the keyset's file, which is a key.
func (w *world) keyset() canary {
	text, err := os.ReadFile(filepath.Join(w.dir, "keyset"))
	longest := ""
	for _, word := range regexp.MustCompile(`[A-Za-z0-9+/_=-]+`).FindAllString(string(text), -1) {
		if len(word) > len(longest) {
			longest = word
		}
	}
	if err != nil || len(longest) < 32 {
		panic(fmt.Sprintf("no keyset is there to be searched for: %v", err))
	}
	return canary{"keyset", forms(longest)}
}

// canary is a secret in all the forms in which it may be seen.
type canary struct {
	name  string
	forms [][]byte // lower case
}

func (w *world) canaries() ([]canary, error) {
	dir := filepath.Join(w.dir, "known")
	files, err := os.ReadDir(dir)
	var list []canary
	for _, f := range files {
		text, err := w.known(f.Name())
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(f.Name(), ".csv") {
			// Made of other secrets, but for the code words of an import.
			for i, line := range strings.Split(text, "\n") {
				if name, word, ok := strings.Cut(line, ","); ok && i > 0 && f.Name() == "words.csv" {
					list = append(list, canary{"code word of " + name, forms(word)})
				}
			}
			continue
		}
		if len(text) < 6 {
			return nil, fmt.Errorf("%s is too short to be found again", f.Name())
		}
		list = append(list, canary{f.Name(), forms(text)})
	}
	return list, err
}

// forms are the text itself, without spaces, in hexadecimal, and in base64 at each of its three alignments.
func forms(text string) (list [][]byte) {
	add := func(s string) { list = append(list, []byte(strings.ToLower(s))) }
	add(text)
	add(strings.ReplaceAll(text, " ", ""))
	add(hex.EncodeToString([]byte(text)))
	for shift := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), text...))
		// The first and last characters also hold bits of what stands beside the text.
		add(encoded[2*min(shift, 1)+shift/2 : len(encoded)-2])
	}
	return list
}

type found struct {
	files []string
	bytes int64
	found map[string]bool
	leaks []string
}

func (f *found) searched(prefix string) bool {
	for _, file := range f.files {
		if strings.HasPrefix(file, prefix) {
			return true
		}
	}
	return false
}

// search reads every regular file below root, whatever its name, core dumps too.
func search(root string, canaries []canary, skip func(path string) bool) (*found, error) {
	result := &found{found: map[string]bool{}}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case skip != nil && skip(name) && entry.IsDir():
			return fs.SkipDir
		case skip != nil && skip(name):
			return nil
		case !entry.Type().IsRegular():
			return nil
		}
		raw, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil // a file of the running store that has just been replaced
		}
		if err != nil {
			return err
		}
		content := bytes.ToLower(raw)
		for _, c := range canaries {
			for _, form := range c.forms {
				if at := bytes.Index(content, form); at >= 0 {
					result.found[c.name] = true
					result.leaks = append(result.leaks, fmt.Sprintf("%s stands in %s at byte %d", c.name, name, at))
					break
				}
			}
		}
		if len(raw) > 0 {
			result.files = append(result.files, name)
			result.bytes += int64(len(raw))
		}
		return nil
	})
	return result, err
}

// typedNowhere looks for the characters that were typed as right answers, as words of their own.
func (w *world) typedNowhere() error {
	for _, file := range []string{logFile, outputs} {
		text, err := os.ReadFile(filepath.Join(w.dir, file))
		if err != nil {
			return err
		}
		for typed := range w.typed {
			if regexp.MustCompile(`\b` + typed + `\b`).Match(text) {
				return fmt.Errorf("the characters %s of an answer stand in %s", typed, file)
			}
		}
	}
	return nil
}
