package hosts

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// hostProgram is testdata/host.c: a login program that does what nobody meant well with.
var hostProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(built.helper), "host")
	out, err := exec.Command("gcc", "-Wall", "-Wextra", "-Werror", "-o", path, "testdata/host.c", "-lpam").CombinedOutput()
	if err != nil {
		return "", &exec.Error{Name: "gcc: " + string(out), Err: err}
	}
	return path, nil
})

// talk is a login by it.
type talk struct {
	*appliance.Process
	said   *bufio.Reader
	typing *os.File
	all    strings.Builder
}

// program starts testdata/host.c on the host, as somebody, with words of its own.
func (h *host) program(t *testing.T, as, service, user string, words ...string) *talk {
	t.Helper()
	path, err := hostProgram()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{path, service, user}, words...)
	cmd := h.command(args[0], args[1:]...)
	if as != "root" {
		cmd = h.as(as, args...)
	}
	return start(t, cmd)
}

func start(t *testing.T, cmd *exec.Cmd) *talk {
	t.Helper()
	saidR, saidW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	typeR, typeW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{saidW, typeR}
	x := &talk{said: bufio.NewReaderSize(saidR, 64<<10), typing: typeW}
	x.Process = appliance.Launch(t, cmd, appliance.NewScreen("host program"))
	_, _ = saidW.Close(), typeR.Close()
	t.Cleanup(func() { _, _ = saidR.Close(), typeW.Close() })
	return x
}

// line is the next of what it says; "" when it has ended.
func (x *talk) line(t *testing.T) string {
	t.Helper()
	line, err := x.said.ReadString('\n')
	x.all.WriteString(line)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(line, "\n")
}

func (x *talk) answer(t *testing.T, text string) {
	t.Helper()
	if _, err := x.typing.WriteString(text + "\n"); err != nil {
		t.Fatal(err)
	}
}

// run answers the password and the questions, rightly or wrongly, until the end. It gives what pam_authenticate gave,
// each time, and complains of whatever the module has not left as it was.
func (x *talk) run(t *testing.T, right bool) (codes []string) {
	t.Helper()
	for {
		line := x.line(t)
		kind, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "end":
			if err := x.Wait(t); err != nil {
				t.Errorf("the program ends with %v\n%s", err, x.all.String())
			}
			return codes
		case kind == "result":
			codes = append(codes, rest)
		case kind == "text", rest == "":
			if line == "" {
				t.Errorf("the program died: %v\n%s", x.Wait(t), x.all.String())
				return codes
			}
		case strings.HasPrefix(rest, "Password:"):
			x.answer(t, password)
		case strings.Contains(rest, "PINphrase:"):
			typed := appliance.Wrong(t, rest)
			if right {
				typed = appliance.Right(t, rest)
			}
			x.answer(t, typed)
		case kind == "hidden", kind == "shown":
			x.answer(t, "what")
		default:
			t.Errorf("%q", line)
		}
	}
}

// What login programs do around PAM changes nothing: the right answer is in, the wrong one out, and no descriptor,
// thread, child, signal or mask is left other than it was.
func TestHostilePrograms(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions, "locks: {pair: {after: 0}, user: {after: 0}, source: {after: 0}}")
	d.Enrol("anna")
	h.stacks("failmode=safe")
	for _, words := range [][]string{
		{},
		{"closed"},
		{"chld-ignored"},
		{"chld-taken"},
		{"blocked"},
		{"closed", "blocked", "chld-ignored", "forks"},
		{"forks"},
		{"twice"},
		{"rhost=" + strings.Repeat("x", 5000)},
		{"rhost=a\nb%s%n", "tty=\x1b[2J%n%n", "ruser=\x7f\n"},
	} {
		name := strings.NewReplacer("\n", "^", "\x1b", "^", "\x7f", "^").Replace(strings.Join(words, " "))
		t.Run(name[:min(len(name), 40)], func(t *testing.T) {
			long := len(words) == 1 && len(words[0]) > 4096
			for _, right := range []bool{true, false} {
				codes := h.program(t, "root", "su", "anna", words...).run(t, right)
				if len(codes) == 0 {
					t.Error("no result")
				}
				for _, code := range codes {
					if (code == "0") != right && !long || long && code == "0" {
						t.Errorf("answered rightly: %t, pam_authenticate gives %s", right, code)
					}
				}
			}
		})
	}
	for _, line := range strings.Split(h.log.String(), "\n") {
		if strings.HasPrefix(line, "b%s") {
			t.Errorf("a line of the log is the attacker's: %q", line)
		}
	}
	h.noSecrets(d)
}

// Names that are none, as programs may hand them to PAM: denied, whatever the fail mode.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("anna")
	h.etc("pam.d/bare", "auth required "+h.module("failmode=safe nullok min_uid=1000")+"\naccount required pam_permit.so\n")
	for _, name := range []string{
		"%s%s%n%n", "anna\nroot", "anna\x01", "\x08anna", "anna ", " anna", "anna:x:0:0", "ANNA\x00"[:4] + "/", "../anna", "@anna", "+", "-", "*",
		"\xff\xfe", "a\u202eanna", strings.Repeat("a", 300), strings.Repeat("a", 5000), strings.Repeat("%n", 3000), strings.Repeat("ä", 60000),
	} {
		codes := h.program(t, "root", "bare", name).run(t, true)
		if len(codes) != 1 || codes[0] == "0" || codes[0] == "25" { // PAM_SUCCESS, PAM_IGNORE
			t.Errorf("%.40q: pam_authenticate gives %v", name, codes)
		}
	}
	if codes := h.program(t, "root", "bare", "anna").run(t, true); len(codes) != 1 || codes[0] != "0" {
		t.Errorf("anna herself: %v", codes)
	}
}
