package web

import (
	"net/http"
	"strings"
)

// route is one thing that can be asked: how, where, by whom, and who answers.
type route struct {
	method, path string // a path that ends in "/" stands for all below it
	from         origin
	handler      handler
}

// handler answers a request, or returns what problem.go is to say instead.
type handler func(w http.ResponseWriter, r *request) error

// origin is which pages a browser may ask from; programs, which send no such header, always may.
type origin int

const (
	anywhere origin = iota // a link leads here: nothing is changed, nothing is told to the page that links
	samePage               // a page of this appliance: other sites are refused
	anyApp                 // the same, and the apps of other appliances that are listed: see apps.go
	anyHost                // and besides, under any name: for probes that know an address only
)

// routes is everything that is served. One call of the device protocol is one line, so that what
// this table and openapi.yaml say can be held against each other.
func (s *Server) routes() []route {
	return []route{
		{"GET", "/", anywhere, s.toApp},
		{"GET", "/app", anywhere, s.toApp},
		{"GET", "/app/", anywhere, s.appFile},
		{"GET", "/me", anywhere, s.toMe},
		{"GET", "/me/", anywhere, s.meFile},
		{"GET", "/healthz", anyHost, s.health},
		{"GET", "/api/openapi.yaml", anywhere, s.openAPI},
		{"GET", "/api/v1/brand", anyApp, s.tellBrand},

		{"POST", "/api/v1/enrolments", anyApp, s.enrol},
		{"GET", "/api/v1/device/events", anyApp, s.events},
		{"POST", "/api/v1/device/hello", anyApp, s.call},
		{"POST", "/api/v1/device/pin/evaluate", anyApp, s.call},
		{"POST", "/api/v1/device/key", anyApp, s.call},
		{"POST", "/api/v1/device/pendings", anyApp, s.call},
		{"POST", "/api/v1/device/open", anyApp, s.call},
		{"POST", "/api/v1/device/approve", anyApp, s.call},
		{"POST", "/api/v1/device/deny", anyApp, s.call},
		{"POST", "/api/v1/device/history", anyApp, s.call},
		{"POST", "/api/v1/device/messages", anyApp, s.call},
		{"POST", "/api/v1/device/renew/begin", anyApp, s.call},
		{"POST", "/api/v1/device/renew", anyApp, s.call},
		{"POST", "/api/v1/device/push", anyApp, s.call},
		{"POST", "/api/v1/device/rename", anyApp, s.call},
		{"POST", "/api/v1/device/remove", anyApp, s.call},

		{"POST", "/api/v1/hosts/enrolments", samePage, s.enrolHost},
		{"POST", "/api/v1/host/renew", samePage, s.renewHost},
		{"POST", "/api/v1/host/begin", samePage, s.hostLogin},
		{"POST", "/api/v1/host/answer", samePage, s.hostLogin},

		{"GET", "/api/v1/me", samePage, s.me},
		{"GET", "/api/v1/me/options", samePage, s.me},
		{"POST", "/api/v1/me/code-word", samePage, s.me},
		{"POST", "/api/v1/me/sign-in", samePage, s.me},
		{"POST", "/api/v1/me/sign-in/answer", samePage, s.me},
		{"POST", "/api/v1/me/sign-out", samePage, s.me},
		{"POST", "/api/v1/me/proof", samePage, s.me},
		{"POST", "/api/v1/me/proof/answer", samePage, s.me},
		{"POST", "/api/v1/me/answers/set", samePage, s.me},
		{"POST", "/api/v1/me/answers/remove", samePage, s.me},
		{"POST", "/api/v1/me/devices/invite", samePage, s.me},
		{"POST", "/api/v1/me/devices/confirm", samePage, s.me},
		{"POST", "/api/v1/me/devices/rename", samePage, s.me},
		{"POST", "/api/v1/me/devices/lock", samePage, s.me},
		{"POST", "/api/v1/me/devices/unlock", samePage, s.me},
		{"POST", "/api/v1/me/devices/revoke", samePage, s.me},
		{"GET", "/api/v1/me/logins", samePage, s.me},
		{"POST", "/api/v1/me/logins/not-me", samePage, s.me},
		{"POST", "/api/v1/me/recovery/make", samePage, s.me},
		{"POST", "/api/v1/me/recovery/void", samePage, s.me},
		{"POST", "/api/v1/me/language", samePage, s.me},
	}
}

// devicePath is the part of a path that stands before its op.
const devicePath = "/api/v1/device/"

// table finds a route by path and method. It is exact: no cleaning of paths, no redirect, because
// the path is part of what a device has signed.
type table struct {
	exact map[string]map[string]route
	trees []string
}

func newTable(routes []route) table {
	t := table{exact: map[string]map[string]route{}}
	for _, r := range routes {
		if t.exact[r.path] == nil {
			t.exact[r.path] = map[string]route{}
			if strings.HasSuffix(r.path, "/") && r.path != "/" {
				t.trees = append(t.trees, r.path)
			}
		}
		t.exact[r.path][r.method] = r
	}
	return t
}

// find gives the route; HEAD is GET without its body. Else which methods the path has, if any.
func (t table) find(method, path string) (found route, ok bool, allowed []string) {
	methods := t.exact[path]
	if methods == nil {
		for _, tree := range t.trees {
			if strings.HasPrefix(path, tree) {
				methods = t.exact[tree]
			}
		}
	}
	if method == http.MethodHead {
		if r, ok := methods[http.MethodGet]; ok && r.path != devicePath+"events" {
			return r, true, nil
		}
	}
	if r, ok := methods[method]; ok {
		return r, true, nil
	}
	for m := range methods {
		allowed = append(allowed, m)
	}
	return route{}, false, allowed
}

// known is a path as it may stand in a log: one of the table's, or that it is none.
func (t table) known(path string) string {
	if _, ok := t.exact[path]; ok {
		return path
	}
	for _, tree := range t.trees {
		if strings.HasPrefix(path, tree) {
			return tree
		}
	}
	return "unknown"
}
