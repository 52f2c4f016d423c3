package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/localapi"
)

func handover(lang string) localapi.Handover {
	return localapi.Handover{
		Name: "lutz.braun", Language: lang, Until: time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC), URL: "https://login.example.org:8443/me/",
		Word: localapi.Disclosed{Secret: secret.New("apfel brücke <b>wolke</b> zug")},
		Head: localapi.LetterHead{Name: "Beispiel & Söhne GmbH", Colour: "#0a5c36", Logo: "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="},
	}
}

func TestLetter(t *testing.T) {
	for lang, words := range map[string][]string{
		"de": {`<html lang="de">`, "Codewort", "05.03.2026, 09:00 UTC", "Beispiel &amp; Söhne GmbH"},
		"en": {`<html lang="en">`, "Code word", "2026-03-05 09:00 UTC"},
	} {
		var b strings.Builder
		if err := writeLetter(&b, handover(lang), time.UTC); err != nil {
			t.Fatal(err)
		}
		page := b.String()
		for _, word := range append(words, "lutz.braun", "&lt;b&gt;wolke", "https://login.example.org:8443/me/", `<svg class="qr"`, "#0a5c36", "@page", `src="data:image/png;base64,`) {
			if !strings.Contains(page, word) {
				t.Errorf("%s: no %q", lang, word)
			}
		}
		for _, never := range []string{"{until}", "ZgotmplZ", "<script", `src="http`, "<link", "url("} {
			if strings.Contains(page, never) {
				t.Errorf("%s: %q is in the letter", lang, never)
			}
		}
	}
	h := handover("en")
	h.URL, h.Head = "", localapi.LetterHead{Colour: "red;}"}
	var b strings.Builder
	if err := writeLetter(&b, h, time.UTC); err != nil || strings.Contains(b.String(), "<svg") || strings.Contains(b.String(), "red;") || !strings.Contains(b.String(), "At your first login") {
		t.Errorf("without self-service: %v %s", err, b.String())
	}
}

func TestLetterFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lutz.html")
	f, err := newLetterFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.write(handover("de"), time.UTC); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := newLetterFile(path); err == nil {
		t.Error("a letter is written over")
	}
	for name, want := range map[string]string{
		"lutz": "lutz.html", "../../etc/passwd": "=2e.=2f..=2fetc=2fpasswd.html", ".hidden": "=2ehidden.html", "a b": "a=20b.html", "müller": "m=c3=bcller.html", "l@x.org": "l@x.org.html",
	} {
		if got := letterName(dir, name); filepath.Dir(got) != dir || filepath.Base(got) != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
