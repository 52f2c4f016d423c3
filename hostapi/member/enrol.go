package member

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/hostapi"
)

// Enrolled is what an enrolment or a renewal came to.
type Enrolled struct {
	Host        string       `json:"host"`
	ID          string       `json:"id"`
	Number      uint64       `json:"number"`
	Certificate mobile.Bytes `json:"certificate"`
	Expires     time.Time    `json:"expires"`
}

// ErrThere: the machine is a host already.
var ErrThere = errors.New("this machine is a host already")

// Enrol makes a machine a host: it makes a key, spends the invitation, and writes the credential, the appliance's
// authority and a file for the PAM module. Called again with the same invitation after a crash or a lost reply, it goes on
// where it stopped. Of the Config only Dir is needed. Without force it touches no credential that is there.
func (c Config) Enrol(ctx context.Context, invitation string, force bool) (Enrolled, error) {
	dir := c.Dir
	inv, err := fleet.ParseInvitation(invitation)
	if err != nil {
		return Enrolled{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Enrolled{}, err
	}
	release, err := lock(dir, true)
	if err != nil {
		return Enrolled{}, err
	}
	defer release()
	if _, err := os.Lstat(filepath.Join(dir, identityFile)); err == nil && !force {
		return Enrolled{}, ErrThere
	}
	c.URLs, c.Pin, c.Roots = []string{inv.Origin}, inv.Pin, nil
	ca := filepath.Join(dir, RootsFile)
	if inv.Pin == (mobile.Pin{}) {
		var text []byte
		if ca, text, err = PlatformRoots(); err != nil {
			return Enrolled{}, err
		}
		if c.Roots, err = ReadRoots(text); err != nil {
			return Enrolled{}, fmt.Errorf("%s: %w", ca, err)
		}
	}
	// The key is durable before the invitation leaves: only to the same key does the appliance repeat its answer.
	key, request, err := prepare(dir, inv.ID.String())
	if err != nil {
		return Enrolled{}, err
	}
	body, err := json.Marshal(map[string]mobile.Bytes{"invitation": inv.ID[:], "secret": mobile.Bytes(inv.Secret.Reveal()), "request": request})
	if err != nil {
		return Enrolled{}, err
	}
	defer clear(body)
	out, chain, err := c.exchange(ctx, inv.Origin, fleet.EnrolPath, body, nil)
	if err != nil {
		return Enrolled{}, err
	}
	if inv.Pin != (mobile.Pin{}) {
		if err := writeRoots(ca, chain, inv.Pin); err != nil {
			return Enrolled{}, err
		}
	}
	if err := writeFile(filepath.Join(dir, ConfFile), conf(inv, dir, ca), 0o644); err != nil {
		return Enrolled{}, err
	}
	return out, keep(dir, key, out.Certificate)
}

// conf is for `conf=` of the PAM module.
func conf(inv fleet.Invitation, dir, ca string) []byte {
	text := "# Written by latchkey host enroll. In a PAM stack: pam_latchkey.so conf=" + filepath.Join(dir, ConfFile) + "\n" +
		"url=" + inv.Origin + "\nca=" + ca + "\ncredential=" + dir + "\n"
	if inv.Pin != (mobile.Pin{}) {
		text += "pin=" + base64.RawURLEncoding.EncodeToString(inv.Pin[:]) + "\n"
	}
	return []byte(text)
}

// writeRoots keeps the pinned certificate of a chain.
func writeRoots(path string, chain []*x509.Certificate, pin mobile.Pin) error {
	for _, one := range chain {
		if mobile.PinOf(one) == pin {
			return writeFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one.Raw}), 0o644)
		}
	}
	return ErrCertificate
}

// prepare gives the key of what is under way, or a new one, and its request. purpose tells one from another.
func prepare(dir, purpose string) (*ecdsa.PrivateKey, []byte, error) {
	path := filepath.Join(dir, nextFile)
	var key *ecdsa.PrivateKey
	text, err := readPrivate(path)
	switch {
	case err == nil:
		defer clear(text)
		if block, _ := pem.Decode(text); block != nil && block.Headers["Purpose"] == purpose {
			key, err = decodeKey(text)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, nil, err
	}
	if key == nil || err != nil {
		if key, err = fleet.NewKey(); err != nil {
			return nil, nil, err
		}
		text, err := encodeKey(key)
		if err != nil {
			return nil, nil, err
		}
		defer clear(text)
		block, _ := pem.Decode(text)
		block.Headers = map[string]string{"Purpose": purpose}
		if err := writePrivate(path, pem.EncodeToMemory(block)); err != nil {
			return nil, nil, err
		}
	}
	request, err := fleet.Request(key)
	return key, request, err
}

// exchange makes a call that gives a certificate.
func (c Config) exchange(ctx context.Context, base, path string, body []byte, identity *tls.Certificate) (out Enrolled, chain []*x509.Certificate, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, join(base, path), bytes.NewReader(body))
	if err != nil {
		return out, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.sendTo(r, base, identity)
	if err != nil {
		return out, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, hostapi.MaxBody))
	if err != nil {
		return out, nil, &Lost{err}
	}
	if resp.StatusCode >= 300 {
		return out, nil, refusal(resp.StatusCode, raw)
	}
	if err := json.Unmarshal(raw, &out); err != nil || out.Host == "" || len(out.Certificate) == 0 {
		return out, nil, errors.New("what answers is no latchkeyd that takes hosts")
	}
	if resp.TLS != nil {
		chain = resp.TLS.PeerCertificates
	}
	return out, chain, nil
}

func refusal(status int, raw []byte) error {
	var p struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
	}
	if json.Unmarshal(raw, &p) != nil || p.Code == "" {
		return &hostapi.Refused{Status: status, Problem: hostapi.Problem{Text: fmt.Sprintf("what answers is no latchkeyd that takes hosts (status %d)", status)}}
	}
	if p.Detail == "" {
		p.Detail = p.Title
	}
	return &hostapi.Refused{Status: status, Problem: hostapi.Problem{Text: p.Detail, Code: p.Code}}
}
