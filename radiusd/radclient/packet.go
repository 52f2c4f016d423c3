package radclient

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // RFC 2865 knows no other
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"layeh.com/radius"

	"github.com/latchkey/latchkey/core/secret"
)

// Attribute types (RFC 2865 section 5, RFC 2869 section 5).
const (
	typeUserName             = 1
	typeUserPassword         = 2
	typeReplyMessage         = 18
	typeState                = 24
	typeCallingStation       = 31
	typeNASIdentifier        = 32
	typePrompt               = 76
	typeMessageAuthenticator = 80
)

const (
	headerLength = 20
	macLength    = md5.Size
	maxPassword  = 128 // RFC 2865 section 5.2
)

// encode makes an Access-Request with Message-Authenticator as its first attribute.
func encode(c Config, id byte, r Request) ([]byte, error) {
	if r.Password.Len() > maxPassword {
		return nil, fmt.Errorf("a password of more than %d bytes does not fit into RADIUS", maxPassword)
	}
	p := &radius.Packet{Code: radius.CodeAccessRequest, Identifier: id, Secret: []byte(c.Secret.Reveal())}
	_, _ = rand.Read(p.Authenticator[:]) // never fails (crypto/rand)
	password, err := radius.NewUserPassword([]byte(r.Password.Reveal()), p.Secret, p.Authenticator[:])
	if err != nil {
		return nil, errors.New("the password does not encode")
	}
	p.Add(typeMessageAuthenticator, make([]byte, macLength))
	for _, a := range []struct {
		kind  radius.Type
		name  string
		value []byte
	}{
		{typeUserName, "user name", []byte(r.User)},
		{typeUserPassword, "password", password},
		{typeState, "State", r.State},
		{typeNASIdentifier, "NAS-Identifier", []byte(c.NASIdentifier)},
		{typeCallingStation, "Calling-Station-Id", []byte(c.CallingStation)},
	} {
		switch {
		case len(a.value) > 253:
			return nil, fmt.Errorf("a %s of more than 253 bytes does not fit into RADIUS", a.name)
		case len(a.value) > 0:
			p.Add(a.kind, a.value)
		}
	}
	packet, err := p.Encode()
	if err != nil {
		return nil, errors.New("the request does not encode")
	}
	mac := hmac.New(md5.New, p.Secret)
	mac.Write(packet)
	copy(packet[headerLength+2:], mac.Sum(nil))
	return packet, nil
}

var (
	errOther = errors.New("not a reply to this request")
	errWrong = errors.New("wrong signature")
)

// decode verifies and reads a reply to packet.
func decode(raw, packet []byte, shared secret.Secret) (Reply, error) {
	p, err := radius.Parse(raw, []byte(shared.Reveal()))
	if err != nil || p.Identifier != packet[1] {
		return Reply{}, errOther
	}
	code := Code(p.Code)
	if code != Accept && code != Reject && code != Challenge {
		return Reply{}, errOther
	}
	raw = raw[:int(raw[2])<<8|int(raw[3])] // the rest is padding (RFC 2865 section 3)
	if !radius.IsAuthenticResponse(raw, packet, p.Secret) {
		return Reply{}, errWrong
	}
	reply := Reply{Code: code, Echo: true}
	var message strings.Builder
	offset := headerLength
	for i, a := range p.Attributes {
		value := []byte(a.Attribute)
		reply.Attributes = append(reply.Attributes, Attribute{byte(a.Type), value})
		switch a.Type {
		case typeMessageAuthenticator:
			if reply.Signed || !signed(raw, packet, offset+2, value, p.Secret) {
				return Reply{}, errWrong
			}
			reply.Signed, reply.SignedFirst = true, i == 0
		case typeReplyMessage:
			message.Write(value)
		case typeState:
			reply.State = value
		case typePrompt:
			if n, err := radius.Integer(a.Attribute); err == nil && n == 0 {
				reply.Echo = false
			}
		}
		offset += 2 + len(value)
	}
	reply.Message = message.String()
	if !utf8.ValidString(reply.Message) {
		reply.Message = strings.ToValidUTF8(reply.Message, "\uFFFD")
	}
	return reply, nil
}

// signed checks the Message-Authenticator at offset of raw: HMAC-MD5 over the reply with the
// request's authenticator in place of its own, and zeros in place of the value (RFC 2869 section 5.14).
func signed(raw, packet []byte, offset int, value, shared []byte) bool {
	if len(value) != macLength {
		return false
	}
	var zeros [macLength]byte
	mac := hmac.New(md5.New, shared)
	mac.Write(raw[:4])
	mac.Write(packet[4:headerLength])
	mac.Write(raw[headerLength:offset])
	mac.Write(zeros[:])
	mac.Write(raw[offset+macLength:])
	return hmac.Equal(mac.Sum(nil), value)
}
