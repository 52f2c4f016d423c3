package core

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/store"
)

// The records that the store keeps, as CBOR maps with small integer keys (RFC 8949), so
// that a field added later is absent in what an older version wrote. Times are Unix
// seconds, or milliseconds where locks compare them. A number that was used is not used
// again for another field.

// userID names a user for ever; the name may be given to somebody else later.
type userID [12]byte

func (id userID) String() string { return hex.EncodeToString(id[:]) }

// userRecord stands under keyUser.
type userRecord struct {
	Name     string   `cbor:"1,keyasint"`
	Language string   `cbor:"2,keyasint,omitempty"`
	Phone    string   `cbor:"3,keyasint,omitempty"`
	Mail     string   `cbor:"4,keyasint,omitempty"`
	Groups   []string `cbor:"5,keyasint,omitempty"`
	Created  int64    `cbor:"6,keyasint"`
	// Epoch rises when something is taken away or replaced; tokens of an older one are void.
	Epoch    uint64 `cbor:"7,keyasint,omitempty"`
	Disabled bool   `cbor:"8,keyasint,omitempty"`
	Locked   bool   `cbor:"9,keyasint,omitempty"`  // by an admin
	Expires  int64  `cbor:"10,keyasint,omitempty"` // 0: never
	// Password is the sealed argon2id string: without the keyset it cannot even be guessed at.
	Password  []byte      `cbor:"11,keyasint,omitempty"`
	CodeWord  *codeRecord `cbor:"12,keyasint,omitempty"`
	Temporary *codeRecord `cbor:"13,keyasint,omitempty"`
	Deliver   string      `cbor:"14,keyasint,omitempty"` // the carrier that the user prefers
	NotMe     bool        `cbor:"15,keyasint,omitempty"` // Locked not by an admin, but by the user's word on the phone
}

// codeRecord is a code word or a temporary code.
type codeRecord struct {
	Sealed []byte `cbor:"1,keyasint"`
	Until  int64  `cbor:"2,keyasint"`
	Uses   int    `cbor:"3,keyasint,omitempty"` // logins that it is still good for
	// Generation of the state in which it was made: after a restore it is void.
	Generation uint64 `cbor:"4,keyasint"`
	Serial     uint64 `cbor:"5,keyasint"` // tells a code from its successor
	// Typed is when a code word was typed whole at self-service, which is once, and apart from Uses.
	Typed int64 `cbor:"6,keyasint,omitempty"`
}

// nameRecord stands under keyName and guards the name.
type nameRecord struct {
	ID userID `cbor:"1,keyasint"`
	// Import is the import that brought the user, who is nobody until it is published; 0: none.
	Import uint64 `cbor:"2,keyasint,omitempty"`
}

// answersRecord stands under keyAnswers.
type answersRecord struct {
	// Version rises with each change; derived draws depend on it.
	Version uint64         `cbor:"1,keyasint"`
	Items   []answerRecord `cbor:"2,keyasint,omitempty"`
}

type answerRecord struct {
	Question string `cbor:"1,keyasint"`
	// Sealed is pinphrase's encoding of the answer, bound to user, question and serial.
	Sealed []byte  `cbor:"2,keyasint"`
	Set    int64   `cbor:"3,keyasint"`
	Serial uint64  `cbor:"4,keyasint"` // the Version at which it was set
	Length int     `cbor:"5,keyasint"` // characters: choosing a question opens no answer
	Mark   [8]byte `cbor:"6,keyasint"` // keyed hash of the text
}

func (a *answersRecord) find(question string) *answerRecord {
	for i := range a.Items {
		if a.Items[i].Question == question {
			return &a.Items[i]
		}
	}
	return nil
}

// stateRecord stands under keyState: what was asked, and what is asked now. It is absent
// until the first answer.
type stateRecord struct {
	// Generation of the state; of another one, open challenges are void.
	Generation uint64 `cbor:"1,keyasint"`
	// Asked counts the challenges ever drawn for the user.
	Asked uint64 `cbor:"2,keyasint"`
	// Usage is by the answer's mark, one for all series: no set of positions is asked twice at
	// whatever door.
	Usage  map[[8]byte]pinphrase.Usage `cbor:"3,keyasint,omitempty"`
	Series map[string]seriesRecord     `cbor:"4,keyasint,omitempty"` // by series
}

// seriesRecord is one series of challenges: a realm and a form.
type seriesRecord struct {
	Open openRecord `cbor:"1,keyasint"`
	// Last is a keyed hash of the letters consumed last: a retransmission of them is no guess.
	Last []byte `cbor:"2,keyasint,omitempty"`
}

// openRecord is the challenge that stays until it is answered.
type openRecord struct {
	ID       [8]byte       `cbor:"1,keyasint"`
	Question string        `cbor:"2,keyasint,omitempty"` // empty: none is prepared
	Serial   uint64        `cbor:"3,keyasint,omitempty"`
	Set      pinphrase.Set `cbor:"4,keyasint,omitempty"`
	Pressed  bool          `cbor:"5,keyasint,omitempty"` // drawn although over the exposure limit
}

// importRecord stands under keyImport.
type importRecord struct {
	Published bool  `cbor:"1,keyasint"`
	Started   int64 `cbor:"2,keyasint"`
}

var (
	cborEncode = must(cbor.EncOptions{Sort: cbor.SortBytewiseLexical, Time: cbor.TimeUnix}.EncMode())
	cborDecode = must(cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 8}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options: only a change of this file can do this
	}
	return v
}

// put encodes a record under key.
func put(t store.Txn, key []byte, record any) error {
	b, err := encode(record)
	if err != nil {
		return fmt.Errorf("core: encode %T: %w", record, err)
	}
	t.Set(key, b)
	return nil
}

func encode(record any) ([]byte, error) {
	if known, ok := record.(writable); ok {
		w := make(cborWriter, 0, 256)
		if known.write(&w) {
			return w, nil
		}
	}
	return cborEncode.Marshal(record)
}

// get decodes the record under key; found is false where there is none.
func get(r store.Reader, key []byte, record any) (found bool, err error) {
	b, err := r.Get(key)
	if err == store.ErrNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if known, ok := record.(readable); ok {
		if decode(b, known.read) {
			return true, nil
		}
		known.read(&cborReader{}) // as good as new: the library fills in only what it finds
	}
	if err := cborDecode.Unmarshal(b, record); err != nil {
		return false, fmt.Errorf("%w: %T does not decode", store.ErrCorrupt, record)
	}
	return true, nil
}

// Keys. The first byte says what stands there.
func keyUser(id userID) []byte    { return append([]byte{'u'}, id[:]...) }
func keyAnswers(id userID) []byte { return append([]byte{'a'}, id[:]...) }
func keyState(id userID) []byte   { return append([]byte{'s'}, id[:]...) }
func keyCount(id userID) []byte   { return append([]byte{'c'}, id[:]...) }
func keyName(name string) []byte  { return append([]byte{'n'}, name...) }
func keyImport(n uint64) []byte   { return fmt.Appendf(nil, "i%016x", n) }

// keyUnknown is a row of the table of fixed size that counts for unknown names.
func keyUnknown(bucket uint16) []byte { return []byte{'x', byte(bucket >> 8), byte(bucket)} }

// keySource is a row of the table of fixed size that counts for sources.
func keySource(bucket uint16) []byte { return []byte{'q', byte(bucket >> 8), byte(bucket)} }

var (
	keyGeneration = []byte("m/generation")
	keyClock      = []byte("m/clock")
	keyPopulation = []byte("m/population")
)

func unix(t int64) *time.Time {
	if t == 0 {
		return nil
	}
	u := time.Unix(t, 0).UTC()
	return &u
}
