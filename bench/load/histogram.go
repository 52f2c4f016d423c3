package load

import (
	"math"
	"math/bits"
	"time"
)

// Histogram counts times in microseconds in buckets of at most 1.6 % of their value. The
// zero value is empty.
type Histogram struct {
	buckets [64 * octave]uint64
	count   uint64
	longest time.Duration
}

const (
	octaveBits = 6
	octave     = 1 << octaveBits
)

// Add counts one time. Negative ones count as none.
func (h *Histogram) Add(d time.Duration) {
	h.buckets[bucket(uint64(max(d, 0).Microseconds()))]++
	h.count++
	h.longest = max(h.longest, d)
}

// Count is how many times were added.
func (h *Histogram) Count() uint64 { return h.count }

// Max is the longest time.
func (h *Histogram) Max() time.Duration { return h.longest }

// Quantile gives the time that the share q (0 to 1) of all stayed within, rounded up to its
// bucket's end; 0 when nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := max(1, uint64(math.Ceil(q*float64(h.count))))
	var seen uint64
	for i, n := range h.buckets {
		if seen += n; seen >= rank {
			return min(h.longest, time.Duration(ceiling(i))*time.Microsecond)
		}
	}
	return h.longest
}

// bucket keeps the octaveBits bits behind the leading one.
func bucket(v uint64) int {
	if v < octave {
		return int(v)
	}
	shift := bits.Len64(v) - octaveBits - 1
	return (shift+1)<<octaveBits + int(v>>shift) - octave
}

// ceiling is the largest value of a bucket.
func ceiling(i int) uint64 {
	if i < octave {
		return uint64(i)
	}
	shift := i>>octaveBits - 1
	return (uint64(i&(octave-1))+octave+1)<<shift - 1
}
