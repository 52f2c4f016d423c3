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
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
)

var (
	rightPIN = secret.New("481516")
	otherPIN = secret.New("902714")
)

func enrolled(t *testing.T, a *appliance) (*Phone, string) {
	t.Helper()
	path := statePath(t)
	p, err := Enrol(t.Context(), Config{Storage: File(path)}, a.invite().URL().Reveal(), "my phone", rightPIN)
	if err != nil {
		t.Fatal(err)
	}
	a.with(func(d *device) {
		if d.state == "inert" && (p.CheckCode() != d.checkCode || len(d.checkCode) != 8) {
			t.Errorf("check code %q, the appliance has %q", p.CheckCode(), d.checkCode)
		}
		d.state = "active"
	})
	return p, path
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%v, want %v", err, want)
	}
}

func TestLife(t *testing.T) {
	a := newAppliance(t)
	p, path := enrolled(t, a)
	p, err := Load(t.Context(), Config{Storage: File(path)}) // as after a restart
	ok(t, err)
	defer p.Close()
	pendings, err := p.Pendings(t.Context())
	if ok(t, err); len(pendings) != 0 {
		t.Errorf("pendings: %v", pendings)
	}
	_, err = p.Open(t.Context(), rightPIN)
	fails(t, err, NoSuchPending)

	one, two := a.login("anchor"), a.login("moon")
	opened, err := p.Open(t.Context(), rightPIN)
	ok(t, err)
	if len(opened.Pendings) != 2 || len(opened.Symbols) != 9 || !slices.Contains(opened.Symbols, "anchor") || !slices.Contains(opened.Symbols, "moon") {
		t.Errorf("opened: %+v", opened)
	}
	id, err := opened.Approve(t.Context(), "moon")
	if ok(t, err); id != two.ID || a.result(two) != "approved" || a.result(one) != "ended" {
		t.Errorf("results %q and %q", a.result(one), a.result(two))
	}
	_, err = opened.Approve(t.Context(), "moon")
	fails(t, err, StaleNonce)

	one = a.login("anchor")
	_, err = p.Approve(t.Context(), rightPIN, "star")
	if fails(t, err, WrongSymbol); a.result(one) != "ended" {
		t.Error("a wrong symbol leaves the login open")
	}
	one = a.login("anchor")
	ok(t, p.Deny(t.Context(), one.ID, NotMe))
	if a.result(one) != "denied: not-me" {
		t.Error(a.result(one))
	}
	fails(t, p.Deny(t.Context(), one.ID, Cancel), NoSuchPending)

	ok(t, p.Rename(t.Context(), "old phone"))
	past, err := p.History(t.Context())
	if ok(t, err); len(past) != 1 || past[0].Result != "approved" {
		t.Errorf("history: %v", past)
	}
	status, err := p.Status(t.Context())
	if ok(t, err); status.State != "active" || status.User != "lutz" || status.Generation != 1 || status.CheckCode != "" {
		t.Errorf("status: %+v", status)
	}
	ok(t, p.Remove(t.Context()))
	_, err = os.Stat(path)
	fails(t, err, os.ErrNotExist)
	_, err = Load(t.Context(), Config{Storage: File(path)})
	fails(t, err, ErrNotEnrolled)
	a.with(func(d *device) {
		if d.name != "old phone" || d.state != "revoked" || d.budget.Life != 0 {
			t.Errorf("device %s, %s, %+v", d.name, d.state, d.budget)
		}
	})
}

// TestWrongPIN: five in a row lock, the count comes back with a right one, and twenty end it.
func TestWrongPIN(t *testing.T) {
	a := newAppliance(t)
	p, _ := enrolled(t, a)
	for left := 4; left > 0; left-- {
		_, err := p.Open(t.Context(), otherPIN)
		var wrong *WrongPIN
		if fails(t, err, mobile.ErrWrongPIN); !errors.As(err, &wrong) || wrong.Left != left {
			t.Fatalf("%v, want %d left", err, left)
		}
	}
	a.login("anchor")
	_, err := p.Approve(t.Context(), rightPIN, "anchor")
	ok(t, err)
	for range 5 {
		_, err := p.Open(t.Context(), otherPIN)
		fails(t, err, mobile.ErrWrongPIN)
	}
	_, err = p.Open(t.Context(), rightPIN)
	fails(t, err, PINLocked)
	for range 2 {
		a.with(func(d *device) { d.budget = d.budget.Unlock() })
		for range 5 {
			_, err := p.Open(t.Context(), otherPIN)
			fails(t, err, mobile.ErrWrongPIN)
		}
	}
	a.with(func(d *device) { d.budget = d.budget.Unlock() })
	_, err = p.Open(t.Context(), otherPIN)
	fails(t, err, mobile.ErrWrongPIN)
	_, err = p.Open(t.Context(), rightPIN)
	fails(t, err, PINErased)
}

func TestRenewAndChangePIN(t *testing.T) {
	a := newAppliance(t)
	p, path := enrolled(t, a)
	before, _ := os.ReadFile(path)
	ok(t, p.Renew(t.Context(), rightPIN))
	fails(t, p.ChangePIN(t.Context(), rightPIN, secret.New("123456")), mobile.ErrPINCommon)
	fails(t, p.ChangePIN(t.Context(), otherPIN, otherPIN), mobile.ErrWrongPIN)
	ok(t, p.ChangePIN(t.Context(), rightPIN, otherPIN))
	a.login("anchor")
	_, err := p.Approve(t.Context(), rightPIN, "anchor")
	fails(t, err, mobile.ErrWrongPIN)
	_, err = p.Approve(t.Context(), otherPIN, "anchor")
	ok(t, err)
	a.with(func(d *device) {
		if len(d.keys) != 1 || d.newest() != 3 || d.budget.Life != 2 || d.budget.Row != 0 {
			t.Errorf("keys %d, newest %d, budget %+v", len(d.keys), d.newest(), d.budget)
		}
	})
	after, _ := os.ReadFile(path)
	if bytes.Contains(after, []byte(`"next"`)) || bytes.Equal(before, after) {
		t.Error("the state was not settled")
	}
}

// TestLostReplies cuts the connection after each kind of call has been carried out.
func TestLostReplies(t *testing.T) {
	a := newAppliance(t)
	path := statePath(t)
	lose := func(op string) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.loseReply = op
	}
	lose(enrolmentPath)
	p, err := Enrol(t.Context(), Config{Storage: File(path)}, a.invite().URL().Reveal(), "x", rightPIN)
	ok(t, err)
	a.with(func(d *device) { d.state = "active" })
	for _, op := range []string{"pin/evaluate", "open", "approve"} {
		lose(devicePath + op)
		w := a.login("sun")
		_, err := p.Approve(t.Context(), rightPIN, "sun")
		if ok(t, err); a.result(w) != "approved" {
			t.Errorf("%s: %s", op, a.result(w))
		}
	}
	for _, op := range []string{"renew/begin", "renew"} {
		lose(devicePath + op)
		ok(t, p.Renew(t.Context(), rightPIN))
	}
	if a.mu.Lock(); len(a.devices) != 1 || a.only().newest() != 3 || a.only().budget.Life != 0 {
		t.Errorf("%d devices, %+v", len(a.devices), a.only())
	}
	a.mu.Unlock()
}

// cutOff is a storage that fails at the n-th write, as a phone that goes off there.
type cutOff struct {
	Storage
	left int
}

var errOff = errors.New("off")

func (c *cutOff) Write(state []byte) error {
	if c.left--; c.left < 0 {
		return errOff
	}
	return c.Storage.Write(state)
}

// TestCutOff stops enrolment, renewal and change of PIN at every write; the next use finds its way.
func TestCutOff(t *testing.T) {
	for writes := 0; ; writes++ {
		a := newAppliance(t)
		path, inv := statePath(t), a.invite().URL().Reveal()
		_, err := Enrol(t.Context(), Config{Storage: &cutOff{File(path), writes}}, inv, "x", rightPIN)
		whole := err == nil
		if !whole {
			fails(t, err, errOff)
		}
		p, err := Enrol(t.Context(), Config{Storage: File(path)}, inv, "x", rightPIN)
		if whole {
			fails(t, err, ErrEnrolled)
			if writes < 4 {
				t.Errorf("only %d writes", writes)
			}
			break
		}
		if ok(t, err); p.CheckCode() == "" {
			status, err := p.Status(t.Context())
			if ok(t, err); len(status.CheckCode) != 8 {
				t.Error("no check code after a restart")
			}
		}
		a.with(func(d *device) { d.state = "active" })
		a.login("cup")
		_, err = p.Approve(t.Context(), rightPIN, "cup")
		ok(t, err)
	}
	for writes := 0; ; writes++ {
		a := newAppliance(t)
		p, path := enrolled(t, a)
		dying := &Phone{config: Config{Storage: &cutOff{File(path), writes}}, client: p.client}
		err := dying.ChangePIN(t.Context(), rightPIN, otherPIN)
		a.login("cup")
		_, errNew := p.Approve(t.Context(), otherPIN, "cup")
		if err == nil {
			ok(t, errNew)
			break
		}
		fails(t, err, errOff)
		if errNew != nil {
			fails(t, errNew, mobile.ErrWrongPIN)
			_, err = p.Approve(t.Context(), rightPIN, "cup")
			ok(t, err)
		}
	}
}

// TestNoReply: the appliance takes a renewal and never answers; the phone finds out.
func TestNoReply(t *testing.T) {
	a := newAppliance(t)
	p, path := enrolled(t, a)
	ctx, cancel := context.WithCancel(t.Context())
	a.mu.Lock()
	a.alter = func(at string, _ map[string]any) {
		if at == devicePath+"renew" {
			a.loseReply = at
			cancel()
		}
	}
	a.mu.Unlock()
	if err := p.ChangePIN(ctx, rightPIN, otherPIN); err == nil {
		t.Fatal("no error")
	}
	if state, _ := os.ReadFile(path); !bytes.Contains(state, []byte(`"next"`)) {
		t.Fatal("the new key was not kept")
	}
	a.login("cup")
	_, err := p.Approve(t.Context(), otherPIN, "cup")
	ok(t, err)
}

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

// TestCopy: the owner and a copy of the state cannot both go on.
func TestCopy(t *testing.T) {
	a := newAppliance(t)
	p, path := enrolled(t, a)
	text, err := os.ReadFile(path)
	ok(t, err)
	copied := statePath(t)
	ok(t, os.WriteFile(copied, text, 0o600))
	thief, err := Load(t.Context(), Config{Storage: File(copied)})
	ok(t, err)
	_, err = thief.Open(t.Context(), otherPIN)
	fails(t, err, mobile.ErrWrongPIN)
	_, err = p.Pendings(t.Context())
	fails(t, err, DeviceCloned)
	_, err = thief.Pendings(t.Context())
	fails(t, err, DeviceLocked)
}

// TestTogether: goroutines and a second Phone on the same file never look like a copy.
func TestTogether(t *testing.T) {
	a := newAppliance(t)
	p, path := enrolled(t, a)
	other, err := Load(t.Context(), Config{Storage: File(path)})
	ok(t, err)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := []*Phone{p, other}[i%2].Pendings(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

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

func TestWait(t *testing.T) {
	for _, streaming := range []bool{true, false} {
		a := newAppliance(t)
		a.noEvents = !streaming
		p, path := enrolled(t, a)
		p.config.Poll = 10 * time.Millisecond
		old := a.login("house")
		pendings, err := p.Wait(t.Context())
		if ok(t, err); len(pendings) != 1 {
			t.Fatalf("%v", pendings)
		}
		type woken struct {
			pendings []Pending
			err      error
		}
		woke := make(chan woken)
		go func() {
			pendings, err := p.Wait(t.Context(), old.ID)
			woke <- woken{pendings, err}
		}()
		// Others may call meanwhile: waiting does not hold the lock.
		other, err := Load(t.Context(), Config{Storage: File(path)})
		ok(t, err)
		_, err = other.Pendings(t.Context())
		ok(t, err)
		begun := time.Now()
		a.login("music")
		w := <-woke
		if ok(t, w.err); len(w.pendings) != 2 {
			t.Errorf("%v", w.pendings)
		}
		t.Logf("streaming %v: woken after %v", streaming, time.Since(begun))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = p.Wait(ctx)
		fails(t, err, context.Canceled)
		a.with(func(d *device) { d.state = "revoked" })
		_, err = p.Wait(t.Context())
		fails(t, err, DeviceRevoked)
	}
}

// TestSilentStream: a stream that has died without a word is opened anew.
func TestSilentStream(t *testing.T) {
	a := newAppliance(t)
	p, _ := enrolled(t, a)
	p.config.Silence, p.config.Poll = 50*time.Millisecond, time.Millisecond
	done := make(chan error)
	go func() {
		_, err := p.Wait(t.Context())
		done <- err
	}()
	for range 3 {
		<-a.opened
	}
	a.login("clover")
	ok(t, <-done)
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
