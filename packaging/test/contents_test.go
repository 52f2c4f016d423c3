package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// entries are what either package must hold: mode, owner and path. UNITS and ZSH differ.
var entries = []string{
	"drwxr-x--- root/latchkey /etc/latchkey",
	"-rw-r----- root/latchkey /etc/latchkey/latchkey.yaml",
	"-rwxr-xr-x root/root /usr/sbin/latchkeyd",
	"-rwxr-xr-x root/root /usr/bin/latchkey",
	"-rwxr-xr-x root/root /usr/libexec/latchkey/prepare",
	"-rwxr-xr-x root/root /usr/libexec/latchkey/latchkey-pamcheck",
	"-rw-r--r-- root/root /etc/pam.d/latchkey-pamcheck",
	"-rw-r--r-- root/root UNITS/latchkeyd.service",
	"-rw-r--r-- root/root UNITS/latchkey-pamcheck.socket",
	"-rw-r--r-- root/root UNITS/latchkey-pamcheck.service",
	"-rw-r--r-- root/root /usr/lib/sysusers.d/latchkey.conf",
	"-rw-r--r-- root/root /usr/share/man/man8/latchkeyd.8.gz",
	"-rw-r--r-- root/root /usr/share/man/man8/latchkey-pamcheck.8.gz",
	"-rw-r--r-- root/root /usr/share/man/man8/latchkey.8.gz",
	"-rw-r--r-- root/root /usr/share/man/man8/latchkey-user-add.8.gz",
	"-rw-r--r-- root/root /usr/share/man/man5/latchkey.yaml.5.gz",
	"-rw-r--r-- root/root /usr/share/bash-completion/completions/latchkey",
	"-rw-r--r-- root/root ZSH/_latchkey",
	"-rw-r--r-- root/root /usr/share/fish/vendor_completions.d/latchkey.fish",
	"-rw-r--r-- root/root /usr/share/doc/latchkey/third-party-licenses.gz",
	"-rw-r--r-- root/root /usr/share/doc/latchkey/quickstart.md",
	"-rw-r--r-- root/root /usr/share/doc/latchkey/helpdesk.md",
	"-rw-r--r-- root/root /usr/share/doc/latchkey/security.md",
}

func TestContents(t *testing.T) {
	p := both(t)
	deb := listing(t, "dpkg-deb", "-c", p.deb)
	rpm := listing(t, "rpm", "-qlvp", p.rpm)
	check := func(what string, have map[string]bool, units, zsh string, more ...string) {
		for _, entry := range append(more, entries...) {
			entry = strings.NewReplacer("UNITS", units, "ZSH", zsh).Replace(entry)
			if !have[entry] {
				t.Errorf("the %s lacks %q", what, entry)
			}
		}
		for entry := range have {
			if regexp.MustCompile(`keyset|\.secret|/var/`).MatchString(entry) {
				t.Errorf("the %s carries %q: keys, secrets and state are made on the machine", what, entry)
			}
		}
	}
	check("deb", deb, "/lib/systemd/system", "/usr/share/zsh/vendor-completions",
		"-rw-r--r-- root/root /usr/share/doc/latchkey/copyright", "-rw-r--r-- root/root /usr/share/doc/latchkey/README.Debian")
	check("rpm", rpm, "/usr/lib/systemd/system", "/usr/share/zsh/site-functions",
		"-rw-r--r-- root/root /usr/share/licenses/latchkey/LICENSE")
}

// listing brings the lines of `dpkg-deb -c` and `rpm -qlv` into one form.
func listing(t *testing.T, name string, args ...string) map[string]bool {
	t.Helper()
	out, err := command(name, args...)
	if err != nil {
		t.Fatal(failure{err, out})
	}
	have := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		switch {
		case len(f) < 6:
		case strings.Contains(f[1], "/"): // dpkg-deb: mode owner/group size date time ./path
			have[f[0]+" "+f[1]+" "+strings.TrimSuffix(strings.TrimPrefix(f[5], "."), "/")] = true
		default: // rpm: mode links owner group size month day time path
			have[f[0]+" "+f[2]+"/"+f[3]+" "+f[len(f)-1]] = true
		}
	}
	if len(have) == 0 {
		t.Fatalf("%s lists nothing:\n%s", name, out)
	}
	return have
}

func TestMetadata(t *testing.T) {
	p := both(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"dpkg-deb", "-f", p.deb, "Package"}, "latchkey"},
		{[]string{"dpkg-deb", "-f", p.deb, "Version"}, "1.2.3-1"},
		{[]string{"dpkg-deb", "-f", p.deb, "Depends"}, "adduser, libc6 (>= 2.34), libpam0g"},
		{[]string{"rpm", "-qcp", p.rpm}, "/etc/latchkey/latchkey.yaml\n/etc/pam.d/latchkey-pamcheck"},
		{[]string{"rpm", "-qp", "--qf", "%{NAME} %{LICENSE}", p.rpm}, "latchkey Apache-2.0"},
	} {
		out, err := command(c.args[0], c.args[1:]...)
		if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
			t.Errorf("%v: %q, %v; want %q", c.args, got, err, c.want)
		}
	}
	out, err := command("dpkg-deb", "--ctrl-tarfile", p.deb)
	if err != nil || !strings.Contains(string(out), "/etc/latchkey/latchkey.yaml\n") {
		t.Errorf("latchkey.yaml is no conffile: an upgrade would overwrite it (%v)", err)
	}
}

// TestManual: the pages render without a warning, and the list of keys is whole.
func TestManual(t *testing.T) {
	stage := filepath.Join(filepath.Dir(filepath.Dir(both(t).deb)), "stage-first", "man")
	pages, err := filepath.Glob(stage + "*/man*/*.gz") // of all packages: man, man-pam and man-client
	if err != nil || len(pages) < 10 {
		t.Fatalf("only the pages %v in %s (%v)", pages, stage, err)
	}
	for _, page := range pages {
		out, err := command("bash", "-c", `man --warnings -E UTF-8 -l "$1" >/dev/null`, "man", page)
		if err != nil || len(out) > 0 {
			t.Errorf("man -l %s: %v\n%s", filepath.Base(page), err, out)
		}
	}

	shape, err := os.ReadFile(filepath.Join(top, "config/shape.go"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(top, "packaging/man/latchkey.yaml.5"))
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile("`key:\"([a-z_]+)\"").FindAllSubmatch(shape, -1)
	if len(keys) < 30 {
		t.Fatalf("only %d keys in config/shape.go", len(keys))
	}
	// What this version refuses is not in the manual.
	refused := map[string]bool{"value": true}
	for _, key := range keys {
		name := string(key[1])
		if in := regexp.MustCompile(`\b` + name + `\b`).Match(page); !in && !refused[name] {
			t.Errorf("latchkey.yaml(5) does not say what %q is", name)
		}
	}
}
