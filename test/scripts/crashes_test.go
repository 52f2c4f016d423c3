package scripts

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/radiusd/radclient"
)

// tally is what one user has seen with certainty, and what is not known.
type tally struct {
	user             string
	accepts, rejects int // replies that came
	unknown          int // answers whose reply did not come: any outcome is right
	used             []radclient.Request
	prompts          map[string]bool // of accepted answers
	failure          error
}

// crashesCommand is: crashes N USER... The users log in, one time in four with a wrong answer,
// while the daemon is killed N times at random moments and started again. Then the promises
// are held against what the users have seen.
func crashesCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: crashes N USER...")
	}
	rounds, err := strconv.Atoi(args[0])
	ts.Check(err)
	w := of(ts)
	stop := make(chan struct{})
	var running sync.WaitGroup
	var tallies []*tally
	for _, user := range args[1:] {
		t := &tally{user: user, prompts: map[string]bool{}}
		tallies = append(tallies, t)
		running.Go(func() { t.failure = w.logIn(t, stop) })
	}
	for range rounds {
		time.Sleep(time.Duration(50+rand.IntN(500)) * time.Millisecond)
		w.daemon.kill()
		if err = w.start(""); err != nil {
			break
		}
	}
	time.Sleep(200 * time.Millisecond)
	close(stop)
	running.Wait()
	ts.Check(err)
	accepts, rejects, unknown := 0, 0, 0
	for _, t := range tallies {
		ts.Check(t.failure)
		ts.Check(w.hold(t))
		accepts, rejects, unknown = accepts+t.accepts, rejects+t.rejects, unknown+t.unknown
	}
	if accepts < 5*rounds || rejects < rounds || unknown == 0 {
		ts.Fatalf("%d accepts, %d rejects and %d lost replies in %d crashes prove nothing", accepts, rejects, unknown, rounds)
	}
	_, _ = fmt.Fprintf(ts.Stdout(), "%d crashes: %d accepts, %d rejects, %d replies lost\n", rounds, accepts, rejects, unknown)
}

// logIn logs one user in until stop.
func (w *world) logIn(t *tally, stop chan struct{}) error {
	client, err := w.dial(w.server, 250*time.Millisecond)
	if err != nil {
		return err
	}
	defer client.Close()
	own := &world{dir: w.dir, typed: map[string]bool{}}
	for {
		select {
		case <-stop:
			return nil
		case <-time.After(time.Duration(rand.IntN(4)) * time.Millisecond):
		}
		challenge, err := client.Ask(background, radclient.Request{User: t.user, Password: secret.New("checked elsewhere")})
		if err != nil {
			continue // the daemon is away
		}
		if challenge.Code != radclient.Challenge {
			return fmt.Errorf("%s: %v %s instead of a challenge", t.user, challenge.Code, challenge.Message)
		}
		how := "right"
		if rand.IntN(4) == 0 {
			how = "wrong"
		}
		typed, err := own.solve(challenge.Message, how)
		if err != nil {
			return err
		}
		request := radclient.Request{User: t.user, Password: secret.New(typed), State: challenge.State}
		reply, err := client.Ask(background, request)
		switch {
		case err != nil:
			t.unknown++
		case reply.Code == radclient.Accept && how == "wrong":
			return fmt.Errorf("%s: a wrong answer was accepted", t.user)
		case reply.Code == radclient.Accept && t.prompts[challenge.Message]:
			return fmt.Errorf("%s: %q was accepted twice", t.user, challenge.Message)
		case reply.Code == radclient.Accept:
			t.accepts++
			t.prompts[challenge.Message] = true
			t.used = append(t.used, request)
		case reply.Code == radclient.Reject && how == "right":
			return fmt.Errorf("%s: a right answer was refused: %s", t.user, reply.Message)
		case reply.Code == radclient.Reject:
			t.rejects++
		}
	}
}

// hold compares what the daemon knows after all the crashes with what the user has seen.
func (w *world) hold(t *tally) error {
	audited, counted, err := w.audited(t.user)
	if err != nil {
		return err
	}
	if audited["accept"] < t.accepts || audited["accept"] > t.accepts+t.unknown {
		return fmt.Errorf("%s has seen %d accepts (and %d replies were lost), the audit log has %d", t.user, t.accepts, t.unknown, audited["accept"])
	}
	if audited["reject"] < t.rejects || counted < t.rejects || counted > t.rejects+t.unknown {
		return fmt.Errorf("%s has seen %d rejects (and %d replies were lost), the audit log has %d, %d are counted",
			t.user, t.rejects, t.unknown, audited["reject"], counted)
	}
	client, err := w.dial(w.server, 10*time.Second)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, request := range t.used {
		reply, err := client.Ask(background, request)
		if err != nil {
			return err
		}
		if reply.Code != radclient.Reject {
			return fmt.Errorf("%s: a used answer, once more: %v", t.user, reply.Code)
		}
	}
	_, again, err := w.audited(t.user)
	if err == nil && again != counted {
		err = fmt.Errorf("%s: used answers were counted as wrong ones: %d, then %d", t.user, counted, again)
	}
	return err
}

// audited gives how often the user's logins ended in which result, and the count of wrong tries.
func (w *world) audited(user string) (results map[string]int, wrong int, err error) {
	var records []struct {
		Event  string `json:"event"`
		Result string `json:"result"`
	}
	if err := w.json(&records, "audit", "--user", user); err != nil {
		return nil, 0, err
	}
	results = map[string]int{}
	for _, r := range records {
		if r.Event == "login" {
			results[r.Result]++
		}
	}
	// A missing field must not pass for a count of 0.
	var shown struct {
		Wrong *int `json:"wrong"`
	}
	if err := w.json(&shown, "user", "show", user); err != nil {
		return nil, 0, err
	}
	if shown.Wrong == nil {
		return nil, 0, errors.New("user show --json tells no count of wrong tries")
	}
	return results, *shown.Wrong, nil
}

// json runs the command line with --json and decodes what it says.
func (w *world) json(into any, args ...string) error {
	cmd := exec.Command(filepath.Join(os.Getenv(binaries), "latchkey"), append([]string{"--json"}, args...)...)
	cmd.Env = append(os.Environ(), "LATCHKEY_SOCKET="+filepath.Join(w.dir, "admin.sock"))
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("latchkey --json %s: %w", strings.Join(args, " "), err)
	}
	if err := w.keep(args, string(out), ""); err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}
