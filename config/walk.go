package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/latchkey/latchkey/core/secret"
)

// walker turns the node tree into plain values of the shape's types, and notes each key's
// line. A value that does not fit is reported and left out, so that the checks see what is
// left and all mistakes of a file are told at once.
type walker struct{ *report }

// place is where the walk stands: path names it to the reader ("policies.vpn.first"),
// pattern to the table of gaps ("policies.*.first").
type place struct{ path, pattern string }

func (p place) key(name string) place {
	if p.path == "" {
		return place{name, name}
	}
	return place{p.path + "." + name, p.pattern + "." + name}
}

func (p place) chosen(name string) place {
	return place{entryPath(p.path, name), p.pattern + ".*"}
}

func (p place) item(i int) place {
	return place{itemPath(p.path, i), p.pattern + "[]"}
}

var plainName = regexp.MustCompile(`^[\pL\pN_-]+$`)

// entryPath is the path of an entry whose name the sysadmin has chosen: quoted where it
// could be mistaken for something else.
func entryPath(path, name string) string {
	if !plainName.MatchString(name) {
		name = fmt.Sprintf("%q", name)
	}
	return path + "." + name
}

func itemPath(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

var (
	typeSecret   = reflect.TypeFor[secret.Secret]()
	typeDuration = reflect.TypeFor[time.Duration]()
	typeFirst    = reflect.TypeFor[firstFactor]()
	typeBlock    = reflect.TypeFor[block]()
	typeReply    = reflect.TypeFor[reply]()
	typeFree     = reflect.TypeFor[freeNames]()
)

func isNamed(t reflect.Type) bool { return t.Kind() == reflect.Struct && t.Implements(typeFree) }
func isMapping(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != typeSecret && t != typeReply
}

// value gives the plain value of a node, or false where there is none to use.
func (w walker) value(n *yaml.Node, t reflect.Type, at place) (any, bool) {
	if g, ok := notYet(at.pattern, n); ok {
		w.refuse(g, at)
	}
	if n.ShortTag() == "!!null" && t == typeSecret {
		return w.scalar(n, t, at) // it has a message of its own
	}
	if !w.plain(n, at) {
		return nil, false
	}
	switch {
	case isMapping(t):
		return w.mapping(n, t, at)
	case t.Kind() == reflect.Slice && isNamed(t.Elem()):
		return w.chosenNames(n, t.Elem(), at)
	case t.Kind() == reflect.Slice:
		return w.sequence(n, t.Elem(), at)
	case t == typeReply:
		v, ok := w.reply(n, at, 0)
		return reply{v}, ok
	}
	return w.scalar(n, t, at)
}

// plain refuses what YAML has and a configuration needs not: with anchors a small file grows
// into a large one, and tags change what a value is.
func (w walker) plain(n *yaml.Node, at place) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		w.fail(at.path, "quote a text that begins with & or *", "anchors and aliases are not taken")
	case n.Style&yaml.TaggedStyle != 0:
		w.fail(at.path, "quote a text that begins with !", "tags are not taken")
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		w.fail(at.path, "leave the key out for its default", "has no value")
	default:
		return true
	}
	return false
}

// refuse reports a gap without marking the key as bad: what else is wrong with it is said too.
func (w walker) refuse(g gap, at place) {
	w.add(at.path, g.hint, g.what+" is not yet there in this version", false)
}

// pairs gives the keys of a mapping, those that are usable.
func (w walker) pairs(n *yaml.Node, at place, step func(string) place, visit func(name string, key, value *yaml.Node)) bool {
	if n.Kind != yaml.MappingNode {
		w.fail(at.path, "keys with values, indented below it", "must be a section")
		return false
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 ||
			key.Value == "" || key.ShortTag() == "!!merge" || hasControl(key.Value) || len(key.Value) > 200 {
			w.keyError(at, key.Line)
			continue
		}
		name := key.Value
		folded := strings.ToLower(name)
		if line, twice := seen[folded]; twice {
			hint := fmt.Sprintf("see line %d; upper and lower case are the same", line)
			w.list = append(w.list, Problem{w.file, key.Line, step(name).path, "stands there twice", hint, false})
			continue
		}
		seen[folded] = key.Line
		w.lines[step(name).path] = key.Line
		visit(name, key, value)
	}
	return true
}

// keyError reports what cannot be a key by its own line, under the section that holds it.
func (w walker) keyError(at place, line int) {
	key := at.path
	if key == "" {
		key = "file"
	}
	w.list = append(w.list, Problem{w.file, line, key, "holds a key that is none", "a plain word", false})
}

// shown is a key as a message may quote it. Only its first word: the rest of `secret:text`,
// written without a space, is a secret.
func shown(key string) string {
	for i, c := range key {
		if !plainName.MatchString(string(c)) || i >= 40 {
			return key[:i] + "…"
		}
	}
	return key
}

func (w walker) mapping(n *yaml.Node, t reflect.Type, at place) (any, bool) {
	out := map[string]any{}
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		fields[t.Field(i).Tag.Get("key")] = t.Field(i).Type
	}
	step := func(name string) place { return at.key(shown(name)) }
	ok := w.pairs(n, at, step, func(name string, key, value *yaml.Node) {
		inner := step(name)
		ft, known := fields[name]
		if !known {
			if g, ok := notYet(inner.pattern, value); ok {
				w.refuse(g, inner)
				return
			}
			delete(w.lines, inner.path)
			first := shown(name)
			hint := suggest(first, t)
			if first != name {
				hint = "a colon, then a space, then the value"
			}
			w.list = append(w.list, Problem{w.file, key.Line, inner.path, "is no key", hint, false})
			return
		}
		if v, ok := w.value(value, ft, inner); ok {
			out[name] = v
		}
	})
	return out, ok
}

func (w walker) chosenNames(n *yaml.Node, entry reflect.Type, at place) (any, bool) {
	list := []any{}
	inner := entry.Field(1).Type
	ok := w.pairs(n, at, at.chosen, func(name string, _, value *yaml.Node) {
		v, ok := w.value(value, inner, at.chosen(name))
		if !ok {
			v = nil
		}
		item := map[string]any{"name": name}
		if v = withDefaults(v, inner); v != nil {
			item["value"] = v
		}
		list = append(list, item)
	})
	return list, ok
}

func (w walker) sequence(n *yaml.Node, item reflect.Type, at place) (any, bool) {
	if n.Kind != yaml.SequenceNode {
		w.fail(at.path, "[a, b], or one item a line after a dash", "must be a list")
		return nil, false
	}
	if len(n.Content) > maxItems && !isMapping(item) {
		w.fail(at.path, "", "has more than %d items", maxItems)
		return nil, false
	}
	list := []any{}
	for i, c := range n.Content {
		inner := at.item(i)
		w.lines[inner.path] = c.Line
		v, ok := w.value(c, item, inner)
		if !ok {
			v = nil // its place stays, so that the others keep their numbers
		}
		if v = withDefaults(v, item); v == nil {
			v = reflect.Zero(item).Interface()
		}
		list = append(list, v)
	}
	return list, true
}

// maxItems is how long a list of texts may be.
const maxItems = 100

// reply reads the value of a reply attribute. What it means, package attribute knows; here it
// nests no deeper than a list of sections.
func (w walker) reply(n *yaml.Node, at place, depth int) (any, bool) {
	switch {
	case n.Kind == yaml.SequenceNode && depth == 0:
		list, good := []any{}, true
		for i, c := range n.Content {
			inner := at.item(i)
			w.lines[inner.path] = c.Line
			v, ok := w.replyPart(c, inner, depth+1)
			list, good = append(list, v), good && ok
		}
		return list, good
	case n.Kind == yaml.MappingNode && depth < 2:
		section, good := map[string]any{}, true
		ok := w.pairs(n, at, at.chosen, func(name string, _, value *yaml.Node) {
			v, ok := w.replyPart(value, at.chosen(name), 2)
			section[name], good = v, good && ok
		})
		return section, good && ok
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int":
		return w.scalar(n, reflect.TypeFor[int](), at)
	}
	return w.scalar(n, reflect.TypeFor[string](), at)
}

// replyPart is a value inside of another: what value refuses of every node, refused here.
func (w walker) replyPart(n *yaml.Node, at place, depth int) (any, bool) {
	if !w.plain(n, at) {
		return nil, false
	}
	return w.reply(n, at, depth)
}
