package hosts

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
)

// none is a host whose latchkeyd has never been there.
func none(t *testing.T) *host {
	t.Helper()
	h := newHost(t)
	h.socket = h.file("run/pam.sock")
	return h
}

// denied is su that refuses without a question.
func (h *host) denied(t *testing.T, env ...string) string {
	t.Helper()
	term := h.su(t, "anna", env...)
	term.Expect(t, `su: `)
	if err := term.Wait(t); err == nil || strings.Contains(term.String(), "done") {
		t.Errorf("su let in: %v\n%s", err, term)
	}
	if strings.Contains(term.String(), "PINphrase") {
		t.Errorf("a question\n%s", term)
	}
	return term.String()
}

func (h *host) passes(t *testing.T) {
	t.Helper()
	in(t, h.su(t, "anna"), `anna\r\ndone`)
}

// The daemon ends between question and answer, and comes again: the login goes on.
func TestDaemonIsRestartedInTheMiddle(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(phones, web(t))
	h.stacks("")
	d.Enrol("lutz")
	d.Enrol("anna")
	phone := d.phone("lutz")
	s := h.sshd("keyboard-interactive")

	term := h.su(t, "anna")
	prompt := asked(t, term)
	d.Stop()
	term.Type(t, appliance.Right(t, prompt)) // nobody is there to take it
	d.Run()
	in(t, term, "done")

	term = h.su(t, "anna")
	prompt = asked(t, term)
	d.Kill()
	d.Run()
	term.Type(t, appliance.Right(t, prompt))
	in(t, term, "done")

	// While it waits for the phone.
	term = s.ssh(t, "lutz", "echo done")
	term.Expect(t, `Password: $`)
	term.Type(t, password)
	name, _ := shown(t, term)
	term.Type(t, "")
	d.Kill()
	d.Run()
	phone.approve(name)
	term.Expect(t, `done|press Enter $`)
	if !strings.Contains(term.String(), "done") {
		term.Type(t, "")
	}
	in(t, term, "done|")
	h.noSecrets(d)
}

func TestDaemonIsDown(t *testing.T) {
	t.Parallel()
	h := none(t)
	for _, c := range []struct {
		name, options string
		passes        bool
	}{
		{"secure, by default", "", false},
		{"secure", "failmode=secure", false},
		{"safe", "failmode=safe", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.stacks("timeout=2s " + c.options)
			if !c.passes {
				h.denied(t)
				return
			}
			from := h.log.Len()
			h.passes(t)
			h.log.Await(t, from, `<81>.*LET PASS WITHOUT A SECOND FACTOR: failmode=safe`) // authpriv.alert
		})
	}
	t.Run("safe never means without a password", func(t *testing.T) {
		h.etc("pam.d/su", "auth required pam_unix.so nodelay\nauth required "+h.module("failmode=safe timeout=1s")+"\naccount required pam_unix.so\nsession required pam_permit.so\n")
		term := appliance.OnTerminal(t, h.as("lutz", "su", "anna", "-c", "echo done"))
		term.Expect(t, `Password: $`)
		term.Type(t, "guess")
		out(t, term, `su: `)
		// Nor where the module stands alone: PAM_IGNORE is no yes.
		h.etc("pam.d/su", "auth required "+h.module("failmode=safe timeout=1s")+"\naccount required pam_unix.so\nsession required pam_permit.so\n")
		out(t, appliance.OnTerminal(t, h.as("lutz", "su", "anna", "-c", "echo done")), `su: `)
	})
	t.Run("safe, but others could have taken the socket away", func(t *testing.T) {
		open := h.file("run/open")
		if err := errors.Join(os.Mkdir(open, 0o777), os.Chmod(open, 0o777)); err != nil {
			t.Fatal(err)
		}
		h.stacks("timeout=1s failmode=safe socket=" + open + "/pam.sock")
		h.denied(t)
	})
	t.Run("safe, refused connection", func(t *testing.T) {
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.socket, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		listener.SetUnlinkOnClose(false)
		_ = listener.Close()
		defer os.Remove(h.socket)
		h.stacks("timeout=2s failmode=safe")
		h.passes(t)
	})
}

// Who answers with silence, garbage or 503 is there: no fail mode opens for that.
func TestSilenceIsNotUnreachable(t *testing.T) {
	t.Parallel()
	h := none(t)
	for name, answer := range map[string]string{
		"drops":      "",
		"garbage":    "hello\r\n\r\n",
		"503":        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
		"no step":    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
		"a new step": "HTTP/1.1 200 OK\r\nContent-Length: 17\r\nConnection: close\r\n\r\n" + `{"step":"wonder"}`,
		"refused":    "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("unix", h.socket)
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					go func() {
						defer conn.Close()
						if answer != "" {
							_, _ = conn.Read(make([]byte, 4096))
							_, _ = conn.Write([]byte(answer))
						}
					}()
				}
			}()
			h.stacks("timeout=1s failmode=safe")
			h.denied(t)
		})
	}
	t.Run("stopped", func(t *testing.T) {
		d := h.serve(questions)
		d.Enrol("anna")
		h.stacks("timeout=1s failmode=safe")
		d.Pause()
		defer d.Continue()
		h.denied(t)
	})
}

// A socket of somebody else's would say yes to anybody.
func TestForgedSocket(t *testing.T) {
	t.Parallel()
	h := none(t)
	listener, err := net.Listen("unix", h.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 17\r\nConnection: close\r\n\r\n" + `{"step":"accept"}`))
			_ = conn.Close()
		}
	}()
	h.stacks("timeout=1s failmode=safe")
	h.passes(t) // root's: so the forgery would work
	if err := os.Chown(h.socket, uids["bert"], uids["bert"]); err != nil {
		t.Fatal(err)
	}
	from := h.log.Len()
	h.denied(t)
	h.log.Await(t, from, `belongs to uid 51003, which is neither root nor latchkeyd's`)

	// A file that is root's, served by somebody who is not.
	_ = listener.Close()
	_ = os.Remove(h.socket)
	program := h.file("forger")
	h.forger(program)
	if err := os.Chmod(h.file("run"), 0o777); err != nil {
		t.Fatal(err)
	}
	said := appliance.NewScreen("forger")
	appliance.Launch(t, h.as("bert", program, h.socket), said)
	said.Await(t, 0, "listening")
	if err := os.Chown(h.socket, 0, 0); err != nil {
		t.Fatal(err)
	}
	from = h.log.Len()
	h.denied(t)
	h.log.Await(t, from, `uid 51003 serves .*, which is neither root nor latchkeyd's`)
	// Unless it is the account that latchkeyd is said to have.
	h.stacks("timeout=1s daemon_user=bert")
	h.passes(t)
}

// forger makes a program that says yes at a socket.
func (h *host) forger(path string) {
	h.t.Helper()
	const source = `#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(int argc, char **argv) {
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	static const char yes[] = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\nConnection: close\r\n\r\n{\"step\":\"accept\"}";
	(void)argc;
	signal(SIGPIPE, SIG_IGN);
	strncpy(a.sun_path, argv[1], sizeof a.sun_path - 1);
	if (bind(s, (void *)&a, sizeof a) || listen(s, 8)) return 1;
	puts("listening"); fflush(stdout);
	for (;;) { char b[4096]; int c = accept(s, 0, 0); if (read(c, b, sizeof b) > 0 && write(c, yes, sizeof yes - 1) < 0) puts("unheard"); close(c); }
}
`
	cmd := exec.Command("cc", "-x", "c", "-o", path, "-")
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("%v\n%s", err, out)
	}
}

// What can be changed by others than root is not used.
func TestFilesOfOthers(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("anna")
	h.etc("latchkey-pam.conf", "# the module's options\nfailmode=secure\nsocket="+h.socket+"\n\n  client_id=web1  \n")
	line := "conf=/etc/latchkey-pam.conf socket=" + h.socket
	h.stacks(line)
	term := h.su(t, "anna")
	term.Type(t, appliance.Right(t, asked(t, term)))
	in(t, term, "done")
	h.log.Await(t, 0, `client_id="web1"`)

	conf := h.file("etc/latchkey-pam.conf")
	for name, spoil := range map[string]func() error{
		"the file is writable by all":     func() error { return os.Chmod(conf, 0o666) },
		"the file is writable by a group": func() error { return os.Chmod(conf, 0o664) },
		"the file is somebody else's":     func() error { return errors.Join(os.Chmod(conf, 0o644), os.Chown(conf, 51001, 0)) },
		"the file is missing":             func() error { return os.Rename(conf, conf+".away") },
		"a mistake in it": func() error {
			return os.WriteFile(conf, []byte("nullok\nfailmode=save\n"), 0o644)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			from := h.log.Len()
			h.denied(t)
			h.log.Await(t, from, `options: .*latchkey-pam\.conf.*: denied`)
			h.etc("latchkey-pam.conf", "failmode=secure\n")
		})
	}
	h.stacks("")
	for name, spoil := range map[string]func() error{
		"the helper is writable by all": func() error { return os.Chmod(h.helper, 0o777) },
		"the helper is somebody else's": func() error { return errors.Join(os.Chmod(h.helper, 0o755), os.Chown(h.helper, 51001, 0)) },
		"its directory is":              func() error { return errors.Join(os.Chown(h.helper, 0, 0), os.Chown(h.folder, 51001, 0)) },
		"the helper is missing":         func() error { return os.Rename(h.helper, h.helper+".away") },
	} {
		t.Run(name, func(t *testing.T) {
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			from := h.log.Len()
			h.denied(t)
			h.log.Await(t, from, `<8[0-9]>.*helper .* must be there, be root's, and be writable by nobody else`)
			_ = os.Rename(h.helper+".away", h.helper)
			if err := errors.Join(os.Chmod(h.helper, 0o755), os.Chown(h.helper, 0, 0), os.Chown(h.folder, 0, 0)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A helper that dies, hangs on or lies is a denial, and the login program lives on.
func TestHelperFails(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("anna")
	h.stacks("failmode=safe nullok")
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGSEGV} {
		t.Run(signal.String(), func(t *testing.T) {
			term := h.su(t, "anna")
			prompt := asked(t, term)
			for _, pid := range h.running(h.helper) {
				kill(t, pid, signal)
			}
			h.await("the helper to end", 10*time.Second, func() bool { return len(h.running(h.helper)) == 0 })
			term.Type(t, appliance.Right(t, prompt))
			out(t, term, `su: `)
			if strings.Contains(term.String(), "done") {
				t.Errorf("su let in\n%s", term)
			}
		})
	}
	t.Run("a user cannot kill it", func(t *testing.T) {
		term := h.su(t, "anna")
		prompt := asked(t, term)
		pids := h.running(h.helper)
		if len(pids) != 1 {
			t.Fatalf("%d helpers", len(pids))
		}
		if out, err := h.as("lutz", "kill", "-9", fmt.Sprint(pids[0])).CombinedOutput(); err == nil {
			t.Errorf("the user killed the helper: %s", out)
		}
		term.Type(t, appliance.Right(t, prompt))
		in(t, term, "done")
	})
	for name, script := range map[string]string{
		"says nothing":     "#!/bin/sh\nexit 0\n",
		"says yes by code": "#!/bin/sh\necho accept >&3\nexit 0\n",
		"speaks garbage":   "#!/bin/sh\nhead -c 4000 /dev/urandom >&3\n",
		"says yes wrongly": "#!/bin/sh\nprintf '\\247v\\000\\007accept\\000' >&3\ncat <&3 >/dev/null\n",
		"begins a frame":   "#!/bin/sh\nprintf '\\247v\\000\\006acc' >&3\n",
		"a long frame":     "#!/bin/sh\nprintf '\\247v\\377\\377accept' >&3\n",
		"accepts wrongly":  "#!/bin/sh\nprintf '\\247v\\000\\007accept ' >&3\n",
	} {
		t.Run(name, func(t *testing.T) {
			liar := h.file("liar")
			_ = os.Remove(liar)
			if err := os.WriteFile(liar, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			h.etc("pam.d/su", "auth requisite pam_unix.so nodelay\nauth required "+built.module+" helper="+liar+"\naccount required pam_unix.so\nsession required pam_permit.so\n")
			h.denied(t)
		})
	}
	t.Run("the liar who is right", func(t *testing.T) { // so the form above is that of a verdict
		liar := h.file("liar")
		_ = os.Remove(liar)
		if err := os.WriteFile(liar, []byte("#!/bin/sh\nprintf '\\247v\\000\\006accept' >&3\ncat <&3 >/dev/null\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		h.passes(t)
	})
}
