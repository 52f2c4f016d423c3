package doorbell

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
)

var _ core.Doorbell = (*Bell)(nil)

// loopback is where the tests' push services stand; without it in Networks nobody may ring there.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// identity is a certificate that vouches for itself, for the names under which tests reach push services. It is good at
// any time that a test may think it is.
func identity(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames: []string{"localhost", "push.example.org", "a.slow.example", "b.slow.example"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
}

// onLoopback serves over TLS, as the makers' services do, and gives the port.
func onLoopback(t *testing.T, h http.Handler) (port string, roots *x509.CertPool) {
	t.Helper()
	certificate, roots := identity(t)
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // who is refused by a test says "bad certificate" here
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, roots
}

// logbook is a log that tests read.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// says fails unless the log holds the text, and fails if it tells the endpoint.
func (l *logbook) says(t *testing.T, want string) {
	t.Helper()
	text := l.String()
	if !strings.Contains(text, want) {
		t.Errorf("the log does not say %q:\n%s", want, text)
	}
	if strings.Contains(text, "c0ffee") || strings.Contains(text, "/send/") {
		t.Errorf("the log tells the endpoint:\n%s", text)
	}
}

func never(t *testing.T) func() {
	return func() { t.Error("a subscription that lives is called gone") }
}

// TestRing rings a phone as in life: through the real dialer, TLS and HTTP/2.
func TestRing(t *testing.T) {
	service := newPushService(t, "")
	service.bell = make(chan struct{}, 9)
	port, roots := onLoopback(t, service)
	service.origin = "https://localhost:" + port
	var log logbook
	b := testBell(t, Config{Allow: []string{"localhost:" + port}, Networks: loopback, Roots: roots, Log: log.logger()})
	if err := b.Vet([]byte(service.subscription().Reveal())); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b.Ring(service.subscription(), never(t))
		<-service.bell
	}
	b.Ring(service.subscription(), never(t))
	<-service.bell
	b.rings.Wait()
	requests := service.requests(t)
	if len(requests) != 3 || requests[0].ttl != "60" || requests[0].proto != "HTTP/2.0" {
		t.Errorf("requests: %+v", requests)
	}
	if requests[0].token != requests[1].token {
		t.Error("each ring is signed anew")
	}
	b.Close()
	b.Ring(service.subscription(), never(t)) // after the end: nothing
	if n := len(service.requests(t)); n != 3 {
		t.Errorf("%d requests", n)
	}
	log.says(t, "a phone was rung")
}

// TestAddresses: a listed name that leads into the house is not rung, unless the house's network is named.
func TestAddresses(t *testing.T) {
	service := newPushService(t, "")
	port, roots := onLoopback(t, service)
	service.origin = "https://localhost:" + port
	var log logbook
	b := testBell(t, Config{Allow: []string{"localhost:" + port}, Roots: roots, Log: log.logger()})
	b.Ring(service.subscription(), never(t))
	b.rings.Wait()
	log.says(t, "its name leads to an address that is not public")
	if n := len(service.requests(t)); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// TestNoProxy: a proxy in the environment would be dialled in the push service's place, past the judgement of addresses.
func TestNoProxy(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://192.0.2.1:3128")
	}
	b := testBell(t, Config{})
	if b.client.Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy is asked")
	}
}

func TestTrust(t *testing.T) {
	service := newPushService(t, "")
	port, _ := onLoopback(t, service)
	service.origin = "https://localhost:" + port
	var log logbook
	_, others := identity(t)
	b := testBell(t, Config{Allow: []string{"localhost:" + port}, Networks: loopback, Roots: others, Log: log.logger(), Limits: Limits{Attempts: 1}})
	b.Ring(service.subscription(), never(t))
	b.rings.Wait()
	log.says(t, "its certificate is not trusted")
	if n := len(service.requests(t)); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestNotListedAnyMore(t *testing.T) {
	var log logbook
	b := testBell(t, Config{Log: log.logger()})
	b.Ring(newPushService(t, "https://push.example.org").subscription(), never(t))
	b.rings.Wait()
	log.says(t, "this push service is not on the list: push.example.org")
}
