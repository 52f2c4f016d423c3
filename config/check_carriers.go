package config

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
)

// Carrier is one way out for messages; exactly one of its kinds is there.
type Carrier struct {
	Name   string
	SMPP   *SMPP
	HTTP   *HTTPGateway
	Kannel *Kannel
	Mail   *Mail
	Push   *PhonePush
}

// PhonePush lets users' phones show messages, and rings them.
type PhonePush struct{}

// SMPP is a message centre, or an aggregator that speaks like one.
type SMPP struct {
	Address    string // host:port
	TLS        bool
	CA         []byte // PEM; nil: the system's authorities
	SystemID   string
	Password   core.Secret
	SystemType string
	Source     string
	SourceTON  int // -1: as the source asks for
	SourceNPI  int // -1: as the source asks for
	DestTON    int
	DestNPI    int
	Plus       bool // the number goes with its +
	UCS2Only   bool
	Receipts   bool
	Window     int
	MaxParts   int
	Enquire    time.Duration
	Timeout    time.Duration
}

// HTTPGateway is an SMS gateway that is described by templates.
type HTTPGateway struct {
	Method  string
	URL     string
	Headers map[string]string
	Body    string
	From    string
	Number  string // "plus", "digits" or "zeros"
	User    string
	Secret  core.Secret
	Auth    string // "none", "basic" or "bearer"
	Success []int
	Answer  string
	Busy    string
	Timeout time.Duration
	CA      []byte
}

// Kannel is a user of Kannel's sendsms.
type Kannel struct {
	URL      string
	User     string
	Password core.Secret
	From     string
	SMSC     string
	Number   string
	Timeout  time.Duration
	CA       []byte
}

// Mail is a mail server.
type Mail struct {
	Server   string // host:port
	TLS      string // "starttls", "implicit" or "none"
	User     string
	Password core.Secret
	From     string
	Hello    string
	Timeout  time.Duration
	CA       []byte
}

// Address is the kind of address that the carrier needs.
func (k Carrier) Address() core.AddressKind {
	switch {
	case k.Mail != nil:
		return core.AddressMail
	case k.Push != nil:
		return core.AddressDevice
	}
	return core.AddressPhone
}

func (c check) carriers() []Carrier {
	var list []Carrier
	for _, entry := range c.file.Carriers {
		key := entryPath("carriers", entry.Name)
		c.word(key, entry.Name, "a name such as sms")
		if entry.Name == "prompt" {
			c.fail(key, "another name, such as sms", "is the word for questions at the prompt")
		}
		k := Carrier{Name: entry.Name}
		var kinds []string
		for _, kind := range []string{"smpp", "http", "kannel", "mail", "push"} {
			if c.given(key + "." + kind) {
				kinds = append(kinds, kind)
			}
		}
		switch {
		case c.silenced(key):
			continue
		case len(kinds) == 0:
			c.fail(key, "smpp:, http:, kannel:, mail: or push: {}", "does not say how it sends")
			continue
		case len(kinds) > 1:
			c.fail(key+"."+kinds[1], "two carriers, each with a name", "%s is given too, and a carrier is of one kind", kinds[0])
			continue
		}
		at := key + "." + kinds[0]
		switch kinds[0] {
		case "smpp":
			k.SMPP = c.smpp(at, entry.Value.SMPP)
		case "http":
			k.HTTP = c.httpGateway(at, entry.Value.HTTP)
		case "kannel":
			k.Kannel = c.kannel(at, entry.Value.Kannel)
		case "mail":
			k.Mail = c.mail(at, entry.Value.Mail)
		case "push":
			k.Push = c.phonePush(at)
		}
		list = append(list, k)
	}
	return list
}

// phonePush needs the door by which phones ask.
func (c check) phonePush(key string) *PhonePush {
	switch {
	case !slices.Contains(c.file.Web.Serve, "app") || !c.given("web"):
		c.fail(key, "web: with serve: [app], where phones find this appliance", "has no phones to ring")
	case c.file.Web.Push.Contact == "":
		c.warn(key, "web.push.contact", "rings no phone: only an app that is open shows messages by itself")
	}
	return &PhonePush{}
}

func (c check) smpp(key string, given smpp) *SMPP {
	s := SMPP{
		Address: c.hostPort(key+".address", given.Address, "smsc.example.net:3550"), TLS: given.TLS, CA: c.authorities(key, given.CAFile, given.TLS),
		SystemID: given.SystemID, SystemType: given.SystemType, Source: given.Source,
		SourceTON: given.SourceTON, SourceNPI: given.SourceNPI, DestTON: given.DestTON, DestNPI: given.DestNPI,
		Plus: given.Number == "plus", UCS2Only: given.Alphabet == "ucs2", Receipts: given.Receipts,
		Window: given.Window, MaxParts: given.MaxParts, Enquire: given.EnquireLink, Timeout: given.Timeout,
	}
	s.Password = c.oneSecret(key, "password", given.Password, given.PasswordFile, false)
	c.required(key+".system_id", given.SystemID, "the name that the centre gave you")
	// SMPP 3.4 section 4.1.1: sizes with their closing NUL.
	for _, field := range []struct {
		key, value string
		most       int
	}{{"system_id", given.SystemID, 15}, {"system_type", given.SystemType, 12}} {
		if !isASCII(field.value) || len(field.value) > field.most {
			c.fail(key+"."+field.key, "", "may hold %d characters of ASCII at most", field.most)
		}
	}
	if s.Password.Len() > 8 {
		c.warn(key+".password", "most centres cut it or refuse the bind", "is longer than the 8 characters that SMPP 3.4 has room for")
	}
	c.sender(key+".source", given.Source)
	for _, field := range []struct {
		key   string
		value int
		low   int
	}{{"source_ton", given.SourceTON, 0}, {"source_npi", given.SourceNPI, 0}, {"dest_ton", given.DestTON, 0}, {"dest_npi", given.DestNPI, 0}} {
		low := field.low
		if !c.given(key + "." + field.key) {
			low = -1
		}
		c.between(key+"."+field.key, field.value, low, 18)
	}
	c.oneOf(key+".number", given.Number, "digits", "plus")
	c.oneOf(key+".alphabet", given.Alphabet, "gsm7", "ucs2")
	c.between(key+".window", given.Window, 1, 1000)
	c.between(key+".max_parts", given.MaxParts, 1, 10)
	c.within(key+".enquire_link", given.EnquireLink, 5*time.Second, 10*time.Minute)
	c.within(key+".timeout", given.Timeout, time.Second, time.Minute)
	if !given.TLS && !isLoopback(s.Address) && !c.silenced(key+".address") {
		c.warn(key+".tls", "tls: true, or a tunnel that ends on this machine", "questions and the password go over the network in the clear")
	}
	return &s
}

func (c check) httpGateway(key string, given httpGateway) *HTTPGateway {
	g := HTTPGateway{
		Method: given.Method, URL: given.URL, Body: string(given.Body), From: given.From, Number: given.Number, User: given.User, Auth: given.Auth,
		Answer: given.Success.Answer, Busy: given.BusyAnswer, Success: given.Success.Status, Timeout: given.Timeout,
	}
	template, target, err := delivery.ParseURL(given.URL)
	switch {
	case given.URL == "":
		c.required(key+".url", "", "https://sms.example.net/send")
	case err != nil:
		c.fail(key+".url", "https://sms.example.net/send?to={to}", "%s", reason(err))
	default:
		c.overNetwork(key, target, given.Cleartext)
	}
	g.CA = c.authorities(key, given.CAFile, target == nil || target.Scheme == "https")
	places := []delivery.Template{template}
	contentType := ""
	for _, h := range given.Headers {
		at := entryPath(key+".headers", h.Name)
		if strings.EqualFold(h.Name, "Content-Type") {
			contentType = h.Value
		}
		if err := delivery.CheckHeader(h.Name); err != nil {
			c.fail(at, "", "%s", err)
			continue
		}
		value, err := delivery.ParseTemplate(h.Value, delivery.ContextHeader)
		if err != nil {
			c.fail(at, "", "%s", reason(err))
			continue
		}
		if strings.EqualFold(h.Name, "Authorization") && !value.Has("secret") {
			c.warn(at, "{secret}, with secret_file", "a secret that stands here is one for all who may read this file")
		}
		places = append(places, value)
		if g.Headers == nil {
			g.Headers = map[string]string{}
		}
		g.Headers[h.Name] = h.Value
	}
	if given.Body != "" {
		language, known := delivery.BodyContext(contentType)
		switch {
		case contentType == "":
			c.fail(key+".body", "headers: {Content-Type: application/json}", "has no Content-Type, which says how values are escaped")
		case !known:
			c.fail(entryPath(key+".headers", "Content-Type"), "application/json, application/x-www-form-urlencoded, application/xml, text/xml or text/plain", "values cannot be escaped for it")
		default:
			body, err := delivery.ParseTemplate(string(given.Body), language)
			if err != nil {
				c.fail(key+".body", "", "%s", reason(err))
			}
			places = append(places, body)
		}
	}
	c.placed(key, given, places)
	c.oneOf(key+".auth", given.Auth, "none", "basic", "bearer")
	c.oneOf(key+".number", given.Number, "plus", "digits", "zeros")
	if given.Method != "" {
		c.oneOf(key+".method", given.Method, "GET", "POST", "PUT")
	}
	if given.Method == "GET" && given.Body != "" {
		c.fail(key+".method", "POST", "has no body")
	}
	needs := given.Auth != "none" || slices.ContainsFunc(places, func(t delivery.Template) bool { return t.Has("secret") })
	if needs || c.given(key+".secret") || c.given(key+".secret_file") {
		g.Secret = c.oneSecret(key, "secret", given.Secret, given.SecretFile, true)
	}
	if given.Auth == "basic" && given.User == "" {
		c.fail(key+".user", "the user of basic authentication", "is missing")
	}
	if template.Has("secret") {
		c.warn(key+".url", "auth: basic or bearer, or a header, if the gateway takes them", "the secret is part of the URL, which servers and proxies write into their logs")
	}
	for i, status := range given.Success.Status {
		c.between(itemPath(key+".success.status", i), status, 200, 299)
	}
	c.pattern(key+".success.answer", given.Success.Answer)
	c.pattern(key+".busy_answer", given.BusyAnswer)
	c.within(key+".timeout", given.Timeout, time.Second, time.Minute)
	return &g
}

// placed looks for what a request must have, and for values that are given and go nowhere.
func (c check) placed(key string, given httpGateway, places []delivery.Template) {
	has := func(name string) bool {
		return slices.ContainsFunc(places, func(t delivery.Template) bool { return t.Has(name) })
	}
	at := key + ".url"
	if given.Body != "" {
		at = key + ".body"
	}
	for _, name := range []string{"to", "text"} {
		if !has(name) {
			c.fail(at, "in the URL's query, the body or a header", "{%s} stands nowhere: the gateway would not learn it", name)
		}
	}
	switch {
	case has("from") && given.From == "":
		c.fail(key+".from", "the sender that people see", "is missing, and {from} asks for it")
	case has("user") && given.User == "":
		c.fail(key+".user", "", "is missing, and {user} asks for it")
	case !has("from") && given.From != "":
		c.warn(key+".from", "{from} in url or body", "stands nowhere in the request")
	}
}

func (c check) kannel(key string, given kannel) *Kannel {
	k := Kannel{URL: given.URL, User: given.User, From: given.From, SMSC: given.SMSC, Number: given.Number, Timeout: given.Timeout}
	const hint = "http://127.0.0.1:13013/cgi-bin/sendsms"
	_, target, err := delivery.ParseURL(given.URL)
	switch {
	case given.URL == "":
		c.required(key+".url", "", hint)
	case err != nil:
		c.fail(key+".url", hint, "%s", reason(err))
	case strings.ContainsAny(given.URL, "?{"):
		c.fail(key+".url", hint, "has a query or a place: Latchkey writes it")
	default:
		c.overNetwork(key, target, given.Cleartext)
	}
	k.CA = c.authorities(key, given.CAFile, target == nil || target.Scheme == "https")
	c.required(key+".user", given.User, "the username of a group sendsms-user")
	k.Password = c.oneSecret(key, "password", given.Password, given.PasswordFile, true)
	c.sender(key+".from", given.From)
	c.oneOf(key+".number", given.Number, "plus", "digits", "zeros")
	c.within(key+".timeout", given.Timeout, time.Second, time.Minute)
	return &k
}

func (c check) mail(key string, given mailServer) *Mail {
	m := Mail{
		Server: c.hostPort(key+".server", given.Server, "mail.example.org:587"), TLS: given.TLS, CA: c.authorities(key, given.CAFile, given.TLS != "none"),
		User: given.User, From: given.From, Hello: given.Hello, Timeout: given.Timeout,
	}
	c.oneOf(key+".tls", given.TLS, "starttls", "implicit", "none")
	address, err := mail.ParseAddress(given.From)
	switch {
	case given.From == "":
		c.required(key+".from", "", `"Latchkey <latchkey@example.org>"`)
	case err != nil || !isASCII(address.Address) || strings.HasPrefix(address.Address, `"`):
		c.fail(key+".from", `"Latchkey <latchkey@example.org>"`, "is no mail address")
	}
	if given.Hello != "" && !hostName.MatchString(given.Hello) {
		c.fail(key+".hello", "the name of this machine", "is no host name")
	}
	if given.User != "" || c.given(key+".password") || c.given(key+".password_file") {
		c.required(key+".user", given.User, "a password is given")
		m.Password = c.oneSecret(key, "password", given.Password, given.PasswordFile, true)
	}
	c.within(key+".timeout", given.Timeout, time.Second, 2*time.Minute)
	if given.TLS == "none" && !isLoopback(m.Server) && !c.silenced(key+".server") {
		if given.User != "" {
			c.fail(key+".tls", "starttls or implicit", "the password would go over the network in the clear")
		}
		c.warn(key+".tls", "starttls", "messages go over the network in the clear")
	}
	if _, port, _ := net.SplitHostPort(m.Server); port == "465" && given.TLS == "starttls" {
		c.warn(key+".tls", "implicit", "on port 465 TLS usually begins with the connection")
	}
	return &m
}

// oneSecret takes a secret from the key or from its file.
func (c check) oneSecret(key, name string, given core.Secret, path string, needed bool) core.Secret {
	direct, file := c.given(key+"."+name), c.given(key+"."+name+"_file")
	switch {
	case direct && file:
		c.fail(key+"."+name+"_file", "", "%s is given too, and only one of them may be", name)
	case direct:
		c.exposedSecret(key + "." + name)
		if given.IsEmpty() && !c.silenced(key+"."+name) {
			c.fail(key+"."+name, "", "is empty")
		}
		return given
	case file:
		return c.secretFile(key+"."+name+"_file", path)
	case needed:
		c.fail(key+"."+name, name+"_file: with the path of a file that holds it, or "+name+": in quotes", "is missing")
	}
	return core.Secret{}
}

func (c check) required(key, value, hint string) {
	if value == "" {
		c.fail(key, hint, "is missing")
	}
}

// sender is what people see a message come from.
func (c check) sender(key, value string) {
	switch {
	case value == "":
		c.required(key, "", `"Latchkey", or "+4962111223344"`)
	case delivery.Sender(value) == "":
		c.fail(key, `"Latchkey", or "+4962111223344"`, "is neither a number nor a name of up to eleven characters of ASCII")
	}
}

// pattern is a regular expression (RE2).
func (c check) pattern(key, text string) {
	if _, err := regexp.Compile(text); err != nil {
		c.fail(key, `such as '"status": *"ok"'`, "is no pattern")
	}
}

// hostPort is an address that may be a name.
func (c check) hostPort(key, text, hint string) string {
	if text == "" {
		c.required(key, "", hint)
		return ""
	}
	host, port, err := net.SplitHostPort(text)
	n, portErr := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil:
		c.fail(key, hint, "must be a host and a port")
	case portErr != nil || n == 0:
		c.fail(key, hint, "has a port that is none")
	case !hostName.MatchString(host) && !isAddress(host):
		c.fail(key, hint, "names no host")
	}
	return text
}

// authorities are the certificates that a carrier's other side is judged by.
func (c check) authorities(key, path string, encrypted bool) []byte {
	key += ".ca_file"
	if !c.given(key) {
		return nil
	}
	if !encrypted {
		c.warn(key, "", "is of no use without TLS")
	}
	content := c.pemFile(key, c.absolute(key, path))
	if !c.silenced(key) && !x509.NewCertPool().AppendCertsFromPEM(content) {
		c.fail(key, "the authority's certificate, in PEM", "holds no certificate")
	}
	return content
}

// overNetwork: what goes to another machine is encrypted, unless the sysadmin says that it need not be.
func (c check) overNetwork(key string, target *url.URL, cleartext bool) {
	if target.Scheme == "https" || isLoopback(target.Host) {
		return
	}
	if !cleartext {
		c.fail(key+".url", "https://…, or cleartext: true if that network is your own", "questions and secrets would go over the network in the clear")
		return
	}
	c.warn(key+".url", "https://…", "questions and secrets go over the network in the clear")
}

func isLoopback(address string) bool {
	host := address
	if h, _, err := net.SplitHostPort(address); err == nil {
		host = h
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.IsLoopback() || strings.EqualFold(host, "localhost")
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// reason is an error of a template without its first word.
func reason(err error) string {
	return strings.TrimPrefix(err.Error(), fmt.Sprintf("%s: ", delivery.ErrTemplate))
}
