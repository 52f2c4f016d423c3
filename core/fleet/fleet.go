// Package fleet has what an appliance and a host of its fleet know each other by: the invitation that makes a
// machine a host, the key and the request that it makes for itself, and the certificate that the appliance signs.
// A certificate is only a name that its owner can prove; what the host may do stands in the appliance's state.
//
// The package must never know stores, files or sockets, and never whom a host may ask for.
package fleet

import (
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"sync"
)

// ALPN is the protocol that a host names in its handshake (RFC 7301), before http/1.1, which is spoken then; only who names
// it is asked for a certificate. No browser and no phone ever sees such a request, which some of them answer with a
// question to the person.
const ALPN = "latchkey-host/1"

// Paths of the calls.
const (
	EnrolPath = "/api/v1/hosts/enrolments"
	RenewPath = "/api/v1/host/renew"
)

// Codes by which an appliance tells a host what it can do about its certificate. They stand here for the helper of the
// PAM module: it is started at each login, and what it links is part of the time that this takes.
const (
	CodeOldCredential = "certificate-superseded" // a newer certificate of this host has been used
	CodeEndedHost     = "certificate-expired"    // it may renew itself for a while
)

// ID names a host for ever; its name may be given to another machine later.
type ID [12]byte

// String gives 24 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ErrID says that a text is no host's id.
var ErrID = errors.New("fleet: not a host's id")

// ParseID reads what String gave.
func ParseID(text string) (id ID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) || hex.EncodeToString(b) != text {
		return id, ErrID
	}
	copy(id[:], b)
	return id, nil
}

// name is compiled when it is needed: the helper of the PAM module never does, and would pay for it at each login.
var name = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`) })

// CanonicalName gives the one form of a host's name: lower case, as host names are. It returns false where it can be none.
func CanonicalName(text string) (string, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	return text, name().MatchString(text)
}
