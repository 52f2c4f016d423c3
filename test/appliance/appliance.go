// Package appliance starts a whole Latchkey for a test: the real latchkeyd on loopback with
// state of its own, and people with answers, made by the real command line. Beside it stand
// what such tests need everywhere: other people's programs, a terminal, and a person who reads
// a prompt.
//
// It must never know more of Latchkey than an administrator does: its binaries, its
// configuration file, its log.
package appliance

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Secret is what the one RADIUS client of an appliance shares with it.
const Secret = "between-nas-and-latchkey"

// Password is everybody's first factor.
const Password = "first-factor-1"

// Binaries are the programs under test.
type Binaries struct{ Latchkeyd, Latchkey string }

// Build makes them in dir, from the source around the working directory.
func Build(dir string) (Binaries, error) {
	cmd := exec.Command("go", "build", "-o", dir+"/",
		"github.com/latchkey/latchkey/cmd/latchkeyd", "github.com/latchkey/latchkey/cmd/latchkey")
	if out, err := cmd.CombinedOutput(); err != nil {
		return Binaries{}, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return Binaries{Latchkeyd: filepath.Join(dir, "latchkeyd"), Latchkey: filepath.Join(dir, "latchkey")}, nil
}

// Config of an Appliance.
type Config struct {
	Binaries Binaries
	Language string // of the appliance and everybody in it, "de" or "en"; "" is "en"

	// Client is put into the RADIUS client's entry, as a YAML flow mapping has it:
	// "message_authenticator: accept".
	Client string

	First    string // the policy's first factor; "" is "password"
	Sockets  string // more of the section socket, as a YAML flow mapping has it
	Policies string // more of the policies, whole lines
	Second   string // the policy's second factors, as a YAML flow sequence; "" is "[pinphrase]"
	Sections string // more of the configuration, whole sections of it
}

// Appliance is a latchkeyd on a port of its own.
type Appliance struct {
	Address string // host:port of the RADIUS door
	Port    int
	Log     *Screen // of all starts
	Policy  string  // one more key of the policy, with its value, from the next Configure on

	t      testing.TB
	config Config
	folder string
	daemon *Process
}

// Start makes an appliance without users and waits until it is ready. It ends with the test.
func Start(t testing.TB, config Config) *Appliance {
	t.Helper()
	config.Language = cmp.Or(config.Language, "en")
	config.First = cmp.Or(config.First, "password")
	config.Second = cmp.Or(config.Second, "[pinphrase]")
	a := &Appliance{t: t, config: config, folder: Folder(t), Log: NewScreen("log of latchkeyd"), Port: Port(t)}
	a.Address = fmt.Sprintf("127.0.0.1:%d", a.Port)
	a.Configure(config.Client, config.Sections)
	a.Run()
	return a
}

func (a *Appliance) file(name string) string { return filepath.Join(a.folder, name) }

// Socket is that of the command line.
func (a *Appliance) Socket() string { return a.file("admin.sock") }

// Configure writes the configuration with this text in the client's entry, and these further
// sections. A running daemon takes it at Reload.
func (a *Appliance) Configure(client string, sections ...string) {
	a.t.Helper()
	if client != "" {
		client = ", " + client
	}
	sockets := ""
	if a.config.Sockets != "" {
		sockets = ", " + a.config.Sockets
	}
	var b strings.Builder
	fmt.Fprintf(&b, `
state_dir: %s
keys: {file: %s}
language: %s
socket: {admin: %s%s}
radius:
  listen: ["%s"]
  clients:
    - {name: nas, address: 127.0.0.1, secret: "%s", policy: vpn%s}
policies:
  vpn:
    first: %s
    second: %s
    %s
    reply:
      Class: staff
      Filter-Id: remote
      Vendor-Specific: [{vendor: 9, type: 1, text: "shell:priv-lvl=15"}]
%s
pinphrase:
  questions:
`, a.file("state"), a.file("keyset"), a.config.Language, a.file("admin.sock"), sockets, a.Address, Secret, client, a.config.First, a.config.Second, a.Policy, a.config.Policies)
	for _, q := range questions {
		fmt.Fprintf(&b, "    - {id: %s, minimum_length: %d, label: {de: %q, en: %q}, phrase: {de: %[3]q, en: %[4]q}, message_phrase: {de: %[5]q}}\n",
			q.id, q.minimum, q.german, q.english, q.message)
	}
	b.WriteString(strings.Join(sections, "\n"))
	Write(a.t, a.file("latchkey.yaml"), b.String())
}

// Run starts the daemon, also once more after Stop or Kill, and waits until it is ready.
func (a *Appliance) Run() {
	a.t.Helper()
	from := a.Log.Len()
	a.daemon = Launch(a.t, exec.Command(a.config.Binaries.Latchkeyd, "--config", a.file("latchkey.yaml")), a.Log)
	a.Log.Await(a.t, from, `"msg":"ready"`)
}

// Stop ends the daemon as a system does, in order.
func (a *Appliance) Stop() {
	a.t.Helper()
	a.daemon.Signal(a.t, syscall.SIGTERM)
	if err := a.daemon.Wait(a.t); err != nil {
		a.t.Fatalf("latchkeyd: %v\n%s", err, a.Log)
	}
}

// Kill ends the daemon at once (SIGKILL).
func (a *Appliance) Kill() {
	a.t.Helper()
	a.daemon.Signal(a.t, syscall.SIGKILL)
	var ended *exec.ExitError
	if err := a.daemon.Wait(a.t); !errors.As(err, &ended) {
		a.t.Fatalf("latchkeyd ended with %v, not by SIGKILL", err)
	}
}

// Pause lets the daemon do nothing until Continue, with its sockets open: as a machine that is
// overloaded (SIGSTOP).
func (a *Appliance) Pause() {
	a.t.Helper()
	a.daemon.Signal(a.t, syscall.SIGSTOP)
}

// Continue ends Pause.
func (a *Appliance) Continue() {
	a.t.Helper()
	a.daemon.Signal(a.t, syscall.SIGCONT)
}

// Reload lets the daemon read its configuration again (SIGHUP) and waits until it has.
func (a *Appliance) Reload() {
	a.t.Helper()
	from := a.Log.Len()
	a.daemon.Signal(a.t, syscall.SIGHUP)
	a.Log.Await(a.t, from, `"msg":"reloaded"`)
}

// Latchkey runs the command line with input on standard input, and gives its standard output.
func (a *Appliance) Latchkey(input string, args ...string) string {
	a.t.Helper()
	done, said := a.Try(input, args...)
	if !done {
		a.t.Fatalf("latchkey %s: %s", strings.Join(args, " "), said)
	}
	return said
}

// Try is Latchkey that may fail: then said is all that it says.
func (a *Appliance) Try(input string, args ...string) (done bool, said string) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, a.config.Binaries.Latchkey, append([]string{"--socket", a.file("admin.sock")}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	if err := cmd.Run(); err != nil {
		return false, fmt.Sprintf("%v\n%s%s", err, &out, &told)
	}
	return true, out.String()
}

// Add makes a user with the password, and nothing else yet.
func (a *Appliance) Add(name string) {
	a.t.Helper()
	a.Latchkey("", "user", "add", name, "--language", a.config.Language)
	a.Latchkey(Password+"\n", "user", "password", name)
}

// Answers are the columns of `user import` for all answers, and what everybody here gives.
func Answers() (columns, values []string) {
	for _, q := range questions {
		columns, values = append(columns, "answer."+q.id), append(values, q.answer)
	}
	return columns, values
}

// Enrol makes a user with the password and all answers.
func (a *Appliance) Enrol(name string) {
	a.t.Helper()
	a.Add(name)
	for _, q := range questions {
		a.Latchkey(q.answer+"\n", "answer", "set", name, q.id)
	}
}

// EnrolMany makes users with all answers, at once, and without a password.
func (a *Appliance) EnrolMany(names []string) {
	a.t.Helper()
	var rows strings.Builder
	rows.WriteString("name")
	for _, q := range questions {
		rows.WriteString(",answer." + q.id)
	}
	for _, name := range names {
		rows.WriteString("\n" + name)
		for _, q := range questions {
			rows.WriteString("," + q.answer)
		}
	}
	Write(a.t, a.file("users.csv"), rows.String()+"\n")
	a.Latchkey("", "user", "import", a.file("users.csv"))
}

// Folder is a new one that ends with the test. Its path is short, as sockets need it.
func Folder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "latchkey-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// Write makes a file that only we may read: pam_radius_auth and latchkeyd insist.
func Write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
