package doorbell

import (
	"net/netip"
	"testing"
)

func TestPublic(t *testing.T) {
	for _, yes := range []string{
		"8.8.8.8", "142.250.185.74", "17.188.0.1", "223.255.255.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "198.17.0.1",
		"2a00:1450:4001:82a::200a", "2600:1901::1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
	} {
		if !public(netip.MustParseAddr(yes)) {
			t.Errorf("%s is refused", yes)
		}
	}
	for _, no := range []string{
		"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255",
		"192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::2", "::7f00:1", "fe80::1", "fe80::1%eth0", "2600::1%eth0", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "3fff::1", "4000::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "100::1",
	} {
		if public(netip.MustParseAddr(no)) {
			t.Errorf("%s is taken", no)
		}
	}
}

func TestOnlyTo(t *testing.T) {
	check := onlyTo([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")})
	for address, ok := range map[string]bool{
		"10.1.2.3:443": true, "[::ffff:10.1.2.3]:443": true, "[fd00:1::2]:443": true, "8.8.8.8:443": true,
		"10.2.0.1:443": false, "[fd00:2::1]:443": false, "127.0.0.1:443": false, "localhost:443": false, "": false,
	} {
		if err := check("tcp", address, nil); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}
