package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
)

// TestPAMPasswords: the installed daemon, as its own user, has the password of an account checked by the installed
// service, which has no more capabilities than its unit leaves it and is started by its socket.
func TestPAMPasswords(t *testing.T) {
	m := newMachine(t, both(t).deb)
	m.sh("dpkg --no-triggers -i /tmp/latchkey.deb")
	if got := m.mode("/etc/pam.d/latchkey-pamcheck"); got != "644 root:root" {
		t.Errorf("the PAM service is %s", got)
	}
	for _, unit := range []string{"latchkey-pamcheck.socket", "latchkey-pamcheck.service"} {
		if said := m.sh("systemd-analyze verify --man=yes " + unit + " 2>&1 | grep latchkey || true"); said != "" {
			t.Errorf("systemd-analyze verify says of %s:\n%s", unit, said)
		}
		if m.exists("/etc/systemd/system/sockets.target.wants/" + unit) {
			t.Errorf("%s is enabled by the package", unit)
		}
	}
	m.sh("systemd-analyze security --offline=true --threshold=25 --no-pager /lib/systemd/system/latchkey-pamcheck.service")

	const secret, account = "between-nas-and-latchkey", "of-the-account-8"
	m.sh(fmt.Sprintf(`useradd --no-create-home lutz && echo lutz:%s | chpasswd
		cat >/etc/latchkey/latchkey.yaml <<-END
			radius: {clients: [{name: vpn, address: 127.0.0.1, secret: %s, policy: vpn}]}
			policies: {vpn: {first: pam, second: [pinphrase]}}
		END`, account, secret))
	said := m.sh("latchkeyd --check")
	if strings.Count(said, "\n") != 1 || !strings.Contains(said, "nobody listens at /run/latchkey-pamcheck/socket") {
		t.Errorf("--check says:\n%s", said)
	}
	d := m.startDaemon()
	m.sh("latchkey user add lutz --language en")
	login := func(password string) (string, int) {
		cmd := m.command("bash", "-c", "echo '"+password+"' | latchkey login lutz --server 127.0.0.1 --timeout 3s --tries 1")
		cmd.Env = append(cmd.Env, "LATCHKEY_RADIUS_SECRET="+secret)
		out, err := cmd.CombinedOutput()
		return string(out), exit(err)
	}
	if out, status := login(account); status == 0 || !strings.Contains(out, "no answer") {
		t.Errorf("without the service: %d\n%s", status, out)
	}
	if said := m.sh("latchkey status 2>&1"); !strings.Contains(said, "passwords cannot be checked by PAM") {
		t.Errorf("the status has no warning:\n%s", said)
	}

	// As the socket's unit and the service's would have it.
	service := m.command("setpriv", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all,+dac_read_search,+audit_write,+kill",
		"bash", "-c", `install -d -m 0755 /run/latchkey-pamcheck; umask 0777
		exec systemd-socket-activate -l /run/latchkey-pamcheck/socket /usr/libexec/latchkey/latchkey-pamcheck`)
	journal := appliance.NewScreen("journal of latchkey-pamcheck")
	service.Stderr, service.WaitDelay = journal, time.Second // what it has started ends with the machine
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Process.Kill(); _ = service.Wait() })
	journal.Await(t, 0, "Listening on")
	m.sh("chown root:latchkey /run/latchkey-pamcheck/socket && chmod 0660 /run/latchkey-pamcheck/socket")
	if out, status := login(account); !strings.Contains(out, "PINphrase: Please enter") {
		t.Errorf("the right password: %d\n%s\n%s", status, out, journal)
	}
	if out, status := login("guess"); status != 1 || !strings.Contains(out, "Access-Reject") {
		t.Errorf("a wrong password: %d\n%s\n%s", status, out, journal)
	}
	m.sh("passwd --lock lutz")
	if out, status := login(account); status != 1 || !strings.Contains(out, "Access-Reject") {
		t.Errorf("a locked account: %d\n%s\n%s", status, out, journal)
	}
	m.stopDaemon(d)
	if strings.Contains(journal.String()+d.log.String(), account) {
		t.Error("a password stands in a log")
	}
}
