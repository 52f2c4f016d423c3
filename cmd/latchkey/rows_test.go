package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/localapi"
)

// read gives each row in a form for comparing.
func read(t *testing.T, file string) ([]string, error) {
	t.Helper()
	r, err := newRowReader(strings.NewReader(file))
	if err != nil {
		return nil, err
	}
	var rows []string
	for row, err := range r.rows() {
		if err != nil {
			return rows, err
		}
		rows = append(rows, text(row))
	}
	return rows, nil
}

func text(row localapi.Row) string {
	if row.Problem != nil {
		return fmt.Sprintf("%d! %s", row.Line, row.Problem.Text)
	}
	s := fmt.Sprintf("%d %s|%s|%s|%s|%s|%s", row.Line, row.Name, row.Language, row.Phone, row.Mail, strings.Join(row.Groups, "+"), row.Password.Reveal())
	for _, question := range []string{"pet", "birthplace"} {
		if answer, ok := row.Answers[question]; ok {
			s += "|" + question + "=" + answer.Reveal()
		}
	}
	return s
}

func TestRows(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"all columns in any order": {"answer.pet,password,groups,mail,phone,language,name\nBello,geheim,a;b,l@x,+49,de,lutz\n",
			[]string{"2 lutz|de|+49|l@x|a+b|geheim|pet=Bello"}},
		"name alone":             {"name\nlutz\nanna", []string{"2 lutz|||||", "3 anna|||||"}},
		"byte order mark":        {"\xef\xbb\xbfname\nlutz\n", []string{"2 lutz|||||"}},
		"CRLF":                   {"name,mail\r\nlutz,l@x\r\n", []string{"2 lutz|||l@x||"}},
		"spaces in the header":   {"name, mail\nlutz,l@x\n", []string{"2 lutz|||l@x||"}},
		"empty cells":            {"name,groups,answer.pet\nlutz,,\n", []string{"2 lutz|||||"}},
		"groups with spaces":     {"name,groups\nlutz, a ;; b \n", []string{"2 lutz||||a+b|"}},
		"secrets keep spaces":    {"name,password,answer.pet\nlutz, x ,\" y \"\n", []string{"2 lutz||||| x |pet= y "}},
		"quotes and line breaks": {"name,answer.pet\n\"lu\"\"tz\",\"a,\nb\"\nanna,c\n", []string{`2 lu"tz||||||pet=a,` + "\nb", "4 anna||||||pet=c"}},
		"empty lines":            {"name\n\nlutz\n\n", []string{"3 lutz|||||"}},
		"too few cells":          {"name,mail\nlutz\nanna,a@x\n", []string{"2! the number of cells is 1, that of columns 2", "3 anna|||a@x||"}},
		"too many cells":         {"name\nlutz,de\nanna\n", []string{"2! the number of cells is 2, that of columns 1", "3 anna|||||"}},
		"no name":                {"name,mail\n,l@x\n", []string{"2! the name is empty"}},
		"not UTF-8":              {"name,password\nlutz,caf\xe9\n", []string{"2! column password is not UTF-8"}},
		"a bare quotation mark":  {"name\nlu\"tz\nanna\n", []string{`2! not CSV: bare " in non-quoted-field (column 3)`, "3 anna|||||"}},
		"an open quotation mark": {"name\nlutz\n\"anna\n", []string{"2 lutz|||||", `3! not CSV: extraneous or missing " in quoted-field (column 7)`}},
		"header only":            {"name\n", nil},
	} {
		got, err := read(t, c.file)
		if err != nil || strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestRowsThatEndTheImport(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"empty":              {"", "empty"},
		"unknown column":     {"name,Mail\n", `unknown column "Mail"`},
		"a column of nobody": {"name,answer.\n", `unknown column "answer."`},
		"twice":              {"name,mail,mail\n", `"mail" stands twice`},
		"no name":            {"mail\n", "no column name"},
		"semicolons":         {"name;mail\nlutz;l@x\n", "not separated by commas"},
		"a row without end":  {"name\nlutz\n\"" + strings.Repeat("x\n", 1<<20), "larger than"},
		"header without end": {"name,\"" + strings.Repeat("x", 1<<20), "row too large"},
	} {
		_, err := read(t, c.file)
		var refused refusal
		if !errors.As(err, &refused) || !strings.Contains(refused.text, c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	broken := io.MultiReader(strings.NewReader("name\nlutz\n"), &failing{})
	r, err := newRowReader(broken)
	if err != nil {
		t.Fatal(err)
	}
	for _, err = range r.rows() {
	}
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a disk that cannot be read: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// FuzzRows: whatever the file, each row has its line, rows come in order, nobody without a name
// gets through, and nothing panics or runs for ever.
func FuzzRows(f *testing.F) {
	for _, seed := range []string{"name\nlutz\n", "\xef\xbb\xbfname,groups,password,answer.pet\n\"a\nb\",x;y,p,\"q\"\"\"\n", "name;mail\n",
		"name,mail\nlutz\n\"x", "name\n\xff\n", "mail,name\r\n,\r\n", "name,answer.\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		r, err := newRowReader(strings.NewReader(file))
		if err != nil {
			return
		}
		last := 1
		for row, err := range r.rows() {
			if err != nil {
				return
			}
			if row.Line <= last && last > 1 || row.Line < 2 && !strings.HasPrefix(file, "\n") {
				t.Fatalf("line %d after line %d", row.Line, last)
			}
			last = row.Line
			if row.Problem == nil && row.Name == "" {
				t.Fatalf("line %d: a user without a name", row.Line)
			}
		}
	})
}
