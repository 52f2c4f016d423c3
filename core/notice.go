package core

import (
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// noticeKind is what a user is told outside of a login.
type noticeKind string

// The kinds. Each has its text in every language.
const (
	noticeLocked    noticeKind = "locked"     // Until, or for good
	noticeSource    noticeKind = "new-source" // a login from a place never seen before: Source
	noticeInvited   noticeKind = "invited"    // somebody may enrol a phone
	noticeDevice    noticeKind = "device"     // a phone was activated, renamed, unlocked or removed: What
	noticeFallback  noticeKind = "fallback"   // a question was answered instead of using the phone: Source
	noticeChanged   noticeKind = "changed"    // a factor was set, changed or removed: What
	noticeTemporary noticeKind = "temporary"  // the helpdesk gave out a temporary code
	noticeExposure  noticeKind = "exposure"   // an answer should be renewed: What is its question's label
)

// notice is one thing to tell. It holds no secret.
type notice struct {
	Kind   noticeKind
	What   string
	Source string
	Until  time.Time // zero: without end
}

// Whoever can make a notice come must not be able to make many. Of one kind about one thing there is one in a time;
// the next one says how many there were between. All together there are noticeMost in a day, and fewer of those that
// an outsider causes, by wrong passwords alone: they must not use up what tells of his success.
const (
	noticeMost    = 40
	noticeOutside = 10
	noticeFor     = 3 * 24 * time.Hour
)

// outside tells whether somebody who has no second factor can cause it.
func (k noticeKind) outside() bool { return k == noticeLocked }

// quiet is how long nothing of the kind is told about the same thing again.
func (k noticeKind) quiet() time.Duration {
	switch k {
	case noticeLocked:
		return 6 * time.Hour
	case noticeSource, noticeFallback:
		return 10 * time.Minute
	case noticeExposure:
		return 7 * 24 * time.Hour
	}
	return 2 * time.Minute
}

// noticedRecord is when a user was told of something last.
type noticedRecord struct {
	At   int64 `cbor:"1,keyasint"` // Unix milliseconds
	More int   `cbor:"2,keyasint,omitempty"`
}

// noticeRecord is a notice in the outbox.
type noticeRecord struct {
	Kind   noticeKind `cbor:"1,keyasint"`
	What   string     `cbor:"2,keyasint,omitempty"`
	Source string     `cbor:"3,keyasint,omitempty"`
	Until  int64      `cbor:"4,keyasint,omitempty"` // Unix seconds
	More   int        `cbor:"5,keyasint,omitempty"` // that were not told of since the last
}

// notify puts a notice into the transaction's outbox, for every channel that the user had BEFORE the change that
// it tells of: before is the record as it was, so that who changes a number cannot keep the owner from hearing of it.
// Without a carrier or an address nothing is kept, which is no error.
func (c *Core) notify(t store.Txn, now time.Time, id userID, before *userRecord, n notice) error {
	if len(c.set.Delivery.Notices) == 0 || before == nil {
		return nil
	}
	var all deliveriesRecord
	if _, err := get(t, keyDeliveries(id), &all); err != nil {
		return err
	}
	told, fresh := all.tells(now, n)
	if fresh {
		more, queued := told.More, false
		for _, name := range c.set.Delivery.Notices {
			carrier := c.carrier(name)
			if carrier == nil || carrier.Address() == AddressDevice {
				continue // a bell brings no notice
			}
			to, err := c.address(t, id, before, carrier.Address())
			if err != nil {
				return err
			}
			if to.Len() == 0 {
				continue
			}
			r := outboxRecord{
				Kind: outboxNotice, User: id, Carrier: name, Created: now.UnixMilli(), Until: now.Add(noticeFor).UnixMilli(),
				Language: before.Language, Notice: &noticeRecord{Kind: n.Kind, What: printable(n.What), Source: printable(n.Source), More: more},
			}
			if !n.Until.IsZero() {
				r.Notice.Until = n.Until.Unix()
			}
			r.ID = newMessageID()
			if r.To, err = c.keys.Seal(to, outboxContext(r.ID)); err != nil {
				return err
			}
			if _, err := c.enqueue(t, now, &r); err != nil {
				return err
			}
			queued = true
		}
		if !queued {
			return nil // nobody to tell: nothing is kept
		}
		told = noticedRecord{At: now.UnixMilli()}
		all.Told.take(now, noticeRate(n.Kind))
	} else {
		told.More++
	}
	all.note(now, n.key(), told)
	return put(t, keyDeliveries(id), &all)
}

// key is what makes two notices the same.
func (n notice) key() string { return string(n.Kind) + "|" + n.What + "|" + n.Source }

// tells says whether a notice is to be told now, and what was told before.
func (d *deliveriesRecord) tells(now time.Time, n notice) (told noticedRecord, fresh bool) {
	told = d.Notices[n.key()]
	quiet := told.At != 0 && now.UnixMilli() < told.At+n.Kind.quiet().Milliseconds()
	return told, !quiet && d.Told.room(now, noticeRate(n.Kind))
}

func noticeRate(k noticeKind) Rate {
	if k.outside() {
		return Rate{noticeOutside, 24 * time.Hour}
	}
	return Rate{noticeMost, 24 * time.Hour}
}

// note keeps when it was told; what is long over goes.
func (d *deliveriesRecord) note(now time.Time, key string, told noticedRecord) {
	if d.Notices == nil {
		d.Notices = map[string]noticedRecord{}
	}
	for k, n := range d.Notices {
		kind, _, _ := strings.Cut(k, "|")
		if now.UnixMilli() >= n.At+noticeKind(kind).quiet().Milliseconds() && n.More == 0 {
			delete(d.Notices, k)
		}
	}
	if len(d.Notices) >= 2*noticeMost {
		clear(d.Notices) // some are told once more
	}
	d.Notices[key] = told
}

// renderNotice makes the message of a notice.
func (c *Core) renderNotice(e *outboxRecord, m Message) (Message, string, error) {
	if e.Notice == nil {
		return m, "it says nothing", nil
	}
	to, err := c.keys.Open(e.To, outboxContext(e.ID))
	if err != nil {
		return m, "its address does not open", nil
	}
	texts := &language.In(c.tag(e.Language)).Texts
	m.To, m.Subject, m.Text = to, texts.NoticeSubject, secret.New(noticeText(texts, e.Notice))
	return m, "", nil
}

// noticeText says a notice.
func noticeText(texts *language.Texts, n *noticeRecord) string {
	var text string
	switch n.Kind {
	case noticeLocked:
		text = texts.NoticeLockedGood
		if n.Until != 0 {
			text = texts.NoticeLocked(time.Unix(n.Until, 0).UTC().Format("2006-01-02 15:04") + " UTC")
		}
	case noticeSource:
		text = texts.NoticeNewSource(n.Source)
	case noticeInvited:
		text = texts.NoticeInvited
	case noticeDevice:
		text = texts.NoticeDevice(texts.Thing(n.What))
	case noticeFallback:
		text = texts.NoticeFallback(n.Source)
	case noticeTemporary:
		text = texts.NoticeTemporary
	case noticeExposure:
		text = texts.RenewSoon(n.What)
	default:
		text = texts.NoticeChanged(texts.Thing(n.What))
	}
	if n.More > 0 {
		text += " " + texts.NoticeMore(n.More)
	}
	return text
}
