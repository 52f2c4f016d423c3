package appliance

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
	"testing"
	"time"
)

// VPN is an ocserv that asks an appliance, and the openconnect that logs in there. It goes as
// far as the cookie that a tunnel would be opened with; ocserv wants to be root even for that.
// It signs no requests: the client's entry must say "message_authenticator: accept".
type VPN struct{ openconnect, url, pin string }

// StartVPN starts ocserv beside the appliance. It ends with the test.
func StartVPN(t testing.TB, a *Appliance) *VPN {
	t.Helper()
	ocserv := Need(t, "ocserv", "ocserv")
	v := &VPN{openconnect: Need(t, "openconnect", "openconnect")}
	if os.Geteuid() != 0 {
		t.Fatal("ocserv runs as root only: run this test as root, in a container for instance")
	}
	folder := Folder(t)
	// Its workers are nobody, and reach its security module through a socket in here.
	if err := os.Chmod(folder, 0o711); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(folder, name) }
	port := Port(t)
	v.url = fmt.Sprintf("https://127.0.0.1:%d/", port)
	v.pin = certificate(t, file("cert.pem"), file("key.pem"))
	Write(t, file("servers"), "127.0.0.1 "+Secret+"\n")
	Write(t, file("radiusclient.conf"), fmt.Sprintf(`nas-identifier ocserv-test
authserver %s
acctserver %[1]s
servers %s
dictionary /etc/radcli/dictionary
default_realm
radius_timeout 10
radius_retries 3
bindaddr *
`, a.Address, file("servers")))
	Write(t, file("ocserv.conf"), fmt.Sprintf(`auth = "radius[config=%s]"
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
	screen := NewScreen("log of ocserv")
	Launch(t, exec.Command(ocserv, "--foreground", "--debug=2", "--config", file("ocserv.conf")), screen)
	screen.Await(t, 0, `initialized ocserv`)
	screen.Await(t, 0, `sec-mod initialized`)
	return v
}

// Login is a person who has typed name and password into openconnect.
func (v *VPN) Login(t testing.TB, user, password string) *Terminal {
	t.Helper()
	term := OnTerminal(t, exec.Command(v.openconnect, "--authenticate", "--servercert", v.pin, "--user", user, v.url))
	term.Expect(t, `Password:`)
	term.Type(t, password)
	return term
}

// certificate makes a key and a certificate for loopback, and gives the pin by which
// openconnect knows it.
func certificate(t testing.TB, certFile, keyFile string) (pin string) {
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
	Write(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	Write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	sum := sha256.Sum256(public)
	return "pin-sha256:" + base64.StdEncoding.EncodeToString(sum[:])
}
