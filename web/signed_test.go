package web

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core"
)

// FuzzSigned: what is taken has one spelling only, and what is refused is a bad request that repeats nothing.
func FuzzSigned(f *testing.F) {
	signature := base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	f.Add(testDevice, "1", signature)
	f.Add(testDevice, "18446744073709551615", signature)
	f.Add(testDevice, "18446744073709551616", signature)
	for _, device := range []string{strings.ToUpper(testDevice), testDevice[1:], testDevice[1:] + "g", " " + testDevice, ""} {
		f.Add(device, "1", signature)
	}
	for _, counter := range []string{"0", "007", "+1", "-1", "1_0", "0x1", " 1", "1.0", ""} {
		f.Add(testDevice, counter, signature)
	}
	// Bits that are left over, padding, the other alphabet, and line ends, which the decoder skips.
	for _, s := range []string{signature[:85] + "B", signature + "=", signature[:85] + "/", signature[:84] + "\r\n", signature[:85] + "\nA", signature[4:], ""} {
		f.Add(testDevice, "1", s)
	}
	f.Fuzz(func(t *testing.T, device, counter, signature string) {
		h := http.Header{headerDevice: {device}, headerCounter: {counter}, headerSignature: {signature}}
		s, err := readSigned(h)
		if err != nil {
			if codeOf(err) != core.CodeBadRequest {
				t.Errorf("%v is no bad request", err)
			}
			for _, text := range []string{device, counter, signature} {
				if len(text) > 8 && strings.Contains(err.Error(), text) {
					t.Errorf("%v repeats %q", err, text)
				}
			}
			return
		}
		if s.device != device || strconv.FormatUint(s.counter, 10) != counter || s.counter == 0 ||
			base64.RawURLEncoding.EncodeToString(s.signature) != signature || len(s.signature) != signatureSize ||
			len(device) != 24 || strings.Trim(device, "0123456789abcdef") != "" {
			t.Errorf("%q %q %q was taken as %+v", device, counter, signature, s)
		}
	})
}

// FuzzPlace: a Host header admits only the one name, however it is written.
func FuzzPlace(f *testing.F) {
	for _, host := range []string{"latchkey.test", "latchkey.test:8443", "LATCHKEY.TEST.", "latchkey.test.evil", "latchkey.test@evil", "[latchkey.test]", "latchkey.test:8443:1", ""} {
		f.Add(host)
	}
	p, ok := newPlace(testOrigin)
	if !ok {
		f.Fatal("the origin is not taken")
	}
	f.Fuzz(func(t *testing.T, host string) {
		r := &http.Request{Host: host, Header: http.Header{}}
		name := strings.TrimSuffix(strings.ToLower(host), ".")
		if i := strings.LastIndexByte(host, ':'); i >= 0 {
			name = strings.TrimSuffix(strings.ToLower(host[:i]), ".")
		}
		if p.admits(r, anywhere, nil) == nil && strings.Trim(name, "[]") != "latchkey.test" {
			t.Errorf("%q was admitted", host)
		}
	})
}

func TestPlaces(t *testing.T) {
	for url, want := range map[string]place{
		"https://latchkey.test":         {"latchkey.test", "https://latchkey.test", true},
		"https://Latchkey.test:443/":    {"latchkey.test", "https://latchkey.test", true},
		"https://latchkey.test:8443":    {"latchkey.test", "https://latchkey.test:8443", true},
		"https://192.0.2.7:8443":        {"192.0.2.7", "https://192.0.2.7:8443", false},
		"https://[2001:db8::1]:8443":    {"2001:db8::1", "https://[2001:db8::1]:8443", false},
		"https://localhost:8443":        {"localhost", "https://localhost:8443", false},
		"http://latchkey.test":          {},
		"https://":                      {},
		"https://a@latchkey.test":       {},
		"https://latchkey.test/path":    {},
		"https://latchkey.test/?q":      {},
		"https://latchkey.test:port":    {},
		"https://latchkey.test/#anchor": {},
		"":                              {},
	} {
		got, ok := newPlace(url)
		if ok != (want != place{}) || got != want {
			t.Errorf("%s: %+v %v", url, got, ok)
		}
	}
}
