// Package attribute turns the reply attributes of the configuration, a name and a value from
// YAML, into wire form, so that a mistake shows when the file is read and not when somebody
// logs in. It knows the attributes that make sense in an Access-Accept and refuses, with the
// reason, those that Latchkey sets itself or that mean nothing there.
//
// It must never know the RADIUS door, its codec or the form of the configuration file.
package attribute

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/latchkey/latchkey/core"
)

// Error says what is wrong with an attribute. It never holds more of the value than a name or number.
type Error struct {
	Name string // the attribute, as its dictionary writes it where it is known
	What string
	Help string // what to write instead, or empty
}

// Error gives "Name: what is wrong", without the hint.
func (e *Error) Error() string { return e.Name + ": " + e.What }

// Hint gives what to write instead, or nothing.
func (e *Error) Hint() string { return e.Help }

func fail(hint, format string, args ...any) error {
	return &Error{What: fmt.Sprintf(format, args...), Help: hint}
}

// Encode gives the attributes that name and value stand for. Names are taken in any case, a
// tunnel attribute's with its tag behind a colon ("Tunnel-Type:1"). A value is a text, a
// whole number, a list of values where the attribute may be repeated, or {hex: "0a0b"} for
// any bytes; for Vendor-Specific it is a section, or a list of them, of vendor, type and one
// of text, integer, address, prefix, time and hex. Every error is an *Error.
func Encode(name string, value any) ([]core.Attribute, error) {
	d, tag, err := find(name)
	if err == nil {
		var list []core.Attribute
		list, err = encodeAll(d, tag, value)
		if err == nil {
			return list, nil
		}
		name = d.name
	}
	e, ok := err.(*Error)
	if !ok {
		e = &Error{What: err.Error()}
	}
	e.Name = name
	return nil, e
}

func encodeAll(d definition, tag byte, value any) ([]core.Attribute, error) {
	values := []any{value}
	switch given := value.(type) {
	case []any:
		values = given
	case []string:
		values = nil
		for _, v := range given {
			values = append(values, v)
		}
	}
	switch {
	case len(values) == 0:
		return nil, fail("leave the line out", "the list is empty")
	case len(values) > 1 && !d.many:
		return nil, fail("", "may stand only once in a reply")
	}
	list := make([]core.Attribute, 0, len(values))
	for i, v := range values {
		a, err := encodeOne(d, tag, v)
		if err != nil {
			if e, ok := err.(*Error); ok && len(values) > 1 {
				e.What = "entry " + strconv.Itoa(i+1) + ": " + e.What
			}
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

func encodeOne(d definition, tag byte, value any) (core.Attribute, error) {
	if d.kind == vendorSpecific {
		return encodeVendor(value)
	}
	var b []byte
	var err error
	if fields, ok := value.(map[string]any); ok {
		b, err = onlyHex(fields)
	} else {
		b, err = d.encode(value)
	}
	if err != nil {
		return core.Attribute{}, err
	}
	if d.vendor != 0 {
		return vendorAttribute(d.vendor, d.code, b)
	}
	if b, err = d.tagged(tag, b); err != nil {
		return core.Attribute{}, err
	}
	if len(b) > maxValue {
		return core.Attribute{}, fail("", "takes %d bytes, an attribute holds %d", len(b), maxValue)
	}
	canonical := d.name
	if tag != 0 {
		canonical += ":" + strconv.Itoa(int(tag))
	}
	return core.Attribute{Name: canonical, Type: d.code, Value: b}, nil
}

// maxValue is what one attribute holds beside its two header bytes (RFC 2865 section 5).
const maxValue = 253

// onlyHex reads {hex: "…"}.
func onlyHex(fields map[string]any) ([]byte, error) {
	for key, v := range fields {
		if strings.EqualFold(key, "hex") && len(fields) == 1 {
			return hexadecimal(v)
		}
	}
	return nil, fail(`{hex: "0a0b"} gives any bytes`, "is a section with other keys than hex")
}

// tagged puts the tag of RFC 2868 in front: integers always have one and three bytes of
// value left, texts have one only where it is not zero.
func (d definition) tagged(tag byte, b []byte) ([]byte, error) {
	switch {
	case !d.tag && tag != 0:
		return nil, fail("", "has no tag")
	case d.tag && len(b) == 4 && d.isInteger():
		if b[0] != 0 {
			return nil, fail("", "is larger than the three bytes that a tag leaves")
		}
		return append([]byte{tag}, b[1:]...), nil
	case d.tag && tag != 0:
		return append([]byte{tag}, b...), nil
	case d.tag && len(b) > 0 && b[0] <= maxTag:
		return nil, fail("", "begins with a byte that would be read as its tag")
	}
	return b, nil
}

// maxTag is the largest tag (RFC 2868 section 3.1).
const maxTag = 0x1f

// find looks a name up, in any case, and splits the tag off.
func find(name string) (d definition, tag byte, err error) {
	base, suffix, hasTag := strings.Cut(strings.TrimSpace(name), ":")
	key := strings.ToLower(base)
	if why, no := refused[key]; no {
		return d, 0, fail("", "%s", why)
	}
	at, found := byName[key]
	if !found {
		return d, 0, fail(suggest(key), "is no attribute that Latchkey knows for an Access-Accept")
	}
	d = definitions[at]
	if hasTag {
		n, bad := strconv.ParseUint(suffix, 10, 8)
		if bad != nil || n == 0 || n > maxTag || !d.tag {
			return d, 0, fail("a tag is a number from 1 to 31, for Tunnel attributes only", "the tag :%s is not possible here", suffix)
		}
		tag = byte(n)
	}
	return d, tag, nil
}

// suggest names the attribute that was probably meant.
func suggest(key string) string {
	best, least := "", 4
	for _, d := range definitions {
		if n := distance(key, strings.ToLower(d.name)); n < least {
			best, least = d.name, n
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "Vendor-Specific: {vendor: …, type: …, text: …} takes what has no name here"
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
