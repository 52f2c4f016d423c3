package httpgateway

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
)

func FuzzKannelReply(f *testing.F) {
	for _, s := range []string{"0: Accepted for delivery", "3: Queued for later delivery", "Authorization failed for sendsms", "4: Not routable", "", "\xff\xfe:0", "999999999999: x"} {
		f.Add(202, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		code, _, ok := kannelReply(body)
		if ok && (code < 0 || code > 999) {
			t.Errorf("%q: code %d", body, code)
		}
		fault, known := judgeKannel(status, body)
		if known && fault == nil && !(ok && (code == 0 || code == 3) && status >= 200 && status < 300) {
			t.Errorf("%d %q is taken for success", status, body)
		}
		if !known && status >= 200 && status < 300 {
			t.Errorf("%d %q: a status alone would decide", status, body)
		}
		if fault != nil && len(body) > 12 && strings.Contains(fault.Text, string(body)) {
			t.Errorf("the fault quotes the answer %q", body)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"30", "-1", "Wed, 25 Nov 2026 12:01:00 GMT", "99999999999999999999", ""} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if d := retryAfter(value, now); d < 0 {
			t.Errorf("%q: %s", value, d)
		}
		if fault := Judge(429, retryAfter(value, now)); fault.Fault != core.CarrierBusy || fault.After > time.Hour {
			t.Errorf("%q: %v %s", value, fault, fault.After)
		}
	})
}
