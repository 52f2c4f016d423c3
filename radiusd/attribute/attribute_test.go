package attribute

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestEncode(t *testing.T) {
	type m = map[string]any
	for _, c := range []struct {
		name  string
		value any
		want  string // "NAME TYPE HEX", several divided by commas
	}{
		{"class", "staff", "Class 25 7374616666"},
		{"Class", m{"hex": "0A0b"}, "Class 25 0a0b"},
		{"Class", []any{"a", "b"}, "Class 25 61,Class 25 62"},
		{"Filter-Id", []string{"in", "out"}, "Filter-Id 11 696e,Filter-Id 11 6f7574"},
		{"SERVICE-TYPE", "Framed-User", "Service-Type 6 00000002"},
		{"service-type", "framed-user", "Service-Type 6 00000002"},
		{"Service-Type", 6, "Service-Type 6 00000006"},
		{"Login-Service", "Telnet", "Login-Service 15 00000000"},
		{"Session-Timeout", 28800, "Session-Timeout 27 00007080"},
		{"Session-Timeout", "8h", "Session-Timeout 27 00007080"},
		{"Session-Timeout", float64(60), "Session-Timeout 27 0000003c"},
		{"Port-Limit", uint64(4294967295), "Port-Limit 62 ffffffff"},
		{"Framed-IP-Address", "192.0.2.7", "Framed-IP-Address 8 c0000207"},
		{"Framed-IP-Netmask", "255.255.255.255", "Framed-IP-Netmask 9 ffffffff"},
		{"Framed-IPv6-Address", "2001:db8::1", "Framed-IPv6-Address 168 20010db8000000000000000000000001"},
		{"Framed-IPv6-Prefix", "2001:db8:1::/48", "Framed-IPv6-Prefix 97 003020010db80001"},
		{"Delegated-IPv6-Prefix", "::/0", "Delegated-IPv6-Prefix 123 0000"},
		{"Framed-Interface-Id", "0:0:0:1", "Framed-Interface-Id 96 0000000000000001"},
		{"Framed-Interface-Id", "fe:dc:ba:98", "Framed-Interface-Id 96 00fe00dc00ba0098"},
		{"Tunnel-Type", "VLAN", "Tunnel-Type 64 0000000d"},
		{"tunnel-type:1", "VLAN", "Tunnel-Type:1 64 0100000d"},
		{"Tunnel-Medium-Type:1", "IEEE-802", "Tunnel-Medium-Type:1 65 01000006"},
		{"Tunnel-Private-Group-Id", "42", "Tunnel-Private-Group-Id 81 3432"},
		{"Tunnel-Private-Group-Id:31", "42", "Tunnel-Private-Group-Id:31 81 1f3432"},
		{"Egress-VLANID", 0x3100002a, "Egress-VLANID 56 3100002a"},
		// The worked example of RFC 2865 section 5.26's recommended form.
		{"Vendor-Specific", m{"vendor": 9, "type": 1, "text": "shell:priv-lvl=15"},
			"Vendor-Specific.9.1 26 000000090113" + hex.EncodeToString([]byte("shell:priv-lvl=15"))},
		{"cisco-avpair", "shell:priv-lvl=15",
			"Vendor-Specific.9.1 26 000000090113" + hex.EncodeToString([]byte("shell:priv-lvl=15"))},
		{"Vendor-Specific", []any{
			m{"vendor": 311, "type": 7, "integer": 1}, m{"Vendor": 311, "Type": 28, "Address": "192.0.2.1"},
			m{"vendor": 5, "type": 255, "hex": "0a0b"}, m{"vendor": 429, "hex": "deadbeef"},
			m{"vendor": 1, "type": 1, "time": "1970-01-01T00:01:00Z"}, m{"vendor": 1, "type": 2, "prefix": "2001:db8::/32"}},
			"Vendor-Specific.311.7 26 00000137070600000001,Vendor-Specific.311.28 26 000001371c06c0000201," +
				"Vendor-Specific.5.255 26 00000005ff040a0b,Vendor-Specific.429 26 000001addeadbeef," +
				"Vendor-Specific.1.1 26 0000000101060000003c,Vendor-Specific.1.2 26 000000010208002020010db8"},
		{"Fortinet-Group-Name", []any{"a", "b"}, "Vendor-Specific.12356.1 26 00003044010361,Vendor-Specific.12356.1 26 00003044010362"},
		{"MS-MPPE-Encryption-Policy", "Encryption-Required", "Vendor-Specific.311.7 26 00000137070600000002"},
		{"Class", strings.Repeat("x", 253), "Class 25 " + strings.Repeat("78", 253)},
	} {
		list, err := Encode(c.name, c.value)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, a := range list {
			got = append(got, a.Name+" "+itoa(a.Type)+" "+hex.EncodeToString(a.Value))
		}
		if strings.Join(got, ",") != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.name, strings.Join(got, ","), c.want)
		}
	}
}

func itoa(b byte) string {
	s := ""
	for n := int(b); ; n /= 10 {
		s = string(rune('0'+n%10)) + s
		if n < 10 {
			return s
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	type m = map[string]any
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"State", "x", "State: is set by Latchkey itself"},
		{"reply-message", "x", "is set by Latchkey itself"},
		{"Message-Authenticator", "x", "is set by Latchkey itself"},
		{"Proxy-State", "x", "is set by Latchkey itself"},
		{"EAP-Message", "x", "is set by Latchkey itself"},
		{"User-Password", "x", "belongs to requests"},
		{"Tunnel-Password", "x", "encrypted"},
		{"Clas", "x", "Clas: is no attribute"},
		{"", "x", "is no attribute"},
		{"Class", "", "must not be empty"},
		{"Class", 5, "must be a text"},
		{"Class", nil, "must be a text"},
		{"Class", []any{}, "the list is empty"},
		{"Class", []any{"a", 5}, "entry 2: must be a text"},
		{"Class", strings.Repeat("x", 254), "takes 254 bytes"},
		{"Class", m{"hex": "0"}, "pairs of hexadecimal digits"},
		{"Class", m{"text": "0"}, "other keys than hex"},
		{"Class", "a\x00b", "zero byte"},
		{"Class", "\xff", "not UTF-8"},
		{"Class:1", "a", "tag :1 is not possible"},
		{"Tunnel-Type:0", "VLAN", "tag :0 is not possible"},
		{"Tunnel-Type:32", "VLAN", "tag :32"},
		{"Tunnel-Type", 1 << 24, "three bytes"},
		{"Tunnel-Assignment-Id", "\x01a", "read as its tag"},
		{"Session-Timeout", []any{1, 2}, "only once"},
		{"Session-Timeout", "8", "duration"},
		{"Session-Timeout", "1500ms", "duration"},
		{"Session-Timeout", "-1h", "duration"},
		{"Service-Type", "Framed", `"Framed" is none of its values`},
		{"Service-Type", -1, "from 0 to 4294967295"},
		{"Service-Type", 1 << 33, "from 0 to 4294967295"},
		{"Service-Type", 1.5, "whole number"},
		{"Service-Type", true, "whole number"},
		{"Framed-IP-Address", "2001:db8::1", "IPv4"},
		{"Framed-IPv6-Address", "192.0.2.1", "IPv6"},
		{"Framed-IPv6-Address", "fe80::1%eth0", "IPv6"},
		{"Framed-IPv6-Prefix", "2001:db8::1/32", "outside of its prefix"},
		{"Framed-Interface-Id", "1::1", "four groups"},
		{"Framed-Interface-Id", "1:2:3:4.5.6.7", "four groups"},
		{"Vendor-Specific", "x", "section"},
		{"Vendor-Specific", m{"type": 1, "text": "x"}, "has no vendor"},
		{"Vendor-Specific", m{"vendor": 0, "type": 1, "text": "x"}, "has no vendor"},
		{"Vendor-Specific", m{"vendor": 1 << 24, "type": 1, "text": "x"}, "vendor must be"},
		{"Vendor-Specific", m{"vendor": 9, "text": "x"}, "has no type"},
		{"Vendor-Specific", m{"vendor": 9, "type": 0, "text": "x"}, "has no type"},
		{"Vendor-Specific", m{"vendor": 9, "type": 256, "text": "x"}, "type must be"},
		{"Vendor-Specific", m{"vendor": 9, "type": 1}, "has no value"},
		{"Vendor-Specific", m{"vendor": 9, "type": 1, "text": "x", "hex": "00"}, "both hex and text"},
		{"Vendor-Specific", m{"vendor": 9, "type": 1, "txt": "x"}, `unknown key "txt"`},
		{"Vendor-Specific", m{"vendor": 9, "type": 1, "text": strings.Repeat("x", 248)}, "holds 247"},
		{"Vendor-Specific", m{"vendor": 9, "hex": strings.Repeat("00", 250)}, "holds 249"},
		{"Cisco-AVPair", strings.Repeat("x", 248), "holds 247"},
	} {
		_, err := Encode(c.name, c.value)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: got %v, want …%s…", c.name, c.value, err, c.want)
		}
	}
}

func TestHints(t *testing.T) {
	_, err := Encode("Filter-ID2", "x")
	if got := err.(*Error).Hint(); got != "did you mean Filter-Id?" {
		t.Errorf("hint %q", got)
	}
	_, err = Encode("Service-Type", "Framed")
	if got := err.(*Error).Hint(); !strings.Contains(got, "Framed-User") {
		t.Errorf("hint %q", got)
	}
}

// Every name encodes some value, so no definition is a dead letter.
func TestDictionary(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range definitions {
		values := map[kind]any{text: "x", octets: "x", integer: 1, seconds: "1m", address4: "192.0.2.1",
			address6: "2001:db8::1", prefix6: "2001:db8::/32", interfaceID: "0:0:0:1", date: time.Unix(1, 0),
			vendorSpecific: map[string]any{"vendor": 9, "type": 1, "text": "x"}}
		list, err := Encode(strings.ToUpper(d.name), values[d.kind])
		if err != nil || len(list) != 1 || list[0].Value == nil {
			t.Errorf("%s: %v %v", d.name, list, err)
			continue
		}
		key := list[0].Name
		if seen[key] && d.kind != vendorSpecific && key != "Vendor-Specific.9.1" {
			t.Errorf("%s: %s stands twice", d.name, key)
		}
		seen[key] = true
		if _, no := refused[strings.ToLower(d.name)]; no {
			t.Errorf("%s is both known and refused", d.name)
		}
	}
	if len(definitions) < 80 {
		t.Errorf("%d names", len(definitions))
	}
}

// FuzzVendor: whatever comes, taking apart ends and stays within the value; and what is
// encoded comes apart as it was.
func FuzzVendor(f *testing.F) {
	f.Add([]byte{0, 0, 0, 9, 1, 3, 'x'}, uint32(9), byte(1))
	f.Add([]byte{0, 0, 1, 0x37, 1, 0}, uint32(311), byte(25))
	f.Add([]byte{0, 0, 1, 0x37, 1, 1}, uint32(1), byte(0))
	f.Add([]byte{0, 0, 0, 9, 1, 255}, uint32(1<<24), byte(255))
	f.Add([]byte{0, 0, 0}, uint32(0), byte(7))
	f.Fuzz(func(t *testing.T, raw []byte, vendor uint32, kind byte) {
		total := 0
		_, wellFormed := Vendor(raw, func(_ byte, value []byte) { total += 2 + len(value) })
		if wellFormed != (total+4 == len(raw)) {
			t.Fatalf("%x: %d bytes of parts, well formed: %v", raw, total, wellFormed)
		}
		list, err := Encode("Vendor-Specific", map[string]any{
			"vendor": int64(vendor), "type": int(kind), "hex": hex.EncodeToString(raw)})
		if fits := len(raw) > 0 && len(raw) <= 247 && vendor > 0 && vendor < 1<<24 && kind > 0; fits != (err == nil) {
			t.Fatalf("%d.%d with %d bytes: %v", vendor, kind, len(raw), err)
		}
		if err != nil {
			return
		}
		parts := 0
		v, ok := Vendor(list[0].Value, func(k byte, value []byte) {
			parts++
			if k != kind || string(value) != string(raw) {
				t.Fatalf("came apart as %d %x", k, value)
			}
		})
		if v != vendor || !ok || parts != 1 || len(list[0].Value) > 253 {
			t.Fatalf("vendor %d, %v, %d parts", v, ok, parts)
		}
	})
}
