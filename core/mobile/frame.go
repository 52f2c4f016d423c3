package mobile

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"
)

// DeviceID names a device for ever: 24 hex digits in headers and documents, 12 bytes in frames.
type DeviceID [12]byte

// String gives the 24 lower-case hex digits.
func (d DeviceID) String() string { return hex.EncodeToString(d[:]) }

// EvaluationID names one try of a PIN. In documents it is base64url.
type EvaluationID [16]byte

// PendingID names a login that waits for the phone. In documents it is base64url.
type PendingID [16]byte

// Nonce is a random value of the appliance that a signature answers, once.
type Nonce [32]byte

// ErrSyntax says that a text or an encoding is not what the protocol has at that place.
var ErrSyntax = errors.New("mobile: malformed")

// ParseDeviceID reads 24 lower-case hex digits.
func ParseDeviceID(text string) (DeviceID, error) {
	var d DeviceID
	if len(text) != hex.EncodedLen(len(d)) {
		return d, ErrSyntax
	}
	if _, err := hex.Decode(d[:], []byte(text)); err != nil || d.String() != text {
		return DeviceID{}, ErrSyntax
	}
	return d, nil
}

// Frame puts a message that is signed or hashed into bytes that no other message has: the
// domain and each part follow their length in four bytes, big-endian. The domain says what
// the bytes are for, so that a signature made for one purpose never serves another.
func Frame(domain string, parts ...[]byte) []byte {
	size := 4 + len(domain)
	for _, part := range parts {
		size += 4 + len(part)
	}
	b := make([]byte, 0, size)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(domain))), domain...)
	for _, part := range parts {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
	}
	return b
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// Call is what the device key signs with every call: method and path as in the request line
// without a query, and the hash of the body (of nothing for GET).
func Call(device DeviceID, counter uint64, method, path string, body []byte) []byte {
	hash := sha256.Sum256(body)
	return Frame("latchkey/v1/call", device[:], number(counter), []byte(method), []byte(path), hash[:])
}

// Enrol is what the device key signs to prove itself at enrolment.
func Enrol(invitation InvitationID, secret, deviceKey []byte) []byte {
	return Frame("latchkey/v1/enrol", invitation[:], secret, deviceKey)
}

// Key is what the approval key signs when the appliance hears of it first.
func Key(device DeviceID, evaluation EvaluationID, nonce Nonce, approvalKey []byte) []byte {
	hash := sha256.Sum256(approvalKey)
	return Frame("latchkey/v1/key", device[:], evaluation[:], nonce[:], hash[:])
}

// Open is the first signature of a login: key and PIN are there, before any symbol is shown.
func Open(device DeviceID, evaluation EvaluationID, nonce Nonce) []byte {
	return Frame("latchkey/v1/open", device[:], evaluation[:], nonce[:])
}

// Approve is the second signature of a login: this symbol, or this pair in its order, for what was displayed.
func Approve(device DeviceID, nonce Nonce, symbol Symbol, displayed [32]byte) []byte {
	return Frame("latchkey/v1/approve", device[:], nonce[:], []byte(symbol), []byte("approve"), displayed[:])
}

// RenewBegin is what the present approval key signs to be renewed.
func RenewBegin(device DeviceID, evaluation EvaluationID, nonce Nonce) []byte {
	return Frame("latchkey/v1/renew-begin", device[:], evaluation[:], nonce[:])
}

// Renew is what the present and the next approval key both sign: the next one takes over
// from the named generation.
func Renew(device DeviceID, generation uint64, nonce Nonce, nextKey []byte) []byte {
	hash := sha256.Sum256(nextKey)
	return Frame("latchkey/v1/renew", device[:], number(generation), nonce[:], hash[:])
}

// Shown is a waiting login as the phone displays it.
type Shown struct {
	ID                    PendingID
	Service, Host, Source string
	Created               time.Time // the protocol has whole seconds
}

// Displayed is the hash of what the phone displays, in its order. The phone makes it from
// what it really showed and signs it; the appliance makes it from what it asked for.
func Displayed(pendings []Shown) [32]byte {
	parts := make([][]byte, 0, 5*len(pendings))
	for _, p := range pendings {
		parts = append(parts, p.ID[:], []byte(p.Service), []byte(p.Host), []byte(p.Source), number(uint64(p.Created.Unix())))
	}
	return sha256.Sum256(Frame("latchkey/v1/displayed", parts...))
}

// checkLetters have no vowels, so that no words come out, and none that look or sound alike.
const checkLetters = "BCDFGHJKLMNPQRSTVWXZ"

// CheckCode is the code of eight letters by which an administrator sees that the device that
// is to be activated is the one in the user's hand. The phone makes it from its own keys, so
// that nobody in between can show it the code of another device; the nonce (of the setup
// evaluation) keeps a code from being searched for in advance.
func CheckCode(device DeviceID, nonce Nonce, deviceKey, approvalKey []byte) string {
	deviceHash, approvalHash := sha256.Sum256(deviceKey), sha256.Sum256(approvalKey)
	hash := sha256.Sum256(Frame("latchkey/v1/check", device[:], nonce[:], deviceHash[:], approvalHash[:]))
	// 20^8 is far below 2^64: no letter is noticeably likelier than another.
	n := binary.BigEndian.Uint64(hash[:8])
	code := make([]byte, 8)
	for i := range code {
		code[i] = checkLetters[n%uint64(len(checkLetters))]
		n /= uint64(len(checkLetters))
	}
	return string(code)
}
