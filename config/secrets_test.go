package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// misplaced are files in which a secret stands where slips of the pen put it.
var misplaced = []string{
	inClient(`secret:` + canary),
	inClient(`secret: *` + canary),
	inClient(`secret: &` + canary),
	inClient(`secret: !` + canary),
	inClient(`secret: !` + canary + ` x`),
	inClient(`secret: %` + canary),
	inClient(`secret: @` + canary),
	inClient("secret: `" + canary),
	inClient(`secret: "` + canary),
	inClient(`secret: '` + canary),
	inClient(`secret: "\q` + canary + `"`),
	inClient(`secret: [` + canary),
	inClient(`secret: [` + canary + `]`),
	inClient(`secret: {` + canary),
	inClient(`secret: {` + canary + `: x}`),
	inClient(`secret: {x: ` + canary + `}`),
	inClient(`secret: ` + canary + `: x`),
	inClient(`secret: x: ` + canary),
	inClient(`secret: |` + "\n        " + canary + "\n        x"),
	inClient(`secret: "` + canary + `\n"`),
	inClient(`secret_file: ` + canary),
	inClient(`secret_file: /` + canary),
	inClient(`secret_file: [` + canary + `]`),
	inClient(`secret_files: ` + canary),
	inClient(`secret_files: [` + canary + `]`),
	inClient(`secrets: ` + canary),
	inClient(`secrets: [` + canary + `, {x: ` + canary + `}]`),
	inClient(`secrets: {` + canary + `: x}`),
	inClient(`secret: ` + canary + "\n      secrets: [" + canary + "]"),
	inClient(`secret: ` + canary + "\n      secret: " + canary),
	inClient(`secret: ` + canary + "\n     secret: " + canary),
	inClient("secret: " + canary + "\x01"),
	inClient("secret: " + canary + "\xff"),
	inClient("secret: # " + canary),
	inClient("timeout: {secret: " + canary + "}"),
	inClient("- secret: " + canary),
	"radius:\n  clients:\n    - secret:" + canary + "\n",
	"radius:\n  clients:\n    - {secret:" + canary + "}\n",
	"radius:\n  clients: {secret: " + canary + "}\n",
	"radius:\n  secret: " + canary + "\n",
	"---\nlanguage: en\n---\nsecret: " + canary + "\n",
}

func inClient(line string) string {
	return "radius:\n  clients:\n    - name: vpn\n      address: 192.0.2.1\n      policy: vpn\n      " + line +
		"\npolicies:\n  vpn: {second: [pinphrase]}\n"
}

func TestNoSecretIsShown(t *testing.T) {
	for _, text := range misplaced {
		c, problems := Parse("x.yaml", []byte(text), usual())
		if len(problems) == 0 {
			t.Errorf("nothing is wrong with\n%s", text)
		}
		if c != nil {
			t.Errorf("loads, with %v:\n%s", problems, text)
		}
		if said := problems.String(); strings.Contains(said, canary) {
			t.Errorf("shown: %s", said)
		}
	}
}

func TestConfigPrintsNoSecret(t *testing.T) {
	c := load(t, minimal)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("loaded", "config", c)
	said := fmt.Sprintf("%v %+v %#v %q", c, c, *c, c.RADIUS.Clients[0].Secrets) + log.String()
	if strings.Contains(said, canary) {
		t.Error("the secret is shown")
	}
	if got := c.RADIUS.Clients[0].Secrets[0].Reveal(); got != canary {
		t.Errorf("the secret is %q", got)
	}
}

func TestSecretSources(t *testing.T) {
	for _, tt := range []struct {
		line    string
		secrets []string
	}{
		{`secret: "` + canary + `"`, []string{canary}},
		{`secret: "  0123 4567 #: \u00fc  "`, []string{"  0123 4567 #: ü  "}},
		{`secret: yes, yes, yes and yes`, []string{"yes, yes, yes and yes"}},
		{`secret_file: /etc/latchkey/vpn.secret`, []string{canary}},
		{`secret_file: /etc/latchkey/new.secret`, []string{canary + "-new"}},
		{`secrets: ["` + canary + `", "0123456789abcdef"]`, []string{canary, "0123456789abcdef"}},
		{`secret_files: [/etc/latchkey/new.secret, /etc/latchkey/vpn.secret]`, []string{canary + "-new", canary}},
	} {
		c, problems := Parse("x.yaml", []byte(inClient(tt.line)), usual())
		if len(problems) != 0 {
			t.Errorf("%s: %s", tt.line, problems)
			continue
		}
		got := c.RADIUS.Clients[0].Secrets
		if len(got) != len(tt.secrets) {
			t.Errorf("%s: %d secrets", tt.line, len(got))
			continue
		}
		for i, want := range tt.secrets {
			if got[i].Reveal() != want {
				t.Errorf("%s: secret %d is another", tt.line, i)
			}
		}
	}
}

// TestLoadFromDisk: the real file system, with permissions.
func TestLoadFromDisk(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keyset := "keys: {file: " + write("keyset", "x", 0o640) + "}\n"
	open := write("open.secret", canary+"\n", 0o644)
	tight := write("tight.secret", canary+"\n", 0o640)

	path := write("good.yaml", keyset+inClient("secret_file: "+tight), 0o644)
	c, problems := Load(path)
	if c == nil || len(problems) != 1 || problems[0].Key != "keys.file" {
		t.Errorf("good.yaml: %v", problems)
	}
	path = write("warned.yaml", inClient("secret_file: "+open), 0o640)
	if _, problems = Load(path); len(problems) != 1 || problems[0].Line != 6 || !problems[0].Warning {
		t.Errorf("warned.yaml: %v", problems)
	}
	path = write("exposed.yaml", inClient("secret: "+canary), 0o644)
	if _, problems = Load(path); len(problems) != 1 || problems[0].Line != 6 || !problems[0].Warning {
		t.Errorf("exposed.yaml: %v", problems)
	}
	path = write("writable.yaml", inClient("secret_file: "+tight), 0o642)
	if _, problems = Load(path); len(problems) != 1 || problems[0].Key != "file" || !problems[0].Warning {
		t.Errorf("writable.yaml: %v", problems)
	}
	path = write("private.yaml", inClient("secret: "+canary), 0o640)
	if _, problems = Load(path); len(problems) != 0 {
		t.Errorf("private.yaml: %v", problems)
	}
	path = write("huge.yaml", strings.Repeat("# a comment\n", MaxSize/12+1), 0o640)
	if c, problems = Load(path); c != nil || len(problems) != 1 || !strings.Contains(problems[0].Text, "too large") {
		t.Errorf("huge.yaml: %v", problems)
	}
	for _, missing := range []string{dir, filepath.Join(dir, "missing.yaml"), "/dev/null"} {
		if c, problems = Load(missing); c != nil || len(problems) != 1 || !strings.HasPrefix(problems.String(), missing+":1: file: cannot be read: ") {
			t.Errorf("%s: %v", missing, problems)
		}
	}
}
