// Package delivery is what the carriers below it have in common and what the configuration must know of them: the
// alphabet of short messages, the forms of a telephone number, and templates of requests with a place for each value.
//
// It does no I/O. It must never know how a carrier reaches anybody, nor log or quote the text or the whole number of
// a message.
package delivery

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/latchkey/latchkey/core"
)

// Fault makes an error of a carrier. Its text is ours: what the other side said may repeat the message.
func Fault(fault core.CarrierFault, format string, args ...any) *core.CarrierError {
	return &core.CarrierError{Fault: fault, Text: fmt.Sprintf(format, args...)}
}

// Busy is the fault of a carrier that throttles, for so long as it said.
func Busy(after time.Duration, format string, args ...any) *core.CarrierError {
	e := Fault(core.CarrierBusy, format, args...)
	e.After = min(max(after, 0), maxAfter)
	return e
}

// maxAfter bounds what a carrier may ask for: a wrong figure must not silence it for a day.
const maxAfter = time.Hour

// State is how a carrier is, for the administrator. It holds no secret.
type State struct {
	Up     bool   // false: the next message will probably not be taken
	Detail string // "bound", "not bound: connection refused"
}

// Stated is what a carrier with a standing connection offers besides core.Carrier.
type Stated interface{ State() State }

type answerKey struct{}

// Listening gives a context under which Answer notes what the other side said, and where it is noted. It is for
// messages that hold nothing secret, the administrator's tests: the other side may repeat them.
func Listening(ctx context.Context) (context.Context, *string) {
	said := new(string)
	return context.WithValue(ctx, answerKey{}, said), said
}

// maxAnswer is how much of an answer is of use to a person.
const maxAnswer = 300

// Answer notes what the other side said, if somebody listens. A carrier calls it in the goroutine of Send.
func Answer(ctx context.Context, said string) {
	to, ok := ctx.Value(answerKey{}).(*string)
	if !ok {
		return
	}
	said = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(said, "?"))
	said = strings.Join(strings.Fields(said), " ")
	if len(said) > maxAnswer {
		said = strings.ToValidUTF8(said[:maxAnswer], "") + "…"
	}
	*to = said
}
