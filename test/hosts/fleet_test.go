package hosts

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
)

const credential = "/etc/latchkey/host"

// central starts an appliance that is no host's own: hosts reach it over HTTPS.
func central(t *testing.T, policy, named string) (latchkeyd, string) {
	t.Helper()
	port, folder := appliance.Port(t), appliance.Folder(t)
	url := fmt.Sprintf("https://127.0.0.1:%d", port)
	d := latchkeyd{appliance.Start(t, appliance.Config{
		Binaries: built.Binaries, Policies: "  hosts: " + policy,
		Sockets: fmt.Sprintf("pam: %s/pam.sock, pam_user: %s/user.sock", folder, folder),
		Sections: fmt.Sprintf("web: {listen: [\"127.0.0.1:%d\"], url: %q, serve: [app, hosts]}\nhosts: {policy: hosts, password_checked: true, named: {%s}}",
			port, url, named),
	}), t}
	return d, url
}

// join makes a machine a host, by what a sysadmin does.
func (h *host) join(d latchkeyd, name string) {
	h.t.Helper()
	var invitation struct{ URL, Expires string }
	if err := json.Unmarshal([]byte(d.Latchkey("", "host", "invite", name, "--json")), &invitation); err != nil || invitation.Expires == "" {
		h.t.Fatal(err, invitation)
	}
	cmd := h.command(built.Latchkey, "host", "enroll", "-", "--json")
	cmd.Stdin = strings.NewReader(invitation.URL + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"host":"`+name+`"`) {
		h.t.Fatalf("%v\n%s", err, out)
	}
}

// conf is the file that the enrolment has written, with other addresses in front.
func (h *host) conf(addresses string, more ...string) string {
	h.t.Helper()
	text, err := os.ReadFile(h.file("etc/latchkey/host/pam.conf"))
	if err != nil {
		h.t.Fatal(err)
	}
	if addresses != "" {
		text = []byte(strings.Replace(string(text), "url=", "url="+addresses+",", 1))
	}
	h.etc("latchkey/pam-test.conf", string(text)+strings.Join(more, "\n")+"\n")
	return "conf=/etc/latchkey/pam-test.conf"
}

// suTo begins one, and types the password.
func (h *host) suTo(t *testing.T) *appliance.Terminal {
	t.Helper()
	term := appliance.OnTerminal(t, h.as("lutz", "su", "lutz", "-c", "echo done"))
	term.Expect(t, `(?i)password[^:]*: $`)
	term.Type(t, password)
	return term
}

func TestFleet(t *testing.T) {
	t.Parallel()
	d, _ := central(t, phones, `"web*": {password_checked: true, users: [lutz, root], trust_rhost: true}`)
	h := newHost(t)
	d.Enrol("lutz")
	d.Enrol("anna")
	h.join(d, "web01")
	dead := fmt.Sprintf("https://127.0.0.1:%d", appliance.Port(t))
	// The line says url= to the harness, so that it names no socket.
	options := h.conf(dead)
	h.stacks(options + " quiet")
	for _, service := range []string{"sshd", "sudo", "su", "su-l", "login"} {
		text, err := os.ReadFile(h.file("etc/pam.d/" + service))
		if err != nil || strings.Contains(string(text), "socket=") {
			t.Fatalf("%v %s", err, text)
		}
	}
	s := h.sshd("keyboard-interactive")
	from := "addr:127.0.0.1@web01"

	t.Run("a question over HTTPS, the first address dead", func(t *testing.T) {
		term := s.ssh(t, "lutz", "id -un; echo done")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		term.Type(t, appliance.Right(t, asked(t, term)))
		in(t, term, `lutz\r\ndone`)
	})
	d.want("lutz", "accept right "+from)

	t.Run("a wrong answer", func(t *testing.T) {
		term := s.ssh(t, "lutz", "echo done")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		for range 3 {
			term.Type(t, appliance.Wrong(t, asked(t, term)))
		}
		out(t, term, refusedBySSHD)
	})
	d.Latchkey("", "user", "unlock", "lutz")

	t.Run("whom the host may not ask for", func(t *testing.T) {
		term := s.ssh(t, "anna", "echo done")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		for range 3 {
			if term.Expect(t, question+`|`+symbol+`|`+refusedBySSHD); strings.Contains(term.String(), "Permission denied") {
				break
			}
			if strings.Contains(term.String(), "Symbol: ") {
				kill(t, term.PID(), syscall.SIGKILL) // a decoy of the other kind: some names pretend to have a phone, which never confirms
				return
			}
			term.Type(t, "abcd")
		}
		out(t, term, refusedBySSHD)
		if got := d.outcomes("anna"); len(got) == 0 || !strings.Contains(got[0], "reject not-for-this-host") && !strings.Contains(got[0], "reject") {
			t.Errorf("%q", got)
		}
	})

	t.Run("the caller's environment has no say", func(t *testing.T) {
		cmd := h.as("lutz", "su", "lutz", "-c", "echo done")
		cmd.Env = append(cmd.Env, "HTTPS_PROXY=http://127.0.0.1:1", "https_proxy=http://127.0.0.1:1", "ALL_PROXY=http://127.0.0.1:1",
			"SSL_CERT_FILE=/nonexistent", "SSL_CERT_DIR=/nonexistent", "GODEBUG=tls13=0,netdns=go", "LOCALDOMAIN=evil.example")
		term := appliance.OnTerminal(t, cmd)
		term.Expect(t, `(?i)password[^:]*: $`)
		term.Type(t, password)
		term.Type(t, appliance.Right(t, asked(t, term)))
		in(t, term, `done`)
		got := d.outcomes("lutz")
		if want := "accept right uid:51001@web01"; got[len(got)-1] != want {
			t.Errorf("%q, want %q", got[len(got)-1], want)
		}
	})

	lutz := d.phone("lutz")
	t.Run("the phone", func(t *testing.T) {
		term := s.ssh(t, "lutz", "echo done")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		name, _ := shown(t, term)
		term.Type(t, "")
		lutz.approve(name)
		in(t, term, `done`)
	})

	t.Run("the certificate is renewed", func(t *testing.T) {
		before, err := os.ReadFile(h.file("etc/latchkey/host/host.pem"))
		if err != nil {
			t.Fatal(err)
		}
		h.run("nsenter", "--mount=/proc/"+h.pid+"/ns/mnt", "--", built.Latchkey, "host", "renew", "--force")
		after, err := os.ReadFile(h.file("etc/latchkey/host/host.pem"))
		if err != nil || string(before) == string(after) {
			t.Fatal("the credential is the same", err)
		}
		term := s.ssh(t, "lutz", "echo done")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		name, _ := shown(t, term)
		term.Type(t, "")
		lutz.approve(name)
		in(t, term, `done`)
		// A backup of the machine is nobody any more.
		if err := os.WriteFile(h.file("etc/latchkey/host/host.pem"), before, 0o600); err != nil {
			t.Fatal(err)
		}
		out(t, h.suTo(t), `su: `)
		if !strings.Contains(h.log.String(), "newer certificate") {
			t.Errorf("the host's log does not say why\n%s", h.log)
		}
		if err := os.WriteFile(h.file("etc/latchkey/host/host.pem"), after, 0o600); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("revoked while the question is shown", func(t *testing.T) {
		term := h.suTo(t)
		name, _ := shown(t, term)
		d.Latchkey("", "host", "revoke", "web01", "--yes")
		term.Type(t, "")
		_ = d.try(pin+"\n", "softphone", "approve", "--symbol", strings.ToLower(name), "--state", lutz.state)
		out(t, term, `su: `)
		if !strings.Contains(h.log.String(), "was revoked") {
			t.Errorf("the host's log does not say why\n%s", h.log)
		}
	})
	if got := d.Latchkey("", "host", "list", "--json"); strings.TrimSpace(got) != "[]" {
		t.Errorf("%s", got)
	}
	h.noSecrets(d)
	for _, text := range []string{h.log.String(), d.Log.String()} {
		if strings.Contains(text, "PRIVATE KEY") {
			t.Error("a key is logged")
		}
	}
}

// failmode=safe opens where no address takes a connection, and by nothing else.
func TestFleetFailmode(t *testing.T) {
	t.Parallel()
	d, url := central(t, questions, `web01: {password_checked: true, users: [lutz]}`)
	h := newHost(t)
	d.Enrol("lutz")
	h.join(d, "web01")
	dead := fmt.Sprintf("https://127.0.0.1:%d", appliance.Port(t))
	only := func(address string) string {
		text, err := os.ReadFile(h.file("etc/latchkey/host/pam.conf"))
		if err != nil {
			t.Fatal(err)
		}
		h.etc("latchkey/"+filepath.Base(address)+".conf", strings.Replace(string(text), "url="+url, "url="+address, 1))
		return "conf=/etc/latchkey/" + filepath.Base(address) + ".conf timeout=8"
	}
	su := func() *appliance.Terminal { return h.suTo(t) }
	h.stacks(only(dead) + " failmode=safe")
	in(t, su(), `done`)
	if !strings.Contains(h.log.String(), "LET PASS WITHOUT A SECOND FACTOR") {
		t.Errorf("silently\n%s", h.log)
	}
	h.stacks(only(dead))
	out(t, su(), `su: `)

	// The appliance is there, and its certificate is another one's: nothing opens.
	_, elsewhere := central(t, questions, `web01: {password_checked: true, users: [lutz]}`)
	h.stacks(only(elsewhere) + " failmode=safe")
	out(t, su(), `su: `)
	if n := strings.Count(h.log.String(), "LET PASS"); n != 1 {
		t.Errorf("let pass %d times\n%s", n, h.log)
	}
	// Nor where it refuses the host.
	d.Latchkey("", "host", "revoke", "web01", "--yes")
	h.stacks(only(url) + " failmode=safe")
	began := time.Now()
	out(t, su(), `su: `)
	if time.Since(began) > 20*time.Second {
		t.Errorf("a refusal takes %s", time.Since(began))
	}
	if n := strings.Count(h.log.String(), "LET PASS"); n != 1 {
		t.Errorf("let pass %d times\n%s", n, h.log)
	}
}
