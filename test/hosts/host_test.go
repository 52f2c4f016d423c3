package hosts

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
)

// password is what everybody's account on a host has.
const password = "unix-password-1"

// uids of the accounts on a host.
var uids = map[string]int{"lutz": 51001, "anna": 51002, "bert": 51003, "root": 0}

// host is a Linux machine for logins: a mount namespace, which a process holds.
type host struct {
	t      *testing.T
	folder string // its /etc, /dev and /home are in here
	pid    string // of the process that holds the namespace
	log    *appliance.Screen
	socket string // of latchkeyd, for root
	users  string // of latchkeyd, for everybody
	helper string // its own copy, so that its processes are known
}

// stage makes the namespace from a folder, says "ready", and holds it.
const stage = `set -e
F=$1
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs $F/dev
for n in null zero full random urandom tty; do touch $F/dev/$n; mount --bind /dev/$n $F/dev/$n; done
mkdir $F/dev/pts $F/dev/shm
mount --bind /dev/pts $F/dev/pts
ln -s pts/ptmx $F/dev/ptmx
ln -s /proc/self/fd $F/dev/fd
ln -s $F/syslog $F/dev/log
mount --rbind $F/dev /dev
mount --bind $F/etc /etc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd /run/lock
mount --bind $F/home /home
[ -z "$2" ] || mount --bind $2/usr/lib/openssh /usr/lib/openssh
echo ready
exec sleep 100000
`

// newHost makes a host with the accounts lutz, anna and bert. Its stacks are those of stacks.
func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, folder: appliance.Folder(t), log: appliance.NewScreen("syslog of the host")}
	if err := os.Chmod(h.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	h.copyEtc()
	h.mkdir("dev")
	h.mkdir("home")
	h.mkdir("run")
	h.helper = h.file("latchkey-pam")
	h.run("cp", built.helper, h.helper)
	h.accounts()
	h.syslog()
	ready := appliance.NewScreen("stage")
	cmd := exec.Command("unshare", "-m", "--propagation", "private", "sh", "-c", stage, "stage", h.folder, os.Getenv(anotherSSHD))
	holder := appliance.Launch(t, cmd, ready)
	ready.Await(t, 0, "ready")
	h.pid = fmt.Sprint(holder.PID())
	return h
}

// copyEtc copies the whole of /etc, again where somebody has changed it meanwhile, as apt does.
func (h *host) copyEtc() {
	h.t.Helper()
	var out []byte
	err := errors.New("never tried")
	for tries := 0; err != nil && tries < 5; tries++ {
		_ = os.RemoveAll(h.file("etc"))
		out, err = exec.Command("cp", "-a", "/etc", h.file("etc")).CombinedOutput()
	}
	if err != nil {
		h.t.Fatalf("a copy of /etc: %v\n%s", err, out)
	}
}

func (h *host) file(name string) string { return filepath.Join(h.folder, name) }

func (h *host) mkdir(name string) {
	h.t.Helper()
	if err := os.Mkdir(h.file(name), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// etc writes a file of the host's /etc.
func (h *host) etc(name, content string) {
	h.t.Helper()
	path := filepath.Join(h.folder, "etc", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	_ = os.Remove(path)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) run(name string, args ...string) string {
	h.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		h.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (h *host) accounts() {
	h.t.Helper()
	hash := strings.TrimSpace(h.run("openssl", "passwd", "-6", password))
	var passwd, shadow, group strings.Builder
	for name, uid := range uids {
		home := "/root"
		if uid != 0 {
			home = "/home/" + name
			h.mkdir("home/" + name)
			if err := os.Chown(h.file("home/"+name), uid, uid); err != nil {
				h.t.Fatal(err)
			}
		}
		fmt.Fprintf(&passwd, "%s:x:%d:%d::%s:/bin/sh\n", name, uid, uid, home)
		fmt.Fprintf(&shadow, "%s:%s:19000:0:99999:7:::\n", name, hash)
		fmt.Fprintf(&group, "%s:x:%d:\n", name, uid)
	}
	for i, name := range users() {
		fmt.Fprintf(&passwd, "%s:x:%d:51004::/tmp:/bin/sh\n", name, 51100+i)
		fmt.Fprintf(&shadow, "%s:%s:19000:0:99999:7:::\n", name, hash)
	}
	fmt.Fprintf(&group, "exempt:x:52000:bert\nstaff2:x:52001:lutz,anna\n")
	passwd.WriteString("sshd:x:105:65534::/run/sshd:/usr/sbin/nologin\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n")
	group.WriteString("tty:x:5:\nshadow:x:42:\nnogroup:x:65534:\nutmp:x:43:\ndaemon:x:1:\n")
	h.etc("passwd", passwd.String())
	h.etc("group", group.String())
	h.etc("shadow", shadow.String())
	h.etc("nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
	h.etc("sudoers", "Defaults env_reset, !lecture, timestamp_timeout=0\nlutz ALL=(ALL) ALL\nroot ALL=(ALL) ALL\n")
	if err := os.Chmod(h.file("etc/sudoers"), 0o440); err != nil {
		h.t.Fatal(err)
	}
	h.run("rm", "-rf", h.file("etc/sudoers.d"), h.file("etc/pam.d"), h.file("etc/securetty"), h.file("etc/ssh/sshd_config.d"))
	if err := os.Chmod(h.file("etc/shadow"), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// syslog listens where the host's programs log.
func (h *host) syslog() {
	h.t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: h.file("syslog"), Net: "unixgram"})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := os.Chmod(h.file("syslog"), 0o666); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			_, _ = h.log.Write(append(buffer[:n:n], '\n'))
		}
	}()
}

// command is a program on the host, run by root.
func (h *host) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"--mount=/proc/" + h.pid + "/ns/mnt", "--", name}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=dumb", "LANG=C.UTF-8"}
	cmd.Dir = "/"
	return cmd
}

// as is a program on the host that a user runs.
func (h *host) as(user string, args ...string) *exec.Cmd {
	uid := fmt.Sprint(uids[user])
	cmd := h.command("setpriv", append([]string{"--reuid=" + uid, "--regid=" + uid, "--clear-groups"}, args...)...)
	cmd.Env = append(cmd.Env, "HOME=/home/"+user, "USER="+user, "LOGNAME="+user)
	return cmd
}

// stack is a PAM stack with our module behind pam_unix: the module's line, with what the test adds to it.
func (h *host) stack(service, options string) {
	h.t.Helper()
	h.etc("pam.d/"+service, fmt.Sprintf(`auth requisite pam_unix.so nodelay
auth required %s
account required pam_unix.so
session required pam_permit.so
`, h.module(options)))
}

// module is the module's part of a line.
func (h *host) module(options string) string {
	line := built.module + " helper=" + h.helper
	if h.socket != "" && !strings.Contains(options, "socket=") && !strings.Contains(options, "url=") {
		line += " socket=" + h.socket
	}
	return line + " " + options
}

// stacks gives all services the module with the same options.
func (h *host) stacks(options string) {
	h.t.Helper()
	for _, service := range []string{"sshd", "sudo", "su", "su-l", "login"} {
		h.stack(service, options)
	}
	h.etc("pam.d/other", "auth required pam_deny.so\naccount required pam_deny.so\n")
}

// running are the processes of the host whose program has this path.
func (h *host) running(program string) (pids []int) {
	h.t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil || len(links) == 0 {
		h.t.Fatalf("no processes: %v", err)
	}
	for _, link := range links {
		pid, err := strconv.Atoi(strings.Split(link, "/")[2])
		if target, errLink := os.Readlink(link); err == nil && errLink == nil && target == program && h.inside(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// inside tells whether a process is in the host's namespace.
func (h *host) inside(pid int) bool {
	mine, err := os.Readlink("/proc/" + h.pid + "/ns/mnt")
	other, errOther := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	return err == nil && errOther == nil && mine == other
}

// await looks until something holds, a few times a second: for what nobody tells.
func (h *host) await(what string, within time.Duration, holds func() bool) {
	h.t.Helper()
	for late := time.Now().Add(within); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(late) {
			h.t.Fatalf("waited %s for %s\n%s", within, what, h.log)
		}
	}
}

// kill ends a process by its id.
func kill(t *testing.T, pid int, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
}
