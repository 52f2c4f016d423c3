// Package password checks the first factor that Latchkey keeps itself: argon2id hashes,
// in a pool that is bounded and fair, since one check takes some 20 ms of a core.
//
// The package must never know users, stores or locks.
package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/latchkey/latchkey/core/secret"
)

// Params are argon2id's (RFC 9106). They are stored with each hash, so that raising them
// leaves older hashes valid.
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// Default is the second of OWASP's recommended settings: 19 MiB, two passes, one lane.
var Default = Params{Memory: 19 * 1024, Time: 2, Threads: 1}

// Bounds on stored parameters, so that a damaged record cannot ask for a terabyte.
const (
	maxMemory = 1 << 20 // 1 GiB
	maxTime   = 64
	saltLen   = 16
	sumLen    = 32
)

// ErrHash: the stored hash does not parse.
var ErrHash = errors.New("password: stored hash does not parse")

var b64 = base64.RawStdEncoding

// Hash gives the PHC string of a new salted hash: $argon2id$v=19$m=…,t=…,p=…$salt$sum.
func Hash(password secret.Secret, p Params) secret.Secret {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails: crypto/rand aborts the process instead
	sum := argon2.IDKey([]byte(password.Reveal()), salt, p.Time, p.Memory, p.Threads, sumLen)
	return secret.New(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		p.Memory, p.Time, p.Threads, b64.EncodeToString(salt), b64.EncodeToString(sum)))
}

// Verify tells whether password is the one of hash.
func Verify(password, hash secret.Secret) (bool, error) {
	p, salt, sum, err := parse(hash.Reveal())
	if err != nil {
		return false, err
	}
	got := argon2.IDKey([]byte(password.Reveal()), salt, p.Time, p.Memory, p.Threads, uint32(len(sum)))
	return subtle.ConstantTimeCompare(got, sum) == 1, nil
}

func parse(phc string) (p Params, salt, sum []byte, err error) {
	part := strings.Split(phc, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, ErrHash
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &p.Memory, &p.Time, &p.Threads); err != nil ||
		p.Memory < 8 || p.Memory > maxMemory || p.Time < 1 || p.Time > maxTime || p.Threads < 1 {
		return p, nil, nil, ErrHash
	}
	if salt, err = b64.DecodeString(part[4]); err != nil || len(salt) < 8 {
		return p, nil, nil, ErrHash
	}
	if sum, err = b64.DecodeString(part[5]); err != nil || len(sum) < 16 || len(sum) > 128 {
		return p, nil, nil, ErrHash
	}
	return p, salt, sum, nil
}
