package doorbell

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func testBell(t testing.TB, cfg Config) *Bell {
	t.Helper()
	cfg.Keys, cfg.Contact = testKeys(t), contact
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func document(endpoint, p256dh, auth, more string) []byte {
	return fmt.Appendf(nil, `{"endpoint":%q,"keys":{"p256dh":%q,"auth":%q}%s}`, endpoint, p256dh, auth, more)
}

func TestVet(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	b := testBell(t, Config{Now: func() time.Time { return now }, Allow: append(Vendors(), "Push.House.example:8443")})
	good := "https://fcm.googleapis.com/fcm/send/abc:def"
	offCurve := "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw5"
	of := func(endpoint string) []byte { return document(endpoint, rfcPublic, rfcAuth, "") }
	for _, tt := range []struct {
		name string
		raw  []byte
		want error
	}{
		{"Chrome", of(good), nil},
		{"Firefox", of("https://updates.push.services.mozilla.com/wpush/v2/gAAA"), nil},
		{"Safari", of("https://web.push.apple.com/QGuQ"), nil},
		{"Edge", of("https://wns2-par02p.notify.windows.com/w/?token=BQYAAAC%2b%2f"), nil},
		{"the port spelt out", of("https://web.push.apple.com:443/Q"), nil},
		{"capitals", of("https://FCM.GoogleAPIs.com/x"), nil},
		{"a port that is listed", of("https://push.house.example:8443/x"), nil},
		{"padded keys", document(good, rfcPublic+"=", rfcAuth+"==", ""), nil},
		{"as a browser sends it", document(good, rfcPublic, rfcAuth, `,"expirationTime":null,"options":{}`), nil},
		{"not yet expired", document(good, rfcPublic, rfcAuth, fmt.Sprintf(`,"expirationTime":%d`, now.UnixMilli()+1)), nil},

		{"expired", document(good, rfcPublic, rfcAuth, fmt.Sprintf(`,"expirationTime":%d.5`, now.UnixMilli()-1)), ErrExpired},
		{"nothing", nil, ErrSubscription},
		{"no object", []byte(`"x"`), ErrSubscription},
		{"two documents", append(of(good), of(good)...), ErrSubscription},
		{"a number as endpoint", []byte(`{"endpoint":7}`), ErrSubscription},
		{"too long", document(good, rfcPublic, rfcAuth, `,"x":"`+strings.Repeat("x", 4096)+`"`), ErrSubscription},
		{"no endpoint", of(""), ErrEndpoint},
		{"a long endpoint", of(good + strings.Repeat("x", 2048)), ErrEndpoint},
		{"http", of("http://fcm.googleapis.com/x"), ErrEndpoint},
		{"another scheme", of("gopher://fcm.googleapis.com/x"), ErrEndpoint},
		{"a user", of("https://u@fcm.googleapis.com/x"), ErrEndpoint},
		{"a user that looks like a host", of("https://fcm.googleapis.com@evil.example/x"), ErrEndpoint},
		{"a backslash", of(`https://evil.example\@fcm.googleapis.com/x`), ErrEndpoint},
		{"a fragment", of(good + "#x"), ErrEndpoint},
		{"an empty port", of("https://fcm.googleapis.com:/x"), ErrEndpoint},
		{"no host", of("https:///x"), ErrEndpoint},
		{"opaque", of("https:fcm.googleapis.com/x"), ErrEndpoint},
		{"loopback", of("https://127.0.0.1/x"), ErrEndpoint},
		{"loopback in IPv6", of("https://[::1]/x"), ErrEndpoint},
		{"an address as a number", of("https://2130706433/x"), ErrEndpoint},
		{"an address in hexadecimal", of("https://0x7f.0x1/x"), ErrEndpoint},
		{"a dot at the end", of("https://fcm.googleapis.com./x"), ErrEndpoint},
		{"an empty label", of("https://.push.apple.com/x"), ErrEndpoint},
		{"an escape in the host", of("https://evil%2fx.push.apple.com/x"), ErrEndpoint},
		{"a NUL in the host", of("https://evil%00.push.apple.com/x"), ErrEndpoint},
		{"no ASCII", of("https://fcm.googleapis.com。push.apple.com/x"), ErrEndpoint},
		{"a control character", []byte(`{"endpoint":"https://fcm.googleapis.com/\u000d\u000aX: y"}`), ErrEndpoint},
		{"not on the list", of("https://push.example.org/x"), ErrNotListed},
		{"the domain of a wildcard itself", of("https://push.apple.com/x"), ErrNotListed},
		{"an end that is no label", of("https://evilpush.apple.com/x"), ErrNotListed},
		{"a listed name as a label", of("https://fcm.googleapis.com.evil.example/x"), ErrNotListed},
		{"below a name without wildcard", of("https://x.fcm.googleapis.com/x"), ErrNotListed},
		{"another port", of("https://fcm.googleapis.com:22/x"), ErrNotListed},
		{"no port where one is listed", of("https://push.house.example/x"), ErrNotListed},
		{"no keys", []byte(`{"endpoint":"` + good + `"}`), ErrKeys},
		{"a point beside the curve", document(good, offCurve, rfcAuth, ""), ErrKeys},
		{"a compressed point", document(good, "AiVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx", rfcAuth, ""), ErrKeys},
		{"the point at infinity", document(good, "AA", rfcAuth, ""), ErrKeys},
		{"not base64", document(good, "!!", rfcAuth, ""), ErrKeys},
		{"a short auth", document(good, rfcPublic, "BTBZMqHH6r4Tts7J_aSI", ""), ErrKeys},
		{"a long auth", document(good, rfcPublic, "BTBZMqHH6r4Tts7J_aSIggA", ""), ErrKeys},
	} {
		err := b.Vet(tt.raw)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, not %v", tt.name, err, tt.want)
		}
		if err != nil && (strings.Contains(err.Error(), "/x") || strings.Contains(err.Error(), "fcm/send")) {
			t.Errorf("%s: the error %q tells the endpoint", tt.name, err)
		}
	}
}

func TestConfig(t *testing.T) {
	if _, err := New(Config{Contact: contact}); !errors.Is(err, ErrConfig) {
		t.Errorf("a bell without keys: %v", err)
	}
	if _, err := New(Config{Keys: testKeys(t), Contact: "nobody"}); !errors.Is(err, ErrConfig) {
		t.Errorf("a bell without a contact: %v", err)
	}
	for _, bad := range []string{
		"", "*", "*.com", ".example.org", "*example.org", "a.*.org", "https://push.example.org", "push.example.org/x", "push.example.org.",
		"push.example.org:", "push.example.org:0", "push.example.org:65536", "push.example.org:0443", "push.example.org:+443", "127.0.0.1", "[::1]:443", "::1", "-a.example.org", "pü.example",
	} {
		if _, err := New(Config{Keys: testKeys(t), Contact: contact, Allow: []string{bad}}); !errors.Is(err, ErrConfig) {
			t.Errorf("%q is taken as a push service: %v", bad, err)
		}
	}
	nobody := testBell(t, Config{Allow: []string{}})
	if err := nobody.Vet(document("https://fcm.googleapis.com/x", rfcPublic, rfcAuth, "")); !errors.Is(err, ErrNotListed) {
		t.Errorf("an empty list allows: %v", err)
	}
}

// FuzzVet: whatever a phone sends, nothing panics, no error tells the endpoint, and what is taken leads nowhere but to a
// listed host by https.
func FuzzVet(f *testing.F) {
	for _, endpoint := range []string{
		"https://fcm.googleapis.com/fcm/send/secretsecret", "https://a.push.apple.com:443/secretsecret", "https://u@fcm.googleapis.com/secretsecret",
		"https://[::1]/secretsecret", "https://fcm.googleapis.com\\@x/secretsecret", "https://%66cm.googleapis.com/secretsecret", "//fcm.googleapis.com/secretsecret",
	} {
		f.Add(document(endpoint, rfcPublic, rfcAuth, ""))
		f.Add(document(endpoint, rfcPublic, rfcAuth, `,"expirationTime":1e300`))
		f.Add(document(endpoint, rfcAuth, rfcPublic, `,"keys":null`))
	}
	b := testBell(f, Config{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := b.Vet(raw); err != nil {
			if strings.Contains(err.Error(), "/secretsecret") {
				t.Errorf("an error tells the endpoint: %v", err)
			}
			return
		}
		s, err := b.parse(raw)
		if err != nil {
			t.Fatal("vetted, but not to be rung")
		}
		// The address is read by another reader than the one that vetted it, as literally as can be.
		rest, ok := strings.CutPrefix(strings.ToLower(s.endpoint), "https://")
		authority := rest
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			authority = rest[:i]
		}
		authority = strings.TrimSuffix(authority, ":443")
		listed := false
		for _, v := range Vendors() {
			below, wild := strings.CutPrefix(v, "*")
			listed = listed || authority == v || wild && strings.HasSuffix(authority, below) && strings.Trim(strings.TrimSuffix(authority, below), "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
		}
		if !ok || !listed {
			t.Errorf("%q is taken", s.endpoint)
		}
	})
}
