package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/pinphrase"
)

func sample(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("latchkey.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestSampleLoads: without an error, and without a warning to explain to newcomers.
func TestSampleLoads(t *testing.T) {
	c, problems := Parse("latchkey.yaml", []byte(sample(t)), usual())
	if len(problems) != 0 {
		t.Fatalf("the sample:\n%s", problems)
	}
	if len(c.Settings.PINphrase.Questions) != 10 {
		t.Errorf("%d questions", len(c.Settings.PINphrase.Questions))
	}
	for _, q := range c.Settings.PINphrase.Questions {
		if q.Label["de"] == "" || q.Label["en"] == "" || q.Phrase["de"] == "" || q.Phrase["en"] == "" {
			t.Errorf("%s lacks a language", q.ID)
		}
	}
}

// TestSampleStatesDefaults: a file that gives only what has no default means the same.
func TestSampleStatesDefaults(t *testing.T) {
	got, want := load(t, sample(t)), load(t, minimal)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("sample:\n%+v\ndefaults:\n%+v", got, want)
	}
	if !reflect.DeepEqual(want.Settings.PINphrase, pinphrase.Defaults()) {
		t.Errorf("%+v\nis not\n%+v", want.Settings.PINphrase, pinphrase.Defaults())
	}
}

var (
	switchedOff = regexp.MustCompile(`(?m)^( *)# ( *(?:[a-z_]+|"web\*"|Class|Session-Timeout):(?: .*)?)$`)
)

// TestSampleSwitchedOn: with the "#" taken away every line of the sample is good YAML, of
// known keys, and says the default where it does not say that it is an example.
func TestSampleSwitchedOn(t *testing.T) {
	text := switchedOff.ReplaceAllString(sample(t), "$1$2")
	if n := len(switchedOff.FindAllString(sample(t), -1)); n < 25 {
		t.Fatalf("only %d lines are switched off", n)
	}
	c, problems := Parse("latchkey.yaml", []byte(text), withCertificate(t, usual(), "latchkey.example.org"))
	if c == nil {
		t.Fatalf("switched on:\n%s\n%s", problems, text)
	}
	if len(c.Settings.Names.Strip) == 0 || len(c.Socket.Roles) == 0 || c.AuditHeadFile == "" {
		t.Error("an example was not taken")
	}
	policy := c.Settings.Policies["vpn"]
	if len(policy.Reply) == 0 || len(policy.Groups["admins"]) == 0 || len(c.Settings.PINphrase.Templates) == 0 {
		t.Error("an example was not taken")
	}
	if c.Web.URL == "" || c.Web.CertificateFile == "" || c.Web.KeyFile == "" || c.Web.Push.Contact == "" || c.Settings.Device.Origin == "" {
		t.Errorf("an example was not taken: %+v", c.Web)
	}
	if b := c.Web.Brand; b.Name == "" || b.Colour == "" || b.ColourDark == "" || b.Logo == "" {
		t.Errorf("an example was not taken: %+v", b)
	}
	if len(c.Carriers) != 5 || c.Carriers[4].Push == nil {
		t.Errorf("an example was not taken: %+v", c.Carriers)
	}
	if c.Hosts.Policy != "ssh" || c.Hosts.Services["sudo"] != "ssh" || !c.Hosts.PasswordChecked {
		t.Errorf("an example was not taken: %+v", c.Hosts)
	}
	if h := c.Settings.Hosts; !h.Served || len(h.Fleet) != 2 || h.Fleet[0].Match != "web*" || !h.Fleet[0].TrustRHost || len(h.Fleet[0].Groups) != 2 {
		t.Errorf("an example was not taken: %+v", h)
	}
	c.Settings.Hosts = core.HostSettings{}
	c.Hosts, c.Socket.PAM, c.Socket.PAMUser = Hosts{}, "", ""
	delete(c.Settings.Policies, "ssh")
	if !c.Web.SelfService || c.Settings.SelfService.Policy == "" {
		t.Errorf("an example was not taken: %+v", c.Settings.SelfService)
	}
	c.Settings.SelfService = core.SelfServiceSettings{}
	if len(c.Settings.Delivery.Notices) == 0 {
		t.Error("an example was not taken")
	}
	c.Carriers, c.Settings.Delivery.Notices = nil, nil
	c.Web, c.Settings.Device.Origin, c.Settings.Device.Appliance = Web{}, "", ""
	c.Settings.Names.Strip, c.Socket.Roles, c.AuditHeadFile = nil, nil, ""
	policy.Reply, policy.Groups, c.Settings.PINphrase.Templates = nil, nil, nil
	c.Settings.Policies["vpn"] = policy
	if want := load(t, sample(t)); !reflect.DeepEqual(c, want) {
		t.Errorf("switched on:\n%+v\ndefaults:\n%+v", c, want)
	}
}

// TestSampleNamesEveryKey walks the shape.
func TestSampleNamesEveryKey(t *testing.T) {
	text := sample(t)
	count := 0
	var visit func(reflect.Type)
	visit = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			key := f.Tag.Get("key")
			count++
			if !regexp.MustCompile(`(?m)(^|[ {#` + "`" + `])` + key + `:`).MatchString(text) {
				t.Errorf("%s: the sample does not show the key", key)
			}
			inner := f.Type
			if inner.Kind() == reflect.Slice {
				if inner = inner.Elem(); isNamed(inner) {
					inner = inner.Field(1).Type
				}
			}
			if isMapping(inner) {
				visit(inner)
			}
		}
	}
	visit(reflect.TypeFor[file]())
	if count < 50 {
		t.Fatalf("saw only %d keys", count)
	}
	if strings.Contains(text, "\t") {
		t.Error("a tab")
	}
	for i, line := range strings.Split(text, "\n") {
		if len([]rune(line)) > 92 && !strings.Contains(line, "{de:") && !strings.Contains(line, "allow:") {
			t.Errorf("line %d is %d wide", i+1, len([]rune(line)))
		}
	}
}
