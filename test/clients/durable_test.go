package clients

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// The token in State is sealed with the keyset, and the challenge is derived or stored: a
// daemon that has started anew goes on where the old one was.
func TestRestartBetweenTheRounds(t *testing.T) {
	t.Parallel()
	a := begin(t, "")
	c := newRadclient(t, a.Address, appliance.Secret)
	challenge := c.first(t, "lutz")
	a.Stop()
	a.Run()
	c.second(t, "lutz", challenge, appliance.Right(t, challenge.prompt(t))).expect(t, "Access-Accept").hasAttributes(t)
}

// An Accept that has left is on the disk: after kill -9 the same answer is worth nothing.
func TestKilledAfterAnAccept(t *testing.T) {
	t.Parallel()
	a := begin(t, "")
	n := dial(t, a)
	answer := n.answered(t, 1)
	accept, _ := n.exchange(t, answer)
	a.Kill()
	if accept[0] != accessAccept {
		t.Fatalf("code %d, want an Accept", accept[0])
	}
	a.Run()
	if replayed, _ := n.exchange(t, answer); replayed[0] != accessReject {
		t.Errorf("the same answer after the crash: code %d, want a Reject", replayed[0])
	}
	if last, _ := n.exchange(t, n.answered(t, 3)); last[0] != accessAccept {
		t.Errorf("the next answer after the crash: code %d, want an Accept", last[0])
	}
	if outcomes, want := logins(t, a, "lutz"), []string{"accept right", "reject replayed", "accept right"}; !slices.Equal(outcomes, want) {
		t.Errorf("the audit log has %q, want %q", outcomes, want)
	}
	var verdict struct {
		Records uint64
		Broken  uint64
		Problem string
	}
	if err := json.Unmarshal([]byte(a.Latchkey("", "audit", "--verify", "--json")), &verdict); err != nil {
		t.Fatal(err)
	}
	if verdict.Records < 3 || verdict.Broken != 0 || verdict.Problem != "" {
		t.Errorf("the audit chain after the crash: %+v", verdict)
	}
}
