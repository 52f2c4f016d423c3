package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/radiusd/radclient"
)

func TestOutcomeOfALogin(t *testing.T) {
	accept := radclient.Reply{Code: radclient.Accept, Signed: true, SignedFirst: true, Attributes: []radclient.Attribute{
		{Type: 80, Value: make([]byte, 16)}, {Type: 25, Value: []byte("staff")}, {Type: 18, Value: []byte("a\x1b[2Jb")}}}
	reject := radclient.Reply{Code: radclient.Reject, Message: "Zugang verweigert. Ref. H85E3SJN", Signed: true}
	for name, c := range map[string]struct {
		reply          radclient.Reply
		json           bool
		out, err, hint string
	}{
		"accept":         {accept, false, "Access-Accept\n  Class = \"staff\"\n  Reply-Message = 0x611b5b324a62\n", "", ""},
		"reject":         {reject, false, "Access-Reject\n", "rejected: Zugang verweigert. Ref. H85E3SJN", "--reference H85E3SJN"},
		"without reason": {radclient.Reply{Code: radclient.Reject}, false, "Access-Reject\n", "rejected: the server gives no reason", "latchkey audit"},
		"json": {reject, true, `{"result":"reject","message":"Zugang verweigert. Ref. H85E3SJN","attributes":[],"message_authenticator":true}` + "\n",
			"rejected: ", "H85E3SJN"},
	} {
		var out, remarks bytes.Buffer
		err := (&app{ui: &ui{out: &out, err: &remarks, json: c.json}}).outcome(c.reply)
		var refused refusal
		errors.As(err, &refused)
		if out.String() != c.out || (err == nil) != (c.err == "") || !strings.HasPrefix(refused.text, c.err) || !strings.Contains(refused.hint, c.hint) {
			t.Errorf("%s: %q, %v (%s)", name, out.String(), err, refused.hint)
		}
		if late := c.reply.Signed && !c.reply.SignedFirst; late != strings.Contains(remarks.String(), "not the first attribute") {
			t.Errorf("%s: %q", name, remarks.String())
		}
	}
}

func TestSilenceInWords(t *testing.T) {
	config := radclient.Config{Server: "192.0.2.1:1812", Timeout: 2 * time.Second, Tries: 3}
	for err, want := range map[error]string{
		radclient.ErrSilent:   "no answer from 192.0.2.1:1812 in 6s",
		radclient.ErrNobody:   "nothing listens at 192.0.2.1:1812",
		radclient.ErrForged:   "answers with a wrong signature",
		radclient.ErrUnsigned: "without Message-Authenticator",
	} {
		var refused refusal
		if !errors.As(explain(err, config), &refused) || !strings.Contains(refused.text, want) || refused.hint == "" {
			t.Errorf("%v: %v", err, refused)
		}
	}
}

// TestLoginFromAPipe: nothing of the pipe is taken for the shared secret, and a login
// whose server nobody runs ends in words.
func TestLoginFromAPipe(t *testing.T) {
	for env, want := range map[string]string{"": "the shared secret is not known", "testing123testing123": "nothing listens at 127.0.0.1:1"} {
		r := runWith(t, false, time.Now(), canary+"\nHIDG\n", map[string]string{"LATCHKEY_RADIUS_SECRET": env}, "login", "lutz", "--server", "127.0.0.1:1")
		if r.code != exitRefused || !strings.Contains(r.err, want) {
			t.Errorf("%+v", r)
		}
	}
}
