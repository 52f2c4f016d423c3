package localapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxBody is the largest body of a call, and the longest line of an import.
const maxBody = 64 << 10

// decode reads the whole body as one JSON object of T's shape, strictly.
func decode[T any](w http.ResponseWriter, r *http.Request) (T, error) {
	var into T
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return into, refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is larger than %d bytes", maxBody), "")
	}
	if err != nil {
		return into, refuse(http.StatusBadRequest, "the request was cut off", "")
	}
	return into, strict(body, &into)
}

// strict decodes one JSON value and says what is wrong with it without repeating any of it:
// a body may hold a secret in the wrong place.
func strict(body []byte, into any) error {
	const hint = "the command line and the daemon may be of different versions"
	bad := func(text string) error { return refuse(http.StatusBadRequest, text, hint) }
	if !utf8.Valid(body) { // encoding/json would silently put U+FFFD
		return bad("the request is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
	case errors.As(err, &syntax):
		return bad(fmt.Sprintf("the request is not JSON (at byte %d)", syntax.Offset))
	case errors.As(err, &wrongType):
		return bad(fmt.Sprintf("%q must be a %s", wrongType.Field, wrongType.Type))
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return bad("unknown field " + strings.TrimPrefix(err.Error(), "json: unknown field "))
	default:
		return bad("the request is not of the right shape")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad("there is something after the request")
	}
	return nil
}

// query is a request's query, each parameter at most once and none but those known.
type query struct{ values url.Values }

func parameters(r *http.Request, known ...string) (query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return query{}, refuse(http.StatusBadRequest, "the query does not decode", "")
	}
next:
	for name, given := range values {
		for _, k := range known {
			if name == k && len(given) == 1 && utf8.ValidString(given[0]) {
				continue next
			}
		}
		return query{}, refuse(http.StatusBadRequest, fmt.Sprintf("parameter %q is unknown, repeated or not UTF-8", name), "")
	}
	return query{values}, nil
}

func (q query) text(name string) string { return q.values.Get(name) }

func (q query) flag(name string) bool { return q.values.Get(name) == "true" }

func (q query) number(name string) (uint64, error) {
	if !q.values.Has(name) {
		return 0, nil
	}
	n, err := strconv.ParseUint(q.values.Get(name), 10, 63)
	if err != nil {
		return 0, refuse(http.StatusBadRequest, fmt.Sprintf("parameter %q must be a number", name), "")
	}
	return n, nil
}

// panicSite names the function that panicked, for the log.
func panicSite() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for panicking := false; ; {
		frame, more := frames.Next()
		if panicking && !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", frame.Function, frame.Line)
		}
		panicking = panicking || frame.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}
