// Package clients logs in at the real latchkeyd with RADIUS clients that others wrote:
// radclient, pam_radius_auth, ocserv with openconnect, and FreeRADIUS as a proxy. What they
// accept is what Latchkey must send, whatever our own reading of the RFCs.
package clients

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// built are the programs under test, made once before all tests.
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

// begin starts an appliance with the user lutz, whose client's entry has this text.
func begin(t *testing.T, client string) *appliance.Appliance {
	t.Helper()
	a := appliance.Start(t, appliance.Config{Binaries: built, Client: client})
	a.Enrol("lutz")
	return a
}

// entry is what these tests read in an audit record.
type entry struct {
	Event, User, Result, Reason string
}

// logins are the outcomes in a user's audit records, oldest first: "accept right",
// "reject wrong-answer".
func logins(t *testing.T, a *appliance.Appliance, user string) (outcomes []string) {
	t.Helper()
	var entries []entry
	if err := json.Unmarshal([]byte(a.Latchkey("", "audit", "--user", user, "--json")), &entries); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Result == "accept" || e.Result == "reject" {
			outcomes = append(outcomes, e.Result+" "+e.Reason)
		}
	}
	return outcomes
}
