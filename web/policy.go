package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// contentPolicy is all that pages of this origin may do: scripts, styles, images, calls and a
// service worker from here, nothing inline, nothing from elsewhere, no frame around them. Calls may go to
// other appliances that are listed (apps.go). The app
// makes its one TrustedScriptURL, that of the service worker, under the policy "latchkey".
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types latchkey"

// mePolicy is that of the pages of self-service: the same without service worker and manifest, and not one
// trusted type.
const mePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// mePermissions: those pages need nothing of what browsers offer.
var mePermissions = strings.Replace(permissions, "camera=(self)", "camera=()", 1)

// permissions: the app scans invitations with the camera; the rest of what browsers offer is shut.
const permissions = "accelerometer=(), autoplay=(), camera=(self), display-capture=(), fullscreen=(), geolocation=(), gyroscope=(), " +
	"magnetometer=(), microphone=(), midi=(), payment=(), usb=(), xr-spatial-tracking=()"

// place is what web.url says of where the appliance stands.
type place struct {
	host   string // lower-case, without port and final dot
	origin string // as browsers write it: no default port
	strict bool   // names of the public kind are sent HSTS
}

func newPlace(address string) (place, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.Trim(u.Path, "/") != "" {
		return place{}, false
	}
	p := place{host: hostname(u.Host)}
	p.origin = "https://" + strings.ToLower(u.Host)
	if u.Port() == "443" {
		p.origin = strings.TrimSuffix(p.origin, ":443")
	}
	// Browsers ignore HSTS for addresses; for localhost it would bind every other server on the machine.
	_, notAddress := netip.ParseAddr(p.host)
	p.strict = notAddress != nil && p.host != "localhost"
	return p, true
}

// hostname is the name in a Host header or an authority, in the form that is compared.
func hostname(authority string) string {
	u := url.URL{Host: authority}
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
}

// harden sets the headers that every reply carries.
func (p place) harden(h http.Header, policy, path string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Permissions-Policy", permissions)
	if strings.HasPrefix(path, mePath) || strings.HasPrefix(path, meCallPath) {
		h.Set("Content-Security-Policy", mePolicy)
		h.Set("Permissions-Policy", mePermissions)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if p.strict {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// admits judges who asks: by which name, and from which page. A page of another site that has
// pointed its own name at this address (DNS rebinding) is told by the name; a page that calls from
// elsewhere by what browsers add. Programs add neither header.
func (p place) admits(r *http.Request, from origin, apps *sharing) error {
	if from == anyHost {
		return nil
	}
	if hostname(r.Host) != p.host {
		return refuse(codeWrongHost, "")
	}
	if from == anywhere {
		return nil
	}
	if from == anyApp {
		if _, ok := apps.admitted(r); ok {
			return nil
		}
	}
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" {
			return refuse(codeCrossSite, "")
		}
	}
	for _, origin := range r.Header["Origin"] {
		if origin != p.origin {
			return refuse(codeCrossSite, "")
		}
	}
	return nil
}
