package config

import (
	"bytes"
	"errors"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxSize is the most that a configuration file may have, in bytes.
const MaxSize = 1 << 20

// readTree makes the node tree of one document. It gives nil where the bytes are no YAML, or
// hold nothing but comments. What the YAML library says is not passed on as it is: it quotes
// the file, and so perhaps a secret.
func readTree(content []byte, r *report) *yaml.Node {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	if len(content) > MaxSize {
		r.fail("file", "at most 1 MiB", "is too large")
		return nil
	}
	if !utf8.Valid(content) {
		line := 1
		for rest := content; len(rest) > 0; {
			c, size := utf8.DecodeRune(rest)
			if c == utf8.RuneError && size == 1 {
				break
			}
			if c == '\n' {
				line++
			}
			rest = rest[size:]
		}
		r.lines["yaml"] = line
		r.fail("yaml", "save the file as UTF-8", "is not valid UTF-8")
		return nil
	}
	root, second, err := parseYAML(content)
	switch {
	case err != nil:
		syntaxError(content, err, r)
		return nil
	case second != 0:
		r.lines["yaml"] = second
		r.fail("yaml", "remove the line ---", "a second document begins here")
		return nil
	}
	return root
}

// parseYAML gives the root of the first document, nil where there is nothing in it, and the
// line of a second one.
func parseYAML(content []byte) (root *yaml.Node, second int, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, next yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, 0, nil
	} else if err != nil {
		return nil, 0, err
	}
	if err := decoder.Decode(&next); err == nil {
		return nil, next.Line, nil
	} else if !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, 0, nil
	}
	return document.Content[0], 0, nil
}

// errorLine finds where a syntax error is. The library's own figure is that of the line
// before, of the section's beginning, or none. But it reads as a stream: the shortest part of
// the file that gives the same error ends in the line in question.
func errorLine(content []byte, says string) int {
	lines := bytes.SplitAfter(content, []byte("\n"))
	end := make([]int, len(lines)+1)
	for i, line := range lines {
		end[i+1] = end[i] + len(line)
	}
	return 1 + sort.Search(len(lines)-1, func(i int) bool {
		_, _, err := parseYAML(content[:end[i+1]])
		return err != nil && err.Error() == says
	})
}

// What the YAML library complains of, in the words of somebody who has the file open.
var syntaxHints = []struct{ says, text, hint string }{
	{"unknown anchor", "a value begins with *, which YAML takes for an alias", "quote it"},
	{"while scanning an alias", "a value begins with *, which YAML takes for an alias", "quote it"},
	{"while scanning an anchor", "a value begins with &, which YAML takes for an anchor", "quote it"},
	{"undefined tag handle", "a value begins with !, which YAML takes for a tag", "quote it"},
	{"while parsing a tag", "a value begins with !, which YAML takes for a tag", "quote it"},
	{"while scanning a tag", "a value begins with !, which YAML takes for a tag", "quote it"},
	{"mapping values are not allowed", "a colon stands where none may be", `indentation, or a text with ": " in it that must be quoted`},
	{"cannot start any token", "a value begins with a character that must be quoted", "@, % and a tab are some"},
	{"could not find expected ':'", "a key without its colon", `"key: value", with a space after the colon`},
	{"did not find expected key", "the indentation does not fit", "the keys of one section begin in one column"},
	{"did not find expected '-' indicator", "the indentation does not fit", "the items of one list begin in one column"},
	{"did not find expected ',' or ']'", "a [ list ] is not closed", "or a comma is missing"},
	{"did not find expected ',' or '}'", "a { mapping } is not closed", "or a comma is missing"},
	{"found unexpected end of stream", "a quoted text is not closed", `in "double quotes" \ is an escape, single quotes take it as it is`},
	{"unknown escape character", `an unknown escape after \ in a text in "double quotes"`, `single quotes take \ as it is`},
	{"hexdecimal number", `an unknown escape after \ in a text in "double quotes"`, `single quotes take \ as it is`},
	{"control characters are not allowed", "a control character", ""},
	{"exceeded max depth", "is nested too deeply", ""},
}

// tabbed tells whether a tab stands in the indentation of a line: the eye cannot see it.
func tabbed(content []byte, line int) bool {
	for text := range bytes.Lines(content) {
		if line--; line == 0 {
			indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
			return bytes.IndexByte(indent, '\t') >= 0
		}
	}
	return false
}

func syntaxError(content []byte, err error, r *report) {
	says := err.Error()
	line := errorLine(content, says)
	r.lines["yaml"] = line
	if tabbed(content, line) {
		r.fail("yaml", "indent with spaces", "the line is indented with a tab")
		return
	}
	for _, h := range syntaxHints {
		if strings.Contains(says, h.says) {
			r.fail("yaml", h.hint, "%s", h.text)
			return
		}
	}
	r.fail("yaml", "", "is not valid YAML")
}
