package main

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"net/url"
	"strconv"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/phone"
)

// inWords puts what a phone meets into a person's words. What has words already stays.
func (s *softphone) inWords(err error) error {
	var own refusal
	if err == nil || errors.As(err, &own) {
		return err
	}
	var refused *phone.Problem
	if errors.As(err, &refused) {
		return ofProblem(refused)
	}
	var wrong *phone.WrongPIN
	if errors.As(err, &wrong) {
		return ofWrongPIN(wrong)
	}
	for _, one := range s.words() {
		if errors.Is(err, one.is) {
			return one.refusal
		}
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return refusal{"this machine does not trust the appliance's certificate: " + untrusted.Err.Error(),
			"a typed invitation does not name the certificate: take the URL"}
	}
	var network *url.Error
	if errors.As(err, &network) {
		return refusal{"the appliance does not answer: " + network.Err.Error(), "is this machine online, and latchkeyd's HTTPS door open? nothing is lost: try again"}
	}
	return err
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

type worded struct {
	is error
	refusal
}

// words is what the phone finds itself. The first that fits counts.
func (s *softphone) words() []worded {
	return []worded{
		{phone.ErrEnrolled, refusal{s.state + " holds a phone already", "give --state another FILE, or remove this one: latchkey softphone remove"}},
		{phone.ErrNotEnrolled, refusal{s.state + " holds no phone", "latchkey softphone enroll URL --state " + s.state}},
		{fs.ErrNotExist, refusal{"no folder for " + s.state, "make it first, or give --state another FILE"}},
		{phone.ErrState, refusal{s.state + " is damaged, or no phone of this version", "ask your administrator for a new invitation"}},
		{phone.ErrReadable, refusal{"others may read " + s.state, "chmod 600 " + s.state}},
		{phone.ErrNoPIN, refusal{"the enrolment stopped before a PIN was set", "the same `softphone enroll` again goes on where it stopped"}},
		{phone.ErrCertificate, refusal{"this is not the appliance of the invitation: it has another certificate",
			"somebody may stand between; or the appliance has a new authority, then ask for a new invitation"}},
		{phone.ErrBetween, refusal{"somebody stands between this phone and the appliance", "tell your administrator, and do not have this phone confirmed"}},
		{phone.ErrShown, refusal{"the appliance asks for a signature for something else than it shows", "nothing was signed; tell your administrator"}},
		{phone.ErrUnsettled, refusal{"another renewal was cut off just now", "try again"}},
		{phone.ErrAnswer, refusal{"what answers there is no Latchkey appliance, or one of another version", "is the URL right?"}},
		{mobile.ErrInvitation, refusal{"this is no invitation, or a letter of it is missing", "a URL as `latchkey device invite` prints it, in quotation marks: the shell acts on & and #"}},
		{mobile.ErrPINShort, refusal{"the PIN is too short", "six digits unless your appliance wants more, or a passphrase of 8 characters or more; the same command goes on with another PIN"}},
		{mobile.ErrPINLong, refusal{"the PIN is too long", "up to 12 digits, or a passphrase of up to 64 characters"}},
		{mobile.ErrPINCommon, refusal{"this PIN is one of those that are tried first", "no rows, no repetitions, no dates; the same command goes on with another PIN"}},
		{mobile.ErrPINText, refusal{"the PIN has characters that keyboards do not agree on", "letters, digits, punctuation and spaces"}},
	}
}

func ofWrongPIN(wrong *phone.WrongPIN) error {
	switch wrong.Left {
	case -1:
		return refusal{"wrong PIN", ""}
	case 0:
		return refusal{"wrong PIN; the phone is locked now", "ask your administrator: latchkey device unlock"}
	case 1:
		return refusal{"wrong PIN; one try is left", "after it the phone is locked until your administrator unlocks it"}
	}
	return refusal{"wrong PIN; " + strconv.Itoa(wrong.Left) + " tries are left", "then the phone is locked until your administrator unlocks it"}
}

// ofProblem is the appliance's refusals, by their stable codes.
func ofProblem(p *phone.Problem) error {
	switch p.Code {
	case phone.UnknownDevice:
		return refusal{"the appliance does not know this phone", "ask your administrator for a new invitation; was the appliance restored from an old backup?"}
	case phone.BadSignature:
		return refusal{"the appliance does not take this phone's signature", "is the state of another phone's? else ask for a new invitation"}
	case phone.DeviceCloned:
		return refusal{"a copy of this phone was used: it is locked now", "your administrator has been told; ask for a new invitation"}
	case phone.DeviceLocked:
		return refusal{"this phone is locked", "ask your administrator: latchkey device unlock"}
	case phone.DeviceRevoked:
		return refusal{"this phone was revoked", "ask your administrator for a new invitation; `softphone remove` clears the state"}
	case phone.DeviceInert:
		return refusal{"this phone is not active yet", "tell your administrator its check code: `softphone status` shows it"}
	case phone.PINLocked:
		return refusal{"too many wrong PINs: this phone is locked", "ask your administrator: latchkey device unlock"}
	case phone.PINErased:
		return refusal{"too many wrong PINs in this phone's life: its key is gone", "ask your administrator for a new invitation"}
	case phone.InvitationVoid:
		return refusal{"the invitation is not valid: it is used up, too old, or void", "ask your administrator for a new one, and tell if it was you who used it"}
	case phone.NoSuchPending:
		return refusal{"no login waits for this phone", "begin it, then approve while its prompt waits"}
	case phone.PendingEnded, phone.StaleNonce:
		return refusal{"the login is over", "begin again"}
	case phone.AppOutdated:
		return refusal{"the login shows two symbols, and this softphone is too old for that", "take the softphone of the appliance's version"}
	case phone.WrongSymbol:
		return refusal{"the wrong symbol: the logins that waited are ended, and your administrator is told", "if you did not begin one, change your password"}
	case phone.StaleGeneration:
		return refusal{"the appliance has another key of this phone", "is the state an old copy? else ask for a new invitation"}
	case phone.BadRequest:
		return refusal{"the appliance does not take this" + prefix(": ", p.Detail), "are phone and appliance of different versions?"}
	case phone.TooManyCalls:
		return refusal{"this phone has called the appliance too often", "wait a minute; does a script run in circles?"}
	case phone.Busy:
		return refusal{"the appliance is busy", "try again"}
	}
	return refusal{"the appliance refuses (" + string(p.Code) + ")" + prefix(": ", p.Detail), "are phone and appliance of different versions?"}
}
