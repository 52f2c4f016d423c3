package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Apps is how this appliance and others share their apps. One app can hold IDs at several appliances; each
// side has to agree, and names the other. The zero value: the app here is for this appliance, and it alone.
type Apps struct {
	Appliances []string // origins that the app served here may talk to, besides this one
	Origins    []string // origins whose app may use the phones' calls here (fetch.spec.whatwg.org, CORS protocol)
}

// ErrApps says that an origin is not of the form that browsers compare.
var ErrApps = errors.New("web: apps: origins are https://HOST or https://HOST:PORT in lower case, without the default port, and not this one")

// sharing is what follows from Apps, made once.
type sharing struct {
	appliances []string
	origins    map[string]bool
	policy     string // the content security policy of every reply
	mark       string // what the service worker's file ends in
}

// SetApps shares with others from now on. On an error nothing has changed.
func (s *Server) SetApps(a Apps) error {
	for _, origin := range slices.Concat(a.Appliances, a.Origins) {
		if p, ok := newPlace(origin); !ok || p.origin != origin || origin == s.place.origin || strings.ContainsAny(origin, " ;,'*") {
			return ErrApps
		}
	}
	n := &sharing{appliances: slices.Clone(a.Appliances), origins: map[string]bool{}}
	for _, origin := range a.Origins {
		n.origins[origin] = true
	}
	n.policy = strings.Replace(contentPolicy, "connect-src 'self'", strings.Join(append([]string{"connect-src 'self'"}, a.Appliances...), " "), 1)
	if len(a.Appliances) > 0 {
		// A worker keeps the policy that it came with, and the pages too, until its file differs by a byte.
		sum := sha256.Sum256([]byte(n.policy))
		n.mark = "\n// " + hex.EncodeToString(sum[:8]) + "\n"
	}
	s.sharing.Store(n)
	return nil
}

// admitted is the app of another appliance that asks, if it is one that may: exactly one Origin, and that one
// listed. No other header says who asks.
func (n *sharing) admitted(r *http.Request) (origin string, ok bool) {
	given := r.Header["Origin"]
	if len(given) != 1 || !n.origins[given[0]] {
		return "", false
	}
	return given[0], true
}

// What a listed app may send and read beside what every page may. There are no credentials: the device's key
// signs each call, and cookies are not looked at.
const (
	appHeaders = "content-type, latchkey-device, latchkey-counter, latchkey-signature"
	appReads   = "date, retry-after"
	// preflightFor is how long a browser may keep that it may ask, in seconds: short, since the list can change.
	preflightFor = "600"
)

// allow lets the page of a listed origin read the reply, refusals too.
func allow(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", appReads)
}

// preflight answers a browser that asks whether a page may make a call. done: it was one, and err is its answer.
// A page that may not is told nothing but that, and its browser shows it not even this.
func (s *Server) preflight(w http.ResponseWriter, r *request) (done bool, err error) {
	wanted := r.Header["Access-Control-Request-Method"]
	if r.Method != http.MethodOptions || len(wanted) != 1 {
		return false, nil
	}
	found, ok, _ := s.table.find(wanted[0], r.URL.Path)
	if !ok || found.from != anyApp {
		return false, nil
	}
	w.Header().Set("Vary", "Origin")
	if hostname(r.Host) != s.place.host {
		return true, refuse(codeWrongHost, "")
	}
	origin, ok := s.sharing.Load().admitted(r.Request)
	if !ok {
		return true, refuse(codeCrossSite, "")
	}
	allow(w.Header(), origin)
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", found.method)
	h.Set("Access-Control-Allow-Headers", appHeaders)
	h.Set("Access-Control-Max-Age", preflightFor)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return true, nil
}
