package core

import (
	"time"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/store"
)

// What is kept of hosts.

const (
	// hostLife is how long a certificate holds; in its last third the host renews it.
	hostLife = 30 * 24 * time.Hour
	// hostLate is how long after its end a certificate may still renew itself, and nothing else: a machine on which
	// nobody has logged in for a month must not need an admin.
	hostLate = 90 * 24 * time.Hour
	// hostSeenEvery: a login does not write when the host was seen, unless that is so long ago.
	hostSeenEvery = time.Hour
)

type hostState string

const (
	hostActive  hostState = "active"
	hostLocked  hostState = "locked" // see Why
	hostRevoked hostState = "revoked"
)

// hostRecord stands under keyHost.
type hostRecord struct {
	Name    string    `cbor:"1,keyasint"`
	Created int64     `cbor:"2,keyasint"`
	State   hostState `cbor:"3,keyasint"`
	Why     string    `cbor:"4,keyasint,omitempty"`
	// Current is the certificate in use; Next one that was given out and not used yet, which ends Current when it is.
	Current certificateRecord  `cbor:"5,keyasint"`
	Next    *certificateRecord `cbor:"6,keyasint,omitempty"`
	// Epoch rises with a revocation and with each lock: tokens of before are void.
	Epoch      uint64 `cbor:"7,keyasint,omitempty"`
	Seen       int64  `cbor:"8,keyasint,omitempty"`
	Generation uint64 `cbor:"9,keyasint"`            // of the state: after a restore an admin confirms each host
	Alerted    uint64 `cbor:"10,keyasint,omitempty"` // the certificate's number at whose use an older one was alerted on last
	From       string `cbor:"11,keyasint,omitempty"` // the address that it enrolled from
}

// certificateRecord is one certificate of a host.
type certificateRecord struct {
	Number      uint64   `cbor:"1,keyasint"` // counts a host's certificates from 1
	Fingerprint [32]byte `cbor:"2,keyasint"`
	Key         []byte   `cbor:"3,keyasint"` // SPKI: a request that comes again gets the same certificate
	DER         []byte   `cbor:"4,keyasint"`
	Until       int64    `cbor:"5,keyasint"`
}

// hostNameRecord stands under keyHostName and guards the name: of a host, or of the invitation that is open for it.
type hostNameRecord struct {
	Host       *fleet.ID           `cbor:"1,keyasint,omitempty"`
	Invitation *fleet.InvitationID `cbor:"2,keyasint,omitempty"`
}

// hostInvitationRecord stands under keyHostInvitation.
type hostInvitationRecord struct {
	Name       string    `cbor:"1,keyasint"`
	Secret     []byte    `cbor:"2,keyasint"` // keyed hash
	Created    int64     `cbor:"3,keyasint"`
	Until      int64     `cbor:"4,keyasint"`
	Generation uint64    `cbor:"5,keyasint"`
	Host       *fleet.ID `cbor:"6,keyasint,omitempty"` // that has spent it
	Void       bool      `cbor:"7,keyasint,omitempty"`
}

func keyHost(id fleet.ID) []byte       { return append([]byte("hr"), id[:]...) }
func keyHostName(name string) []byte   { return append([]byte("hn"), name...) }
func keyHostBudget(id fleet.ID) []byte { return append([]byte("hb"), id[:]...) }
func keyHostInvitation(id fleet.InvitationID) []byte {
	return append([]byte("hi"), id[:]...)
}

// stands tells why a host may not ask now; nil if nothing speaks against it.
func (h *hostRecord) stands(generation uint64) error {
	switch {
	case h.State == hostLocked:
		return refuseCall(CodeHostLocked, "this host is locked: ask your administrator (latchkey host list)")
	case h.State != hostActive:
		return refuseCall(CodeHostRevoked, "this host was revoked: it needs a new invitation")
	case h.Generation != generation:
		return refuseCall(CodeHostRestored, "the appliance was restored from a backup: an administrator confirms this host (latchkey host unlock)")
	}
	return nil
}

// hostOf reads a host that is there.
func hostOf(r store.Reader, id fleet.ID) (h hostRecord, err error) {
	found, err := get(r, keyHost(id), &h)
	if err == nil && !found {
		err = errNoHost
	}
	return h, err
}

var errNotServed = refuseCall(CodeNoFleet, "this appliance takes no hosts: web.serve lacks hosts")

var errNoHost = refuseCall(CodeUnknownHost, "this appliance knows no such host")
