package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/phone"
)

// A right PIN, one line, and a new one, as it is read twice.
const (
	pin  = canary + "\n"
	pins = pin + pin
)

// enrolled gives the state of a phone of lutz that is active.
func (a *appliance) enrolled() string {
	a.t.Helper()
	state := filepath.Join(a.t.TempDir(), "phone")
	a.want(pins, "softphone", "enroll", a.invite("--trusted"), "--state", state)
	return state
}

func TestSoftphone(t *testing.T) {
	a := withPhones(t)
	state := a.enrolled()
	do := func(in string, args ...string) ran {
		t.Helper()
		return a.run(in, append(append([]string{"softphone"}, args...), "--state", state)...)
	}
	refused := func(r ran, words string) {
		t.Helper()
		if r.code != exitRefused || r.out != "" || !strings.Contains(r.err, words) {
			t.Errorf("%+v, want %q", r, words)
		}
	}
	done := func(r ran, words string) {
		t.Helper()
		if r.code != exitDone || !strings.Contains(r.out+r.err, words) {
			t.Errorf("%+v, want %q", r, words)
		}
	}
	done(do("", "status"), "State      active")
	done(do("", "--json", "pending"), "[]\n")
	refused(do("", "deny"), "no login waits")
	refused(do("", "wait", "--for", "10ms"), "no login came in 10ms")
	refused(do(pin, "approve", "--symbol", "banana"), "no symbol is called banana")
	refused(do(pin, "approve"), "which symbol")
	refused(do(pin, "approve", "--symbol", "sun"), "no login waits for this phone")

	attempt, step, symbol := a.begin()
	done(do("", "wait"), "192.0.2.7")
	done(do("", "--json", "pending"), `"source":"addr:192.0.2.7"`)
	done(do(pin, "approve", "--symbol", strings.ToUpper(symbol)), "Approved: vpn at vpn, from 192.0.2.7.")
	a.ends(attempt, step, core.Accept)
	done(do("", "history"), "192.0.2.7")

	attempt, step, symbol = a.begin()
	done(do(pin, "--json", "approve", "--symbol", symbol), `{"result":"approved","login":{"id":"`)
	a.ends(attempt, step, core.Accept)

	attempt, step, _ = a.begin()
	refused(do("", "deny", "--login", "AAAA"), "no login waits")
	done(do("", "--json", "deny", "--not-me"), `{"result":"denied","reason":"not-me","logins":[{"id":"`)
	a.ends(attempt, step, core.Reject)

	refused(do(canary+"?\n", "renew"), "wrong PIN; 4 tries are left")
	done(do(pin, "renew"), "renewed")
	refused(do(pin+"123456\n123456\n", "pin"), "one of those that are tried first")
	refused(do(pin+canary+"1\n"+canary+"2\n", "pin"), "not the same")
	refused(do(pin+canary+"1\n", "pin"), "read twice")
	done(do(pin+canary+"1\n"+canary+"1\n", "pin"), "The PIN is changed")
	refused(do(pin, "renew"), "wrong PIN")
	done(do(canary+"1\n", "renew"), "renewed")
	refused(do("", "rename", "a\x1bb"), "1 to 64 bytes")
	done(do("", "rename", "new name"), "new name")
	if list := a.want("", "device", "list", "lutz"); !strings.Contains(list, "new name") {
		t.Error(list)
	}
	refused(do(pins, "enroll", a.invite()), "holds a phone already")
	done(do("", "remove"), "removed")
	refused(do("", "remove"), "holds no phone")
	if left, _ := filepath.Glob(state + "*"); len(left) > 1 || len(left) == 1 && left[0] != state+".lock" {
		t.Errorf("left: %v", left)
	}
}

// TestApprovalOnATerminal: the symbols are shown and asked for, and nothing is approved without one.
func TestApprovalOnATerminal(t *testing.T) {
	a := withPhones(t)
	state := a.enrolled()
	attempt, step, symbol := a.begin()
	for typed, said := range map[string]string{"": "nothing was approved", "banana": "no symbol is called banana"} {
		if code, screen := a.approveBy(state, typed, said); code != exitRefused {
			t.Errorf("%q: exit %d\n%s", typed, code, screen)
		}
	}
	code, screen := a.approveBy(state, symbol, "Approved: ")
	if code != exitDone || !strings.Contains(screen, "vpn at vpn, from 192.0.2.7, begun ") {
		t.Errorf("exit %d\n%s", code, screen)
	}
	rows := 0
	for _, one := range mobile.Symbols() {
		if strings.Contains(screen, "  "+one.Name(language.English)+" ") && strings.Contains(screen, " "+one.Name(language.German)+" ") {
			rows++
		}
	}
	if rows != mobile.GridSize || strings.Contains(screen, canary) {
		t.Errorf("%d symbols are shown:\n%s", rows, screen)
	}
	a.ends(attempt, step, core.Accept)
}

// approveBy types the PIN and what is given, and waits for what is then said.
func (a *appliance) approveBy(state, typed, said string) (code int, screen string) {
	p := newTerminal(a.t)
	done := make(chan int, 1)
	go func() {
		done <- run(a.t.Context(), []string{"softphone", "approve", "--state", state}, p.ui(), func(string) string { return "" })
	}()
	p.await("PIN: ", canary, false)
	p.await("(empty: none of them) ", typed, true)
	return <-done, p.sees(said)
}

func TestEnrolmentThatFails(t *testing.T) {
	a := withPhones(t)
	state := filepath.Join(t.TempDir(), "phone")
	url := a.invite()
	for i, c := range []struct{ url, in, words string }{
		{url, "739\n739\n", "the PIN is too short"},
		{url, "123456\n123456\n", "one of those that are tried first"},
		{url, "1234567890123\n1234567890123\n", "the PIN is too long"},
		{url, canary + "1\n" + canary + "2\n", "the two PINs are not the same"},
		{url, pin, "read twice"},
		{url, "", "nothing on standard input"},
		{url[:len(url)-5], pins, "this is no invitation"},
		{"https://example.org/", pins, "this is no invitation"},
		{"-", "", "nothing on standard input"},
		{strings.Replace(url, "127.0.0.1", "localhost:1@127.0.0.1", 1), pins, "this is no invitation"},
		{url[:strings.Index(url, "&c=")+3] + strings.Repeat("A", 42) + "E", pins, "another certificate"},
	} {
		r := a.run(c.in, "softphone", "enroll", c.url, "--state", fmt.Sprint(state, i))
		if r.code != exitRefused || !strings.Contains(r.err, c.words) || !strings.Contains(r.err, "\nhint: ") && c.words != "nothing on standard input" {
			t.Errorf("%s: %+v", c.words, r)
		}
		if strings.Contains(r.err, "#i=") {
			t.Errorf("standard error holds the invitation: %s", r.err)
		}
	}
	var byHand struct {
		Typed string `json:"typed"`
	}
	a.json(&byHand, "", "device", "invite", "lutz")
	origin, _, _ := strings.Cut(url, "/app/")
	for origin, words := range map[string]string{origin: "does not trust the appliance's certificate", "": "does not say where the appliance is", "https://127.0.0.1:1": "does not answer"} {
		r := a.run(pins, "softphone", "enroll", byHand.Typed, "--url", origin, "--state", filepath.Join(t.TempDir(), "typed"))
		if r.code != exitRefused || !strings.Contains(r.err, words) || strings.Contains(r.err, byHand.Typed) {
			t.Errorf("%s: %+v", words, r)
		}
	}
	a.want(pins, "softphone", "enroll", url, "--state", state)
	if r := a.run("", "softphone", "pending", "--state", state); r.code != exitRefused || !strings.Contains(r.err, "not active yet") {
		t.Errorf("%+v", r)
	}
	if r := a.run(pins, "softphone", "enroll", url, "--state", state+"2"); r.code != exitRefused || !strings.Contains(r.err, "used up") {
		t.Errorf("%+v", r)
	}
	for _, args := range []string{"enroll x", "status", "wait", "pending", "approve", "deny", "renew", "pin", "history", "rename x", "remove"} {
		r := a.run("", strings.Fields("softphone "+args)...)
		if r.code != exitUsage || !strings.Contains(r.err, "--state FILE is needed") {
			t.Errorf("%s: %+v", args, r)
		}
	}
	if err := os.Chmod(state, 0o640); err != nil {
		t.Fatal(err)
	}
	if r := a.run("", "softphone", "status", "--state", state); r.code != exitRefused || !strings.Contains(r.err, "chmod 600 "+state) {
		t.Errorf("%+v", r)
	}
}

// TestEveryProblemHasWords: what a person reads names neither a code nor a package.
func TestEveryProblemHasWords(t *testing.T) {
	s := &softphone{state: "FILE"}
	faults := []error{
		phone.ErrEnrolled, phone.ErrNotEnrolled, phone.ErrState, phone.ErrReadable, phone.ErrNoPIN, phone.ErrCertificate, phone.ErrBetween,
		phone.ErrShown, phone.ErrUnsettled, phone.ErrAnswer, os.ErrNotExist, &phone.WrongPIN{Left: 0}, &phone.WrongPIN{Left: 1}, &phone.WrongPIN{Left: 3},
		&url.Error{Op: "Post", URL: "https://x/", Err: errors.New("connection refused")},
	}
	for _, code := range []phone.Code{phone.BadRequest, phone.TooLarge, phone.UnknownDevice, phone.BadSignature, phone.DeviceCloned, phone.DeviceLocked,
		phone.DeviceRevoked, phone.DeviceInert, phone.PINLocked, phone.PINErased, phone.InvitationVoid, phone.NoSuchPending, phone.PendingEnded,
		phone.WrongSymbol, phone.StaleNonce, phone.StaleGeneration, phone.BadKey, phone.BadPoint, phone.SubscriptionRefused, phone.AppOutdated, phone.TooManyCalls, phone.Busy} {
		faults = append(faults, &phone.Problem{Code: code, Detail: "the detail"})
	}
	seen := map[string]bool{}
	for _, fault := range faults {
		var own refusal
		if !errors.As(s.inWords(fmt.Errorf("wrapped: %w", fault)), &own) || own.text == "" || own.hint == "" {
			t.Errorf("%v: %+v", fault, own)
		}
		if strings.Contains(own.text, "phone:") || strings.Contains(own.text, "urn:") {
			t.Errorf("%v: %s", fault, own.text)
		}
		seen[own.text] = true
	}
	if len(seen) < 28 {
		t.Errorf("only %d texts for %d faults", len(seen), len(faults))
	}
	if err := s.inWords(refusal{"words", ""}); err.Error() != "words" {
		t.Error(err)
	}
}
