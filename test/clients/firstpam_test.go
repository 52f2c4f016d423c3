package clients

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/latchkey/latchkey/test/appliance"
)

// accountPassword is the one that all accounts of the system have; Latchkey keeps another one, which is worth nothing
// here.
const accountPassword = "cAnArY-of-the-account-7"

var pamcheckBuilt = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(built.Latchkeyd), "latchkey-pamcheck")
	cmd := exec.Command("go", "build", "-o", path, "github.com/latchkey/latchkey/pam_module/pamcheck")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build (libpam0g-dev and gcc are needed): %w\n%s", err, out)
	}
	return path, nil
})

// pamHouse is an appliance whose passwords PAM checks, and a latchkey-pamcheck beside it that sees accounts of its own.
type pamHouse struct {
	*appliance.Appliance
	radclient
	t       *testing.T
	folder  string // holds etc, the socket, and what the stack's script looks at
	stack   string // of the service
	workers int
	log     *appliance.Screen
	process *appliance.Process
}

// slow is what the stack runs after pam_unix: while the file stuck is there, it waits.
const slow = `#!/bin/sh
[ ! -e %[1]s/stuck ] || exec cat %[1]s/fifo
`

func newPAMHouse(t *testing.T, stack string, workers int, users ...string) *pamHouse {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("a private /etc needs root; run make test as root")
	}
	h := &pamHouse{t: t, folder: appliance.Folder(t), workers: workers, log: appliance.NewScreen("log of latchkey-pamcheck")}
	h.stack = strings.ReplaceAll(stack, "SLOW", "pam_exec.so "+h.file("slow"))
	appliance.Write(t, h.file("slow"), fmt.Sprintf(slow, h.folder))
	if err := errors.Join(os.Chmod(h.folder, 0o711), os.Chmod(h.file("slow"), 0o755), syscall.Mkfifo(h.file("fifo"), 0o600)); err != nil {
		t.Fatal(err)
	}
	h.accounts()
	h.begin()
	h.Appliance = appliance.Start(t, appliance.Config{Binaries: built, First: "pam", Sections: fmt.Sprintf(
		"pam: {socket: %s, check_within: 2s, at_once: %d}\n", h.file("socket"), workers)})
	for _, user := range users {
		h.Add(user)
	}
	h.Enrol("lutz")
	h.radclient = newRadclient(t, h.Address, appliance.Secret)
	return h
}

func (h *pamHouse) file(name string) string { return filepath.Join(h.folder, name) }

// accounts makes a copy of /etc with five more accounts: "outsider" is none of Latchkey's.
func (h *pamHouse) accounts() {
	h.t.Helper()
	if out, err := exec.Command("cp", "-a", "/etc", h.file("etc")).CombinedOutput(); err != nil {
		h.t.Fatalf("cp: %v\n%s", err, out)
	}
	made := exec.Command(appliance.Need(h.t, "openssl", "openssl"), "passwd", "-6", "-stdin")
	made.Stdin = strings.NewReader(accountPassword + "\n")
	out, err := made.Output()
	if err != nil {
		h.t.Fatal(err)
	}
	hash := strings.TrimSpace(string(out))
	today := time.Now().Unix() / 86400
	var passwd, shadow strings.Builder
	for i, account := range []struct{ name, shadow string }{
		{"lutz", fmt.Sprintf("%s:%d:0:99999:7:::", hash, today)},
		{"outsider", fmt.Sprintf("%s:%d:0:99999:7:::", hash, today)},
		{"stale", fmt.Sprintf("%s:%d:0:30:7:::", hash, today-400)},
		{"expired", fmt.Sprintf("%s:%d:0:99999:7::%d:", hash, today, today-2)},
		{"locked", fmt.Sprintf("!%s:%d:0:99999:7:::", hash, today)},
	} {
		fmt.Fprintf(&passwd, "%s:x:%d:65534::/nonexistent:/usr/sbin/nologin\n", account.name, 61000+i)
		fmt.Fprintf(&shadow, "%s:%s\n", account.name, account.shadow)
	}
	for name, more := range map[string]string{"passwd": passwd.String(), "shadow": shadow.String()} {
		path := filepath.Join(h.file("etc"), name)
		old, err := os.ReadFile(path)
		if err == nil {
			// In front: the first of a name counts, also where this machine has one of that name.
			err = os.WriteFile(path, append([]byte(more), old...), 0o644)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
	h.service(h.stack)
}

// service writes the PAM service.
func (h *pamHouse) service(stack string) {
	h.t.Helper()
	path := filepath.Join(h.file("etc"), "pam.d/latchkey-pamcheck")
	appliance.Write(h.t, path+".new", stack)
	if err := os.Rename(path+".new", path); err != nil { // another file, so another version
		h.t.Fatal(err)
	}
}

// begin starts latchkey-pamcheck under the copy of /etc.
func (h *pamHouse) begin() {
	h.t.Helper()
	program, err := pamcheckBuilt()
	if err != nil {
		h.t.Fatal(err)
	}
	from := h.log.Len()
	h.process = appliance.Launch(h.t, exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-ec",
		`mount --bind "$1" /etc; shift; exec "$@"`, "sh", h.file("etc"),
		program, "--socket", h.file("socket"), "--user", "root", "--workers", strconv.Itoa(h.workers)), h.log)
	h.log.Await(h.t, from, `"msg":"ready"`)
}

// kill ends latchkey-pamcheck at once.
func (h *pamHouse) kill() {
	h.t.Helper()
	h.process.Signal(h.t, syscall.SIGKILL)
	_ = h.process.Wait(h.t)
}

var readyPID = regexp.MustCompile(`"msg":"ready".*"pid":(\d+)`)

// pids are those of latchkey-pamcheck, and of its workers.
func (h *pamHouse) pids() (service int, workers []int) {
	h.t.Helper()
	found := readyPID.FindAllStringSubmatch(h.log.String(), -1)
	service, _ = strconv.Atoi(found[len(found)-1][1])
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", service))
	if err != nil || len(children) == 0 {
		h.t.Fatalf("process %d: %v", service, err)
	}
	for _, path := range children {
		text, _ := os.ReadFile(path) // a thread may have ended
		for _, pid := range strings.Fields(string(text)) {
			n, _ := strconv.Atoi(pid)
			workers = append(workers, n)
		}
	}
	return service, workers
}

// stick lets the stack wait from now on; unstick ends that, for those who come.
func (h *pamHouse) stick()   { appliance.Write(h.t, h.file("stuck"), "") }
func (h *pamHouse) unstick() { _ = os.Remove(h.file("stuck")) }

// hung waits until a stack hangs, and keeps it there. gone then waits until none does any more.
func (h *pamHouse) hung() (gone func()) {
	h.t.Helper()
	opened := make(chan *os.File)
	go func() {
		f, err := os.OpenFile(h.file("fifo"), os.O_WRONLY, 0) // waits for a reader
		if err != nil {
			h.t.Error(err)
		}
		opened <- f
	}()
	select {
	case f := <-opened:
		h.t.Cleanup(func() { _ = f.Close() })
		return func() {
			h.t.Helper()
			pollFor(h.t, f.Fd(), 0) // POLLERR: there is no reader
		}
	case <-time.After(20 * time.Second):
		h.t.Fatalf("no stack hangs\n%s", h.log)
		return nil
	}
}

func pollFor(t *testing.T, fd uintptr, events int16) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, int(time.Until(until).Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil || n != 1:
			t.Fatalf("it does not end: %d, %v", n, err)
		default:
			return
		}
	}
}

func (h *pamHouse) password(user, password string) reply {
	return h.send(h.t, "auth", "User-Name="+user, `User-Password="`+password+`"`, signed)
}

func (h *pamHouse) inVain(user, password string) {
	h.t.Helper()
	h.sendInVain(h.t, "auth", "User-Name="+user, `User-Password="`+password+`"`, signed).expect(h.t, "")
}

// login goes through both rounds.
func (h *pamHouse) login(user string) {
	h.t.Helper()
	challenge := h.password(user, accountPassword).expect(h.t, "Access-Challenge")
	h.second(h.t, user, challenge, appliance.Right(h.t, challenge.prompt(h.t))).expect(h.t, "Access-Accept")
}

const unixStack = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"

func TestFirstPAM(t *testing.T) {
	t.Parallel()
	h := newPAMHouse(t, unixStack, 4, "stale", "expired", "locked", "absent")
	from := time.Now()
	h.login("lutz")
	for _, c := range []struct{ user, password, reason string }{
		{"lutz", "guess", "wrong-password"},
		{"lutz", appliance.Password, "wrong-password"}, // the one that Latchkey keeps
		{"stale", accountPassword, "password-expired"},
		{"stale", "guess", "wrong-password"},
		{"expired", accountPassword, "account-refused"},
		{"locked", accountPassword, "wrong-password"},
		{"absent", accountPassword, "wrong-password"},
		{"outsider", accountPassword, "unknown-user"}, // right, and none of Latchkey's users
		{"root", "guess", "unknown-user"},
	} {
		r := h.password(c.user, c.password).expect(t, "Access-Reject")
		if text := r.attributes["Reply-Message"]; len(text) != 1 || !strings.HasPrefix(text[0], "Access denied") {
			t.Errorf("%s: %q tells more than others hear", c.user, text)
		}
		if outcomes := logins(t, h.Appliance, c.user); len(outcomes) == 0 || outcomes[len(outcomes)-1] != "reject "+c.reason {
			t.Errorf("%s: the audit log has %q, want %s", c.user, outcomes, c.reason)
		}
	}
	// pam_unix without nodelay takes two seconds for a failure.
	if took := time.Since(from); took > 15*time.Second {
		t.Errorf("all that took %s", took)
	}
	h.log.Await(t, 0, `may not log in.*"user":"stale".*Authentication token is no longer valid`)
	h.log.Await(t, 0, `may not log in.*"user":"expired".*User account has expired`)
	if text := h.log.String() + h.Log.String(); strings.Contains(text, accountPassword) || strings.Contains(text, "outsider\",\"detail") {
		t.Errorf("the logs hold a password, or somebody whom PAM must not have heard of\n%s", text)
	}
	h.remembersNothing()
}

// remembersNothing looks for the password in the memory of latchkey-pamcheck and all of its workers.
func (h *pamHouse) remembersNothing() {
	h.t.Helper()
	service, workers := h.pids()
	if len(workers) == 0 {
		h.t.Fatal("no worker is there to be looked at")
	}
	for _, pid := range append(workers, service) {
		read := 0
		for _, area := range memory(h.t, pid) {
			read += len(area)
			if at := bytes.Index(area, []byte(accountPassword)); at >= 0 {
				h.t.Errorf("process %d (of the workers %v) keeps the password: %q", pid, workers, area[max(0, at-32):min(len(area), at+64)])
			}
		}
		if read < 1<<16 {
			h.t.Errorf("only %d bytes of process %d could be read", read, pid)
		}
	}
}

func memory(t *testing.T, pid int) (areas [][]byte) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || mode[:2] != "rw" || to-from > 1<<28 {
			continue
		}
		area := make([]byte, to-from)
		if n, _ := mem.ReadAt(area, int64(from)); n > 0 {
			areas = append(areas, area[:n])
		}
	}
	return areas
}

// TestFirstPAMStuck: the stack hangs. Those who wait are not answered and not counted, second rounds are, and the pool
// is whole again when the time of a check is over.
func TestFirstPAMStuck(t *testing.T) {
	t.Parallel()
	h := newPAMHouse(t, "auth required pam_unix.so nodelay\nauth required SLOW\naccount required pam_unix.so\n", 2)
	challenge := h.password("lutz", accountPassword).expect(t, "Access-Challenge")
	_, before := h.pids()

	h.stick()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { h.inVain("lutz", accountPassword) })
	}
	gone := h.hung()
	h.second(t, "lutz", challenge, appliance.Right(t, challenge.prompt(t))).expect(t, "Access-Accept")
	all.Wait()
	h.log.Await(t, 0, `PAM took too long`)
	// Now names that nobody has get no answer either: else the outage would tell them from the others.
	for _, user := range []string{"nobody", "root"} {
		h.inVain(user, accountPassword)
	}
	h.unstick()

	gone()
	h.login("lutz")
	if _, after := h.pids(); slices.ContainsFunc(after, func(pid int) bool { return !slices.Contains(before, pid) }) == false {
		t.Errorf("the workers are %v, as before", after)
	}
	if outcomes := logins(t, h.Appliance, "lutz"); !slices.Equal(outcomes, []string{"accept right", "accept right"}) {
		t.Errorf("the audit log has %q", outcomes)
	}
}

// TestFirstPAMKilled: the service, or a worker, dies in the middle of a check, or is not there at all.
func TestFirstPAMKilled(t *testing.T) {
	t.Parallel()
	h := newPAMHouse(t, "auth required pam_unix.so nodelay\nauth required SLOW\naccount required pam_unix.so\n", 2)
	h.login("lutz")

	hang := func(end func()) {
		t.Helper()
		h.stick()
		var all sync.WaitGroup
		all.Go(func() { h.inVain("lutz", accountPassword) })
		h.hung()
		end()
		all.Wait()
		h.unstick()
	}
	hang(func() {
		_, workers := h.pids()
		for _, pid := range workers {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		h.log.Await(t, 0, `the worker died`)
	})
	h.login("lutz")

	service, workers := h.pids()
	var ends []int
	for _, pid := range workers {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, fd)
	}
	hang(func() {
		_ = syscall.Kill(service, syscall.SIGKILL)
		_ = h.process.Wait(t)
	})
	for _, fd := range ends { // the workers go with the service
		pollFor(t, uintptr(fd), unix.POLLIN)
		_ = unix.Close(fd)
	}
	// Nobody is there: known or not, nobody is answered, and the administrator hears why.
	from := h.Log.Len()
	h.inVain("lutz", accountPassword)
	h.inVain("nobody", accountPassword)
	h.Log.Await(t, from, `latchkey-pamcheck.socket`)
	if status := h.Latchkey("", "status", "--json"); !strings.Contains(status, "passwords cannot be checked by PAM") {
		t.Errorf("the status is silent about it:\n%s", status)
	}
	h.begin()
	h.login("lutz")
	if status := h.Latchkey("", "status", "--json"); strings.Contains(status, "PAM") {
		t.Errorf("the status has not noticed:\n%s", status)
	}
	if outcomes := logins(t, h.Appliance, "lutz"); !slices.Equal(outcomes, []string{"accept right", "accept right", "accept right"}) {
		t.Errorf("the audit log has %q", outcomes)
	}
}

// TestFirstPAMLooseStacks: a service that is none, or takes anything, or asks for more, lets in nobody, and counts
// nothing against anybody.
func TestFirstPAMLooseStacks(t *testing.T) {
	t.Parallel()
	h := newPAMHouse(t, unixStack, 2)
	path := filepath.Join(h.file("etc"), "pam.d/latchkey-pamcheck")
	for _, c := range []struct{ what, stack, said string }{
		{"permit", "auth required pam_permit.so\naccount required pam_permit.so\n", `takes any name with any password`},
		{"root is fine", "auth sufficient pam_rootok.so\nauth required pam_unix.so nodelay\naccount required pam_unix.so\n", `takes any name with any password`},
		{"wrong passwords are fine", "auth optional pam_unix.so nodelay\nauth required pam_permit.so\naccount required pam_unix.so\n", `takes any name with any password`},
		{"a broken line", "auth required pam_latchkey_missing.so\naccount required pam_unix.so\n", `no answer from PAM`},
		{"empty", "", `no answer from PAM`},
	} {
		from := h.log.Len()
		h.service(c.stack)
		for _, user := range []string{"lutz", "nobody"} {
			r := h.sendInVain(t, "auth", "User-Name="+user, "User-Password="+accountPassword, signed)
			if r.code != "" && r.code != "Access-Reject" {
				t.Errorf("%s: %s gets %s", c.what, user, r.code)
			}
		}
		h.log.Await(t, from, c.said)
	}
	h.service(unixStack)
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	from := h.log.Len()
	h.inVain("lutz", accountPassword)
	h.log.Await(t, from, `can be written by others than root`)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	from = h.log.Len()
	h.inVain("lutz", accountPassword) // libpam itself would take "other"
	h.log.Await(t, from, `there is no PAM service latchkey-pamcheck`)
	h.service(unixStack)
	h.login("lutz")
	if outcomes := logins(t, h.Appliance, "lutz"); !slices.Equal(outcomes, []string{"accept right"}) {
		t.Errorf("the audit log has %q", outcomes)
	}
}
