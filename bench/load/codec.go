package load

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"errors"
)

const (
	codeRequest   = 1
	codeAccept    = 2
	codeReject    = 3
	codeChallenge = 11

	typeUserName             = 1
	typeUserPassword         = 2
	typeReplyMessage         = 18
	typeState                = 24
	typeNASIdentifier        = 32
	typeMessageAuthenticator = 80

	headerLength = 20
	maxPacket    = 4096
	maxRequest   = 1024 // the longest that request makes
	maxValue     = 253
	maxPassword  = 128
)

// What can be wrong with a reply.
var (
	errMalformed = errors.New("load: the reply is malformed")
	errForged    = errors.New("load: the Response Authenticator of the reply is wrong")
	errUnsigned  = errors.New("load: the reply has no Message-Authenticator")
	errMissigned = errors.New("load: the Message-Authenticator of the reply is wrong")
	errSilent    = errors.New("load: the challenge has no State or no Reply-Message")
	errUnknown   = errors.New("load: the prompt asks for an answer that the person does not have")
	errCode      = errors.New("load: the reply has a code that no Access-Request is answered with")
)

// codec makes and checks packets under one secret. It is for one goroutine. HMAC-MD5 is done by
// hand (RFC 2104), with the padded keys kept and no allocation: crypto/hmac would cost the
// generator more than the rest of the packet.
type codec struct {
	secret []byte
	nas    string
	inner  []byte // the key XOR ipad, then room for what is signed
	outer  [md5.BlockSize + md5.Size]byte
	block  []byte // the secret, then room for a block of a hidden password
	random [256 * 16]byte
	unused []byte
}

func newCodec(secret, nas string) codec {
	c := codec{secret: []byte(secret), nas: nas}
	var key [md5.BlockSize]byte
	if len(secret) > len(key) {
		sum := md5.Sum(c.secret)
		copy(key[:], sum[:])
	} else {
		copy(key[:], secret)
	}
	c.inner = make([]byte, md5.BlockSize, md5.BlockSize+maxPacket)
	for i, b := range key {
		c.inner[i], c.outer[i] = b^0x36, b^0x5c
	}
	c.block = append(make([]byte, 0, len(secret)+md5.Size), secret...)
	return c
}

// authenticator fills the Request Authenticator, which may never repeat under a secret.
func (c *codec) authenticator(to []byte) {
	if len(c.unused) == 0 {
		_, _ = rand.Read(c.random[:])
		c.unused = c.random[:]
	}
	c.unused = c.unused[copy(to[:16], c.unused):]
}

func (c *codec) sign(packet []byte) [md5.Size]byte {
	sum := md5.Sum(append(c.inner, packet...))
	copy(c.outer[md5.BlockSize:], sum[:])
	return md5.Sum(c.outer[:])
}

// request writes an Access-Request over dst, which has room for maxRequest. The password, which is overwritten, is hidden
// (RFC 2865 section 5.2); the Message-Authenticator stands first.
func (c *codec) request(dst []byte, identifier byte, name, password, state []byte) []byte {
	p := append(dst[:0], codeRequest, identifier, 0, 0)
	p = p[:headerLength]
	c.authenticator(p[4:])
	p = append(p, typeMessageAuthenticator, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	p = append(append(p, typeUserName, byte(2+len(name))), name...)
	p = c.hide(p, password, p[4:headerLength])
	p = append(append(p, typeNASIdentifier, byte(2+len(c.nas))), c.nas...)
	if len(state) > 0 {
		p = append(append(p, typeState, byte(2+len(state))), state...)
	}
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	sum := c.sign(p)
	copy(p[headerLength+2:], sum[:])
	return p
}

func (c *codec) hide(p, password, authenticator []byte) []byte {
	padded := max(md5.Size, (len(password)+md5.Size-1)/md5.Size*md5.Size)
	p = append(p, typeUserPassword, byte(2+padded))
	previous := authenticator
	for at := 0; at < padded; at += md5.Size {
		pad := md5.Sum(append(c.block, previous...))
		for i := at; i < min(at+md5.Size, len(password)); i++ {
			pad[i-at] ^= password[i]
		}
		p = append(p, pad[:]...)
		previous = p[len(p)-md5.Size:]
	}
	return p
}

// reply is what a checked reply says. The slices point into the packet.
type reply struct {
	code    byte
	state   []byte
	message []byte
}

// check proves that raw is the server's reply to request, and reads it. It overwrites the
// authenticators of raw. raw has room for the secret behind it.
func (c *codec) check(raw, request []byte) (r reply, err error) {
	if len(raw) < headerLength || int(binary.BigEndian.Uint16(raw[2:])) != len(raw) {
		return r, errMalformed
	}
	r.code = raw[0]
	var claimed [md5.Size]byte
	copy(claimed[:], raw[4:headerLength])
	copy(raw[4:headerLength], request[4:headerLength])
	if !hmac.Equal(claimed[:], sum(append(raw, c.secret...))) {
		return r, errForged
	}
	signature := 0
	for at := headerLength; at < len(raw); {
		if len(raw)-at < 2 || raw[at+1] < 2 || int(raw[at+1]) > len(raw)-at {
			return r, errMalformed
		}
		value := raw[at+2 : at+int(raw[at+1])]
		switch raw[at] {
		case typeState:
			r.state = value
		case typeReplyMessage:
			if r.message == nil {
				r.message = value
			}
		case typeMessageAuthenticator:
			if len(value) != md5.Size {
				return r, errMalformed
			}
			signature = at + 2
		}
		at += int(raw[at+1])
	}
	if signature == 0 {
		return r, errUnsigned
	}
	copy(claimed[:], raw[signature:])
	clear(raw[signature : signature+md5.Size])
	if signed := c.sign(raw); !hmac.Equal(claimed[:], signed[:]) {
		return r, errMissigned
	}
	return r, nil
}

func sum(b []byte) []byte {
	s := md5.Sum(b)
	return s[:]
}
