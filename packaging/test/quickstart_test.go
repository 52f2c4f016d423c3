package test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/packaging/person"
)

const password = "correct horse battery"

// known are the quickstart's answers by what the prompts call them.
var known = map[string]string{
	"of your place of birth":            "Heidelberg",
	"of your first car":                 "Volkswagen",
	"of your first holiday resort":      "Tegernsee",
	"of your favourite football club":   "FCBayern",
	"of the name of your first teacher": "FrauRosenkranz",
	"of the street of your childhood":   "Goethestraße",
}

// statements are the commands of the blocks marked sh, in order. A line that ends in a pipe or
// a backslash goes on in the next.
func statements(t *testing.T, document string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, document))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		for whole := range strings.Lines(regexp.MustCompile(`([|\\])\n\s*`).ReplaceAllString(block[1], "$1 ")) {
			if whole = strings.TrimSpace(whole); whole != "" {
				all = append(all, whole)
			}
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d commands in %s", len(all), document)
	}
	return all
}

// TestQuickstart does what the page says, on a machine that has just got the package.
func TestQuickstart(t *testing.T) {
	m := newMachine(t, both(t).deb)
	m.sh("dpkg --no-triggers -i /tmp/latchkey.deb")
	exports := ""
	said := map[string]string{}
	var d *daemon
	for _, statement := range statements(t, "docs/quickstart.md") {
		switch {
		case strings.HasPrefix(statement, "export "):
			exports += statement + "\n"
		case statement == "systemctl enable --now latchkeyd":
			d = m.startDaemon()
		case strings.HasPrefix(statement, "latchkey login "):
			out, err := m.login(exports + statement)
			if err != nil || !strings.Contains(out, "Access-Accept") {
				t.Fatalf("$ %s\n%v\n%s\n%s", statement, err, out, d.log)
			}
		default:
			said[statement] = m.sh(exports + statement)
		}
	}
	if d == nil {
		t.Fatal("the quickstart starts nothing")
	}
	for part, want := range map[string]string{
		"--check":         `^$`,
		"radclient":       `Access-Challenge[\s\S]*PINphrase: Please enter the`,
		"latchkey status": `1812`,
		"latchkey audit":  `login`,
	} {
		found := false
		for statement, out := range said {
			if strings.Contains(statement, part) {
				found = true
				if !regexp.MustCompile(want).MatchString(out) {
					t.Errorf("$ %s\nsays no %q:\n%s", statement, want, out)
				}
			}
		}
		if !found {
			t.Errorf("the quickstart has no %q", part)
		}
	}

	// What the text says in passing.
	m.sh("latchkeyd --check && kill -HUP $(pidof latchkeyd)")
	out, err := m.command("bash", "-c", exports+"printf '%s\\n' '"+password+"' nope | latchkey login lutz --server 127.0.0.1").CombinedOutput()
	if exit(err) != 1 || !strings.Contains(string(out), "Access-Reject") {
		t.Errorf("a wrong answer ends with status %d:\n%s", exit(err), out)
	}
	m.stopDaemon(d)
	for _, secret := range []string{password, "Heidelberg", "Rosenkranz"} {
		if strings.Contains(d.log.String(), secret) {
			t.Errorf("%q stands in the log", secret)
		}
	}
}

// login runs a command that asks, and answers as lutz would.
func (m *machine) login(script string) (string, error) {
	cmd := m.command("bash", "-ec", script)
	typing, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(cmd.Wait(), writer.Close()) }()
	var screen strings.Builder
	for lines := bufio.NewScanner(reader); lines.Scan(); {
		line := lines.Text()
		screen.WriteString(line + "\n")
		switch {
		case strings.HasPrefix(line, "Password"):
			_, err = io.WriteString(typing, password+"\n")
		case strings.HasPrefix(line, "PINphrase"):
			var typed string
			if typed, err = person.Characters(line, known); err == nil {
				_, err = io.WriteString(typing, typed+"\n")
			}
		}
		if err != nil {
			_ = typing.Close()
		}
	}
	return screen.String(), errors.Join(err, <-ended)
}
