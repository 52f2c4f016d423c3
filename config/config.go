// Package config turns the YAML file of a sysadmin into typed, checked values, or into a list
// of what is wrong with it, with file, line, key and hint. The daemon's start, its --check
// and its reload use the same code, so that what passed once passes again.
//
// The way of a file: read.go makes the node tree of its bytes, walk.go holds that against the
// shape in shape.go and gives each key its line, decode.go lets viper put it over the
// defaults, check_*.go look for what cannot be or is doubtful, and the result is a Config.
//
// The package must never know how a door works, and never print a secret. Only this package
// knows viper.
package config

import (
	"io/fs"
	"net/netip"
	"path/filepath"
	"reflect"
	"time"

	"github.com/latchkey/latchkey/core"
)

// Config is a whole configuration. It is never changed: a reload makes a new one.
type Config struct {
	StateDir      string // absolute
	KeysFile      string // absolute, outside StateDir; it need not exist yet
	AuditHeadFile string // absolute, outside StateDir; empty: not exported
	Settings      core.Settings
	Socket        Socket
	RADIUS        RADIUS
	Web           Web
	Carriers      []Carrier // in the order of the file
	Hosts         Hosts
	PAM           PAM
}

// Socket is where the Unix sockets are.
type Socket struct {
	Admin   string               // absolute path
	Roles   map[string]core.Role // by Unix group; uid 0 is always RoleAdmin
	PAM     string               // absolute path, of the socket for root; empty: Hosts are not served
	PAMUser string               // absolute path, of the socket for everybody; empty, as PAM
}

// Hosts is the door of hosts that ask through PAM. Without Policy it is shut.
type Hosts struct {
	Policy          string            // a key of Settings.Policies
	Services        map[string]string // of PAM services that have another policy
	PasswordChecked bool              // their PAM stacks check the password before they ask
}

// RADIUS is the RADIUS door. Without Listen it is shut.
type RADIUS struct {
	Listen  []netip.AddrPort
	Clients []Client
}

// Client is one NAS, or a network of NASes that share their secret.
type Client struct {
	Name                 string
	Address              netip.Prefix  // masked; of one address: its full length
	Secrets              []core.Secret // at least one; replies are signed by the one that the request fits
	MessageAuthenticator string        // "require", "accept" or "omit"
	LimitProxyState      bool          // under accept and omit: Proxy-State without Message-Authenticator is dropped
	Timeout              time.Duration // the NAS's own
	Tries                int           // the NAS's own
	Wait                 time.Duration // of a second round for a phone; below Timeout
	Hold                 time.Duration // of the first reply; below Timeout × Tries
	ASCII                bool          // prompts are spelt out
	Challenge            bool          // false: no Access-Challenge
	PasswordChecked      bool          // the NAS has checked the password itself
	TrustCallingStation  bool          // Calling-Station-Id names the person's address
	Policy               string        // a key of Settings.Policies
}

// Web is the HTTPS door. Without Listen it is shut.
type Web struct {
	Listen          []netip.AddrPort
	URL             string // the origin: https://HOST or https://HOST:PORT, in lower case
	CertificateFile string // absolute; empty: a local authority
	KeyFile         string // absolute
	Brand           Brand
	Apps            Apps
	Push            Push
	SelfService     bool // the pages at /me/ are served
}

// Apps is how this appliance and others share their apps, by their origins.
type Apps struct {
	Appliances []string // that the app served here may talk to
	Origins    []string // whose apps may talk to this appliance
}

// PAM is how passwords are checked by PAM, for policies that say `first: pam`.
type PAM struct {
	Used    bool          // by a policy
	Service string        // the PAM service
	Socket  string        // absolute; latchkey-pamcheck listens there
	Timeout time.Duration // of one check
	AtOnce  int           // checks at a time
}

// Brand is how the company wants its app to look. What is empty stays as it is.
type Brand struct {
	Name       string
	Colour     string // #RRGGBB
	ColourDark string // #RRGGBB
	Logo       string // a data: URL of PNG or SVG
}

// Push is how phones are rung. Without Contact they are not.
type Push struct {
	Contact  string         // whom the push services may write to: mailto:… or https://…
	Allow    []string       // hosts of push services, perhaps with a port; *.example.org stands for all below example.org
	Networks []netip.Prefix // of push services that have no public address
}

// Load reads and checks a file, and the files of secrets that it names. The Config is nil
// where a problem is fatal.
func Load(path string) (*Config, Problems) {
	r := newReport(path)
	content, err := Disk{}.ReadFile(path)
	if err != nil {
		r.fail("file", "", "cannot be read: %s", cause(err))
		return nil, r.sorted()
	}
	mode, err := Disk{}.Mode(path)
	if err != nil {
		mode = 0
	}
	return parse(r, content, mode, Disk{})
}

// Parse checks the content of a file that problems shall call name. Other files that it
// names are read through files; nil is the Disk.
func Parse(name string, content []byte, files Files) (*Config, Problems) {
	if files == nil {
		files = Disk{}
	}
	return parse(newReport(name), content, 0, files)
}

func parse(r *report, content []byte, mode fs.FileMode, files Files) (*Config, Problems) {
	root := readTree(content, r)
	if root == nil && len(r.list) > 0 {
		return nil, r.sorted()
	}
	given := map[string]any{}
	if root != nil {
		v, ok := walker{r}.value(root, reflect.TypeFor[file](), place{})
		if !ok {
			return nil, r.sorted()
		}
		given = v.(map[string]any)
	}
	shape, err := decode(given)
	if err != nil {
		// What mapstructure says may quote a value, so it is kept back.
		r.fail("file", "a fault of Latchkey: the walk let pass what does not decode", "cannot be decoded")
		return nil, r.sorted()
	}
	c := check{report: r, files: files, file: shape, rules: map[string]rule{}, mode: mode}
	for _, p := range shape.Policies {
		c.rules[p.Name] = p.Value
	}
	if mode.Perm()&0o002 != 0 {
		r.warn("file", "chmod 0640", "everybody on this machine may change this file, its mode is %04o", mode.Perm())
	}
	config := c.all()
	problems := r.sorted()
	if problems.Fatal() {
		return nil, problems
	}
	return config, problems
}

// check looks for what cannot be, or is doubtful, in a file whose shape is right, and makes
// the Config on the way.
type check struct {
	*report
	files Files
	file  file
	rules map[string]rule // the policies by name
	mode  fs.FileMode     // of the file itself; 0 where unknown
}

func (c check) all() *Config {
	return &Config{
		StateDir:      c.stateDir(),
		KeysFile:      c.keysFile(),
		AuditHeadFile: c.auditHeadFile(),
		Socket:        c.socket(),
		Settings:      c.settings(),
		RADIUS:        c.radius(),
		Web:           c.web(),
		Carriers:      c.carriers(),
		Hosts:         c.hosts(),
		PAM:           c.pam(),
	}
}

// absolute reports a path that is not absolute, and gives it in its shortest form.
func (c check) absolute(key, path string) string {
	if !filepath.IsAbs(path) {
		c.fail(key, "it begins with /", "must be an absolute path")
	}
	return filepath.Clean(path)
}
