package delivery

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
)

// TestSelfService signs in at /me/, and proves once more whose session it is, with questions that come by SMS and by
// mail: by the calls that the pages make.
func TestSelfService(t *testing.T) {
	t.Parallel()
	h := begin(t, "[sms, post]")
	door := fmt.Sprintf("127.0.0.1:%d", appliance.Port(t))
	h.Configure("", h.carriers("Latchkey"), fmt.Sprintf("web:\n  listen: [%q]\n  url: https://%s\n  serve: [selfservice]\nselfservice: {policy: vpn}\n", door, door))
	h.Stop()
	h.Run()
	h.centre.Next("bound")
	h.centre.Next("bound")
	b := newBrowser(t, "https://"+door)

	s := b.must("sign-in", document{"user": "lutz", "password": appliance.Password})
	first := h.centre.Next("inbox").Text
	// Until the carrier has said so, the message counts as on its way, and one is enough.
	for end := time.Now().Add(20 * time.Second); !strings.Contains(h.Latchkey("", "user", "show", "lutz"), " by sms, delivered"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("user show does not tell that the message has come:\n%s\n%s", h.Latchkey("", "user", "show", "lutz"), h.Latchkey("", "audit", "--user", "lutz"))
		}
	}
	s = b.must("sign-in/answer", document{"user": "lutz", "token": s.Token, "text": "resend"})
	if again := h.centre.Next("inbox").Text; again != first {
		t.Errorf("sent again: %q, was %q", again, first)
	}
	s = b.must("sign-in/answer", document{"user": "lutz", "token": s.Token, "text": typed(t, s, first)})
	if s.State != "signed-in" {
		t.Fatalf("%+v", s)
	}
	change := document{"question": "pet", "answer": "Wackeldackel"}
	if code := b.call("answers/set", change, nil); code != "proof-needed" {
		t.Errorf("a change without proof: %q", code)
	}

	// The message centre is gone: the proof's question comes by mail.
	h.centre.Kill()
	s = b.must("proof", document{"password": appliance.Password})
	if s = b.must("proof/answer", document{"token": s.Token, "text": typed(t, s, h.letter())}); s.State != "proved" {
		t.Fatalf("%+v", s)
	}
	var known struct {
		Signed string `json:"signed_in_by"`
		Proof  struct{ Strength string }
	}
	if code := b.call("", nil, &known); code != "" || known.Signed != "message" || known.Proof.Strength != "message" {
		t.Errorf("%q %+v", code, known)
	}
	b.must("answers/set", change)
	b.guard = "AAAA"
	if code := b.call("answers/remove", document{"question": "pet"}, nil); code != "signed-out" {
		t.Errorf("a change without the guard: %q", code)
	}
	h.Latchkey("", "audit", "--verify")
}

// letter is the next question by mail: what a user is told of beside has no mark.
func (h *house) letter() string {
	h.t.Helper()
	for {
		if l := h.mails.Next(h.t); strings.Contains(l.Body, "PINphrase: ") {
			return l.Body
		}
	}
}

// typed is what a person types who has the message, and sees its mark in the prompt.
func typed(t *testing.T, s step, text string) string {
	t.Helper()
	question := strings.TrimSpace(text)
	open := strings.LastIndex(question, "(")
	if open < 0 || !s.Resend || !strings.Contains(s.Prompt, "message "+strings.Trim(question[open:], "()")) || strings.Contains(s.Prompt, " of your ") {
		t.Fatalf("the message %q, the prompt %q", text, s.Prompt)
	}
	return appliance.Right(t, strings.TrimSpace(question[:open]))
}

type document = map[string]any

// step is what a page goes on with.
type step struct {
	State, Token, Prompt string
	Resend               bool
}

// browser makes the calls of the pages.
type browser struct {
	t           *testing.T
	client      http.Client
	base, guard string
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // its certificate is its own, on loopback
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: t, base: base, client: http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second}}
}

// call gives the code of a refusal; without a document it is a GET.
func (b *browser) call(op string, send document, into any) string {
	b.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if send != nil {
		text, err := json.Marshal(send)
		if err != nil {
			b.t.Fatal(err)
		}
		method, body = http.MethodPost, bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, strings.TrimSuffix(b.base+"/api/v1/me/"+op, "/"), body)
	if err != nil {
		b.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Origin": b.base, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json", "Latchkey-Language": "en", "Latchkey-Guard": b.guard,
	} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	reply, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	var said struct{ Code, Guard string }
	if err := json.Unmarshal(text, &said); err != nil {
		b.t.Fatalf("%s: %s %q", op, reply.Status, text)
	}
	if reply.StatusCode != http.StatusOK {
		return said.Code
	}
	if said.Guard != "" {
		b.guard = said.Guard
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			b.t.Fatal(err)
		}
	}
	return ""
}

func (b *browser) must(op string, send document) (s step) {
	b.t.Helper()
	if code := b.call(op, send, &s); code != "" {
		b.t.Fatalf("%s: %s", op, code)
	}
	return s
}
