// Package delivery logs in at the real latchkeyd with radclient, with a question that is read where a person would
// read it: in the inbox behind a message centre, behind Kannel, or on a mail server, all of them other people's.
package delivery

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

var built appliance.Binaries

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "latchkey-test-")
	if err == nil {
		defer func() { _ = os.RemoveAll(folder) }()
		built, err = appliance.Build(folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// nas is radclient, FreeRADIUS's.
type nas struct {
	t                        *testing.T
	path, secretFile, server string
}

func newNAS(t *testing.T, a *appliance.Appliance) nas {
	t.Helper()
	n := nas{t, appliance.Need(t, "radclient", "freeradius-utils"), filepath.Join(appliance.Folder(t), "secret"), a.Address}
	appliance.Write(t, n.secretFile, appliance.Secret+"\n")
	return n
}

// reply is what radclient shows of one.
type reply struct{ code, prompt, state, shown string }

var (
	received = regexp.MustCompile(`(?m)^Received (\S+) Id`)
	message  = regexp.MustCompile(`(?m)^\tReply-Message = "(.*)"$`)
	state    = regexp.MustCompile(`(?m)^\tState = (\S+)$`)
)

func (n nas) ask(user, password string, more ...string) (r reply) {
	n.t.Helper()
	cmd := exec.Command(n.path, "-t", "20", "-r", "1", "-x", "-S", n.secretFile, n.server, "auth")
	cmd.Stdin = strings.NewReader(strings.Join(append(more, "User-Name="+user, fmt.Sprintf("User-Password=%q", password), "Message-Authenticator=0x00"), "\n") + "\n")
	out, _ := cmd.CombinedOutput() // its status is 1 for whatever is no accept
	r.shown = string(out)
	got := received.FindStringSubmatchIndex(r.shown)
	if got == nil {
		n.t.Fatalf("no reply\n%s", out)
	}
	r.code = r.shown[got[2]:got[3]]
	rest := r.shown[got[1]:]
	if m := message.FindStringSubmatch(rest); m != nil {
		r.prompt = m[1]
	}
	if m := state.FindStringSubmatch(rest); m != nil {
		r.state = "State=" + m[1]
	}
	return r
}

// password is the first round; it expects a challenge that names a message and no question.
func (n nas) password(user string) (r reply, mark string) {
	n.t.Helper()
	r = n.ask(user, appliance.Password)
	named := regexp.MustCompile(`message ([A-Z]{2})`).FindStringSubmatch(r.prompt)
	if r.code != "Access-Challenge" || named == nil {
		n.t.Fatalf("no challenge that names a message:\n%s", r.shown)
	}
	if strings.Contains(r.prompt, "1st") || strings.Contains(r.prompt, " of your ") {
		n.t.Errorf("the prompt names the question: %q", r.prompt)
	}
	return r, named[1]
}

// answer is the second round.
func (n nas) answer(user string, challenge reply, text, mark string) {
	n.t.Helper()
	question, found := strings.CutSuffix(strings.TrimSpace(text), mark)
	if !found {
		if question = strings.ReplaceAll(text, mark, ""); question == text {
			n.t.Fatalf("the message %q has not the mark %s of the prompt", text, mark)
		}
	}
	n.say(user, challenge, appliance.Right(n.t, strings.Trim(question, " ()[]")), "Access-Accept")
}

func (n nas) say(user string, challenge reply, typed, want string) {
	n.t.Helper()
	if r := n.ask(user, typed, challenge.state); r.code != want {
		n.t.Fatalf("the reply is %s, want %s\n%s", r.code, want, r.shown)
	}
}
