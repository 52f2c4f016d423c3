package core

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/store"
)

// The recent logins of a user, and the word that one of them was somebody else's.

// maxReports bounds what one session can say so of: each is an alert.
const maxReports = 10

type selfLogin struct {
	Time      time.Time `json:"time"`
	Result    string    `json:"result"` // accept, reject
	Reason    Reason    `json:"reason"`
	Door      string    `json:"door"`
	Service   string    `json:"service"`
	Host      string    `json:"host"`
	Source    string    `json:"source"`
	Reference string    `json:"reference"`
}

// pastLogins calls fn for the user's newest logins, as far back as the audit log is looked through.
func (k *selfCall) pastLogins(fn func(AuditEntry) bool) error {
	id, reach := k.who.id.String(), historyReach
	return k.store.Journal(context.Background(), 0, true, func(r store.Record) bool {
		if e := decodeAudit(r); e.Event == eventLogin && e.UserID == id && e.Reason != CodeAwaited && !fn(e) {
			return false
		}
		reach--
		return reach > 0
	})
}

func (k *selfCall) logins() (any, error) {
	list := []selfLogin{}
	err := k.pastLogins(func(e AuditEntry) bool {
		service, _ := strings.CutPrefix(e.Detail, "service ")
		if service == "" {
			service = e.Policy
		}
		list = append(list, selfLogin{e.Time, e.Result, e.Reason, e.Door, service, e.NAS, e.Source, e.Reference})
		return len(list) < historyLength
	})
	return map[string]any{"logins": list}, err
}

// notMe says that a login was somebody else's: an alert, a notice, and, by policy, a lock until an administrator has
// looked.
func (k *selfCall) notMe() (any, error) {
	var in struct {
		Reference string `json:"reference"`
	}
	if err := k.call.body(&in); err != nil {
		return nil, err
	}
	var found *AuditEntry
	err := k.pastLogins(func(e AuditEntry) bool {
		if in.Reference != "" && e.Reference == in.Reference {
			found = &e
		}
		return found == nil
	})
	switch {
	case err != nil:
		return nil, err
	case found == nil || k.s.Reports >= maxReports:
		return nil, refuseCall(CodeNoSuchLogin, "there is no such login of yours")
	}
	k.s.Reports++
	before := k.who.user
	tag := k.tag(before.Language)
	detail := "the user says that this login was somebody else's: " + found.Reference + " " + found.Result + " from " + found.Source
	err = errors.Join(k.putSession(), k.alert("not-me", detail),
		k.notify(k.t, k.now, k.who.id, &before, notice{Kind: noticeChanged, What: language.In(tag).Changes.NotMe}))
	if err != nil || !k.set.SelfService.NotMeLocks {
		return map[string]any{"locked": false}, err
	}
	k.who.user.Locked, k.who.user.NotMe = true, true
	k.who.user.Epoch++
	k.t.Delete(keySession(k.key))
	k.reply.Ended = true
	return map[string]any{"locked": true}, errors.Join(put(k.t, keyUser(k.who.id), &k.who.user), k.audit("user.lock", "not-me"),
		k.notify(k.t, k.now, k.who.id, &before, notice{Kind: noticeLocked}))
}
