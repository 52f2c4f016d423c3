package web

import (
	"net/http"
	"strings"
	"testing"
)

const otherOrigin = "https://other.test:8443"

func openShared(t *testing.T, p *told) *door {
	t.Helper()
	return openDoor(t, p, func(c *Config) {
		c.Apps = Apps{Appliances: []string{"https://third.test"}, Origins: []string{otherOrigin}}
	})
}

// forOthers are the headers that open a reply to another origin's page.
func forOthers(h http.Header) (names []string) {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			names = append(names, name)
		}
	}
	return names
}

func asked(t *testing.T, path, method, origin string) *http.Request {
	t.Helper()
	r := ask(t, "OPTIONS", path, "")
	r.Header.Set("Origin", origin)
	r.Header.Set("Access-Control-Request-Method", method)
	r.Header.Set("Access-Control-Request-Headers", "content-type,latchkey-counter,latchkey-device,latchkey-signature")
	return r
}

func TestAListedAppMakesThePhonesCalls(t *testing.T) {
	p := &told{}
	d := openShared(t, p)
	for path, method := range map[string]string{
		"/api/v1/device/hello": "POST", "/api/v1/device/pin/evaluate": "POST", "/api/v1/enrolments": "POST", "/api/v1/device/events": "GET", "/api/v1/brand": "GET",
	} {
		g := d.do(t, asked(t, path, method, otherOrigin))
		g.want(t, 204, "")
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin": otherOrigin, "Access-Control-Allow-Methods": method, "Access-Control-Allow-Headers": appHeaders,
			"Access-Control-Allow-Credentials": "", "Access-Control-Max-Age": "600", "Vary": "Origin",
		} {
			if g.header.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, g.header.Get(name))
			}
		}
	}
	for _, site := range []string{"same-site", "cross-site"} {
		r := signedCall(t, "POST", "/api/v1/device/hello", `{}`)
		r.Header.Set("Origin", otherOrigin)
		r.Header.Set("Sec-Fetch-Site", site)
		g := d.do(t, r)
		g.want(t, 200, "")
		if g.header.Get("Access-Control-Allow-Origin") != otherOrigin || g.header.Get("Vary") != "Origin" || g.header.Get("Access-Control-Expose-Headers") != appReads {
			t.Errorf("the page may not read the reply: %v", g.header)
		}
	}
	// It hears why it is refused, too.
	r := signedCall(t, "POST", "/api/v1/device/hello", `{}`)
	r.Header.Set("Origin", otherOrigin)
	r.Header.Del(headerSignature)
	if g := d.do(t, r); g.code != "bad-request" || g.header.Get("Access-Control-Allow-Origin") != otherOrigin {
		t.Errorf("refused: %d %s %v", g.status, g.code, g.header)
	}
	if p.count() != 2 {
		t.Errorf("core heard of %d calls", p.count())
	}
}

// TestNobodyElseDoes: what an evil page could send, and a listed one beyond the calls of phones.
func TestNobodyElseDoes(t *testing.T) {
	p := &told{}
	d := openShared(t, p)
	for _, origin := range []string{
		"https://evil.test", "null", "", "*", otherOrigin + ".evil.test", "https://other.test", "http://other.test:8443", "HTTPS://OTHER.TEST:8443",
		otherOrigin + "/", "https://third.test", " " + otherOrigin + ",https://evil.test",
	} {
		for _, r := range []*http.Request{asked(t, "/api/v1/device/hello", "POST", origin), signedCall(t, "POST", "/api/v1/device/hello", `{}`)} {
			r.Header.Set("Origin", origin)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			g := d.do(t, r)
			g.want(t, 403, codeCrossSite)
			if names := forOthers(g.header); len(names) > 0 {
				t.Errorf("%q: %v", origin, names)
			}
		}
	}
	twice := signedCall(t, "POST", "/api/v1/device/hello", `{}`)
	twice.Header["Origin"] = []string{otherOrigin, "https://evil.test"}
	d.do(t, twice).want(t, 403, codeCrossSite)
	// A page that hides where it is from is not listed.
	hidden := signedCall(t, "POST", "/api/v1/device/hello", `{}`)
	hidden.Header.Set("Sec-Fetch-Site", "cross-site")
	d.do(t, hidden).want(t, 403, codeCrossSite)
	// Under another name of this address the list is of no use.
	rebound := signedCall(t, "POST", "/api/v1/device/hello", `{}`)
	rebound.Header.Set("Origin", otherOrigin)
	rebound.Host = "other.test:8443"
	d.do(t, rebound).want(t, 421, codeWrongHost)
	reboundAsked := asked(t, "/api/v1/device/hello", "POST", otherOrigin)
	reboundAsked.Host = "other.test:8443"
	d.do(t, reboundAsked).want(t, 421, codeWrongHost)
	// The app's files, health and whatever else is here are not for other pages' scripts.
	for _, path := range []string{"/", "/app/", "/app/app-0A1B2C3D.js", "/healthz", "/api/openapi.yaml", "/none"} {
		for _, r := range []*http.Request{asked(t, path, "GET", otherOrigin), ask(t, "GET", path, "")} {
			r.Header.Set("Origin", otherOrigin)
			if g := d.do(t, r); len(forOthers(g.header)) > 0 || r.Method == "OPTIONS" && g.status < 400 {
				t.Errorf("%s %s: %d %v", r.Method, path, g.status, forOthers(g.header))
			}
		}
	}
	d.do(t, asked(t, "/api/v1/device/hello", "DELETE", otherOrigin)).want(t, 405, codeWrongMethod)
	d.do(t, asked(t, "/api/v1/device/hello", "GET", otherOrigin)).want(t, 405, codeWrongMethod)
	if p.count() != 0 {
		t.Errorf("core heard of %d calls", p.count())
	}
}

func TestTheAppMayTalkToTheListedAppliances(t *testing.T) {
	d := openShared(t, &told{})
	g := d.do(t, ask(t, "GET", "/app/", ""))
	want := strings.Replace(contentPolicy, "connect-src 'self';", "connect-src 'self' https://third.test;", 1)
	if got := g.header.Get("Content-Security-Policy"); got != want || strings.Count(got, "https:") != 1 {
		t.Errorf("policy: %s", got)
	}
	if g := d.do(t, ask(t, "GET", "/api/v1/brand", "")); g.body != `{"name":"Example","appliances":["https://third.test"]}` {
		t.Errorf("brand: %s", g.body)
	}
	before := d.do(t, ask(t, "GET", "/app/sw.js", ""))
	if err := d.SetApps(Apps{}); err != nil {
		t.Fatal(err)
	}
	after := d.do(t, ask(t, "GET", "/app/sw.js", ""))
	// Else a browser that has the worker keeps the policy of the day on which it got it.
	if before.body == after.body || before.header.Get("ETag") == after.header.Get("ETag") || !strings.HasPrefix(before.body, after.body) {
		t.Errorf("the worker's file does not follow the policy: %q %q", before.body, after.body)
	}
	if got := d.do(t, ask(t, "GET", "/app/", "")).header.Get("Content-Security-Policy"); got != contentPolicy {
		t.Errorf("policy afterwards: %s", got)
	}
	d.do(t, asked(t, "/api/v1/device/hello", "POST", otherOrigin)).want(t, 403, codeCrossSite)
}

func TestAppsThatAreNone(t *testing.T) {
	d := openShared(t, &told{})
	for _, origin := range []string{
		"", "*", "https:", "https://*.test", "https://*", "http://other.test", "https://other.test/", "https://other.test:443", "https://Other.test", "https://u@other.test",
		testOrigin, "https://other.test; script-src *", "https://other.test https://evil.test", "'unsafe-inline'", "https://other.test\n",
	} {
		for _, a := range []Apps{{Appliances: []string{origin}}, {Origins: []string{origin}}} {
			if d.SetApps(a) == nil {
				t.Errorf("%q was taken: %+v", origin, a)
			}
		}
	}
	d.do(t, asked(t, "/api/v1/device/hello", "POST", otherOrigin)).want(t, 204, "")
}
