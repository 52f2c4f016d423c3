package hosts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/latchkey/latchkey/test/appliance"
)

// spy is a library that notes every program that it is loaded into.
const spy = `#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void note(void)
{
	char comm[64];
	int in = open("/proc/self/comm", O_RDONLY), out = open("%s", O_WRONLY | O_APPEND | O_CREAT, 0666);
	ssize_t n = read(in, comm, sizeof comm);
	if (n > 0 && write(out, comm, (size_t)n) < 0)
		_exit(1);
	close(in);
	close(out);
}
`

// evil is an environment that a local user could wish a root's process to have.
func (h *host) evil() []string {
	h.t.Helper()
	source := h.file("spy.c")
	appliance.Write(h.t, source, fmt.Sprintf(spy, h.file("spied")))
	h.run("gcc", "-shared", "-fPIC", "-o", h.file("spy.so"), source)
	h.run("chmod", "0755", h.file("spy.so"))
	h.mkdir("evil")
	h.run("chown", fmt.Sprint(uids["lutz"]), h.file("evil"))
	return []string{
		"LD_PRELOAD=" + h.file("spy.so"), "LD_LIBRARY_PATH=" + h.file("evil"), "LD_AUDIT=" + h.file("spy.so"), "GCONV_PATH=" + h.file("evil"),
		"GODEBUG=netdns=go,http2debug=2,x509ignoreCN=0,gctrace=1", "GOTRACEBACK=crash", "GOCOVERDIR=" + h.file("evil"), "GOMEMLIMIT=1", "GOGC=1", "GOMAXPROCS=9999",
		"SSL_CERT_FILE=" + h.file("evil/ca.pem"), "SSL_CERT_DIR=" + h.file("evil"), "HTTPS_PROXY=http://127.0.0.1:9", "HTTP_PROXY=http://127.0.0.1:9", "ALL_PROXY=socks5://127.0.0.1:9",
		"LANG=../../../../" + h.file("evil"), "LC_ALL=%s%n%n%n", "LC_CTYPE=de_DE\x1b[2J", "LOCPATH=" + h.file("evil"), "NLSPATH=" + h.file("evil") + "/%N",
		"LOCALDOMAIN=evil", "RES_OPTIONS=debug", "HOSTALIASES=" + h.file("evil/hosts"), "TZ=:/../../etc/shadow", "TMPDIR=" + h.file("evil"),
		"MALLOC_CHECK_=3", "MALLOC_PERTURB_=255", "GLIBC_TUNABLES=glibc.malloc.check=3", "IFS=/", "BASH_ENV=" + h.file("evil/rc"), "ENV=" + h.file("evil/rc"),
		"LATCHKEY_SOCKET=" + h.file("evil/sock"), "NOTIFY_SOCKET=" + h.file("evil/sock"), "XDG_CONFIG_HOME=" + h.file("evil"),
	}
}

// TestHostileEnvironment: what the user's environment says reaches the set-uid program at most, never the helper. The
// right answer is in, the wrong one out, also from root's own program, which the linker trusts.
func TestHostileEnvironment(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions, "locks: {pair: {after: 0}, user: {after: 0}, source: {after: 0}}")
	d.Enrol("anna")
	d.Enrol("lutz")
	h.stacks("failmode=safe")
	evil := h.evil()

	in(t, h.answered(t, h.suAs("lutz", "anna", evil), true), "done")
	h.refused(t, h.suAs("lutz", "anna", evil))
	sudo := h.as("lutz", "sudo", "-k", "echo", "done")
	sudo.Env = append(sudo.Env, evil...)
	in(t, h.answered(t, sudo, true), "done")

	// Not set-uid: there the linker does as it is told.
	path, err := hostProgram()
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.command("/usr/bin/env", append(evil, path, "su", "anna")...)
	x := start(t, cmd)
	if line := x.line(t); !strings.Contains(line, "Password:") {
		t.Fatalf("%q", line)
	}
	x.answer(t, password)
	if line := x.line(t); !strings.Contains(line, "PINphrase:") {
		t.Fatalf("%q", line)
	} else {
		h.looksAtHelper()
		x.answer(t, appliance.Right(t, line))
	}
	if codes := x.run(t, true); len(codes) != 1 || codes[0] != "0" {
		t.Errorf("pam_authenticate gives %v", codes)
	}
	spied, err := os.ReadFile(h.file("spied"))
	if err != nil || !strings.Contains(string(spied), "host\n") {
		t.Fatalf("the spy was not even in the program that was to load it: %q, %v", spied, err)
	}
	if strings.Contains(string(spied), "latchkey-pam") {
		t.Errorf("the user's library was loaded into the helper: %q", spied)
	}
	if left, err := os.ReadDir(h.file("evil")); err != nil || len(left) > 0 {
		t.Errorf("something was written where the user said: %v, %v", left, err)
	}
	h.noSecrets(d)
}

// looksAtHelper looks at a helper that waits: it is root's, with nothing of its caller's but one socket.
func (h *host) looksAtHelper() {
	h.t.Helper()
	pids := h.running(h.helper)
	if len(pids) != 1 {
		h.t.Fatalf("the helpers are %v", pids)
	}
	read := func(name string) string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pids[0], name))
		if err != nil {
			h.t.Fatal(err)
		}
		return string(text)
	}
	const fixed = "PATH=/usr/sbin:/usr/bin:/sbin:/bin\x00LC_ALL=C\x00GOMAXPROCS=1\x00GODEBUG=containermaxprocs=0,updatemaxprocs=0\x00GOGC=off\x00GOMEMLIMIT=64MiB\x00"
	if environment := read("environ"); environment != fixed {
		h.t.Errorf("the helper's environment is %q", environment)
	}
	if line := read("cmdline"); line != "latchkey-pam\x00" {
		h.t.Errorf("the helper's arguments are %q", line)
	}
	status := read("status")
	for _, want := range []string{`Uid:\t0\t0\t0\t0\n`, `Gid:\t0\t0\t0\t0\n`, `Groups:\t *\n`, `SigBlk:\t0+\n`} {
		if !regexp.MustCompile(want).MatchString(status) {
			h.t.Errorf("the helper's status has no %s:\n%s", want, status)
		}
	}
	limits := read("limits")
	for _, want := range []string{`Max core file size +0 +0 `, `Max address space +unlimited +unlimited `, `Max open files +1024 +1024 `} {
		if !regexp.MustCompile(want).MatchString(limits) {
			h.t.Errorf("the helper's limits have no %s:\n%s", want, limits)
		}
	}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pids[0]))
	if err != nil || len(links) < 4 {
		h.t.Fatalf("the helper's descriptors: %v, %v", links, err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && !regexp.MustCompile(`^(/dev/null|socket:\[\d+\]|anon_inode:\[(eventpoll|eventfd|pidfd)\]|/sys/fs/cgroup/.*)$`).MatchString(target) {
			h.t.Errorf("the helper has %s open", target)
		}
	}
}

// suAs is su, on a terminal, with more of an environment.
func (h *host) suAs(user, to string, env []string, wrap ...string) *exec.Cmd {
	cmd := h.as(user, append(wrap, "su", to, "-c", "echo done")...)
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// answered goes through password and one question.
func (h *host) answered(t *testing.T, cmd *exec.Cmd, right bool) *appliance.Terminal {
	t.Helper()
	term := appliance.OnTerminal(t, cmd)
	term.Expect(t, `(?i)password[^:]*: $`)
	term.Type(t, password)
	prompt := asked(t, term)
	if right {
		term.Type(t, appliance.Right(t, prompt))
	} else {
		term.Type(t, appliance.Wrong(t, prompt))
	}
	return term
}

// refused goes through a login that gives the password and never the right answer. It may end before that, but it must
// neither let in nor die.
func (h *host) refused(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	term := appliance.OnTerminal(t, cmd)
	for range 10 {
		said := term.OrEnds(t, `(?i)password[^:]*: $|PINphrase: [^\r\n]*\. $`)
		if said == nil {
			break
		}
		if strings.Contains(said[0], "PINphrase") {
			term.Type(t, appliance.Wrong(t, said[0]))
		} else {
			term.Type(t, password)
		}
	}
	err := term.Wait(t)
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		t.Errorf("it ends with %v\n%s", err, term)
	} else if status, ok := ended.Sys().(syscall.WaitStatus); !ok || status.Signaled() {
		t.Errorf("it died: %v\n%s", err, term)
	}
	if regexp.MustCompile(`done|egmentation|bort|core dumped`).MatchString(term.String()) {
		t.Errorf("it lets in, or dies\n%s", term)
	}
}

// TestHostileLimits: the limits of whoever calls su bind su, not the helper. Where su itself has too little, it denies.
func TestHostileLimits(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions, "locks: {pair: {after: 0}, user: {after: 0}, source: {after: 0}}")
	d.Enrol("anna")
	h.stacks("failmode=safe nullok")
	limited := func(limit string) *exec.Cmd {
		return h.suAs("lutz", "anna", nil, "sh", "-c", limit+`; exec "$@"`, "sh")
	}
	for _, limit := range []string{"ulimit -v 300000", "ulimit -v 60000", "ulimit -n 16", "ulimit -d 20000", "ulimit -c unlimited", "ulimit -t 3", "ulimit -l 0", "ulimit -i 0"} {
		t.Run(limit, func(t *testing.T) {
			// In a container without CAP_SYS_RESOURCE not even root can lift what binds the memory of the helper.
			if memory := strings.Contains(limit, "-v") || strings.Contains(limit, "-d"); !memory || mayLiftLimits(t) {
				in(t, h.answered(t, limited(limit), true), "done")
			}
			h.refused(t, limited(limit))
		})
	}
	for _, limit := range []string{"ulimit -n 4", "ulimit -n 5", "ulimit -n 6", "ulimit -n 7", "ulimit -n 8", "ulimit -v 6000", "ulimit -v 12000", "ulimit -s 40", "ulimit -t 1", "ulimit -d 100", "ulimit -u 1"} {
		t.Run(limit, func(t *testing.T) { h.refused(t, limited(limit)) })
	}
	h.noSecrets(d)
}

func mayLiftLimits(t *testing.T) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	found := regexp.MustCompile(`CapEff:\t([0-9a-f]{16})`).FindSubmatch(status)
	if err != nil || found == nil {
		t.Fatalf("my own capabilities: %v", err)
	}
	caps, err := strconv.ParseUint(string(found[1]), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return caps&(1<<unix.CAP_SYS_RESOURCE) != 0
}

// TestHostileKills: the helper dies at each moment of a login, under a fail mode that lets in where the appliance
// cannot be reached. It can be, so each is a denial.
func TestHostileKills(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("anna")
	h.stacks("failmode=safe nullok")
	end := func(x *talk) {
		t.Helper()
		h.await("the helper", 10*time.Second, func() bool { return len(h.running(h.helper)) == 1 })
		kill(t, h.running(h.helper)[0], syscall.SIGKILL)
		if codes := x.run(t, true); len(codes) != 1 || codes[0] == "0" || codes[0] == "25" {
			t.Errorf("pam_authenticate gives %v\n%s", codes, x.all.String())
		}
		h.await("nothing to be left", 10*time.Second, func() bool { return len(h.running(h.helper)) == 0 })
	}
	begin := func() *talk {
		t.Helper()
		x := h.program(t, "root", "su", "anna")
		if line := x.line(t); !strings.Contains(line, "Password:") {
			t.Fatalf("%q", line)
		}
		return x
	}
	// Before the question is there.
	d.Pause()
	x := begin()
	x.answer(t, password)
	end(x)
	d.Continue()
	// While it is asked.
	x = begin()
	x.answer(t, password)
	line := x.line(t)
	if !strings.Contains(line, "PINphrase") {
		t.Fatalf("%q", line)
	}
	h.await("the helper", 10*time.Second, func() bool { return len(h.running(h.helper)) == 1 })
	kill(t, h.running(h.helper)[0], syscall.SIGKILL)
	x.answer(t, appliance.Right(t, line))
	if codes := x.run(t, true); len(codes) != 1 || codes[0] == "0" || codes[0] == "25" {
		t.Errorf("pam_authenticate gives %v", codes)
	}
	// While the answer is looked at.
	x = begin()
	x.answer(t, password)
	if line = x.line(t); !strings.Contains(line, "PINphrase") {
		t.Fatalf("%q", line)
	}
	d.Pause()
	x.answer(t, appliance.Right(t, line))
	end(x)
	d.Continue()
	h.log.Await(t, 0, `the helper ended, was late, or spoke garbage: denied`)
}
