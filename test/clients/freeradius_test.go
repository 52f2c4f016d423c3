package clients

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// nasSecret is what radclient shares with the proxy, which shares another with Latchkey.
const nasSecret = "between-nas-and-proxy"

// proxy starts a FreeRADIUS that hands everything on to Latchkey. It forwards a NAS's
// Message-Authenticator, signed anew; FreeRADIUS before 3.2.5 adds none and has no switch for it.
func proxy(t *testing.T, a *appliance.Appliance) (address string, log *appliance.Screen) {
	t.Helper()
	freeradius := appliance.Need(t, "freeradius", "freeradius")
	folder := appliance.Folder(t)
	port := appliance.Port(t)
	file := func(name string) string { return filepath.Join(folder, name) }
	appliance.Write(t, file("dictionary"), "")
	appliance.Write(t, file("clients.conf"), fmt.Sprintf(`client nas {
	ipaddr = 127.0.0.1
	secret = %q
	require_message_authenticator = no
}
`, nasSecret))
	appliance.Write(t, file("proxy.conf"), fmt.Sprintf(`proxy server {
	default_fallback = no
}
home_server latchkey {
	type = auth
	ipaddr = 127.0.0.1
	port = %d
	secret = %q
	response_window = 1
	status_check = status-server
	check_interval = 6
	num_answers_to_alive = 3
}
home_server_pool latchkey {
	type = fail-over
	home_server = latchkey
}
realm LATCHKEY {
	auth_pool = latchkey
	nostrip
}
`, a.Port, appliance.Secret))
	appliance.Write(t, file("radiusd.conf"), fmt.Sprintf(`logdir = %s
run_dir = %[1]s
libdir = /usr/lib/freeradius
max_request_time = 30
hostname_lookups = no
security {
	reject_delay = 0
	status_server = yes
}
proxy_requests = yes
$INCLUDE clients.conf
$INCLUDE proxy.conf
thread pool {
	start_servers = 1
	max_servers = 2
	min_spare_servers = 1
	max_spare_servers = 1
	max_requests_per_server = 0
}
modules {
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = %d
	}
	authorize {
		update control {
			Proxy-To-Realm := LATCHKEY
		}
	}
}
`, folder, port))
	log = appliance.NewScreen("log of freeradius")
	appliance.Launch(t, exec.Command(freeradius, "-X", "-d", folder), log)
	log.Await(t, 0, `Ready to process requests`)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), log
}

func TestFreeRADIUSProxy(t *testing.T) {
	t.Parallel()
	a := begin(t, "") // require, the default
	address, log := proxy(t, a)
	c := newRadclient(t, address, nasSecret)

	login := func(t *testing.T) {
		challenge := c.first(t, "lutz", proxies...)
		challenge.isBack(t)
		accept := c.second(t, "lutz", challenge, appliance.Right(t, challenge.prompt(t)), proxies...).expect(t, "Access-Accept")
		accept.isBack(t)
		accept.hasAttributes(t)
	}
	// The proxy gives a silent server up but for its Status-Server: as soon as Latchkey answers
	// that, logins go on. This comes first: a reply of a second ago would let it not ask.
	t.Run("Status-Server", func(t *testing.T) {
		from := log.Len()
		a.Pause()
		defer a.Continue()
		// Silence, or a reject of the proxy's own: both have a second.
		if r := c.sendInVain(t, "auth", "User-Name=lutz", "User-Password="+appliance.Password, signed); r.code != "" {
			r.expect(t, "Access-Reject")
		}
		log.Await(t, from, `Sent Status-Server`)
		a.Continue()
		log.Await(t, from, `Received response to status check`)
		login(t)
	})
	t.Run("login", login)
	t.Run("wrong answer", func(t *testing.T) {
		challenge := c.first(t, "lutz", proxies...)
		c.second(t, "lutz", challenge, appliance.Wrong(t, challenge.prompt(t)), proxies...).expect(t, "Access-Reject").isBack(t)
	})
	t.Run("wrong password", func(t *testing.T) {
		r := c.send(t, "auth", append(proxies, "User-Name=lutz", "User-Password=guess", signed)...).expect(t, "Access-Reject")
		r.isBack(t)
	})
	// radclient signs nothing here, so the NAS has no part in it: FreeRADIUS signs what it forwards.
	t.Run("unsigned at the proxy", func(t *testing.T) {
		challenge := c.send(t, "auth", "User-Name=lutz", "User-Password="+appliance.Password)
		c.send(t, "auth", "User-Name=lutz", "User-Password="+appliance.Right(t, challenge.prompt(t)), challenge.state(t)).
			expect(t, "Access-Accept")
	})
	if outcomes, want := logins(t, a, "lutz"), []string{
		"accept right", "accept right", "reject wrong-answer", "reject wrong-password", "accept right",
	}; !slices.Equal(outcomes, want) {
		t.Errorf("the audit log has %q, want %q", outcomes, want)
	}
}
