package phone

import (
	"bytes"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
)

func TestInvitation(t *testing.T) {
	a := newAppliance(t)
	inv := a.invite()
	_, err := Enrol(t.Context(), Config{Storage: File(statePath(t))}, inv.URL().Reveal(), "x", secret.New("123456"))
	fails(t, err, mobile.ErrPINCommon)
	_, err = Enrol(t.Context(), Config{Storage: File(statePath(t))}, "https://example.org/", "x", rightPIN)
	fails(t, err, mobile.ErrInvitation)
	_, err = Enrol(t.Context(), Config{Storage: File(statePath(t))}, inv.Typed().Reveal(), "x", rightPIN)
	fails(t, err, mobile.ErrInvitation) // and where?

	// Four digits are too few here, which the phone hears only now; the enrolment goes on with another PIN.
	path := statePath(t)
	p, err := Enrol(t.Context(), Config{Storage: File(path)}, inv.URL().Reveal(), "x", secret.New("7294"))
	fails(t, err, mobile.ErrPINShort)
	_, err = p.Open(t.Context(), rightPIN)
	fails(t, err, ErrNoPIN)
	ok(t, p.SetPIN(t.Context(), rightPIN))
	_, err = p.Pendings(t.Context())
	fails(t, err, DeviceInert)

	// A second phone with the same invitation locks the first.
	_, err = Enrol(t.Context(), Config{Storage: File(statePath(t))}, inv.URL().Reveal(), "x", rightPIN)
	fails(t, err, InvitationVoid)
	_, err = p.Status(t.Context())
	fails(t, err, DeviceLocked)
	// Another invitation does not take this state's place.
	_, err = Enrol(t.Context(), Config{Storage: File(path)}, a.invite().URL().Reveal(), "x", rightPIN)
	fails(t, err, ErrEnrolled)
}

func TestTrustedIsActive(t *testing.T) {
	a := newAppliance(t)
	a.trusted = true
	p, err := Enrol(t.Context(), Config{Storage: File(statePath(t))}, a.invite().URL().Reveal(), "x", rightPIN)
	if ok(t, err); p.CheckCode() != "" {
		t.Error("a check code for nothing")
	}
	_, err = p.Pendings(t.Context())
	ok(t, err)
}

func TestCertificates(t *testing.T) {
	a, other := newAppliance(t), newAppliance(t)
	leaf, err := x509.ParseCertificate(a.server.TLS.Certificates[0].Certificate[0])
	ok(t, err)
	for name, try := range map[string]struct {
		pin    mobile.Pin
		origin string
		want   error
	}{
		"the authority":            {a.pin, a.server.URL, nil},
		"the certificate itself":   {mobile.PinOf(leaf), a.server.URL, nil},
		"another authority":        {other.pin, a.server.URL, ErrCertificate},
		"the authority, elsewhere": {a.pin, strings.Replace(a.server.URL, "127.0.0.1", "localhost", 1), ErrCertificate},
		"the leaf, elsewhere":      {mobile.PinOf(leaf), strings.Replace(a.server.URL, "127.0.0.1", "localhost", 1), ErrCertificate},
	} {
		t.Run(name, func(t *testing.T) {
			inv := a.invite()
			inv.Pin, inv.Origin = try.pin, try.origin
			path := statePath(t)
			_, err := Enrol(t.Context(), Config{Storage: File(path)}, inv.URL().Reveal(), "x", rightPIN)
			fails(t, err, try.want)
		})
	}
	inv := a.invite()
	inv.Pin = mobile.Pin{}
	_, err = Enrol(t.Context(), Config{Storage: File(statePath(t)), Timeout: time.Second}, inv.URL().Reveal(), "x", rightPIN)
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) {
		t.Errorf("without a pin, a private authority: %v", err)
	}
}

// TestEvil plays an appliance, or somebody in between, that lies.
func TestEvil(t *testing.T) {
	a := newAppliance(t)
	lie := func(f func(path string, reply map[string]any)) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.alter = f
	}
	lie(func(path string, reply map[string]any) {
		if reply["check_code"] != nil {
			reply["check_code"] = "BBBBBBBB"
		}
	})
	_, err := Enrol(t.Context(), Config{Storage: File(statePath(t))}, a.invite().URL().Reveal(), "x", rightPIN)
	fails(t, err, ErrBetween)

	a = newAppliance(t)
	p, path := enrolled(t, a)
	w := a.login("plane")
	for want, f := range map[error]func(string, map[string]any){
		ErrShown: func(path string, reply map[string]any) {
			if shown, ok := reply["pendings"].([]Pending); ok {
				shown[0].Host = "somewhere else"
			}
		},
		ErrAnswer: func(path string, reply map[string]any) {
			if reply["symbols"] != nil {
				reply["symbols"] = []string{"<script>"}
			}
		},
		mobile.ErrPoint: func(path string, reply map[string]any) {
			if reply["evaluated"] != nil {
				reply["evaluated"] = mobile.Bytes(make([]byte, 32))
			}
		},
	} {
		lie(f)
		_, err := p.Approve(t.Context(), rightPIN, "plane")
		fails(t, err, want)
		if a.result(w) != "" {
			t.Error(a.result(w))
		}
	}
	lie(nil)

	// A renewal that is refused leaves nothing behind.
	lie(func(path string, reply map[string]any) {
		if strings.HasSuffix(path, "renew/begin") {
			reply["generation"] = 7
		}
	})
	fails(t, p.Renew(t.Context(), rightPIN), StaleGeneration)
	if state, _ := os.ReadFile(path); bytes.Contains(state, []byte(`"next"`)) {
		t.Error("a refused key is kept")
	}
	lie(nil)
	ok(t, p.Renew(t.Context(), rightPIN))

	// Neither another kind of answer is taken nor a redirect followed.
	a.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case devicePath + "events":
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case "/elsewhere":
			t.Error("a redirect was followed")
		default:
			_, _ = w.Write([]byte("<html>"))
		}
	})
	_, err = p.Pendings(t.Context())
	fails(t, err, ErrAnswer)
	_, err = p.listen(t.Context())
	fails(t, err, ErrAnswer)
}

func TestProblems(t *testing.T) {
	err := problemOf(403, []byte(`{"type":"urn:latchkey:problem:pin-locked","code":"pin-locked","detail":"five tries"}`))
	var problem *Problem
	if !errors.Is(err, PINLocked) || errors.Is(err, PINErased) || !errors.As(err, &problem) || problem.Status != 403 ||
		!strings.Contains(err.Error(), "five tries") || !strings.Contains(err.Error(), "unlock") {
		t.Error(err)
	}
	for _, body := range []string{"", "<html>", "{}", `{"code":7}`} {
		fails(t, problemOf(502, []byte(body)), ErrAnswer)
	}
}
