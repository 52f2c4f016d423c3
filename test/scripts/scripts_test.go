// Package scripts drives the real latchkeyd and latchkey by scripts that a sysadmin can read:
// each testdata/*.txtar tells one story, from the configuration to what the audit log says.
//
// Every script has secrets of its own, in the folder known/, as people and admins know them. Its last command is
// `no-secrets`, which looks for them in every other file that the script has left.
//
// Beside testscript's own commands there are
//
//	daemon start|stop|kill9|hup     latchkeyd on latchkey.yaml, by its process id; start waits until it is ready
//	latchkeyd ARG...                one that ends by itself; ! means exit status 1
//	[!] daemon log REGEX            waits until the log has such a line since the last start or hup
//	latchkey ARG...                 the command line; ! means exit status 1, "refused"
//	as UID:GID latchkey ARG...      the same as another Unix user
//	usage ARG...                    the command line is misused: exit status 2
//	enrol NAME                      user add, six answers, a password
//	know FILE                       what the last command said on stdout is a secret: it is put into known/FILE
//	login NAME [how] [flag...]      latchkey login, typing what a person would; how is right, wrong or a file of known/
//	begin NAME, answer NAME how     one login in two steps, by a RADIUS client of the test's own
//	tap, resend [N]                 records RADIUS packets; sends the Nth once more, the same bytes from the same port
//	change FILE OLD NEW             replaces the one place in FILE where OLD stands
//	mask FILE REGEX WORD            replaces what may differ
//	[!] same FILE...                the files are equal
//	damage FILE                     turns some bytes, or turns them back
//	expand FILE                     fills {NAME} with what known/NAME says
//	crowd FILE N                    a CSV file of N users
//	import-killed FILE              an import during which the daemon is killed
//	reference                       $REFERENCE is the one that the last reject has shown
//	typed                           $TYPED is what was typed last
//	follow, followed REGEX          audit --follow, and what it says
//	phone STATE [-pin FILE] CMD...  latchkey softphone, typing the PIN and the invitation of known/; ! means exit status 1
//	caller UID:GID NAME how         latchkey user verify as another Unix user; the caller is right or wrong
//	wants NAME                      begins a login that waits for a phone; $SYMBOL is what its prompt shows
//	mispick STATE                   approves with one of the nine symbols that no login shows
//	gateway up|down                 an SMS gateway at $GATEWAY; prompts that name a message are answered by it
//	inbox N                         N messages have come there, and the last one stands in stdout
//	[!] outcome                     waits for its end: accepted, or with ! refused
//	fill SIZE, unfill               takes room from a state on a small disk, and gives it back
//	crashes N                       logins against a daemon that is killed N times at random moments
package scripts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// binaries is where TestMain has put latchkeyd and latchkey.
const binaries = "LATCHKEY_SCRIPTS_BIN"

func TestMain(m *testing.M) {
	root, err := prepare()
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	_ = os.RemoveAll(root)
	os.Exit(code)
}

// prepare builds both binaries once. The folder can be entered by all, since some scripts run
// the command line as somebody else.
func prepare() (root string, err error) {
	if root, err = os.MkdirTemp("", "latchkey-scripts-"); err != nil {
		return root, err
	}
	bin := filepath.Join(root, "bin")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", bin+"/", "../../cmd/latchkeyd", "../../cmd/latchkey")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return root, fmt.Errorf("go build: %w\n%s", err, out)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		return root, err
	}
	return root, os.Setenv(binaries, bin)
}

func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts in testdata: %v", err)
	}
	for _, script := range scripts {
		endsInSearch(t, script)
	}
	root := filepath.Join(filepath.Dir(os.Getenv(binaries)), "work")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files: scripts, Setup: setUp, Cmds: commands, WorkdirRoot: root,
		RequireExplicitExec: true, RequireUniqueNames: true,
	})
}

var commands = map[string]func(*testscript.TestScript, bool, []string){
	"daemon": daemonCommand, "latchkey": latchkeyCommand, "as": asCommand, "latchkeyd": latchkeydCommand, "usage": usageCommand,
	"enrol": enrolCommand, "know": knowCommand, "login": loginCommand, "begin": beginCommand, "answer": answerCommand,
	"tap": tapCommand, "resend": resendCommand, "change": changeCommand, "same": sameCommand, "mask": maskCommand,
	"expand": expandCommand, "crowd": crowdCommand, "import-killed": importKilledCommand,
	"reference": referenceCommand, "typed": typedCommand, "follow": followCommand, "followed": followedCommand,
	"phone": phoneCommand, "mispick": mispickCommand, "wants": wantsCommand, "outcome": outcomeCommand,
	"fill": fillCommand, "unfill": unfillCommand, "damage": damageCommand, "crashes": crashesCommand,
	"caller": callerCommand, "gateway": gatewayCommand, "inbox": inboxCommand, "no-secrets": noSecretsCommand,
}

// endsInSearch keeps a new script from forgetting the search for secrets.
func endsInSearch(t *testing.T, script string) {
	t.Helper()
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(text), "\n-- ")
	for line := range strings.Lines(before) {
		if strings.TrimSpace(line) == "no-secrets" {
			return
		}
	}
	t.Errorf("%s has no line no-secrets", script)
}
