package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
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
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if !errors.Is(err, io.EOF) {
			syntaxError(err, r)
		}
		return nil
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		r.lines["yaml"] = second.Line
		r.fail("yaml", "remove the line ---", "a second document begins here")
		return nil
	} else if !errors.Is(err, io.EOF) {
		syntaxError(err, r)
		return nil
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil
	}
	return document.Content[0]
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// What the YAML library complains of, in the words of somebody who has the file open.
var syntaxHints = []struct{ says, text, hint string }{
	{"unknown anchor", "a value begins with *, which YAML takes for an alias", "quote it"},
	{"while scanning an alias", "a value begins with *, which YAML takes for an alias", "quote it"},
	{"while scanning an anchor", "a value begins with &, which YAML takes for an anchor", "quote it"},
	{"undefined tag handle", "a value begins with !, which YAML takes for a tag", "quote it"},
	{"while parsing a tag", "a value begins with !, which YAML takes for a tag", "quote it"},
	{"while scanning a tag", "a value begins with !, which YAML takes for a tag", "quote it"},
	{"mapping values are not allowed", "a colon stands where none may be", `indentation, or a text with ": " in it that must be quoted`},
	{"cannot start any token", "a value begins with a character that must be quoted", "@ % and tabs, among others"},
	{"could not find expected ':'", "a key without its colon", `"key: value", with a space after the colon`},
	{"did not find expected key", "the indentation does not fit", "the keys of one section begin in one column"},
	{"did not find expected '-' indicator", "the indentation does not fit", "the items of one list begin in one column"},
	{"did not find expected ',' or ']'", "a [ list ] is not closed", "or a comma is missing"},
	{"did not find expected ',' or '}'", "a { mapping } is not closed", "or a comma is missing"},
	{"found unexpected end of stream", "a quoted text is not closed", ""},
	{"unknown escape character", "an unknown escape after \\ in a text in double quotes", "single quotes take \\ as it is"},
	{"control characters are not allowed", "a control character", ""},
	{"exceeded max depth", "is nested too deeply", ""},
}

func syntaxError(err error, r *report) {
	says := err.Error()
	if m := yamlLine.FindStringSubmatch(says); m != nil {
		r.lines["yaml"], _ = strconv.Atoi(m[1])
	}
	for _, h := range syntaxHints {
		if strings.Contains(says, h.says) {
			r.fail("yaml", h.hint, "%s", h.text)
			return
		}
	}
	r.fail("yaml", "", "is not valid YAML")
}
