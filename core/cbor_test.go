package core

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core/pinphrase"
)

// loginRecords are the records that have a short way, full, empty and at the edges.
func loginRecords() []any {
	long := strings.Repeat("ü", 200)
	state := stateRecord{
		Generation: math.MaxUint64, Asked: 300,
		Usage: map[[8]byte]pinphrase.Usage{
			{}: {}, {1}: {LastAsked: 1, Used: []pinphrase.Set{1, 1 << 63, 70000}, Seen: 1<<40 | 3, Retired: true}, {255, 1}: {Used: make([]pinphrase.Set, 400)},
		},
		Series: map[string]seriesRecord{
			"": {}, "b/prompt": {Open: openRecord{ID: [8]byte{9}, Question: "pet", Serial: 24, Set: 15, Pressed: true}, Last: []byte("last")},
			"a": {Last: []byte{}}, "corp/prompt": {}, strings.Repeat("r", 300): {},
		},
	}
	return []any{
		&nameRecord{}, &nameRecord{ID: userID{1, 11: 2}, Import: 23},
		&userRecord{}, &userRecord{
			Name: long, Language: "de", Phone: "+49", Mail: "a@b", Groups: []string{"", "vpn"}, Created: -1, Epoch: 256, Disabled: true, Locked: true,
			Expires: math.MaxInt64, Password: []byte{0}, CodeWord: &codeRecord{Uses: -3}, Temporary: &codeRecord{Sealed: []byte{}, Until: math.MinInt64, Uses: 3, Generation: 4, Serial: 5}, Deliver: "sms", NotMe: true,
		},
		&userRecord{Groups: []string{}, Password: []byte{}},
		&answersRecord{}, &answersRecord{Version: 7, Items: []answerRecord{{}, {Question: "pet", Sealed: bytes.Repeat([]byte{7}, 70000), Set: 1 << 31, Serial: 65536, Length: 64, Mark: [8]byte{1}}}},
		&stateRecord{}, &state,
		&countRecord{}, &countRecord{Wrong: 1.5, At: 1 << 41, Pairs: []pairRecord{{}, {Source: "addr:::1", Wrong: 1, At: 2, Until: 3, Success: 4}}, SecondWrong: 2, ForGood: true},
		&countRecord{Wrong: math.Copysign(0, -1)}, &countRecord{Wrong: math.NaN()}, &countRecord{Wrong: math.Inf(1)}, &countRecord{Wrong: math.SmallestNonzeroFloat64},
		&sourceRow{}, &sourceRow{Entries: []sourceRecord{{}, {Source: "nas:vpn", Wrong: 1, At: 2, Until: 3}}},
		&auditRecord{}, &auditRecord{Time: 1 << 41, Event: "login", Result: "accept", Reason: Right, Reference: "ABCDEFGH", User: "u", Given: "U", UserID: "00",
			Door: DoorRADIUS, NAS: "vpn", Source: "nas:vpn", Policy: "p", Actor: "root", Detail: long},
	}
}

// What the short way writes is what the library writes, and both read it alike.
func TestTheShortWayIsTheLibrarys(t *testing.T) {
	for _, record := range loginRecords() {
		want, err := cborEncode.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := encode(record); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%+v\n is written as %x\nthe library writes %x", record, got, want)
		}
		readsAlike(t, want)
	}
	for _, known := range []any{&nameRecord{}, &userRecord{}, &answersRecord{}, &stateRecord{}, &countRecord{}, &sourceRow{}} {
		if _, ok := known.(readable); !ok {
			t.Errorf("%T is read the long way", known)
		}
	}
	for _, known := range []any{&stateRecord{}, &countRecord{}, &auditRecord{}} {
		if _, ok := known.(writable); !ok {
			t.Errorf("%T is written the long way", known)
		}
	}
}

// A usual record must not fall back on the library: that would be right, and slow.
func TestTheShortWayIsTaken(t *testing.T) {
	for _, record := range loginRecords() {
		known, ok := record.(readable)
		if !ok {
			continue
		}
		b, err := cborEncode.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		// Null stands only where a byte string is nil that is always written, which no login has.
		if got := decode(b, reflect.New(reflect.TypeOf(record).Elem()).Interface().(readable).read); !got && !bytes.Contains(b, []byte{cborNull}) {
			if c, isCount := known.(*countRecord); !isCount || !math.IsNaN(c.Wrong) && !math.IsInf(c.Wrong, 0) {
				t.Errorf("%+v is read by the library", record)
			}
		}
	}
}

// A field of a newer version, or another form, is the library's.
func TestWhatIsOddIsTheLibrarys(t *testing.T) {
	for name, b := range map[string]string{
		"a newer field":      "\xa3\x01L0123456789ab\x02\x05\x18\x63\xf5",
		"another order":      "\xa2\x02\x05\x01L0123456789ab",
		"a length to be met": "\xbf\x01L0123456789ab\x02\x05\xff",
		"null":               "\xa2\x01L0123456789ab\x02\xf6",
	} {
		var n nameRecord
		if decode([]byte(b), n.read) {
			t.Errorf("%s is read the short way", name)
		}
		readsAlike(t, []byte(b))
	}
}

// readsAlike reads b as each kind of record: the short way may leave it to the library, and
// must not read anything else than the library does.
func readsAlike(t *testing.T, b []byte) {
	t.Helper()
	for _, kind := range []any{nameRecord{}, userRecord{}, answersRecord{}, stateRecord{}, countRecord{}, sourceRow{}} {
		want, got := reflect.New(reflect.TypeOf(kind)).Interface(), reflect.New(reflect.TypeOf(kind)).Interface()
		if !decode(bytes.Clone(b), got.(readable).read) {
			continue
		}
		if err := cborDecode.Unmarshal(b, want); err != nil {
			t.Errorf("%x is no %T for the library (%v), and %+v here", b, kind, err, got)
			continue
		}
		if c, ok := got.(*countRecord); ok && math.IsNaN(c.Wrong) {
			continue // equal to nothing
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%x is %+v for the library, and %+v here", b, want, got)
		}
		if w, ok := got.(writable); ok {
			again, err := encode(w)
			library, err2 := cborEncode.Marshal(want)
			if err != nil || err2 != nil || !bytes.Equal(again, library) {
				t.Errorf("%x is written again as %x, by the library as %x", b, again, library)
			}
		}
	}
}

func FuzzShortWay(f *testing.F) {
	for _, record := range loginRecords() {
		b, err := cborEncode.Marshal(record)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 4096 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { readsAlike(t, b) })
}
