package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestManualSaysEverything: each command that there is has its page, and the main page names it.
func TestManualSaysEverything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man8")
	r := runWith(t, false, time.Now(), "", map[string]string{"SOURCE_DATE_EPOCH": "86400"}, "man", dir)
	if r.code != exitDone {
		t.Fatal(r.err)
	}
	page := func(name string) string {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	main := page("latchkey.8")
	for _, command := range []string{"user add", "user import", "answer set", "question list", "device invite", "device confirm", "device revoke", "host invite", "host enroll", "host list", "host revoke", "softphone enroll", "softphone approve", "audit", "login", "status", "init", "version", "completion"} {
		if !strings.Contains(main, `\fBlatchkey `+command) {
			t.Errorf("latchkey(8) does not name %s", command)
		}
		if own := page("latchkey-" + strings.ReplaceAll(command, " ", "-") + ".8"); !strings.HasPrefix(own, ".TH ") || !strings.Contains(own, `"1970-01-02"`) {
			t.Errorf("the page of %s:\n%.200s", command, own)
		}
	}
	for _, want := range []string{".SH FIRST DAY OF A USER", ".SH A PHONE", ".SH THE LOST PHONE", ".SH EXIT STATUS", `\fB\-\-socket\fR \fIPATH\fR`} {
		if !strings.Contains(main, want) {
			t.Errorf("latchkey(8) has no %s", want)
		}
	}
	if login := page("latchkey-login.8"); !strings.Contains(login, `'%s\en'`) || !strings.Contains(login, "(default 5s)") {
		t.Errorf("latchkey-login(8):\n%s", login)
	}
}

func TestRoff(t *testing.T) {
	if got := roff(".a\n'b\nc-d\\e"); got != "\\&.a\n\\&'b\nc\\-d\\ee" {
		t.Errorf("%q", got)
	}
}
