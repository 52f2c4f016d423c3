package keys

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core/secret"
)

func TestKeysetSurvivesItsFile(t *testing.T) {
	k, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.Seal(secret.New("Heidelberg"), "answer|1|birthplace")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("Heidelberg")) {
		t.Fatal("the sealed value shows its content")
	}
	m, err := k.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse([]byte(m.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Open(sealed, "answer|1|birthplace")
	if err != nil || got.Reveal() != "Heidelberg" {
		t.Fatalf("opened %v, %v", got.Len(), err)
	}
	if !bytes.Equal(k.Derive("token"), again.Derive("token")) {
		t.Error("a reloaded keyset derives other keys")
	}
	if bytes.Equal(k.Derive("token"), k.Derive("audit")) {
		t.Error("two purposes share a key")
	}
}

func TestSealedValueIsBoundToItsContext(t *testing.T) {
	k, _ := Generate()
	other, _ := Generate()
	sealed, _ := k.Seal(secret.New("x"), "answer|1|a")
	if _, err := k.Open(sealed, "answer|2|a"); !errors.Is(err, ErrOpen) {
		t.Errorf("moved to another user it opens: %v", err)
	}
	if _, err := other.Open(sealed, "answer|1|a"); !errors.Is(err, ErrOpen) {
		t.Errorf("another keyset opens it: %v", err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := k.Open(sealed, "answer|1|a"); !errors.Is(err, ErrOpen) {
		t.Errorf("damaged it opens: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	k, _ := Generate()
	m, _ := k.Marshal()
	f.Add([]byte(m.Reveal()))
	f.Add([]byte(`{"latchkey_keyset":2,"aead":{},"prf":{}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Parse(b); err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("error of another kind: %v", err)
		} else if err != nil && len(b) > 40 && strings.Contains(err.Error(), string(b)) {
			t.Error("the error shows the file")
		}
	})
}
