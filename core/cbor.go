package core

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// The short way for the records of a login. They are CBOR (RFC 8949) as every record is, and
// records.go is their one definition: what is written here is byte for byte what the library
// writes, which the tests compare. Reading takes the form that is written and nothing else; for
// whatever differs (a field of a newer version, another order, null) it says so, and the library
// reads. By reflection, a login spent a sixth of its time on decoding.

// The major types of CBOR that records have.
const (
	cborUint  = 0
	cborInt   = 1
	cborBytes = 2
	cborText  = 3
	cborArray = 4
	cborMap   = 5

	cborFalse, cborTrue, cborNull, cborFloat = 0xf4, 0xf5, 0xf6, 0xfb
)

// cborWriter appends to what it has.
type cborWriter []byte

func (w *cborWriter) head(major byte, n uint64) {
	major <<= 5
	switch {
	case n < 24:
		*w = append(*w, major|byte(n))
	case n <= math.MaxUint8:
		*w = append(*w, major|24, byte(n))
	case n <= math.MaxUint16:
		*w = binary.BigEndian.AppendUint16(append(*w, major|25), uint16(n))
	case n <= math.MaxUint32:
		*w = binary.BigEndian.AppendUint32(append(*w, major|26), uint32(n))
	default:
		*w = binary.BigEndian.AppendUint64(append(*w, major|27), n)
	}
}

func (w *cborWriter) uint(n uint64) { w.head(cborUint, n) }

func (w *cborWriter) int(n int64) {
	if n < 0 {
		w.head(cborInt, uint64(^n))
		return
	}
	w.head(cborUint, uint64(n))
}

func (w *cborWriter) text(s string) {
	w.head(cborText, uint64(len(s)))
	*w = append(*w, s...)
}

func (w *cborWriter) bytes(b []byte) {
	if b == nil {
		*w = append(*w, cborNull)
		return
	}
	w.head(cborBytes, uint64(len(b)))
	*w = append(*w, b...)
}

func (w *cborWriter) float(f float64) {
	*w = binary.BigEndian.AppendUint64(append(*w, cborFloat), math.Float64bits(f))
}

// cborFields writes a record: a map whose length is known when its fields are.
type cborFields struct {
	*cborWriter
	at, n int
}

// fields begins a record of less than 24 fields.
func (w *cborWriter) fields() cborFields {
	*w = append(*w, 0)
	return cborFields{w, len(*w) - 1, 0}
}

func (f *cborFields) end() { (*f.cborWriter)[f.at] = cborMap<<5 | byte(f.n) }

// field begins the field of a number below 24; its value follows.
func (f *cborFields) field(number byte) {
	f.n++
	*f.cborWriter = append(*f.cborWriter, number)
}

// The fields that are left out when they are zero.

func (f *cborFields) maybeUint(number byte, n uint64) {
	if n != 0 {
		f.field(number)
		f.uint(n)
	}
}

func (f *cborFields) maybeInt(number byte, n int64) {
	if n != 0 {
		f.field(number)
		f.int(n)
	}
}

func (f *cborFields) maybeText(number byte, s string) {
	if s != "" {
		f.field(number)
		f.text(s)
	}
}

func (f *cborFields) maybeBytes(number byte, b []byte) {
	if len(b) > 0 {
		f.field(number)
		f.bytes(b)
	}
}

func (f *cborFields) maybeTrue(number byte, b bool) {
	if b {
		f.field(number)
		*f.cborWriter = append(*f.cborWriter, cborTrue)
	}
}

// cborReader takes a value apart. Once something is not as it is written here, odd is set, and
// what is read from then on means nothing. Byte strings share the value's memory.
type cborReader struct {
	b   []byte
	at  int
	odd bool
	all string // b as text, when the first text is asked for
}

// shared bounds the values of which all texts are one piece of memory.
const shared = 2 << 10

func (r *cborReader) byte() byte {
	if r.at >= len(r.b) {
		r.odd = true
		return cborNull
	}
	r.at++
	return r.b[r.at-1]
}

// head reads a head of the major type.
func (r *cborReader) head(major byte) uint64 {
	first := r.byte()
	n := uint64(first & 31)
	if first>>5 != major {
		r.odd = true
		return 0
	}
	if n < 24 {
		return n
	}
	if n > 27 {
		r.odd = true // reserved, or of indefinite length
		return 0
	}
	size := 1 << (n - 24)
	if len(r.b)-r.at < size {
		r.odd = true
		return 0
	}
	n = 0
	for _, c := range r.b[r.at : r.at+size] {
		n = n<<8 | uint64(c)
	}
	r.at += size
	return n
}

func (r *cborReader) uint() uint64 { return r.head(cborUint) }

func (r *cborReader) int() int64 {
	major := byte(cborUint)
	if r.at < len(r.b) {
		major = r.b[r.at] >> 5
	}
	if major != cborInt {
		major = cborUint
	}
	n := r.head(major)
	if n > math.MaxInt64 {
		r.odd = true
	}
	if major == cborInt {
		return ^int64(n)
	}
	return int64(n)
}

func (r *cborReader) bool() bool {
	b := r.byte()
	r.odd = r.odd || b != cborTrue && b != cborFalse
	return b == cborTrue
}

func (r *cborReader) float() float64 {
	if r.byte() != cborFloat || len(r.b)-r.at < 8 {
		r.odd = true
		return 0
	}
	r.at += 8
	return math.Float64frombits(binary.BigEndian.Uint64(r.b[r.at-8:]))
}

// span reads a head and skips as many bytes as it says.
func (r *cborReader) span(major byte) (from, to int) {
	n := r.head(major)
	if n > uint64(len(r.b)-r.at) {
		r.odd = true
	}
	if r.odd {
		return 0, 0
	}
	r.at += int(n)
	return r.at - int(n), r.at
}

func (r *cborReader) bytes() []byte {
	from, to := r.span(cborBytes)
	return r.b[from:to:to]
}

// fixed reads a byte string of the length of to.
func (r *cborReader) fixed(to []byte) {
	if b := r.bytes(); len(b) != len(to) || copy(to, b) != len(to) {
		r.odd = true
	}
}

func (r *cborReader) text() string {
	from, to := r.span(cborText)
	if !utf8.Valid(r.b[from:to]) {
		r.odd = true
		return ""
	}
	if len(r.b) > shared {
		return string(r.b[from:to])
	}
	if r.all == "" {
		r.all = string(r.b)
	}
	return r.all[from:to]
}

// count reads the length of an array or map, of which each element takes least bytes.
func (r *cborReader) count(major byte, least int) int {
	n := r.head(major)
	if n > uint64((len(r.b)-r.at)/least) {
		r.odd = true // not so many are there
	}
	if r.odd {
		return 0
	}
	return int(n)
}

// fields calls field for each field of a record, in the ascending order of their numbers.
func (r *cborReader) fields(field func(number uint64)) {
	last := uint64(0)
	for n := r.count(cborMap, 2); n > 0 && !r.odd; n-- {
		number := r.uint()
		if number <= last {
			r.odd = true // twice, or in another order
		}
		last = number
		field(number)
	}
}

// decode tells whether read has understood all of b.
func decode(b []byte, read func(*cborReader)) bool {
	r := cborReader{b: b}
	read(&r)
	return !r.odd && r.at == len(b)
}
