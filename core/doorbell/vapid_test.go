package doorbell

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"
)

const contact = "mailto:admin@example.org"

func testKeys(t testing.TB) *Keys {
	t.Helper()
	k, err := FromSeed(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestRFC8292 holds the tests' push service against the example of RFC 8292 section 2.4.
func TestRFC8292(t *testing.T) {
	const header = "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6" +
		"Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, " +
		"k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
	c, err := verify(header)
	if err != nil || c != (claims{"https://push.example.net", 1453523768, "mailto:push@example.com"}) {
		t.Errorf("the example says %+v, %v", c, err)
	}
	if _, err := verify(strings.Replace(header, "Im1haWx0", "Im1haWx1", 1)); err == nil {
		t.Error("a changed token verifies")
	}
}

// TestFromSeed pins the derivation: were it changed, every phone's subscription would be void after an upgrade.
func TestFromSeed(t *testing.T) {
	for _, tt := range []struct {
		seed byte
		want string
	}{
		{0, "BDpZPANcFZJgiyMbe7CVHzC4aJVSY5wdLyC7vwX5qp1dXxfh2YaqPMl52rltEImoc9ACuq05XucGBgSZLxg3H_8"},
		{7, "BFExm0aauMC6-KW6xMTbPbWKnX3G8XgWIxhNNRy7ddnoOBn54yYOruPJ-3eJGnjaqF1IQvC5w8shJQ4jvJ04-l0"},
	} {
		k, err := FromSeed(bytes.Repeat([]byte{tt.seed}, 32))
		if err != nil || k.Public() != tt.want {
			t.Errorf("seed %d gives %s, not %s (%v)", tt.seed, k.Public(), tt.want, err)
		}
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := FromSeed(make([]byte, n)); err == nil {
			t.Errorf("a seed of %d bytes is taken", n)
		}
	}
}

func TestKeysPrintNoSecret(t *testing.T) {
	k := testKeys(t)
	d, err := k.private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "keys", k)
	fmt.Fprintf(&out, "%v %+v %#v %x %s %d", k, k, k, k, k, k)
	for _, leak := range []string{fmt.Sprintf("%x", d), b64.EncodeToString(d), new(big.Int).SetBytes(d).String()} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the private key stands in %s", out.String())
		}
	}
	if !strings.Contains(out.String(), k.Public()) {
		t.Errorf("the public key does not stand in %s", out.String())
	}
}

func TestTokens(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	v := &vapid{keys: testKeys(t), contact: contact, now: func() time.Time { return now }, tokens: map[string]token{}}
	header := func(origin string) string {
		t.Helper()
		h, err := v.header(origin)
		if err != nil {
			t.Fatal(err)
		}
		c, err := verify(h)
		if err != nil || c.Audience != origin || c.Subject != contact {
			t.Fatalf("%+v, %v", c, err)
		}
		if left := time.Unix(int64(c.Expires), 0).Sub(now); left <= time.Hour || left > 24*time.Hour {
			t.Fatalf("a token has %s left", left)
		}
		return h
	}
	first := header("https://push.example.org")
	if header("https://other.example.org") == first {
		t.Error("two origins share a token")
	}
	for _, step := range []struct {
		by   time.Duration
		same bool
		why  string
	}{
		{5 * time.Hour, true, "a token is made anew in its first half"},
		{2 * time.Hour, false, "a token is kept until it ends"},
		{-30 * 24 * time.Hour, false, "a clock that was put back leaves a token of a month"},
		{365 * 24 * time.Hour, false, "a token that has ended is kept"},
	} {
		now = now.Add(step.by)
		next := header("https://push.example.org")
		if (next == first) != step.same {
			t.Error(step.why)
		}
		first = next
	}
	for i := range 1000 {
		header(fmt.Sprintf("https://n%d.example.org", i))
	}
	if len(v.tokens) > maxTokens {
		t.Errorf("%d tokens are kept", len(v.tokens))
	}
}

func TestContact(t *testing.T) {
	for _, good := range []string{contact, "mailto:a.b+c@sub.example.co.uk", "https://example.org", "https://example.org/contact?x=1", "https://example.org:8443/"} {
		if err := checkContact(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "admin@example.org", "mailto:", "mailto:admin", "mailto:@example.org", "mailto:admin@localhost", "mailto:admin@host.local",
		"mailto:Admin <admin@example.org>", "mailto:admin@example.org?subject=x", "mailto:admin@192.0.2.1", "mailto:admin@[192.0.2.1]",
		"http://example.org", "https://", "https://localhost/", "https://192.0.2.1/", "https://u:p@example.org/", "tel:+4930", "https:example.org",
		"mailto:" + strings.Repeat("a", 300) + "@example.org",
	} {
		if err := checkContact(bad); !errors.Is(err, ErrConfig) {
			t.Errorf("%q is taken: %v", bad, err)
		}
	}
}
