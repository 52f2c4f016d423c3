package core

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// A session is 256 random bits in a cookie; of them only the hash is kept. It belongs to a user and an epoch, a
// policy and a generation of the state: when one of them is another one, it is over.

// strength orders what a person has shown (threat: the weakest way in). The numbers stand in records.
type strength uint8

const (
	strengthNone    strength = 0
	strengthCode    strength = 1 // a temporary or recovery code: it opens a login, and changes nothing
	strengthPrompt  strength = 2 // characters asked for on the same screen
	strengthMessage strength = 3 // characters asked for by message
	strengthPhone   strength = 4 // an approval on a phone
)

// String gives the word that pages translate.
func (s strength) String() string {
	switch s {
	case strengthCode:
		return "code"
	case strengthPrompt:
		return "prompt"
	case strengthMessage:
		return "message"
	case strengthPhone:
		return "phone"
	}
	return "none"
}

// sessionKey is the hash of a session's id.
type sessionKey [sha256.Size]byte

// sessionRecord stands under keySession.
type sessionRecord struct {
	User       userID   `cbor:"1,keyasint"`
	Epoch      uint64   `cbor:"2,keyasint,omitempty"`
	Generation uint64   `cbor:"3,keyasint"`
	Policy     [8]byte  `cbor:"4,keyasint"` // hash of what decides in the policy
	Created    int64    `cbor:"5,keyasint"` // Unix milliseconds
	Seen       int64    `cbor:"6,keyasint"`
	Strength   strength `cbor:"7,keyasint,omitempty"`
	// Newcomer: it began with the code word. It may set what is missing, and replace nothing.
	Newcomer bool `cbor:"8,keyasint,omitempty"`
	// Proof is what was shown in this session for a change, and Proved when.
	Proof  strength `cbor:"9,keyasint,omitempty"`
	Proved int64    `cbor:"10,keyasint,omitempty"`
	// Asked is the hash of the token that this session's own proof waits with.
	Asked []byte `cbor:"11,keyasint,omitempty"`
	// Invitation is the one that was made here; its phone can be confirmed here alone. Equal says that it was
	// made on the word of another phone.
	Invitation *mobile.InvitationID `cbor:"12,keyasint,omitempty"`
	Equal      bool                 `cbor:"13,keyasint,omitempty"`
	Checks     int                  `cbor:"14,keyasint,omitempty"` // wrong check codes
	Reports    int                  `cbor:"15,keyasint,omitempty"` // logins that were said to be somebody else's
}

func keySession(key sessionKey) []byte { return append([]byte{'k'}, key[:]...) }

// sessionsRecord stands under keySessions: a user's sessions, the oldest first; some may be over.
type sessionsRecord struct {
	Keys []sessionKey `cbor:"1,keyasint,omitempty"`
}

func keySessions(id userID) []byte { return append([]byte{'j'}, id[:]...) }

// maxSessions of one user stand beside each other; the next sign-in ends the oldest.
const maxSessions = 10

const (
	sessionIdle  = 10 * time.Minute
	sessionLasts = time.Hour
	// seenEvery bounds what a page that is looked at writes.
	seenEvery = time.Minute
	// proofFor is how long a proof is good for changes, in the session that it was given in.
	proofFor = 5 * time.Minute
)

func (c *Core) sessionIdle() time.Duration {
	if c.set.SelfService.Idle > 0 {
		return c.set.SelfService.Idle
	}
	return sessionIdle
}

func (c *Core) sessionLasts() time.Duration {
	if c.set.SelfService.Lasts > 0 {
		return c.set.SelfService.Lasts
	}
	return sessionLasts
}

// sessionID reads what a cookie holds; what is no id at all has no key.
func sessionID(cookie Secret) (key sessionKey, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cookie.Reveal())
	if err != nil || len(b) != 32 {
		return key, false
	}
	return sha256.Sum256(b), true
}

// guard is what the page must send beside the cookie: another site that could make the browser send the one does
// not know the other. It is derived, so that nothing more is kept.
func (c *Core) guard(cookie Secret) string {
	return base64.RawURLEncoding.EncodeToString(mac(c.bindKey, "self-service guard", cookie.Reveal()))
}

var errSignedOut = &DeviceError{CodeSignedOut, "sign in first"}

// loadSession gives the session of a cookie and its user, where all that it rests on still stands.
func (c *Core) loadSession(r store.Reader, now time.Time, p *policy, cookie Secret) (key sessionKey, s sessionRecord, who subject, err error) {
	key, ok := sessionID(cookie)
	if !ok {
		return key, s, who, errSignedOut
	}
	found, err := get(r, keySession(key), &s)
	if err != nil {
		return key, s, who, err
	}
	at := now.UnixMilli()
	if !found || s.Generation != c.generation || s.Policy != p.hash ||
		at-s.Seen >= c.sessionIdle().Milliseconds() || at-s.Created >= c.sessionLasts().Milliseconds() {
		return key, s, who, errSignedOut
	}
	if found, err = get(r, keyUser(s.User), &who.user); err != nil {
		return key, s, who, err
	}
	if !found || who.user.Epoch != s.Epoch || who.user.Disabled || who.user.Locked ||
		who.user.Expires != 0 && now.Unix() >= who.user.Expires {
		return key, s, who, errSignedOut
	}
	var counts countRecord
	if _, err = get(r, keyCount(s.User), &counts); err != nil {
		return key, s, who, err
	}
	if counts.ForGood && c.set.Locks.PermanentlyAfter > 0 {
		return key, s, who, errSignedOut // a lock for a time is for those outside
	}
	who.name, who.given, who.id, who.known, who.vouched = who.user.Name, who.user.Name, s.User, true, true
	return key, s, who, nil
}

// session finds the call's session, and tells whether it wrote that it was seen. guarded asks for the header too.
func (k *selfCall) session(guarded bool) (written bool, err error) {
	if k.key, k.s, k.who, err = k.loadSession(k.t, k.now, k.p, k.call.Session); err != nil {
		return false, err
	}
	if guarded && !hmac.Equal([]byte(k.call.Guard.Reveal()), []byte(k.guard(k.call.Session))) {
		return false, errSignedOut
	}
	if k.now.UnixMilli()-k.s.Seen < seenEvery.Milliseconds() {
		return false, nil
	}
	k.s.Seen = k.now.UnixMilli()
	return true, k.putSession()
}

func (k *selfCall) putSession() error { return put(k.t, keySession(k.key), k.s) }

// stays lets this session outlive a change of its own that raises the epoch; all others of the user end.
func (k *selfCall) stays(epoch uint64) error {
	k.s.Epoch = epoch
	return k.putSession()
}

// signedIn opens a session in the transaction that accepts, or, where a session asked for a proof, notes it
// there. It is false where that session is over.
func (j *judgement) signedIn(reason Reason) (bool, error) {
	shown := strengthCode
	switch reason {
	case RightApproval, RightPhoneCode:
		shown = strengthPhone
	case Right:
		shown = strengthPrompt
		if j.claims.Form != 0 {
			shown = strengthMessage
		}
	}
	if self := j.a.self; self.proof {
		key, s, who, err := j.loadSession(j.t, j.now, j.p, self.cookie)
		if refused := (*DeviceError)(nil); err != nil && !asRefusal(err, &refused) {
			return false, err
		}
		if err != nil || who.id != j.who.id {
			return false, nil
		}
		s.Proof, s.Proved, s.Seen, s.Asked = shown, j.now.UnixMilli(), j.now.UnixMilli(), nil
		return true, put(j.t, keySession(key), s)
	}
	// A cookie that the browser brought along is not taken over: whoever planted it knows it.
	if old, ok := sessionID(j.a.self.cookie); ok {
		j.t.Delete(keySession(old))
	}
	var id [32]byte
	_, _ = rand.Read(id[:])
	s := sessionRecord{
		User: j.who.id, Epoch: j.who.user.Epoch, Generation: j.generation, Policy: j.p.hash, Created: j.now.UnixMilli(), Seen: j.now.UnixMilli(),
		Strength: shown, Newcomer: reason == RightCodeWord,
	}
	if s.Newcomer {
		s.Strength = strengthNone
	}
	j.session = secret.New(base64.RawURLEncoding.EncodeToString(id[:]))
	key := sha256.Sum256(id[:])
	return true, errors.Join(put(j.t, keySession(key), s), j.oneMore(key))
}

// oneMore adds a session to the user's list, and ends the oldest where there are too many.
func (j *judgement) oneMore(key sessionKey) error {
	var list sessionsRecord
	if _, err := get(j.t, keySessions(j.who.id), &list); err != nil {
		return err
	}
	var stand []sessionKey
	for _, old := range list.Keys {
		var s sessionRecord
		if found, err := get(j.t, keySession(old), &s); err != nil {
			return err
		} else if found {
			stand = append(stand, old)
		}
	}
	for len(stand) >= maxSessions {
		j.t.Delete(keySession(stand[0]))
		stand = stand[1:]
	}
	return put(j.t, keySessions(j.who.id), sessionsRecord{Keys: append(stand, key)})
}

// signOut ends the session.
func (k *selfCall) signOut() (any, error) {
	if err := k.call.body(&struct{}{}); err != nil {
		return nil, err
	}
	k.t.Delete(keySession(k.key))
	k.reply.Ended = true
	return struct{}{}, nil
}

// SweepSessions removes those that are over. The daemon calls it from time to time; nothing rests on it.
func (c *Core) SweepSessions(ctx context.Context) error {
	now := c.clock.Now().UnixMilli()
	var old [][]byte
	err := c.store.View(ctx, func(r store.Reader) error {
		return r.Scan([]byte{'k'}, nil, func(key, value []byte) bool {
			var s sessionRecord
			if cborDecode.Unmarshal(value, &s) == nil && (now-s.Seen >= c.sessionIdle().Milliseconds() || now-s.Created >= c.sessionLasts().Milliseconds()) {
				old = append(old, slices.Clone(key))
			}
			return len(old) < 1000
		})
	})
	if err != nil || len(old) == 0 {
		return err
	}
	return c.store.Update(ctx, func(t store.Txn) error {
		for _, key := range old {
			// One that was used meanwhile has a new time.
			var s sessionRecord
			if found, err := get(t, key, &s); err != nil {
				return err
			} else if found && now-s.Seen < c.sessionIdle().Milliseconds() && now-s.Created < c.sessionLasts().Milliseconds() {
				continue
			}
			t.Delete(key)
		}
		return nil
	})
}
