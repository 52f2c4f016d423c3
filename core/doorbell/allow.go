package doorbell

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Vendors lists the push services of the browsers: Chrome and its kin, Chromium of the distributions, Firefox, Safari,
// Edge.
func Vendors() []string {
	return []string{
		"fcm.googleapis.com", "jmt17.google.com", "*.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com",
	}
}

// service is an entry of the allow-list: whom it covers, and the places for work at once.
type service struct {
	name  string // "push.example.org", or ".example.org" for what is below it
	port  string
	lanes chan struct{}
}

func parseService(entry string, together int) (service, error) {
	bad := func(hint string) (service, error) {
		return service{}, fmt.Errorf("%w: push service %q: %s", ErrConfig, entry, hint)
	}
	name, port, has := strings.Cut(strings.ToLower(entry), ":")
	if !has {
		port = "443"
	} else if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return bad("its port is not a number from 1 to 65535")
	}
	below, wild := strings.CutPrefix(name, "*.")
	if !isName(below) {
		return bad(`give the name of a host, or "*." and a domain; no scheme, no path, no address`)
	}
	if wild {
		if !strings.Contains(below, ".") {
			return bad("this would allow a whole top-level domain")
		}
		name = "." + below
	}
	return service{name: name, port: port, lanes: make(chan struct{}, together)}, nil
}

// serviceOf finds the entry that covers a host, which must be a name in lower case.
func (b *Bell) serviceOf(host, port string) (service, bool) {
	for _, s := range b.allow {
		if s.port == port && (host == s.name || s.name[0] == '.' && strings.HasSuffix(host, s.name)) {
			return s, true
		}
	}
	return service{}, false
}

// isName tells whether s is a host's name in lower case (RFC 1123 section 2.1), and no address in any writing that a
// resolver might take for one: the last label of a name is not a number.
func isName(s string) bool {
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
				return false
			}
		}
		last = label
	}
	_, err := netip.ParseAddr(s)
	return err != nil && !isNumber(last)
}

func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}
