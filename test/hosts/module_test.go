package hosts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// The module under those that watch a program's memory: right and wrong answers, a helper that is killed, lies, or is
// not there, and a person who goes.
func TestModulesMemory(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("anna")
	sanitized := filepath.Join(h.folder, "sanitized.so")
	build := exec.Command("../../pam_module/build", sanitized)
	build.Env = append(os.Environ(), "CFLAGS=-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	asan := strings.TrimSpace(h.run("gcc", "-print-file-name=libasan.so"))
	liar := h.file("liar")
	if err := os.WriteFile(liar, []byte("#!/bin/sh\nhead -c 9000 /dev/urandom >&3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, watcher := range []struct {
		name, module string
		args, env    []string
		complains    string
	}{
		{"valgrind", built.module, []string{appliance.Need(t, "valgrind", "valgrind"), "-q", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite",
			"--child-silent-after-fork=yes"}, nil, `(?m)^==\d+==`},
		{"sanitizers", sanitized, nil, []string{"LD_PRELOAD=" + asan, "ASAN_OPTIONS=detect_leaks=1:exitcode=99", "UBSAN_OPTIONS=print_stacktrace=1"}, `Sanitizer|runtime error`},
	} {
		line := func(helper, options string) string {
			return "auth required " + watcher.module + " helper=" + helper + " socket=" + h.socket + " " + options + "\n"
		}
		for name, c := range map[string]struct {
			stack string
			talk  func(t *testing.T, term *appliance.Terminal)
			code  int
		}{
			"right": {line(h.helper, "debug"), func(t *testing.T, term *appliance.Terminal) {
				term.Type(t, appliance.Right(t, asked(t, term)))
				term.Expect(t, "successfully authenticated")
			}, 0},
			"wrong once": {line(h.helper, ""), func(t *testing.T, term *appliance.Terminal) {
				term.Type(t, appliance.Wrong(t, asked(t, term)))
				term.Type(t, appliance.Right(t, asked(t, term)))
				term.Expect(t, "successfully authenticated")
			}, 0},
			"killed": {line(h.helper, ""), func(t *testing.T, term *appliance.Terminal) {
				prompt := asked(t, term)
				for _, pid := range h.running(h.helper) {
					kill(t, pid, 9)
				}
				term.Type(t, appliance.Right(t, prompt))
				term.Expect(t, "pamtester: ")
			}, 1},
			"lied to": {line(liar, ""), func(t *testing.T, term *appliance.Terminal) { term.Expect(t, "pamtester: ") }, 1},
			"alone":   {line("/none", ""), func(t *testing.T, term *appliance.Terminal) { term.Expect(t, "pamtester: ") }, 1},
		} {
			t.Run(watcher.name+", "+name, func(t *testing.T) {
				h.etc("pam.d/watched", c.stack)
				args := append(append([]string{}, watcher.args...), "pamtester", "watched", "anna", "authenticate")
				cmd := h.command("env", append(append([]string{}, watcher.env...), args...)...)
				term := appliance.OnTerminal(t, cmd)
				c.talk(t, term)
				_ = term.Wait(t)
				if code := term.ExitCode(); code != c.code {
					t.Errorf("exit code %d, want %d\n%s", code, c.code, term)
				}
				if regexp.MustCompile(watcher.complains).MatchString(term.String()) {
					t.Errorf("%s complains\n%s", watcher.name, term)
				}
			})
		}
	}
}

// The login program keeps nothing of ours: no child, no descriptor, and its own way with SIGCHLD.
func TestProgramsThatTakeTheirChildren(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("anna")
	h.etc("pam.d/plain", "auth required "+h.module("")+"\n")
	program := h.file("program")
	const source = `#include <errno.h>
#include <security/pam_appl.h>
#include <security/pam_misc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <dirent.h>
static void reap(int sig) { int e = errno; (void)sig; while (waitpid(-1, 0, WNOHANG) > 0) ; errno = e; }
static int count(const char *dir) { int n = 0; DIR *d = opendir(dir); while (readdir(d)) n++; closedir(d); return n; }
int main(int argc, char **argv) {
	struct pam_conv conv = {misc_conv, NULL};
	pam_handle_t *h;
	(void)argc;
	signal(SIGCHLD, strcmp(argv[1], "ignore") == 0 ? SIG_IGN : strcmp(argv[1], "reap") == 0 ? reap : SIG_DFL);
	if (pam_start("plain", "anna", &conv, &h)) return 2;
	int before = count("/proc/self/fd");
	int code = pam_authenticate(h, 0);
	printf("code %d fds %d tasks %d child %d\n", code, count("/proc/self/fd") - before, count("/proc/self/task") - 2, (int)waitpid(-1, 0, WNOHANG));
	pam_end(h, code);
	return 0;
}
`
	cmd := exec.Command("cc", "-x", "c", "-o", program, "-", "-lpam", "-lpam_misc")
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, way := range []string{"default", "ignore", "reap"} {
		t.Run(way, func(t *testing.T) {
			term := appliance.OnTerminal(t, h.command(program, way))
			term.Type(t, appliance.Right(t, asked(t, term)))
			term.Expect(t, `code 0 fds (0|1) tasks 1 child -1`)
		})
	}
}
