package web

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core"
)

func TestACallIsCarriedAsItCame(t *testing.T) {
	p := &told{reply: func(core.DeviceCall) ([]byte, error) { return []byte(`{"evaluated":"x"}`), nil }}
	d := openDoor(t, p, nil)
	const body = ` {"blinded" : "AAAA"}` + "\n"
	g := d.do(t, signedCall(t, "POST", "/api/v1/device/pin/evaluate", body))
	g.want(t, 200, "")
	if g.body != `{"evaluated":"x"}` || g.header.Get("Content-Type") != "application/json" || g.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%q %v", g.body, g.header)
	}
	c := p.last(t)
	if c.Method != "POST" || c.Path != "/api/v1/device/pin/evaluate" || c.Op != "pin/evaluate" || c.Device != testDevice || c.Counter != 7 ||
		!bytes.Equal(c.Signature, bytes.Repeat([]byte{9}, 64)) || string(c.Body) != body || c.Remote != "127.0.0.1" || c.Request == "" {
		t.Errorf("core was told %+v", c)
	}
	if text := d.log.String(); strings.Contains(text, "AAAA") || strings.Contains(text, "CQkJ") || !strings.Contains(text, c.Request) {
		t.Errorf("the log has the body or the signature, or not the request: %s", text)
	}
}

func TestEnrolmentIsCarried(t *testing.T) {
	p := &told{}
	d := openDoor(t, p, nil)
	g := d.do(t, ask(t, "POST", "/api/v1/enrolments", `{"secret":"canary"}`))
	g.want(t, 201, "")
	if len(p.enrols) != 1 || string(p.enrols[0].Body) != `{"secret":"canary"}` || p.enrols[0].Remote != "127.0.0.1" {
		t.Errorf("core was told %+v", p.enrols)
	}
	if strings.Contains(d.log.String(), "canary") {
		t.Errorf("the log has the secret: %s", d.log)
	}
}

// TestRefusals sends what is not a call; core never hears of it.
func TestRefusals(t *testing.T) {
	p := &told{}
	d := openDoor(t, p, nil)
	const path = "/api/v1/device/hello"
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
		code   core.DeviceCode
	}{
		"no device":         {func(r *http.Request) { r.Header.Del(headerDevice) }, 400, "bad-request"},
		"no counter":        {func(r *http.Request) { r.Header.Del(headerCounter) }, 400, "bad-request"},
		"no signature":      {func(r *http.Request) { r.Header.Del(headerSignature) }, 400, "bad-request"},
		"two devices":       {func(r *http.Request) { r.Header.Add(headerDevice, testDevice) }, 400, "bad-request"},
		"upper-case device": {func(r *http.Request) { r.Header.Set(headerDevice, strings.ToUpper(testDevice)) }, 400, "bad-request"},
		"counter 0":         {func(r *http.Request) { r.Header.Set(headerCounter, "0") }, 400, "bad-request"},
		"signed counter":    {func(r *http.Request) { r.Header.Set(headerCounter, "+7") }, 400, "bad-request"},
		"padded signature":  {func(r *http.Request) { r.Header.Set(headerSignature, r.Header.Get(headerSignature)+"==") }, 400, "bad-request"},
		"short signature":   {func(r *http.Request) { r.Header.Set(headerSignature, "AAAA") }, 400, "bad-request"},
		"a form":            {func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 400, "bad-request"},
		"no type":           {func(r *http.Request) { r.Header.Del("Content-Type") }, 400, "bad-request"},
		"JSON of another":   {func(r *http.Request) { r.Header.Set("Content-Type", "application/json; profile=x") }, 400, "bad-request"},
		"Latin-1":           {func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=latin1") }, 400, "bad-request"},
		"compressed":        {func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 400, "bad-request"},
		"a query":           {func(r *http.Request) { r.URL.RawQuery = "a=b" }, 400, "bad-request"},
		"a bare query":      {func(r *http.Request) { r.URL.ForceQuery = true }, 400, "bad-request"},
		"another spelling":  {func(r *http.Request) { r.URL.RawPath = "/api/v1/device/%68ello" }, 400, "bad-request"},
		"another site":      {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403, codeCrossSite},
		"a sibling site":    {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403, codeCrossSite},
		"another origin":    {func(r *http.Request) { r.Header.Set("Origin", "https://latchkey.test") }, 403, codeCrossSite},
		"no origin":         {func(r *http.Request) { r.Header.Set("Origin", "null") }, 403, codeCrossSite},
		"another name":      {func(r *http.Request) { r.Host = "evil.test:8443" }, 421, codeWrongHost},
		"an address":        {func(r *http.Request) { r.Host = "127.0.0.1:8443" }, 421, codeWrongHost},
		"unknown op":        {func(r *http.Request) { r.URL.Path += "o" }, 404, codeNotFound},
		"no op":             {func(r *http.Request) { r.URL.Path = "/api/v1/device/" }, 404, codeNotFound},
		"a detour":          {func(r *http.Request) { r.URL.Path = "/api/v1/device//hello" }, 404, codeNotFound},
		"another method":    {func(r *http.Request) { r.Method = "PUT" }, 405, codeWrongMethod},
		"GET":               {func(r *http.Request) { r.Method = "GET"; r.Body = nil; r.ContentLength = 0 }, 405, codeWrongMethod},
		"preflight":         {func(r *http.Request) { r.Method = "OPTIONS"; r.Header.Set("Origin", "https://evil.test") }, 405, codeWrongMethod},
	} {
		t.Run(name, func(t *testing.T) {
			r := signedCall(t, "POST", path, `{}`)
			c.change(r)
			g := d.do(t, r)
			g.want(t, c.status, c.code)
			for name := range g.header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("a header for other sites: %s", name)
				}
			}
		})
	}
	if p.count() != 0 {
		t.Errorf("core heard of %d calls", p.count())
	}
	for _, ours := range []func(*http.Request){
		func(r *http.Request) {
			r.Header.Set("Origin", testOrigin)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		},
		func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") },
		func(r *http.Request) { r.Host = "LATCHKEY.test.:443" },
	} {
		r := signedCall(t, "POST", path, `{}`)
		ours(r)
		d.do(t, r).want(t, 200, "")
	}
}

func TestLargeBodies(t *testing.T) {
	p := &told{}
	d := openDoor(t, p, nil)
	whole := strings.Repeat("a", maxBody)
	d.do(t, signedCall(t, "POST", "/api/v1/device/hello", whole)).want(t, 200, "")
	d.do(t, signedCall(t, "POST", "/api/v1/device/hello", whole+"a")).want(t, 413, codeTooLarge)
	// One that does not say its length before.
	r := signedCall(t, "POST", "/api/v1/enrolments", whole+"a")
	r.ContentLength = -1
	d.do(t, r).want(t, 413, codeTooLarge)
	if p.count() != 1 {
		t.Errorf("core heard of %d calls", p.count())
	}
}

func TestEachRefusalOfCoreHasItsStatus(t *testing.T) {
	for code, want := range map[core.DeviceCode]int{
		core.CodeBadRequest: 400, core.CodeUnknownDevice: 401, core.CodeBadSignature: 401, core.CodeDeviceCloned: 403,
		core.CodeDeviceLocked: 403, core.CodeDeviceRevoked: 403, core.CodeDeviceInert: 403, core.CodePINLocked: 403, core.CodePINErased: 403,
		core.CodeInvitationVoid: 410, core.CodeNoSuchPending: 404, core.CodePendingEnded: 409, core.CodeWrongSymbol: 409,
		core.CodeStaleNonce: 409, core.CodeStaleGeneration: 409, core.CodeBadKey: 422, core.CodeBadPoint: 422,
		core.CodeSubscriptionRefused: 422, core.CodeBusy: 503,
	} {
		p := problemOf(&core.DeviceError{Code: code, Text: "words"})
		if p.Status != want || p.Code != code || p.Detail != "words" {
			t.Errorf("%s: %+v, want %d", code, p, want)
		}
	}
	for _, err := range []error{errInternal, &core.DeviceError{Code: "new", Text: errInternal.Error()}} {
		if p := problemOf(err); p.Status != 503 || p.Code != core.CodeBusy || p.Detail != "" {
			t.Errorf("%v is told as %+v", err, p)
		}
	}
}

func TestInternalErrorsAndPanicsSayNothing(t *testing.T) {
	p := &told{reply: func(c core.DeviceCall) ([]byte, error) {
		if c.Op == "key" {
			panic(errInternal)
		}
		return nil, errInternal
	}}
	d := openDoor(t, p, nil)
	for _, op := range []string{"hello", "key", "hello"} {
		g := d.do(t, signedCall(t, "POST", "/api/v1/device/"+op, `{}`))
		g.want(t, 503, core.CodeBusy)
		if strings.Contains(g.body, "secret") || g.header.Get("Retry-After") == "" {
			t.Errorf("%s %v", g.body, g.header)
		}
		if !strings.Contains(d.log.String(), p.last(t).Request) {
			t.Errorf("the log does not have the request")
		}
	}
	if !strings.Contains(d.log.String(), errInternal.Error()) || !strings.Contains(d.log.String(), "panic in a request") {
		t.Errorf("the log does not say why: %s", d.log)
	}
}
