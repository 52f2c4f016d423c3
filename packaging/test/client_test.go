package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestClientContents: the command line alone has nothing of the daemon, and nothing that runs by itself.
func TestClientContents(t *testing.T) {
	p := both(t)
	for what, c := range map[string]struct {
		have map[string]bool
		want []string
	}{
		"deb": {listing(t, "dpkg-deb", "-c", p.clientDeb), []string{
			"-rw-r--r-- root/root /usr/share/zsh/vendor-completions/_latchkey",
			"-rw-r--r-- root/root /usr/share/doc/latchkey-client/copyright",
		}},
		"rpm": {listing(t, "rpm", "-qlvp", p.clientRPM), []string{
			"-rw-r--r-- root/root /usr/share/zsh/site-functions/_latchkey",
			"-rw-r--r-- root/root /usr/share/licenses/latchkey-client/LICENSE",
		}},
	} {
		for _, entry := range append(c.want,
			"-rwxr-xr-x root/root /usr/bin/latchkey",
			"-rw-r--r-- root/root /usr/share/man/man8/latchkey.8.gz",
			"-rw-r--r-- root/root /usr/share/man/man8/latchkey-host-enroll.8.gz",
			"-rw-r--r-- root/root /usr/share/man/man8/latchkey-host-renew.8.gz",
			"-rw-r--r-- root/root /usr/share/bash-completion/completions/latchkey",
			"-rw-r--r-- root/root /usr/share/fish/vendor_completions.d/latchkey.fish",
			"-rw-r--r-- root/root /usr/share/doc/latchkey-client/fleet.md",
			"-rw-r--r-- root/root /usr/share/doc/latchkey-client/third-party-licenses.gz",
		) {
			if !c.have[entry] {
				t.Errorf("the %s lacks %q", what, entry)
			}
		}
		for entry := range c.have {
			if regexp.MustCompile(`latchkeyd|latchkey\.yaml|systemd|/etc/|sysusers|libexec`).MatchString(entry) {
				t.Errorf("the %s has %q", what, entry)
			}
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"dpkg-deb", "-f", p.clientDeb, "Package"}, "latchkey-client"},
		{[]string{"dpkg-deb", "-f", p.clientDeb, "Depends"}, ""},
		{[]string{"dpkg-deb", "-f", p.clientDeb, "Conflicts"}, "latchkey"},
		{[]string{"dpkg-deb", "-f", p.clientDeb, "Replaces"}, ""},
		{[]string{"dpkg-deb", "-f", p.deb, "Provides"}, "latchkey-client"},
		{[]string{"dpkg-deb", "-f", p.deb, "Conflicts"}, "latchkey-client"},
		{[]string{"dpkg-deb", "-f", p.deb, "Replaces"}, "latchkey-client"},
		{[]string{"rpm", "-qp", "--conflicts", p.clientRPM}, "latchkey"},
		{[]string{"rpm", "-qp", "--obsoletes", p.clientRPM}, ""},
		{[]string{"rpm", "-qp", "--obsoletes", p.rpm}, ""},
	} {
		out, err := command(c.args[0], c.args[1:]...)
		if got := strings.TrimSpace(string(out)); err != nil || got != c.want {
			t.Errorf("%v: %q, %v; want %q", c.args, got, err, c.want)
		}
	}
	if out, err := command("rpm", "-qp", "--provides", p.rpm); err != nil || !strings.Contains(string(out), "latchkey-client\n") {
		t.Errorf("latchkey's rpm does not provide latchkey-client: %v\n%s", err, out)
	}
}

// bring puts another package beside /tmp/latchkey.deb.
func (m *machine) bring(path, name string) {
	m.t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.root(), "tmp", name), content, 0o600); err != nil {
		m.t.Fatal(err)
	}
}

const timer = "latchkey-host-renew.timer"

// TestHostPackages follows a host of a fleet, which has no daemon, through the life of its packages.
func TestHostPackages(t *testing.T) {
	p := both(t)
	m := newMachine(t, p.pamDeb)
	m.bring(p.clientDeb, "client.deb")
	m.bring(p.deb, "appliance.deb")
	enabled := func() bool { return m.exists("/etc/systemd/system/timers.target.wants/" + timer) }

	// One after the other, as they come: neither needs the other to be installed.
	m.sh("dpkg --no-triggers -i /tmp/latchkey.deb && dpkg --no-triggers -i /tmp/client.deb")
	if m.exists("/usr/sbin/latchkeyd") || m.exists("/etc/latchkey") || m.sh("getent passwd latchkey || true") != "" {
		t.Error("a host has something of the appliance's")
	}
	out, err := m.command("sh", "-c", "echo nonsense | latchkey host enroll -").CombinedOutput()
	if exit(err) != 1 || !strings.Contains(string(out), "not an invitation for a host") {
		t.Errorf("latchkey host enroll: %v\n%s", err, out)
	}
	if out, err := m.command("latchkey", "host", "renew").CombinedOutput(); exit(err) != 1 || !strings.Contains(string(out), "there is no credential of a host in /etc/latchkey/host") {
		t.Errorf("latchkey host renew: %v\n%s", err, out)
	}

	// The timer is on, does nothing on a machine that is no host, and its service has no rights but those it needs.
	if !enabled() {
		t.Error("the timer is not enabled")
	}
	for _, unit := range []string{timer, "latchkey-host-renew.service"} {
		if said := m.sh("systemd-analyze verify --man=yes " + unit + " 2>&1 | grep latchkey || true"); said != "" {
			t.Errorf("systemd-analyze verify says of %s:\n%s", unit, said)
		}
	}
	m.sh("systemd-analyze security --offline=true --threshold=25 --no-pager /lib/systemd/system/latchkey-host-renew.service")
	service := m.sh("cat /lib/systemd/system/latchkey-host-renew.service")
	for _, line := range []string{"ConditionPathExists=/etc/latchkey/host/host.pem", "ReadWritePaths=/etc/latchkey/host", "ExecStart=/usr/bin/latchkey host renew"} {
		if !strings.Contains(service, "\n"+line+"\n") {
			t.Errorf("the service has no %s", line)
		}
	}
	if said := m.sh("cat /lib/systemd/system/" + timer); !strings.Contains(said, "\nOnCalendar=daily\n") || !strings.Contains(said, "\nRandomizedDelaySec=") {
		t.Errorf("the timer:\n%s", said)
	}

	// Off is off, after an upgrade too, and a credential outlives the package.
	m.sh("systemctl disable " + timer + " && install -d -m 0700 /etc/latchkey/host && echo mine >/etc/latchkey/host/host.pem")
	m.sh("dpkg --no-triggers -i /tmp/latchkey.deb")
	if enabled() {
		t.Error("an upgrade enables the timer that the administrator has disabled")
	}
	m.sh("systemctl enable " + timer + " && dpkg --no-triggers -i /tmp/latchkey.deb")
	if !enabled() {
		t.Error("an upgrade disables the timer")
	}

	// The host becomes an appliance: latchkey takes the place of the command line, and no way leads back by accident.
	m.sh("dpkg --no-triggers -i /tmp/appliance.deb")
	if said := m.sh("dpkg-query -W -f '${Status}' latchkey-client 2>/dev/null || true"); strings.Contains(said, "install ok") {
		t.Errorf("latchkey-client is %s", said)
	}
	if out, err := m.command("dpkg", "--no-triggers", "-i", "/tmp/client.deb").CombinedOutput(); err == nil || !strings.Contains(string(out), "conflict") {
		t.Errorf("the command line alone puts itself in the place of the appliance: %v\n%s", err, out)
	}
	m.sh("latchkey version && latchkeyd --check && test -x /usr/sbin/latchkeyd")
	if got := m.mode("/etc/latchkey"); got != "750 root:latchkey" {
		t.Errorf("/etc/latchkey is %s", got)
	}

	m.sh("dpkg --no-triggers -P latchkey && dpkg --no-triggers -P libpam-latchkey")
	if enabled() || m.exists("/var/lib/systemd/deb-systemd-helper-enabled/"+timer+".dsh-also") {
		t.Error("purging leaves the timer")
	}
	if m.sh("cat /etc/latchkey/host/host.pem") != "mine\n" {
		t.Error("purging takes the host's credential")
	}
}

// TestRPMScripts: they are shell that parses.
func TestRPMScripts(t *testing.T) {
	p := both(t)
	for _, path := range []string{p.rpm, p.pamRPM, p.clientRPM} {
		for _, tag := range []string{"%{PREIN}", "%{POSTIN}", "%{PREUN}", "%{POSTUN}"} {
			out, err := command("rpm", "-qp", "--qf", tag, path)
			if err != nil {
				t.Fatal(failure{err, out})
			}
			if string(out) == "(none)" {
				continue
			}
			sh := exec.Command("sh", "-n")
			sh.Stdin = strings.NewReader(string(out))
			if said, err := sh.CombinedOutput(); err != nil {
				t.Errorf("%s %s: %v\n%s", filepath.Base(path), tag, err, said)
			}
		}
	}
}
