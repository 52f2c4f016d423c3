package member

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/latchkey/latchkey/core/mobile"
)

// ParsePin reads a pin as pam.conf has it: base64url of the SHA-256 of a certificate's public key.
func ParsePin(text string) (pin mobile.Pin, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != len(pin) {
		return pin, errors.New("must be 32 bytes in base64url")
	}
	return mobile.Pin(b), nil
}

// Load takes address and trust from what an enrolment has written into a directory.
func Load(dir string) (Config, error) {
	path := filepath.Join(dir, ConfFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, ErrNotEnrolled
	}
	if err != nil {
		return Config{}, err
	}
	c := Config{Dir: dir}
	for _, line := range strings.Split(string(text), "\n") {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "url":
			c.URLs, err = ParseURLs(value)
		case "pin":
			c.Pin, err = ParsePin(value)
		case "ca":
			var pem []byte
			if pem, err = os.ReadFile(value); err == nil {
				c.Roots, err = ReadRoots(pem)
			}
		}
		if err != nil {
			return Config{}, fmt.Errorf("%s: %s: %w", path, name, err)
		}
	}
	if len(c.URLs) == 0 || c.Roots == nil {
		return Config{}, fmt.Errorf("%s: has no url and ca", path)
	}
	return c, nil
}
