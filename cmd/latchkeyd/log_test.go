package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinesComeTogetherAndWarningsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log, flush := newLog(&out)
		lines := func() int { return strings.Count(out.String(), "\n") }

		log.Info("one")
		log.With("a", 1).WithGroup("g").Info("two", "b", 2)
		if lines() != 0 {
			t.Errorf("written at once: %s", out.String())
		}
		time.Sleep(lineDelay)
		synctest.Wait()
		if lines() != 2 {
			t.Errorf("after the delay: %s", out.String())
		}

		log.Info("three")
		log.With("a", 1).Warn("four")
		if got := out.String(); lines() != 4 || strings.Index(got, "three") > strings.Index(got, "four") {
			t.Errorf("a warning waits, or overtakes: %s", got)
		}

		for range 1000 {
			log.Info(strings.Repeat("x", 100))
		}
		if lines() < 700 {
			t.Errorf("%d lines: nothing bounds what waits", lines())
		}
		log.Info("last")
		flush()
		if lines() != 1005 {
			t.Errorf("%d lines after the flush", lines())
		}
	})
}
