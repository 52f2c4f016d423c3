package core

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// Questions on the user's own phones. A push message is a doorbell and says nothing; the phone asks by a call that its
// key signs, and gets what is open and was given to the phones, made anew each time.

// parseUserID reads what stands in Message.To for carriers of AddressDevice.
func parseUserID(text string) (id userID, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(id) {
		return id, fmt.Errorf("core: no user id")
	}
	return userID(raw), nil
}

// SendToPhones is Carrier.Send for carriers of AddressDevice: it rings the user's active phones. The message counts as
// taken over where at least one listens now, or has a push service that was asked to ring it; what that answers nobody
// waits for. When all that were rung turn out to have no subscription any more, that is reported.
func (c *Core) SendToPhones(ctx context.Context, m Message) error {
	user, err := parseUserID(m.To.Reveal())
	if err != nil {
		return &CarrierError{Fault: CarrierRefused, Text: "no user"}
	}
	var active int
	var rings []func()
	var left atomic.Int32
	err = c.store.View(ctx, func(r store.Reader) error {
		active, rings = 0, nil
		left.Store(0)
		ids, records, err := c.devicesOf(r, user)
		for i, d := range records {
			if d.State != deviceActive {
				continue
			}
			active++
			if c.waits.listens(ids[i]) {
				left.Add(1)
			}
			if c.doorbell == nil || len(d.Push) == 0 {
				continue
			}
			subscription, err := c.keys.Open(d.Push, "push|"+ids[i].String())
			if err != nil {
				return err
			}
			if c.doorbell.Vet([]byte(subscription.Reveal())) != nil {
				continue // kept under another list of hosts, or over
			}
			left.Add(1)
			rings = append(rings, func() {
				c.doorbell.Ring(subscription, func() {
					c.forget(ids[i], d.Push)
					if left.Add(-1) == 0 && m.Report != nil {
						m.Report(false, "no phone can be rung any more")
					}
				})
			})
		}
		return err
	})
	switch {
	case err != nil:
		return &CarrierError{Fault: CarrierDown, Text: "internal"}
	case active == 0:
		return &CarrierError{Fault: CarrierRefused, Text: "no phone of the user is active"}
	case left.Load() == 0:
		return &CarrierError{Fault: CarrierUnheard, Text: "no phone listens or can be rung"}
	}
	for _, ring := range rings {
		ring()
	}
	return nil
}

// toPhones lets the user's phones show the challenge of an entry from now on. The transaction is the one that gives the
// entry to the carrier: a phone that is rung finds it.
func (c *Core) toPhones(t store.Txn, r *outboxRecord) error {
	var all deliveriesRecord
	if _, err := get(t, keyDeliveries(r.User), &all); err != nil {
		return err
	}
	d, ok := all.Series[r.Series]
	if !ok || d.Message != r.ID || d.Phones == r.Carrier {
		return nil
	}
	d.Phones = r.Carrier
	all.Series[r.Series] = d
	return put(t, keyDeliveries(r.User), &all)
}

// seen tells whether a phone has shown the challenge of an entry.
func (c *Core) seen(r store.Reader, e *outboxRecord) (bool, error) {
	var all deliveriesRecord
	_, err := get(r, keyDeliveries(e.User), &all)
	d := all.Series[e.Series]
	return d.Challenge == e.Challenge && d.Seen, err
}

// onPhones are the series whose open challenge the user's phones show now, with what is open.
func (c *Core) onPhones(r store.Reader, who subject, all *deliveriesRecord, now time.Time) (map[string]*opened, error) {
	shown := map[string]*opened{}
	for series, d := range all.Series {
		if d.Phones == "" || now.UnixMilli() >= c.shownUntil(&d) || !slices.Contains(c.series, series) {
			continue
		}
		if carrier := c.carrier(d.Phones); carrier == nil || carrier.Address() != AddressDevice {
			continue // it was taken out of the configuration
		}
		o, open, err := c.openChallenge(r, who, series, d.Challenge)
		if err != nil {
			return nil, err
		}
		if open {
			shown[series] = o
		}
	}
	return shown, nil
}

// shownUntil is how long a phone shows a challenge, in Unix milliseconds: as long as a login may name it without sending
// it anew.
func (c *Core) shownUntil(d *deliveryRecord) int64 {
	return max(d.Until, d.At+(c.set.Delivery.resendAfter()+c.set.TokenLife).Milliseconds())
}

// messageIDs are the ids of what the user's phones show now.
func (c *Core) messageIDs(r store.Reader, id userID, now time.Time) (map[string]bool, error) {
	var all deliveriesRecord
	if _, err := get(r, keyDeliveries(id), &all); err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	who := subject{id: id}
	var err error
	if who.known, err = get(r, keyUser(id), &who.user); err != nil || !who.mayBeSent(now) {
		return ids, err
	}
	shown, err := c.onPhones(r, who, &all, now)
	for series := range shown {
		ids[messageID(all.Series[series].Message)] = true
	}
	return ids, err
}

func messageID(id [8]byte) string { return hex.EncodeToString(id[:]) }

type messageDocument struct {
	ID      string    `json:"id"`
	Mark    string    `json:"mark"`
	Text    string    `json:"text"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// messages gives the questions that the user's phones show now. They are read here the first time: that is audited, and
// it is the receipt of their carrier.
func (k *deviceCall) messages() (any, error) {
	if err := k.body(&struct{}{}); err != nil {
		return nil, err
	}
	docs := []messageDocument{}
	who := subject{id: k.d.User}
	var all deliveriesRecord
	var err error
	if who.known, err = get(k.t, keyUser(who.id), &who.user); err != nil {
		return nil, err
	}
	if _, err := get(k.t, keyDeliveries(who.id), &all); err != nil {
		return nil, err
	}
	if !who.mayBeSent(k.now) {
		return map[string]any{"messages": docs}, nil
	}
	shown, err := k.onPhones(k.t, who, &all, k.now)
	if err != nil {
		return nil, err
	}
	fresh := false
	for _, series := range slices.Sorted(maps.Keys(shown)) {
		d, o := all.Series[series], shown[series]
		docs = append(docs, messageDocument{
			ID: messageID(d.Message), Mark: markOf(k.state, d.Challenge), Text: k.messageText(&who.user, o).Reveal(),
			Created: time.UnixMilli(d.At).UTC().Truncate(time.Second), Expires: time.UnixMilli(k.shownUntil(&d)).UTC(),
		})
		if d.Seen {
			continue
		}
		fresh, d.Seen, d.Reached = true, true, true
		if d.Carrier == d.Phones {
			d.State = deliveryDelivered
		}
		all.Series[series] = d
		entry := outboxRecord{ID: d.Message, Kind: outboxChallenge, User: who.id, Carrier: d.Phones, Challenge: d.Challenge}
		if err := k.auditMessage(k.t, k.now, &entry, string(deliveryDelivered), "device "+k.id.String()); err != nil {
			return nil, err
		}
	}
	if fresh {
		if err := put(k.t, keyDeliveries(who.id), &all); err != nil {
			return nil, err
		}
	}
	return map[string]any{"messages": docs}, nil
}

// forgotten voids what a user's phones have shown, when one of them is taken away: it may be in somebody's hands.
func (c *Core) forgotten(t store.Txn, who subject) error {
	var all deliveriesRecord
	if _, err := get(t, keyDeliveries(who.id), &all); err != nil {
		return err
	}
	for _, d := range all.Series {
		if d.Seen {
			return c.moved(t, c.clock.Now(), who)
		}
	}
	return nil
}

// messageText is what a challenge's message says, in its user's language.
func (c *Core) messageText(u *userRecord, o *opened) Secret {
	tag := c.tag(u.Language)
	return secret.New(c.prompts[tag].Message(o.question, o.record.Set, o.length, markOf(c.state, o.record.ID)))
}

// messageSubject is the subject of such a message.
func (c *Core) messageSubject(u *userRecord) string {
	return language.In(c.tag(u.Language)).Texts.MessageSubject
}
