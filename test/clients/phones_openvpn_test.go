package clients

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
)

// The plugin opens no tunnel without a server for its accounting (RFC 2866), which latchkeyd is not: this one
// says yes to all of it.
const accounting = `const { createHash } = require("node:crypto");
const door = require("node:dgram").createSocket("udp4");
door.on("message", (m, from) => {
  const head = Buffer.from([5, m[1], 0, 20]);
  const sum = createHash("md5").update(head).update(m.subarray(4, 20)).update(process.argv[1]).digest();
  door.send(Buffer.concat([head, sum]), from.port, from.address);
});
door.bind(1813, "127.0.0.1", () => console.log("counting"));`

const radiusPlugin = "/usr/lib/openvpn/radiusplugin.so"

// TestPhoneCodeOpenVPN: a whole tunnel, with OpenVPN's RADIUS plugin, which can show nothing, and the field of
// static-challenge for the code from the phone. Appliance, server and client have a network namespace for themselves.
func TestPhoneCodeOpenVPN(t *testing.T) {
	t.Parallel()
	openvpn := appliance.Need(t, "openvpn", "openvpn")
	if _, err := os.Stat(radiusPlugin); err != nil {
		t.Fatal("OpenVPN's RADIUS plugin is missing: apt install openvpn-auth-radius")
	}
	if os.Geteuid() != 0 {
		t.Fatal("a network namespace is made by root only: run this test as root, in a container for instance")
	}
	h := preparePhones(t, "message_authenticator: accept, challenge: false, timeout: 5s, tries: 2", time.Minute)
	// The plugin knows one port, whatever its configuration says; in a namespace of its own it is free.
	h.Port, h.Address = 1812, "127.0.0.1:1812"
	h.wrap = []string{"unshare", "--net", "sh", "-c", `ip link set lo up && exec "$@"`, "sh"}
	h.configure("https://" + h.web.String())
	h.run()
	// beside is a command in the same namespace.
	beside := func(args ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "nsenter", slices.Concat([]string{"--net", "--target", fmt.Sprint(h.daemon.PID())}, args)...)
	}
	softphone := func(input string, args ...string) string {
		t.Helper()
		cmd := beside(slices.Concat([]string{built.Latchkey, "softphone"}, args, []string{"--state", h.file("phone")})...)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("softphone %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	h.latchkey("", "user", "add", "olga")
	h.latchkey(appliance.Password+"\n", "user", "password", "olga")
	var invitation struct{ URL string }
	if err := json.Unmarshal([]byte(h.latchkey("", "device", "invite", "olga", "--trusted", "--json")), &invitation); err != nil {
		t.Fatal(err)
	}
	softphone(fmt.Sprintf("%s\n%s\n%[2]s\n", invitation.URL, pin.Reveal()), "enroll", "-", "--name", "phone")

	h.certify("vpn.latchkey.test")
	port := appliance.Port(t)
	if err := os.Mkdir(h.file("ccd"), 0o700); err != nil {
		t.Fatal(err)
	}
	appliance.Write(t, h.file("server.conf"), fmt.Sprintf(`dev tun
proto udp4
local 127.0.0.1
port %d
server 10.99.0.0 255.255.255.0
topology subnet
dh none
ca push.crt
cert push.crt
key push.key
verify-client-cert none
username-as-common-name
client-config-dir %s
status %s 10
status-version 1
plugin %s %s
verb 3
`, port, h.file("ccd"), h.file("status"), radiusPlugin, h.file("plugin.cnf")))
	appliance.Write(t, h.file("plugin.cnf"), fmt.Sprintf(`NAS-Identifier=OpenVpn
Service-Type=5
Framed-Protocol=1
NAS-Port-Type=5
NAS-IP-Address=127.0.0.1
OpenVPNConfig=%s
subnet=255.255.255.0
overwriteccfiles=true
nonfatalaccounting=true
server
{
	acctport=1813
	authport=1812
	name=127.0.0.1
	retry=1
	wait=5
	sharedsecret=%s
}
`, h.file("server.conf"), appliance.Secret))
	appliance.Write(t, h.file("user"), "olga\n"+appliance.Password+"\n")
	appliance.Write(t, h.file("client.conf"), fmt.Sprintf(`client
dev tun
proto udp4
remote 127.0.0.1 %d
nobind
ca push.crt
verify-x509-name vpn.latchkey.test name
auth-user-pass user
static-challenge "Code of the phone" 1
connect-retry-max 1
auth-retry none
verb 3
`, port))
	counter := appliance.NewScreen("accounting")
	appliance.Launch(t, beside(appliance.Need(t, "node", "nodejs"), "-e", accounting, appliance.Secret), counter)
	counter.Await(t, 0, "counting")
	log := appliance.NewScreen("log of the OpenVPN server")
	appliance.Launch(t, beside(openvpn, "--cd", h.folder, "--config", "server.conf"), log)
	log.Await(t, 0, "Initialization Sequence Completed")

	// connect is a person who types at the one field that there is.
	connect := func(code, want string) {
		t.Helper()
		term := appliance.OnTerminal(t, beside(openvpn, "--cd", h.folder, "--config", "client.conf"))
		term.Expect(t, "Code of the phone")
		term.Type(t, code)
		term.Expect(t, want)
	}
	const up, failed = "Initialization Sequence Completed", "AUTH_FAILED"
	connect("", failed)
	code := regexp.MustCompile(`\b[0-9]{6}\b`).FindString(softphone(pin.Reveal()+"\n", "approve", "--code"))
	if code == "" {
		t.Fatal("the phone shows no code")
	}
	connect(code, up)
	connect(code, failed)
	want := []string{"reject code-awaited", "accept right-phone-code", "reject replayed"}
	if got := h.logins("olga"); !slices.Equal(got, want) {
		t.Errorf("the audit log has %q, want %q\n%s", got, want, log)
	}
}
