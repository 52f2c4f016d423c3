package core

import (
	"context"
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/fleet"
)

// A fleet: Linux hosts that ask over HTTPS. Who a host is comes from its certificate alone; what it may ask comes
// from the configuration, by the name that an administrator gave it. hostrecords.go has what is kept of a host,
// hostenrolment.go how it gets and renews a certificate, hostlogins.go what it asks, hostbudget.go how much of that
// may be wrong.

// HostRule is what hosts of one kind may do: those of the local socket, or those of the fleet whose names fit.
type HostRule struct {
	Match    string            // a host's name, or a pattern in which * stands for any text
	Policy   string            // of services that Services does not name
	Services map[string]string // the policy of each PAM service
	Users    []string          // whom the host may ask for; with Groups empty too: everybody
	Groups   []string
	// PasswordChecked: the hosts' PAM stacks check the password before they ask.
	PasswordChecked bool
	TrustRHost      bool          // PAM_RHOST names the person's address
	Grace           time.Duration // after a second factor the same user needs none from the same host and source; 0: never
	Exempt          Exempt
}

// Exempt is who needs no second factor.
type Exempt struct {
	Networks []netip.Prefix // of addresses that the host is trusted to tell
	Groups   []string
}

// HostSettings is what the configuration says of hosts.
type HostSettings struct {
	Served bool       // there is an HTTPS door that takes them
	Local  HostRule   // of the socket on the appliance itself
	Fleet  []HostRule // of hosts with a certificate
}

// rule finds the rule of a host: that of its very name, else the narrowest pattern that fits, which is the one with the
// most characters that are no *; of equally narrow ones the first.
func (s *HostSettings) rule(name string) *HostRule {
	var best *HostRule
	for i := range s.Fleet {
		r := &s.Fleet[i]
		switch {
		case r.Match == name:
			return r
		case fits(r.Match, name) && (best == nil || narrowness(r.Match) > narrowness(best.Match)):
			best = r
		}
	}
	return best
}

func narrowness(pattern string) int { return len(pattern) - strings.Count(pattern, "*") }

// fits tells whether a name fits a pattern in which * stands for any text, an empty one too.
func fits(pattern, name string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, head)
	if !ok {
		return false
	}
	for {
		part, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], more
	}
}

// policyOf is the policy of a PAM service.
func (r *HostRule) policyOf(service string) string {
	if p, ok := r.Services[service]; ok {
		return p
	}
	return r.Policy
}

// everybody says that the rule names nobody in particular.
func (r *HostRule) everybody() bool { return len(r.Users) == 0 && len(r.Groups) == 0 }

// allows tells whether a host may ask for a user. The names of rules are canonical.
func (r *HostRule) allows(name string, groups []string) bool {
	return r.everybody() || slices.Contains(r.Users, name) || slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(r.Groups, g) })
}

// HostCall is who makes a call: a peer that has proved to have the certificate's key.
type HostCall struct {
	Request     string            // the door's id of this request, for logs and audit
	Certificate *x509.Certificate // signed by HostAuthority; its times are not judged
	Remote      string            // the address that it came from
}

// HostEnrolCall is the one call of a host without a certificate: it spends an invitation.
type HostEnrolCall struct {
	Request string
	Body    []byte
	Remote  string
}

// Codes of what a host is told.
const (
	CodeUnknownHost   DeviceCode = "unknown-host" // no host has this certificate
	CodeOldCredential DeviceCode = fleet.CodeOldCredential
	CodeEndedHost     DeviceCode = fleet.CodeEndedHost
	CodeNoFleet       DeviceCode = "no-fleet"
	CodeHostRevoked   DeviceCode = "host-revoked"
	CodeHostLocked    DeviceCode = "host-locked"
	CodeHostRestored  DeviceCode = "host-restored" // the appliance's state was restored: an admin confirms the host
)

// Hosts is what the HTTPS door needs of core for a fleet; *Core is one. Errors of the first kind are *DeviceError, or
// internal: then the door says "busy" and nothing else.
type Hosts interface {
	HostAuthority() *x509.Certificate
	// Host tells who makes a call.
	Host(ctx context.Context, call HostCall) (HostIdentity, error)
	// EnrolHost and RenewHost give JSON documents.
	EnrolHost(ctx context.Context, call HostEnrolCall) (reply []byte, err error)
	RenewHost(ctx context.Context, call HostCall, body []byte) (reply []byte, err error)
	// HostBegin and HostAnswer are Begin and Answer of a host. What the host is (door, NAS, policy) the attempt need not
	// say: it is overwritten, as is a source that the host is not trusted to tell.
	HostBegin(ctx context.Context, call HostCall, a Attempt) (Step, error)
	HostAnswer(ctx context.Context, call HostCall, r Reply) (Step, error)
	// PasswordPrompt gives the words that ask for the first factor of a policy; needed is false where it has none.
	PasswordPrompt(policy, language string) (prompt string, needed bool)
}

// HostIdentity is what a door may know of a host: its name, and the policies of its services. Without Policy no entry of
// the configuration fits the host, and it may ask nothing.
type HostIdentity struct {
	Name     string
	Policy   string
	Services map[string]string
}

var _ Hosts = (*Core)(nil)

// HostInfo is what may be shown of a host.
type HostInfo struct {
	Name      string            `json:"name"`
	ID        string            `json:"id,omitempty"`
	State     string            `json:"state"`         // invited, active, locked, restored
	Why       string            `json:"why,omitempty"` // of a lock: invitation
	Created   time.Time         `json:"created"`
	LastSeen  *time.Time        `json:"last_seen,omitempty"` // to the hour
	Expires   *time.Time        `json:"expires,omitempty"`   // of its certificate, or of the invitation
	Policy    string            `json:"policy,omitempty"`    // as the configuration stands now
	Realm     string            `json:"realm,omitempty"`
	Services  map[string]string `json:"services,omitempty"`
	Users     []string          `json:"users,omitempty"`
	Groups    []string          `json:"groups,omitempty"`
	Entry     string            `json:"entry"` // of `hosts.named` that holds for it; empty: none, it can ask nothing
	Wrong     int               `json:"wrong"` // the decaying count of wrong tries
	OverLimit bool              `json:"over_limit"`
}

// hostScope is a host that has proved itself, as one attempt carries it. Doors cannot make one.
type hostScope struct {
	id    fleet.ID
	name  string
	epoch uint64
	rule  *HostRule
}

// rule is that of the host that an attempt comes from; nil at doors that have no hosts.
func (c *Core) ruleOf(a Attempt) *HostRule {
	switch {
	case a.host != nil:
		return a.host.rule
	case a.Door == DoorPAM:
		return &c.set.Hosts.Local
	}
	return nil
}
