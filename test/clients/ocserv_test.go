package clients

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
)

// vpn is an ocserv that asks Latchkey, and the openconnect that logs in there. It goes as far
// as the cookie that a tunnel would be opened with; ocserv wants to be root even for that.
type vpn struct {
	openconnect, url, pin string
}

func newVPN(t *testing.T, a *appliance.Appliance) vpn {
	t.Helper()
	ocserv := appliance.Need(t, "ocserv", "ocserv")
	v := vpn{openconnect: appliance.Need(t, "openconnect", "openconnect")}
	if os.Geteuid() != 0 {
		t.Fatal("ocserv runs as root only: run this test as root, in a container for instance")
	}
	folder := appliance.Folder(t)
	// Its workers are nobody, and reach its security module through a socket in here.
	if err := os.Chmod(folder, 0o711); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(folder, name) }
	port := appliance.Port(t)
	v.url = fmt.Sprintf("https://127.0.0.1:%d/", port)
	v.pin = certificate(t, file("cert.pem"), file("key.pem"))
	appliance.Write(t, file("servers"), "127.0.0.1 "+appliance.Secret+"\n")
	appliance.Write(t, file("radiusclient.conf"), fmt.Sprintf(`nas-identifier ocserv-test
authserver %s
acctserver %[1]s
servers %s
dictionary /etc/radcli/dictionary
default_realm
radius_timeout 10
radius_retries 3
bindaddr *
`, a.Address, file("servers")))
	appliance.Write(t, file("ocserv.conf"), fmt.Sprintf(`auth = "radius[config=%s]"
listen-host = 127.0.0.1
tcp-port = %d
run-as-user = nobody
run-as-group = nogroup
socket-file = %s
pid-file = %s
server-cert = %s
server-key = %s
isolate-workers = false
max-clients = 16
max-same-clients = 16
max-ban-score = 0
device = latchkey
ipv4-network = 192.0.2.0/24
use-occtl = false
`, file("radiusclient.conf"), port, file("socket"), file("pid"), file("cert.pem"), file("key.pem")))
	screen := appliance.NewScreen("log of ocserv")
	appliance.Launch(t, exec.Command(ocserv, "--foreground", "--debug=2", "--config", file("ocserv.conf")), screen)
	screen.Await(t, 0, `initialized ocserv`)
	screen.Await(t, 0, `sec-mod initialized`)
	return v
}

// certificate makes a key and a certificate for loopback, and gives the pin by which
// openconnect knows it.
func certificate(t *testing.T, certFile, keyFile string) (pin string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	appliance.Write(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	appliance.Write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	sum := sha256.Sum256(public)
	return "pin-sha256:" + base64.StdEncoding.EncodeToString(sum[:])
}

// login types this password.
func (v vpn) login(t *testing.T, password string) *appliance.Terminal {
	t.Helper()
	term := appliance.OnTerminal(t, exec.Command(v.openconnect,
		"--authenticate", "--servercert", v.pin, "--user", "lutz", v.url))
	term.Expect(t, `Password:`)
	term.Type(t, password)
	return term
}

// asked goes as far as the field for the answer, and gives the question above it.
func (v vpn) asked(t *testing.T) (term *appliance.Terminal, prompt string) {
	t.Helper()
	term = v.login(t, appliance.Password)
	return term, v.question(t, term)
}

func (v vpn) question(t *testing.T, term *appliance.Terminal) (prompt string) {
	t.Helper()
	return term.Expect(t, `(PINphrase: .*)\s+Password1:`)[1]
}

func (v vpn) accepted(t *testing.T, term *appliance.Terminal) {
	t.Helper()
	term.Expect(t, `COOKIE='[^']+'`)
	if err := term.Wait(t); err != nil {
		t.Errorf("openconnect: %v\n%s", err, term)
	}
}

func (v vpn) refused(t *testing.T, term *appliance.Terminal) {
	t.Helper()
	term.Expect(t, `401 Authentication failed`)
	if err := term.Wait(t); err == nil || strings.Contains(term.String(), "COOKIE=") {
		t.Errorf("openconnect has a cookie: %v\n%s", err, term)
	}
}

func TestOcserv(t *testing.T) {
	t.Parallel()
	a := begin(t, unsigned)
	v := newVPN(t, a)

	right := func(t *testing.T) {
		term, prompt := v.asked(t)
		term.Type(t, appliance.Right(t, prompt))
		v.accepted(t, term)
	}
	t.Run("login", right)
	t.Run("and right after it", right)
	t.Run("wrong answer", func(t *testing.T) {
		term, prompt := v.asked(t)
		term.Type(t, appliance.Wrong(t, prompt))
		v.refused(t, term)
	})
	// ocserv asks for the password again then, above it what Latchkey says.
	t.Run("wrong password, then the right one", func(t *testing.T) {
		term := v.login(t, "guess")
		term.Expect(t, `Access denied\. Ref\. \w+\s+Password:`)
		if strings.Contains(term.String(), "PINphrase") {
			t.Errorf("a question in spite of the wrong password\n%s", term)
		}
		term.Type(t, appliance.Password)
		term.Type(t, appliance.Right(t, v.question(t, term)))
		v.accepted(t, term)
	})
	// It must have its reject: as long as ocserv waits for a reply, nobody else can log in.
	t.Run("empty answer", func(t *testing.T) {
		term, _ := v.asked(t)
		term.Type(t, "")
		v.refused(t, term)
	})
	t.Run("reload between the rounds", func(t *testing.T) {
		term, prompt := v.asked(t)
		a.Configure(unsigned + ", timeout: 10s, tries: 4")
		a.Reload()
		term.Type(t, appliance.Right(t, prompt))
		v.accepted(t, term)
	})
	if outcomes, want := logins(t, a, "lutz"), []string{
		"accept right", "accept right", "reject wrong-answer", "reject wrong-password", "accept right", "reject malformed-answer", "accept right",
	}; !slices.Equal(outcomes, want) {
		t.Errorf("the audit log has %q, want %q", outcomes, want)
	}
}
