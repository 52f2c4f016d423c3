package mobile

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/latchkey/latchkey/core/secret"
)

// known reads the published vectors as seeds: none there, none found.
func known(f *testing.F) vectors {
	f.Helper()
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		f.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		f.Fatal(err)
	}
	return v
}

// Whatever a parser takes has one form, and that form says the same again.

func FuzzParseInvitation(f *testing.F) {
	v := known(f)
	for _, i := range v.Invitations {
		f.Add(i.URL)
	}
	for _, r := range v.URLsRefused {
		f.Add(r.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		inv, err := ParseInvitation(text)
		if err == nil && inv.URL().Reveal() != text {
			t.Errorf("%q is %q", text, inv.URL().Reveal())
		}
	})
}

func FuzzParseTyped(f *testing.F) {
	v := known(f)
	for _, a := range v.TypedAlike {
		f.Add(a.Text)
	}
	for _, r := range v.TypedRefused {
		f.Add(r.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		inv, err := ParseTyped(text)
		if err != nil {
			return
		}
		again, err := ParseTyped(inv.Typed().Reveal())
		if err != nil || again.ID != inv.ID || !again.Secret.Equal(inv.Secret) || inv.Secret.Len() != InvitationSecretSize {
			t.Errorf("%q is not read back", text)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	v := known(f)
	f.Add([]byte(v.Keys.Device.SPKI), []byte("signature"))
	f.Add([]byte(v.Keys.Approval.SPKI), []byte(v.Messages[4].Signature))
	for _, k := range v.KeysRefused {
		f.Add([]byte(k.SPKI), []byte(v.Messages[0].Signature))
	}
	f.Fuzz(func(t *testing.T, spki, signature []byte) {
		if key, err := ParseDeviceKey(spki); err == nil {
			if !bytes.Equal(key.SPKI(), spki) {
				t.Error("a device key changed")
			}
			_ = key.Verify(spki, signature)
		}
		if key, err := ParseApprovalKey(spki); err == nil {
			if !bytes.Equal(key.SPKI(), spki) {
				t.Error("an approval key changed")
			}
			_ = key.Verify(spki, signature)
		}
	})
}

func FuzzEvaluate(f *testing.F) {
	v := known(f)
	for _, o := range v.OPRF {
		f.Add([]byte(o.Key), []byte(o.Blinded))
	}
	for _, p := range v.PointsRefused {
		point, _ := decode64(p.Text)
		f.Add([]byte(v.OPRF[0].Key), point)
	}
	f.Fuzz(func(t *testing.T, key, blinded []byte) {
		evaluated, err := Evaluate(secret.FromBytes(key), blinded)
		if err != nil {
			return
		}
		if _, err := decode(evaluated); err != nil {
			t.Errorf("the answer to %x is no point: %v", blinded, err)
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	v := known(f)
	f.Add([]byte(v.PIN[0].WrappingKey), []byte(v.PIN[0].Wrapped))
	f.Add([]byte(v.PIN[0].WrappingKey), []byte{})
	f.Fuzz(func(t *testing.T, key, wrapped []byte) {
		if opened, err := Unwrap(testDevice, key, wrapped); err == nil && opened.N.BitLen() < ApprovalKeyBits {
			t.Error("a key that is too small")
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add("latchkey/v1/call", []byte("one"), []byte{})
	f.Fuzz(func(t *testing.T, domain string, one, two []byte) {
		rest := Frame(domain, one, two)
		for _, want := range [][]byte{[]byte(domain), one, two} {
			size, after, ok := uint32At(rest)
			if !ok || size != len(want) || !bytes.Equal(after[:size], want) {
				t.Fatalf("%q is not in its place", want)
			}
			rest = after[size:]
		}
		if len(rest) > 0 {
			t.Error("more than was put in")
		}
	})
}

func FuzzPINs(f *testing.F) {
	for _, c := range known(f).PINChecks {
		f.Add(c.PIN, c.Digits)
	}
	f.Fuzz(func(t *testing.T, pin string, digits int) {
		once := NormalisePIN(secret.New(pin))
		if !NormalisePIN(once).Equal(once) {
			t.Errorf("%q is not settled", pin)
		}
		if got, again := CheckPIN(secret.New(pin), digits), CheckPIN(once, digits); got != again {
			t.Errorf("%q: %v, normalised %v", pin, got, again)
		}
	})
}

func FuzzParseSymbol(f *testing.F) {
	f.Add("anchor")
	f.Add(" SCHERE\n")
	f.Add("ſcales")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseSymbol(text); err == nil && !s.Known() {
			t.Errorf("%q is the unknown %q", text, s)
		}
	})
}

func FuzzParseDeviceID(f *testing.F) {
	f.Add(testDevice.String())
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := ParseDeviceID(text); err == nil && id.String() != text {
			t.Errorf("%q is %s", text, id)
		}
	})
}
