package attribute

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// kind is the data type of an attribute (RFC 8044).
type kind uint8

const (
	text           kind = iota + 1
	octets              // a text, or {hex: …}
	integer             // 32 bits, or one of its named values
	seconds             // an integer that may also be written as a duration: 8h
	address4            // IPv4
	address6            // IPv6
	prefix6             // IPv6 prefix: reserved, length, as many bytes as it needs (RFC 3162 section 2.3)
	interfaceID         // eight bytes, written as 1:2:3:4
	date                // seconds since 1970, written as RFC 3339
	vendorSpecific      // a section
)

func (d definition) isInteger() bool { return d.kind == integer || d.kind == seconds }

// encode gives the value in wire form.
func (d definition) encode(value any) ([]byte, error) {
	switch d.kind {
	case text, octets:
		return textValue(value)
	case integer, seconds:
		return d.integer(value)
	case address4:
		return address(value, netip.Addr.Is4, "an IPv4 address")
	case address6:
		return address(value, func(a netip.Addr) bool { return a.Is6() && !a.Is4In6() }, "an IPv6 address")
	case prefix6:
		return prefix(value)
	case interfaceID:
		return interfaceValue(value)
	case date:
		return dateValue(value)
	}
	return nil, fail("", "has a type that cannot be written")
}

func textValue(value any) ([]byte, error) {
	s, ok := value.(string)
	switch {
	case !ok:
		return nil, fail("put it into quotes", "must be a text")
	case s == "":
		return nil, fail("leave the line out", "must not be empty")
	case !utf8.ValidString(s):
		return nil, fail("", "is not UTF-8")
	case strings.ContainsRune(s, 0):
		return nil, fail("", "holds a zero byte")
	}
	return []byte(s), nil
}

func (d definition) integer(value any) ([]byte, error) {
	if s, ok := value.(string); ok {
		if d.kind == seconds {
			t, err := time.ParseDuration(s)
			if err == nil && t >= 0 && t%time.Second == 0 {
				return number(int64(t / time.Second))
			}
			return nil, fail("", "must be seconds or a duration in whole seconds, such as 8h")
		}
		for n, name := range d.values {
			if strings.EqualFold(name, s) {
				return number(int64(n))
			}
		}
		return nil, fail(d.choices(), "%q is none of its values", s)
	}
	return number(value)
}

// choices lists the named values.
func (d definition) choices() string {
	if len(d.values) == 0 {
		return "a whole number, without quotes"
	}
	var names []string
	for _, name := range d.values {
		names = append(names, name)
	}
	slices.Sort(names)
	return "a number, or one of " + strings.Join(names, ", ")
}

func number(value any) ([]byte, error) {
	n, err := whole(value, math.MaxUint32)
	if err != nil {
		return nil, err
	}
	return binary.BigEndian.AppendUint32(nil, uint32(n)), nil
}

// whole takes any of the types in which a YAML or JSON reader gives a whole number.
func whole(value any, most uint64) (uint64, error) {
	var n int64
	switch v := value.(type) {
	case int:
		n = int64(v)
	case int32:
		n = int64(v)
	case int64:
		n = v
	case uint32:
		n = int64(v)
	case uint64:
		if v > math.MaxInt64 {
			return 0, fail("", "must be a number from 0 to %d", most)
		}
		n = int64(v)
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1<<52 {
			return 0, fail("", "must be a whole number")
		}
		n = int64(v)
	default:
		return 0, fail("without quotes", "must be a whole number")
	}
	if n < 0 || uint64(n) > most {
		return 0, fail("", "must be a number from 0 to %d", most)
	}
	return uint64(n), nil
}

func address(value any, fits func(netip.Addr) bool, what string) ([]byte, error) {
	s, _ := value.(string)
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || !fits(a) {
		return nil, fail("", "must be %s", what)
	}
	return a.AsSlice(), nil
}

func prefix(value any) ([]byte, error) {
	s, _ := value.(string)
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is6() || p.Addr().Is4In6() {
		return nil, fail("such as 2001:db8:1::/48", "must be an IPv6 prefix")
	}
	if p != p.Masked() {
		return nil, fail(p.Masked().String(), "has bits set outside of its prefix")
	}
	bytes := p.Addr().As16()
	return append([]byte{0, byte(p.Bits())}, bytes[:(p.Bits()+7)/8]...), nil
}

func interfaceValue(value any) ([]byte, error) {
	s, _ := value.(string)
	wrong := fail("such as 0:0:0:1", "must be an interface identifier of four groups")
	if strings.Count(s, ":") != 3 || strings.Contains(s, "::") || strings.Contains(s, ".") {
		return nil, wrong
	}
	a, err := netip.ParseAddr("::" + s)
	if err != nil || a.Zone() != "" || !a.Is6() {
		return nil, wrong
	}
	bytes := a.As16()
	return bytes[8:], nil
}

func dateValue(value any) ([]byte, error) {
	t, ok := value.(time.Time)
	if !ok {
		s, _ := value.(string)
		var err error
		if t, err = time.Parse(time.RFC3339, s); err != nil {
			return nil, fail("such as 2030-01-31T18:00:00Z", "must be a time")
		}
	}
	return number(t.Unix())
}

func hexadecimal(value any) ([]byte, error) {
	s, ok := value.(string)
	if !ok {
		return nil, fail("put it into quotes", "must be a text")
	}
	b, err := hex.DecodeString(strings.TrimPrefix(strings.ToLower(s), "0x"))
	if err != nil || len(b) == 0 {
		return nil, fail(`such as "0a0b"`, "must be pairs of hexadecimal digits")
	}
	return b, nil
}
