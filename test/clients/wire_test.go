package clients

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/test/appliance"
)

// Codes and attributes of RFC 2865 and RFC 2869, as far as these tests send or read them. The
// bytes are put together here a second time, by hand: the library of the appliance would agree
// with its own mistakes.
const (
	accessRequest   = 1
	accessAccept    = 2
	accessReject    = 3
	accessChallenge = 11

	userName             = 1
	userPassword         = 2
	replyMessage         = 18
	state                = 24
	messageAuthenticator = 80
)

type attribute struct {
	kind  byte
	value []byte
}

// request puts a signed Access-Request together.
func request(identifier byte, password string, attributes ...attribute) []byte {
	p := make([]byte, 20, 512)
	p[0], p[1] = accessRequest, identifier
	rand.Read(p[4:20])
	attributes = append(attributes, attribute{userPassword, hide(password, p[4:20])}, attribute{messageAuthenticator, make([]byte, 16)})
	for _, a := range attributes {
		p = append(append(p, a.kind, byte(2+len(a.value))), a.value...)
	}
	binary.BigEndian.PutUint16(p[2:4], uint16(len(p)))
	copy(p[len(p)-16:], sign(p))
	return p
}

// hide is RFC 2865 section 5.2.
func hide(password string, authenticator []byte) []byte {
	hidden := make([]byte, max(16, (len(password)+15)/16*16))
	copy(hidden, password)
	last := authenticator
	for i := 0; i < len(hidden); i += 16 {
		mask := md5.Sum(append([]byte(appliance.Secret), last...))
		for j := range 16 {
			hidden[i+j] ^= mask[j]
		}
		last = hidden[i : i+16]
	}
	return hidden
}

func sign(p []byte) []byte {
	h := hmac.New(md5.New, []byte(appliance.Secret))
	h.Write(p)
	return h.Sum(nil)
}

// nas is a socket of a NAS.
type nas struct{ net.Conn }

func dial(t *testing.T, a *appliance.Appliance) nas {
	t.Helper()
	conn, err := net.Dial("udp4", a.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return nas{conn}
}

// exchange sends a request, and gives the reply after a look at both of its signatures.
func (n nas) exchange(t *testing.T, request []byte) (raw []byte, values map[byte][][]byte) {
	t.Helper()
	if _, err := n.Write(request); err != nil {
		t.Fatal(err)
	}
	raw = make([]byte, 4096)
	if err := n.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	size, err := n.Read(raw)
	if err != nil {
		t.Fatalf("no reply: %v", err)
	}
	raw = raw[:size]
	if size < 20 || int(binary.BigEndian.Uint16(raw[2:4])) != size || raw[1] != request[1] {
		t.Fatalf("no reply to this request: %x", raw)
	}
	// RFC 2865 section 3: the Response Authenticator covers the request's.
	check := bytes.Clone(raw)
	copy(check[4:20], request[4:20])
	if sum := md5.Sum(append(bytes.Clone(check), appliance.Secret...)); !bytes.Equal(sum[:], raw[4:20]) {
		t.Fatalf("the Response Authenticator is wrong: %x", raw)
	}
	values = map[byte][][]byte{}
	for at := 20; at < size; {
		length := int(raw[at+1])
		if length < 2 || at+length > size {
			t.Fatalf("an attribute of %d bytes at %d: %x", length, at, raw)
		}
		if raw[at] == messageAuthenticator {
			signature := bytes.Clone(check[at+2 : at+length])
			clear(check[at+2 : at+length])
			if at != 20 || !hmac.Equal(sign(check), signature) {
				t.Fatalf("Message-Authenticator at %d, which is wrong or late: %x", at, raw)
			}
		}
		values[raw[at]] = append(values[raw[at]], raw[at+2:at+length])
		at += length
	}
	if len(values[messageAuthenticator]) != 1 {
		t.Fatalf("%d Message-Authenticators: %x", len(values[messageAuthenticator]), raw)
	}
	return raw, values
}

// answered takes lutz through the first round, and gives the request of the second.
func (n nas) answered(t *testing.T, identifier byte) []byte {
	t.Helper()
	raw, values := n.exchange(t, request(identifier, appliance.Password, attribute{userName, []byte("lutz")}))
	if raw[0] != accessChallenge || len(values[replyMessage]) != 1 || len(values[state]) != 1 {
		t.Fatalf("no challenge: %x", raw)
	}
	return request(identifier+1, appliance.Right(t, string(values[replyMessage][0])),
		attribute{userName, []byte("lutz")}, attribute{state, values[state][0]})
}

// A gateway that has not seen the Accept sends the same packet again, and must get the same
// Accept; the same bytes from anywhere else are a replay.
func TestRetransmission(t *testing.T) {
	t.Parallel()
	a := begin(t, "")
	n := dial(t, a)
	answer := n.answered(t, 7)
	from := a.Log.Len()
	first, _ := n.exchange(t, answer)
	again, _ := n.exchange(t, answer)
	if first[0] != accessAccept || !bytes.Equal(first, again) {
		t.Errorf("want one Accept twice, have\n%x\n%x", first, again)
	}
	if replayed, _ := dial(t, a).exchange(t, answer); replayed[0] != accessReject {
		t.Errorf("the answer from another port: code %d, want a Reject", replayed[0])
	}
	a.Log.Await(t, from, `"step":"accept"`)
	a.Log.Await(t, from, `"reason":"replayed"`)
	if n := strings.Count(a.Log.After(from), `"step":"accept"`); n != 1 {
		t.Errorf("%d accepts in the log, want one\n%s", n, a.Log)
	}
	if outcomes, want := logins(t, a, "lutz"), []string{"accept right", "reject replayed"}; !slices.Equal(outcomes, want) {
		t.Errorf("the audit log has %q, want %q", outcomes, want)
	}
}
