package hostdoor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/keys"
	"github.com/latchkey/latchkey/core/password"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store/memory"
	"github.com/latchkey/latchkey/hostapi"
	"github.com/latchkey/latchkey/hostapi/hostdoor"
	"github.com/latchkey/latchkey/test/appliance"
)

// canary stands in every secret that the tests send; no log may hold it.
const canary = "Kanarienvogel"

// world is a handler over a real core, on loopback.
type world struct {
	*hostapi.Client
	core   *core.Core
	url    string
	log    *logBuffer
	caller hostdoor.Caller
	fail   error // of Settle
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t *testing.T) *world {
	t.Helper()
	set, err := keys.Generate()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := memory.New(memory.Config{Link: core.AuditLink(set)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	method := pinphrase.Defaults()
	method.MinimumLength = 5
	pool := password.NewPool(password.PoolConfig{Params: password.Params{Memory: 64, Time: 1, Threads: 1}})
	c, err := core.Open(t.Context(), core.Config{Store: engine, Keys: set, Passwords: pool, Settings: core.Settings{
		Language: "en", Names: core.NameRules{FoldCase: true}, PINphrase: method, CodeWords: core.CodeWords{Words: 4, Valid: 72 * 3600e9},
		Locks: core.Locks{PairAfter: 3, PairFor: 15 * 60e9, UserAfter: 20, UserHalves: 12 * 3600e9, SourceAfter: 30, SourceFor: 15 * 60e9},
		Policies: map[string]core.Policy{
			"ssh":  {First: core.FirstNone, Second: []core.Method{core.MethodPINphrase}, Realm: "default"},
			"sudo": {First: core.FirstPassword, Second: []core.Method{core.MethodPINphrase}, Realm: "default"},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	actor := core.Actor{Name: "test", Role: core.RoleAdmin}
	if _, _, err := c.AddUser(t.Context(), actor, core.NewUser{Name: "lutz"}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetPassword(t.Context(), actor, "lutz", secret.New(canary+"-1")); err != nil {
		t.Fatal(err)
	}
	for id, answer := range map[string]string{"birthplace": "Heidelberg", "first_car": "Volkswagen", "mothers_maiden_name": "Müller",
		"first_holiday": "Tegernsee", "pet": "Bello", "football_club": "FCBayern"} {
		if _, err := c.SetAnswer(t.Context(), actor, "lutz", id, secret.New(answer)); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{core: c, log: &logBuffer{}, caller: hostdoor.Caller{Host: "web1", Trusted: true}}
	server := httptest.NewServer(hostdoor.Handler(hostdoor.Config{
		Settle: func(*http.Request) (hostdoor.Caller, hostdoor.Rules, error) {
			return w.caller, hostdoor.Rules{Logins: c, Policy: "ssh", Services: map[string]string{"sudo": "sudo", "none": ""}, PasswordChecked: true}, w.fail
		},
		Log: slog.New(slog.NewJSONHandler(w.log, nil)),
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	w.Client = hostapi.NewClient(server.URL, http.DefaultTransport)
	t.Cleanup(func() {
		if strings.Contains(w.log.String(), canary) {
			t.Errorf("the log holds a secret:\n%s", w.log)
		}
	})
	return w
}

func about(service string) hostapi.Context {
	return hostapi.Context{Request: "r1", Service: service, User: "lutz", UID: 1000, RHost: "192.0.2.7", Charset: hostapi.CharsetUTF8}
}

func (w *world) begin(t *testing.T, in hostapi.Begin) hostapi.Step {
	t.Helper()
	step, err := w.Begin(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

func TestLogin(t *testing.T) {
	w := start(t)
	step := w.begin(t, hostapi.Begin{Context: about("sshd")})
	if step.Kind != hostapi.Challenge || !step.Secret || step.Waiting || step.Token == "" {
		t.Fatalf("Begin: %+v", step)
	}
	right := appliance.Right(t, step.Prompt)
	wrong, err := w.Answer(t.Context(), hostapi.Answer{Context: about("sshd"), Token: step.Token, Text: secret.Disclosed{Secret: secret.New(canary)}})
	if err != nil || wrong.Kind != hostapi.Reject || wrong.Reason != hostapi.Denied || wrong.Reference == "" {
		t.Fatalf("a wrong answer: %+v, %v", wrong, err)
	}
	accept, err := w.Answer(t.Context(), hostapi.Answer{Context: about("sshd"), Token: step.Token, Text: secret.Disclosed{Secret: secret.New(right)}})
	if err != nil || accept.Kind != hostapi.Accept {
		t.Fatalf("the right answer: %+v, %v", accept, err)
	}
	again, err := w.Answer(t.Context(), hostapi.Answer{Context: about("sshd"), Token: step.Token, Text: secret.Disclosed{Secret: secret.New(right)}})
	if err != nil || again.Kind != hostapi.Reject || again.Reason != hostapi.Stale {
		t.Fatalf("the right answer once more: %+v, %v", again, err)
	}
}

func TestFirstFactor(t *testing.T) {
	w := start(t)
	ask := w.begin(t, hostapi.Begin{Context: about("sudo")})
	if ask.Kind != hostapi.AskPassword || ask.Prompt != "Password: " || !ask.Secret || ask.Token != "" {
		t.Fatalf("without a password: %+v", ask)
	}
	wrong := w.begin(t, hostapi.Begin{Context: about("sudo"), Password: secret.Disclosed{Secret: secret.New(canary + "-2")}})
	if wrong.Kind != hostapi.Reject {
		t.Errorf("a wrong password: %+v", wrong)
	}
	right := w.begin(t, hostapi.Begin{Context: about("sudo"), Password: secret.Disclosed{Secret: secret.New(canary + "-1")}})
	if right.Kind != hostapi.Challenge {
		t.Errorf("the right password: %+v", right)
	}
}

// A token of one service, host or source opens nothing at another.
func TestTokenElsewhere(t *testing.T) {
	w := start(t)
	for name, change := range map[string]func(*hostapi.Context){
		"service": func(c *hostapi.Context) { c.Service = "login" },
		"source":  func(c *hostapi.Context) { c.RHost = "192.0.2.8" },
		"host":    func(*hostapi.Context) { w.caller.Host = "web2" },
	} {
		step := w.begin(t, hostapi.Begin{Context: about("sshd")})
		other := about("sshd")
		change(&other)
		got, err := w.Answer(t.Context(), hostapi.Answer{Context: other, Token: step.Token,
			Text: secret.Disclosed{Secret: secret.New(appliance.Right(t, step.Prompt))}})
		if err != nil || got.Kind != hostapi.Reject {
			t.Errorf("another %s: %+v, %v", name, got, err)
		}
		w.caller.Host = "web1"
	}
}

func TestSources(t *testing.T) {
	w := start(t)
	own := uint32(1000)
	for _, c := range []struct {
		name   string
		caller hostdoor.Caller
		about  hostapi.Context
		source string
	}{
		{"sshd", hostdoor.Caller{Host: "web1", Trusted: true}, hostapi.Context{RHost: "192.0.2.7"}, "addr:192.0.2.7"},
		{"sshd that resolves names", hostdoor.Caller{Host: "web1", Trusted: true}, hostapi.Context{RHost: "client.example.org"}, "nas:web1"},
		{"login", hostdoor.Caller{Host: "web1", Trusted: true}, hostapi.Context{}, "nas:web1"},
		{"su", hostdoor.Caller{Host: "web1", Trusted: true}, hostapi.Context{RealUID: 1001}, "uid:web1/1001"},
		{"a program that claims an address", hostdoor.Caller{Host: "web1", Trusted: true}, hostapi.Context{RealUID: 1001, RHost: "192.0.2.7"}, "uid:web1/1001"},
		{"a host that is not believed", hostdoor.Caller{Host: "web1"}, hostapi.Context{RHost: "192.0.2.7", RealUID: 5}, "nas:web1"},
		{"a screen locker", hostdoor.Caller{Host: "web1", Trusted: true, Own: &own}, hostapi.Context{RealUID: 0, RHost: "192.0.2.7"}, "uid:web1/1000"},
	} {
		w.caller = c.caller
		c.about.Service, c.about.User = "sshd", "nobody-"+strings.ReplaceAll(c.name, " ", "-")
		step := w.begin(t, hostapi.Begin{Context: c.about})
		if _, err := w.Answer(t.Context(), hostapi.Answer{Context: c.about, Token: step.Token, Text: secret.Disclosed{Secret: secret.New("none")}}); err != nil {
			t.Fatal(err)
		}
		var source string
		err := w.core.Audit(t.Context(), core.AuditFilter{User: c.about.User}, func(e core.AuditEntry) bool {
			source = e.Source
			return true
		})
		if err != nil || source != c.source {
			t.Errorf("%s: the source is %q, %v; want %q", c.name, source, err, c.source)
		}
	}
}

// What version 1 of a helper says, letter for letter, must go on working; and what a newer one adds is ignored.
func TestVersions(t *testing.T) {
	w := start(t)
	const first = `{"version":1,"request":"a1","service":"sshd","user":"lutz","uid":1000,"real_uid":0,"rhost":"192.0.2.7"`
	for name, body := range map[string]string{
		"of version 1":        first + `}`,
		"of a newer helper":   first + `,"hardware":{"serial":7},"moon":"full"}`,
		"of a helper of 2030": strings.Replace(first, `"version":1`, `"version":19`, 1) + `}`,
	} {
		reply := w.post(t, hostapi.PathBegin, body, http.StatusOK)
		if reply["step"] != "challenge" || reply["secret"] != true || reply["token"] == "" || !strings.HasPrefix(reply["prompt"].(string), "PINphrase: ") {
			t.Fatalf("a call %s: %v", name, reply)
		}
		token, err := json.Marshal(reply["token"])
		if err != nil {
			t.Fatal(err)
		}
		reply = w.post(t, hostapi.PathAnswer, body[:len(body)-1]+`,"token":`+string(token)+`,"text":"zzzz","wait_ms":20000}`, http.StatusOK)
		if reply["step"] != "reject" || reply["reason"] != "denied" || reply["text"] == "" || reply["reference"] == "" {
			t.Fatalf("an answer %s: %v", name, reply)
		}
	}
	// A helper that gets more than it knows.
	newer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"step":"teleport","prompt":"…","where":{"x":1}}`)
	}))
	defer newer.Close()
	step, err := hostapi.NewClient(newer.URL, http.DefaultTransport).Begin(t.Context(), hostapi.Begin{})
	if err != nil || step.Kind == hostapi.Accept || step.Kind == hostapi.Challenge {
		t.Errorf("a step of the future: %+v, %v", step, err)
	}
}

func (w *world) post(t *testing.T, path, body string, status int) (reply map[string]any) {
	t.Helper()
	resp, err := http.Post(w.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil || resp.StatusCode != status {
		t.Fatalf("%s: status %d, %v, %v", path, resp.StatusCode, reply, err)
	}
	return reply
}

func TestRefused(t *testing.T) {
	w := start(t)
	const good = `{"version":1,"service":"sshd","user":"lutz"}`
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"no JSON":           {"hello " + canary, 400},
		"no UTF-8":          {"{\"version\":1,\"service\":\"sshd\",\"user\":\"l\xfc\"}", 400},
		"a secret's shape":  {`{"version":1,"service":"sshd","user":"lutz","password":["` + canary + `"]}`, 400},
		"no version":        {`{"service":"sshd","user":"lutz"}`, 400},
		"no user":           {`{"version":1,"service":"sshd"}`, 400},
		"no service":        {`{"version":1,"user":"lutz"}`, 400},
		"sshd's void name":  {`{"version":1,"service":"sshd","user":"\b\n\r\u007fINCORRECT"}`, 400},
		"too large":         {`{"version":1,"service":"sshd","user":"` + strings.Repeat("x", hostapi.MaxBody) + `"}`, 413},
		"a long name":       {`{"version":1,"service":"sshd","user":"` + strings.Repeat("x", 600) + `"}`, 400},
		"a long item":       {`{"version":1,"service":"sshd","user":"lutz","rhost":"` + strings.Repeat("x", 300) + `"}`, 400},
		"without a policy":  {`{"version":1,"service":"none","user":"lutz"}`, 403},
		"good, to see that": {good, 200},
	} {
		if reply := w.post(t, hostapi.PathBegin, c.body, c.status); c.status != 200 && reply["error"] == "" {
			t.Errorf("%s: %v", name, reply)
		}
	}
	w.post(t, "/v1/host/else", good, 404)

	w.caller.May = func(_ context.Context, user string) (bool, error) { return user == "anna", nil }
	w.post(t, hostapi.PathBegin, good, 403)
	var refused *hostapi.Refused
	if _, err := w.Begin(t.Context(), hostapi.Begin{Context: about("sshd")}); !errors.As(err, &refused) || refused.Status != 403 {
		t.Errorf("a user that is not the caller's: %v", err)
	}
}

// Silence is 503, and neither a refusal nor unreachable.
func TestSilence(t *testing.T) {
	w := start(t)
	w.fail = errors.New("the disk is on fire: " + "details for the log")
	reply := w.post(t, hostapi.PathBegin, `{"version":1,"service":"sshd","user":"lutz"}`, http.StatusServiceUnavailable)
	if strings.Contains(reply["error"].(string), "fire") {
		t.Errorf("the caller hears %v", reply)
	}
	var unreached *hostapi.NotReached
	if _, err := w.Begin(t.Context(), hostapi.Begin{Context: about("sshd")}); !errors.Is(err, hostapi.ErrSilence) || errors.As(err, &unreached) {
		t.Errorf("503 gives %v", err)
	}
	w.fail = nil
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Begin(canceled, hostapi.Begin{Context: about("sshd")}); !errors.Is(err, hostapi.ErrSilence) || errors.As(err, &unreached) {
		t.Errorf("a call that was given up gives %v", err)
	}
}

func TestNotReached(t *testing.T) {
	path := t.TempDir() + "/none.sock"
	client := hostapi.OverConn(func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "unix", path) })
	var unreached *hostapi.NotReached
	if _, err := client.Begin(t.Context(), hostapi.Begin{}); !errors.As(err, &unreached) || errors.Is(err, hostapi.ErrSilence) {
		t.Errorf("no socket gives %v", err)
	}
	// Whoever takes the connection and drops it was reached.
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	if _, err := client.Begin(t.Context(), hostapi.Begin{}); !errors.Is(err, hostapi.ErrSilence) || errors.As(err, &unreached) {
		t.Errorf("a dropped connection gives %v", err)
	}
}
