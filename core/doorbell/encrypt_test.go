package doorbell

import (
	"bytes"
	"crypto/ecdh"
	"testing"
)

// The example of RFC 8291 section 5, whose steps appendix A shows.
const (
	rfcText    = "When I grow up, I want to be a watermelon"
	rfcAuth    = "BTBZMqHH6r4Tts7J_aSIgg"
	rfcPhone   = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
	rfcPublic  = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	rfcSender  = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
	rfcMessage = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95b" +
		"Qpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)

func rfcBrowser(t *testing.T) *browser {
	private, err := ecdh.P256().NewPrivateKey(unb64(t, rfcPhone))
	if err != nil {
		t.Fatal(err)
	}
	return &browser{private, unb64(t, rfcAuth)}
}

func TestRFC8291(t *testing.T) {
	sender, err := ecdh.P256().NewPrivateKey(unb64(t, rfcSender))
	if err != nil {
		t.Fatal(err)
	}
	phone, err := ecdh.P256().NewPublicKey(unb64(t, rfcPublic))
	if err != nil {
		t.Fatal(err)
	}
	want := unb64(t, rfcMessage)
	got, err := seal([]byte(rfcText), 0, phone, unb64(t, rfcAuth), sender, [16]byte(want[:16]))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the body is\n%x, not\n%x (%v)", got, want, err)
	}
	// The tests' own browser is held against the same example, so that it proves something elsewhere.
	if text, err := rfcBrowser(t).decrypt(want); err != nil || string(text) != rfcText {
		t.Errorf("the browser reads %q, %v", text, err)
	}
}

func TestMessage(t *testing.T) {
	phone := newBrowser(t)
	s := subscription{key: phone.private.PublicKey(), auth: phone.auth}
	first, err := encrypt(&s)
	if err != nil {
		t.Fatal(err)
	}
	second, err := encrypt(&s)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 86+128+16 || len(first) != len(second) {
		t.Errorf("bodies of %d and %d bytes", len(first), len(second))
	}
	if bytes.Equal(first[:16], second[:16]) || bytes.Equal(first[21:86], second[21:86]) {
		t.Error("two messages share a salt or a key")
	}
	for _, body := range [][]byte{first, second} {
		if text, err := phone.decrypt(body); err != nil || string(text) != "{}" {
			t.Errorf("the phone reads %q, %v", text, err)
		}
	}
	if text, err := newBrowser(t).decrypt(first); err == nil {
		t.Errorf("another phone reads %q", text)
	}
}
