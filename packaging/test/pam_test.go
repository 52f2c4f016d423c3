package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPAMContents(t *testing.T) {
	p := both(t)
	for what, c := range map[string]struct {
		have map[string]bool
		want []string
	}{
		"deb": {listing(t, "dpkg-deb", "-c", p.pamDeb), []string{
			"-rw-r--r-- root/root /usr/lib/x86_64-linux-gnu/security/pam_latchkey.so",
			"-rw-r--r-- root/root /lib/systemd/system/latchkey-host-renew.service",
			"-rw-r--r-- root/root /lib/systemd/system/latchkey-host-renew.timer",
			"-rw-r--r-- root/root /usr/share/pam-configs/latchkey",
			"-rw-r--r-- root/root /usr/share/doc/libpam-latchkey/copyright",
		}},
		"rpm": {listing(t, "rpm", "-qlvp", p.pamRPM), []string{
			"-rw-r--r-- root/root /usr/lib64/security/pam_latchkey.so",
			"-rw-r--r-- root/root /usr/lib/systemd/system/latchkey-host-renew.service",
			"-rw-r--r-- root/root /usr/lib/systemd/system/latchkey-host-renew.timer",
			"-rw-r--r-- root/root /usr/lib/systemd/system-preset/80-latchkey.preset",
			"-rw-r--r-- root/root /usr/share/licenses/libpam-latchkey/LICENSE",
		}},
	} {
		for _, entry := range append(c.want,
			"-rwxr-xr-x root/root /usr/libexec/latchkey/latchkey-pam",
			"-rwxr-xr-x root/root /usr/libexec/latchkey/pam-advice",
			"-rw-r--r-- root/root /usr/share/doc/libpam-latchkey/fleet.md",
			"-rw-r--r-- root/root /etc/security/pam_latchkey.conf",
			"-rw-r--r-- root/root /usr/share/man/man8/pam_latchkey.8.gz",
			"-rw-r--r-- root/root /usr/share/doc/libpam-latchkey/pam-packages.md",
			"-rw-r--r-- root/root /usr/share/doc/libpam-latchkey/third-party-licenses.gz",
		) {
			if !c.have[entry] {
				t.Errorf("the %s lacks %q", what, entry)
			}
		}
		for entry := range c.have {
			mode, path, _ := strings.Cut(entry, " ")
			switch {
			case strings.ContainsAny(mode[:min(len(mode), 10)], "sStT") || mode[8] == 'w' || mode[5] == 'w':
				t.Errorf("the %s has %q: nothing of it may be set-uid or written by others", what, entry)
			case strings.Contains(path, "/etc/pam.d/"):
				t.Errorf("the %s has %q: a file there would switch something on", what, entry)
			}
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"dpkg-deb", "-f", p.pamDeb, "Package"}, "libpam-latchkey"},
		{[]string{"dpkg-deb", "-f", p.pamDeb, "Depends"}, "libc6 (>= 2.34), libpam0g, libpam-runtime"},
		{[]string{"dpkg-deb", "-f", p.pamDeb, "Recommends"}, "latchkey-client"},
		{[]string{"rpm", "-qp", "--recommends", p.pamRPM}, "latchkey-client"},
		{[]string{"rpm", "-qcp", p.pamRPM}, "/etc/security/pam_latchkey.conf"},
	} {
		out, err := command(c.args[0], c.args[1:]...)
		if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
			t.Errorf("%v: %q, %v; want %q", c.args, got, err, c.want)
		}
	}
}

// TestPAMBinaries: what root's programs load and start is hardened, and asks for no newer C library than it says.
func TestPAMBinaries(t *testing.T) {
	stage := filepath.Join(filepath.Dir(filepath.Dir(both(t).deb)), "stage-first")
	for file, libraries := range map[string]string{
		"pam_latchkey.so": "libc.so.6 libpam.so.0", "latchkey-pam": "libc.so.6", "latchkey-pamcheck": "libc.so.6 libpam.so.0",
	} {
		path := filepath.Join(stage, file)
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
		out, err := command("readelf", "-Wdl", path)
		if err != nil {
			t.Fatal(failure{err, out})
		}
		text := string(out)
		for _, mark := range []string{"GNU_RELRO", "GNU_STACK", "BIND_NOW"} {
			if !strings.Contains(text, mark) && !(mark == "BIND_NOW" && strings.Contains(text, " NOW")) {
				t.Errorf("%s has no %s", file, mark)
			}
		}
		if strings.Contains(text, "RPATH") || strings.Contains(text, "RUNPATH") || strings.Contains(text, "RWE") {
			t.Errorf("%s looks for libraries elsewhere, or can write what it executes:\n%s", file, text)
		}
		for line := range strings.Lines(text) {
			if _, name, ok := strings.Cut(line, "Shared library: ["); ok {
				name, _, _ = strings.Cut(name, "]")
				if !strings.Contains(" "+libraries+" ", " "+name+" ") && !strings.HasPrefix(name, "libdl.") && !strings.HasPrefix(name, "libresolv.") && !strings.HasPrefix(name, "libpthread.") {
					t.Errorf("%s needs %s", file, name)
				}
			}
		}
	}
}

// TestPAMInstall follows a host through the life of the package: nothing but the administrator switches the module on,
// and nothing but the administrator off.
func TestPAMInstall(t *testing.T) {
	p := both(t)
	m := newMachine(t, p.pamDeb) // stands there as /tmp/latchkey.deb
	m.sh("rm -f /etc/pam.d/latchkey* && mkdir -p /etc/ssh/sshd_config.d && echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/a.conf")
	stacks := func() string { return m.sh("cat /etc/pam.d/common-*") }
	before := stacks()

	said := m.sh("dpkg --no-triggers -i /tmp/latchkey.deb 2>&1")
	if !strings.Contains(said, "WARNING: sshd has PasswordAuthentication yes") || !strings.Contains(said, "not enabled") {
		t.Errorf("the installation says:\n%s", said)
	}
	if after := stacks(); after != before {
		t.Errorf("the installation changes the stacks:\n%s", after)
	}
	m.sh("printf 'PasswordAuthentication no\\nKbdInteractiveAuthentication yes\\nUsePAM yes\\n' >/etc/ssh/sshd_config.d/a.conf")
	if said := m.sh("dpkg --no-triggers -i /tmp/latchkey.deb 2>&1"); strings.Contains(said, "WARNING") || strings.Contains(said, "not enabled") {
		t.Errorf("an upgrade of a good host says:\n%s", said)
	}
	if after := stacks(); after != before {
		t.Errorf("an upgrade switches it on:\n%s", after)
	}
	m.sh("printf 'PasswordAuthentication no\\nKbdInteractiveAuthentication no\\nUsePAM no\\n' >/etc/ssh/sshd_config.d/a.conf")
	if said := m.sh("/usr/libexec/latchkey/pam-advice"); strings.Count(said, "WARNING") != 2 {
		t.Errorf("the advice is:\n%s", said)
	}

	// On, by hand. The line stands behind what checks the password.
	m.sh("pam-auth-update --enable latchkey")
	enabled := m.sh("cat /etc/pam.d/common-auth")
	unix, ours := strings.Index(enabled, "pam_unix.so"), strings.Index(enabled, "required\tpam_latchkey.so conf=/etc/security/pam_latchkey.conf")
	if deny := strings.Index(enabled, "pam_deny.so"); unix < 0 || ours < deny || deny < unix {
		t.Errorf("enabled:\n%s", enabled)
	}
	// It loads, starts its helper, and denies while nobody serves the appliance's socket: to a login that is right.
	m.sh("useradd --no-create-home lutz && echo lutz:of-the-account | chpasswd")
	out, err := m.command("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "sh", "-c",
		"echo of-the-account | su lutz -s /bin/true").CombinedOutput()
	if err == nil {
		t.Errorf("su lets in without the appliance:\n%s", out)
	}
	m.sh("dpkg --no-triggers -i /tmp/latchkey.deb")
	if after := m.sh("cat /etc/pam.d/common-auth"); after != enabled {
		t.Errorf("an upgrade of an enabled host changes the stack:\n%s", after)
	}

	// A line of the administrator's own keeps the module here; without it nothing is left.
	m.sh("echo 'auth required pam_latchkey.so' >>/etc/pam.d/su")
	if out, err := m.command("dpkg", "--no-triggers", "-r", "libpam-latchkey").CombinedOutput(); err == nil || !strings.Contains(string(out), "/etc/pam.d/su") {
		t.Errorf("removing a module that a stack names: %v\n%s", err, out)
	}
	if !m.exists("/usr/lib/x86_64-linux-gnu/security/pam_latchkey.so") {
		t.Error("the module is gone, and su lets in nobody")
	}
	m.sh("sed -i '/pam_latchkey/d' /etc/pam.d/su && dpkg --no-triggers -P libpam-latchkey")
	if after := stacks(); strings.Contains(after, "latchkey") || m.exists("/usr/libexec/latchkey/latchkey-pam") || m.exists("/etc/security/pam_latchkey.conf") {
		t.Errorf("purging leaves something behind:\n%s", after)
	}
	m.sh("echo of-the-account | su lutz -s /bin/true")
}
