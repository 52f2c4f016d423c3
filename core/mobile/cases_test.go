package mobile

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"strings"
	"testing"

	"github.com/cloudflare/circl/group"
)

// Test vectors of RFC 9497, appendix A.1.1: OPRF(ristretto255, SHA-512), mode 0x00.
const (
	rfcKey   = "5ebcea5ee37023ccb9fc2d2019f9d7737be85591ae8652ffa9ef0f4d37063b0e"
	rfcBlind = "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706"
)

// rfc9497 lists input, blinded element, evaluated element and output.
func rfc9497() [][4]string {
	return [][4]string{
		{"00", "609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c", "7ec6578ae5120958eb2db1745758ff379e77cb64fe77b0b2d8cc917ea0869c7e",
			"527759c3d9366f277d8c6020418d96bb393ba2afb20ff90df23fb7708264e2f3ab9135e3bd69955851de4b1f9fe8a0973396719b7912ba9ee8aa7d0b5e24bcf6"},
		{"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a", "da27ef466870f5f15296299850aa088629945a17d1f5b7f5ff043f76b3c06418", "b4cbf5a4f1eeda5a63ce7b77c7d23f461db3fcab0dd28e4e17cecb5c90d02c25",
			"f4a74c9c592497375e796aa837e907b1a045d34306a749db9f34221f7e750cb4f2a6413a6bf6fa5e19ba6348eb673934a722a7ede2e7621306d18951e7cf2c73"},
	}
}

type badPoint struct {
	why   string
	point []byte
}

// badPoints are no canonical encodings of an element other than the identity: RFC 9496, appendix A.3, and our own.
func badPoints(t testing.TB) []badPoint {
	good := must[[]byte](t)(group.Ristretto255.Generator().MarshalBinaryCompress())
	ones := make([]byte, 32)
	for i := range ones {
		ones[i] = 0xff
	}
	return []badPoint{
		{"the identity", make([]byte, 32)},
		{"empty", []byte{}},
		{"31 bytes", good[:31]},
		{"33 bytes", append(append([]byte{}, good...), 0)},
		{"a field element out of range", unhex(t, "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")},
		{"the prime itself: another zero", unhex(t, "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
		{"a negative field element", unhex(t, "0100000000000000000000000000000000000000000000000000000000000000")},
		{"a negative field element", unhex(t, "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
		{"no square", unhex(t, "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371")},
		{"a negative product", unhex(t, "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e")},
		{"y is zero", unhex(t, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
		{"all ones", ones},
	}
}

// ecSPKI encodes any bytes as a point of P-256.
func ecSPKI(t testing.TB, point []byte) []byte {
	t.Helper()
	curve := must[[]byte](t)(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}))
	return must[[]byte](t)(asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, Parameters: asn1.RawValue{FullBytes: curve}},
		asn1.BitString{Bytes: point, BitLength: 8 * len(point)},
	}))
}

// rsaSPKI encodes a public key with any numbers.
func rsaSPKI(t testing.TB, n *big.Int, e int) []byte {
	return must[[]byte](t)(x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n, E: e}))
}

func odd(bits int) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return n.Add(n, big.NewInt(12345))
}

func refusedKeys(t testing.TB, v vectors) []refusedKey {
	point := append([]byte{}, v.Keys.Device.SPKI[len(v.Keys.Device.SPKI)-65:]...)
	off := append([]byte{}, point...)
	off[64] ^= 1
	compressed := append([]byte{2 + point[64]&1}, point[1:33]...)
	p384 := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n := odd(2048)
	list := []refusedKey{
		{"a point off the curve", "device", ecSPKI(t, off)},
		{"the point at infinity", "device", ecSPKI(t, []byte{0})},
		{"zero as a point", "device", ecSPKI(t, append([]byte{4}, make([]byte, 64)...))},
		{"a compressed point", "device", ecSPKI(t, compressed)},
		{"a point cut short", "device", ecSPKI(t, point[:64])},
		{"P-384", "device", must[[]byte](t)(x509.MarshalPKIXPublicKey(&p384.PublicKey))},
		{"Ed25519", "device", must[[]byte](t)(x509.MarshalPKIXPublicKey(edwards))},
		{"an RSA key", "device", v.Keys.Approval.SPKI},
		{"more after the end", "device", append(append([]byte{}, v.Keys.Device.SPKI...), 0)},
		{"empty", "device", []byte{}},
		{"an EC key", "approval", v.Keys.Device.SPKI},
		{"1024 bits", "approval", rsaSPKI(t, odd(1024), 65537)},
		{"2047 bits", "approval", rsaSPKI(t, odd(2047), 65537)},
		{"4097 bits", "approval", rsaSPKI(t, odd(4097), 65537)},
		{"16384 bits", "approval", rsaSPKI(t, odd(16384), 65537)},
		{"exponent 3", "approval", rsaSPKI(t, n, 3)},
		{"exponent 1", "approval", rsaSPKI(t, n, 1)},
		{"an even modulus", "approval", rsaSPKI(t, new(big.Int).Lsh(n, 1), 65537)},
		{"more after the end", "approval", append(append([]byte{}, v.Keys.Approval.SPKI...), 0)},
		{"cut short", "approval", v.Keys.Approval.SPKI[:200]},
		{"empty", "approval", []byte{}},
	}
	return list
}

func pkcs1(t testing.TB, key *rsa.PrivateKey, message []byte) []byte {
	hash := sha256.Sum256(message)
	return must[[]byte](t)(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, hash[:]))
}

func shortSalt(t testing.TB, key *rsa.PrivateKey, message []byte) []byte {
	hash := sha256.Sum256(message)
	return must[[]byte](t)(rsa.SignPSS(rand.Reader, key, crypto.SHA256, hash[:], &rsa.PSSOptions{SaltLength: 20}))
}

// alikes are other ways to type the same.
func alikes(typed string) []string {
	plain := strings.ReplaceAll(typed, "-", "")
	return []string{
		typed, strings.ToLower(typed), plain, " " + strings.ReplaceAll(typed, "-", " ") + " ",
		strings.NewReplacer("O", "0", "I", "1", "B", "8").Replace(typed),
	}
}

func badURLs(good string) []refusedText {
	invited := good[strings.Index(good, "#i=")+3 : strings.Index(good, "&c=")]
	pin := good[strings.Index(good, "&c=")+3:]
	raw, _ := base64.RawURLEncoding.DecodeString(invited)
	version2 := append([]byte{2}, raw[1:]...)
	replace := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	return []refusedText{
		{"nothing", ""},
		{"http", replace("https", "http")},
		{"no scheme", replace("https://", "")},
		{"capitals in the scheme", replace("https", "HTTPS")},
		{"no host", replace("vpn.example.org:8443", "")},
		{"a user", replace("vpn.", "me@vpn.")},
		{"another path", replace("/app/", "/apq/")},
		{"a longer path", replace("/app/", "/x/app/")},
		{"a query", replace("/app/#", "/app/?x#")},
		{"no fragment", replace("#", "")},
		{"no invitation", replace("i="+invited+"&", "")},
		{"an empty invitation", replace(invited, "")},
		{"an empty pin", replace(pin, "")},
		{"a pin too short", replace(pin, pin[:40])},
		{"a pin of zeros", replace(pin, strings.Repeat("A", 43))},
		{"padding", replace(invited, invited+"==")},
		{"a line break in it", replace(invited, invited[:8]+"\n"+invited[8:])},
		{"bits left over", replace(pin, pin[:42]+"B")},
		{"a byte more", replace(invited, base64.RawURLEncoding.EncodeToString(append(raw, 0)))},
		{"a byte less", replace(invited, base64.RawURLEncoding.EncodeToString(raw[:24]))},
		{"another version", replace(invited, base64.RawURLEncoding.EncodeToString(version2))},
		{"the wrong order", replace("i="+invited+"&c="+pin, "c="+pin+"&i="+invited)},
		{"a third part", good + "&x=1"},
		{"two pins", good + "&c=" + pin},
		{"space around it", " " + good},
	}
}

func badTyped(good string) []refusedText {
	flip := func(at int) string {
		b := []byte(good)
		if b[at] == 'A' {
			b[at] = 'C'
		} else {
			b[at] = 'A'
		}
		return string(b)
	}
	return []refusedText{
		{"nothing", ""},
		{"a wrong letter", flip(7)},
		{"a wrong letter at the end of the sum", flip(len(good) - 2)},
		{"two letters swapped", swapped(good)},
		{"a letter less", good[:len(good)-1]},
		{"a letter more", good + "A"},
		{"nine, which is none of its digits", "9" + good[1:]},
		{"padding", good + "="},
		{"a line break", good[:5] + "\n" + good[6:]},
	}
}

// swapped exchanges the first two different neighbours after the version.
func swapped(good string) string {
	b := []byte(good)
	for i := 6; i < 10; i++ {
		if b[i] != b[i+1] && b[i] != '-' && b[i+1] != '-' {
			b[i], b[i+1] = b[i+1], b[i]
			break
		}
	}
	return string(b)
}

func pinChecks() []pinCheck {
	var checks []pinCheck
	add := func(verdict string, digits int, pins ...string) {
		for _, pin := range pins {
			checks = append(checks, pinCheck{pin, digits, verdict})
		}
	}
	add("ok", 6, "481516", "902714", "730186", "９０２７１４", " 902714 ", "8264071", "402618573906")
	add("ok", 4, "7294", "4836", "8305", "72940", "61940")
	add("ok", 12, "402618573906")
	add("ok", 6, "Regen im Mai", "tr0ub4dor&3", "Straße nach Süden", "correct horse", "ключ под ковром")
	add("short", 6, "", "1", "48151", "Regen", "        ", "48151a")
	add("short", 12, "40261857390")
	add("long", 6, "4026185739061", strings.Repeat("Regen im Mai ", 6))
	add("text", 6, "481516\t", "Regen\x00im Mai", "Regen\u200bim Mai", "Regen im Mai\u202e", "Regen im \ufffdMai", "Regen\nim Mai")
	add("common", 6,
		"000000", "777777", "121212", "112211", "696969", // two digits
		"123456", "234567", "654321", "987654", "890123", "246802", "135791", "369258", // steady
		"123123", "456456", "250250", // repeats
		"123321", "147741", "259952", // mirrored
		"112233", "998877", "111222333", // runs
		"123654", "456123", "123789", "321789", // halves
		"102030", "142536", "101112", "010203", // interleaved
		"241281", "122481", "811224", "290204", "061987", "198706", "24122031", "12242031", "20311224", // dates
		"147896", "125896", "258085", // walks
		"147258", "159753", "789456", "963741", "753951", // lines
		"137913", "973197", // corners
		"314159", "271828", "141421", "161803", "520131", "5201314") // numbers
	add("common", 4, "1234", "0000", "4321", "1212", "6969", "2580", "0852", "1379", "2412", "1224", "1987", "2001", "1236", "1221", "1004", "3141")
	add("common", 6, "password", "Passwort1!", "p4ssw0rd", "qwertzui", "QWERTYUI", "asdfghjk", "1q2w3e4r", "abcdefgh", "aaaaaaaa", "abababab", "abcabcabc",
		"hgfedcba", "latchkey1", "12345678!", "!!!!????", "changeme", "willkommen2026", "passwordpassword", "ichliebedich", "poiuztre")
	return checks
}

// uint32At helps the fuzz target of frames to read them back.
func uint32At(b []byte) (int, []byte, bool) {
	if len(b) < 4 {
		return 0, nil, false
	}
	return int(binary.BigEndian.Uint32(b)), b[4:], true
}
