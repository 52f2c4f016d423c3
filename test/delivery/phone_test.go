package delivery

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// TestOnThePhone: the question is read from the app on the user's phone, and answered at the gateway. It waits there
// when nobody could be rung; a phone that is revoked, and another user's, shows none.
func TestOnThePhone(t *testing.T) {
	t.Parallel()
	web := fmt.Sprintf("127.0.0.1:%d", appliance.Port(t))
	sections := fmt.Sprintf(`
web: {listen: ["%s"], url: "https://%[1]s"}
carriers: {app: {push: {}}}
`, web)
	a := appliance.Start(t, appliance.Config{Binaries: built, Sections: sections})
	a.Policy = "deliver: [app]"
	a.Configure("", sections)
	a.Reload()
	a.Enrol("lutz")
	a.Enrol("anna")
	phone, other := enrolled(t, a, "lutz"), enrolled(t, a, "anna")
	nas := newNAS(t, a)

	if got := phone(); len(got) != 0 {
		t.Fatalf("before: %+v", got)
	}
	challenge, mark := nas.password("lutz")
	got := phone()
	if len(got) != 1 || got[0].Mark != mark {
		t.Fatalf("the prompt names %s, the phone shows %+v", mark, got)
	}
	if there := other(); len(there) != 0 {
		t.Errorf("another user's phone shows %+v", there)
	}
	if told := a.Latchkey("", "user", "show", "lutz"); !strings.Contains(told, mark+" by app, delivered") {
		t.Error(told)
	}
	nas.answer("lutz", challenge, got[0].Text, mark)
	if r := nas.ask("lutz", appliance.Right(t, strings.Trim(strings.ReplaceAll(got[0].Text, mark, ""), " ()")), challenge.state); r.code != "Access-Reject" {
		t.Errorf("the same answer again gives %s", r.code)
	}
	if got := phone(); len(got) != 0 {
		t.Errorf("afterwards: %+v", got)
	}
	if strings.Contains(a.Log.String(), "Please enter the 1") || strings.Contains(a.Log.String(), " of your ") {
		t.Error("the log holds a question")
	}
	if done, said := a.Try("", "carrier", "test", "app", "lutz"); done || !strings.Contains(said, "rings the phones of users") {
		t.Errorf("%v %s", done, said)
	}
}

type shown struct{ Mark, Text string }

// enrolled gives a user a phone, the command line's; the function reads the questions that it shows.
func enrolled(t *testing.T, a *appliance.Appliance, user string) func() []shown {
	t.Helper()
	state := appliance.Folder(t) + "/phone"
	var invitation struct{ URL string }
	if err := json.Unmarshal([]byte(a.Latchkey("", "device", "invite", user, "--trusted", "--json")), &invitation); err != nil {
		t.Fatal(err)
	}
	run := func(input string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(built.Latchkey, append([]string{"softphone"}, append(args, "--state", state)...)...)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
		return out
	}
	run(invitation.URL+"\n739164\n739164\n", "enroll", "-", "--name", "phone")
	return func() (list []shown) {
		t.Helper()
		if err := json.Unmarshal(run("", "messages", "--json"), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
}
