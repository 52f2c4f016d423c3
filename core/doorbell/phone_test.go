package doorbell

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/secret"
)

var b64 = base64.RawURLEncoding

func unb64(t testing.TB, text string) []byte {
	t.Helper()
	b, err := b64.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// browser is the other end: the keys that never leave it, and what it does with a message. It shares no code with what
// it tests; HKDF is spelt out as RFC 8291 section 3.4 has it.
type browser struct {
	private *ecdh.PrivateKey
	auth    []byte
}

func newBrowser(t testing.TB) *browser {
	t.Helper()
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &browser{private, make([]byte, 16)}
	_, _ = rand.Read(p.auth)
	return p
}

// subscription is what the browser's PushSubscription.toJSON gives.
func (p *browser) subscription(endpoint string) secret.Secret {
	return secret.New(fmt.Sprintf(`{"endpoint":%q,"expirationTime":null,"keys":{"p256dh":%q,"auth":%q}}`,
		endpoint, b64.EncodeToString(p.private.PublicKey().Bytes()), b64.EncodeToString(p.auth)))
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// decrypt opens a body of one record and gives the text without its padding.
func (p *browser) decrypt(body []byte) ([]byte, error) {
	if len(body) < 21 || len(body) < 21+int(body[20]) {
		return nil, errors.New("the body has no whole header")
	}
	salt, size, sender := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:21+int(body[20])]
	record := body[21+int(body[20]):]
	if int(size) <= len(record) {
		return nil, errors.New("the record is not smaller than the record size")
	}
	key, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, err
	}
	shared, err := p.private.ECDH(key)
	if err != nil {
		return nil, err
	}
	info := bytes.Join([][]byte{[]byte("WebPush: info\x00"), p.private.PublicKey().Bytes(), sender}, nil)
	prk := mac(salt, mac(mac(p.auth, shared), info, []byte{1}))
	block, err := aes.NewCipher(mac(prk, []byte("Content-Encoding: aes128gcm\x00\x01"))[:16])
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	text, err := gcm.Open(nil, mac(prk, []byte("Content-Encoding: nonce\x00\x01"))[:12], record, nil)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimRight(text, "\x00")
	if len(text) == 0 || text[len(text)-1] != 2 {
		return nil, errors.New("the padding does not end the last record")
	}
	return text[:len(text)-1], nil
}

type claims struct {
	Audience string  `json:"aud"`
	Expires  float64 `json:"exp"`
	Subject  string  `json:"sub"`
}

// verify reads an Authorization header as a push service does: RFC 8292 sections 2 and 3.
func verify(header string) (claims, error) {
	var c claims
	parameters, ok := strings.CutPrefix(header, "vapid ")
	if !ok {
		return c, errors.New("not the scheme vapid")
	}
	values := map[string]string{}
	for p := range strings.SplitSeq(parameters, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		values[name] = value
	}
	point, err := b64.DecodeString(values["k"])
	if err != nil {
		return c, err
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return c, err
	}
	parts := strings.Split(values["t"], ".")
	if len(parts) != 3 {
		return c, errors.New("not a JWT")
	}
	var head struct{ Typ, Alg string }
	for i, into := range []any{&head, &c} {
		text, err := b64.DecodeString(parts[i])
		if err != nil {
			return c, err
		}
		if err := json.Unmarshal(text, into); err != nil {
			return c, err
		}
	}
	signature, err := b64.DecodeString(parts[2])
	if err != nil || len(signature) != 64 || head.Alg != "ES256" || head.Typ != "JWT" {
		return c, errors.New("not a JWT with ES256")
	}
	hash := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(key, hash[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return c, errors.New("the signature is not the key's")
	}
	return c, nil
}

// pushService is a push service for one phone that also is the phone: what arrives it decrypts, and judges as a real
// one does. Tests say with answers what it replies, the last for ever.
type pushService struct {
	phone   *browser
	origin  string
	path    string
	answers []func(w http.ResponseWriter, r *http.Request)

	mu   sync.Mutex
	got  []received
	bell chan struct{} // where wanted: one for each request that was judged
}

type received struct {
	at    time.Time
	ttl   string
	token string
	proto string
	err   error
}

const capability = "/send/e7d1c0ffee-nobody-may-see-this"

func newPushService(t testing.TB, origin string, answers ...func(http.ResponseWriter, *http.Request)) *pushService {
	if len(answers) == 0 {
		answers = append(answers, status(http.StatusCreated))
	}
	return &pushService{phone: newBrowser(t), origin: origin, path: capability, answers: answers}
}

func (s *pushService) subscription() secret.Secret { return s.phone.subscription(s.origin + s.path) }

func (s *pushService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in := received{at: time.Now(), ttl: r.Header.Get("TTL"), token: r.Header.Get("Authorization"), proto: r.Proto, err: s.judge(r)}
	s.mu.Lock()
	answer := s.answers[min(len(s.got), len(s.answers)-1)]
	s.got = append(s.got, in)
	s.mu.Unlock()
	if in.err != nil {
		w.WriteHeader(http.StatusBadRequest)
	} else {
		answer(w, r)
	}
	if s.bell != nil {
		s.bell <- struct{}{}
	}
}

func (s *pushService) judge(r *http.Request) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4097))
	if err != nil || len(body) > 4096 {
		return fmt.Errorf("a body of %d bytes or more: %w", len(body), err)
	}
	for name, want := range map[string]string{"Content-Encoding": "aes128gcm", "Urgency": "high", "Topic": "latchkey"} {
		if got := r.Header.Get(name); got != want {
			return fmt.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if r.Method != "POST" || r.URL.Path != s.path {
		return fmt.Errorf("%s %s", r.Method, r.URL.Path)
	}
	c, err := verify(r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	left := time.Until(time.Unix(int64(c.Expires), 0))
	if c.Audience != s.origin || c.Subject != contact || left <= 0 || left > 24*time.Hour {
		return fmt.Errorf("claims %+v, at %s, %s left", c, s.origin, left)
	}
	text, err := s.phone.decrypt(body)
	if err != nil || string(text) != "{}" {
		return fmt.Errorf("the message says %q: %w", text, err)
	}
	return nil
}

func (s *pushService) requests(t testing.TB) []received {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.got {
		if r.err != nil {
			t.Errorf("the push service was asked wrongly: %v", r.err)
		}
	}
	return s.got
}

func status(code int, headers ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "no such thing as "+capability)
	}
}
