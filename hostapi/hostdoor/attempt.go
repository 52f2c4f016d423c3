package hostdoor

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/hostapi"
)

// Longest texts of a call, in bytes; PAM's own items are shorter.
const (
	maxName = 512
	maxItem = 256
)

// attempt is what core hears of a call.
func (c *call) attempt(ctx context.Context, in hostapi.Context) (core.Attempt, error) {
	for _, item := range []*string{&in.Service, &in.RHost, &in.RUser, &in.TTY, &in.Language, &in.Charset, &in.Label} {
		if len(*item) > maxItem {
			return core.Attempt{}, refuse(http.StatusBadRequest, "a field of the call is too long")
		}
	}
	in.Request = requestID(in.Request)
	c.about = in
	switch {
	case in.Version < 1:
		return core.Attempt{}, refuse(http.StatusBadRequest, "the call names no version")
	case in.User == "" || len(in.User) > maxName || in.Service == "":
		return core.Attempt{}, refuse(http.StatusBadRequest, "the call needs a user and a service")
	case in.User[0] == '\b':
		// sshd answers for names that may not log in with this; a name of that kind is none.
		return core.Attempt{}, refuse(http.StatusBadRequest, "the user's name begins with a control character")
	}
	if c.caller.May != nil {
		may, err := c.caller.May(ctx, in.User)
		if err != nil {
			return core.Attempt{}, err
		}
		if !may {
			return core.Attempt{}, refuse(http.StatusForbidden, "the caller may not ask for this user")
		}
	}
	policy := c.rules.policy(in.Service)
	if policy == "" {
		return core.Attempt{}, refuse(http.StatusForbidden, fmt.Sprintf("no policy for the service %q: see hosts: in latchkey.yaml", in.Service))
	}
	return core.Attempt{
		Request: in.Request, Door: core.DoorPAM, NAS: c.caller.Host, Policy: policy, Source: c.source(in), Service: in.Service, User: in.User,
		Language: in.Language, ASCII: in.Charset == hostapi.CharsetASCII, NoGlyph: in.Charset != hostapi.CharsetUTF8,
		PasswordChecked: c.rules.PasswordChecked, TellUnenrolled: in.TellUnenrolled,
	}, nil
}

// source is where the person is. A real uid stands for its owner at that host, and nowhere else: su root, ten times,
// locks root for who did that. It comes before the address: a program that somebody has started may claim any.
func (c *call) source(in hostapi.Context) core.Source {
	host := core.Source{Kind: core.SourceNAS, Value: c.caller.Host}
	uid := func(n uint32) core.Source {
		return core.Source{Kind: core.SourceUID, Value: c.caller.Host + "/" + strconv.FormatUint(uint64(n), 10)}
	}
	switch {
	case c.caller.Own != nil:
		return uid(*c.caller.Own)
	case !c.caller.Trusted:
		return host
	case in.RealUID != 0:
		return uid(in.RealUID)
	}
	addr, err := netip.ParseAddr(in.RHost)
	if err != nil {
		return host
	}
	return core.Source{Kind: core.SourcePerson, Value: addr.Unmap().WithZone("").String()}
}

// requestID keeps what is fit for a log line.
func requestID(given string) string {
	if len(given) > 40 || strings.Trim(given, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" || given == "" {
		return "unnamed"
	}
	return given
}
