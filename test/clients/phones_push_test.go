package clients

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey/latchkey/phone"
	"github.com/latchkey/latchkey/test/appliance"
)

const pushHost = "push.latchkey.test"

// pushed is one message as the push service of web/app/test/push has opened it.
type pushed struct {
	Path, TTL, Urgency, Encoding, Text string
	Aud, Sub, Key                      string
	Verified                           bool
	Lasts                              int // seconds from now
}

// pushService is a program of its own: it has a certificate for pushHost, subscriptions, and their keys.
type pushService struct {
	t       *testing.T
	port    int
	out     *appliance.Screen
	process *appliance.Process
	seen    int // messages that were looked at
}

func (h *phones) startPushService() *pushService {
	h.t.Helper()
	h.certify(pushHost)
	s := &pushService{t: h.t, port: appliance.Port(h.t), out: appliance.NewScreen("push service")}
	node := appliance.Need(h.t, "node", "nodejs")
	s.process = appliance.Launch(h.t, exec.Command(node, "../../web/app/test/push/service.mjs",
		h.file("push.crt"), h.file("push.key"), pushHost, fmt.Sprint(s.port)), s.out)
	s.out.Await(h.t, 0, "listening")
	return s
}

// certify makes a certificate that is its own authority.
func (h *phones) certify(name string) {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		h.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		h.t.Fatal(err)
	}
	appliance.Write(h.t, h.file("push.crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
	appliance.Write(h.t, h.file("push.key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// subscribe gives a browser's subscription, whose private half stays with the service.
func (s *pushService) subscribe() (subscription json.RawMessage) {
	s.t.Helper()
	from := s.out.Len()
	s.process.Signal(s.t, syscall.SIGUSR2)
	found := s.out.Await(s.t, from, `subscription (\{.*\})`)
	return json.RawMessage(found[1])
}

// next is the next message that comes.
func (s *pushService) next() (p pushed) {
	s.t.Helper()
	found := s.out.Await(s.t, 0, `(?s)`+strings.Repeat(`push \{.*?`, s.seen)+`push (\{[^\n]*\})\s`)
	s.seen++
	if err := json.Unmarshal([]byte(found[1]), &p); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// TestPushEndToEnd: a login rings a phone through a push service outside the process, by name, TLS and VAPID; what
// the service and the browser hear says nothing; a subscription that has ended is forgotten, and no login waits for any of it.
func TestPushEndToEnd(t *testing.T) {
	t.Parallel()
	h := preparePhones(t, "", time.Minute)
	s := h.startPushService()
	h.push = fmt.Sprintf(`, push: {contact: "mailto:it@example.org", allow: ["%s:%d"], networks: [127.0.0.0/8]}`, pushHost, s.port)
	// The daemon finds the service by its name, and trusts its certificate, as it would find and trust a real one.
	appliance.Write(t, h.file("hosts"), "127.0.0.1 localhost "+pushHost+"\n")
	h.wrap = []string{"unshare", "--mount", "sh", "-c", `mount --bind "$1" /etc/hosts && shift && SSL_CERT_FILE="$1" && export SSL_CERT_FILE && shift && exec "$@"`,
		"sh", h.file("hosts"), h.file("push.crt")}
	h.configure("https://" + h.web.String())
	h.run()

	p := h.enrol("lutz")
	for name, endpoint := range map[string]string{
		"another host": "https://elsewhere.example.org/x", "another port": fmt.Sprintf("https://%s:%d/x", pushHost, s.port+1), "an address": fmt.Sprintf("https://127.0.0.1:%d/x", s.port),
		"no TLS": fmt.Sprintf("http://%s:%d/x", pushHost, s.port),
	} {
		bad := strings.Replace(string(s.subscribe()), fmt.Sprintf("https://%s:%d", pushHost, s.port), strings.TrimSuffix(endpoint, "/x"), 1)
		if err := p.Subscribe(h.ctx(), json.RawMessage(bad)); !errors.Is(err, phone.SubscriptionRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := p.Subscribe(h.ctx(), s.subscribe()); err != nil {
		t.Fatal(err)
	}
	c := newRadclient(t, h.Address, appliance.Secret)
	login := func() reply {
		return c.run(t, []string{"-t", "10", "-r", "1"}, "auth", "User-Name=lutz", fmt.Sprintf("User-Password=%q", appliance.Password), signed)
	}
	challenge := login().expect(t, "Access-Challenge")
	rung := s.next()
	if !rung.Verified || rung.Aud != fmt.Sprintf("https://%s:%d", pushHost, s.port) || rung.Sub != "mailto:it@example.org" || rung.Lasts < 60 || rung.Lasts > 24*3600 {
		t.Errorf("VAPID: %+v", rung)
	}
	if rung.Encoding != "aes128gcm" || rung.Urgency != "high" || rung.TTL != "60" {
		t.Errorf("headers: %+v", rung)
	}
	symbol := strings.Fields(challenge.prompt(t))[1]
	for _, secret := range []string{"lutz", "vpn", "nas", symbol, strings.ToLower(symbol)} {
		if strings.Contains(rung.Text, secret) || strings.Contains(rung.Path, secret) {
			t.Errorf("the message says %q: %q", secret, rung.Text)
		}
	}
	if pendings, err := p.Pendings(h.ctx()); err != nil || len(pendings) != 1 {
		t.Fatalf("%+v %v", pendings, err)
	}
	// The service says that the subscription has ended: it is forgotten, and the next login is as ever.
	s.process.Signal(t, syscall.SIGHUP)
	login().expect(t, "Access-Challenge")
	s.next()
	forgotten := func() bool {
		var devices []struct{ Push bool }
		if err := json.Unmarshal([]byte(h.latchkey("", "device", "list", "lutz", "--json")), &devices); err != nil {
			t.Fatal(err)
		}
		return len(devices) == 1 && !devices[0].Push
	}
	for late := time.Now().Add(10 * time.Second); !forgotten(); {
		if time.Now().After(late) {
			t.Fatal("a subscription that has ended is kept")
		}
	}
	// With the service away a login is not held up either.
	if err := p.Subscribe(h.ctx(), s.subscribe()); err != nil {
		t.Fatal(err)
	}
	s.process.Signal(t, syscall.SIGKILL)
	_ = s.process.Wait(t) // it was killed
	before := time.Now()
	login().expect(t, "Access-Reject") // two wait already
	if spent := time.Since(before); spent > 5*time.Second {
		t.Errorf("the login took %s", spent)
	}
}
