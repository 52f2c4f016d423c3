package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
)

func TestSoftphoneCode(t *testing.T) {
	a := withPhones(t)
	state := a.enrolled()
	do := func(args ...string) ran {
		t.Helper()
		return a.run(pin, append(append([]string{"softphone"}, args...), "--state", state)...)
	}
	attempt, _, symbol := a.begin()
	if r := do("approve", "--code"); r.code != exitRefused || !strings.Contains(r.err, "no such login takes a code") {
		t.Errorf("%+v", r)
	}
	if r := do("approve", "--symbol", symbol); r.code != exitDone {
		t.Fatalf("%+v", r)
	}
	attempt.NoChallenge = true
	password := attempt.Password.Reveal()
	begin := func(text string) core.Step {
		t.Helper()
		attempt.Password = secret.New(text)
		step, err := a.core.Begin(t.Context(), attempt)
		if err != nil {
			t.Fatal(err)
		}
		return step
	}
	for _, c := range []struct {
		args    []string
		pattern string
	}{
		{[]string{"approve", "--code"}, `^Approved: vpn at vpn, from 192\.0\.2\.7\. The code is ([0-9]{6}): type it behind the password and a comma\. It ends in (?:1 minute|[0-9]+ seconds)\.\n$`},
		{[]string{"--json", "approve", "--code"}, `^\{"result":"approved","login":\{"id":"[^"]+","kind":"code",.*\},"code":"([0-9]{6})","expires":"[^"]+"\}\n$`},
	} {
		if step := begin(password); step.Reason != core.CodeAwaited {
			t.Fatalf("%+v", step)
		}
		if r := do("approve", "--symbol", "sun"); r.code != exitRefused || !strings.Contains(r.err, "no waiting login shows a symbol") {
			t.Errorf("%+v", r)
		}
		if r := do("approve", "--code", "--login", "AAAA"); r.code != exitRefused {
			t.Errorf("%+v", r)
		}
		r := do(c.args...)
		found := regexp.MustCompile(c.pattern).FindStringSubmatch(r.out + r.err)
		if r.code != exitDone || found == nil {
			t.Fatalf("%+v", r)
		}
		if step := begin(password + "," + found[1]); step.Kind != core.Accept {
			t.Fatalf("%+v", step)
		}
	}
}
