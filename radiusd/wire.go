package radiusd

import (
	"cmp"
	"encoding/binary"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"github.com/latchkey/latchkey/radiusd/attribute"
)

// Sizes of RFC 2865 section 3.
const (
	headerLength = 20
	maxPacket    = radius.MaxPacketLength
	maxValue     = 253
	maxPassword  = 128 // section 5.2
)

const (
	typeUserName             = byte(rfc2865.UserName_Type)
	typeUserPassword         = byte(rfc2865.UserPassword_Type)
	typeCHAPPassword         = byte(rfc2865.CHAPPassword_Type)
	typeReplyMessage         = byte(rfc2865.ReplyMessage_Type)
	typeState                = byte(rfc2865.State_Type)
	typeVendorSpecific       = byte(rfc2865.VendorSpecific_Type)
	typeCallingStationID     = byte(rfc2865.CallingStationID_Type)
	typeProxyState           = byte(rfc2865.ProxyState_Type)
	typeARAPPassword         = byte(rfc2869.ARAPPassword_Type)
	typePrompt               = byte(rfc2869.Prompt_Type)
	typeEAPMessage           = byte(rfc2869.EAPMessage_Type)
	typeMessageAuthenticator = byte(rfc2869.MessageAuthenticator_Type)
)

const (
	vendorMicrosoft = 311
	msCHAPResponse  = 1
	msCHAP2Response = 25
)

// packet is what the door reads in a datagram. The slices point into the datagram; an
// attribute that is absent is nil, one that is empty is not.
type packet struct {
	raw            []byte // exactly as many bytes as the length field says
	userName       []byte
	userPassword   []byte
	state          []byte
	callingStation []byte
	message        int    // where the value of the Message-Authenticator starts; 0: absent
	proxyStates    int    // length of all Proxy-State attributes with their headers
	foreign        string // the authentication that is not PAP: "CHAP", "EAP"; or empty
	eap            bool
}

func (p *packet) code() radius.Code     { return radius.Code(p.raw[0]) }
func (p *packet) identifier() byte      { return p.raw[1] }
func (p *packet) authenticator() []byte { return p.raw[4:headerLength] }

// maxProxyStates leaves room in a reply for what may stand beside the echoed Proxy-States:
// Message-Authenticator, State, Reply-Message and Prompt.
const maxProxyStates = maxPacket - headerLength - 18 - 255 - 255 - 6

// length checks the sizes of RFC 2865 section 3: a datagram shorter than its length field
// is dropped, octets beyond it are padding.
func (p *packet) length(datagram []byte) Drop {
	if len(datagram) < headerLength {
		return TooShort
	}
	n := int(binary.BigEndian.Uint16(datagram[2:4]))
	if n < headerLength || n > maxPacket || n > len(datagram) {
		return BadLength
	}
	*p = packet{raw: datagram[:n]}
	return none
}

// attributes walks the attributes once. It is stricter than layeh's Parse where laxity would
// let two readers see two requests: an attribute that may occur once occurs once
// (RFC 2865 section 5.44), a password has a length that a password can have.
func (p *packet) attributes() Drop {
	for at := headerLength; at < len(p.raw); {
		if len(p.raw)-at < 2 {
			return Malformed
		}
		kind, size := p.raw[at], int(p.raw[at+1])
		if size < 2 || size > len(p.raw)-at {
			return Malformed
		}
		value := p.raw[at+2 : at+size : at+size]
		if !p.take(kind, value, at+2) {
			return Malformed
		}
		at += size
	}
	if p.proxyStates > maxProxyStates {
		return Malformed
	}
	return none
}

func (p *packet) take(kind byte, value []byte, at int) bool {
	switch kind {
	case typeUserName:
		return once(&p.userName, value)
	case typeUserPassword:
		// RFC 2865 section 5.2 has 16 bytes at least, but radcli, and so ocserv, sends an empty
		// password as none. Silence would have it ask for 40 seconds, and nobody else log in.
		n := len(value)
		return n <= maxPassword && n%16 == 0 && once(&p.userPassword, value)
	case typeState:
		return once(&p.state, value)
	case typeCallingStationID:
		return once(&p.callingStation, value)
	case typeMessageAuthenticator:
		if p.message != 0 || len(value) != 16 {
			return false
		}
		p.message = at
	case typeProxyState:
		p.proxyStates += len(value) + 2
	case typeCHAPPassword:
		p.foreign = "CHAP"
	case typeARAPPassword:
		p.foreign = "ARAP"
	case typeEAPMessage:
		p.foreign, p.eap = "EAP", true
	case typeVendorSpecific:
		p.foreign = cmp.Or(msCHAP(value), p.foreign)
	}
	return true
}

// msCHAP tells whether a vendor attribute carries an MS-CHAP response (RFC 2548 section 2). It
// is only looked into: one of another form is no error.
func msCHAP(value []byte) (method string) {
	found := false
	vendor, _ := attribute.Vendor(value, func(kind byte, _ []byte) {
		found = found || kind == msCHAPResponse || kind == msCHAP2Response
	})
	if found && vendor == vendorMicrosoft {
		return "MS-CHAP"
	}
	return ""
}

func once(field *[]byte, value []byte) bool {
	if *field != nil {
		return false
	}
	*field = value
	return true
}

// eachProxyState calls do with every Proxy-State in the order of the packet.
func (p *packet) eachProxyState(do func(value []byte)) {
	if p.proxyStates == 0 {
		return
	}
	for at := headerLength; at < len(p.raw); at += int(p.raw[at+1]) {
		if p.raw[at] == typeProxyState {
			do(p.raw[at+2 : at+int(p.raw[at+1])])
		}
	}
}
