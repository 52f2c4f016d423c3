package config

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
)

const phones = `
radius:
  clients:
    - {name: vpn, address: 192.0.2.10, secret: "` + canary + `", policy: vpn, hold: 10s, wait: 1s}
policies:
  vpn: {second: [app, pinphrase], fallback: true, symbols: pair, not_me: lock}
`

// TestWebArrives: each key of the phones with a value other than its default.
func TestWebArrives(t *testing.T) {
	c, problems := Parse("x", []byte(phones+`
web:
  listen: ["192.0.2.1:443"]
  url: HTTPS://Vpn.Example.org:443/
  certificate_file: /etc/latchkey/web.pem
  key_file: /etc/latchkey/./web.key
  brand: {name: Example AG, colour: "#0a5c36", colour_dark: "#7FD1A6", logo_file: /etc/latchkey/logo.svg}
  app: {appliances: ["https://B.example.org:443"], origins: ["https://c.example.org:8443/"]}
  push: {contact: "https://example.org/it", allow: [push.example.org, "*.example.com:8443"], networks: [192.0.2.0/24]}
device: {pin_digits: 8, tries: 3, tries_for_life: 9, approve_within: 1m, enrol_within: 2h}
`), withCertificate(t, usual(), "vpn.example.org"))
	if c == nil {
		t.Fatal(problems)
	}
	logo := c.Web.Brand.Logo
	c.Web.Brand.Logo = ""
	if want := (Web{
		Listen: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:443")}, URL: "https://vpn.example.org",
		CertificateFile: "/etc/latchkey/web.pem", KeyFile: "/etc/latchkey/web.key",
		Brand: Brand{Name: "Example AG", Colour: "#0a5c36", ColourDark: "#7FD1A6"},
		Apps:  Apps{Appliances: []string{"https://b.example.org"}, Origins: []string{"https://c.example.org:8443"}},
		Push: Push{
			Contact: "https://example.org/it", Allow: []string{"push.example.org", "*.example.com:8443"},
			Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		},
	}); !reflect.DeepEqual(c.Web, want) {
		t.Errorf("web: %+v", c.Web)
	}
	if !strings.HasPrefix(logo, "data:image/svg+xml;base64,PD94") {
		t.Errorf("logo: %.40s", logo)
	}
	if want := (core.DeviceSettings{
		PINDigits: 8, Tries: 3, TriesForLife: 9, PendingFor: time.Minute, InviteFor: 2 * time.Hour,
		Origin: "https://vpn.example.org", Appliance: "Example AG",
	}); c.Settings.Device != want {
		t.Errorf("device: %+v", c.Settings.Device)
	}
	if p := c.Settings.Policies["vpn"]; !p.Fallback || p.Symbols != core.SymbolsPair || p.NotMe != core.NotMeLock || !reflect.DeepEqual(p.Second, []core.Method{core.MethodApp, core.MethodPINphrase}) {
		t.Errorf("policy: %+v", p)
	}
	if k := c.RADIUS.Clients[0]; k.Hold != 10*time.Second || k.Wait != time.Second {
		t.Errorf("client: %+v", k)
	}
}

// TestCertificateIsHeldAgainstTheURL, and against its key.
func TestCertificateIsHeldAgainstTheURL(t *testing.T) {
	const web = `web: {url: "https://vpn.example.org:8443", certificate_file: /etc/latchkey/web.pem, key_file: /etc/latchkey/web.key}`
	other, right := withCertificate(t, usual(), "other.example.org"), withCertificate(t, usual(), "vpn.example.org")
	mixed := withCertificate(t, usual(), "vpn.example.org")
	mixed["/etc/latchkey/web.key"] = right["/etc/latchkey/web.key"]
	open := withCertificate(t, usual(), "vpn.example.org")
	key := open["/etc/latchkey/web.key"]
	key.mode = 0o644
	open["/etc/latchkey/web.key"] = key
	for name, c := range map[string]struct {
		files disk
		want  string
		fatal bool
	}{
		"right": {files: right},
		"other": {other, "web.certificate_file: is not for vpn.example.org, the host of web.url (it names other.example.org)", true},
		"mixed": {mixed, "web.certificate_file: does not go with the key: private key does not match public key", true},
		"open":  {open, "warning: web.key_file: everybody on this machine may read this file, its mode is 0644", false},
		"none":  {usual(), "web.key_file: cannot be read: file does not exist", true},
	} {
		_, problems := Parse("x", []byte(minimal+web), c.files)
		if problems.Fatal() != c.fatal || !strings.Contains(problems.String(), c.want) || c.want == "" && len(problems) > 0 {
			t.Errorf("%s:\n%s", name, problems)
		}
	}
}

// TestURLs: what is the origin of an app, and what is none.
func TestURLs(t *testing.T) {
	for given, want := range map[string]string{
		"https://a.example.org": "https://a.example.org", "https://a.example.org:443/": "https://a.example.org",
		"https://A.example.org:8443": "https://a.example.org:8443", "https://[2001:db8::1]:8443": "https://[2001:db8::1]:8443", "https://192.0.2.1": "https://192.0.2.1",
		"https://a.example.org/app/": "", "https://u@a.example.org": "", "https://a.example.org?": "", "https://a_b.example.org": "", "https://*.example.org": "",
		"https://[::]": "", "https://a.example.org:": "", "https://": "", "a.example.org:8443": "", "//a.example.org": "", "https://a.example.org.": "", "https://a.example.org:99999": "", "https://a.example.org:0": "",
	} {
		c, problems := Parse("x", []byte(minimal+"web: {url: \""+given+"\"}"), usual())
		switch {
		case c == nil && want != "":
			t.Errorf("%s: %v", given, problems)
		case c != nil && c.Web.URL != want:
			t.Errorf("%s is taken as %q", given, c.Web.URL)
		}
	}
}

// TestAppsAreOrigins: nothing that could widen the app's policy, or let a page in that is not named.
func TestAppsAreOrigins(t *testing.T) {
	for given, want := range map[string]string{
		"https://*.example.org": "names no host", "*": "must begin with https://", "https://b.example.org/app/": "nothing behind it",
		"http://b.example.org": "must begin with https://", "https://a.example.org": "is this appliance itself",
		"https://b.example.org; script-src *": "is no URL", "'self'": "must begin with https://", "null": "must begin with https://",
	} {
		for _, key := range []string{"appliances", "origins"} {
			_, problems := Parse("x", []byte(minimal+`web: {url: "https://a.example.org", app: {`+key+`: ["`+given+`"]}}`), usual())
			if text := problems.String(); !problems.Fatal() || !strings.Contains(text, "web.app."+key+"[0]: ") || !strings.Contains(text, want) {
				t.Errorf("%s %s: %s", key, given, text)
			}
		}
	}
	_, problems := Parse("x", []byte(minimal+`web: {url: "https://a.example.org", app: {origins: ["https://b.example.org", "https://B.example.org:443"]}}`), usual())
	if !strings.Contains(problems.String(), "stands there twice") {
		t.Errorf("twice: %s", problems)
	}
}
