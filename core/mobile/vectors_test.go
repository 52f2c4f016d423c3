package mobile

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/cloudflare/circl/group"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/secret"
)

// The vectors are for other implementations; the TypeScript client runs the same file. Keys and salts are
// random, so a -update changes much of it: only where the protocol changes.
var update = flag.Bool("update", false, "write docs/vectors/mobile.json anew")

const vectorsFile = "../../docs/vectors/mobile.json"

// bin is binary as documents have it.
type bin []byte

func (b bin) MarshalText() ([]byte, error) {
	return []byte(base64.RawURLEncoding.EncodeToString(b)), nil
}

func (b *bin) UnmarshalText(text []byte) (err error) {
	*b, err = decode64(string(text))
	return err
}

type vectors struct {
	About   string `json:"about"`
	Version int    `json:"version"`
	Keys    struct {
		Device   keyVector `json:"device"`
		Approval keyVector `json:"approval"`
	} `json:"keys"`
	Frames            []frameVector      `json:"frames"`
	Messages          []messageVector    `json:"messages"`
	SignaturesRefused []signatureVector  `json:"signatures_refused"`
	KeysRefused       []refusedKey       `json:"keys_refused"`
	Displayed         []displayedVector  `json:"displayed"`
	CheckCode         checkVector        `json:"check_code"`
	OPRF              []oprfVector       `json:"oprf"`
	PointsRefused     []refusedText      `json:"points_refused"`
	PIN               []pinVector        `json:"pin"`
	Invitations       []invitationVector `json:"invitations"`
	TypedAlike        []alikeVector      `json:"typed_alike"`
	URLsRefused       []refusedText      `json:"urls_refused"`
	TypedRefused      []refusedText      `json:"typed_refused"`
	PINChecks         []pinCheck         `json:"pin_checks"`
	Symbols           []symbolVector     `json:"symbols"`
}

type (
	keyVector struct {
		PKCS8 bin `json:"pkcs8"`
		SPKI  bin `json:"spki"`
	}
	frameVector struct {
		Domain string `json:"domain"`
		Parts  []bin  `json:"parts"`
		Frame  bin    `json:"frame"`
	}
	// messageVector is one signed message: what goes in by name, the frame, and a signature over it.
	messageVector struct {
		Name      string         `json:"name"`
		Signer    string         `json:"signer"` // device or approval
		Fields    map[string]any `json:"fields"`
		Frame     bin            `json:"frame"`
		Signature bin            `json:"signature"`
	}
	signatureVector struct {
		Why       string `json:"why"`
		Signer    string `json:"signer"`
		Message   bin    `json:"message"`
		Signature bin    `json:"signature"`
	}
	refusedKey struct {
		Why  string `json:"why"`
		Kind string `json:"kind"` // device or approval
		SPKI bin    `json:"spki"`
	}
	shownVector struct {
		ID      bin       `json:"id"`
		Service string    `json:"service"`
		Host    string    `json:"host"`
		Source  string    `json:"source"`
		Created time.Time `json:"created"`
	}
	displayedVector struct {
		Pendings []shownVector `json:"pendings"`
		Hash     bin           `json:"hash"`
	}
	checkVector struct {
		Device string `json:"device"`
		Nonce  bin    `json:"nonce"`
		Code   string `json:"code"` // of the two keys above
	}
	oprfVector struct {
		Key       bin `json:"key"`
		Blind     bin `json:"blind"`
		Input     bin `json:"input"`
		Blinded   bin `json:"blinded"`
		Evaluated bin `json:"evaluated"`
		Output    bin `json:"output"`
	}
	pinVector struct {
		Device      string `json:"device"`
		PIN         string `json:"pin"`
		Normalised  string `json:"normalised"`
		Input       bin    `json:"input"`
		Key         bin    `json:"key"`
		Blind       bin    `json:"blind"`
		Blinded     bin    `json:"blinded"`
		Evaluated   bin    `json:"evaluated"`
		Output      bin    `json:"output"`
		WrappingKey bin    `json:"wrapping_key"`
		Nonce       bin    `json:"nonce"`
		Plain       bin    `json:"plain"`
		Wrapped     bin    `json:"wrapped"`
	}
	invitationVector struct {
		Origin string `json:"origin"`
		ID     bin    `json:"id"`
		Secret bin    `json:"secret"`
		Pin    bin    `json:"pin,omitempty"`
		URL    string `json:"url"`
		Typed  string `json:"typed"`
	}
	alikeVector struct {
		Text  string `json:"text"`
		Typed string `json:"typed"`
	}
	refusedText struct {
		Why  string `json:"why"`
		Text string `json:"text"`
	}
	pinCheck struct {
		PIN     string `json:"pin"`
		Digits  int    `json:"digits"`
		Verdict string `json:"verdict"` // ok, short, long, common, text
	}
	symbolVector struct {
		ID      Symbol `json:"id"`
		English string `json:"en"`
		German  string `json:"de"`
		Glyph   string `json:"glyph"`
	}
)

// fill gives n bytes that are easy to tell apart.
func fill(n int, from byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func scalarOf(t testing.TB, b []byte) group.Scalar {
	t.Helper()
	s := group.Ristretto255.NewScalar()
	if err := s.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	testDevice     = DeviceID(fill(12, 0x10))
	testEvaluation = EvaluationID(fill(16, 0x20))
	testNonce      = Nonce(fill(32, 0x40))
	testInvitation = InvitationID(fill(8, 0x60))
)

func TestVectors(t *testing.T) {
	if *update {
		text := must[[]byte](t)(json.MarshalIndent(makeVectors(t), "", " "))
		if err := os.WriteFile(vectorsFile, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var v vectors
	decoder := json.NewDecoder(bytes.NewReader(must[[]byte](t)(os.ReadFile(vectorsFile))))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]int{
		"frames": len(v.Frames), "messages": len(v.Messages) - 6, "signatures": len(v.SignaturesRefused), "keys": len(v.KeysRefused),
		"displayed": len(v.Displayed), "oprf": len(v.OPRF) - 1, "points": len(v.PointsRefused), "pin": len(v.PIN), "invitations": len(v.Invitations),
		"alike": len(v.TypedAlike), "urls": len(v.URLsRefused), "typed": len(v.TypedRefused), "checks": len(v.PINChecks) - 40, "symbols": len(v.Symbols) - 15,
	} {
		if n <= 0 {
			t.Errorf("too few vectors of %s", name)
		}
	}
	t.Run("signatures", func(t *testing.T) { checkSignatures(t, v) })
	t.Run("secrets", func(t *testing.T) { checkPINVectors(t, v) })
	t.Run("texts", func(t *testing.T) { checkTexts(t, v) })
}

func checkSignatures(t *testing.T, v vectors) {
	device := must[DeviceKey](t)(ParseDeviceKey(v.Keys.Device.SPKI))
	approval := must[ApprovalKey](t)(ParseApprovalKey(v.Keys.Approval.SPKI))
	verify := func(signer string, message, signature []byte) error {
		if signer == "device" {
			return device.Verify(message, signature)
		}
		return approval.Verify(message, signature)
	}
	for _, f := range v.Frames {
		parts := make([][]byte, len(f.Parts))
		for i, part := range f.Parts {
			parts[i] = part
		}
		if got := Frame(f.Domain, parts...); !bytes.Equal(got, f.Frame) {
			t.Errorf("frame %s: %x", f.Domain, got)
		}
	}
	want := messages(t, v.Keys.Device.SPKI, v.Keys.Approval.SPKI)
	for i, m := range v.Messages {
		if m.Name != want[i].Name || !bytes.Equal(m.Frame, want[i].Frame) {
			t.Errorf("message %s: %x, want %x", m.Name, m.Frame, want[i].Frame)
		}
		if err := verify(m.Signer, m.Frame, m.Signature); err != nil {
			t.Errorf("message %s: %v", m.Name, err)
		}
		if err := verify(m.Signer, append(m.Frame, 0), m.Signature); !errors.Is(err, ErrSignature) {
			t.Errorf("message %s, one byte longer: %v", m.Name, err)
		}
	}
	for _, s := range v.SignaturesRefused {
		if err := verify(s.Signer, s.Message, s.Signature); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", s.Why, err)
		}
	}
	for _, k := range v.KeysRefused {
		var err error
		if k.Kind == "device" {
			_, err = ParseDeviceKey(k.SPKI)
		} else {
			_, err = ParseApprovalKey(k.SPKI)
		}
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s key, %s: %v", k.Kind, k.Why, err)
		}
	}
	for _, d := range v.Displayed {
		var shown []Shown
		for _, p := range d.Pendings {
			shown = append(shown, Shown{PendingID(p.ID), p.Service, p.Host, p.Source, p.Created})
		}
		if got := Displayed(shown); !bytes.Equal(got[:], d.Hash) {
			t.Errorf("displayed: %x", got)
		}
	}
	id := must[DeviceID](t)(ParseDeviceID(v.CheckCode.Device))
	if got := CheckCode(id, Nonce(v.CheckCode.Nonce), v.Keys.Device.SPKI, v.Keys.Approval.SPKI); got != v.CheckCode.Code {
		t.Errorf("check code %s, want %s", got, v.CheckCode.Code)
	}
}

func checkPINVectors(t *testing.T, v vectors) {
	for _, o := range v.OPRF {
		b := must[*Blinding](t)(blind(o.Input, scalarOf(t, o.Blind)))
		if !bytes.Equal(b.Blinded(), o.Blinded) {
			t.Errorf("blinded %x", b.Blinded())
		}
		evaluated := must[[]byte](t)(Evaluate(secret.FromBytes(o.Key), o.Blinded))
		if !bytes.Equal(evaluated, o.Evaluated) {
			t.Errorf("evaluated %x", evaluated)
		}
		if out := must[[]byte](t)(b.Finalize(evaluated)); !bytes.Equal(out, o.Output) {
			t.Errorf("output %x", out)
		}
	}
	key := must[secret.Secret](t)(NewOPRFKey())
	for _, p := range v.PointsRefused {
		point := must[[]byte](t)(decode64(p.Text))
		if _, err := Evaluate(key, point); !errors.Is(err, ErrPoint) {
			t.Errorf("evaluating %s: %v", p.Why, err)
		}
		b := must[*Blinding](t)(Blind([]byte("input")))
		if _, err := b.Finalize(point); !errors.Is(err, ErrPoint) {
			t.Errorf("finalizing %s: %v", p.Why, err)
		}
	}
	for _, p := range v.PIN {
		device := must[DeviceID](t)(ParseDeviceID(p.Device))
		pin := secret.New(p.PIN)
		if NormalisePIN(pin).Reveal() != p.Normalised || !bytes.Equal(PINInput(device, pin), p.Input) {
			t.Errorf("input of %q", p.PIN)
		}
		b := must[*Blinding](t)(blind(p.Input, scalarOf(t, p.Blind)))
		out := must[[]byte](t)(b.Finalize(p.Evaluated))
		wrapping := must[[]byte](t)(WrappingKey(device, out))
		if !bytes.Equal(b.Blinded(), p.Blinded) || !bytes.Equal(out, p.Output) || !bytes.Equal(wrapping, p.WrappingKey) {
			t.Errorf("PIN %q: blinded %x, output %x, key %x", p.PIN, b.Blinded(), out, wrapping)
		}
		if plain := must[[]byte](t)(open(device, wrapping, p.Wrapped)); !bytes.Equal(plain, p.Plain) {
			t.Errorf("PIN %q unwraps something else", p.PIN)
		}
		if wrapped := must[[]byte](t)(seal(device, wrapping, p.Nonce, p.Plain)); !bytes.Equal(wrapped, p.Wrapped) {
			t.Errorf("PIN %q wraps as something else", p.PIN)
		}
	}
}

func checkTexts(t *testing.T, v vectors) {
	for _, i := range v.Invitations {
		inv := Invitation{Origin: i.Origin, ID: InvitationID(i.ID), Secret: secret.FromBytes(i.Secret)}
		copy(inv.Pin[:], i.Pin)
		if inv.URL().Reveal() != i.URL || inv.Typed().Reveal() != i.Typed {
			t.Errorf("invitation %s, %s", inv.URL().Reveal(), inv.Typed().Reveal())
		}
		got := must[Invitation](t)(ParseInvitation(i.URL))
		typed := must[Invitation](t)(ParseTyped(i.Typed))
		if !got.Secret.Equal(inv.Secret) || got.ID != inv.ID || got.Origin != inv.Origin || got.Pin != inv.Pin {
			t.Errorf("%s is read as something else", i.URL)
		}
		if !typed.Secret.Equal(inv.Secret) || typed.ID != inv.ID || typed.Origin != "" {
			t.Errorf("%s is read as something else", i.Typed)
		}
	}
	for _, a := range v.TypedAlike {
		if got := must[Invitation](t)(ParseTyped(a.Text)); got.Typed().Reveal() != a.Typed {
			t.Errorf("%q is read as %s", a.Text, got.Typed().Reveal())
		}
	}
	for _, r := range v.URLsRefused {
		if _, err := ParseInvitation(r.Text); !errors.Is(err, ErrInvitation) {
			t.Errorf("URL with %s: %v", r.Why, err)
		}
	}
	for _, r := range v.TypedRefused {
		if _, err := ParseTyped(r.Text); !errors.Is(err, ErrInvitation) {
			t.Errorf("typed with %s: %v", r.Why, err)
		}
	}
	for _, c := range v.PINChecks {
		if got := verdict(CheckPIN(secret.New(c.PIN), c.Digits)); got != c.Verdict {
			t.Errorf("PIN %q of %d digits: %s, want %s", c.PIN, c.Digits, got, c.Verdict)
		}
	}
	for i, s := range v.Symbols {
		if Symbols()[i] != s.ID || s.ID.Name(language.English) != s.English || s.ID.Name(language.German) != s.German || s.ID.Glyph() != s.Glyph {
			t.Errorf("symbol %v", s)
		}
	}
}

func verdict(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrPINShort):
		return "short"
	case errors.Is(err, ErrPINLong):
		return "long"
	case errors.Is(err, ErrPINCommon):
		return "common"
	case errors.Is(err, ErrPINText):
		return "text"
	}
	return err.Error()
}

// messages are the signed ones, each with its fields by name.
func messages(t testing.TB, deviceKey, approvalKey []byte) []messageVector {
	body := []byte(`{"pending":"MDEyMzQ1Njc4OTo7PD0-Pw","reason":"cancel"}`)
	secretBytes := fill(16, 0x70)
	displayed := Displayed(exampleShown()[:1])
	device, evaluation, nonce := testDevice.String(), bin(testEvaluation[:]), bin(testNonce[:])
	return []messageVector{
		{Name: "call", Signer: "device", Frame: Call(testDevice, 258, "POST", "/api/v1/device/deny", body),
			Fields: map[string]any{"device": device, "counter": 258, "method": "POST", "path": "/api/v1/device/deny", "body": string(body)}},
		{Name: "call", Signer: "device", Frame: Call(testDevice, 1<<53-1, "GET", "/api/v1/device/events", nil),
			Fields: map[string]any{"device": device, "counter": 1<<53 - 1, "method": "GET", "path": "/api/v1/device/events", "body": ""}},
		{Name: "enrol", Signer: "device", Frame: Enrol(testInvitation, secretBytes, deviceKey),
			Fields: map[string]any{"invitation": bin(testInvitation[:]), "secret": bin(secretBytes), "device_key": bin(deviceKey)}},
		{Name: "key", Signer: "approval", Frame: Key(testDevice, testEvaluation, testNonce, approvalKey),
			Fields: map[string]any{"device": device, "evaluation": evaluation, "nonce": nonce, "approval_key": bin(approvalKey)}},
		{Name: "open", Signer: "approval", Frame: Open(testDevice, testEvaluation, testNonce),
			Fields: map[string]any{"device": device, "evaluation": evaluation, "nonce": nonce}},
		{Name: "approve", Signer: "approval", Frame: Approve(testDevice, testNonce, "anchor", displayed),
			Fields: map[string]any{"device": device, "nonce": nonce, "symbol": "anchor", "displayed": bin(displayed[:])}},
		{Name: "approve", Signer: "approval", Frame: Approve(testDevice, testNonce, Pair("anchor", "star"), displayed),
			Fields: map[string]any{"device": device, "nonce": nonce, "symbol": "anchor,star", "displayed": bin(displayed[:])}},
		{Name: "approve", Signer: "approval", Frame: Approve(testDevice, testNonce, Pair("star", "anchor"), displayed),
			Fields: map[string]any{"device": device, "nonce": nonce, "symbol": "star,anchor", "displayed": bin(displayed[:])}},
		{Name: "approve", Signer: "approval", Frame: Approve(testDevice, testNonce, InsteadOfSymbol, displayed),
			Fields: map[string]any{"device": device, "nonce": nonce, "symbol": "code", "displayed": bin(displayed[:])}},
		{Name: "renew-begin", Signer: "approval", Frame: RenewBegin(testDevice, testEvaluation, testNonce),
			Fields: map[string]any{"device": device, "evaluation": evaluation, "nonce": nonce}},
		{Name: "renew", Signer: "approval", Frame: Renew(testDevice, 3, testNonce, approvalKey),
			Fields: map[string]any{"device": device, "generation": 3, "nonce": nonce, "approval_key": bin(approvalKey)}},
	}
}

func exampleShown() []Shown {
	return []Shown{
		{PendingID(fill(16, 0x30)), "vpn", "gateway.example.org", "192.0.2.7", time.Unix(1_800_000_000, 0)},
		{PendingID(fill(16, 0x50)), "sudo", "münchen-1", "", time.Unix(1_800_000_059, 0)},
	}
}

func makeVectors(t testing.TB) vectors {
	var v vectors
	v.About = "Test vectors of the device protocol (docs/mobile-protocol.md). Binary values are base64url without padding. " +
		"Signatures and keys are random; everything else is determined."
	v.Version = 1
	ec := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	rs := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, ApprovalKeyBits))
	v.Keys.Device = keyVector{must[[]byte](t)(x509.MarshalPKCS8PrivateKey(ec)), must[[]byte](t)(x509.MarshalPKIXPublicKey(&ec.PublicKey))}
	v.Keys.Approval = keyVector{must[[]byte](t)(x509.MarshalPKCS8PrivateKey(rs)), must[[]byte](t)(x509.MarshalPKIXPublicKey(&rs.PublicKey))}
	for _, parts := range [][]bin{{}, {{}}, {{0}, {}}, {fill(3, 1), fill(300, 7)}, {bin("Lützelschwab"), number(1 << 40)}} {
		raw := make([][]byte, len(parts))
		for i, part := range parts {
			raw[i] = part
		}
		v.Frames = append(v.Frames, frameVector{"latchkey/v1/example", parts, Frame("latchkey/v1/example", raw...)})
	}
	v.Messages = messages(t, v.Keys.Device.SPKI, v.Keys.Approval.SPKI)
	for i, m := range v.Messages {
		if m.Signer == "device" {
			v.Messages[i].Signature = must[[]byte](t)(SignCall(ec, m.Frame))
		} else {
			v.Messages[i].Signature = must[[]byte](t)(SignApproval(rs, m.Frame))
		}
	}
	v.SignaturesRefused = refusedSignatures(t, v, ec, rs)
	v.KeysRefused = refusedKeys(t, v)
	for n := range 3 {
		shown := exampleShown()[:n]
		hash := Displayed(shown)
		d := displayedVector{Pendings: []shownVector{}, Hash: hash[:]}
		for _, s := range shown {
			d.Pendings = append(d.Pendings, shownVector{s.ID[:], s.Service, s.Host, s.Source, s.Created.UTC()})
		}
		v.Displayed = append(v.Displayed, d)
	}
	v.CheckCode = checkVector{testDevice.String(), testNonce[:], CheckCode(testDevice, testNonce, v.Keys.Device.SPKI, v.Keys.Approval.SPKI)}
	for _, r := range rfc9497() {
		o := oprfVector{Key: unhex(t, rfcKey), Blind: unhex(t, rfcBlind)}
		o.Input, o.Blinded, o.Evaluated, o.Output = unhex(t, r[0]), unhex(t, r[1]), unhex(t, r[2]), unhex(t, r[3])
		v.OPRF = append(v.OPRF, o)
	}
	for _, p := range badPoints(t) {
		v.PointsRefused = append(v.PointsRefused, refusedText{p.why, base64.RawURLEncoding.EncodeToString(p.point)})
	}
	for _, pin := range []string{"481516", "９０２７１４", " Straße nach Süden ", "Zu\u0308rich im Nebel"} {
		p := pinVector{Device: testDevice.String(), PIN: pin, Normalised: NormalisePIN(secret.New(pin)).Reveal(), Input: PINInput(testDevice, secret.New(pin))}
		p.Key, p.Blind, p.Nonce, p.Plain = unhex(t, rfcKey), unhex(t, rfcBlind), fill(12, 0x90), v.Keys.Approval.PKCS8
		b := must[*Blinding](t)(blind(p.Input, scalarOf(t, p.Blind)))
		p.Blinded = b.Blinded()
		p.Evaluated = must[[]byte](t)(Evaluate(secret.FromBytes(p.Key), p.Blinded))
		p.Output = must[[]byte](t)(b.Finalize(p.Evaluated))
		p.WrappingKey = must[[]byte](t)(WrappingKey(testDevice, p.Output))
		p.Wrapped = must[[]byte](t)(seal(testDevice, p.WrappingKey, p.Nonce, p.Plain))
		v.PIN = append(v.PIN, p)
	}
	textVectors(&v)
	return v
}

func textVectors(v *vectors) {
	pin := sha256.Sum256([]byte("an authority"))
	for _, inv := range []Invitation{
		{"https://vpn.example.org", testInvitation, secret.FromBytes(fill(16, 0x70)), Pin{}},
		{"https://vpn.example.org:8443", testInvitation, secret.FromBytes(fill(16, 0xf8)), pin},
		{"https://[2001:db8::1]:8443", InvitationID{}, secret.FromBytes(fill(16, 0)), pin},
	} {
		one := invitationVector{Origin: inv.Origin, ID: inv.ID[:], Secret: bin(inv.Secret.Reveal()), URL: inv.URL().Reveal(), Typed: inv.Typed().Reveal()}
		if inv.Pin != (Pin{}) {
			one.Pin = inv.Pin[:]
		}
		v.Invitations = append(v.Invitations, one)
	}
	for _, text := range alikes(v.Invitations[1].Typed) {
		v.TypedAlike = append(v.TypedAlike, alikeVector{text, v.Invitations[1].Typed})
	}
	v.URLsRefused = badURLs(v.Invitations[1].URL)
	v.TypedRefused = badTyped(v.Invitations[1].Typed)
	v.PINChecks = pinChecks()
	for _, s := range Symbols() {
		v.Symbols = append(v.Symbols, symbolVector{s, s.Name(language.English), s.Name(language.German), s.Glyph()})
	}
}

// rawSignature is r‖s of two numbers.
func rawSignature(r, s *big.Int) []byte {
	b := make([]byte, 64)
	r.FillBytes(b[:32])
	s.FillBytes(b[32:])
	return b
}

func refusedSignatures(t testing.TB, v vectors, ec *ecdsa.PrivateKey, rs *rsa.PrivateKey) []signatureVector {
	message := v.Messages[0].Frame
	good := v.Messages[0].Signature
	n := ec.Params().N
	r, s := new(big.Int).SetBytes(good[:32]), new(big.Int).SetBytes(good[32:])
	der := must[[]byte](t)(asn1.Marshal(struct{ R, S *big.Int }{r, s}))
	open := v.Messages[4]
	return []signatureVector{
		{"r is zero", "device", message, rawSignature(new(big.Int), s)},
		{"s is zero", "device", message, rawSignature(r, new(big.Int))},
		{"both are zero", "device", message, make([]byte, 64)},
		{"s is the order of the group", "device", message, rawSignature(r, n)},
		{"r and s swapped", "device", message, rawSignature(s, r)},
		{"in DER", "device", message, der},
		{"one byte short", "device", message, good[:63]},
		{"one byte long", "device", message, append(bytes.Clone(good), 0)},
		{"empty", "device", message, nil},
		{"of another message", "device", v.Messages[1].Frame, good},
		{"of another message", "approval", v.Messages[6].Frame, open.Signature},
		{"of the pair in the other order", "approval", v.Messages[7].Frame, v.Messages[6].Signature},
		{"of the first of the pair alone", "approval", v.Messages[6].Frame, v.Messages[5].Signature},
		{"PKCS#1 version 1.5", "approval", open.Frame, pkcs1(t, rs, open.Frame)},
		{"a salt of 20 bytes", "approval", open.Frame, shortSalt(t, rs, open.Frame)},
		{"one byte short", "approval", open.Frame, open.Signature[:len(open.Signature)-1]},
		{"empty", "approval", open.Frame, nil},
	}
}
