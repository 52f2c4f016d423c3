package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/latchkey/latchkey/core/secret"
)

// scalar gives one text, number, switch, duration or secret. YAML's own guesses are refused
// wherever they could change what was meant: `0123` is no octal number here, `5` no duration.
func (w walker) scalar(n *yaml.Node, t reflect.Type, at place) (any, bool) {
	if t == typeFirst && n.Kind == yaml.MappingNode {
		return w.upstream(n, at)
	}
	if n.Kind != yaml.ScalarNode {
		w.fail(at.path, "", "must be %s, not a list or section", nameOf(t))
		return nil, false
	}
	switch {
	case t == typeSecret:
		return w.secret(n, at)
	case t == typeDuration:
		return w.duration(n, at)
	case t.Kind() == reflect.Bool:
		if n.ShortTag() != "!!bool" {
			hint := ""
			if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
				hint = "without quotes"
			}
			w.fail(at.path, hint, "must be true or false")
			return nil, false
		}
		return strings.EqualFold(n.Value, "true"), true
	case t.Kind() == reflect.Int:
		return w.integer(n, at)
	case t.Kind() == reflect.Float64:
		return w.share(n, at)
	}
	if !w.isText(n, at) {
		return nil, false
	}
	switch {
	case hasControl(n.Value) && (t != typeBlock || hasControl(strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(n.Value))):
		w.fail(at.path, "", "holds a control character")
		return nil, false
	case len(n.Value) > maxText:
		w.fail(at.path, "", "is longer than %d bytes", maxText)
		return nil, false
	}
	return n.Value, true
}

func nameOf(t reflect.Type) string {
	switch {
	case t == typeDuration:
		return "a duration"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a share from 0 to 1"
	}
	return "a text"
}

func (w walker) isText(n *yaml.Node, at place) bool {
	kind := map[string]string{"!!int": "a number", "!!float": "a number", "!!bool": "true or false", "!!timestamp": "a date", "!!null": "nothing"}[n.ShortTag()]
	if n.ShortTag() == "!!str" {
		return true
	}
	if kind == "" {
		kind = "something else"
	}
	w.fail(at.path, "quote it", "is %s to YAML, and must be a text", kind)
	return false
}

// secret never quotes what it finds.
func (w walker) secret(n *yaml.Node, at place) (any, bool) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" && n.Value == "" {
		w.fail(at.path, "quote a secret that begins with #", "has no value")
		return nil, false
	}
	if !w.isText(n, at) {
		return nil, false
	}
	if strings.ContainsAny(n.Value, "\r\n") {
		w.fail(at.path, "one line, in quotes", "holds a line break")
		return nil, false
	}
	if n.Style == 0 && n.LineComment != "" {
		w.warn(at.path, "quote the secret", "what follows # is taken for a comment, not for a part of the secret")
	}
	return secret.New(n.Value), true
}

var decimal = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,8})$`)

func (w walker) integer(n *yaml.Node, at place) (any, bool) {
	if n.ShortTag() == "!!str" {
		w.fail(at.path, "without quotes and units", "must be a whole number")
		return nil, false
	}
	if !decimal.MatchString(n.Value) {
		w.fail(at.path, "decimal digits, no zero in front", "must be a whole number")
		return nil, false
	}
	i, err := strconv.Atoi(n.Value)
	return i, err == nil
}

var fraction = regexp.MustCompile(`^(0|1|[01]?\.[0-9]{1,6})$`)

func (w walker) share(n *yaml.Node, at place) (any, bool) {
	if n.ShortTag() == "!!str" || !fraction.MatchString(n.Value) {
		w.fail(at.path, "such as 0.3", "must be a share from 0 to 1")
		return nil, false
	}
	f, err := strconv.ParseFloat(n.Value, 64)
	return f, err == nil
}

func (w walker) duration(n *yaml.Node, at place) (any, bool) {
	if tag := n.ShortTag(); tag == "!!int" || tag == "!!float" {
		w.fail(at.path, "5s, 15m or 12h", "has no unit")
		return nil, false
	}
	d, err := parseDuration(n.Value)
	if err != nil {
		hint := "5s, 15m or 12h"
		if days, ok := strings.CutSuffix(n.Value, "d"); ok {
			if i, err := strconv.Atoi(days); err == nil && i > 0 && i < 10000 {
				hint = fmt.Sprintf("there are s, m and h: %dh", 24*i)
			}
		}
		w.fail(at.path, hint, "is no duration")
		return nil, false
	}
	if d < 0 {
		w.fail(at.path, "", "must not be negative")
		return nil, false
	}
	return d, true
}

var errDuration = errors.New("no duration")

func parseDuration(text string) (time.Duration, error) {
	if text == "" || text == "0" {
		return 0, errDuration // a bare zero has no unit either
	}
	return time.ParseDuration(text)
}

// upstream is {ldap: NAME} or {radius: NAME}; both fall into a gap, which has been told.
func (w walker) upstream(n *yaml.Node, at place) (any, bool) {
	if len(n.Content) == 2 && (n.Content[0].Value == "ldap" || n.Content[0].Value == "radius") && n.Content[1].Kind == yaml.ScalarNode {
		return n.Content[0].Value, true
	}
	w.fail(at.path, "", "must be none, password, pam, {ldap: NAME} or {radius: NAME}")
	return nil, false
}

// maxText is the longest text of the file in bytes.
const maxText = 1000

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
