package pinphrase

import (
	"math"
	"testing"
)

// What somebody learns who records logins: the chance to answer the next
// challenge after k of them, for positions drawn uniformly, in percent. The
// table is that of the method's security notes; a draw that favoured positions,
// or the ends, would not reproduce it.
func TestRecordingAttack(t *testing.T) {
	const trials = 20000
	random := Stream([]byte("recording"))
	for _, c := range []struct {
		n, m int
		want map[int]float64
	}{
		{6, 4, map[int]float64{1: 7, 2: 58, 3: 85, 5: 98}},
		{8, 4, map[int]float64{1: 1, 2: 26, 3: 56, 5: 88}},
		{10, 4, map[int]float64{1: 0.5, 2: 12, 3: 34, 5: 71}},
		{16, 4, map[int]float64{1: 0, 2: 2, 3: 9, 5: 32}},
	} {
		for k, want := range c.want {
			sum := 0.0
			for range trials {
				var seen Set
				for range k {
					s, err := drawAny(c.n, c.m, random)
					if err != nil {
						t.Fatal(err)
					}
					seen |= s
				}
				sum += Exposure(c.n, c.m, seen)
			}
			if got := 100 * sum / trials; math.Abs(got-want) > 1 {
				t.Errorf("n=%d m=%d k=%d: %.1f %%, want %.0f %%", c.n, c.m, k, got, want)
			}
		}
	}
}
