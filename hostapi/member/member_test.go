package member

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/hostapi"
)

// node is an appliance's address as TLS and HTTP have it: an authority of its own, which signs its certificate, and the
// calls for certificates. What the real door makes of them is tested beside it.
type node struct {
	t         *testing.T
	url       string
	authority *x509.Certificate
	hosts     *fleet.Authority
	calls     atomic.Int64
	// drop ends the connection in place of the next reply.
	drop atomic.Bool
	// keys are those of the requests that came, by their public part.
	keys []string
}

func certified(t *testing.T, template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := fleet.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<62))
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t}
	var signer *ecdsa.PrivateKey
	n.authority, signer = certified(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	leaf, key := certified(t, &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, n.authority, signer)
	var err error
	if n.hosts, err = fleet.NewAuthority(make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(n)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw, n.authority.Raw}, PrivateKey: key}},
		NextProtos:   []string{"http/1.1"}, ClientAuth: tls.RequestClientCert,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	n.url = server.URL
	return n
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.calls.Add(1)
	var in struct{ Request mobile.Bytes }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		n.t.Error(err)
	}
	key, err := fleet.ReadRequest(in.Request)
	if err != nil {
		n.t.Error(err)
		return
	}
	spki, _ := x509.MarshalPKIXPublicKey(key)
	n.keys = append(n.keys, string(spki))
	if n.drop.Swap(false) {
		panic(http.ErrAbortHandler)
	}
	now := time.Now()
	certificate, err := n.hosts.Sign(key, fleet.ID{1}, "web01", now, now.Add(30*24*time.Hour))
	if err != nil {
		n.t.Error(err)
	}
	_ = json.NewEncoder(w).Encode(Enrolled{Host: "web01", Number: uint64(n.calls.Load()), Certificate: certificate, Expires: now.Add(time.Hour)})
}

func (n *node) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(n.authority)
	return pool
}

func (n *node) invitation(pin mobile.Pin) string {
	inv, err := fleet.NewInvitation(n.url, pin)
	if err != nil {
		n.t.Fatal(err)
	}
	return inv.URL().Reveal()
}

// enrolled is a machine that a node has made a host, with the trust that its files say.
func (n *node) enrolled() Config {
	n.t.Helper()
	dir := filepath.Join(n.t.TempDir(), "host")
	if _, err := (Config{Dir: dir}).Enrol(n.t.Context(), n.invitation(mobile.PinOf(n.authority)), false); err != nil {
		n.t.Fatal(err)
	}
	c, err := Load(dir)
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

func read(t *testing.T, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// names of a folder, with their modes.
func names(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, one := range list {
		info, err := one.Info()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one.Name()+" "+info.Mode().Perm().String())
	}
	return strings.Join(all, ", ")
}

func TestFilesAreWhole(t *testing.T) {
	n := newNode(t)
	c := n.enrolled()
	want := "ca.pem -rw-r--r--, host.pem -rw-------, lock -rw-------, pam.conf -rw-r--r--"
	if got := names(t, c.Dir); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if info, err := os.Stat(c.Dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}
	if len(c.URLs) != 1 || c.URLs[0] != n.url || c.Pin != mobile.PinOf(n.authority) || c.Roots == nil {
		t.Errorf("%+v", c)
	}
	// A file that was wider is not the one that is written into: its readers keep what they had.
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	open, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := writePrivate(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if old, err := io.ReadAll(open); err != nil || string(old) != "old" {
		t.Errorf("%q %v", old, err)
	}
	if got := names(t, filepath.Dir(path)); got != "file -rw-------" || read(t, path) != "new" {
		t.Error(got)
	}
	// Where it cannot be put in its place, nothing is left beside it.
	if err := os.MkdirAll(filepath.Join(filepath.Dir(path), "taken", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writePrivate(filepath.Join(filepath.Dir(path), "taken"), []byte("new")); err == nil {
		t.Error("a folder was replaced")
	}
	if got := names(t, filepath.Dir(path)); strings.Contains(got, ".new-") {
		t.Error(got)
	}
}

func TestNotOverwritten(t *testing.T) {
	n := newNode(t)
	c := n.enrolled()
	before, calls := read(t, c.Dir, identityFile), n.calls.Load()
	pin := mobile.PinOf(n.authority)
	if _, err := c.Enrol(t.Context(), n.invitation(pin), false); !errors.Is(err, ErrThere) {
		t.Errorf("%v", err)
	}
	// A link to nowhere is something that is there, too.
	dir := t.TempDir()
	if err := os.Symlink("/nonexistent", filepath.Join(dir, identityFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := (Config{Dir: dir}).Enrol(t.Context(), n.invitation(pin), false); !errors.Is(err, ErrThere) {
		t.Errorf("%v", err)
	}
	if n.calls.Load() != calls || read(t, c.Dir, identityFile) != before {
		t.Error("it was asked for, or written")
	}
	if _, err := c.Enrol(t.Context(), n.invitation(pin), true); err != nil || read(t, c.Dir, identityFile) == before {
		t.Errorf("forced: %v", err)
	}
}

// A reply that was lost is asked for with the same key, which the invitation is bound to by then; another invitation has
// another key.
func TestLostReply(t *testing.T) {
	n := newNode(t)
	c := Config{Dir: filepath.Join(t.TempDir(), "host")}
	invitation := n.invitation(mobile.PinOf(n.authority))
	n.drop.Store(true)
	_, err := c.Enrol(t.Context(), invitation, false)
	var lost *Lost
	if !errors.As(err, &lost) {
		t.Fatalf("%v", err)
	}
	if got := names(t, c.Dir); got != "lock -rw-------, next.pem -rw-------" {
		t.Errorf("%s", got)
	}
	if _, err := Identity(c.Dir); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("half a host is one: %v", err)
	}
	if _, err := Load(c.Dir); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("half a host is one: %v", err)
	}
	n.drop.Store(true)
	if _, err := c.Enrol(t.Context(), n.invitation(mobile.PinOf(n.authority)), false); !errors.As(err, &lost) {
		t.Fatal(err)
	}
	n.drop.Store(true)
	last := n.invitation(mobile.PinOf(n.authority))
	if _, err := c.Enrol(t.Context(), last, false); !errors.As(err, &lost) {
		t.Fatal(err)
	}
	if _, err := c.Enrol(t.Context(), last, false); err != nil {
		t.Fatal(err)
	}
	if n.keys[0] == n.keys[1] || n.keys[1] == n.keys[2] || n.keys[2] != n.keys[3] {
		t.Error("the keys of the four calls are not three")
	}
	if strings.Contains(names(t, c.Dir), nextFile) {
		t.Error("the key that was under way is still there")
	}
}

func TestHalfWrittenCredentials(t *testing.T) {
	n := newNode(t)
	c := n.enrolled()
	path := filepath.Join(c.Dir, identityFile)
	whole := read(t, path)
	key, certificate, _ := strings.Cut(whole, "-----BEGIN CERTIFICATE")
	other := read(t, n.enrolled().Dir, identityFile)
	_, foreign, _ := strings.Cut(other, "-----BEGIN CERTIFICATE")
	for what, text := range map[string]string{
		"nothing":                 "",
		"the key alone":           key,
		"the certificate alone":   "-----BEGIN CERTIFICATE" + certificate,
		"cut off":                 whole[:len(whole)-40],
		"another's certificate":   key + "-----BEGIN CERTIFICATE" + foreign,
		"half a key":              key[:len(key)/2],
		"zeros, as after a crash": string(make([]byte, len(whole))),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Identity(c.Dir)
		if err == nil || errors.Is(err, ErrNotEnrolled) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if lines := strings.Split(key, "\n"); strings.Contains(err.Error(), lines[1][:20]) {
			t.Errorf("%s: the key stands in %v", what, err)
		}
		if _, err := NewTransport(c); err == nil {
			t.Errorf("%s: is used", what)
		}
		if _, err := c.Renew(t.Context(), true); err == nil {
			t.Errorf("%s: is renewed", what)
		}
	}
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Identity(c.Dir); err == nil || !strings.Contains(err.Error(), "others may read it") {
		t.Errorf("%v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(c.Dir, ConfFile), path); err != nil {
		t.Fatal(err)
	}
	if _, err := Identity(c.Dir); err == nil {
		t.Error("a link is followed")
	}
}

func TestPins(t *testing.T) {
	n, elsewhere := newNode(t), newNode(t)
	ctx := t.Context()
	enrol := func(n *node, pin mobile.Pin) error {
		dir := filepath.Join(t.TempDir(), "host")
		_, err := Config{Dir: dir}.Enrol(ctx, n.invitation(pin), false)
		if _, there := Identity(dir); err != nil && !errors.Is(there, ErrNotEnrolled) {
			t.Errorf("refused, and a host: %v", there)
		}
		return err
	}
	if err := enrol(n, mobile.PinOf(n.authority)); err != nil {
		t.Error(err)
	}
	calls := n.calls.Load()
	var refused *hostapi.Refused
	if err := enrol(n, mobile.PinOf(elsewhere.authority)); !errors.As(err, &refused) || n.calls.Load() != calls {
		t.Errorf("another's pin: %v; the invitation's secret was sent: %t", err, n.calls.Load() != calls)
	}

	// No pin: whom the platform trusts. Here that is a file of the test's.
	old := platformRoots
	t.Cleanup(func() { platformRoots = old })
	file := filepath.Join(t.TempDir(), "authorities.pem")
	platformRoots = []string{filepath.Join(t.TempDir(), "not-here.pem"), file}
	if _, _, err := PlatformRoots(); err == nil {
		t.Error("there is no file")
	}
	if err := enrol(n, mobile.Pin{}); err == nil {
		t.Error("it trusts nobody, and enrols")
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: n.authority.Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "host")
	if _, err := (Config{Dir: dir}).Enrol(ctx, n.invitation(mobile.Pin{}), false); err != nil {
		t.Fatal(err)
	}
	if conf := read(t, dir, ConfFile); !strings.Contains(conf, "ca="+file+"\n") || strings.Contains(conf, "pin=") {
		t.Errorf("%s", conf)
	}
	c, err := Load(dir)
	if err != nil || c.Pin != (mobile.Pin{}) {
		t.Fatal(err)
	}
	if renewed, err := c.Renew(ctx, true); !renewed || err != nil {
		t.Errorf("%t %v", renewed, err)
	}
	calls = elsewhere.calls.Load()
	if err := enrol(elsewhere, mobile.Pin{}); !errors.As(err, &refused) || elsewhere.calls.Load() != calls {
		t.Errorf("an authority that is in no file: %v", err)
	}
	// Right roots and a pin that is not in the chain; and nothing at all.
	c.Pin = mobile.PinOf(elsewhere.authority)
	if _, err := c.Renew(ctx, true); !errors.As(err, &refused) || !strings.Contains(err.Error(), "another certificate than the one that is pinned") {
		t.Errorf("%v", err)
	}
	c.Pin, c.Roots = mobile.Pin{}, nil
	if _, err := c.Renew(ctx, true); !errors.As(err, &refused) || !strings.Contains(err.Error(), "it trusts nobody") {
		t.Errorf("%v", err)
	}
	// The right pin and another authority's roots.
	c.Pin, c.Roots = mobile.PinOf(n.authority), elsewhere.roots()
	if _, err := c.Renew(ctx, true); !errors.As(err, &refused) {
		t.Errorf("%v", err)
	}
}

func TestTwoAddresses(t *testing.T) {
	a, b := newNode(t), newNode(t)
	c := a.enrolled()
	c.Pin = mobile.Pin{}
	c.Roots.AddCert(b.authority)
	var dialled []string
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		if strings.HasPrefix(address, "dead.") {
			return nil, errors.New("connection refused")
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	before, other := a.calls.Load(), b.calls.Load()
	renew := func(urls ...string) error {
		dialled, c.URLs = nil, urls
		_, err := c.Renew(t.Context(), true)
		return err
	}
	asked := func(first, second int64) {
		t.Helper()
		if x, y := a.calls.Load()-before, b.calls.Load()-other; x != first || y != second {
			t.Errorf("the nodes were asked %d and %d times, want %d and %d", x, y, first, second)
		}
	}
	// In their order; the second one only where nothing was sent to the first.
	if err := renew(a.url, b.url); err != nil || len(dialled) != 1 {
		t.Errorf("%v %v", err, dialled)
	}
	asked(1, 0)
	if err := renew("https://dead.example:1", b.url); err != nil || len(dialled) != 2 || dialled[0] != "dead.example:1" {
		t.Errorf("%v %v", err, dialled)
	}
	asked(1, 1)
	a.drop.Store(true)
	var lost *Lost
	if err := renew(a.url, b.url); !errors.As(err, &lost) || len(dialled) != 1 {
		t.Errorf("%v %v", err, dialled)
	}
	asked(2, 1)
	var unreached *hostapi.NotReached
	if err := renew("https://dead.example:1", "https://dead.example:2"); !errors.As(err, &unreached) || len(dialled) != 2 {
		t.Errorf("%v %v", err, dialled)
	}
	// The calls of a login go the same way.
	key, err := fleet.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	request, err := fleet.Request(key)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]mobile.Bytes{"request": request})
	if err != nil {
		t.Fatal(err)
	}
	call := func(urls ...string) error {
		dialled, c.URLs = nil, urls
		way, err := NewTransport(c)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, apiBase, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := way.RoundTrip(r)
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	}
	if err := call("https://dead.example:1", b.url); err != nil || len(dialled) != 2 {
		t.Errorf("%v %v", err, dialled)
	}
	asked(2, 2)
	a.drop.Store(true)
	if err := call(a.url, b.url); !errors.As(err, &lost) || len(dialled) != 1 {
		t.Errorf("%v %v", err, dialled)
	}
	asked(3, 2)
	// A node whose certificate is not right is no dead one: the second is not asked.
	c.Roots = b.roots()
	var refused *hostapi.Refused
	if err := renew(a.url, b.url); !errors.As(err, &refused) || len(dialled) != 1 {
		t.Errorf("%v %v", err, dialled)
	}
	asked(3, 2)
	for text, want := range map[string]int{
		"https://a:8443": 1, "https://a:8443,https://b": 2, "https://a,https://b,https://c": 0, "http://a": 0, "https://a/path": 0,
		"https://u:p@a": 0, "https://a?x=1": 0, "": 0, "https://a,": 0, "https://": 0,
	} {
		if list, err := ParseURLs(text); (err == nil) != (want > 0) || len(list) != want && want > 0 {
			t.Errorf("%q: %v %v", text, list, err)
		}
	}
}

func TestRenewalLock(t *testing.T) {
	n := newNode(t)
	c := n.enrolled()
	before, calls := read(t, c.Dir, identityFile), n.calls.Load()
	way, err := NewTransport(c)
	if err != nil {
		t.Fatal(err)
	}
	due := func() time.Time { return time.Now().Add(25 * 24 * time.Hour) }
	if err := way.RenewDue(t.Context()); err != nil || n.calls.Load() != calls {
		t.Errorf("renewed before it was due: %v", err)
	}
	release, err := lock(c.Dir, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(c.Dir, false); !errors.Is(err, errBusy) {
		t.Errorf("%v", err)
	}
	// Another process is at it: a login goes on with the credential that there is, at once.
	late := c
	late.Now = due
	identity, err := Identity(c.Dir)
	if err != nil || !Due(identity, due()) || Due(identity, time.Now()) {
		t.Fatalf("%v", err)
	}
	renewed, err := late.Renew(t.Context(), false)
	if renewed || err != nil || n.calls.Load() != calls || read(t, c.Dir, identityFile) != before {
		t.Errorf("%t %v", renewed, err)
	}
	// Who must have one waits, and then takes what the other has got instead of asking again.
	ended := make(chan error, 1)
	var next *tls.Certificate
	go func() {
		var err error
		next, err = c.renew(context.Background(), identity, true)
		ended <- err
	}()
	text := read(t, n.enrolled().Dir, identityFile)
	calls = n.calls.Load()
	if err := writePrivate(filepath.Join(c.Dir, identityFile), []byte(text)); err != nil {
		t.Fatal(err)
	}
	release()
	if err := <-ended; err != nil || next.Leaf.Equal(identity.Leaf) || n.calls.Load() != calls {
		t.Errorf("%v, %d calls", err, n.calls.Load()-calls)
	}
	// The lock is free again, and a link in its place is not followed.
	if renewed, err := c.Renew(t.Context(), true); !renewed || err != nil {
		t.Errorf("%t %v", renewed, err)
	}
	if err := os.Remove(filepath.Join(c.Dir, lockFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(t.TempDir(), "made"), filepath.Join(c.Dir, lockFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Renew(t.Context(), true); err == nil {
		t.Error("the lock's link is followed")
	}
}
