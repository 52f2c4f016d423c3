package localapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core"
)

// raw sends a body as it is.
func raw(t *testing.T, d *daemon, method, target, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://latchkeyd"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := d.client.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	reply, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(reply)
}

func TestBadRequests(t *testing.T) {
	d := start(t, realCore(t), nil)
	for _, c := range []struct {
		method, target, body string
		status               int
		words                string
	}{
		{"POST", "/v1/user/password", `{"name":"lutz","pasword":"` + canary + `"}`, 400, `unknown field \"pasword\"`},
		{"POST", "/v1/user/password", `{"name":"lutz","password":["` + canary + `"]}`, 400, "not of the right shape"},
		{"POST", "/v1/user/password", `{"name":"lutz","password":null}`, 400, "not of the right shape"},
		{"POST", "/v1/user/password", `{"name":12,"password":"` + canary + `"}`, 400, `\"name\" must be a string`},
		{"POST", "/v1/user/password", `{"name":"lutz","password":"` + canary, 400, "not of the right shape"},
		{"POST", "/v1/user/password", `{"name":"lutz";"password":"` + canary + `"}`, 400, "not JSON (at byte 15)"},
		{"POST", "/v1/user/password", `{"name":"lutz","password":"` + canary + `"} {}`, 400, "something after"},
		{"POST", "/v1/user/password", "{\"name\":\"lutz\",\"password\":\"" + canary + "\xff\"}", 400, "not UTF-8"},
		{"POST", "/v1/user/password", `{"name":"` + strings.Repeat(canary, 6000) + `"}`, 413, "larger than"},
		{"POST", "/v1/user/password", ``, 400, "not of the right shape"},
		{"POST", "/v1/user/code", `{"name":"lutz","seconds":-1,"uses":1}`, 422, "above 0"},
		{"POST", "/v1/user/code", `{"name":"lutz","seconds":9223372036854775807,"uses":1}`, 422, "above 0"},
		{"GET", "/v1/user?nam=lutz", ``, 400, `\"nam\" is unknown`},
		{"GET", "/v1/user?name=a&name=b", ``, 400, "repeated"},
		{"GET", "/v1/user?name=%ff", ``, 400, "UTF-8"},
		{"GET", "/v1/user?name=%zz", ``, 400, "does not decode"},
		{"GET", "/v1/audit?newest=-1", ``, 400, "must be a number"},
		{"GET", "/v1/user?name=%00", ``, 404, "no user"},
		{"GET", "/v1/nothing", ``, 404, "no such call"},
		{"DELETE", "/v1/user", ``, 404, "no such call"},
		{"POST", "/v1/user/add", `{"name":"a\u0007b"}`, 422, "error"},
	} {
		status, reply := raw(t, d, c.method, c.target, c.body)
		if status != c.status || !strings.Contains(reply, c.words) || !strings.HasPrefix(reply, `{"error":"`) {
			t.Errorf("%s %s %.60s: %d %s", c.method, c.target, c.body, status, reply)
		}
		if strings.Contains(reply, canary) {
			t.Errorf("%s %s: the reply repeats the secret: %s", c.method, c.target, reply)
		}
	}
}

// broken is an Admin with faults.
type broken struct{ Admin }

func (broken) SetPassword(_ context.Context, _ core.Actor, name string, password core.Secret) error {
	switch name {
	case "error":
		return errors.New("store: key " + password.Reveal()[len(canary):] + " of the inside")
	case "panic":
		panic(password.Reveal())
	}
	return &core.Problem{Kind: core.ErrRefused, Text: "not today", Hint: "tomorrow"}
}

func (broken) Users(_ context.Context, fn func(core.UserInfo) bool) error {
	fn(core.UserInfo{Name: "lutz"})
	return errors.New("the disk is full")
}

func TestWhatWentWrongInsideStaysInside(t *testing.T) {
	d := start(t, broken{}, nil)
	for _, name := range []string{"error", "panic"} {
		err := d.client.SetPassword(t.Context(), name, say("-suffix"))
		var refused *Error
		if !errors.As(err, &refused) || refused.Status != http.StatusInternalServerError || refused.Text != "internal error" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		request := refused.Hint[strings.LastIndex(refused.Hint, " ")+1:]
		if len(request) != 12 || !strings.Contains(d.log.String(), request) {
			t.Errorf("%s: request %q is not in the log", name, request)
		}
	}
	if log := d.log.String(); !strings.Contains(log, "of the inside") || !strings.Contains(log, "broken.SetPassword") {
		t.Errorf("the log does not say why:\n%s", log)
	}
	var refused *Error
	if err := d.client.SetPassword(t.Context(), "x", say("")); !errors.As(err, &refused) || refused.Status != http.StatusConflict || refused.Hint != "tomorrow" {
		t.Errorf("a problem: %v", err)
	}
	seen := 0
	err := d.client.Users(t.Context(), func(core.UserInfo) bool { seen++; return true })
	if !errors.As(err, &refused) || refused.Text != "internal error" || seen != 1 {
		t.Errorf("an error in the middle of a stream: %v after %d", err, seen)
	}
}

// spilling is an Admin that says more than it should.
type spilling struct{ Admin }

var spilt = []core.AnswerInfo{{Question: "pet", Length: len(canary), Letters: strings.Split(canary, "")}}

func (spilling) Answers(context.Context, string) ([]core.AnswerInfo, error) { return spilt, nil }

func (spilling) User(context.Context, string) (core.UserInfo, error) {
	return core.UserInfo{Name: "lutz", Answers: spilt}, nil
}

func (s spilling) Users(ctx context.Context, fn func(core.UserInfo) bool) error {
	user, err := s.User(ctx, "")
	fn(user)
	return err
}

func TestLettersLeaveWithTheirSetterOnly(t *testing.T) {
	d := start(t, spilling{}, nil)
	for _, target := range []string{"/v1/answers?name=lutz", "/v1/user?name=lutz", "/v1/users"} {
		status, reply := raw(t, d, "GET", target, "")
		if status != 200 || !strings.Contains(reply, `"pet"`) || strings.Contains(reply, "letters") || strings.Contains(reply, "length") {
			t.Errorf("%s: %d %s", target, status, reply)
		}
	}
}

func TestKindsHaveStatuses(t *testing.T) {
	for kind, want := range map[error]int{
		core.ErrNoSuchUser: 404, core.ErrNoSuchQuestion: 404, core.ErrUserExists: 409, core.ErrInvalid: 422, core.ErrRefused: 409,
		errors.New("a kind to come"): 409,
	} {
		problem := &core.Problem{Kind: kind, Text: "words", Hint: "hint"}
		if status, told := tell(nil, "", fmt.Errorf("wrapped: %w", problem)); status != want || told.Text != "words" || told.Hint != "hint" {
			t.Errorf("%v: %d %+v", kind, status, told)
		}
	}
}

func TestDisclosedPrintsAsSecret(t *testing.T) {
	v := Code{Name: "lutz", Code: Disclosed{Secret: say("")}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, v); strings.Contains(text, canary) {
			t.Errorf("%s prints %s", format, text)
		}
	}
}
