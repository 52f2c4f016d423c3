package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/keys"
)

func TestInitMakesAKeysetOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "etc", "keyset")
	command := func(args ...string) ran {
		return runWith(t, false, time.Now(), "", nil, append([]string{"init", "--keys", path}, args...)...)
	}
	if r := command("--owner", "no-such-user-here"); r.code != exitRefused || !strings.Contains(r.err, "no user") {
		t.Errorf("%+v", r)
	}
	if r := command("--owner", "root"); r.code != exitDone || !strings.Contains(r.err, "is made") {
		t.Fatalf("%+v", r)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Parse(content); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if r := command(); r.code != exitDone || !strings.Contains(r.err, "already there") {
		t.Errorf("%+v", r)
	}
	if r := command("--json"); r.out != `{"created":false,"path":"`+path+`"}`+"\n" {
		t.Errorf("%+v", r)
	}
	if again, _ := os.ReadFile(path); string(again) != string(content) {
		t.Error("the keyset was changed")
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	path = "/proc/keyset"
	if r := command(); r.code != exitRefused || !strings.Contains(r.err, "cannot write /proc/keyset") {
		t.Errorf("%+v", r)
	}
}
