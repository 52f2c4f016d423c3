package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	o, err := readOptions([]string{"socket=/run/x.sock", "failmode=safe", "timeout=5", "total_timeout=30s", "retries=2", "nullok", "groups=a,b", "exclude_groups=c",
		"min_uid=1000", "try_first_pass", "forward_pass", "user_from=ruser", "lang=de-AT", "charset=ascii", "quiet", "debug", "client_id=web1", "helper=/x"})
	if err != nil {
		t.Fatal(err)
	}
	if o.socket != "/run/x.sock" || !o.safe || o.timeout != 5*time.Second || o.total != 30*time.Second || o.retries != 2 || !o.nullok || len(o.groups) != 2 ||
		len(o.exclude) != 1 || o.minUID != 1000 || !o.try || o.useFirst || !o.forwards || !o.ruser || o.language != "de-AT" || o.charset != "ascii" || !o.quiet || !o.debug || o.label != "web1" {
		t.Errorf("%+v", o)
	}
	if o, err = readOptions(nil); err != nil || o.safe || o.nullok || o.timeout != 20*time.Second || o.total != 55*time.Second || o.retries != 3 || o.useFirst || o.try {
		t.Errorf("the defaults: %+v, %v", o, err)
	}
}

// Each of these is a mistake: to pass it over would be laxer than what was meant.
func TestMistakes(t *testing.T) {
	for _, text := range []string{"failmode=save", "failmode", "failmode=", "timeout=26s", "timeout=0", "total_timeout=60s", "retries=0", "retries=11", "retries=x", "nullok=no", "groups=a,,b",
		"groups=", "min_uid=-1", "user_from=me", "lang=x", "charset=latin1", "client_id=a\nb", "socket=x", "ca=/x", "pin=x", "url=http://x", "url=ftp://x", "Nullok", "nullok ", "", "unknown=1", "conf=x", "conf="} {
		if o, err := readOptions([]string{text}); err == nil {
			t.Errorf("%q is taken: %+v", text, o)
		}
	}
	for _, pair := range [][]string{{"nullok", "nullok"}, {"timeout=5", "timeout=6"}, {"use_first_pass", "try_first_pass"}, {"socket=/x", "url=https://x"}, {"timeout=20", "total_timeout=10"}} {
		if _, err := readOptions(pair); err == nil {
			t.Errorf("%q are taken", pair)
		}
	}
}

func TestConf(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("the file must be root's: run this test as root")
	}
	path := filepath.Join(t.TempDir(), "conf")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("# a comment\n\n  retries=2  \nnullok\ntimeout=5s\n")
	o, err := readOptions([]string{"conf=" + path, "timeout=7s"})
	if err != nil || o.retries != 2 || !o.nullok || o.timeout != 7*time.Second {
		t.Errorf("%+v, %v", o, err)
	}
	write("nullok\nfoo\nretries=99\nconf=/other\n")
	_, err = readOptions([]string{"conf=" + path})
	for _, want := range []string{path + ":2: foo", path + ":3: retries", path + ":4: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %q", err, want)
		}
	}
	write(strings.Repeat("#\n", 40000))
	if _, err = readOptions([]string{"conf=" + path}); err == nil {
		t.Error("a huge file is taken")
	}
}

func TestLanguageAndCharset(t *testing.T) {
	for _, c := range []struct{ service, tty, locale, language, charset string }{
		{"su", "pts/0", "de_DE.UTF-8", "de", "utf8"}, {"su", "pts/0", "en_GB.utf8", "en", "utf8"}, {"login", "tty1", "C", "", "ascii"}, {"su", "", "POSIX", "", "ascii"},
		{"su", "", "de_DE.ISO-8859-1", "de", "ascii"}, {"su", "", "de_DE@euro", "de", "ascii"}, {"sshd", "ssh", "de_DE.UTF-8", "de", ""}, {"other", "ssh", "de_DE.UTF-8", "de", ""},
		{"su", "", "", "", ""}, {"su", "", "../../x.UTF-8", "", "ascii"}, {"su", "", "C.UTF-8", "", "utf8"},
	} {
		k := &call{service: c.service, tty: c.tty, locale: c.locale}
		if l, s := language(defaults(), k), charset(defaults(), k); l != c.language || s != c.charset {
			t.Errorf("%+v: language %q, charset %q", c, l, s)
		}
	}
}

// The module's call, byte for byte; what is cut off or out of order is none.
func FuzzCall(f *testing.F) {
	var good bytes.Buffer
	for _, one := range []struct {
		kind byte
		text string
	}{{hello, moduleVersion}, {argument, "nullok"}, {item, "user=lutz"}, {item, "service=su"}, {item, "uid=1000"}, {item, "euid=0"}, {item, "silent="}, {begun, ""}} {
		if err := writeFrame(&good, one.kind, one.text); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(good.Bytes())
	f.Add([]byte{magic, hello, 0, 1, '1', magic, begun, 0, 0})
	f.Add([]byte{magic, hello, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		go func() {
			_, _ = theirs.Write(data)
			_ = theirs.Close()
		}()
		c, err := newModule(ours).start()
		if (c == nil) == (err == nil) {
			t.Fatalf("%+v, %v", c, err)
		}
		if err == nil && (c.user == "" || c.service == "" || !c.hasReal) {
			t.Errorf("a call without whom it is about: %+v", c)
		}
		if bytes.Equal(data, good.Bytes()) && (err != nil || c.user != "lutz" || c.realUID != 1000 || len(c.arguments) != 1) {
			t.Errorf("the call is read as %+v, %v", c, err)
		}
	})
}

func TestFrames(t *testing.T) {
	var b bytes.Buffer
	if err := writeFrame(&b, tellInfo, "a\x00b"); err == nil {
		t.Error("a text with a NUL is sent: PAM would show a part of it")
	}
	if err := writeFrame(&b, tellInfo, strings.Repeat("x", maxFrame+1)); err == nil {
		t.Error("a text that is too long is sent")
	}
	if err := writeFrame(&b, askHidden, "what?"); err != nil {
		t.Fatal(err)
	}
	if f, err := readFrame(&b); err != nil || f.kind != askHidden || string(f.text) != "what?" {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := readFrame(strings.NewReader("\xa7h\x00\x05wha")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a frame that was cut off: %v", err)
	}
}
