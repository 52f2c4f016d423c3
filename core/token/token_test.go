package token

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"
)

func sealer(seed string) *Sealer {
	return NewSealer(func(day uint16) []byte {
		k := sha256.Sum256([]byte{seed[0], byte(day >> 8), byte(day)})
		return k[:]
	})
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func claims() Claims {
	return Claims{
		Kind: PINphrase, Door: 1, First: true, Form: 2, Round: 3,
		Origin: [16]byte{1, 8: 2}, User: [12]byte{3, 11: 9}, Epoch: 1 << 40,
		Challenge: [8]byte{4}, Policy: [8]byte{5, 7: 6}, Expires: noon.Add(2 * time.Minute),
	}
}

func TestSealedComesBackWhole(t *testing.T) {
	s := sealer("a")
	text := s.Seal(noon, claims())
	if len(text) != Length || Length > 253 {
		t.Fatalf("length %d", len(text))
	}
	if strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		t.Fatalf("not base32: %q", text)
	}
	got, err := s.Open(noon, text)
	if err != nil {
		t.Fatal(err)
	}
	want := claims()
	if !got.Expires.Equal(want.Expires) {
		t.Errorf("expires %v", got.Expires)
	}
	got.Expires = want.Expires
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if again := s.Seal(noon, claims()); again == text {
		t.Error("two tokens are alike: the nonce repeats")
	}
}

func TestChangedTokensAreForged(t *testing.T) {
	s := sealer("a")
	text := s.Seal(noon, claims())
	for i := range text {
		b := []byte(text)
		if b[i]++; b[i] == 'Z'+1 || b[i] == '8' {
			b[i] = 'A'
		}
		if _, err := s.Open(noon, string(b)); !errors.Is(err, ErrForged) {
			t.Fatalf("changed at %d: %v", i, err)
		}
	}
	for _, bad := range []string{"", text[1:], text + "A", strings.ToLower(text)} {
		if _, err := s.Open(noon, bad); !errors.Is(err, ErrForged) {
			t.Errorf("%.10q…: %v", bad, err)
		}
	}
	if _, err := sealer("b").Open(noon, text); !errors.Is(err, ErrForged) {
		t.Errorf("another key: %v", err)
	}
}

func TestTimeAndRotation(t *testing.T) {
	s := sealer("a")
	c := claims()
	if _, err := s.Open(c.Expires, s.Seal(noon, c)); !errors.Is(err, ErrExpired) {
		t.Errorf("at its expiry: %v", err)
	}
	late := time.Date(2026, 3, 1, 23, 59, 30, 0, time.UTC)
	c.Expires = late.Add(2 * time.Minute)
	text := s.Seal(late, c)
	if _, err := s.Open(late.Add(time.Minute), text); err != nil {
		t.Errorf("over midnight: %v", err)
	}
	if _, err := s.Open(late.Add(25*time.Hour), text); !errors.Is(err, ErrForged) {
		t.Errorf("two keys later: %v", err)
	}
	if len(s.aeads) > 3 {
		t.Errorf("%d keys kept", len(s.aeads))
	}
}

func FuzzOpen(f *testing.F) {
	s := sealer("a")
	valid := s.Seal(noon, claims())
	f.Add(valid)
	f.Add("")
	f.Add(strings.Repeat("A", Length))
	f.Fuzz(func(t *testing.T, text string) {
		// Seeds sealed by another worker open too: what opens must be what was sealed.
		if got, err := s.Open(noon, text); err == nil && (got.Origin != claims().Origin || got.Challenge != claims().Challenge) {
			t.Errorf("opened %q as %+v", text, got)
		}
	})
}
