package hosts

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// bare gives the service bare our module, with a line of its own.
func (h *host) bare(line string) {
	h.t.Helper()
	h.etc("pam.d/bare", "auth required "+built.module+" "+line+"\nauth required pam_permit.so\naccount required pam_permit.so\n")
}

// denies fails unless the service bare denies anna. Behind our module stands one that permits: what ours leaves to the
// others is a success here.
func (h *host) denies(t *testing.T, what string) {
	t.Helper()
	codes := h.program(t, "root", "bare", "anna").run(t, true)
	if len(codes) != 1 || codes[0] == "0" {
		t.Errorf("%s: pam_authenticate gives %v", what, codes)
	}
}

func (h *host) lets(t *testing.T, what string) {
	t.Helper()
	if codes := h.program(t, "root", "bare", "anna").run(t, true); len(codes) != 1 || codes[0] != "0" {
		t.Errorf("%s: pam_authenticate gives %v\n%s", what, codes, h.log)
	}
}

func (h *host) script(name, text string) string {
	h.t.Helper()
	path := h.file(name)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// TestHostileHelpers: what is not a healthy helper of root's is a denial, whatever it says or leaves unsaid.
func TestHostileHelpers(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions, "locks: {pair: {after: 0}, user: {after: 0}, source: {after: 0}}")
	d.Enrol("anna")
	options := " socket=" + h.socket + " failmode=safe nullok"
	h.bare("helper=" + h.helper + options)
	h.lets(t, "the helper itself")

	says := func(bytes string) string { return "#!/bin/sh\nprintf '" + bytes + "' >&3\n" }
	for name, text := range map[string]string{
		"exits at once":            "#!/bin/sh\nexit 0\n",
		"dies":                     "#!/bin/sh\nkill -9 $$\n",
		"no program":               "accept",
		"says nothing":             "#!/bin/sh\nexec 3>&-\n",
		"text":                     says(`accept\n`),
		"accept of another magic":  says(`\246v\000\006accept`),
		"half a frame":             says(`\247v\000\006acc`),
		"longer than it says":      says(`\247v\000\007accept`),
		"a word more":              says(`\247v\000\007accepts`),
		"a NUL behind":             says(`\247v\000\007accept\000`),
		"ACCEPT":                   says(`\247v\000\006ACCEPT`),
		"accept as information":    says(`\247i\000\006accept`),
		"a kind that is none":      says(`\247V\000\006accept`),
		"an empty verdict":         says(`\247v\000\000`),
		"65535 bytes":              says(`\247v\377\377accept`),
		"4097 bytes":               "#!/bin/sh\n{ printf '\\247i\\020\\001'; head -c 4097 /dev/zero | tr '\\0' a; } >&3\n",
		"a NUL in a prompt":        says(`\247h\000\002a\000`),
		"200 informations":         "#!/bin/sh\ni=0; while [ $i -lt 250 ]; do printf '\\247i\\000\\001x'; i=$((i+1)); done >&3; printf '\\247v\\000\\006accept' >&3\n",
		"prompts, and goes":        says(`\247h\000\004what`),
		"keeps, and goes":          says(`\247k\000\004keep`),
		"forwards a word and goes": says(`\247f\000\004word`),
		"denies, then accepts":     says(`\247v\000\004deny\247v\000\006accept`),
	} {
		h.bare("helper=" + h.script("fake", text) + options)
		h.denies(t, name)
	}
	// A format is a text.
	h.bare("helper=" + h.script("fake", says(`\247i\000\012%%s%%n%%n%%s%%s`)+"sleep 0.1\n") + options)
	h.denies(t, "formats")

	// Files that others could change, or that are none.
	own := func(path, to string) { h.run("chown", "-h", fmt.Sprint(uids[to]), path) }
	place := func(name string) string {
		path := h.file(name)
		h.run("cp", h.helper, path)
		return path
	}
	for name, path := range map[string]func() string{
		"a user's":           func() string { p := place("users"); own(p, "lutz"); return p },
		"written by a group": func() string { p := place("group"); h.run("chmod", "0775", p); return p },
		"written by all":     func() string { p := place("all"); h.run("chmod", "0757", p); return p },
		"in a user's folder": func() string {
			h.mkdir("theirs")
			p := place("theirs/helper")
			own(h.file("theirs"), "lutz")
			return p
		},
		"below a user's folder": func() string {
			h.mkdir("below")
			h.mkdir("below/ours")
			p := place("below/ours/helper")
			own(h.file("below"), "lutz")
			return p
		},
		"a link to a user's": func() string {
			p := place("target")
			own(p, "lutz")
			link := h.file("link")
			h.run("ln", "-s", p, link)
			return link
		},
		"a link in a user's folder to the real one": func() string {
			h.mkdir("links")
			link := h.file("links/helper")
			h.run("ln", "-s", h.helper, link)
			own(h.file("links"), "lutz")
			return link
		},
		"a link of root's through a user's folder": func() string {
			h.mkdir("through")
			place("through/helper")
			own(h.file("through"), "lutz")
			link := h.file("root-link")
			h.run("ln", "-s", h.file("through/helper"), link)
			return link
		},
		"a folder":     func() string { h.mkdir("folder"); return h.file("folder") },
		"nothing":      func() string { return h.file("missing") },
		"relative":     func() string { return "usr/libexec/latchkey/latchkey-pam" },
		"not runnable": func() string { p := place("plain"); h.run("chmod", "0644", p); return p },
		"too long":     func() string { return "/" + strings.Repeat("x/", 3000) },
		"a pipe":       func() string { p := h.file("pipe"); h.run("mkfifo", p); return p },
		"empty":        func() string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			h.bare("helper=" + path() + options)
			h.denies(t, name)
		})
	}
	h.run("ln", "-s", h.folder, h.file("here"))
	h.run("ln", "-s", "../"+filepath.Base(h.folder)+"/./here//latchkey-pam", h.file("good-link"))
	h.bare("helper=" + h.file("good-link") + options)
	h.lets(t, "links of root's to it")
	h.noSecrets(d)
}

// TestHostileConfigurations: an options file that others can change, or that is not understood, is a denial.
func TestHostileConfigurations(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions, "locks: {pair: {after: 0}, user: {after: 0}, source: {after: 0}}")
	d.Enrol("anna")
	conf := h.file("conf")
	write := func(text string) string {
		_ = os.Remove(conf)
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return conf
	}
	line := func(path string) string { return "helper=" + h.helper + " socket=" + h.socket + " conf=" + path }
	h.bare(line(write("# fine\n\nfailmode=safe\nretries=2\n")))
	h.lets(t, "a good file")
	h.run("ln", "-s", "conf", h.file("good-link"))
	h.bare(line(h.file("good-link")))
	h.lets(t, "a link of root's to it")

	opens := "exclude_groups=anna\n" // it would exempt her
	h.bare(line(write(opens)))
	if x := h.program(t, "root", "bare", "anna"); x.run(t, true)[0] != "0" || strings.Contains(x.all.String(), "PINphrase") {
		t.Fatalf("an exemption in the file: %s", x.all.String())
	}
	for name, path := range map[string]func() string{
		"a user's":           func() string { p := write(opens); h.run("chown", fmt.Sprint(uids["lutz"]), p); return p },
		"written by a group": func() string { p := write(opens); h.run("chmod", "0664", p); return p },
		"written by all":     func() string { p := write(opens); h.run("chmod", "0646", p); return p },
		"in a user's folder": func() string {
			h.mkdir("theirs")
			appliance.Write(t, h.file("theirs/conf"), opens)
			h.run("chown", fmt.Sprint(uids["lutz"]), h.file("theirs"))
			return h.file("theirs/conf")
		},
		"a link through a user's folder": func() string {
			h.mkdir("through")
			appliance.Write(t, h.file("through/conf"), opens)
			h.run("chown", fmt.Sprint(uids["lutz"]), h.file("through"))
			link := h.file("link")
			h.run("ln", "-s", h.file("through/conf"), link)
			return link
		},
		"missing":             func() string { return h.file("missing") },
		"a folder":            func() string { return h.folder },
		"a pipe":              func() string { p := h.file("pipe"); h.run("mkfifo", p); return p },
		"a device":            func() string { return "/dev/zero" },
		"relative":            func() string { return "conf" },
		"an option misspelt":  func() string { return write("failmod=secure\n" + opens) },
		"twice the same":      func() string { return write(opens + opens) },
		"another helper":      func() string { return write("helper=/bin/true\n" + opens) },
		"too large":           func() string { return write(strings.Repeat("# x\n", 1<<15) + opens) },
		"not text":            func() string { return write("\x00\xff\n" + opens) },
		"a group that is not": func() string { return write("groups=nobody-is-in-it\n") },
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			h.bare(line(path()))
			h.denies(t, name)
		})
	}
	h.noSecrets(d)
}

// TestHostileBacklog: whoever fills the users' socket hurts nobody who comes by root's, and opens nothing.
func TestHostileBacklog(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions, "locks: {pair: {after: 0}, user: {after: 0}, source: {after: 0}}")
	d.Enrol("anna")
	h.bare("helper=" + h.helper + " socket=" + h.socket + " failmode=safe nullok")
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for range 3000 {
		c, err := net.Dial("unix", filepath.Join(h.folder, "run/pam-user.sock"))
		if err != nil {
			break // full
		}
		conns = append(conns, c)
	}
	if len(conns) < 16 {
		t.Fatalf("only %d connections", len(conns))
	}
	h.lets(t, fmt.Sprintf("with %d connections of others", len(conns)))

	// The appliance does not take what comes: its own backlog is full, and that is no reason to let anybody in.
	d.Pause()
	for range 5000 {
		c, err := net.Dial("unix", h.socket)
		if err != nil {
			break
		}
		conns = append(conns, c)
	}
	h.bare("helper=" + h.helper + " socket=" + h.socket + " failmode=safe nullok timeout=1s total_timeout=2s")
	h.denies(t, "with root's own socket full")
	d.Continue()
}

// TestHostileSocket: a socket in the place of the appliance's is not believed.
func TestHostileSocket(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.mkdir("theirs")
	h.run("chown", fmt.Sprint(uids["lutz"]), h.file("theirs"))
	fake := h.file("theirs/pam.sock")
	l, err := net.Listen("unix", fake)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			const yes = `{"kind":"accept","result":"accept","step":"accept","accept":true}`
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(yes), yes)
			_ = c.Close()
		}
	}()
	h.run("chown", fmt.Sprint(uids["lutz"]), fake)
	for what, socket := range map[string]string{
		"a user's socket": fake, "a file": h.helper, "a folder": h.folder,
		"no socket, in a user's folder": h.file("theirs/missing"), // who owns the folder could have taken it away
	} {
		h.bare("helper=" + h.helper + " socket=" + socket + " failmode=safe nullok timeout=2s total_timeout=3s")
		h.denies(t, what)
	}
	if out, err := exec.Command("ls", h.file("theirs")).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
}
