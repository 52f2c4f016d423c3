package web

import (
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey/latchkey/core"
)

// errPanic stands for a handler's panic, which has been logged.
var errPanic = errors.New("web: a handler panicked")

// requestIDs are short and unique: four characters of this start, and a number.
type requestIDs struct {
	start string
	next  atomic.Uint64
}

func newRequestIDs() *requestIDs {
	text := strings.ToLower(rand.Text())
	return &requestIDs{start: "w" + text[:4] + "-"}
}

func (n *requestIDs) make() string {
	return n.start + strconv.FormatUint(n.next.Add(1), 36)
}

// Refusals are logged at most so often, each code for itself; what was left out is counted in the
// next line. Otherwise whoever reaches the door could fill the disk.
const (
	linesPerWindow = 10
	logWindow      = 10 * time.Second
)

type quiet struct {
	mu    sync.Mutex
	codes map[core.DeviceCode]*window
}

type window struct {
	since               time.Time
	written, suppressed int
}

func (q *quiet) allow(code core.DeviceCode, now time.Time) (suppressed int, ok bool) {
	if _, listed := answers[code]; !listed {
		code = "" // the table stays as small as that of the codes
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.codes == nil {
		q.codes = map[core.DeviceCode]*window{}
	}
	w := q.codes[code]
	if w == nil {
		w = &window{since: now}
		q.codes[code] = w
	}
	if now.Sub(w.since) >= logWindow {
		w.since, w.written = now, 0
	}
	if w.written >= linesPerWindow {
		w.suppressed++
		return 0, false
	}
	w.written++
	suppressed, w.suppressed = w.suppressed, 0
	return suppressed, true
}
