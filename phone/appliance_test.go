package phone

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
)

// appliance speaks the other end of the protocol, in memory, out of the same parts as the real one: every signature is
// verified, every counter kept. It has one user, and faults that tests may ask for.
type appliance struct {
	t      *testing.T
	server *httptest.Server
	pin    mobile.Pin

	mu          sync.Mutex
	invitations map[mobile.InvitationID]*invited
	devices     map[mobile.DeviceID]*device
	pendings    []*waiting
	listeners   map[chan string]bool
	opened      chan struct{} // a stream of events was
	loseReply   string        // of the next call of this path, which is carried out
	noEvents    bool
	trusted     bool
	digits      int
	alter       func(path string, reply map[string]any) // an evil appliance
}

type invited struct {
	secret secret.Secret
	device *device
}

type device struct {
	id          mobile.DeviceID
	key         mobile.DeviceKey
	name, state string
	counter     uint64
	frame       [32]byte
	status      int
	reply       []byte
	budget      mobile.Budget
	share       secret.Secret
	nextShare   secret.Secret
	keys        map[uint64]approval // by generation
	evaluations map[mobile.EvaluationID]evaluation
	renewal     *renewal
	grid        *grid
	checkCode   string
}

type approval struct {
	key   mobile.ApprovalKey
	share secret.Secret
}

type evaluation struct {
	purpose    string
	generation uint64
	nonce      mobile.Nonce
}

type renewal struct {
	nonce      mobile.Nonce
	generation uint64
	newPIN     bool
	next       mobile.EvaluationID
}

type grid struct {
	nonce     mobile.Nonce
	displayed [32]byte
}

type waiting struct {
	Pending
	symbol mobile.Symbol
	result string
}

func newAppliance(t *testing.T) *appliance {
	a := &appliance{t: t, invitations: map[mobile.InvitationID]*invited{}, devices: map[mobile.DeviceID]*device{}, listeners: map[chan string]bool{}, opened: make(chan struct{}, 1000), digits: 6}
	a.server = httptest.NewUnstartedServer(a)
	authority, leaf := certificates(t)
	a.pin = mobile.PinOf(authority)
	a.server.TLS = &tls.Config{Certificates: []tls.Certificate{leaf}}
	a.server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail on purpose
	a.server.StartTLS()
	t.Cleanup(func() {
		a.server.CloseClientConnections()
		a.server.Close()
	})
	return a
}

// certificates makes an authority, and a certificate of it for 127.0.0.1 that carries it along.
func certificates(t *testing.T) (*x509.Certificate, tls.Certificate) {
	t.Helper()
	sign := func(template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return certificate
	}
	top, own := newECKey(t), newECKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	authority := sign(template, template, top, top)
	leaf := sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, authority, own, top)
	return authority, tls.Certificate{Certificate: [][]byte{leaf.Raw, authority.Raw}, PrivateKey: own}
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *appliance) invite() mobile.Invitation {
	inv, err := mobile.NewInvitation(a.server.URL, a.pin)
	if err != nil {
		a.t.Fatal(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.invitations[inv.ID] = &invited{secret: inv.Secret}
	return inv
}

// login raises a pending and rings.
func (a *appliance) login(symbol mobile.Symbol) *waiting {
	w := &waiting{symbol: symbol}
	_, _ = rand.Read(w.ID[:])
	w.Service, w.Host, w.Source, w.Created = "vpn", "gateway", "192.0.2.7", time.Now().UTC().Truncate(time.Second)
	w.Expires = w.Created.Add(2 * time.Minute)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pendings = append(a.pendings, w)
	for l := range a.listeners {
		l <- "event: pending\ndata: {\"id\":\"" + w.ID.String() + "\"}\n\n"
	}
	return w
}

func (a *appliance) result(w *waiting) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return w.result
}

// only gives the one device; the caller has the lock.
func (a *appliance) only() *device {
	for _, d := range a.devices {
		return d
	}
	a.t.Fatal("no device")
	return nil
}

func (a *appliance) with(do func(d *device)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	do(a.only())
}

type refusal Code

func refuse(code Code) { panic(refusal(code)) }

func check(err error, code Code) {
	if err != nil {
		refuse(code)
	}
}

func (a *appliance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<10))
	if err != nil {
		return
	}
	if r.URL.Path == devicePath+"events" {
		a.events(w, r)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	status, reply := a.answer(r, body)
	if a.loseReply == r.URL.Path {
		a.loseReply = ""
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	if status/100 != 2 {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	w.WriteHeader(status)
	_, _ = w.Write(reply)
}

func (a *appliance) answer(r *http.Request, body []byte) (status int, reply []byte) {
	var d *device
	defer func() {
		if p := recover(); p != nil {
			code, ok := p.(refusal)
			if !ok {
				panic(p)
			}
			status, reply = http.StatusForbidden, fmt.Appendf(nil, `{"type":"urn:latchkey:problem:%s","code":%q}`, code, code)
		}
		if d != nil {
			d.status, d.reply = status, reply
		}
	}()
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		refuse(BadRequest)
	}
	if r.URL.Path == enrolmentPath {
		return a.encode(http.StatusCreated, r.URL.Path, a.enrol(body))
	}
	known, again := a.caller(r, body)
	if again {
		return known.status, known.reply
	}
	d = known
	op := strings.TrimPrefix(r.URL.Path, devicePath)
	if d.state == "locked" || d.state == "revoked" {
		refuse(Code("device-" + d.state))
	}
	if d.state == "inert" && !slices.Contains([]string{"hello", "pin/evaluate", "key", "rename", "remove"}, op) {
		refuse(DeviceInert)
	}
	return a.encode(http.StatusOK, r.URL.Path, a.carryOut(d, op, body))
}

func (a *appliance) encode(status int, path string, reply map[string]any) (int, []byte) {
	if a.alter != nil {
		a.alter(path, reply)
	}
	b, err := json.Marshal(reply)
	if err != nil {
		a.t.Error(err)
	}
	return status, b
}

// caller verifies the three headers, and tells whether this is the last call once more.
func (a *appliance) caller(r *http.Request, body []byte) (*device, bool) {
	id, err := mobile.ParseDeviceID(r.Header.Get("Latchkey-Device"))
	check(err, UnknownDevice)
	d := a.devices[id]
	if d == nil {
		refuse(UnknownDevice)
	}
	counter, err := strconv.ParseUint(r.Header.Get("Latchkey-Counter"), 10, 64)
	check(err, BadRequest)
	var signature mobile.Bytes
	check(signature.UnmarshalText([]byte(r.Header.Get("Latchkey-Signature"))), BadSignature)
	message := mobile.Call(id, counter, r.Method, r.URL.Path, body)
	check(d.key.Verify(message, signature), BadSignature)
	frame := sha256.Sum256(message)
	if counter == d.counter && frame == d.frame {
		return d, true
	}
	if counter <= d.counter {
		d.state = "locked"
		refuse(DeviceCloned)
	}
	d.counter, d.frame = counter, frame
	return d, false
}

func decode(body []byte, into any) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	check(decoder.Decode(into), BadRequest)
}

func (a *appliance) enrol(body []byte) map[string]any {
	var in struct {
		Invitation mobile.Bytes `json:"invitation"`
		Secret     mobile.Bytes `json:"secret"`
		DeviceKey  mobile.Bytes `json:"device_key"`
		Name       string       `json:"name"`
		Proof      mobile.Bytes `json:"proof"`
	}
	decode(body, &in)
	if len(in.Invitation) != 8 {
		refuse(BadRequest)
	}
	inv := a.invitations[mobile.InvitationID(in.Invitation)]
	if inv == nil || !inv.secret.Equal(secret.FromBytes(in.Secret)) {
		refuse(InvitationVoid)
	}
	key, err := mobile.ParseDeviceKey(in.DeviceKey)
	check(err, BadKey)
	check(key.Verify(mobile.Enrol(mobile.InvitationID(in.Invitation), in.Secret, in.DeviceKey), in.Proof), BadSignature)
	if d := inv.device; d == nil {
		d = &device{key: key, name: in.Name, state: "inert", share: a.newShare(), keys: map[uint64]approval{}, evaluations: map[mobile.EvaluationID]evaluation{}}
		_, _ = rand.Read(d.id[:])
		inv.device, a.devices[d.id] = d, d
	} else if !bytes.Equal(d.key.SPKI(), in.DeviceKey) {
		d.state = "locked"
		refuse(InvitationVoid)
	}
	return map[string]any{"device": inv.device.id, "user": "lutz", "appliance": "test", "pin_digits": a.digits, "counter": 0}
}

func (a *appliance) newShare() secret.Secret {
	share, err := mobile.NewOPRFKey()
	if err != nil {
		a.t.Fatal(err)
	}
	return share
}

func (d *device) newest() uint64 {
	var newest uint64
	for generation := range d.keys {
		newest = max(newest, generation)
	}
	return newest
}

func (a *appliance) events(w http.ResponseWriter, r *http.Request) {
	status, reply := func() (status int, reply []byte) {
		a.mu.Lock()
		defer a.mu.Unlock()
		defer func() {
			if code, ok := recover().(refusal); ok {
				status, reply = http.StatusForbidden, fmt.Appendf(nil, `{"code":%q}`, code)
			}
		}()
		a.caller(r, nil)
		if a.noEvents {
			return http.StatusNotFound, nil
		}
		return 0, nil
	}()
	if status != 0 {
		w.WriteHeader(status)
		_, _ = w.Write(reply)
		return
	}
	ring := make(chan string, 16)
	a.mu.Lock()
	a.listeners[ring] = true
	a.mu.Unlock()
	a.opened <- struct{}{}
	defer func() {
		a.mu.Lock()
		delete(a.listeners, ring)
		a.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, ": hello\n\n")
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case event := <-ring:
			_, _ = io.WriteString(w, event)
			w.(http.Flusher).Flush()
		}
	}
}

func statePath(t *testing.T) string { return filepath.Join(t.TempDir(), "state") }
