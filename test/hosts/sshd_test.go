package hosts

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// sshd is OpenSSH's on a host.
type sshd struct {
	h    *host
	port int
	key  string // of the client, known to everybody's account
	log  *appliance.Screen
}

// anotherSSHD names a folder with the files of another openssh-server, as dpkg-deb -x leaves them, whose sshd the
// tests take instead of the system's.
const anotherSSHD = "LATCHKEY_TEST_SSHD"

func sshdProgram(t *testing.T) string {
	t.Helper()
	if folder := os.Getenv(anotherSSHD); folder != "" {
		return folder + "/usr/sbin/sshd"
	}
	return appliance.Need(t, "sshd", "openssh-server")
}

// sshd starts one; methods are its AuthenticationMethods, and more stands in its configuration too.
func (h *host) sshd(methods string, more ...string) *sshd {
	h.t.Helper()
	program := sshdProgram(h.t)
	s := &sshd{h: h, port: appliance.Port(h.t), key: h.file("client"), log: appliance.NewScreen("log of sshd")}
	h.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", h.file("host"))
	h.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", s.key)
	public, err := os.ReadFile(s.key + ".pub")
	if err != nil {
		h.t.Fatal(err)
	}
	h.etc("ssh/known", string(public))
	h.etc("ssh/sshd_config", fmt.Sprintf(`Port %d
ListenAddress 127.0.0.1
HostKey %s
AuthorizedKeysFile /etc/ssh/known
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication yes
PubkeyAuthentication yes
AuthenticationMethods %s
PidFile none
UseDNS no
MaxStartups 200
LogLevel VERBOSE
PrintMotd no
PrintLastLog no
Subsystem sftp internal-sftp
%s
`, s.port, h.file("host"), methods, strings.Join(more, "\n")))
	if os.Getenv(anotherSSHD) != "" {
		// From 9.8 on sshd turns away who has failed often, which is what these tests do.
		h.run("sh", "-c", "echo PerSourcePenalties no >> "+h.file("etc/ssh/sshd_config"))
	}
	appliance.Launch(h.t, h.command(program, "-D", "-e", "-f", "/etc/ssh/sshd_config"), s.log)
	s.log.Await(h.t, 0, "Server listening on 127.0.0.1")
	return s
}

// options of all clients.
func (s *sshd) options() []string {
	return []string{"-F", "/dev/null", "-i", s.key, "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "LogLevel=ERROR", "-o", "NumberOfPasswordPrompts=3", "-o", "PreferredAuthentications=publickey,keyboard-interactive"}
}

// client is an OpenSSH client in front of a person.
func (s *sshd) client(t *testing.T, program string, args ...string) *appliance.Terminal {
	t.Helper()
	cmd := exec.Command(appliance.Need(t, program, "openssh-client"), append(s.options(), args...)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent", "LANG=C.UTF-8", "TERM=dumb"}
	return appliance.OnTerminal(t, cmd)
}

func (s *sshd) ssh(t *testing.T, user string, args ...string) *appliance.Terminal {
	t.Helper()
	return s.client(t, "ssh", append([]string{"-p", fmt.Sprint(s.port), user + "@127.0.0.1"}, args...)...)
}

// in ends a login that succeeds, and looks for what it says.
func in(t *testing.T, term *appliance.Terminal, says string) {
	t.Helper()
	term.Expect(t, says)
	if err := term.Wait(t); err != nil {
		t.Errorf("%v\n%s", err, term)
	}
}

// out ends a login that is refused.
func out(t *testing.T, term *appliance.Terminal, says string) {
	t.Helper()
	term.Expect(t, says)
	if err := term.Wait(t); err == nil {
		t.Errorf("it let in\n%s", term)
	}
}

const refusedBySSHD = `Permission denied|Too many authentication failures|Received disconnect|Connection (closed|reset)`

func TestSSH(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("lutz")
	h.stacks("")
	s := h.sshd("keyboard-interactive", "PermitRootLogin no")
	person := "addr:127.0.0.1"

	t.Run("right", func(t *testing.T) {
		term := s.ssh(t, "lutz", "id -un; echo done")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		term.Type(t, appliance.Right(t, asked(t, term)))
		in(t, term, `lutz\r\ndone`)
	})
	t.Run("a wrong password", func(t *testing.T) {
		term := s.ssh(t, "lutz", "echo done")
		for range 3 {
			term.Expect(t, `Password: $`)
			term.Type(t, "guess")
		}
		out(t, term, refusedBySSHD)
		if strings.Contains(term.String(), "PINphrase") {
			t.Errorf("a question in spite of the wrong password\n%s", term)
		}
	})
	t.Run("a wrong answer, then the right one", func(t *testing.T) {
		term := s.ssh(t, "lutz", "echo done")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		term.Type(t, appliance.Wrong(t, asked(t, term)))
		term.Type(t, appliance.Right(t, asked(t, term)))
		in(t, term, `done`)
	})
	d.want("lutz", "accept right "+person, "reject wrong-answer "+person, "accept right "+person)
	t.Run("wrong answers", func(t *testing.T) {
		term := s.ssh(t, "lutz", "echo done")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		for range 3 {
			term.Type(t, appliance.Wrong(t, asked(t, term)))
		}
		// PAM_MAXTRIES: sshd begins no further transaction.
		out(t, term, refusedBySSHD)
	})
	if n := len(d.outcomes("lutz")); n != 6 {
		t.Errorf("three wrong answers made %d records: %q", n-3, d.outcomes("lutz"))
	}
	t.Run("locked", func(t *testing.T) {
		term := s.ssh(t, "lutz", "echo done")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		for range 3 {
			term.Type(t, appliance.Right(t, asked(t, term)))
		}
		out(t, term, refusedBySSHD)
	})
	t.Run("unknown to Latchkey", func(t *testing.T) {
		term := s.ssh(t, "bert", "echo done")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		for range 3 {
			term.Expect(t, question) // as everybody
			term.Type(t, "abcd")
		}
		out(t, term, refusedBySSHD)
	})
	t.Run("unknown to the host", func(t *testing.T) {
		d.Enrol("carla") // known to Latchkey alone
		h.etc("pam.d/sshd", "auth required "+h.module("min_uid=1000 exclude_groups=exempt nullok")+"\nauth required pam_permit.so\naccount required pam_permit.so\n")
		from := h.log.Len()
		term := s.ssh(t, "carla", "echo done")
		out(t, term, refusedBySSHD)
		h.log.Await(t, from, `the host knows no such user: denied`)
		d.want("carla")
	})
	t.Run("root may not log in", func(t *testing.T) {
		// No question before us: sshd's own void answer comes, and is nobody's guess.
		h.etc("pam.d/sshd", "auth required "+h.module("")+"\naccount required pam_permit.so\n")
		d.Enrol("root")
		from := h.log.Len()
		term := s.ssh(t, "root", "echo done")
		prompt := asked(t, term)
		term.Type(t, appliance.Right(t, prompt))
		h.log.Await(t, from, `an answer that sshd gives for a login that is void anyway: denied`)
		d.want("root")
	})
	h.noSecrets(d)
}

func TestSSHWithKeys(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("lutz")
	h.stacks("")
	h.etc("pam.d/sshd", "auth required "+h.module("")+"\naccount required pam_unix.so\nsession required pam_permit.so\n")
	s := h.sshd("publickey,keyboard-interactive")
	answer := func(t *testing.T, term *appliance.Terminal) *appliance.Terminal {
		t.Helper()
		term.Type(t, appliance.Right(t, asked(t, term)))
		return term
	}
	t.Run("ssh", func(t *testing.T) {
		in(t, answer(t, s.ssh(t, "lutz", "echo done")), "done")
	})
	t.Run("scp", func(t *testing.T) {
		appliance.Write(t, h.file("letter"), "dear lutz")
		in(t, answer(t, s.client(t, "scp", "-P", fmt.Sprint(s.port), h.file("letter"), "lutz@127.0.0.1:letter")), "letter")
		if text, err := os.ReadFile(h.file("home/lutz/letter")); err != nil || string(text) != "dear lutz" {
			t.Errorf("the copy is %q, %v", text, err)
		}
	})
	t.Run("sftp", func(t *testing.T) {
		term := answer(t, s.client(t, "sftp", "-P", fmt.Sprint(s.port), "lutz@127.0.0.1"))
		term.Expect(t, `sftp> $`)
		term.Type(t, "ls")
		term.Expect(t, `letter`)
		term.Type(t, "bye")
		if err := term.Wait(t); err != nil {
			t.Errorf("sftp: %v\n%s", err, term)
		}
	})
	t.Run("ControlMaster", func(t *testing.T) {
		control := []string{"-o", "ControlPath=" + h.file("control")}
		first := answer(t, s.client(t, "ssh", append(control, "-M", "-p", fmt.Sprint(s.port), "lutz@127.0.0.1", "echo first; cat")...))
		first.Expect(t, "first")
		// The second goes through the first: nobody is asked.
		in(t, s.client(t, "ssh", append(control, "-p", fmt.Sprint(s.port), "lutz@127.0.0.1", "echo second")...), "second")
		first.Type(t, "\x04")
		if err := first.Wait(t); err != nil {
			t.Errorf("%v\n%s", err, first)
		}
	})
	t.Run("without the key", func(t *testing.T) {
		term := s.ssh(t, "lutz", "-o", "PubkeyAuthentication=no", "echo done")
		out(t, term, refusedBySSHD)
		if strings.Contains(term.String(), "PINphrase") {
			t.Errorf("a question in spite of the missing key\n%s", term)
		}
	})
	person := "accept right addr:127.0.0.1"
	d.want("lutz", person, person, person, person)
	h.noSecrets(d)
}
