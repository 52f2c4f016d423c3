package config

import (
	"fmt"
	"net/netip"
	"time"
)

// Bounds of a client's patience; beyond them a figure is a slip of the pen.
const (
	maxTimeout = 5 * time.Minute
	maxTries   = 20
)

// Networks wider than these are warned of: every address in them may try its secret.
const (
	narrow4 = 24
	narrow6 = 64
)

func (c check) radius() RADIUS {
	if !c.given("radius") {
		c.warn("radius", "a section `radius:` opens one", "no door is open, so nobody can log in")
		return RADIUS{}
	}
	r := RADIUS{Listen: c.listen("radius.listen", c.file.Radius.Listen, 1812)}
	if len(c.file.Radius.Clients) == 0 && len(r.Listen) > 0 {
		c.warn("radius.clients", "name each gateway by its address", "there are none, so every packet is dropped")
	}
	names, addresses := map[string]int{}, map[netip.Prefix]int{}
	for i, given := range c.file.Radius.Clients {
		key := itemPath("radius.clients", i)
		client := c.client(key, given)
		c.unique(key+".name", client.Name, names)
		if client.Address.IsValid() {
			if line, twice := addresses[client.Address]; twice {
				c.fail(key+".address", fmt.Sprintf("line %d", line), "%s belongs to another client already", client.Address)
			} else {
				addresses[client.Address] = c.line(key + ".address")
			}
		}
		r.Clients = append(r.Clients, client)
	}
	return r
}

// unique reports a name that was taken before.
func (c check) unique(key, name string, taken map[string]int) {
	if c.silenced(key) {
		return
	}
	if line, twice := taken[name]; twice {
		c.fail(key, fmt.Sprintf("line %d", line), "%s is taken already", name)
		return
	}
	taken[name] = c.line(key)
}

// listen reads the addresses of a door whose usual port is this one.
func (c check) listen(list string, given []string, usual int) []netip.AddrPort {
	var listen []netip.AddrPort
	for i, text := range given {
		key := itemPath(list, i)
		a, err := netip.ParseAddrPort(text)
		switch {
		case err != nil:
			c.fail(key, fmt.Sprintf(`"192.0.2.1:%d" or "[2001:db8::1]:%[1]d"`, usual), "is no address with a port")
			continue
		case a.Port() == 0:
			c.fail(key, fmt.Sprintf("%d is the usual one", usual), "the port must not be 0")
			continue
		case a.Addr().Is4In6():
			c.fail(key, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String(), "is an IPv4 address in IPv6 clothes")
			continue
		case a.Addr().IsMulticast():
			c.fail(key, "", "is no address of one machine")
			continue
		}
		for _, other := range listen {
			wildcard := a.Addr().Is4() == other.Addr().Is4() && (a.Addr().IsUnspecified() || other.Addr().IsUnspecified())
			if a.Port() == other.Port() && (a.Addr() == other.Addr() || wildcard) {
				c.fail(key, "by "+other.String(), "is listened on already")
			}
		}
		listen = append(listen, a)
	}
	return listen
}

func (c check) client(key string, given client) Client {
	out := Client{
		Name:                 given.Name,
		Address:              c.address(key+".address", given.Address),
		Secrets:              c.secrets(key, given),
		MessageAuthenticator: given.MessageAuthenticator,
		LimitProxyState:      given.LimitProxyState,
		Timeout:              given.Timeout,
		Tries:                given.Tries,
		Wait:                 given.Wait,
		Hold:                 given.Hold,
		ASCII:                given.Charset == "ascii",
		Challenge:            given.Challenge,
		PasswordChecked:      given.PasswordChecked,
		TrustCallingStation:  given.TrustCallingStation,
		Policy:               given.Policy,
	}
	c.word(key+".name", given.Name, "a name for logs, such as vpn")
	c.oneOf(key+".charset", given.Charset, "utf8", "ascii")
	c.authenticity(key, out)
	c.patience(key, &out)
	c.clientPolicy(key, out)
	return out
}

func (c check) address(key, text string) netip.Prefix {
	if text == "" {
		c.fail(key, "192.0.2.10, or a network such as 192.0.2.0/28", "is missing")
		return netip.Prefix{}
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			c.fail(key, "192.0.2.10, or a network such as 192.0.2.0/28", "is no address")
			return netip.Prefix{}
		}
		prefix = netip.PrefixFrom(a, a.BitLen())
	}
	a := prefix.Addr()
	switch {
	case a.Is4In6():
		c.fail(key, a.Unmap().String(), "is an IPv4 address in IPv6 clothes")
	case prefix != prefix.Masked():
		c.fail(key, fmt.Sprintf("%s is the network, %s this one address", prefix.Masked(), a), "has bits set behind its network")
	case a.IsMulticast() || prefix.IsSingleIP() && a.IsUnspecified():
		c.fail(key, "", "is no address of a machine")
	case a.Is4() && prefix.Bits() < narrow4 || a.Is6() && prefix.Bits() < narrow6:
		c.warn(key, fmt.Sprintf("up to /%d for IPv4, /%d for IPv6, or one client for each gateway", narrow4, narrow6),
			"is a wide network: each machine in it may try the secret")
	}
	return prefix.Masked()
}

// authenticity: BlastRADIUS (CVE-2024-3596) and what rests on an unsigned packet.
func (c check) authenticity(key string, client Client) {
	c.oneOf(key+".message_authenticator", client.MessageAuthenticator, "require", "accept", "omit")
	const hint = "require, as soon as the gateway can sign its packets"
	switch client.MessageAuthenticator {
	case "accept":
		c.warn(key+".message_authenticator", hint, "packets without Message-Authenticator are taken: who sits in between can forge them (CVE-2024-3596)")
	case "omit":
		c.warn(key+".message_authenticator", hint, "packets and replies go without Message-Authenticator: who sits in between can forge an accept (CVE-2024-3596)")
	}
	if !client.LimitProxyState {
		c.warn(key+".limit_proxy_state", "true", "Proxy-State without Message-Authenticator opens the way for forged accepts (CVE-2024-3596)")
	}
	if client.TrustCallingStation && client.MessageAuthenticator != "require" {
		c.warn(key+".trust_calling_station", "message_authenticator: require", "an unsigned packet can claim any address, and so slip past the locks by source")
	}
}

func (c check) patience(key string, client *Client) {
	if client.Timeout < time.Second || client.Timeout > maxTimeout {
		c.fail(key+".timeout", fmt.Sprintf("from 1s to %s", short(maxTimeout)), "is no timeout of a gateway")
	}
	if client.Tries < 1 || client.Tries > maxTries {
		c.fail(key+".tries", fmt.Sprintf("from 1 to %d", maxTries), "is no number of tries of a gateway")
	}
	if c.silenced(key+".timeout") || c.silenced(key+".tries") {
		return
	}
	if !c.given(key + ".wait") {
		// The default is made for the default timeout; an impatient gateway gets as much of its own.
		client.Wait = min(client.Wait, client.Timeout*3/5)
	}
	if client.Wait >= client.Timeout {
		c.fail(key+".wait", "below "+short(client.Timeout), "must end before the gateway's timeout")
	}
	if patience := client.Timeout * time.Duration(client.Tries); client.Hold >= patience {
		c.fail(key+".hold", fmt.Sprintf("below timeout × tries, %s", short(patience)), "must end before the gateway's patience")
	} else if client.Hold > 0 {
		c.warn(key+".hold", "0s", "while the first reply is held nobody sees a symbol, and many gateways let all other users wait too")
	}
}
