package attribute

import "strings"

// definition is an attribute of the dictionary.
type definition struct {
	name   string
	vendor uint32 // 0: an attribute of RADIUS itself
	code   byte
	kind   kind
	many   bool              // may stand several times in an Access-Accept, by the table of its RFC
	tag    bool              // RFC 2868
	values map[uint32]string // names of integers
}

// definitions are the attributes of RFC 2865, 2868, 2869, 3162, 4675, 4818, 4849, 6911 and
// 7268 whose tables allow them in an Access-Accept, and the commonest of some vendors.
var definitions = []definition{
	{name: "User-Name", code: 1, kind: text},
	{name: "Service-Type", code: 6, kind: integer, values: map[uint32]string{
		1: "Login-User", 2: "Framed-User", 3: "Callback-Login-User", 4: "Callback-Framed-User", 5: "Outbound-User",
		6: "Administrative-User", 7: "NAS-Prompt-User", 8: "Authenticate-Only", 9: "Callback-NAS-Prompt",
		10: "Call-Check", 11: "Callback-Administrative"}},
	{name: "Framed-Protocol", code: 7, kind: integer, values: map[uint32]string{
		1: "PPP", 2: "SLIP", 3: "ARAP", 4: "Gandalf-SLML", 5: "Xylogics-IPX-SLIP", 6: "X.75-Synchronous"}},
	{name: "Framed-IP-Address", code: 8, kind: address4},
	{name: "Framed-IP-Netmask", code: 9, kind: address4},
	{name: "Framed-Routing", code: 10, kind: integer, values: map[uint32]string{
		0: "None", 1: "Broadcast", 2: "Listen", 3: "Broadcast-Listen"}},
	{name: "Filter-Id", code: 11, kind: text, many: true},
	{name: "Framed-MTU", code: 12, kind: integer},
	{name: "Framed-Compression", code: 13, kind: integer, many: true, values: map[uint32]string{
		0: "None", 1: "Van-Jacobson-TCP-IP", 2: "IPX-Header-Compression", 3: "Stac-LZS"}},
	{name: "Login-IP-Host", code: 14, kind: address4, many: true},
	{name: "Login-Service", code: 15, kind: integer, values: map[uint32]string{
		0: "Telnet", 1: "Rlogin", 2: "TCP-Clear", 3: "PortMaster", 4: "LAT", 5: "X25-PAD", 6: "X25-T3POS", 8: "TCP-Clear-Quiet"}},
	{name: "Login-TCP-Port", code: 16, kind: integer, values: map[uint32]string{23: "Telnet", 513: "Rlogin", 514: "Rsh"}},
	{name: "Callback-Number", code: 19, kind: text},
	{name: "Callback-Id", code: 20, kind: text},
	{name: "Framed-Route", code: 22, kind: text, many: true},
	{name: "Class", code: 25, kind: octets, many: true},
	{name: "Vendor-Specific", code: typeVendor, kind: vendorSpecific, many: true},
	{name: "Session-Timeout", code: 27, kind: seconds},
	{name: "Idle-Timeout", code: 28, kind: seconds},
	{name: "Termination-Action", code: 29, kind: integer, values: map[uint32]string{0: "Default", 1: "RADIUS-Request"}},
	{name: "Login-LAT-Service", code: 34, kind: text},
	{name: "Login-LAT-Node", code: 35, kind: text},
	{name: "Login-LAT-Group", code: 36, kind: octets},
	{name: "Port-Limit", code: 62, kind: integer},
	{name: "Login-LAT-Port", code: 63, kind: text},

	{name: "Tunnel-Type", code: 64, kind: integer, many: true, tag: true, values: map[uint32]string{
		1: "PPTP", 2: "L2F", 3: "L2TP", 4: "ATMP", 5: "VTP", 6: "AH", 7: "IP", 8: "MIN-IP", 9: "ESP", 10: "GRE",
		11: "DVS", 12: "IP-in-IP", 13: "VLAN"}},
	{name: "Tunnel-Medium-Type", code: 65, kind: integer, many: true, tag: true, values: map[uint32]string{
		1: "IPv4", 2: "IPv6", 3: "NSAP", 4: "HDLC", 5: "BBN-1822", 6: "IEEE-802", 7: "E.163", 8: "E.164", 9: "F.69",
		10: "X.121", 11: "IPX", 12: "Appletalk", 13: "DecNet-IV", 14: "Banyan-Vines", 15: "E.164-NSAP"}},
	{name: "Tunnel-Client-Endpoint", code: 66, kind: text, many: true, tag: true},
	{name: "Tunnel-Server-Endpoint", code: 67, kind: text, many: true, tag: true},
	{name: "Tunnel-Private-Group-Id", code: 81, kind: text, many: true, tag: true},
	{name: "Tunnel-Assignment-Id", code: 82, kind: text, many: true, tag: true},
	{name: "Tunnel-Preference", code: 83, kind: integer, many: true, tag: true},
	{name: "Tunnel-Client-Auth-Id", code: 90, kind: text, many: true, tag: true},
	{name: "Tunnel-Server-Auth-Id", code: 91, kind: text, many: true, tag: true},

	{name: "Configuration-Token", code: 78, kind: text, many: true},
	{name: "Acct-Interim-Interval", code: 85, kind: seconds},
	{name: "Framed-Pool", code: 88, kind: text},

	{name: "Framed-Interface-Id", code: 96, kind: interfaceID},
	{name: "Framed-IPv6-Prefix", code: 97, kind: prefix6, many: true},
	{name: "Login-IPv6-Host", code: 98, kind: address6, many: true},
	{name: "Framed-IPv6-Route", code: 99, kind: text, many: true},
	{name: "Framed-IPv6-Pool", code: 100, kind: text},
	{name: "Delegated-IPv6-Prefix", code: 123, kind: prefix6, many: true},
	{name: "Framed-IPv6-Address", code: 168, kind: address6, many: true},
	{name: "DNS-Server-IPv6-Address", code: 169, kind: address6, many: true},
	{name: "Route-IPv6-Information", code: 170, kind: prefix6, many: true},
	{name: "Delegated-IPv6-Prefix-Pool", code: 171, kind: text},
	{name: "Stateful-IPv6-Address-Pool", code: 172, kind: text},

	{name: "Egress-VLANID", code: 56, kind: integer, many: true},
	{name: "Ingress-Filters", code: 57, kind: integer, values: map[uint32]string{1: "Enabled", 2: "Disabled"}},
	{name: "Egress-VLAN-Name", code: 58, kind: text, many: true},
	{name: "User-Priority-Table", code: 59, kind: octets},
	{name: "NAS-Filter-Rule", code: 92, kind: text, many: true},
	{name: "Allowed-Called-Station-Id", code: 174, kind: text, many: true},
	{name: "Preauth-Timeout", code: 178, kind: seconds},

	{name: "Cisco-AVPair", vendor: 9, code: 1, kind: text, many: true},
	{name: "Citrix-User-Groups", vendor: 66, code: 16, kind: text, many: true},
	{name: "MS-MPPE-Encryption-Policy", vendor: 311, code: 7, kind: integer, values: map[uint32]string{
		1: "Encryption-Allowed", 2: "Encryption-Required"}},
	{name: "MS-MPPE-Encryption-Types", vendor: 311, code: 8, kind: integer, values: map[uint32]string{
		1: "RC4-40bit-Allowed", 2: "RC4-128bit-Allowed", 6: "RC4-40or128-bit-Allowed"}},
	{name: "MS-Primary-DNS-Server", vendor: 311, code: 28, kind: address4},
	{name: "MS-Secondary-DNS-Server", vendor: 311, code: 29, kind: address4},
	{name: "MS-Primary-NBNS-Server", vendor: 311, code: 30, kind: address4},
	{name: "MS-Secondary-NBNS-Server", vendor: 311, code: 31, kind: address4},
	{name: "Huawei-Exec-Privilege", vendor: 2011, code: 29, kind: integer},
	{name: "CP-Gaia-User-Role", vendor: 2620, code: 229, kind: text},
	{name: "CP-Gaia-SuperUser-Access", vendor: 2620, code: 230, kind: integer},
	{name: "Juniper-Local-User-Name", vendor: 2636, code: 1, kind: text},
	{name: "Juniper-Allow-Commands", vendor: 2636, code: 2, kind: text},
	{name: "Juniper-Deny-Commands", vendor: 2636, code: 3, kind: text},
	{name: "Juniper-User-Permissions", vendor: 2636, code: 10, kind: text},
	{name: "ASA-Simultaneous-Logins", vendor: 3076, code: 2, kind: integer},
	{name: "ASA-Primary-DNS", vendor: 3076, code: 5, kind: address4},
	{name: "ASA-Secondary-DNS", vendor: 3076, code: 6, kind: address4},
	{name: "ASA-Banner1", vendor: 3076, code: 15, kind: text},
	{name: "ASA-Group-Policy", vendor: 3076, code: 25, kind: text},
	{name: "ASA-IPsec-Split-Tunnel-List", vendor: 3076, code: 27, kind: text},
	{name: "F5-LTM-User-Role", vendor: 3375, code: 1, kind: integer},
	{name: "F5-LTM-User-Partition", vendor: 3375, code: 3, kind: text},
	{name: "F5-LTM-User-Shell", vendor: 3375, code: 5, kind: text},
	{name: "F5-LTM-User-Info-1", vendor: 3375, code: 12, kind: text},
	{name: "SonicWall-User-Privilege", vendor: 8741, code: 1, kind: integer},
	{name: "SonicWall-User-Group", vendor: 8741, code: 3, kind: text, many: true},
	{name: "Fortinet-Group-Name", vendor: 12356, code: 1, kind: text, many: true},
	{name: "Fortinet-Client-IP-Address", vendor: 12356, code: 2, kind: address4},
	{name: "Fortinet-Vdom-Name", vendor: 12356, code: 3, kind: text, many: true},
	{name: "Fortinet-Interface-Name", vendor: 12356, code: 5, kind: text},
	{name: "Fortinet-Access-Profile", vendor: 12356, code: 6, kind: text},
	{name: "Aruba-User-Role", vendor: 14823, code: 1, kind: text},
	{name: "Aruba-User-Vlan", vendor: 14823, code: 2, kind: integer},
	{name: "Aruba-Admin-Role", vendor: 14823, code: 4, kind: text},
	{name: "Mikrotik-Group", vendor: 14988, code: 3, kind: text},
	{name: "Mikrotik-Rate-Limit", vendor: 14988, code: 8, kind: text},
	{name: "Mikrotik-Address-List", vendor: 14988, code: 19, kind: text},
	{name: "PaloAlto-Admin-Role", vendor: 25461, code: 1, kind: text},
	{name: "PaloAlto-Admin-Access-Domain", vendor: 25461, code: 2, kind: text},
	{name: "PaloAlto-User-Group", vendor: 25461, code: 5, kind: text, many: true},
	{name: "Arista-AVPair", vendor: 30065, code: 1, kind: text, many: true},
	{name: "Arista-User-Role", vendor: 30065, code: 3, kind: text},
}

var byName = func() map[string]int {
	index := make(map[string]int, len(definitions))
	for i, d := range definitions {
		index[strings.ToLower(d.name)] = i
	}
	return index
}()

const (
	byLatchkey = "is set by Latchkey itself and cannot be configured"
	ofRequests = "belongs to requests and means nothing in an Access-Accept"
	encrypted  = "would have to be encrypted for each reply; Latchkey does not send it"
)

// refused names attributes that somebody might try, and why they may not.
var refused = map[string]string{
	"reply-message": byLatchkey, "state": byLatchkey, "message-authenticator": byLatchkey, "proxy-state": byLatchkey,
	"prompt": byLatchkey, "eap-message": byLatchkey, "password-retry": byLatchkey, "error-cause": byLatchkey,

	"user-password": ofRequests, "chap-password": ofRequests, "chap-challenge": ofRequests, "nas-ip-address": ofRequests,
	"nas-ipv6-address": ofRequests, "nas-identifier": ofRequests, "nas-port": ofRequests, "nas-port-id": ofRequests,
	"nas-port-type": ofRequests, "called-station-id": ofRequests, "calling-station-id": ofRequests,
	"connect-info": ofRequests, "arap-password": ofRequests, "event-timestamp": ofRequests,

	"tunnel-password": encrypted, "ms-mppe-send-key": encrypted, "ms-mppe-recv-key": encrypted,
	"ms-chap-mppe-keys": encrypted, "ms-chap2-success": encrypted,
}
