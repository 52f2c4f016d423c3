package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
)

// TestDefaults: what holds where a file says nothing. The figures are published; a change
// here changes somebody's appliance.
func TestDefaults(t *testing.T) {
	c := load(t, minimal)
	if c.StateDir != "/var/lib/latchkey" || c.KeysFile != "/etc/latchkey/keyset" || c.AuditHeadFile != "" {
		t.Errorf("paths: %+v", c)
	}
	if c.Socket.Admin != "/run/latchkey/admin.sock" || len(c.Socket.Roles) != 0 {
		t.Errorf("socket: %+v", c.Socket)
	}
	if want := []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:1812"), netip.MustParseAddrPort("[::]:1812")}; !reflect.DeepEqual(c.RADIUS.Listen, want) {
		t.Errorf("listen: %v", c.RADIUS.Listen)
	}
	client := c.RADIUS.Clients[0]
	client.Secrets = nil
	if want := (Client{
		Name: "vpn", Address: netip.MustParsePrefix("192.0.2.10/32"), MessageAuthenticator: "require", LimitProxyState: true,
		Timeout: 5 * time.Second, Tries: 3, Wait: 3 * time.Second, Challenge: true, Policy: "vpn",
	}); !reflect.DeepEqual(client, want) {
		t.Errorf("client: %+v", client)
	}
	s := c.Settings
	if s.Language != "en" || !s.Names.FoldCase || s.Names.Strip != nil || s.TokenLife != 2*minute {
		t.Errorf("settings: %+v", s)
	}
	if want := (core.Policy{
		Name: "vpn", First: core.FirstPassword, Second: []core.Method{core.MethodPINphrase}, Deliver: []string{core.Prompt}, Realm: "default", Unenrolled: core.UnenrolledDeny,
		Symbols: core.SymbolsOne, NotMe: core.NotMeAlert,
	}); !reflect.DeepEqual(s.Policies["vpn"], want) {
		t.Errorf("policy: %+v", s.Policies["vpn"])
	}
	if want := (core.Locks{PairAfter: 3, PairFor: 15 * minute, UserAfter: 20, UserHalves: 12 * time.Hour, SourceAfter: 30, SourceFor: 15 * minute, HostAfter: 100, HostHalves: time.Hour}); s.Locks != want {
		t.Errorf("locks: %+v", s.Locks)
	}
	if want := (core.CodeWords{Words: 4, Valid: 72 * time.Hour, OpensLogin: true, SelfService: true}); s.CodeWords != want {
		t.Errorf("code words: %+v", s.CodeWords)
	}
	if want := (core.DeviceSettings{PINDigits: 6, Tries: 5, TriesForLife: 20, PendingFor: 90 * time.Second, InviteFor: 24 * time.Hour}); s.Device != want {
		t.Errorf("device: %+v", s.Device)
	}
	if c.Web.Listen != nil || c.Web.URL != "" {
		t.Errorf("web: %+v", c.Web)
	}
}

// TestEveryKeyArrives: each key with a value other than its default.
func TestEveryKeyArrives(t *testing.T) {
	c := load(t, `
state_dir: /srv/latchkey/
keys: {file: /etc/other/keyset}
audit: {head_file: /var/log/head}
language: de
answer_within: 1m30s
names: {fold_case: false, strip: ['CORP\', '@corp.example']}
socket: {admin: /run/x.sock, pam: /run/y.sock, pam_user: /run/z.sock, roles: {Help.Desk: helpdesk, ADMINS: admin}}
hosts: {policy: Staff.VPN, services: {sudo: Staff.VPN}, password_checked: true}
radius:
  listen: ["[fe80::1%eth0]:1812"]
  clients:
    - name: a.b
      address: 2001:db8::/64
      secret: "`+canary+`"
      message_authenticator: accept
      limit_proxy_state: false
      timeout: 10s
      tries: 2
      wait: 9s
      charset: ascii
      password_checked: true
      trust_calling_station: true
      policy: Staff.VPN
policies:
  Staff.VPN:
    first: none
    second: [pinphrase]
    realm: outside
    unenrolled: allow
    reply: {Class: staff, Vendor-Specific: [{vendor: 9, type: 1, text: "Shell:priv-lvl=15"}, {vendor: 311, type: 2, integer: 7}]}
    groups: {Domain Admins.de: {reply: {Class: Admins}}}
locks: {pair: {after: 4, for: 1m}, user: {after: 5, halves_every: 1h}, source: {after: 6, for: 2m}, permanently_after: 7}
pinphrase:
  positions: 3
  minimum_answers: 1
  minimum_length: 5
  exposure: {warn: 0, stop: 1}
  equivalents: false
  common_answers: refuse
  code_word: {words: 2, valid: 1h, opens: [login]}
  templates: {de: {prompt: "Bitte {positions} {phrase}"}}
  questions:
    - {id: first, label: {de: L, en: l}, phrase: {de: P, en: p}, message_phrase: {de: M}, minimum_length: 6, common: [towns, /etc/latchkey/answers]}
`)
	if c.StateDir != "/srv/latchkey" || c.KeysFile != "/etc/other/keyset" || c.AuditHeadFile != "/var/log/head" || c.Socket.Admin != "/run/x.sock" {
		t.Errorf("paths: %+v", c)
	}
	if want := map[string]core.Role{"Help.Desk": core.RoleHelpdesk, "ADMINS": core.RoleAdmin}; !reflect.DeepEqual(c.Socket.Roles, want) {
		t.Errorf("roles: %v", c.Socket.Roles)
	}
	if c.Socket.PAM != "/run/y.sock" || c.Socket.PAMUser != "/run/z.sock" {
		t.Errorf("sockets: %+v", c.Socket)
	}
	if want := (Hosts{Policy: "Staff.VPN", Services: map[string]string{"sudo": "Staff.VPN"}, PasswordChecked: true}); !reflect.DeepEqual(c.Hosts, want) {
		t.Errorf("hosts: %+v", c.Hosts)
	}
	client := c.RADIUS.Clients[0]
	client.Secrets = nil
	if want := (Client{
		Name: "a.b", Address: netip.MustParsePrefix("2001:db8::/64"), MessageAuthenticator: "accept", Timeout: 10 * time.Second, Tries: 2,
		Wait: 9 * time.Second, ASCII: true, Challenge: true, PasswordChecked: true, TrustCallingStation: true, Policy: "Staff.VPN",
	}); !reflect.DeepEqual(client, want) {
		t.Errorf("client: %+v", client)
	}
	s := c.Settings
	if s.Language != "de" || s.Names.FoldCase || len(s.Names.Strip) != 2 || s.Names.Strip[0] != `CORP\` || s.TokenLife != 90*time.Second {
		t.Errorf("settings: %+v", s)
	}
	p := s.Policies["Staff.VPN"]
	if p.First != core.FirstNone || p.Realm != "outside" || p.Unenrolled != core.UnenrolledAllow || len(p.Reply) != 3 || p.Reply[0].Name != "Class" || string(p.Reply[0].Value) != "staff" ||
		p.Reply[1].Name != "Vendor-Specific.9.1" || !strings.HasSuffix(string(p.Reply[1].Value), "Shell:priv-lvl=15") || p.Reply[2].Name != "Vendor-Specific.311.2" {
		t.Errorf("policy: %+v", p)
	}
	if g := p.Groups["Domain Admins.de"]; len(g) != 1 || string(g[0].Value) != "Admins" {
		t.Errorf("groups: %+v", p.Groups)
	}
	if want := (core.Locks{PairAfter: 4, PairFor: minute, UserAfter: 5, UserHalves: time.Hour, SourceAfter: 6, SourceFor: 2 * minute, PermanentlyAfter: 7, HostAfter: 100, HostHalves: time.Hour}); s.Locks != want {
		t.Errorf("locks: %+v", s.Locks)
	}
	if want := (core.CodeWords{Words: 2, Valid: time.Hour, OpensLogin: true}); s.CodeWords != want {
		t.Errorf("code words: %+v", s.CodeWords)
	}
	ph := s.PINphrase
	if ph.Positions != 3 || ph.MinimumAnswers != 1 || ph.MinimumLength != 5 || ph.ExposureWarn != 0 || ph.ExposureStop != 1 || ph.Equivalents || ph.Templates["de"].Prompt != "Bitte {positions} {phrase}" {
		t.Errorf("pinphrase: %+v", ph)
	}
	if ph.CommonAnswers != "refuse" || len(ph.Lists["/etc/latchkey/answers"].Entries) != 2 || ph.Lists["/etc/latchkey/answers"].Common != 1 {
		t.Errorf("common answers: %q, %+v", ph.CommonAnswers, ph.Lists)
	}
	q := ph.Questions[0]
	if len(ph.Questions) != 1 || q.ID != "first" || q.Label["de"] != "L" || q.Phrase["en"] != "p" || q.MessagePhrase["de"] != "M" || len(q.Common) != 2 || q.MinimumLength != 6 {
		t.Errorf("question: %+v", q)
	}
}

// TestEmptySections leave the defaults alone, and so does a file of comments.
func TestEmptySections(t *testing.T) {
	want := load(t, minimal)
	got := load(t, minimal+"keys: {}\nnames: {}\nsocket: {roles: {}}\nlocks: {pair: {}}\npinphrase: {code_word: {}, exposure: {}}\n")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\n%+v", got, want)
	}
	for _, text := range []string{"", "# nothing\n", "{}", "---\n"} {
		if c, problems := Parse("x", []byte(text), usual()); c == nil && text != "---\n" {
			t.Errorf("%q: %v", text, problems)
		} else if c != nil && len(c.RADIUS.Listen) != 0 {
			t.Errorf("%q: listens on %v", text, c.RADIUS.Listen)
		}
	}
}

// TestWaitFollowsTimeout: an impatient gateway needs no `wait` to be a right one.
func TestWaitFollowsTimeout(t *testing.T) {
	for timeout, want := range map[string]time.Duration{"2s": 1200 * time.Millisecond, "5s": 3 * time.Second, "30s": 3 * time.Second} {
		c := load(t, strings.Replace(minimal, "policy: vpn}", "policy: vpn, timeout: "+timeout+"}", 1))
		if got := c.RADIUS.Clients[0].Wait; got != want {
			t.Errorf("timeout %s: waits %s", timeout, got)
		}
	}
}

// TestSameBytes: what editors on other systems do to a file changes nothing.
func TestSameBytes(t *testing.T) {
	want := load(t, minimal)
	for name, text := range map[string]string{
		"byte order mark": "\xef\xbb\xbf" + minimal,
		"CRLF":            strings.ReplaceAll(minimal, "\n", "\r\n"),
		"both":            "\xef\xbb\xbf" + strings.ReplaceAll(minimal, "\n", "\r\n"),
		"document marks":  "---" + minimal + "...\n",
	} {
		if got := load(t, text); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestEnvironmentIsIgnored: viper can read it, this program must not.
func TestEnvironmentIsIgnored(t *testing.T) {
	for _, name := range []string{"STATE_DIR", "LANGUAGE", "LATCHKEY_LANGUAGE"} {
		t.Setenv(name, "de")
	}
	if c := load(t, minimal); c.StateDir != "/var/lib/latchkey" || c.Settings.Language != "en" {
		t.Errorf("%+v", c)
	}
}

// TestLongFiles: many entries and deep nests. What grew with the square of the size would
// end at the time limit of the tests.
func TestLongFiles(t *testing.T) {
	fill := func(item string) string { return strings.Repeat(item, (MaxSize/4)/len(item)) }
	var clients, policies strings.Builder
	for i := 0; clients.Len() < MaxSize/16; i++ {
		fmt.Fprintf(&clients, "  - {name: c%d, policy: q%d}\n", i, i)
		fmt.Fprintf(&policies, "  p%d: {}\n", i)
	}
	for name, text := range map[string]string{
		"brackets": fill("["),
		"braces":   fill("{"),
		"dashes":   fill("- "),
		"keys":     fill("a: 1\n"),
		"aliases":  "a: &a [x]\nb: [" + fill("*a,") + "]",
		"comments": fill("#\n") + minimal,
		"clients":  "radius:\n clients:\n" + clients.String() + "policies:\n" + policies.String(),
		"items":    "names: {strip: [" + fill("'@a',") + "]}",
	} {
		_, problems := Parse("x", []byte(text), usual())
		if name != "comments" && !problems.Fatal() {
			t.Errorf("%s: nothing is wrong", name)
		}
		if len(problems) > maxTold+1 {
			t.Errorf("%s: tells %d problems", name, len(problems))
		}
	}
}

// TestSuggest: hints for slips.
func TestSuggest(t *testing.T) {
	for given, want := range map[string]string{
		"langauge": "did you mean language?",
		"polices":  "did you mean policies?",
		"timeout":  "it stands under radius.clients",
		"fold":     "known here: state_dir, ",
	} {
		if got := suggest(given, reflect.TypeFor[file]()); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", given, got)
		}
	}
}

// TestGapsAreReal: a gap is a whole section that the shape lacks, or a place inside of one that it has.
func TestGapsAreReal(t *testing.T) {
	if len(gaps) == 0 {
		return
	}
	for _, g := range gaps {
		first, _, inside := strings.Cut(g.key, ".")
		if _, known := reflect.TypeFor[file]().FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, first) }); inside != known {
			t.Errorf("%s: a section of the shape %t, a key of one %t", g.key, known, inside)
		}
	}
}

// TestRoot: what is no section at all.
func TestRoot(t *testing.T) {
	for _, text := range []string{"latchkey", "- a\n- b\n", "[]", "3", "!x {}", "&a {}"} {
		c, problems := Parse("x", []byte(text), nil)
		if c != nil || !strings.HasPrefix(problems.String(), "x:1: file: ") {
			t.Errorf("%q: %v", text, problems)
		}
	}
}
