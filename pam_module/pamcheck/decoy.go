package main

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Questions about nobody. The daemon asks them for names that it does not know and for users who are locked, so that
// these take as long as a password that was looked at, and fail as often. No name goes to PAM: how long stacks take
// over names that they don't know differs, and would tell.

// firstGuess stands until a real check has been seen: some yescrypt.
const firstGuess = 30 * time.Millisecond

// likeness remembers how long the last checks of real accounts took, and whether the very last one had an answer. A
// decoy ends as they did.
type likeness struct {
	mu    sync.Mutex
	took  [16]time.Duration // of those with an answer
	seen  int
	gave  time.Duration           // of the last one, where it had none; else 0
	under map[*time.Time]struct{} // checks under way, by when they began
}

// begin notes that a real check begins; end says how long it took by itself and whether there was an answer. took 0
// says that there is nothing to learn from it.
func (l *likeness) begin() (end func(took time.Duration, answered bool)) {
	began := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.under == nil {
		l.under = map[*time.Time]struct{}{}
	}
	l.under[&began] = struct{}{}
	return func(took time.Duration, answered bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.under, &began)
		if took <= 0 {
			return
		}
		if l.gave = took; answered {
			l.gave = 0
			l.took[l.seen%len(l.took)] = took
			l.seen++
		}
	}
}

// draw is how long a decoy takes, and whether it has an answer then.
func (l *likeness) draw() (wait time.Duration, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.gave > 0:
		return l.gave, false
	case l.seen == 0:
		return firstGuess, true
	}
	return l.took[rand.IntN(min(l.seen, len(l.took)))], true
}

// hangs tells whether a check under way is far over its time: a real one would have no answer now either.
func (l *likeness) hangs() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	longest := firstGuess
	for _, took := range l.took {
		longest = max(longest, took)
	}
	for began := range l.under {
		if time.Since(*began) > 2*longest+200*time.Millisecond {
			return true
		}
	}
	return false
}
