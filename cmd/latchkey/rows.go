package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/localapi"
)

// answerPrefix begins the name of a column that holds answers to a question.
const answerPrefix = "answer."

// maxRow is the largest row in bytes: what the admin socket takes, with room for its JSON.
const maxRow = 32 << 10

// rowReader reads the CSV of an import (RFC 4180) row by row, in constant memory.
type rowReader struct {
	csv     *csv.Reader
	limit   *rowLimit
	columns []string
}

// newRowReader reads the header: which columns there are, in any order.
func newRowReader(from io.Reader) (*rowReader, error) {
	limit := &rowLimit{from: from}
	buffered := bufio.NewReader(limit)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(3) // a byte order mark, as spreadsheets write it
	}
	r := &rowReader{csv: csv.NewReader(buffered), limit: limit}
	r.csv.FieldsPerRecord = -1 // a wrong number is one bad row, not the end
	r.csv.ReuseRecord = true
	header, err := r.csv.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, refusal{"the file is empty", "its first line names the columns: name,language,phone,mail,groups,password,answer.QUESTION"}
	case err != nil:
		return nil, refusal{"line 1: " + csvProblem(err).Text, "its first line names the columns"}
	}
	for _, column := range header {
		r.columns = append(r.columns, strings.TrimSpace(column))
	}
	return r, r.check()
}

func (r *rowReader) check() error {
	const known = "columns are name, language, phone, mail, groups, password and answer.QUESTION"
	if len(r.columns) == 1 && strings.ContainsAny(r.columns[0], ";\t") {
		return refusal{"line 1: the columns are not separated by commas", "save the file as CSV with commas; groups are separated by ;"}
	}
	for i, column := range r.columns {
		switch column {
		case "name", "language", "phone", "mail", "groups", "password":
		default:
			if question, ok := strings.CutPrefix(column, answerPrefix); !ok || question == "" {
				return refusal{fmt.Sprintf("line 1: unknown column %q", column), known}
			}
		}
		if slices.Index(r.columns, column) != i {
			return refusal{fmt.Sprintf("line 1: column %q stands twice", column), known}
		}
	}
	if !slices.Contains(r.columns, "name") {
		return refusal{"line 1: there is no column name", known}
	}
	return nil
}

// rows yields each row, or what is wrong with it; an error is one of reading the file.
func (r *rowReader) rows() iter.Seq2[localapi.Row, error] {
	return func(yield func(localapi.Row, error) bool) {
		for {
			row, err := r.next()
			if errors.Is(err, io.EOF) || !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func (r *rowReader) next() (localapi.Row, error) {
	r.limit.read = 0
	cells, err := r.csv.Read()
	var syntax *csv.ParseError
	switch {
	case errors.Is(err, errRowSize):
		return localapi.Row{}, refusal{fmt.Sprintf("the row after line %d is larger than %d bytes", r.line(), maxRow),
			"is a quotation mark not closed?"}
	case errors.As(err, &syntax):
		return bad(syntax.StartLine, "", *csvProblem(err)), nil
	case err != nil:
		return localapi.Row{}, err
	}
	return r.row(cells), nil
}

func (r *rowReader) line() int {
	defer func() { _ = recover() }() // FieldPos panics before the first record
	line, _ := r.csv.FieldPos(0)
	return line
}

// csvProblem is what the csv package says, which never repeats a cell.
func csvProblem(err error) *localapi.Problem {
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return &localapi.Problem{Text: fmt.Sprintf("not CSV: %v (column %d)", syntax.Err, syntax.Column),
			Hint: `a cell with commas or quotation marks stands in "…", a quotation mark in it twice`}
	}
	return &localapi.Problem{Text: err.Error()}
}

func bad(line int, name string, problem localapi.Problem) localapi.Row {
	row := localapi.Row{Problem: &problem}
	row.Line, row.Name = line, name
	return row
}

func (r *rowReader) row(cells []string) localapi.Row {
	line, _ := r.csv.FieldPos(0)
	if len(cells) != len(r.columns) {
		return bad(line, "", localapi.Problem{Text: fmt.Sprintf("the number of cells is %d, that of columns %d", len(cells), len(r.columns)),
			Hint: `a cell with a comma stands in "…"`})
	}
	row := localapi.Row{ImportRow: core.ImportRow{Line: line}}
	for i, cell := range cells {
		if !utf8.ValidString(cell) {
			return bad(line, "", localapi.Problem{Text: fmt.Sprintf("column %s is not UTF-8", r.columns[i]), Hint: "save the file as UTF-8"})
		}
		if cell == "" {
			continue
		}
		switch column := r.columns[i]; column {
		case "name":
			row.Name = cell
		case "language":
			row.Language = cell
		case "phone":
			row.Phone = cell
		case "mail":
			row.Mail = cell
		case "groups":
			row.Groups = groups(cell)
		case "password":
			row.Password = secret.New(cell)
		default:
			if row.Answers == nil {
				row.Answers = map[string]secret.Secret{}
			}
			row.Answers[strings.TrimPrefix(column, answerPrefix)] = secret.New(cell)
		}
	}
	if row.Name == "" {
		return bad(line, "", localapi.Problem{Text: "the name is empty"})
	}
	return row
}

func groups(cell string) []string {
	var names []string
	for name := range strings.SplitSeq(cell, ";") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

var errRowSize = errors.New("row too large")

// rowLimit ends a row that has no end, such as one with an open quotation mark. What is read
// ahead counts too, hence the slack of one buffer.
type rowLimit struct {
	from io.Reader
	read int
}

const readAhead = 4096 // of bufio, twice: ours and the csv package's

func (l *rowLimit) Read(p []byte) (int, error) {
	if l.read > maxRow+2*readAhead {
		return 0, errRowSize
	}
	n, err := l.from.Read(p[:min(len(p), readAhead)])
	l.read += n
	return n, err
}
