package main

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestLikeness: a decoy takes as long as checks of accounts did, has no answer while they have none, and notices a
// check that hangs.
func TestLikeness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l likeness
		if wait, answered := l.draw(); wait != firstGuess || !answered {
			t.Errorf("at first: %s, %t", wait, answered)
		}
		for _, took := range []time.Duration{40 * time.Millisecond, 50 * time.Millisecond} {
			l.begin()(took, true)
		}
		seen := map[time.Duration]bool{}
		for range 200 {
			wait, answered := l.draw()
			if seen[wait] = true; !answered {
				t.Error("no answer")
			}
		}
		if len(seen) != 2 || !seen[40*time.Millisecond] || !seen[50*time.Millisecond] {
			t.Errorf("drawn: %v", seen)
		}
		l.begin()(3*time.Second, false)
		if wait, answered := l.draw(); wait != 3*time.Second || answered {
			t.Errorf("in an outage: %s, %t", wait, answered)
		}
		l.begin()(0, true) // an account that PAM does not know teaches nothing
		if _, answered := l.draw(); answered {
			t.Error("the outage is over by an unknown account")
		}
		l.begin()(45*time.Millisecond, true)
		if _, answered := l.draw(); !answered {
			t.Error("the outage does not end")
		}
		end := l.begin()
		if l.hangs() {
			t.Error("a check that has just begun hangs")
		}
		time.Sleep(time.Second)
		if !l.hangs() {
			t.Error("a check that takes twenty times as long does not hang")
		}
		end(time.Second, true)
		if l.hangs() {
			t.Error("one that has ended hangs")
		}
	})
}
