package core

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// How a code word gets to its user: told by the one who made it, printed as a letter, or half of it by mail.
//
// A mailbox is read on the same machine, and with the same password, as often as not; and a code word alone opens
// self-service. So a mail carries the page's address and one half of the words; the other half goes another way, by
// telephone or in person. Who has only one of them has 22 bits to guess, in three tries.

// Handover is a code word on its way.
type Handover struct {
	Name     string
	Language string
	Until    time.Time
	URL      string // of self-service; empty: there is none
	Word     Secret // all of it; empty where half was mailed
	Rest     Secret // the half that was not mailed
	MailedTo string // masked
}

// InviteUser makes a new code word, and voids an unused one. Mailed: half of it goes by mail, the caller gets the
// rest; else all.
func (c *Core) InviteUser(ctx context.Context, actor Actor, name string, mailed bool) (h Handover, err error) {
	err = c.change(ctx, actor, "user.invite", name, func(t store.Txn, who *subject) (string, error) {
		before := who.user
		if h, err = c.handOver(t, who, mailed); err != nil {
			return "", err
		}
		return h.detail(), c.tellChange(t, who.id, &before, (*language.Changes).CodeWordMade)
	})
	return h, err
}

func (h *Handover) detail() string {
	if h.MailedTo != "" {
		return "half of it by mail to " + h.MailedTo
	}
	return ""
}

// tellChange tells the user, in their language, of a change that somebody else made. before is the record before it.
func (c *Core) tellChange(t store.Txn, id userID, before *userRecord, what func(*language.Changes) string) error {
	text := what(&language.In(c.tag(before.Language)).Changes)
	return c.notify(t, c.clock.Now(), id, before, notice{Kind: noticeChanged, What: text})
}

// handOver makes the code word, writes the user's record, and queues the mail.
func (c *Core) handOver(t store.Txn, who *subject, mailed bool) (h Handover, err error) {
	var word Secret
	if who.user.CodeWord, word, err = c.newCodeWord(who.id, who.user.Language); err != nil {
		return h, err
	}
	who.user.Epoch++ // whoever came in by the former one is out
	h = Handover{
		Name: who.name, Language: string(c.tag(who.user.Language)), Until: time.Unix(who.user.CodeWord.Until, 0).UTC(), Word: word, URL: c.selfURL(),
	}
	if mailed {
		_, rest, ok := halves(word)
		if !ok {
			return h, problem(ErrRefused, "a code word of one word has no half that could be mailed", "pinphrase.code_word.words: 4, or print a letter")
		}
		if h.MailedTo, err = c.mailHalf(t, who); err != nil {
			return h, err
		}
		h.Word, h.Rest = Secret{}, rest
	}
	return h, put(t, keyUser(who.id), &who.user)
}

func (c *Core) selfURL() string {
	if c.set.SelfService.Policy == "" || c.set.Device.Origin == "" {
		return ""
	}
	return c.set.Device.Origin + "/me/"
}

// halves cuts a code word between its words.
func halves(word Secret) (first, rest Secret, ok bool) {
	words := strings.Fields(word.Reveal())
	half := len(words) / 2
	if half == 0 {
		return first, rest, false
	}
	return secret.New(strings.Join(words[:half], " ")), secret.New(strings.Join(words[half:], " ")), true
}

// mailHalf queues the mail. Its text is made when it is sent: no word stands in the outbox.
func (c *Core) mailHalf(t store.Txn, who *subject) (to string, err error) {
	if who.user.Mail == "" {
		return "", problem(ErrRefused, fmt.Sprintf("user %s has no mail address", who.name), "latchkey user set "+who.name+" --mail ADDRESS, or print a letter")
	}
	carriers := c.mailers()
	if len(carriers) == 0 {
		return "", problem(ErrRefused, "there is no carrier for mail", "a section `carriers:` with a mail server, or print a letter")
	}
	now := c.clock.Now()
	r := outboxRecord{
		Kind: outboxCodeWord, User: who.id, Carrier: carriers[0], Next: carriers[1:], Created: now.UnixMilli(), Language: who.user.Language,
		Until: time.Unix(who.user.CodeWord.Until, 0).UnixMilli(), ID: newMessageID(),
	}
	binary.BigEndian.PutUint64(r.Challenge[:], who.user.CodeWord.Serial)
	address := secret.New(who.user.Mail)
	if r.To, err = c.keys.Seal(address, outboxContext(r.ID)); err != nil {
		return "", err
	}
	_, err = c.enqueue(t, now, &r)
	return masked(AddressMail, address), err
}

// mailers are the carriers of mail: those that tell of changes first, then the others by name.
func (c *Core) mailers() (names []string) {
	all := c.carriers.Load()
	if all == nil {
		return nil
	}
	for _, name := range append(slices.Clone(c.set.Delivery.Notices), slices.Sorted(maps.Keys(*all))...) {
		if carrier := c.carrier(name); carrier != nil && carrier.Address() == AddressMail && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// renderCodeWord makes the mail with one half of a code word, or says why it is not to be sent any more.
func (c *Core) renderCodeWord(r store.Reader, now time.Time, e *outboxRecord, m Message) (Message, string, error) {
	var u userRecord
	found, err := get(r, keyUser(e.User), &u)
	if err != nil {
		return m, "", err
	}
	if !found || u.Disabled || u.CodeWord == nil || u.CodeWord.Serial != binary.BigEndian.Uint64(e.Challenge[:]) || !c.codeValid(u.CodeWord, now) {
		return m, "its code word is over", nil
	}
	word, err := c.keys.Open(u.CodeWord.Sealed, codeContext(e.User, "codeword", u.CodeWord))
	if err != nil {
		return m, "its code word does not open", nil
	}
	if m.To, err = c.keys.Open(e.To, outboxContext(e.ID)); err != nil {
		return m, "its address does not open", nil
	}
	first, _, ok := halves(word)
	if !ok {
		return m, "its code word has no half", nil
	}
	texts := language.In(c.tag(e.Language))
	m.Subject = texts.Texts.CodeWordSubject
	m.Text = secret.New(texts.Handover.Mail(first.Reveal(), c.selfURL(), u.Name, time.Unix(u.CodeWord.Until, 0).UTC().Format("2006-01-02 15:04")+" UTC"))
	return m, "", nil
}

// ResetUser takes away what a user logs in with beside the password (answers, phones and invitations of phones, recovery codes, temporary code, sessions), and
// makes a new code word. What was asked stays asked: an answer that is given again keeps its usage.
func (c *Core) ResetUser(ctx context.Context, actor Actor, name string, mailed bool) (h Handover, err error) {
	err = c.change(ctx, actor, "user.reset", name, func(t store.Txn, who *subject) (string, error) {
		before := who.user
		detail, err := c.takeAway(t, who)
		if err != nil {
			return "", err
		}
		if h, err = c.handOver(t, who, mailed); err != nil {
			return "", err
		}
		if d := h.detail(); d != "" {
			detail += "; new code word, " + d
		}
		return detail, c.tellChange(t, who.id, &before, (*language.Changes).ResetDone)
	})
	return h, err
}

// takeAway removes a user's factors, and leaves the record with a higher epoch for the caller to write.
func (c *Core) takeAway(t store.Txn, who *subject) (detail string, err error) {
	var answers answersRecord
	if _, err := get(t, keyAnswers(who.id), &answers); err != nil {
		return "", err
	}
	if err := c.settled(t, *who, &answers); err != nil {
		return "", err // a challenge that was shown counts as asked
	}
	if err := put(t, keyAnswers(who.id), &answersRecord{Version: answers.Version + 1}); err != nil {
		return "", err
	}
	var state stateRecord
	found, err := get(t, keyState(who.id), &state)
	if err != nil {
		return "", err
	}
	if found {
		state.Series = nil
		if err := put(t, keyState(who.id), &state); err != nil {
			return "", err
		}
	}
	ids, records, err := c.devicesOf(t, who.id)
	if err != nil {
		return "", err
	}
	for i, id := range ids {
		if err := errors.Join(c.revoke(t, id, &records[i]), put(t, keyDevice(id), records[i])); err != nil {
			return "", err
		}
	}
	// Nor does an invitation of before make a phone.
	var list devicesRecord
	if _, err := get(t, keyDevices(who.id), &list); err != nil {
		return "", err
	}
	list.Resets++
	if err := put(t, keyDevices(who.id), list); err != nil {
		return "", err
	}
	// Paper that was printed before must open nothing after.
	t.Delete(keyRecovery(who.id))
	t.Delete(keyGrace(who.id))
	who.user.Epoch += uint64(len(ids)) + 1 // above what revoking has made of it
	who.user.Temporary = nil
	return fmt.Sprintf("%d answers, %d phones", len(answers.Items), len(ids)), nil
}
