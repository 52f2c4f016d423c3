package doorbell

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
)

// The message: nothing but that there is something to see. The padding keeps its length the same should it ever say
// more.
const (
	marker     = "{}"
	paddedSize = 128 // of what is encrypted, the delimiter included
)

// recordSize is what the header says. It is greater than any message of ours, as one record demands (RFC 8291 section
// 4), and as small as push services must at least take (RFC 8030 section 7.2).
const recordSize = 4096

// encrypt makes the body of a push message for one phone: a fresh key and salt each time.
func encrypt(s *subscription) ([]byte, error) {
	sender, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails
	return seal([]byte(marker), paddedSize-len(marker)-1, s.key, s.auth, sender, salt)
}

// seal encrypts plaintext and padding as the one record of an aes128gcm body: RFC 8291 sections 3.4 and 4, RFC 8188
// section 2.
func seal(plaintext []byte, padding int, phone *ecdh.PublicKey, auth []byte, sender *ecdh.PrivateKey, salt [16]byte) ([]byte, error) {
	shared, err := sender.ECDH(phone)
	if err != nil {
		return nil, err
	}
	own := sender.PublicKey().Bytes()
	ikm, err := hkdf.Key(sha256.New, shared, auth, "WebPush: info\x00"+string(phone.Bytes())+string(own), 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt[:], "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt[:], "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}

	body := append([]byte(nil), salt[:]...)
	body = binary.BigEndian.AppendUint32(body, recordSize)
	body = append(body, byte(len(own)))
	body = append(body, own...)
	record := append(append([]byte(nil), plaintext...), 2) // the delimiter of the last record
	record = append(record, make([]byte, padding)...)
	return gcm.Seal(body, nonce, record, nil), nil
}
