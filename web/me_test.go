package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/phone"
)

// visitor is a browser at /me/: a cookie and what its page knows.
type visitor struct {
	*appliance
	cookie, guard string
	set           *http.Cookie // the last that was set
}

var testPages = fstest.MapFS{
	"index.html": {Data: []byte("<!doctype html><title>app</title>")}, "me/index.html": {Data: []byte("<!doctype html><title>me</title>")},
	"me/me.js": {Data: []byte("export {};")},
}

func (v *visitor) request(method, op, body string) *http.Request {
	path := "/api/v1/me"
	if op != "" {
		path += "/" + op
	}
	r := ask(v.t, method, path, body)
	r.Header.Set("Origin", testOrigin)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if v.cookie != "" {
		r.Header.Set("Cookie", sessionCookie+"="+v.cookie)
	}
	if v.guard != "" {
		r.Header.Set(headerGuard, v.guard)
	}
	return r
}

// do makes a call as the pages do; the document is nil for GET.
func (v *visitor) call(op string, document any) got {
	v.t.Helper()
	method, sent := "GET", ""
	if document != nil {
		b, err := json.Marshal(document)
		if err != nil {
			v.t.Fatal(err)
		}
		method, sent = "POST", string(b)
	}
	return v.take(v.do(v.t, v.request(method, op, sent)))
}

// take keeps what the reply sets.
func (v *visitor) take(g got) got {
	v.t.Helper()
	if line := g.header.Get("Set-Cookie"); line != "" {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			v.t.Fatal(err)
		}
		v.set, v.cookie = c, c.Value
	}
	var read struct{ Guard string }
	if json.Unmarshal([]byte(g.body), &read) == nil && read.Guard != "" {
		v.guard = read.Guard
	}
	return g
}

type body = map[string]any

func (a *appliance) visitor() *visitor { return &visitor{appliance: a} }

// newcomer is a new user's browser after the code word.
func (a *appliance) newcomer(name string) *visitor {
	a.t.Helper()
	_, word, err := a.AddUser(a.t.Context(), root, core.NewUser{Name: name})
	a.must(err)
	v := a.visitor()
	v.call("code-word", body{"user": name, "code_word": word.Reveal()}).want(a.t, 200, "")
	return v
}

func TestSelfServiceOverTLS(t *testing.T) {
	a := newAppliance(t)
	v := a.newcomer("resi")
	c := v.set
	if c.Name != "__Host-latchkey" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge <= 0 {
		t.Errorf("the cookie is %s", c)
	}
	v.call("", nil).want(t, 200, "")
	v.call("options", nil).want(t, 200, "")
	g := v.call("answers/set", body{"question": "birthplace", "answer": "Heidelberg"})
	g.want(t, 200, "")
	if !strings.Contains(g.body, `"letters":["H","e","i"`) || g.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v", g.body, g.header)
	}
	v.call("answers/set", body{"question": "birthplace", "answer": "Tegernsee"}).want(t, 403, core.CodeProofNeeded)
	v.call("language", body{"language": "de"}).want(t, 200, "")
	before := v.cookie
	v.call("sign-out", body{}).want(t, 200, "")
	if v.set.MaxAge >= 0 || v.cookie != "" {
		t.Errorf("signing out leaves the cookie: %s", v.set)
	}
	v.cookie = before
	v.call("", nil).want(t, 401, core.CodeSignedOut)

	// A stranger's call from elsewhere, and one that brings the cookie without the guard.
	v = a.newcomer("vroni")
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Header.Set("Origin", "https://evil.test") },
		func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
	} {
		r := v.request("POST", "sign-out", "{}")
		change(r)
		v.do(t, r).want(t, 403, codeCrossSite)
		r = v.request("GET", "", "")
		change(r)
		v.do(t, r).want(t, 403, codeCrossSite)
	}
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Header.Del(headerGuard) },
		func(r *http.Request) { r.Header.Set(headerGuard, "AAAA") },
		func(r *http.Request) { r.Header.Add(headerGuard, v.guard) },
		func(r *http.Request) {
			r.Header.Set("Cookie", sessionCookie+"="+v.cookie+"; "+sessionCookie+"="+v.cookie)
		},
	} {
		r := v.request("POST", "sign-out", "{}")
		change(r)
		v.do(t, r).want(t, 401, core.CodeSignedOut)
	}
	r := v.request("POST", "sign-out", "{}")
	r.Header.Set("Content-Type", "text/plain")
	v.do(t, r).want(t, 400, core.CodeBadRequest)
	r = v.request("POST", "answers/set", `{"question":"`+strings.Repeat("a", maxBody)+`"}`)
	v.do(t, r).want(t, 413, codeTooLarge)
	v.call("sign-out", body{"more": 1}).want(t, 400, core.CodeBadRequest)
	v.call("", nil).want(t, 200, "")
}

func TestPagesOfSelfService(t *testing.T) {
	on := true
	d := openDoor(t, &told{}, func(c *Config) {
		c.App = testPages
		c.SelfService = func() core.SelfService {
			if on {
				return new(core.Core)
			}
			return nil
		}
	})
	for path, want := range map[string]int{"/me/": 200, "/me/me.js": 200, "/me/none": 404, "/app/me/me.js": 404, "/app/me/index.html": 404, "/me/../index.html": 404} {
		g := d.do(t, ask(t, "GET", path, ""))
		if g.status != want {
			t.Errorf("%s: %d", path, g.status)
		}
		if strings.HasPrefix(path, "/me/") && (g.header.Get("Content-Security-Policy") != mePolicy || !strings.Contains(g.header.Get("Permissions-Policy"), "camera=()")) {
			t.Errorf("%s: %v", path, g.header)
		}
	}
	if g := d.do(t, ask(t, "GET", "/me", "")); g.status != 302 || g.header.Get("Location") != "/me/" {
		t.Errorf("%d %v", g.status, g.header)
	}
	for _, loose := range []string{"unsafe", "*", "worker-src", "http:"} {
		if strings.Contains(mePolicy, loose) {
			t.Errorf("the policy has %s", loose)
		}
	}
	on = false
	for _, path := range []string{"/me", "/me/", "/me/me.js", "/api/v1/me", "/api/v1/me/options"} {
		d.do(t, ask(t, "GET", path, "")).want(t, 404, codeNotFound)
	}
}

// TestSignInsAreBounded: what a network gets wrong costs it, and all of them together too.
func TestSignInsAreBounded(t *testing.T) {
	a := newAppliance(t)
	a.signIns = newBuckets(Rate{3, 1 << 40})
	v := a.visitor()
	for range 3 {
		v.call("code-word", body{"user": "nobody", "code_word": "a"}).want(t, 403, core.CodeDenied)
	}
	v.call("code-word", body{"user": "nobody", "code_word": "a"}).want(t, 503, core.CodeBusy)
	a.signIns, a.allSignIns = newBuckets(Rate{100, 1}), newBuckets(Rate{1, 1 << 40})
	v.call("code-word", body{"user": "nobody", "code_word": "a"}).want(t, 403, core.CodeDenied)
	v.call("code-word", body{"user": "nobody", "code_word": "a"}).want(t, 503, core.CodeBusy)
	v.call("options", nil).want(t, 200, "")
}

// TestPhonesOfSelfService: every call of the pages goes through the door, as it is described.
func TestPhonesOfSelfService(t *testing.T) {
	a := newAppliance(t)
	v := a.newcomer("resi")
	a.must(a.SetPassword(t.Context(), root, "resi", secret.New("latchkey-demo")))
	v.call("", nil).want(t, 401, core.CodeSignedOut) // the password was replaced
	word, _, err := a.NewCodeWord(t.Context(), root, "resi")
	a.must(err)
	v.call("code-word", body{"user": "resi", "code_word": word.Reveal()}).want(t, 200, "")
	invite := func() (*phone.Phone, string) {
		t.Helper()
		g := v.call("devices/invite", body{})
		g.want(t, 200, "")
		var inv struct {
			URL string
			QR  struct {
				Size int
				Path string
			}
		}
		a.must(json.Unmarshal([]byte(g.body), &inv))
		if inv.QR.Size < 21 || !strings.HasPrefix(inv.QR.Path, "M0 0h7v1h-7z") || strings.Trim(inv.QR.Path, "Mhvz-0123456789 ") != "" {
			t.Errorf("%+v", inv.QR)
		}
		p, err := phone.Enrol(t.Context(), a.phone(), inv.URL, "Fairphone", pin)
		a.must(err)
		t.Cleanup(p.Close)
		return p, p.CheckCode()
	}
	v.call("devices/confirm", body{"code": "BCDFGHJK"}).want(t, 404, core.CodeNoSuchDevice)
	p, code := invite()
	v.call("", nil).want(t, 200, "")
	v.call("devices/confirm", body{"code": "BCDFGHJK"}).want(t, 409, core.CodeWrongCheckCode)
	v.call("devices/confirm", body{"code": code}).want(t, 200, "")
	v.call("devices/invite", body{}).want(t, 403, core.CodeProofNeeded)

	// steps goes on until the phone has been asked and has answered.
	steps := func(op string, first body) {
		t.Helper()
		var s struct {
			State, Token string
			Symbols      []mobile.Symbol
		}
		g := v.call(op, first)
		g.want(t, 200, "")
		a.must(json.Unmarshal([]byte(g.body), &s))
		if s.State != "challenge" || len(s.Symbols) != 1 {
			t.Fatalf("%+v", s)
		}
		_, err := p.Approve(t.Context(), pin, s.Symbols[0])
		a.must(err)
		second := body{"token": s.Token, "text": ""}
		if first["user"] != nil {
			second["user"] = first["user"]
		}
		v.call(op+"/answer", second).want(t, 200, "")
	}
	v.call("sign-out", body{}).want(t, 200, "")
	v.call("sign-in", body{"user": "resi", "password": "wrong-password"}).want(t, 403, core.CodeDenied)
	steps("sign-in", body{"user": "resi", "password": "latchkey-demo"})
	v.call("recovery/make", body{}).want(t, 403, core.CodeProofNeeded)
	steps("proof", body{"password": "latchkey-demo"})
	g := v.call("recovery/make", body{})
	g.want(t, 200, "")
	v.call("recovery/void", body{}).want(t, 200, "")
	_, code = invite()
	v.call("devices/confirm", body{"code": code}).want(t, 200, "")
	devices, err := a.Devices(t.Context(), "resi")
	a.must(err)
	second := devices[1].ID
	v.call("devices/rename", body{"device": second, "name": "Zweites"}).want(t, 200, "")
	v.call("devices/rename", body{"device": second, "name": strings.Repeat("x", 65)}).want(t, 400, core.CodeBadRequest)
	v.call("devices/lock", body{"device": second}).want(t, 200, "")
	v.call("devices/lock", body{"device": second}).want(t, 409, core.CodeBeyondHelp)
	v.call("devices/unlock", body{"device": second}).want(t, 200, "")
	v.call("devices/revoke", body{"device": second}).want(t, 200, "")
	v.call("devices/revoke", body{"device": second}).want(t, 404, core.CodeNoSuchDevice)
	v.call("answers/set", body{"question": "pet", "answer": "Wackeldackel"}).want(t, 200, "")
	v.call("answers/remove", body{"question": "birthplace"}).want(t, 404, core.CodeNoSuchQuestion)
	g = v.call("logins", nil)
	g.want(t, 200, "")
	_, rest, _ := strings.Cut(g.body, `"reference":"`)
	reference, _, _ := strings.Cut(rest, `"`)
	v.call("logins/not-me", body{"reference": reference}).want(t, 200, "")
	v.call("logins/not-me", body{"reference": "NONE"}).want(t, 404, core.CodeNoSuchLogin)
	v.call("language", body{"language": "en"}).want(t, 200, "")
	v.call("options", nil).want(t, 200, "")

	p.Close()
	a.must(a.end())
	for _, r := range a.routes() {
		if strings.HasPrefix(r.path, "/api/v1/me") && a.seen.count(r.path) == 0 && r.path != "/api/v1/me/answers/remove" {
			t.Errorf("the journey never came by %s", r.path)
		}
	}
	for _, text := range []string{"latchkey-demo", "Wackeldackel", word.Reveal(), v.cookie} {
		if strings.Contains(a.log.String(), text) {
			t.Errorf("the log has %q", text)
		}
	}
}
