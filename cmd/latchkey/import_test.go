package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/localapi"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestImportWritesCodeWords(t *testing.T) {
	a := newAppliance(t)
	words := filepath.Join(t.TempDir(), "words.csv")
	file := write(t, "name,language,groups,password,answer.pet\nlutz,de,staff;vpn,"+canary+"1,"+canary+"\nanna,en,,,\n")
	r := a.run("", "user", "import", "--code-words", words, file)
	if r.code != exitDone || r.out != "" || !strings.Contains(r.err, "2 users are added.") || !strings.Contains(r.err, "2 code words are in "+words) {
		t.Errorf("%+v", r)
	}
	info, err := os.Stat(words)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	f, err := os.Open(words)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil || len(table) != 3 || table[0][1] != "code_word" || len(strings.Fields(table[1][1])) != 4 {
		t.Errorf("code words: %q, %v", table, err)
	}
	if r := a.run("name\notto\n", "user", "import", "--code-words", words, "-"); r.code != exitRefused || !strings.Contains(r.err, "exists") {
		t.Errorf("a file that is there: %+v", r)
	}
	if r := a.run("name\notto\n", "user", "import", "-"); r.code != exitDone || !strings.Contains(r.err, "latchkey user invite NAME") {
		t.Errorf("without --code-words: %+v", r)
	}
}

func TestImportNamesBadRows(t *testing.T) {
	a := newAppliance(t)
	words := filepath.Join(t.TempDir(), "words.csv")
	file := write(t, "name,answer.pet\nlutz,"+canary+"\nanna\nbob,x\n")
	r := a.run("", "user", "import", "--code-words", words, file)
	if r.code != exitRefused || !strings.Contains(r.err, "nothing was taken") || !strings.Contains(r.err, "--keep-going") {
		t.Errorf("%+v", r)
	}
	for _, line := range []string{": line 3: the number of cells is 1", ": line 4 (bob): "} {
		if !strings.Contains(r.err, line) {
			t.Errorf("not told %q:\n%s", line, r.err)
		}
	}
	if _, err := os.Stat(words); err == nil {
		t.Error("an empty file of code words is left")
	}
	if out := a.want("", "user", "list"); out != "" {
		t.Errorf("taken all the same:\n%s", out)
	}
	var result localapi.ImportResult
	a.json(&result, "", "user", "import", "--keep-going", file)
	if result.Taken != 1 || len(result.Bad) != 2 || result.CodeWords != 1 {
		t.Errorf("--keep-going: %+v", result)
	}
	r = a.run("", "--json", "user", "import", file)
	if r.code != exitRefused || !strings.HasPrefix(r.out, `{"taken":0,"bad":[{"line":3,`) || !strings.HasPrefix(r.err, `{"error":`) {
		t.Errorf("--json: %+v", r)
	}
	if r := a.run("", "user", "import", write(t, "name,pets\n")); r.code != exitRefused || !strings.Contains(r.err, `unknown column "pets"`) {
		t.Errorf("%+v", r)
	}
}

func TestImportOfMany(t *testing.T) {
	a := newAppliance(t)
	var file strings.Builder
	file.WriteString("name\n")
	for i := range 3000 {
		fmt.Fprintf(&file, "user%04d\n", i)
	}
	a.want(file.String(), "user", "import", "-")
	list := a.want("", "user", "list")
	if strings.Count(list, "\n") != 3001 {
		t.Errorf("%d lines", strings.Count(list, "\n"))
	}
}
