package httpgateway_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
	"github.com/latchkey/latchkey/core/delivery/httpgateway"
	"github.com/latchkey/latchkey/core/secret"
)

const (
	number = "+491711234567"
	canary = "kAnArIeNvOgEl"
	// text has what every language of a request takes for syntax.
	text = "Grüße \"<&>'\\ {to} %00 +&to=4900 ; €\r\nX: y ]]> " + canary
)

func message(text string) core.Message {
	return core.Message{ID: "id-1", To: secret.New(number), Text: secret.New(text)}
}

// wantFault sends, and wants it to fail in this way without telling a secret.
func wantFault(t *testing.T, carrier core.Carrier, want core.CarrierFault) *core.CarrierError {
	t.Helper()
	err := carrier.Send(t.Context(), message(canary))
	var fault *core.CarrierError
	if !errors.As(err, &fault) || fault.Fault != want {
		t.Fatalf("the error is %v, want one of %q", err, want)
	}
	for _, s := range []string{canary, number, number[1:]} {
		if strings.Contains(fault.Error(), s) {
			t.Errorf("the error holds %q: %v", s, fault)
		}
	}
	return fault
}

// request is one that a gateway got.
type request struct {
	*http.Request
	body string
}

// gateway answers as told and keeps what it was asked.
func gateway(t *testing.T, answer func(w http.ResponseWriter)) (url string, asked chan request) {
	t.Helper()
	asked = make(chan request, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- request{r, string(body)}
		if answer != nil {
			answer(w)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func open(t *testing.T, cfg httpgateway.Config) *httpgateway.Gateway {
	t.Helper()
	g, err := httpgateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestEscaping: whatever the text, it comes out at the other side as it was, and nothing besides.
func TestEscaping(t *testing.T) {
	t.Parallel()
	url, asked := gateway(t, nil)
	base := httpgateway.Config{From: `Latch"key<`, User: "us:er", Secret: secret.New("p&w=1"), Number: delivery.NumberDigits}
	t.Run("query", func(t *testing.T) {
		cfg := base
		cfg.URL = url + "/send/{to}/{from}?text={text}&u={user}&p={secret}&id={id}"
		if err := open(t, cfg).Send(t.Context(), message(text)); err != nil {
			t.Fatal(err)
		}
		r := <-asked
		q := r.URL.Query()
		if r.Method != "GET" || r.URL.Path != "/send/491711234567/"+base.From || q.Get("text") != text || q.Get("u") != base.User || q.Get("p") != "p&w=1" || q.Get("id") != "id-1" || len(q) != 4 {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if r.Header.Get("Idempotency-Key") != "id-1" {
			t.Error("no idempotency id")
		}
	})
	t.Run("form", func(t *testing.T) {
		cfg := base
		cfg.URL, cfg.Body, cfg.Headers = url, "to={to}&text={text}", map[string]string{"content-type": "application/x-www-form-urlencoded"}
		if err := open(t, cfg).Send(t.Context(), message(text)); err != nil {
			t.Fatal(err)
		}
		r := <-asked
		if r.Method != "POST" || r.body != "to=491711234567&text="+strings.NewReplacer("+", "%20").Replace(urlEscape(text)) && r.body != "to=491711234567&text="+urlEscape(text) {
			t.Errorf("%s %q", r.Method, r.body)
		}
	})
	t.Run("json", func(t *testing.T) {
		cfg := base
		cfg.URL, cfg.Body, cfg.Headers = url, `{"a": [{"to": "{to}"}], "text": "<{text}>", "n": {"x": 1}}`, map[string]string{"Content-Type": "application/json; charset=utf-8"}
		if err := open(t, cfg).Send(t.Context(), message(text)); err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte((<-asked).body), &got); err != nil || got["text"] != "<"+text+">" || len(got) != 3 {
			t.Errorf("%v: %q", err, got)
		}
	})
	t.Run("xml", func(t *testing.T) {
		cfg := base
		cfg.URL, cfg.Body, cfg.Headers = url, `<sms to="{to}" from='{from}'><text>{text}</text></sms>`, map[string]string{"Content-Type": "application/soap+xml"}
		if err := open(t, cfg).Send(t.Context(), message(text)); err != nil {
			t.Fatal(err)
		}
		var got struct {
			To   string `xml:"to,attr"`
			From string `xml:"from,attr"`
			Text string `xml:"text"`
		}
		if err := xml.Unmarshal([]byte((<-asked).body), &got); err != nil || got.Text != text || got.To != "491711234567" || got.From != base.From {
			t.Errorf("%v: %+v", err, got)
		}
		if err := open(t, cfg).Send(t.Context(), message("a\x00b")); !isFault(err, core.CarrierRefused) {
			t.Errorf("a character that XML has not: %v", err)
		}
	})
	t.Run("header", func(t *testing.T) {
		cfg := base
		cfg.URL, cfg.Headers = url+"?to={to}&text=x", map[string]string{"X-Text": "{text}", "Authorization": "Key {secret}"}
		g := open(t, cfg)
		if err := g.Send(t.Context(), message("Grüße")); err != nil {
			t.Fatal(err)
		}
		if r := <-asked; r.Header.Get("X-Text") != "Grüße" || r.Header.Get("Authorization") != "Key p&w=1" {
			t.Errorf("%q", r.Header)
		}
		for _, bad := range []string{"a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b", "\x7f"} {
			if err := g.Send(t.Context(), message(bad)); !isFault(err, core.CarrierRefused) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		if len(asked) != 0 {
			t.Error("the gateway was asked all the same")
		}
	})
	t.Run("auth", func(t *testing.T) {
		cfg := base
		cfg.URL, cfg.Auth, cfg.User = url+"?to={to}&text={text}", httpgateway.AuthBasic, "user"
		if err := open(t, cfg).Send(t.Context(), message("x")); err != nil {
			t.Fatal(err)
		}
		if user, password, ok := (<-asked).BasicAuth(); !ok || user != "user" || password != "p&w=1" {
			t.Error(user)
		}
		cfg.Auth = httpgateway.AuthBearer
		if err := open(t, cfg).Send(t.Context(), message("x")); err != nil {
			t.Fatal(err)
		}
		if got := (<-asked).Header.Get("Authorization"); got != "Bearer p&w=1" {
			t.Error(got)
		}
	})
}

func urlEscape(s string) string {
	t, err := delivery.ParseTemplate("{text}", delivery.ContextQuery)
	if err != nil {
		return ""
	}
	out, _ := t.Fill(delivery.Values{Text: s})
	return out
}

func isFault(err error, want core.CarrierFault) bool {
	var fault *core.CarrierError
	return errors.As(err, &fault) && fault.Fault == want
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status int
		after  string
		body   string
		want   core.CarrierFault
		wait   time.Duration
	}{
		{200, "", `{"status": "ok"}`, "", 0}, {204, "", "", core.CarrierRefused, 0}, {200, "", `{"status":"error"}`, core.CarrierRefused, 0},
		{200, "7", `{"error":"rate"}`, core.CarrierBusy, 7 * time.Second}, {400, "", `{"error":"rate"}`, core.CarrierBusy, 0},
		{429, "30", "", core.CarrierBusy, 30 * time.Second}, {429, "", "", core.CarrierBusy, 0}, {503, "Wed, 25 Nov 2026 12:01:00 GMT", "", core.CarrierBusy, time.Minute},
		{429, "999999999", "", core.CarrierBusy, time.Hour}, {429, "-5", "", core.CarrierBusy, 0}, {429, "Wed, 25 Nov 2020 12:01:00 GMT", "", core.CarrierBusy, 0},
		{503, "", "", core.CarrierDown, 0}, {500, "", "", core.CarrierDown, 0}, {502, "", "", core.CarrierDown, 0}, {504, "", "", core.CarrierUnknown, 0},
		{400, "", "", core.CarrierRefused, 0}, {422, "", "", core.CarrierRefused, 0}, {401, "", "", core.CarrierDown, 0}, {403, "", "", core.CarrierDown, 0},
		{402, "", "", core.CarrierDown, 0}, {404, "", "", core.CarrierDown, 0}, {408, "", "", core.CarrierDown, 0}, {409, "", "", core.CarrierUnknown, 0},
		{301, "", "", core.CarrierDown, 0}, {307, "", "", core.CarrierDown, 0},
	} {
		url, asked := gateway(t, func(w http.ResponseWriter) {
			if c.after != "" {
				w.Header().Set("Retry-After", c.after)
			}
			if c.status/100 == 3 {
				w.Header().Set("Location", "/elsewhere")
			}
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body + strings.Repeat(" ", 10) + canary + number))
		})
		g := open(t, httpgateway.Config{URL: url + "?to={to}&text={text}", Answer: `"status": "ok"`, Busy: `"rate"`, Now: func() time.Time { return now }})
		if c.want == "" {
			if err := g.Send(t.Context(), message("x")); err != nil {
				t.Errorf("%d: %v", c.status, err)
			}
		} else if fault := wantFault(t, g, c.want); fault.After != c.wait {
			t.Errorf("%d %q: after %s", c.status, c.after, fault.After)
		}
		if len(asked) != 1 {
			t.Errorf("%d: asked %d times", c.status, len(asked))
		}
	}
}

func TestSuccessStatus(t *testing.T) {
	t.Parallel()
	url, _ := gateway(t, func(w http.ResponseWriter) { w.WriteHeader(200) })
	wantFault(t, open(t, httpgateway.Config{URL: url + "?to={to}&text={text}", Success: []int{202}}), core.CarrierRefused)
}

// Down: nothing has left. Unknown: something has.
func TestConnections(t *testing.T) {
	t.Parallel()
	const query = "/?to={to}&text={text}"
	wantFault(t, open(t, httpgateway.Config{URL: "http://127.0.0.1:9" + query}), core.CarrierDown)
	slow := make(chan struct{})
	url, _ := gateway(t, func(http.ResponseWriter) { <-slow })
	defer close(slow)
	if fault := wantFault(t, open(t, httpgateway.Config{URL: url + query, Timeout: 200 * time.Millisecond}), core.CarrierUnknown); !strings.Contains(fault.Text, "in time") {
		t.Error(fault)
	}
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer secure.Close()
	if fault := wantFault(t, open(t, httpgateway.Config{URL: secure.URL + query}), core.CarrierDown); !strings.Contains(fault.Text, "authority is not known") {
		t.Error(fault)
	}
	trusted := open(t, httpgateway.Config{URL: secure.URL + query, CA: pemOf(secure)})
	if err := trusted.Send(t.Context(), message("x")); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := trusted.Send(ctx, message("x")); !isFault(err, core.CarrierDown) {
		t.Errorf("given up before: %v", err)
	}
	for _, to := range []string{"", "0171", "+49 171", "x@example.org", "+49171\r\n"} {
		if err := trusted.Send(t.Context(), core.Message{To: secret.New(to), Text: secret.New("x")}); !isFault(err, core.CarrierRefused) {
			t.Errorf("%q: %v", to, err)
		}
	}
}

func TestConfigurations(t *testing.T) {
	t.Parallel()
	for _, cfg := range []httpgateway.Config{
		{URL: "sms.example.net"}, {URL: "https://{to}.example.net/"}, {URL: "https://x/{text}"}, {URL: "https://x/?{nothing}"}, {URL: "https://u:p@x/"}, {URL: "https://x/#f"},
		{URL: "https://x/", Headers: map[string]string{"Host": "y"}}, {URL: "https://x/", Headers: map[string]string{"A B": "y"}}, {URL: "https://x/", Headers: map[string]string{"A": "{nothing}"}},
		{URL: "https://x/", Body: "x"}, {URL: "https://x/", Answer: "("}, {URL: "https://x/", CA: []byte("none")},
		{URL: "https://x/", Body: `{"a": {to}}`, Headers: map[string]string{"Content-Type": "application/json"}},
		{URL: "https://x/", Body: `<a><!-- {to} --></a>`, Headers: map[string]string{"Content-Type": "text/xml"}},
		{URL: "https://x/", Body: `<a><![CDATA[{to}]]></a>`, Headers: map[string]string{"Content-Type": "text/xml"}},
		{URL: "https://x/", Body: `{"{to}": "x"}`, Headers: map[string]string{"Content-Type": "application/json"}},
	} {
		if _, err := httpgateway.New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
