package config

import (
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

// The types below are the file's shape: each field is one key, its tag `default` is what holds
// where the file does not give it, written as in YAML. A key without default is empty, or
// required by a check. The walk, the defaults, the hints for misspelt keys and the test of
// the shipped sample all read these tags, so that a key stands in one place.
type file struct {
	StateDir     string        `key:"state_dir" default:"/var/lib/latchkey"`
	Keys         keys          `key:"keys"`
	Audit        auditTrail    `key:"audit"`
	Language     string        `key:"language" default:"en"`
	AnswerWithin time.Duration `key:"answer_within" default:"120s"`
	Names        names         `key:"names"`
	Socket       socket        `key:"socket"`
	Radius       radius        `key:"radius"`
	Web          web           `key:"web"`
	Hosts        hosts         `key:"hosts"`
	Selfservice  selfservice   `key:"selfservice"`
	PAM          pam           `key:"pam"`
	Policies     []named[rule] `key:"policies"`
	Locks        locks         `key:"locks"`
	Device       device        `key:"device"`
	Pinphrase    phrases       `key:"pinphrase"`

	Carriers []named[carrierEntry] `key:"carriers"`
	Delivery deliveryRules         `key:"delivery"`
}

type keys struct {
	File string `key:"file" default:"/etc/latchkey/keyset"`
}

type auditTrail struct {
	HeadFile string `key:"head_file"`
}

type names struct {
	FoldCase bool     `key:"fold_case" default:"true"`
	Strip    []string `key:"strip"`
}

type socket struct {
	Admin   string          `key:"admin" default:"/run/latchkey/admin.sock"`
	Roles   []named[string] `key:"roles"`
	PAM     string          `key:"pam" default:"/run/latchkey/pam.sock"`
	PAMUser string          `key:"pam_user" default:"/run/latchkey/pam-user.sock"`
}

type hosts struct {
	Policy          string          `key:"policy"`
	Services        []named[string] `key:"services"`
	PasswordChecked bool            `key:"password_checked" default:"false"`
	Grace           time.Duration   `key:"grace" default:"0s"`
	Exempt          exempt          `key:"exempt"`
	Named           []named[kind]   `key:"named"`
}

type exempt struct {
	Networks []string `key:"networks"`
	Groups   []string `key:"groups"`
}

// kind is one kind of hosts of the fleet.
type kind struct {
	Policy          string          `key:"policy"`   // left out: that of hosts
	Services        []named[string] `key:"services"` // left out: those of hosts
	PasswordChecked bool            `key:"password_checked" default:"false"`
	Users           []string        `key:"users"`
	Groups          []string        `key:"groups"`
	TrustRHost      bool            `key:"trust_rhost" default:"false"`
	Grace           time.Duration   `key:"grace" default:"0s"`
	Exempt          exempt          `key:"exempt"`
}

type radius struct {
	Listen  []string `key:"listen" default:"['0.0.0.0:1812', '[::]:1812']"`
	Clients []client `key:"clients"`
}

type client struct {
	Name                 string          `key:"name"`
	Address              string          `key:"address"`
	Secret               secret.Secret   `key:"secret"`
	SecretFile           string          `key:"secret_file"`
	Secrets              []secret.Secret `key:"secrets"`
	SecretFiles          []string        `key:"secret_files"`
	MessageAuthenticator string          `key:"message_authenticator" default:"require"`
	LimitProxyState      bool            `key:"limit_proxy_state" default:"true"`
	Timeout              time.Duration   `key:"timeout" default:"5s"`
	Tries                int             `key:"tries" default:"3"`
	Wait                 time.Duration   `key:"wait" default:"3s"`
	Hold                 time.Duration   `key:"hold" default:"0s"`
	Charset              string          `key:"charset" default:"utf8"`
	Challenge            bool            `key:"challenge" default:"true"`
	PasswordChecked      bool            `key:"password_checked" default:"false"`
	TrustCallingStation  bool            `key:"trust_calling_station" default:"false"`
	Policy               string          `key:"policy"`
}

type web struct {
	Listen          []string `key:"listen" default:"['0.0.0.0:8443', '[::]:8443']"`
	URL             string   `key:"url"`
	CertificateFile string   `key:"certificate_file"`
	KeyFile         string   `key:"key_file"`
	Serve           []string `key:"serve" default:"[app]"`
	Brand           brand    `key:"brand"`
	App             webApp   `key:"app"`
	Push            push     `key:"push"`
}

type pam struct {
	Service string        `key:"service" default:"latchkey-pamcheck"`
	Socket  string        `key:"socket" default:"/run/latchkey-pamcheck/socket"`
	Within  time.Duration `key:"check_within" default:"10s"`
	AtOnce  int           `key:"at_once" default:"8"`
}

type brand struct {
	Name       string `key:"name"`
	Colour     string `key:"colour"`
	ColourDark string `key:"colour_dark"`
	LogoFile   string `key:"logo_file"`
}

type webApp struct {
	Appliances []string `key:"appliances"`
	Origins    []string `key:"origins"`
}

type selfservice struct {
	Policy        string        `key:"policy"`
	Idle          time.Duration `key:"idle" default:"10m"`
	Lasts         time.Duration `key:"lasts" default:"1h"`
	RecoveryCodes int           `key:"recovery_codes" default:"10"`
	NotMe         string        `key:"not_me" default:"alert"`
}

type push struct {
	Contact  string   `key:"contact"`
	Allow    []string `key:"allow" default:"[fcm.googleapis.com, jmt17.google.com, '*.push.services.mozilla.com', '*.push.apple.com', '*.notify.windows.com']"`
	Networks []string `key:"networks"`
}

type device struct {
	PINDigits     int           `key:"pin_digits" default:"6"`
	Tries         int           `key:"tries" default:"5"`
	TriesForLife  int           `key:"tries_for_life" default:"20"`
	ApproveWithin time.Duration `key:"approve_within" default:"90s"`
	EnrolWithin   time.Duration `key:"enrol_within" default:"24h"`
}

type rule struct {
	First      firstFactor    `key:"first" default:"password"`
	Second     []string       `key:"second"`
	Deliver    []string       `key:"deliver" default:"[prompt]"`
	Presend    bool           `key:"presend" default:"false"`
	Fallback   bool           `key:"fallback" default:"false"`
	Symbols    string         `key:"symbols" default:"one"`
	NotMe      string         `key:"not_me" default:"alert"`
	Realm      string         `key:"realm" default:"default"`
	Unenrolled string         `key:"unenrolled" default:"deny"`
	Reply      []named[reply] `key:"reply"`
	Groups     []named[group] `key:"groups"`
}

type deliveryRules struct {
	ResendAfter time.Duration  `key:"resend_after" default:"60s"`
	PresendFor  time.Duration  `key:"presend_for" default:"24h"`
	Notices     []string       `key:"notices"`
	Limits      deliveryLimits `key:"limits"`
}

type deliveryLimits struct {
	User    userLimit    `key:"user"`
	Number  numberLimit  `key:"number"`
	Carrier carrierLimit `key:"carrier"`
	All     allLimit     `key:"all"`
}

type userLimit struct {
	Most int           `key:"most" default:"20"`
	In   time.Duration `key:"in" default:"1h"`
}

type numberLimit struct {
	Most int           `key:"most" default:"30"`
	In   time.Duration `key:"in" default:"1h"`
}

type carrierLimit struct {
	Most int           `key:"most" default:"5000"`
	In   time.Duration `key:"in" default:"1h"`
}

type allLimit struct {
	Most int           `key:"most" default:"10000"`
	In   time.Duration `key:"in" default:"1h"`
}

type group struct {
	Reply []named[reply] `key:"reply"`
}

type locks struct {
	Pair             timedLock    `key:"pair"`
	User             decayingLock `key:"user"`
	Source           sourceLock   `key:"source"`
	Host             hostLock     `key:"host"`
	PermanentlyAfter int          `key:"permanently_after" default:"0"`
}

type timedLock struct {
	After int           `key:"after" default:"3"`
	For   time.Duration `key:"for" default:"15m"`
}

type decayingLock struct {
	After       int           `key:"after" default:"20"`
	HalvesEvery time.Duration `key:"halves_every" default:"12h"`
}

type hostLock struct {
	After       int           `key:"after" default:"100"`
	HalvesEvery time.Duration `key:"halves_every" default:"1h"`
}

type sourceLock struct {
	After int           `key:"after" default:"30"`
	For   time.Duration `key:"for" default:"15m"`
}

type phrases struct {
	Positions      int                `key:"positions" default:"4"`
	MinimumAnswers int                `key:"minimum_answers" default:"6"`
	MinimumLength  int                `key:"minimum_length" default:"8"`
	CodeWord       codeWord           `key:"code_word"`
	Exposure       exposure           `key:"exposure"`
	Equivalents    bool               `key:"equivalents" default:"true"`
	CommonAnswers  string             `key:"common_answers" default:"warn"`
	Templates      []named[templates] `key:"templates"`
	Questions      []question         `key:"questions"` // left out: pinphrase.SampleQuestions
}

// carrierEntry holds one of its kinds.
type carrierEntry struct {
	SMPP   smpp        `key:"smpp"`
	HTTP   httpGateway `key:"http"`
	Kannel kannel      `key:"kannel"`
	Mail   mailServer  `key:"mail"`
	Push   phonePush   `key:"push"`
}

// phonePush rings the users' phones, whose keys are under web.push. It has no keys of its own.
type phonePush struct{}

type smpp struct {
	Address      string        `key:"address"`
	TLS          bool          `key:"tls" default:"true"`
	CAFile       string        `key:"ca_file"`
	SystemID     string        `key:"system_id"`
	Password     secret.Secret `key:"password"`
	PasswordFile string        `key:"password_file"`
	SystemType   string        `key:"system_type"`
	Source       string        `key:"source"`
	SourceTON    int           `key:"source_ton" default:"-1"` // -1: as the source asks for
	SourceNPI    int           `key:"source_npi" default:"-1"`
	DestTON      int           `key:"dest_ton" default:"1"`
	DestNPI      int           `key:"dest_npi" default:"1"`
	Number       string        `key:"number" default:"digits"`
	Alphabet     string        `key:"alphabet" default:"gsm7"`
	Receipts     bool          `key:"receipts" default:"true"`
	Window       int           `key:"window" default:"10"`
	MaxParts     int           `key:"max_parts" default:"3"`
	EnquireLink  time.Duration `key:"enquire_link" default:"30s"`
	Timeout      time.Duration `key:"timeout" default:"10s"`
}

type httpGateway struct {
	URL        string          `key:"url"`
	Method     string          `key:"method"`
	Headers    []named[string] `key:"headers"`
	Body       block           `key:"body"`
	From       string          `key:"from"`
	Number     string          `key:"number" default:"plus"`
	Auth       string          `key:"auth" default:"none"`
	User       string          `key:"user"`
	Secret     secret.Secret   `key:"secret"`
	SecretFile string          `key:"secret_file"`
	Success    success         `key:"success"`
	BusyAnswer string          `key:"busy_answer"`
	Timeout    time.Duration   `key:"timeout" default:"15s"`
	CAFile     string          `key:"ca_file"`
	Cleartext  bool            `key:"cleartext" default:"false"`
}

type success struct {
	Status []int  `key:"status"`
	Answer string `key:"answer"`
}

type kannel struct {
	URL          string        `key:"url"`
	User         string        `key:"user"`
	Password     secret.Secret `key:"password"`
	PasswordFile string        `key:"password_file"`
	From         string        `key:"from"`
	SMSC         string        `key:"smsc"`
	Number       string        `key:"number" default:"plus"`
	Timeout      time.Duration `key:"timeout" default:"15s"`
	CAFile       string        `key:"ca_file"`
	Cleartext    bool          `key:"cleartext" default:"false"`
}

type mailServer struct {
	Server       string        `key:"server"`
	TLS          string        `key:"tls" default:"starttls"`
	CAFile       string        `key:"ca_file"`
	User         string        `key:"user"`
	Password     secret.Secret `key:"password"`
	PasswordFile string        `key:"password_file"`
	From         string        `key:"from"`
	Hello        string        `key:"hello"`
	Timeout      time.Duration `key:"timeout" default:"30s"`
}

// block is a text of several lines.
type block string

type exposure struct {
	Warn float64 `key:"warn" default:"0.3"`
	Stop float64 `key:"stop" default:"0.6"`
}

type codeWord struct {
	Words int           `key:"words" default:"4"`
	Valid time.Duration `key:"valid" default:"72h"`
	Opens []string      `key:"opens" default:"[login, selfservice]"`
}

type templates struct {
	Prompt     string `key:"prompt"`
	Message    string `key:"message"`
	MarkPrompt string `key:"mark_prompt"`
}

type question struct {
	ID            string          `key:"id"`
	Label         []named[string] `key:"label"`
	Phrase        []named[string] `key:"phrase"`
	MessagePhrase []named[string] `key:"message_phrase"`
	MinimumLength int             `key:"minimum_length"`
	Common        []string        `key:"common"`
}

// firstFactor is `none` or `password`, or a mapping such as {ldap: NAME}, which becomes the
// text "ldap".
type firstFactor string

// reply is the value of a reply attribute: a text, an int, a map[string]any of these, or a
// []any of all. It is wrapped, so that viper does not reach into the map.
type reply struct{ value any }

// named is one entry of a mapping whose keys the sysadmin chooses: policies, groups,
// attributes. It travels through viper as a list of name and value, since viper lower-cases
// the keys of maps.
type named[T any] struct {
	Name  string `key:"name"`
	Value T      `key:"value"`
}

func (named[T]) chosenByTheSysadmin() {}

type freeNames interface{ chosenByTheSysadmin() }
