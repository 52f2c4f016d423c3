package test

import (
	"regexp"
	"strings"
	"testing"
)

// TestInstall follows one machine through the life of the package.
func TestInstall(t *testing.T) {
	m := newMachine(t, both(t).deb)

	said := m.sh("dpkg --no-triggers -i /tmp/latchkey.deb 2>&1")
	if !strings.Contains(said, "systemctl enable --now latchkeyd") {
		t.Errorf("the installation does not say how to go on:\n%s", said)
	}
	for path, want := range map[string]string{
		"/etc/latchkey":               "750 root:latchkey",
		"/etc/latchkey/latchkey.yaml": "640 root:latchkey",
		"/etc/latchkey/keyset":        "600 latchkey:latchkey",
		"/etc/latchkey/vpn.secret":    "640 root:latchkey",
	} {
		if got := m.mode(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if user := m.sh("getent passwd latchkey"); !regexp.MustCompile(`:/var/lib/latchkey:/\S*nologin$`).MatchString(strings.TrimSpace(user)) {
		t.Errorf("the user is %q", user)
	}
	secret := m.sh("cat /etc/latchkey/vpn.secret")
	if !regexp.MustCompile(`^[0-9a-f]{48}\n$`).MatchString(secret) {
		t.Errorf("the gateway's secret is no random one of 24 bytes")
	}
	if m.exists("/etc/systemd/system/multi-user.target.wants/latchkeyd.service") {
		t.Error("the unit is enabled before anybody has read the configuration")
	}
	if left := m.sh("pidof latchkeyd || true"); left != "" {
		t.Errorf("latchkeyd runs already: %s", left)
	}

	// The sample as installed: right, for root and for the daemon's user.
	for _, as := range []string{"", "setpriv --reuid latchkey --regid latchkey --init-groups "} {
		if said := m.sh(as + "latchkeyd --check"); said != "" {
			t.Errorf("%slatchkeyd --check says of the installed sample:\n%s", as, said)
		}
	}
	// It opens no door: nobody on this machine gets an answer.
	d := m.startDaemon()
	out, err := m.command("env", "LATCHKEY_RADIUS_SECRET="+strings.TrimSpace(secret), "bash", "-c",
		"echo password | latchkey login root --server 127.0.0.1 --timeout 300ms --tries 2").CombinedOutput()
	if exit(err) != 1 || !strings.Contains(string(out), "no answer") {
		t.Errorf("the installed sample answers (status %d):\n%s", exit(err), out)
	}
	if got := m.mode("/var/lib/latchkey"); got != "700 latchkey:latchkey" {
		t.Errorf("the state is %s", got)
	}
	if loose := m.sh("find /var/lib/latchkey -type f -perm /077"); loose != "" {
		t.Errorf("others may read of the state:\n%s", loose)
	}
	m.stopDaemon(d)

	// The unit is whole, and its sandbox tight.
	if said := m.sh("systemd-analyze verify --man=yes latchkeyd.service 2>&1 | grep latchkey || true"); said != "" {
		t.Errorf("systemd-analyze verify says:\n%s", said)
	}
	m.sh("systemd-analyze security --offline=true --threshold=15 --no-pager /lib/systemd/system/latchkeyd.service")

	// An upgrade leaves what the administrator has.
	m.sh("echo '# mine' >>/etc/latchkey/latchkey.yaml")
	before := m.sh("sha256sum /etc/latchkey/*")
	m.sh("dpkg --no-triggers -i /tmp/latchkey.deb")
	if after := m.sh("sha256sum /etc/latchkey/*"); after != before {
		t.Errorf("an upgrade changes\n%sinto\n%s", before, after)
	}

	// Removing leaves state and configuration, purging the keyset.
	m.sh("dpkg --no-triggers -r latchkey")
	if !m.exists("/var/lib/latchkey") || !m.exists("/etc/latchkey/latchkey.yaml") || m.exists("/usr/sbin/latchkeyd") {
		t.Error("removing takes too much or too little")
	}
	said = m.sh("dpkg --no-triggers -P latchkey 2>&1")
	for path, kept := range map[string]bool{
		"/var/lib/latchkey": false, "/var/log/latchkey": false, "/etc/latchkey/latchkey.yaml": false, "/etc/latchkey/vpn.secret": false,
		"/etc/latchkey/keyset": true,
	} {
		if m.exists(path) != kept {
			t.Errorf("after a purge, %s is there: %v, want %v", path, !kept, kept)
		}
	}
	if !strings.Contains(said, "Kept: /etc/latchkey/keyset") {
		t.Errorf("purging does not say that the keyset stays:\n%s", said)
	}
}

// TestPurgeFollowsNoLink: a state that was moved elsewhere is not the package's to delete.
func TestPurgeFollowsNoLink(t *testing.T) {
	m := newMachine(t, both(t).deb)
	m.sh(`dpkg --no-triggers -i /tmp/latchkey.deb
		mkdir /srv/state && touch /srv/state/kept && ln -s /srv/state /var/lib/latchkey
		dpkg --no-triggers -P latchkey`)
	if !m.exists("/srv/state/kept") {
		t.Error("purging went through a symbolic link")
	}
}
