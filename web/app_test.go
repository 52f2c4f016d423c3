package web

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/latchkey/latchkey/web/appfiles"
)

func TestFilesOfTheApp(t *testing.T) {
	d := openDoor(t, &told{}, nil)
	for path, want := range map[string]struct{ kind, cache string }{
		"/app/":                         {"text/html; charset=utf-8", cacheAsk},
		"/app/index.html":               {"text/html; charset=utf-8", cacheAsk},
		"/app/app-0A1B2C3D.js":          {"text/javascript; charset=utf-8", cacheForever},
		"/app/style.css":                {"text/css; charset=utf-8", cacheAsk},
		"/app/manifest.webmanifest":     {"application/manifest+json", cacheAsk},
		"/app/symbols/anchor.svg":       {"image/svg+xml", cacheAsk},
		"/app/symbols/not-a-hash.svg":   {"image/svg+xml", cacheAsk},
		"/app/app-0A1B2C3D.js?v=ignore": {"text/javascript; charset=utf-8", cacheForever},
	} {
		g := d.do(t, ask(t, "GET", path, ""))
		g.want(t, 200, "")
		if g.header.Get("Content-Type") != want.kind || g.header.Get("Cache-Control") != want.cache {
			t.Errorf("%s: %v", path, g.header)
		}
		again := ask(t, "GET", path, "")
		again.Header.Set("If-None-Match", g.header.Get("ETag"))
		if g = d.do(t, again); g.status != 304 || g.body != "" || g.header.Get("Content-Security-Policy") != contentPolicy {
			t.Errorf("%s again: %d %v", path, g.status, g.header)
		}
		if g = d.do(t, ask(t, "HEAD", path, "")); g.status != 200 || g.body != "" {
			t.Errorf("HEAD %s: %d %q", path, g.status, g.body)
		}
	}
	for _, path := range []string{"/app/none.js", "/app/.gitignore", "/app/../go.mod", "/app/symbols", "/app/symbols/", "/app/%2e%2e/x", "/favicon.ico", "/me/", "//app/"} {
		d.do(t, ask(t, "GET", path, "")).want(t, 404, codeNotFound)
	}
	for _, path := range []string{"/", "/app", "/?x=//evil.test"} {
		if g := d.do(t, ask(t, "GET", path, "")); g.status != 302 || g.header.Get("Location") != "/app/" {
			t.Errorf("%s: %d %v", path, g.status, g.header)
		}
	}
	// A link from elsewhere may lead here.
	r := ask(t, "GET", "/app/", "")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	d.do(t, r).want(t, 200, "")
}

func TestAnAppThatCannotBeServed(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"no page":          {"app.js": {}},
		"of unknown media": {"index.html": {}, "app.exe": {}},
	} {
		if _, err := loadApp(files); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := loadApp(appfiles.FS()); err != nil {
		t.Errorf("the embedded app: %v", err)
	}
}

func TestEveryReplyIsHardened(t *testing.T) {
	d := openDoor(t, &told{}, nil)
	for _, path := range []string{"/", "/app/", "/app/none", "/healthz", "/api/openapi.yaml", "/api/v1/brand", "/api/v1/enrolments", "/none"} {
		h := d.do(t, ask(t, "GET", path, "")).header
		for name, want := range map[string]string{
			"Content-Security-Policy": contentPolicy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Permissions-Policy": permissions,
			"Strict-Transport-Security": "max-age=31536000", "X-Frame-Options": "DENY", "Server": "",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
	}
	if strings.Contains(contentPolicy, "unsafe") || strings.Contains(contentPolicy, "*") {
		t.Error("the policy is not strict")
	}
}

func TestServiceReplies(t *testing.T) {
	d, _ := openWitnessed(t, &told{}, nil, describe(t))
	if g := d.do(t, ask(t, "GET", "/api/v1/brand", "")); g.status != 200 || g.body != `{"name":"Example"}` {
		t.Errorf("%d %s", g.status, g.body)
	}
	if err := d.SetBrand(Brand{Colour: "red"}); err == nil {
		t.Error("a colour of another form")
	}
	if err := d.SetBrand(Brand{Logo: "https://evil.test/a.png"}); err == nil {
		t.Error("a logo from elsewhere")
	}
	if err := d.SetBrand(Brand{Name: "Other", Colour: "#0a5c36", ColourDark: "#44CC88", Logo: "data:image/svg+xml;base64,PHN2Zy8+"}); err != nil {
		t.Error(err)
	}
	if g := d.do(t, ask(t, "GET", "/api/v1/brand", "")); !strings.Contains(g.body, "#0a5c36") {
		t.Error(g.body)
	}
	if g := d.do(t, ask(t, "GET", "/api/openapi.yaml", "")); g.body != string(description) {
		t.Error("another description")
	}
	r := ask(t, "GET", "/healthz", "")
	r.Host = "192.0.2.1:8443"
	if g := d.do(t, r); g.status != 200 || g.body != `{"status":"ok"}` {
		t.Errorf("%d %s", g.status, g.body)
	}
	r = ask(t, "GET", "/api/v1/brand", "")
	r.Host = "evil.test"
	d.do(t, r).want(t, 421, codeWrongHost)
}
