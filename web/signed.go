package web

import (
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/latchkey/latchkey/core/mobile"
)

// The three headers of a signed call.
const (
	headerDevice    = "Latchkey-Device"
	headerCounter   = "Latchkey-Counter"
	headerSignature = "Latchkey-Signature"
)

// signatureSize is that of r‖s on P-256.
const signatureSize = 64

// signed is what the three headers say. Nothing of it is verified.
type signed struct {
	device    string // 24 lower-case hex digits
	counter   uint64 // 1 or more
	signature []byte // 64 bytes
}

// readSigned reads the headers strictly: each exactly once, each in the one form that it has. What
// has two forms could be read in two ways by two programs on the way.
func readSigned(h http.Header) (signed, error) {
	device, counter, signature, err := three(h)
	if err != nil {
		return signed{}, err
	}
	if _, err := mobile.ParseDeviceID(device); err != nil {
		return signed{}, badHeader(headerDevice, "24 lower-case hex digits")
	}
	n, err := strconv.ParseUint(counter, 10, 64)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != counter {
		return signed{}, badHeader(headerCounter, "a decimal number from 1, without sign or leading zeros")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	// The decoder skips line ends; a text of this length has none.
	if err != nil || len(b) != signatureSize || len(signature) != base64.RawURLEncoding.EncodedLen(signatureSize) {
		return signed{}, badHeader(headerSignature, "64 bytes in base64url without padding")
	}
	return signed{device, n, b}, nil
}

func three(h http.Header) (device, counter, signature string, err error) {
	for name, to := range map[string]*string{headerDevice: &device, headerCounter: &counter, headerSignature: &signature} {
		values := h[name]
		if len(values) != 1 {
			return "", "", "", badHeader(name, "given exactly once")
		}
		*to = values[0]
	}
	return device, counter, signature, nil
}

// badHeader never repeats what was in the header.
func badHeader(name, want string) error {
	return refuse("bad-request", "the header "+name+" is to be "+want)
}
