package test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is a throw-away copy of this system: an overlay over its root, in mount, network and
// process namespaces of its own. Whatever is installed or started there is gone with it.
type machine struct {
	t    *testing.T
	init *exec.Cmd
}

// stage prepares the copy and then waits as process 1 of the namespace, until its input ends.
const stage = `set -e
base=$1
mount -t tmpfs tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
root=$base/root
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
for dir in run tmp var/tmp; do mount -t tmpfs tmpfs "$root/$dir"; done
# The machine is to be one that has never seen the package.
rm -f "$root"/etc/pam.d/latchkey*
chroot "$root" dpkg --no-triggers --purge latchkey latchkey-client >/dev/null 2>&1 || true
rm -rf "$root/etc/latchkey" "$root/var/lib/latchkey"
chroot "$root" userdel --force lutz >/dev/null 2>&1 || true
ip link set lo up
cp "$2" "$root/tmp/latchkey.deb"
echo up
exec cat >/dev/null`

func newMachine(t *testing.T, deb string) *machine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("installing a package needs root, as does mounting the copy of the system that it is installed into; run make test as root")
	}
	cmd := exec.Command("unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--propagation", "private",
		"bash", "-c", stage, "stage", t.TempDir(), deb)
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var problems bytes.Buffer
	cmd.Stderr = &problems
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, init: cmd}
	t.Cleanup(func() { _ = input.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "up\n" {
		t.Fatalf("the throw-away system does not come up: %q, %v\n%s", line, err, problems.String())
	}
	return m
}

// pid1 is the process whose namespaces are the machine's: the child of unshare.
func (m *machine) pid1() string {
	m.t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", m.init.Process.Pid))
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimSpace(string(children))
}

// root is the machine's root directory, seen from outside.
func (m *machine) root() string {
	m.t.Helper()
	mounts, err := os.ReadFile("/proc/" + m.pid1() + "/mounts")
	if err != nil {
		m.t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "overlay" && strings.HasSuffix(f[1], "/root") && strings.HasPrefix(f[1], os.TempDir()) {
			return "/proc/" + m.pid1() + "/root" + f[1]
		}
	}
	m.t.Fatal("the machine has no root")
	return ""
}

// command prepares a command in the machine.
func (m *machine) command(name string, args ...string) *exec.Cmd {
	m.t.Helper()
	pid, root := m.pid1(), m.root()
	inside := strings.TrimPrefix(root, "/proc/"+pid+"/root")
	enter := []string{"--target", pid, "--mount", "--net", "--pid", "--ipc", "chroot", inside, name}
	cmd := exec.Command("nsenter", append(enter, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}
	return cmd
}

// sh runs a script in the machine; it must succeed.
func (m *machine) sh(script string) string {
	m.t.Helper()
	out, err := m.command("bash", "-euo", "pipefail", "-c", script).CombinedOutput()
	if err != nil {
		m.t.Fatalf("$ %s\n%v\n%s", script, err, out)
	}
	return string(out)
}

// daemon is latchkeyd as the unit starts it, as far as that goes without systemd.
type daemon struct {
	cmd   *exec.Cmd
	log   *bytes.Buffer
	ended chan error
}

// startDaemon makes what the unit's directories are, and starts its command as its user without
// privileges. It returns when the daemon has told its notification socket that it is ready.
func (m *machine) startDaemon() *daemon {
	m.t.Helper()
	unit := m.sh("cat /lib/systemd/system/latchkeyd.service")
	setting := func(key string) string {
		for line := range strings.Lines(unit) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
				return value
			}
		}
		m.t.Fatalf("the unit has no %s=", key)
		return ""
	}
	user, group := setting("User"), setting("Group")
	for key, parent := range map[string]string{"StateDirectory": "/var/lib", "RuntimeDirectory": "/run", "LogsDirectory": "/var/log"} {
		m.sh(fmt.Sprintf("install -d -o %s -g %s -m %s %s/%s", user, group, setting(key+"Mode"), parent, setting(key)))
	}
	socket, err := listenNotify(m.root() + "/run/notify")
	if err != nil {
		m.t.Fatal(err)
	}
	defer socket.Close()

	args := append([]string{"--reuid", user, "--regid", group, "--init-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all",
		"bash", "-c", "umask " + setting("UMask") + " && exec \"$@\"", "unit"}, strings.Fields(setting("ExecStart"))...)
	d := &daemon{cmd: m.command("setpriv", args...), log: &bytes.Buffer{}, ended: make(chan error, 1)}
	d.cmd.Env = append(d.cmd.Env, "NOTIFY_SOCKET=/run/notify")
	d.cmd.Stderr = d.log
	if err := d.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() { d.ended <- d.cmd.Wait() }()
	if err := socket.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		m.t.Fatal(err)
	}
	message := make([]byte, 256)
	n, err := socket.Read(message)
	if err != nil || !strings.Contains(string(message[:n]), "READY=1") {
		_ = d.cmd.Process.Kill()
		<-d.ended
		m.t.Fatalf("latchkeyd did not tell that it is ready: %q, %v\n%s", message[:n], err, d.log)
	}
	return d
}

// stop ends it as systemd does.
func (m *machine) stopDaemon(d *daemon) {
	m.t.Helper()
	m.sh("kill -TERM $(pidof latchkeyd)")
	if err := <-d.ended; err != nil {
		m.t.Errorf("latchkeyd ends with %v\n%s", err, d.log)
	}
}

// exit gives the status of a command that may fail.
func exit(err error) int {
	var status *exec.ExitError
	if errors.As(err, &status) && status.Exited() {
		return status.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// mode is what stat says: "600 latchkey:latchkey".
func (m *machine) mode(path string) string {
	m.t.Helper()
	return strings.TrimSpace(m.sh("stat -c '%a %U:%G' " + path))
}

func (m *machine) exists(path string) bool {
	m.t.Helper()
	_, err := os.Lstat(filepath.Join(m.root(), path))
	if err != nil && !errors.Is(err, syscall.ENOENT) {
		m.t.Fatal(err)
	}
	return err == nil
}
