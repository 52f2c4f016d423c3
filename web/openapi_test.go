package web

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/latchkey/latchkey/core"
)

// document is openapi.yaml: as a tree, and as the schemas in it (those of OpenAPI 3.1 are JSON Schema).
type document struct {
	tree     map[string]any
	compiler *jsonschema.Compiler
}

func describe(t *testing.T) *document {
	t.Helper()
	var parsed any
	if err := yaml.Unmarshal(description, &parsed); err != nil {
		t.Fatal(err)
	}
	// Through JSON, so that numbers and keys are those that the validator knows.
	text, err := json.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := &document{tree: tree.(map[string]any), compiler: jsonschema.NewCompiler()}
	if err := d.compiler.AddResource("openapi.json", tree); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows keys; nil where there is nothing.
func (d *document) at(keys ...string) any {
	var v any = d.tree
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

func (d *document) schema(t *testing.T, keys ...string) *jsonschema.Schema {
	t.Helper()
	pointer := "openapi.json#"
	for _, k := range keys {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(k)
	}
	s, err := d.compiler.Compile(pointer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fits(s *jsonschema.Schema, text []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func described(path string) string {
	if path == "/app/" || path == "/me/" {
		return path + "{file}"
	}
	return path
}

// TestEachRouteIsDescribed and nothing else is.
func TestEachRouteIsDescribed(t *testing.T) {
	d := describe(t)
	served := map[string]bool{}
	for _, r := range new(Server).routes() {
		path, method := described(r.path), strings.ToLower(r.method)
		served[method+" "+path] = true
		o, ok := d.at("paths", path, method).(map[string]any)
		if !ok {
			t.Errorf("%s %s is served and not described", r.method, r.path)
			continue
		}
		if signed := strings.HasPrefix(r.path, devicePath) || strings.HasPrefix(r.path, "/api/v1/host/") || ofSession(r.path); signed != (o["security"] != nil) {
			t.Errorf("%s: the description's security is %v", path, o["security"])
		}
		if o["summary"] == nil || o["operationId"] == nil || d.at("paths", path, method, "responses", "default", "$ref") != "#/components/responses/Problem" {
			t.Errorf("%s %s has no summary, no operationId or no refusal", r.method, path)
		}
		if json := d.at("paths", path, method, "requestBody", "content", "application/json", "schema"); (json != nil) != (r.method == "POST") {
			t.Errorf("%s %s: body %v", r.method, path, json)
		}
	}
	for path, methods := range d.at("paths").(map[string]any) {
		for method := range methods.(map[string]any) {
			if !served[method+" "+path] {
				t.Errorf("%s %s is described and not served", method, path)
			}
		}
	}
	if len(served) < 20 {
		t.Errorf("only %d routes", len(served))
	}
}

// ofSession: all calls of self-service but those that begin a session.
func ofSession(path string) bool {
	op, ok := strings.CutPrefix(path, "/api/v1/me")
	return ok && op != "/options" && op != "/code-word" && !strings.HasPrefix(op, "/sign-in")
}

// TestEachCodeIsDescribed with its status, and told by some call.
func TestEachCodeIsDescribed(t *testing.T) {
	d := describe(t)
	listed := map[core.DeviceCode]bool{}
	for _, one := range d.at("components", "schemas", "ProblemCode", "oneOf").([]any) {
		m := one.(map[string]any)
		code := core.DeviceCode(m["const"].(string))
		listed[code] = true
		status, err := m["x-status"].(json.Number).Int64()
		if a, ok := answers[code]; !ok || err != nil || int64(a.status) != status {
			t.Errorf("%s: described with %v, told with %d", code, m["x-status"], a.status)
		}
	}
	told := map[string]bool{}
	for path := range d.at("paths").(map[string]any) {
		for _, code := range d.problems(path) {
			told[code] = true
			if !listed[core.DeviceCode(code)] {
				t.Errorf("%s: %s is no code", path, code)
			}
		}
	}
	for code := range answers {
		if !listed[code] {
			t.Errorf("%s is told and not described", code)
		}
		if !told[string(code)] && !slices.Contains(general, string(code)) {
			t.Errorf("%s is told by no call", code)
		}
		if slices.Contains(general, string(code)) && !strings.Contains(d.at("info", "description").(string), "`"+string(code)+"`") {
			t.Errorf("%s is not named as one of every call", code)
		}
	}
}

// general are the codes that any call may have.
var general = []string{"bad-request", "too-large", "wrong-host", "cross-site", "wrong-method", "not-found", "busy"}

// problems are a path's own codes.
func (d *document) problems(path string) (codes []string) {
	for _, method := range []string{"get", "post"} {
		list, _ := d.at("paths", path, method, "x-problems").([]any)
		for _, code := range list {
			codes = append(codes, code.(string))
		}
	}
	return codes
}

// witness stands before a Server and holds every request and reply against the description.
type witness struct {
	t    *testing.T
	d    *document
	next http.Handler

	mu   sync.Mutex     // the compiler is for one at a time
	seen map[string]int // by path, where it was done; by code, where not
}

func (w *witness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Errorf("%s: %v", r.URL.Path, err)
	}
	r.Body = io.NopCloser(bytes.NewReader(sent))
	copied := &copying{ResponseWriter: out}
	w.next.ServeHTTP(copied, r)
	w.judge(r.Method, r.URL.Path, sent, copied.status, out.Header(), copied.body.Bytes())
}

// copying keeps what is written.
type copying struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *copying) WriteHeader(status int) { w.status = status; w.ResponseWriter.WriteHeader(status) }

func (w *copying) Write(b []byte) (int, error) {
	w.body.Write(b)
	return w.ResponseWriter.Write(b)
}

func (w *copying) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *witness) judge(method, path string, sent []byte, status int, header http.Header, got []byte) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	operation := []string{"paths", path, strings.ToLower(method)}
	kind, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	if status >= 400 {
		if err := fits(w.d.schema(w.t, "components", "schemas", "Problem"), got); err != nil || kind != "application/problem+json" {
			w.t.Errorf("%s %s: %d %s %s: %v", method, path, status, kind, got, err)
		}
		var p problem
		_ = json.Unmarshal(got, &p)
		w.seen[string(p.Code)]++
		if !slices.Contains(general, string(p.Code)) && !slices.Contains(w.d.problems(path), string(p.Code)) {
			w.t.Errorf("%s says %s, which is not described there", path, p.Code)
		}
		return
	}
	w.seen[path]++
	content := append(operation, "responses", strconv.Itoa(status), "content")
	if w.d.at(append(content, kind)...) == nil {
		w.t.Errorf("%s %s: %d %s is not described", method, path, status, kind)
		return
	}
	if kind != "application/json" {
		return
	}
	if err := fits(w.d.schema(w.t, append(content, kind, "schema")...), got); err != nil {
		w.t.Errorf("%s: the reply %s: %v", path, got, err)
	}
	if method == http.MethodPost {
		if err := fits(w.d.schema(w.t, append(operation, "requestBody", "content", "application/json", "schema")...), sent); err != nil {
			w.t.Errorf("%s took %s: %v", path, sent, err)
		}
	}
}
