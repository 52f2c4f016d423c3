package delivery

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Values are what the places of a template are filled with.
type Values struct {
	To, From, Text, ID string
	User, Secret       string
}

func (v Values) of(name string) string {
	switch name {
	case "to":
		return v.To
	case "from":
		return v.From
	case "text":
		return v.Text
	case "id":
		return v.ID
	case "user":
		return v.User
	case "secret":
		return v.Secret
	}
	return ""
}

var placeNames = []string{"to", "from", "text", "id", "user", "secret"}

// Context is the language that a template is written in; it decides how values are escaped.
type Context string

// The contexts.
const (
	ContextPath   Context = "path"   // of a URL
	ContextQuery  Context = "query"  // of a URL, and a form's body
	ContextJSON   Context = "json"   // inside of a JSON string
	ContextXML    Context = "xml"    // text or an attribute in quotes
	ContextHeader Context = "header" // a header's value
	ContextText   Context = "text"   // as it is
)

// Template is a text with places such as {to}. A brace that begins no place stands for itself, as JSON needs it.
type Template struct{ pieces []piece }

type piece struct {
	literal string
	place   string // where it is not empty, literal is
	context Context
}

var place = regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_-]*)\}`)

// ErrTemplate is what is wrong with a template. Its text quotes no more of it than the name of a place.
var ErrTemplate = errors.New("template")

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrTemplate, fmt.Errorf(format, args...))
}

// ParseTemplate reads a template of one context.
func ParseTemplate(text string, context Context) (Template, error) {
	if !utf8.ValidString(text) {
		return Template{}, wrong("is not valid UTF-8")
	}
	t, err := cut(text, context)
	if err != nil {
		return Template{}, err
	}
	switch context {
	case ContextJSON:
		err = t.isJSON()
	case ContextXML:
		err = t.isXML()
	case ContextHeader:
		if strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0 {
			err = wrong("holds a control character")
		}
	case ContextQuery:
		if strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }) >= 0 {
			err = wrong("holds a space, a # or what is not ASCII: write it as %%20, %%23 and so on")
		}
	}
	return t, err
}

// ParseURL reads a template of a URL. Its scheme and host are fixed; the path takes {to}, {from}, {id} and {user}, the
// query every value.
func ParseURL(text string) (Template, *url.URL, error) {
	head, query, asks := strings.Cut(text, "?")
	bare := place.ReplaceAllString(text, "0")
	u, err := url.Parse(bare)
	switch {
	case err != nil:
		return Template{}, nil, wrong("is no URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return Template{}, nil, wrong("must begin with https://")
	case u.Hostname() == "" || u.Opaque != "":
		return Template{}, nil, wrong("names no host")
	case u.User != nil:
		return Template{}, nil, wrong("holds a user: that stands in `user`, the password in a file")
	case strings.Contains(text, "#"):
		return Template{}, nil, wrong("has a fragment, which is never sent")
	}
	start := strings.Index(head, "://") + 3
	if end := strings.IndexAny(head[start:], "/"); end >= 0 {
		start += end
	} else {
		start = len(head)
	}
	if place.MatchString(head[:start]) {
		return Template{}, nil, wrong("a place stands in the host: only path and query may have some")
	}
	path, err := cut(head, ContextPath)
	if err != nil {
		return Template{}, nil, err
	}
	for _, p := range path.pieces {
		if p.place == "text" || p.place == "secret" {
			return Template{}, nil, wrong("{%s} stands in the path: it may stand in the query or the body", p.place)
		}
	}
	t := path
	if asks {
		q, err := ParseTemplate(query, ContextQuery)
		if err != nil {
			return Template{}, nil, err
		}
		t.pieces = append(append(slices.Clone(t.pieces), piece{literal: "?"}), q.pieces...)
	}
	if _, err := url.Parse(t.sample()); err != nil {
		return Template{}, nil, wrong("is no URL")
	}
	return t, u, nil
}

func cut(text string, context Context) (Template, error) {
	var t Template
	at := 0
	for _, m := range place.FindAllStringSubmatchIndex(text, -1) {
		name := text[m[2]:m[3]]
		if !slices.Contains(placeNames, name) {
			return Template{}, wrong("{%.20s} is no place: there are {%s}", name, strings.Join(placeNames, "}, {"))
		}
		if m[0] > at {
			t.pieces = append(t.pieces, piece{literal: text[at:m[0]]})
		}
		t.pieces = append(t.pieces, piece{place: name, context: context})
		at = m[1]
	}
	if at < len(text) {
		t.pieces = append(t.pieces, piece{literal: text[at:]})
	}
	return t, nil
}

// Has tells whether a place is there.
func (t Template) Has(name string) bool {
	return slices.ContainsFunc(t.pieces, func(p piece) bool { return p.place == name })
}

// ErrValue: a value cannot stand in its place. The text names the place, not the value.
var ErrValue = errors.New("a value does not fit")

// Fill puts the values into their places, each escaped for where it stands.
func (t Template) Fill(v Values) (string, error) {
	var b strings.Builder
	for _, p := range t.pieces {
		if p.place == "" {
			b.WriteString(p.literal)
			continue
		}
		escaped, err := escapeFor(p.context, v.of(p.place))
		if err != nil {
			return "", fmt.Errorf("%w: {%s} %w", ErrValue, p.place, err)
		}
		b.WriteString(escaped)
	}
	return b.String(), nil
}

func escapeFor(context Context, value string) (string, error) {
	if !utf8.ValidString(value) {
		return "", errors.New("is not valid UTF-8")
	}
	switch context {
	case ContextPath:
		if value == "" || value == "." || value == ".." {
			return "", errors.New("would lead to another path")
		}
		return url.PathEscape(value), nil
	case ContextQuery:
		return url.QueryEscape(value), nil
	case ContextJSON:
		quoted, err := json.Marshal(value)
		if err != nil {
			return "", err
		}
		return string(quoted[1 : len(quoted)-1]), nil
	case ContextXML:
		// What XML 1.0 cannot hold at all, EscapeText would silently replace.
		if strings.IndexFunc(value, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0xfffe || r == 0xffff }) >= 0 {
			return "", errors.New("holds a character that XML has not")
		}
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(value))
		return b.String(), nil
	case ContextHeader:
		if strings.IndexFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0 {
			return "", errors.New("holds a line break or another control character, which no header may")
		}
		return value, nil
	case ContextText:
		return value, nil
	}
	return "", errors.New("stands in an unknown context")
}

// hostile has what each language takes for syntax: a template is right when it comes out on the other side as it was.
const hostile = `a"b\c<d>&e'f{g}`

func (t Template) sample() string {
	filled, err := t.Fill(Values{hostile, hostile, hostile, hostile, hostile, hostile})
	if err != nil {
		return ""
	}
	return filled
}

func (t Template) places() (n int) {
	for _, p := range t.pieces {
		if p.place != "" {
			n++
		}
	}
	return n
}

// isJSON holds the template against a parser: places outside of quotes, or in keys, do not survive it.
func (t Template) isJSON() error {
	var v any
	if err := json.Unmarshal([]byte(t.sample()), &v); err != nil {
		return wrong("is no JSON when its places are filled: each place stands inside of \"quotes\"")
	}
	if n := countJSON(v); n != t.places() {
		return wrong("a place stands in a key, or in a key that is there twice")
	}
	return nil
}

func countJSON(v any) (n int) {
	switch v := v.(type) {
	case string:
		return strings.Count(v, hostile)
	case []any:
		for _, item := range v {
			n += countJSON(item)
		}
	case map[string]any:
		for _, item := range v {
			n += countJSON(item)
		}
	}
	return n
}

// isXML does the same: places in names, comments or CDATA do not survive.
func (t Template) isXML() error {
	d := xml.NewDecoder(strings.NewReader(t.sample()))
	n, elements := 0, 0
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return wrong("is no XML when its places are filled: places stand in a text or an attribute in quotes")
		}
		switch token := token.(type) {
		case xml.StartElement:
			elements++
			for _, a := range token.Attr {
				n += strings.Count(a.Value, hostile)
			}
		case xml.CharData:
			n += strings.Count(string(token), hostile)
		}
	}
	if n != t.places() || elements == 0 {
		return wrong("is no XML when its places are filled: places stand in a text or an attribute in quotes")
	}
	return nil
}

// bodyContexts are the media types whose bodies Latchkey can escape for.
var bodyContexts = map[string]Context{
	"application/json": ContextJSON, "application/x-www-form-urlencoded": ContextQuery,
	"application/xml": ContextXML, "text/xml": ContextXML, "text/plain": ContextText,
}

// BodyContext finds how a body of a media type is escaped. False: it is not known, and would be guessed.
func BodyContext(mediaType string) (Context, bool) {
	mediaType, _, _ = strings.Cut(mediaType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	switch {
	case strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json"):
		return ContextJSON, true
	case strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+xml"):
		return ContextXML, true
	}
	context, ok := bodyContexts[mediaType]
	return context, ok
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}$")

// CheckHeader refuses names that are none, and those by which a request is framed or routed.
func CheckHeader(name string) error {
	if !headerName.MatchString(name) {
		return errors.New("is no name of a header")
	}
	switch strings.ToLower(name) {
	case "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect", "proxy-authorization", "proxy-connection":
		return errors.New("is not for a template to set")
	}
	return nil
}
