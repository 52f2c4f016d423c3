package phone

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestState looks for whatever tells a right PIN without the appliance, or should not be there at all.
func TestState(t *testing.T) {
	a := newAppliance(t)
	p, path := enrolled(t, a)
	a.login("gear")
	_, err := p.Approve(t.Context(), rightPIN, "gear")
	ok(t, err)
	ok(t, p.Renew(t.Context(), rightPIN))
	text, err := os.ReadFile(path)
	ok(t, err)
	info, err := os.Stat(path)
	if ok(t, err); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
	// Everything in it, by name: whoever adds a field must say here why it may be there.
	var fields map[string]json.RawMessage
	ok(t, json.Unmarshal(text, &fields))
	allowed := []string{"version", "origin", "pin", "device", "user", "appliance", "pin_digits", "counter", "device_key", "key"}
	for name := range fields {
		if !slices.Contains(allowed, name) {
			t.Errorf("the state has %q", name)
		}
	}
	raw := [][]byte{text}
	for _, part := range strings.FieldsFunc(string(text), func(r rune) bool { return strings.ContainsRune("\" :,{}\n", r) }) {
		if b, err := base64.RawURLEncoding.DecodeString(part); err == nil {
			raw = append(raw, b)
		}
	}
	a.with(func(d *device) {
		key, err := x509.ParsePKIXPublicKey(d.key.SPKI())
		ok(t, err)
		point, err := key.(*ecdsa.PublicKey).Bytes()
		ok(t, err)
		forbidden := map[string][]byte{"the PIN": []byte(rightPIN.Reveal()), "the device's public key": point[1:33], "the check code": []byte(d.checkCode), "the last reply": d.reply}
		for _, one := range d.keys {
			forbidden["a public key"] = one.key.SPKI()[40:100] // of the modulus
			forbidden["a share"] = []byte(one.share.Reveal())
		}
		for what, bad := range forbidden {
			for _, form := range [][]byte{bad, []byte(hex.EncodeToString(bad)), []byte(base64.RawURLEncoding.EncodeToString(bad)), []byte(base64.StdEncoding.EncodeToString(bad))} {
				if slices.ContainsFunc(raw, func(b []byte) bool { return bytes.Contains(b, form) }) {
					t.Errorf("the state has %s", what)
				}
			}
		}
	})
	names, err := os.ReadDir(filepath.Dir(path))
	if ok(t, err); len(names) != 2 {
		t.Errorf("files are left over: %v", names)
	}

	ok(t, os.Chmod(path, 0o640))
	_, err = Load(t.Context(), Config{Storage: File(path)})
	fails(t, err, ErrReadable)
	for _, bad := range []string{"{", "{}", `{"version":2}`, strings.Replace(string(text), `"device_key": "`, `"device_key": "AAAA`, 1)} {
		ok(t, os.WriteFile(path, []byte(bad), 0o600))
		ok(t, os.Chmod(path, 0o600))
		_, err = Load(t.Context(), Config{Storage: File(path)})
		fails(t, err, ErrState)
	}
}

// FuzzState reads states that anything may have happened to.
func FuzzState(f *testing.F) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	raw, _ := key.Bytes()
	good, _ := json.Marshal(&state{Version: 1, Origin: "https://x", DeviceKey: raw, Key: &wrapped{1, []byte("x")}})
	f.Add(good)
	f.Add([]byte(`{"version":1,"device_key":"AA"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := read(memory(text))
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Error(err)
			}
			return
		}
		if _, err := s.deviceKey(); err != nil {
			t.Error(err)
		}
	})
}

type memory []byte

func (memory) Lock(context.Context) (func(), error) { return func() {}, nil }
func (m memory) Read() ([]byte, error)              { return m, nil }
func (memory) Write([]byte) error                   { return nil }
