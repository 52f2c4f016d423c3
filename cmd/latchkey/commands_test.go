package main

import (
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/localapi"
)

func TestFirstDayOfAUser(t *testing.T) {
	a := newAppliance(t)
	word := a.want("", "user", "add", "Lutz", "--language", "de", "--mail", "l@example.org", "--group", "staff", "--group", "vpn")
	if len(strings.Fields(word)) != 4 || strings.Count(word, "\n") != 1 {
		t.Errorf("user add prints %q, want the code word alone", word)
	}
	a.want(canary+" password\nnot this line\n", "user", "password", "lutz")
	if out := a.want(canary+"\r\n", "answer", "set", "lutz", "birthplace"); out != "" {
		t.Errorf("answer set shows letters to a pipe: %q", out)
	}
	var set core.AnswerInfo
	a.json(&set, canary+"pet\n", "answer", "set", "lutz", "pet")
	if strings.Join(set.Letters, "") != canary+"pet" {
		t.Errorf("answer set --json gives %d letters", len(set.Letters))
	}
	a.tty = true
	if out := a.want(canary+"car\n", "answer", "set", "lutz", "first_car"); !strings.Contains(out, "K   a   n   a") || !strings.Contains(out, "  16\n") {
		t.Errorf("answer set on a terminal: %q", out)
	}
	a.tty = false
	if out := a.want("", "answer", "list", "lutz"); strings.Contains(out, canary[:3]) || !strings.Contains(out, "birthplace") || !strings.Contains(out, "pet") {
		t.Errorf("answer list: %q", out)
	}
	show := a.want("", "user", "show", "LUTZ")
	for _, line := range []string{"Name         lutz", "State        not-enrolled", "Groups       staff, vpn", "Password     set",
		"Code word    open until 2026-11-25 12:00 UTC (in 3 days)", "Created      2026-11-22 12:00 UTC (now)"} {
		if !strings.Contains(show, line+"\n") {
			t.Errorf("user show has no line %q:\n%s", line, show)
		}
	}
	var users []core.UserInfo
	a.json(&users, "", "user", "list")
	if len(users) != 1 || users[0].Name != "lutz" {
		t.Errorf("user list --json: %+v", users)
	}
	var code localapi.Code
	a.json(&code, "", "user", "code", "lutz", "--for", "2d", "--uses", "3")
	if code.Code.Len() != 8 || code.Uses != 3 || !code.Until.Equal(a.now.AddDate(0, 0, 2)) {
		t.Errorf("user code: %+v", code)
	}
	if out := a.want("", "user", "code", "lutz"); len(strings.TrimSpace(out)) != 8 {
		t.Errorf("user code prints %q, want the code alone", out)
	}
	if out := a.want("", "user", "codeword", "lutz"); len(strings.Fields(out)) != 4 || out == word {
		t.Errorf("user codeword prints %q", out)
	}
}

func TestChangesOfAUser(t *testing.T) {
	a := newAppliance(t)
	a.want("", "user", "add", "lutz", "--phone", "+491711234567", "--group", "staff")
	for _, step := range []struct {
		args, field, want string
	}{
		{"user set lutz --mail l@example.org", "Mail", "l@example.org"},
		{"user set lutz --phone=", "Phone", ""},
		{"user set lutz --group a --group b", "Groups", "a, b"},
		{"user set lutz --no-groups", "Groups", ""},
		{"user lock lutz", "State", "locked"},
		{"user unlock lutz", "State", "not-enrolled"},
		{"user disable lutz", "State", "disabled"},
		{"user enable lutz", "State", "not-enrolled"},
		{"user expire lutz --at 2026-12-31", "Expires", "2027-01-01 00:00 UTC (in 40 days)"},
		{"user expire lutz --in 4w", "Expires", "2026-12-20 12:00 UTC (in 28 days)"},
		{"user expire lutz --never", "Expires", ""},
		{"user expire lutz", "State", "expired"},
		{"user expire lutz --never", "State", "not-enrolled"},
	} {
		a.want("", strings.Fields(step.args)...)
		got := ""
		for line := range strings.Lines(a.want("", "user", "show", "lutz")) {
			if rest, ok := strings.CutPrefix(line, step.field+" "); ok {
				got = strings.TrimSpace(rest)
			}
		}
		if got != step.want {
			t.Errorf("%s: %s is %q, want %q", step.args, step.field, got, step.want)
		}
	}
	a.want("", "user", "remove", "lutz")
	if out := a.want("", "user", "list"); out != "" {
		t.Errorf("user list: %q", out)
	}
	if out := a.want("", "--json", "user", "list"); out != "[]\n" {
		t.Errorf("user list --json: %q", out)
	}
}

func TestRefusalsAndMisuse(t *testing.T) {
	a := newAppliance(t)
	for _, c := range []struct {
		args, in string
		code     int
		words    string
	}{
		{"user show nobody", "", exitRefused, "latchkey: no user nobody\nhint: "},
		{"--json user show nobody", "", exitRefused, `{"error":"no user nobody","hint":"`},
		{"user password nobody", "", exitRefused, "nothing on standard input"},
		{"user password nobody", "\n", exitRefused, "nothing on standard input"},
		{"user password nobody", "caf\xe9\n", exitRefused, "not UTF-8"},
		{"user password nobody", "a\x1b[A\n", exitRefused, "control character"},
		{"user password nobody", strings.Repeat("x", 5000) + "\n", exitRefused, "longer than"},
		{"--socket /nonexistent/s status", "", exitRefused, "latchkeyd is not running, or its socket is elsewhere (--socket)\nhint: "},
		{"user import /nonexistent.csv", "", exitRefused, "no such file"},
		{"login x --server 127.0.0.1:1", "p\n", exitRefused, "LATCHKEY_RADIUS_SECRET"},
		{"", "", exitUsage, "which of these commands?"},
		{"nonsense", "", exitUsage, `no command "nonsense"`},
		{"user", "", exitUsage, "latchkey user --help"},
		{"user nonsense", "", exitUsage, `latchkey user has no command "nonsense"`},
		{"user shwo lutz", "", exitUsage, "did you mean show?"},
		{"user show", "", exitUsage, "usage: latchkey user show NAME"},
		{"user show a b", "", exitUsage, "usage: latchkey user show NAME"},
		{"user show --nonsense a", "", exitUsage, "unknown flag"},
		{"user set a", "", exitUsage, "nothing to change"},
		{"user set a --group x --no-groups", "", exitUsage, "--group and --no-groups exclude each other"},
		{"user code a --for 3", "", exitUsage, `--for: "3" is no time with its unit`},
		{"user code a --uses x", "", exitUsage, `--uses: "x" is no whole number`},
		{"user code a --for=-1h", "", exitUsage, "with its unit"},
		{"user code a --uses 0", "", exitUsage, "above 0"},
		{"user expire a --at tomorrow", "", exitUsage, "is no time"},
		{"user expire a --at 2026-12-31 --never", "", exitUsage, "--at and --never exclude each other"},
		{"login a", "", exitUsage, "--server"},
		{"audit --verify --user a", "", exitUsage, "--verify and --user exclude each other"},
		{"audit --newest=-1", "", exitUsage, "below 0"},
		{"--json nonsense", "", exitUsage, `{"error":`},
	} {
		r := a.run(c.in, strings.Fields(c.args)...)
		if r.code != c.code || !strings.Contains(r.err, c.words) || r.out != "" {
			t.Errorf("latchkey %s: exit %d, want %d and %q\n%s%s", c.args, r.code, c.code, c.words, r.out, r.err)
		}
	}
}

func TestAudit(t *testing.T) {
	a := newAppliance(t)
	for _, name := range []string{"lutz", "anna"} {
		a.want("", "user", "add", name)
	}
	table := strings.Split(a.want("", "audit"), "\n")
	if len(table) < 3 || strings.Fields(table[1])[3] != "user.add" || strings.Fields(table[1])[4] != "lutz" {
		t.Errorf("audit:\n%s", strings.Join(table, "\n"))
	}
	var records []core.AuditEntry
	a.json(&records, "", "audit", "--user", "anna", "--newest", "5")
	if len(records) != 1 || records[0].User != "anna" || records[0].Actor != "root" {
		t.Errorf("audit --user: %+v", records)
	}
	if out := a.want("", "audit", "--user", "nobody"); out != "" {
		t.Errorf("audit --user nobody: %q", out)
	}
	if out := a.want("", "audit", "--verify"); !strings.Contains(out, "unbroken") {
		t.Errorf("audit --verify: %q", out)
	}
	var verdict core.AuditVerdict
	a.json(&verdict, "", "audit", "--verify")
	if verdict.Records < 2 || verdict.Head == "" {
		t.Errorf("audit --verify: %+v", verdict)
	}
}

func TestStatusQuestionsVersion(t *testing.T) {
	a := newAppliance(t)
	r := a.run("", "status")
	if r.code != exitDone || !strings.Contains(r.out, "Store disk bytes  12345678\n") || !strings.Contains(r.out, "2026-11-22 10:00 UTC (2 hours ago)") ||
		!strings.Contains(r.err, "warning: the clock went back") {
		t.Errorf("status: %+v", r)
	}
	if out := a.want("", "question", "list"); strings.Count(out, "\n") != 11 || !strings.Contains(out, "Geburtsort?") {
		t.Errorf("question list:\n%s", out)
	}
	if out := a.want("", "version"); !strings.HasPrefix(out, "latchkey ") {
		t.Errorf("version: %q", out)
	}
	if out := a.want("", "__complete", "answer", "set", "x", "birth"); !strings.HasPrefix(out, "birthplace\n") {
		t.Errorf("completion: %q", out)
	}
	if out := a.want("", "completion", "bash"); !strings.Contains(out, "__start_latchkey") {
		t.Error("no completion for bash")
	}
}
