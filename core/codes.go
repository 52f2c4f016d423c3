package core

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/token"
)

// The two codes that stand in for answers for a time: the code word of a new user, and the
// helpdesk's temporary code.

// randomness is crypto/rand as a reader; it never fails.
type randomness struct{}

func (randomness) Read(p []byte) (int, error) { return rand.Read(p) }

// temporaryLetters are those of temporary codes: no vowels, so that no words come out, and
// none that look or sound alike.
const (
	temporaryLetters = "BCDFGHJKLMNPQRSTVWXZ"
	temporaryLength  = 8
)

func codeContext(id userID, kind string, c *codeRecord) string {
	return fmt.Sprintf("%s|%s|%d|%016x", kind, id, c.Serial, c.Generation)
}

// sealCode makes a record of a new code.
func (c *Core) sealCode(id userID, kind string, text secret.Secret, valid time.Duration, uses int) (*codeRecord, error) {
	now := c.clock.Now()
	r := &codeRecord{Until: now.Add(valid).Unix(), Uses: uses, Generation: c.generation, Serial: binary.BigEndian.Uint64(randomBytes(8))}
	var err error
	r.Sealed, err = c.keys.Seal(text, codeContext(id, kind, r))
	return r, err
}

func (c *Core) codeValid(r *codeRecord, now time.Time) bool {
	return r != nil && r.Uses > 0 && r.Generation == c.generation && now.Unix() < r.Until
}

func (c *Core) temporaryValid(who subject, now time.Time) bool {
	return c.codeValid(who.user.Temporary, now)
}

func (c *Core) codeWordOpens(who subject, now time.Time) bool {
	return c.set.CodeWords.OpensLogin && c.codeValid(who.user.CodeWord, now)
}

// codeOpens tells whether the user has a code that can be typed at any prompt: a temporary one, or one of the
// recovery codes.
func (c *Core) codeOpens(r store.Reader, who subject) (bool, error) {
	if c.temporaryValid(who, c.clock.Now()) {
		return true, nil
	}
	return c.hasRecovery(r, who.id)
}

// askCode makes the step that asks for such a code alone. phoneLocked says that it stands in for a phone.
func (c *Core) askCode(a Attempt, p *policy, who subject, now time.Time, checked, phoneLocked bool) Step {
	tag := c.tag(who.user.Language, a.Language)
	text := language.In(tag).Texts.TemporaryCode
	if phoneLocked {
		text = language.In(tag).Texts.PhoneLockedCode
	}
	return c.challenge(a, p, who, now, token.Code, checked, [8]byte{}, c.spell(a, tag, text))
}

// newCodeWord draws a code word in the user's language.
func (c *Core) newCodeWord(id userID, lang string) (*codeRecord, secret.Secret, error) {
	words, err := language.CodeWords(c.tag(lang), c.set.CodeWords.Words, randomness{})
	if err != nil {
		return nil, secret.Secret{}, err
	}
	text := secret.New(strings.Join(words, " "))
	r, err := c.sealCode(id, "codeword", text, c.set.CodeWords.Valid, 1)
	return r, text, err
}

// newTemporary draws a temporary code.
func newTemporary() secret.Secret { return newCode(temporaryLength) }

// newCode draws letters.
func newCode(length int) secret.Secret {
	b := make([]byte, 0, length)
	var one [1]byte
	for len(b) < length {
		_, _ = rand.Read(one[:])
		// 240 is the largest multiple of 20 in a byte: no letter is likelier than another.
		if one[0] < 240 {
			b = append(b, temporaryLetters[int(one[0])%len(temporaryLetters)])
		}
	}
	return secret.FromBytes(b)
}

// codeWordChallenge asks for characters of the code word, the same ones until it is used.
func (c *Core) codeWordChallenge(who subject) (*opened, error) {
	r := who.user.CodeWord
	text, err := c.keys.Open(r.Sealed, codeContext(who.id, "codeword", r))
	if err != nil {
		return nil, fmt.Errorf("code word of user %s: %w", who.id, err)
	}
	answer, err := pinphrase.Normalise(text.Reveal())
	if err != nil {
		return nil, fmt.Errorf("code word of user %s: %w", who.id, err)
	}
	stream := pinphrase.Stream(c.drawKey.key, "codeword", who.id.String(), fmt.Sprint(r.Serial), fmt.Sprint(c.set.PINphrase.Positions))
	set, err := pinphrase.Draw(answer, min(c.set.PINphrase.Positions, answer.Len()-1), nil, stream)
	if err != nil {
		return nil, err
	}
	o := &opened{kind: token.CodeWord, question: pinphrase.CodeWordQuestion(), answer: answer, length: answer.Len()}
	o.record.Set = set
	_, err = io.ReadFull(stream, o.record.ID[:])
	return o, err
}

// codeWord judges a reply to the code word's challenge; right, it is spent.
func (j *judgement) codeWord(text secret.Secret) error {
	if !j.codeWordOpens(j.who, j.now) {
		return j.dismiss(StaleToken)
	}
	o, err := j.codeWordChallenge(j.who)
	if err != nil {
		return err
	}
	if o.record.ID != j.claims.Challenge {
		return j.dismiss(StaleToken)
	}
	switch result := o.answer.Match(o.record.Set, text.Reveal(), j.set.PINphrase.Equivalents); {
	case result.Malformed():
		return j.wrong(Malformed)
	case result != pinphrase.Right:
		return j.wrong(WrongAnswer)
	}
	user := j.who.user
	spent := *user.CodeWord
	spent.Uses = 0
	user.CodeWord = &spent
	if err := put(j.t, keyUser(j.who.id), &user); err != nil {
		return err
	}
	return j.accept(RightCodeWord, language.In(j.tag(user.Language, j.a.Language)).Texts.CodeWordUsed)
}

// temporary takes the temporary code at any prompt. A reply that is none goes on to be judged
// as what was asked for; the two never have the same length.
func (j *judgement) temporary(text secret.Secret) (taken bool, err error) {
	letters := pinphrase.CanonicalReply(text.Reveal())
	if len(letters) != temporaryLength || !j.who.known || !j.temporaryValid(j.who, j.now) {
		return false, nil
	}
	r := j.who.user.Temporary
	code, err := j.keys.Open(r.Sealed, codeContext(j.who.id, "temporary", r))
	if err != nil {
		return false, fmt.Errorf("temporary code of user %s: %w", j.who.id, err)
	}
	if !secret.New(letters).Equal(secret.New(pinphrase.CanonicalReply(code.Reveal()))) {
		return false, nil
	}
	user := j.who.user
	left := *r
	if left.Uses--; left.Uses > 0 {
		user.Temporary = &left
	} else {
		user.Temporary = nil
	}
	if err := put(j.t, keyUser(j.who.id), &user); err != nil {
		return false, err
	}
	return true, j.accept(RightTemporary, "")
}
