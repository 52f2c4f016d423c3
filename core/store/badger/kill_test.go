package badger

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// TestKill: SIGKILL under concurrent writers, again and again, with the real engine.
func TestKill(t *testing.T) {
	t.Parallel()
	l := &loss{t: t, victim: "/proc/self/exe", dir: filepath.Join(t.TempDir(), "state"), acknowledged: map[int]uint64{}}
	for round := range 6 {
		l.start(func(acks int, rotated bool) bool { return acks > 100+rand.IntN(2000) || rotated && round%2 == 0 })
		if lost := l.check(); len(lost) > 0 {
			t.Fatalf("round %d: lost: %q", round, lost)
		}
	}
}
