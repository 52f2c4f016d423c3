package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong, or doubtful, in a configuration file. No field of it
// ever holds a secret, nor text of a place where a secret may have been put by mistake.
type Problem struct {
	File    string
	Line    int    // from 1
	Key     string // "radius.clients[0].timeout"; "yaml" or "file" where there is no key to name
	Text    string // "is longer than the gateway waits"
	Hint    string // "at most 14s", or empty
	Warning bool   // the file may be used all the same
}

// String gives the line that --check prints.
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	if p.Warning {
		b.WriteString("warning: ")
	}
	fmt.Fprintf(&b, "%s: %s", p.Key, p.Text)
	if p.Hint != "" {
		fmt.Fprintf(&b, " (%s)", p.Hint)
	}
	return b.String()
}

// Problems is everything that one file has, in the order of its lines.
type Problems []Problem

// Fatal tells whether any of them forbids to use the file.
func (ps Problems) Fatal() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return !p.Warning })
}

// Errors gives those that forbid to use the file.
func (ps Problems) Errors() Problems { return ps.only(false) }

// Warnings gives the others.
func (ps Problems) Warnings() Problems { return ps.only(true) }

func (ps Problems) only(warning bool) Problems {
	var some Problems
	for _, p := range ps {
		if p.Warning == warning {
			some = append(some, p)
		}
	}
	return some
}

// String gives one line each.
func (ps Problems) String() string {
	var b strings.Builder
	for _, p := range ps {
		b.WriteString(p.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// report collects the problems of one file. The first error of a key silences what a later
// check has to say of that key and of all below it: a mistake is told once, where it is.
type report struct {
	file  string
	lines map[string]int // of every key that the file gives, by its path
	bad   map[string]bool
	list  Problems
}

func newReport(file string) *report {
	return &report{file: file, lines: map[string]int{}, bad: map[string]bool{}}
}

func (r *report) fail(key, hint, format string, args ...any) {
	if !r.silenced(key) {
		r.bad[key] = true
		r.add(key, hint, fmt.Sprintf(format, args...), false)
	}
}

func (r *report) warn(key, hint, format string, args ...any) {
	if !r.silenced(key) {
		r.add(key, hint, fmt.Sprintf(format, args...), true)
	}
}

func (r *report) add(key, hint, text string, warning bool) {
	line := r.line(key)
	if key == "" {
		key = "file" // its root
	}
	r.list = append(r.list, Problem{r.file, line, key, text, hint, warning})
}

// given tells whether the file itself has the key, as against a default.
func (r *report) given(key string) bool { return r.lines[key] != 0 }

// line is that of the key, or of the nearest key above it that the file gives.
func (r *report) line(key string) int {
	for ; key != ""; key = above(key) {
		if n := r.lines[key]; n != 0 {
			return n
		}
	}
	return 1
}

func (r *report) silenced(key string) bool {
	for ; key != ""; key = above(key) {
		if r.bad[key] {
			return true
		}
	}
	return false
}

// above cuts the last step off a path. Inside a quoted name it cuts too often, which only
// adds look-ups that find nothing.
func above(key string) string {
	return key[:max(strings.LastIndexAny(key, ".["), 0)]
}

// maxTold is how many problems of a file are told one by one: a file of another program has
// thousands.
const maxTold = 200

// sorted gives the problems by line; those of one line stay in the order in which they were found.
func (r *report) sorted() Problems {
	slices.SortStableFunc(r.list, func(a, b Problem) int { return a.Line - b.Line })
	if len(r.list) <= maxTold {
		return r.list
	}
	rest := r.list[maxTold:]
	more := Problem{r.file, rest[0].Line, "file", fmt.Sprintf("has %d more from here on", len(rest)), "", !rest.Fatal()}
	return append(slices.Clone(r.list[:maxTold]), more)
}
