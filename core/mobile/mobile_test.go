package mobile

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/secret"
)

func TestWrap(t *testing.T) {
	key := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, ApprovalKeyBits))
	wrapping := must[[]byte](t)(WrappingKey(testDevice, fill(64, 0)))
	wrapped := must[[]byte](t)(Wrap(testDevice, wrapping, key))
	if again := must[[]byte](t)(Wrap(testDevice, wrapping, key)); bytes.Equal(again, wrapped) {
		t.Error("two wrappings are alike: the nonce is not random")
	}
	if got := must[*rsa.PrivateKey](t)(Unwrap(testDevice, wrapping, wrapped)); !got.Equal(key) {
		t.Error("another key came out")
	}
	other := must[[]byte](t)(WrappingKey(testDevice, fill(64, 1)))
	elsewhere := testDevice
	elsewhere[0]++
	flipped := bytes.Clone(wrapped)
	flipped[len(flipped)-1] ^= 1
	for name, try := range map[string]struct {
		device       DeviceID
		key, wrapped []byte
	}{
		"wrong PIN":      {testDevice, other, wrapped},
		"another device": {elsewhere, wrapping, wrapped},
		"flipped":        {testDevice, wrapping, flipped},
		"cut short":      {testDevice, wrapping, wrapped[:20]},
		"empty":          {testDevice, wrapping, nil},
	} {
		if _, err := Unwrap(try.device, try.key, try.wrapped); !errors.Is(err, ErrWrongPIN) {
			t.Errorf("%s: %v", name, err)
		}
	}
	noKey := must[[]byte](t)(seal(testDevice, wrapping, fill(12, 0), []byte("no key")))
	if _, err := Unwrap(testDevice, wrapping, noKey); !errors.Is(err, ErrKey) {
		t.Errorf("no key: %v", err)
	}
}

// TestBlindHides: the same PIN is never the same on its way, and comes out the same.
func TestBlindHides(t *testing.T) {
	key := must[secret.Secret](t)(NewOPRFKey())
	other := must[secret.Secret](t)(NewOPRFKey())
	out := func(key secret.Secret) ([]byte, []byte) {
		b := must[*Blinding](t)(Blind(PINInput(testDevice, secret.New("481516"))))
		return b.Blinded(), must[[]byte](t)(b.Finalize(must[[]byte](t)(Evaluate(key, b.Blinded()))))
	}
	blinded1, out1 := out(key)
	blinded2, out2 := out(key)
	_, out3 := out(other)
	if bytes.Equal(blinded1, blinded2) || !bytes.Equal(out1, out2) || bytes.Equal(out1, out3) {
		t.Error("blinding shows the PIN, or does not come off, or the share does not matter")
	}
	for _, damaged := range []string{"", strings.Repeat("\x00", 32), strings.Repeat("\xff", 32)} {
		if _, err := Evaluate(secret.New(damaged), blinded1); err == nil || errors.Is(err, ErrPoint) {
			t.Errorf("a share of %x evaluates: %v", damaged, err)
		}
	}
}

func TestBudget(t *testing.T) {
	id := func(n int) EvaluationID { return EvaluationID{byte(n), byte(n >> 8)} }
	var b Budget
	count := func(n int, want Verdict) {
		t.Helper()
		before := b
		var got Verdict
		if b, got = b.Count(Limits{}, id(n)); got != want {
			t.Fatalf("try %d: %v, want %v", n, got, want)
		}
		if got != Allowed && (b.Row != before.Row || b.Life != before.Life || len(b.Open) != len(before.Open)) {
			t.Fatalf("try %d was refused and counted", n)
		}
	}
	refund := func(n int, want bool) {
		t.Helper()
		var got bool
		if b, got = b.Refund(id(n)); got != want {
			t.Fatalf("refund of %d: %v", n, got)
		}
	}
	// A thief tries four and waits for the owner, again and again: sixteen and three in all, and one for the
	// owner at the end, who has the twentieth.
	n := 0
	for range 4 {
		for range 4 {
			n++
			count(n, Allowed)
		}
		n++
		count(n, Allowed)
		refund(n, true)
		refund(n, false)
		if b.Row != 0 {
			t.Fatal("a signature does not end the row")
		}
	}
	if b.Life != 16 {
		t.Fatalf("life %d", b.Life)
	}
	for range 4 {
		n++
		count(n, Allowed)
	}
	count(n+1, Erased)
	refund(n, true) // the last one was the owner's
	count(n+1, Allowed)
	refund(999, false)
	if b = b.Unlock(); b.Life != 20 || b.Judge(Limits{}) != Erased {
		t.Error("unlocking gives back what counts for life")
	}

	b = Budget{}
	for n := range 5 {
		count(n, Allowed)
	}
	count(5, Locked)
	kept := b
	refund(4, true) // the fifth was right
	count(5, Allowed)
	if kept.Row != 5 || !slices.Contains(kept.Open, id(4)) {
		t.Error("a step changed the budget that it came from")
	}
	b = kept.Unlock()
	count(6, Allowed)
	if _, verdict := (Budget{Row: 2}).Count(Limits{Row: 2}, id(1)); verdict != Locked {
		t.Error("a limit of two is not kept")
	}
	if Allowed.String() != "allowed" || Locked.String() != "locked" || Erased.String() != "erased" {
		t.Error("verdicts have other names")
	}
}

// TestGrid draws many and looks at where the login's own symbol is, and at what surrounds it: neither may
// tell. With 9,000 draws each place is hit 1,000 times, give or take 30; five times that is never seen.
func TestGrid(t *testing.T) {
	const draws = 9000
	places := make([]int, GridSize)
	others := map[Symbol]int{}
	for range draws {
		grid := must[[]Symbol](t)(Grid([]Symbol{"moon"}, GridSize))
		seen := map[Symbol]bool{}
		for _, s := range grid {
			seen[s] = true
			others[s]++
		}
		if len(grid) != GridSize || len(seen) != GridSize {
			t.Fatalf("grid %v", grid)
		}
		places[slices.Index(grid, "moon")]++
	}
	for place, n := range places {
		if math.Abs(float64(n)-draws/GridSize) > 150 {
			t.Errorf("place %d holds the symbol %d times of %d", place, n, draws)
		}
	}
	for s, n := range others {
		if want := draws * 8.0 / 15; s != "moon" && math.Abs(float64(n)-want) > 250 {
			t.Errorf("%s is there %d times, where %.0f are fair", s, n, want)
		}
	}
	all := must[[]Symbol](t)(Grid(nil, 16))
	if slices.Sort(all); len(slices.Compact(all)) != 16 {
		t.Errorf("all sixteen: %v", all)
	}
	for _, bad := range [][]Symbol{{"moon", "moon"}, {"cheese"}, Symbols()[:10]} {
		if _, err := Grid(bad, GridSize); err == nil {
			t.Errorf("a grid with %v", bad)
		}
	}
	if _, err := Grid(nil, 17); err == nil {
		t.Error("a grid of seventeen")
	}
}

func TestDraw(t *testing.T) {
	taken := slices.DeleteFunc(Symbols(), func(s Symbol) bool { return s == "cup" || s == "gear" })
	seen := map[Symbol]bool{}
	for range 100 {
		seen[must[Symbol](t)(Draw(taken...))] = true
	}
	if len(seen) != 2 || !seen["cup"] || !seen["gear"] {
		t.Errorf("drawn: %v", seen)
	}
	if _, err := Draw(Symbols()...); err == nil {
		t.Error("a seventeenth symbol")
	}
}

func TestSymbols(t *testing.T) {
	names := map[string]Symbol{}
	for _, s := range Symbols() {
		for _, text := range []string{string(s), s.Name(language.English), s.Name(language.German), s.Upper(language.German), s.Glyph(), " " + string(s) + "\n"} {
			if got, err := ParseSymbol(text); err != nil || got != s {
				t.Errorf("%q is read as %q, %v", text, got, err)
			}
		}
		if glyph := []rune(s.Glyph()); len(glyph) != 1 {
			t.Errorf("%s has the glyph %q", s, s.Glyph())
		}
		for _, tag := range language.Known() {
			key := string(tag) + s.Upper(tag)
			if other, twice := names[key]; twice {
				t.Errorf("%s and %s have one name", s, other)
			}
			names[key] = s
		}
	}
	if Symbol("anchor").Upper(language.German) != "ANKER" || Symbol("anchor").Upper(language.English) != "ANCHOR" {
		t.Error("no ANKER")
	}
	if _, err := ParseSymbol("cheese"); !errors.Is(err, ErrSymbol) || Symbol("cheese").Known() || Symbol("cheese").Name(language.German) != "cheese" {
		t.Error("cheese")
	}
}

func TestCheckCode(t *testing.T) {
	device, approval := fill(91, 1), fill(200, 2)
	code := CheckCode(testDevice, testNonce, device, approval)
	if len(code) != 8 || strings.Trim(code, checkLetters) != "" {
		t.Fatalf("code %q", code)
	}
	nonce := testNonce
	nonce[31]++
	for _, other := range []string{
		CheckCode(testDevice, nonce, device, approval), CheckCode(testDevice, testNonce, approval, device), CheckCode(testDevice, testNonce, device, device),
	} {
		if other == code {
			t.Error("the code does not depend on everything")
		}
	}
}

func TestParseDeviceID(t *testing.T) {
	if got := must[DeviceID](t)(ParseDeviceID(testDevice.String())); got != testDevice {
		t.Error(got)
	}
	for _, bad := range []string{"", "10", strings.ToUpper(testDevice.String()[:23] + "a"), testDevice.String() + "00", strings.Repeat("g", 24)} {
		if _, err := ParseDeviceID(bad); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestFramesDiffer: no two lists of parts have the same frame, also where their bytes joined are the same.
func TestFramesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, parts := range [][][]byte{{}, {nil}, {nil, nil}, {{0}}, {{0, 0, 0, 0}}, {[]byte("ab")}, {[]byte("a"), []byte("b")}, {nil, []byte("ab")}} {
		for _, domain := range []string{"", "x", "xa"} {
			frame := string(Frame(domain, parts...))
			if seen[frame] {
				t.Errorf("%q and %x have another's frame", domain, parts)
			}
			seen[frame] = true
		}
	}
}

// TestErrorsKeepSecrets feeds secrets in wrong places and looks for them in what comes back.
func TestErrorsKeepSecrets(t *testing.T) {
	inv := must[Invitation](t)(NewInvitation("https://vpn.example.org", Pin{1}))
	url, typed := inv.URL().Reveal(), inv.Typed().Reveal()
	var errs []error
	_, err := ParseInvitation(strings.Replace(url, "https", "ftp", 1))
	errs = append(errs, err)
	_, err = ParseInvitation(url[:len(url)-1] + "=")
	errs = append(errs, err)
	_, err = ParseInvitation(strings.Replace(url, "&c=", "x&c=", 1))
	errs = append(errs, err)
	_, err = ParseTyped(typed[:len(typed)-2] + "=")
	errs = append(errs, err)
	errs = append(errs, CheckPIN(secret.New("123456"), 6))
	for _, err := range errs {
		if err == nil {
			t.Fatal("no error")
		}
		for _, part := range []string{"123456", typed[:8], url[strings.Index(url, "#"):][3:15]} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%v shows a secret", err)
			}
		}
	}
	if _, err := NewInvitation("http://vpn.example.org", Pin{}); err == nil {
		t.Error("an invitation to http")
	}
}

// TestCommonShare says how much of all PINs the rules refuse: the figures of common.go.
func TestCommonShare(t *testing.T) {
	for digits, want := range map[int][2]float64{4: {0.17, 0.22}, 6: {0.11, 0.17}} {
		refused, all := 0, int(math.Pow10(digits))
		b := make([]byte, digits)
		for n := range all {
			for i, rest := digits-1, n; i >= 0; i, rest = i-1, rest/10 {
				b[i] = byte('0' + rest%10)
			}
			if commonDigits(string(b)) {
				refused++
			}
		}
		share := float64(refused) / float64(all)
		t.Logf("%d digits: %.1f %% refused", digits, 100*share)
		if share < want[0] || share > want[1] {
			t.Errorf("%d digits: %.1f %% refused", digits, 100*share)
		}
	}
}

func TestTexts(t *testing.T) {
	type all struct {
		Device     DeviceID
		Evaluation EvaluationID
		Pending    PendingID
		Nonce      Nonce
		Bytes      Bytes
	}
	in := all{testDevice, testEvaluation, PendingID(testEvaluation), testNonce, Bytes{0xff, 0xfe}}
	text := must[[]byte](t)(json.Marshal(in))
	const want = `{"Device":"101112131415161718191a1b","Evaluation":"ICEiIyQlJicoKSorLC0uLw","Pending":"ICEiIyQlJicoKSorLC0uLw",` +
		`"Nonce":"QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8","Bytes":"__4"}`
	if string(text) != want {
		t.Errorf("%s", text)
	}
	var out all
	if err := json.Unmarshal(text, &out); err != nil || out.Device != in.Device || out.Evaluation != in.Evaluation ||
		out.Pending != in.Pending || out.Nonce != in.Nonce || !bytes.Equal(out.Bytes, in.Bytes) {
		t.Errorf("%+v, %v", out, err)
	}
	for _, bad := range []string{`{"Pending":"ICEiIyQlJicoKSorLC0uLx"}`, `{"Nonce":"QEFC"}`, `{"Evaluation":"ICEiIyQlJicoKSorLC0uLw=="}`, `{"Bytes":"a+b/"}`, `{"Bytes":"_\n_4"}`, `{"Device":"ab"}`} {
		if err := json.Unmarshal([]byte(bad), &out); !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
