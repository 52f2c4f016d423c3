package core

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/store"
)

// How a machine becomes a host, and stays one.

// HostAuthority is who signs the certificates of hosts. Each node makes the same one of the keyset.
func (c *Core) HostAuthority() *x509.Certificate { return c.hostAuthority.Certificate() }

// hostReply is what enrolment and renewal give.
type hostReply struct {
	Host        string       `json:"host"`
	ID          string       `json:"id"`
	Number      uint64       `json:"number"`
	Certificate mobile.Bytes `json:"certificate"` // DER
	Expires     time.Time    `json:"expires"`
}

func (h *hostRecord) reply(id fleet.ID, k *certificateRecord) hostReply {
	return hostReply{h.Name, id.String(), k.Number, k.DER, time.Unix(k.Until, 0).UTC()}
}

// EnrolHost spends an invitation.
func (c *Core) EnrolHost(ctx context.Context, call HostEnrolCall) ([]byte, error) {
	if !c.set.Hosts.Served {
		return nil, errNotServed
	}
	var in struct {
		Invitation mobile.Bytes `json:"invitation"`
		Secret     mobile.Bytes `json:"secret"`
		Request    mobile.Bytes `json:"request"`
	}
	if err := decodeCall(call.Body, &in); err != nil {
		return nil, err
	}
	var id fleet.InvitationID
	if len(in.Invitation) != len(id) || len(in.Secret) != fleet.SecretSize {
		return nil, refuseCall(CodeBadRequest, "this is no invitation of a host")
	}
	copy(id[:], in.Invitation)
	key, err := fleet.ReadRequest(in.Request)
	if err != nil {
		return nil, refuseCall(CodeBadKey, "the request is to be PKCS #10 with a key on P-256, signed by it")
	}
	e := hostEnrolling{Core: c, id: id, secret: in.Secret, key: key, call: call}
	err = c.store.Update(ctx, func(t store.Txn) error {
		e.t, e.now, e.refused, e.said = t, c.clock.Now(), nil, nil
		return e.enrol()
	})
	if err == nil {
		tell(e.said)
		err = e.refused
	}
	return hostDocument(e.reply, err)
}

// hostDocument encodes a reply, or passes a refusal on.
func hostDocument(reply any, err error) ([]byte, error) {
	var refused *DeviceError
	switch {
	case errors.As(err, &refused):
		return nil, err
	case err != nil:
		return nil, silence(err)
	}
	return json.Marshal(reply)
}

// hostEnrolling is one run of the transaction that spends an invitation.
type hostEnrolling struct {
	*Core
	t       store.Txn
	now     time.Time
	id      fleet.InvitationID
	secret  []byte
	key     *ecdsa.PublicKey
	call    HostEnrolCall
	reply   hostReply
	refused error // what is said after a commit
	said    []func()
}

var errHostInvitation = refuseCall(CodeInvitationVoid, "the invitation is not valid, or not any more: ask for a new one (latchkey host invite)")

func (e *hostEnrolling) enrol() error {
	var inv hostInvitationRecord
	found, err := get(e.t, keyHostInvitation(e.id), &inv)
	if err != nil {
		return err
	}
	if !found || !hmac.Equal(inv.Secret, e.hashHostInvitation(e.id, e.secret)) {
		return errHostInvitation
	}
	spki, err := x509.MarshalPKIXPublicKey(e.key)
	if err != nil {
		return refuseCall(CodeBadKey, "the key does not encode")
	}
	if inv.Host != nil {
		return e.again(&inv, spki)
	}
	if inv.Void || inv.Generation != e.generation || e.now.Unix() >= inv.Until {
		return errHostInvitation
	}
	var id fleet.ID
	_, _ = rand.Read(id[:])
	h := hostRecord{Name: inv.Name, Created: e.now.Unix(), State: hostActive, Seen: e.now.Unix(), Generation: e.generation, From: printable(e.call.Remote)}
	if h.Current, err = e.certify(e.now, id, h.Name, 1, e.key, spki); err != nil {
		return err
	}
	inv.Host = &id
	e.reply = h.reply(id, &h.Current)
	return errors.Join(
		put(e.t, keyHostInvitation(e.id), inv), put(e.t, keyHost(id), h), put(e.t, keyHostName(h.Name), hostNameRecord{Host: &id}),
		auditHost(e.t, e.now, "host.enrol", "done", h.Name, e.call.Remote, "host "+id.String()+", invitation "+e.id.String()))
}

// again answers a second use of an invitation: the same machine has lost the reply, or somebody else has the invitation
// too. Then nobody keeps what it gave.
func (e *hostEnrolling) again(inv *hostInvitationRecord, spki []byte) error {
	h, err := hostOf(e.t, *inv.Host)
	if err != nil {
		return err
	}
	if !inv.Void && h.State == hostActive && h.Current.Number == 1 && bytes.Equal(h.Current.Key, spki) {
		e.reply = h.reply(*inv.Host, &h.Current)
		return nil
	}
	e.refused = errHostInvitation
	if inv.Void {
		return nil
	}
	inv.Void = true
	if err := put(e.t, keyHostInvitation(e.id), *inv); err != nil {
		return err
	}
	if h.State == hostActive {
		h.State, h.Why = hostLocked, "invitation"
		h.Epoch++
		if err := put(e.t, keyHost(*inv.Host), h); err != nil {
			return err
		}
	}
	name, remote := h.Name, e.call.Remote
	e.said = append(e.said, func() {
		e.log.Warn("a host's invitation was used twice: somebody else had it, and the host is locked", "host", name, "from", remote,
			"hint", "latchkey host revoke "+name+", then invite it anew")
	})
	return auditHost(e.t, e.now, eventAlert, "host-invitation-used-twice", name, remote, "host "+inv.Host.String())
}

func (c *Core) certify(now time.Time, id fleet.ID, name string, number uint64, key *ecdsa.PublicKey, spki []byte) (certificateRecord, error) {
	until := now.Add(hostLife)
	der, err := c.hostAuthority.Sign(key, id, name, now, until)
	if err != nil {
		return certificateRecord{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return certificateRecord{}, fmt.Errorf("core: certificate of host %s: %w", id, err)
	}
	return certificateRecord{number, fleet.Fingerprint(certificate), spki, der, until.Unix()}, nil
}

func (c *Core) hashHostInvitation(id fleet.InvitationID, secret []byte) []byte {
	return mac(c.bindKey, "host invitation", string(id[:]), string(secret))
}

// auditHost audits what a host does, or what is done to it by nobody in particular.
func auditHost(t store.Txn, now time.Time, event, result, name, remote, detail string) error {
	return audit(t, auditRecord{Time: now.UnixMilli(), Event: event, Result: result, Door: DoorPAM, NAS: name, Source: printable(remote), Detail: detail})
}

// RenewHost gives a host its next certificate. The present one holds until the next one is used, so that a lost reply
// costs nothing: the same request gets the same certificate, another one replaces what was not used.
func (c *Core) RenewHost(ctx context.Context, call HostCall, body []byte) ([]byte, error) {
	var in struct {
		Request mobile.Bytes `json:"request"`
	}
	if err := decodeCall(body, &in); err != nil {
		return nil, err
	}
	key, err := fleet.ReadRequest(in.Request)
	if err != nil {
		return nil, refuseCall(CodeBadKey, "the request is to be PKCS #10 with a key on P-256, signed by it")
	}
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, refuseCall(CodeBadKey, "the key does not encode")
	}
	id, _, err := c.authenticateHost(ctx, call, true)
	if err != nil {
		return nil, err
	}
	var reply hostReply
	err = c.store.Update(ctx, func(t store.Txn) error {
		h, err := hostOf(t, id)
		if err != nil {
			return err
		}
		// Between two transactions the host may have been revoked, or renewed by another of its processes.
		if err := h.stands(c.generation); err != nil {
			return err
		}
		// A renewal is a compare-and-swap on the certificate that is shown.
		if h.Current.Fingerprint != fleet.Fingerprint(call.Certificate) {
			return refuseCall(CodeStaleGeneration, "this host has a newer certificate")
		}
		if h.Next != nil && bytes.Equal(h.Next.Key, spki) && c.clock.Now().Unix() < h.Next.Until {
			reply = h.reply(id, h.Next)
			return nil
		}
		if bytes.Equal(h.Current.Key, spki) {
			return refuseCall(CodeBadKey, "a renewal needs a new key")
		}
		now := c.clock.Now()
		next, err := c.certify(now, id, h.Name, h.Current.Number+1, key, spki)
		if err != nil {
			return err
		}
		h.Next = &next
		reply = h.reply(id, h.Next)
		return errors.Join(put(t, keyHost(id), h),
			auditHost(t, now, "host.renew", "given", h.Name, call.Remote, fmt.Sprintf("host %s, certificate %d", id, next.Number)))
	})
	return hostDocument(reply, err)
}
