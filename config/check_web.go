package config

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func (c check) web() Web {
	if !c.given("web") {
		return Web{}
	}
	given := c.file.Web
	w := Web{
		Listen: c.listen("web.listen", given.Listen, 8443),
		URL:    c.origin("web.url", given.URL),
		Brand:  c.brand(given.Brand),
		Push:   c.push(given.Push),

		SelfService: slices.Contains(given.Serve, "selfservice"),
	}
	w.Apps = c.apps(given.App, w.URL)
	w.CertificateFile, w.KeyFile = c.certificate(given, w.URL)
	if len(given.Serve) == 0 {
		c.fail("web.serve", "[app]", "is empty: there is nothing to listen for")
	}
	for i, part := range given.Serve {
		at := itemPath("web.serve", i)
		for _, other := range given.Serve[:i] {
			if other == part {
				c.fail(at, "", "stands there twice")
			}
		}
		switch part {
		case "services": // refused already as not yet there
		default:
			c.oneOf(at, part, "app", "selfservice", "hosts", "services")
		}
	}
	return w
}

// origin is the URL in the one form in which browsers tell origins apart.
func (c check) origin(key, text string) string {
	const hint = "https://latchkey.example.org:8443"
	if text == "" {
		c.fail(key, hint+": where phones find this appliance", "is missing")
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		c.fail(key, hint, "is no URL")
		return ""
	case u.Scheme != "https":
		c.fail(key, hint, "must begin with https://")
		return ""
	case u.Hostname() == "":
		c.fail(key, hint, "names no host")
		return ""
	case u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		c.fail(key, hint, "must be a host and perhaps a port, with nothing behind it")
		return ""
	case !hostName.MatchString(u.Hostname()) && !isAddress(u.Hostname()):
		c.fail(key, hint, "names no host that a browser could find")
		return ""
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); strings.HasSuffix(u.Host, ":") || u.Port() != "" && (err != nil || port == 0) {
		c.fail(key, hint, "has a port that is none")
		return ""
	}
	return strings.TrimSuffix("https://"+strings.ToLower(u.Host), ":443")
}

// maxApps bounds the header that names the appliances.
const maxApps = 32

// apps: what the app may reach stands in its policy, what may reach us is compared with a header; both want
// exact origins.
func (c check) apps(given webApp, own string) Apps {
	list := func(key string, texts []string) (origins []string) {
		if len(texts) > maxApps {
			c.fail(key, fmt.Sprintf("at most %d", maxApps), "has too many entries for a header")
		}
		for i, text := range texts {
			at := itemPath(key, i)
			origin := c.origin(at, text)
			switch {
			case origin == "":
			case origin == own:
				c.fail(at, "other appliances only", "is this appliance itself")
			case slices.Contains(origins, origin):
				c.fail(at, "", "stands there twice")
			default:
				origins = append(origins, origin)
			}
		}
		return origins
	}
	return Apps{Appliances: list("web.app.appliances", given.Appliances), Origins: list("web.app.origins", given.Origins)}
}

var hostName = regexp.MustCompile(`(?i)^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

func isAddress(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Zone() == "" && !a.IsUnspecified()
}

// certificate checks the two files as far as the start of the daemon would.
func (c check) certificate(given web, origin string) (certificate, key string) {
	const certKey, keyKey = "web.certificate_file", "web.key_file"
	switch {
	case !c.given(certKey) && !c.given(keyKey):
		c.warn("web", "certificate_file and key_file, of an authority that phones know",
			"has no certificate: a local authority is made, which browsers on phones do not trust")
		return "", ""
	case !c.given(keyKey):
		c.fail(certKey, "key_file: with the path of its private key", "has no key beside it")
		return "", ""
	case !c.given(certKey):
		c.fail(keyKey, "certificate_file: with the path of the chain", "has no certificate beside it")
		return "", ""
	}
	certificate, key = c.absolute(certKey, given.CertificateFile), c.absolute(keyKey, given.KeyFile)
	chain := c.pemFile(certKey, certificate)
	private := c.pemFile(keyKey, key)
	defer clear(private)
	if c.silenced(certKey) || c.silenced(keyKey) {
		return certificate, key
	}
	if mode, err := c.files.Mode(key); err == nil && readableByAll(mode) {
		c.warn(keyKey, "chmod 0640", "everybody on this machine may read this file, its mode is %04o", mode.Perm())
	}
	pair, err := tls.X509KeyPair(chain, private)
	if err != nil {
		// What the library says names the kinds of PEM blocks, never their content.
		c.fail(certKey, "both in PEM, the key without a passphrase", "does not go with the key: %s", strings.TrimPrefix(err.Error(), "tls: "))
		return certificate, key
	}
	if u, err := url.Parse(origin); origin != "" && err == nil && pair.Leaf.VerifyHostname(u.Hostname()) != nil {
		c.fail(certKey, "it names "+strings.Join(append(pair.Leaf.DNSNames, addresses(pair)...), ", "), "is not for %s, the host of web.url", u.Hostname())
	}
	return certificate, key
}

func addresses(pair tls.Certificate) (list []string) {
	for _, a := range pair.Leaf.IPAddresses {
		list = append(list, a.String())
	}
	return list
}

func (c check) pemFile(key, path string) []byte {
	if c.silenced(key) {
		return nil
	}
	content, err := c.files.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.fail(key, "is the path right?", "cannot be read: %s", cause(err))
	case err != nil:
		c.fail(key, "the user latchkey must be able to read it", "cannot be read: %s", cause(err))
	}
	return content
}

// maxLogo is what the app is sent at most, before base64.
const maxLogo = 90 << 10

var colour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func (c check) brand(given brand) Brand {
	b := Brand{Name: given.Name, Colour: given.Colour, ColourDark: given.ColourDark}
	if len([]rune(given.Name)) > 60 {
		c.fail("web.brand.name", "up to 60", "has too many characters for a phone")
	}
	for _, one := range []struct{ key, value string }{{"web.brand.colour", given.Colour}, {"web.brand.colour_dark", given.ColourDark}} {
		if c.given(one.key) && !colour.MatchString(one.value) {
			c.fail(one.key, `"#0a5c36", in quotes`, "is no colour")
		}
	}
	if c.given("web.brand.logo_file") {
		b.Logo = c.logo("web.brand.logo_file", given.LogoFile)
	}
	return b
}

// logo gives the file as a data: URL: the app's own origin is the only one that it may load from.
func (c check) logo(key, path string) string {
	content := c.pemFile(key, c.absolute(key, path))
	if c.silenced(key) {
		return ""
	}
	kind := ""
	switch {
	case bytes.HasPrefix(content, []byte("\x89PNG\r\n\x1a\n")):
		kind = "png"
	case bytes.Contains(content[:min(len(content), 1024)], []byte("<svg")):
		kind = "svg+xml"
	default:
		c.fail(key, "PNG or SVG", "is no picture that the app can show")
		return ""
	}
	if len(content) > maxLogo {
		c.fail(key, fmt.Sprintf("at most %d KiB", maxLogo>>10), "is too large to be sent to every phone")
		return ""
	}
	return "data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(content)
}

// push: RFC 8292 section 2.1 wants a contact that is real; Apple refuses others.
func (c check) push(given push) Push {
	const key = "web.push"
	p := Push{Contact: given.Contact, Allow: given.Allow}
	if c.given(key+".contact") && !isContact(given.Contact) {
		c.fail(key+".contact", "mailto:it@example.org", "must be a mail address behind mailto:, or a page behind https://")
	}
	for i, host := range given.Allow {
		if !isPushService(host) {
			c.fail(itemPath(key+".allow", i), "push.example.org, *.push.apple.com or push.example.org:8443, in lower case", "is no name of a host")
		}
	}
	for i, text := range given.Networks {
		prefix, err := netip.ParsePrefix(text)
		if err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6() {
			c.fail(itemPath(key+".networks", i), "192.0.2.0/28", "is no network")
			continue
		}
		p.Networks = append(p.Networks, prefix)
	}
	switch {
	case given.Contact != "" && len(given.Allow) == 0:
		c.fail(key+".allow", "leave it out for those of the browsers", "is empty: no phone could be rung")
	case given.Contact == "" && c.given(key):
		c.warn(key, "contact: mailto:it@example.org", "does nothing without a contact")
	}
	return p
}

var pushService = regexp.MustCompile(`^(?:\*\.)?((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?)(?::([1-9][0-9]{0,4}))?$`)

// isPushService tells names from addresses and from what would cover a whole top-level domain.
func isPushService(text string) bool {
	parts := pushService.FindStringSubmatch(text)
	if parts == nil || !hostName.MatchString(parts[1]) || len(parts[1]) > 253 {
		return false
	}
	port, err := strconv.ParseUint(parts[2], 10, 16)
	return parts[2] == "" || err == nil && port > 0
}

func isContact(text string) bool {
	if address, ok := strings.CutPrefix(text, "mailto:"); ok {
		name, host, ok := strings.Cut(address, "@")
		return ok && name != "" && !strings.ContainsAny(name, " <>,;?@") && hostName.MatchString(host) && strings.Contains(host, ".")
	}
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && hostName.MatchString(u.Hostname()) && strings.Contains(u.Hostname(), ".")
}
