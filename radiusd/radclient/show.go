package radclient

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// names of the attributes that an Accept often has, and how their values read.
func describe(kind byte) (name, format string) {
	switch kind {
	case 6:
		return "Service-Type", "integer"
	case 7:
		return "Framed-Protocol", "integer"
	case 8:
		return "Framed-IP-Address", "address"
	case 9:
		return "Framed-IP-Netmask", "address"
	case 11:
		return "Filter-Id", "text"
	case 12:
		return "Framed-MTU", "integer"
	case typeReplyMessage:
		return "Reply-Message", "text"
	case 22:
		return "Framed-Route", "text"
	case typeState:
		return "State", "text"
	case 25:
		return "Class", "text"
	case 26:
		return "Vendor-Specific", "vendor"
	case 27:
		return "Session-Timeout", "integer"
	case 28:
		return "Idle-Timeout", "integer"
	case 33:
		return "Proxy-State", "text"
	case 64:
		return "Tunnel-Type", "integer"
	case 65:
		return "Tunnel-Medium-Type", "integer"
	case typePrompt:
		return "Prompt", "integer"
	case typeMessageAuthenticator:
		return "Message-Authenticator", "bytes"
	case 81:
		return "Tunnel-Private-Group-Id", "text"
	case 88:
		return "Framed-Pool", "text"
	}
	return "Attribute-" + strconv.Itoa(int(kind)), "text"
}

// Name is the attribute's name, "Attribute-200" where it is not a common one.
func (a Attribute) Name() string {
	name, format := describe(a.Type)
	if format == "vendor" && len(a.Value) >= 6 {
		return fmt.Sprintf("%s.%d.%d", name, binary.BigEndian.Uint32(a.Value), a.Value[4])
	}
	return name
}

// String is the value as a person reads it: a text quoted, other bytes in hexadecimal.
func (a Attribute) String() string {
	_, format := describe(a.Type)
	value := a.Value
	switch {
	case format == "integer" && len(value) == 4:
		return strconv.FormatUint(uint64(binary.BigEndian.Uint32(value)), 10)
	case format == "address" && len(value) == 4:
		return netip.AddrFrom4([4]byte(value)).String()
	case format == "vendor" && len(value) >= 6 && int(value[5]) == len(value)-4:
		value = value[6:]
	case format == "bytes":
		return fmt.Sprintf("0x%x", value)
	}
	if !printable(value) {
		return fmt.Sprintf("0x%x", value)
	}
	return strconv.Quote(string(value))
}

func printable(b []byte) bool {
	for _, r := range string(b) {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return utf8.Valid(b)
}
