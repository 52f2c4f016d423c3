package attribute

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey/latchkey/core"
)

// The form of Vendor-Specific that RFC 2865 section 5.26 recommends: four bytes of vendor,
// then sub-attributes with type and length.
const (
	typeVendor   = 26
	vendorHeader = 4
	partHeader   = 2
	maxVendor    = 1<<24 - 1 // the high byte is zero
)

// encodeVendor reads {vendor: 9, type: 1, text: "shell:priv-lvl=15"}. Without a type, hex is
// all that follows the vendor's number: some vendors have a form of their own.
func encodeVendor(value any) (core.Attribute, error) {
	fields, ok := value.(map[string]any)
	if !ok {
		return core.Attribute{}, fail(`{vendor: 9, type: 1, text: "…"}`, "must be a section or a list of sections")
	}
	var vendor, kind uint64
	var hasType bool
	var b []byte
	given := ""
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		v := fields[key]
		var err error
		switch name := strings.ToLower(key); name {
		case "vendor":
			vendor, err = whole(v, maxVendor)
		case "type":
			kind, err = whole(v, 255)
			hasType = true
		case "text", "integer", "address", "prefix", "time", "hex":
			if given != "" {
				return core.Attribute{}, fail("", "has both %s and %s", given, name)
			}
			given = name
			b, err = vendorValue(name, v)
		default:
			return core.Attribute{}, fail("its keys are vendor, type and one of text, integer, address, prefix, time, hex", "has the unknown key %q", key)
		}
		if e, ok := err.(*Error); ok {
			e.What = strings.ToLower(key) + " " + e.What
			return core.Attribute{}, e
		}
	}
	switch {
	case vendor == 0:
		return core.Attribute{}, fail("the vendor's number at IANA", "has no vendor")
	case given == "":
		return core.Attribute{}, fail("one of text, integer, address, prefix, time, hex", "has no value")
	case !hasType && given == "hex":
		if len(b) > maxValue-vendorHeader {
			return core.Attribute{}, tooLong(len(b), maxValue-vendorHeader)
		}
		return core.Attribute{
			Name:  "Vendor-Specific." + strconv.FormatUint(vendor, 10),
			Type:  typeVendor,
			Value: append(binary.BigEndian.AppendUint32(nil, uint32(vendor)), b...),
		}, nil
	case kind == 0:
		return core.Attribute{}, fail("a number from 1 to 255", "has no type")
	}
	return vendorAttribute(uint32(vendor), byte(kind), b)
}

func tooLong(n, most int) error {
	return fail("", "takes %d bytes, a vendor's attribute holds %d", n, most)
}

func vendorValue(name string, v any) ([]byte, error) {
	switch name {
	case "text":
		return textValue(v)
	case "integer":
		return number(v)
	case "address":
		return address(v, netip.Addr.IsValid, "an IPv4 or IPv6 address")
	case "prefix":
		return prefix(v)
	case "time":
		return dateValue(v)
	}
	return hexadecimal(v)
}

// vendorAttribute wraps one sub-attribute. Each has a Vendor-Specific of its own: receivers
// that read only the first of several are common.
func vendorAttribute(vendor uint32, kind byte, b []byte) (core.Attribute, error) {
	if most := maxValue - vendorHeader - partHeader; len(b) > most {
		return core.Attribute{}, tooLong(len(b), most)
	}
	value := binary.BigEndian.AppendUint32(make([]byte, 0, vendorHeader+partHeader+len(b)), vendor)
	value = append(value, kind, byte(partHeader+len(b)))
	return core.Attribute{
		Name:  "Vendor-Specific." + strconv.FormatUint(uint64(vendor), 10) + "." + strconv.Itoa(int(kind)),
		Type:  typeVendor,
		Value: append(value, b...),
	}, nil
}

// Vendor takes the value of a Vendor-Specific apart and calls each with every sub-attribute.
// It tells the vendor, 0 where the value is too short to have one, and whether all of it had
// the recommended form; what comes before the first flaw has been given to each.
func Vendor(value []byte, each func(kind byte, value []byte)) (vendor uint32, wellFormed bool) {
	if len(value) < vendorHeader {
		return 0, false
	}
	vendor = binary.BigEndian.Uint32(value)
	for rest := value[vendorHeader:]; len(rest) > 0; {
		if len(rest) < partHeader || int(rest[1]) < partHeader || int(rest[1]) > len(rest) {
			return vendor, false
		}
		each(rest[0], rest[partHeader:rest[1]])
		rest = rest[rest[1]:]
	}
	return vendor, true
}
