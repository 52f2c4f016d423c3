package core

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// What admins do to users. Each change is durable and audited in the same commit.

var phoneNumber = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`) // E.164

// check makes what an admin said of a user canonical, or says what is wrong with it.
func (c *Core) check(u NewUser) (NewUser, error) {
	name, ok := c.set.Names.Canonical(u.Name)
	if !ok {
		return u, problem(ErrInvalid, fmt.Sprintf("%q can be no user's name", printable(u.Name)),
			fmt.Sprintf("1 to %d bytes of UTF-8 without control characters", MaxName))
	}
	u.Name = name
	if u.Language == "" {
		u.Language = string(c.tag())
	}
	if !language.Tag(u.Language).Known() {
		return u, problem(ErrInvalid, fmt.Sprintf("language %q is not known", printable(u.Language)), fmt.Sprintf("known are %v", language.Known()))
	}
	if u.Phone != "" {
		u.Phone = strings.NewReplacer(" ", "", "-", "", "/", "", "(", "", ")", "").Replace(u.Phone)
		if !phoneNumber.MatchString(u.Phone) {
			return u, problem(ErrInvalid, "this is no phone number", "in international form: +49 171 1234567")
		}
	}
	if u.Mail != "" {
		if a, err := mail.ParseAddress(u.Mail); err != nil || a.Address != u.Mail || len(u.Mail) > 254 {
			return u, problem(ErrInvalid, "this is no mail address", "name@example.org, without a display name")
		}
	}
	if u.Groups, ok = cleanGroups(u.Groups); !ok {
		return u, problem(ErrInvalid, "a group's name is not usable", "1 to 64 printable characters without ';' and ',', at most 64 groups")
	}
	return u, nil
}

func cleanGroups(groups []string) ([]string, bool) {
	var clean []string
	for _, g := range groups {
		g = strings.TrimSpace(g)
		if g == "" || len(g) > 64 || strings.ContainsAny(g, ";,") || printable(g) != g {
			return groups, false
		}
		clean = append(clean, g)
	}
	slices.Sort(clean)
	clean = slices.Compact(clean)
	return clean, len(clean) <= 64
}

func newUserID() (id userID) {
	_, _ = rand.Read(id[:])
	return id
}

// AddUser makes a user and the code word of the first login, which is said this once.
func (c *Core) AddUser(ctx context.Context, actor Actor, u NewUser) (UserInfo, Secret, error) {
	u, err := c.check(u)
	if err != nil {
		return UserInfo{}, Secret{}, err
	}
	var info UserInfo
	var word Secret
	err = c.store.Update(ctx, func(t store.Txn) error {
		if err := c.nameFree(t, u.Name); err != nil {
			return err
		}
		id := newUserID()
		record := c.newRecord(u)
		if record.CodeWord, word, err = c.newCodeWord(id, u.Language); err != nil {
			return err
		}
		if err := putNew(t, id, record, 0); err != nil {
			return err
		}
		if err := c.auditAdmin(t, actor, "user.add", subject{name: u.Name, given: u.Name, known: true, id: id}, ""); err != nil {
			return err
		}
		info, err = c.info(t, id)
		return err
	})
	return info, word, err
}

func (c *Core) newRecord(u NewUser) userRecord {
	return userRecord{
		Name: u.Name, Language: u.Language, Phone: u.Phone, Mail: u.Mail, Groups: u.Groups,
		Created: c.clock.Now().Unix(),
	}
}

func putNew(t store.Txn, id userID, record userRecord, imported uint64) error {
	if err := put(t, keyName(record.Name), nameRecord{ID: id, Import: imported}); err != nil {
		return err
	}
	return put(t, keyUser(id), record)
}

// nameFree fails where the name is a user's, or of an import that runs now. What a dead
// import left under the name goes.
func (c *Core) nameFree(t store.Txn, name string) error {
	var n nameRecord
	found, err := get(t, keyName(name), &n)
	if err != nil || !found {
		return err
	}
	visible, err := c.published(t, n.Import)
	switch {
	case err != nil:
		return err
	case visible:
		return problem(ErrUserExists, fmt.Sprintf("user %s exists", name), fmt.Sprintf("`latchkey user show %s` shows it", name))
	case c.imports.runs(n.Import):
		return problem(ErrUserExists, fmt.Sprintf("user %s is being imported", name), "wait for the import's end")
	}
	t.Delete(keyUser(n.ID))
	t.Delete(keyAnswers(n.ID))
	return nil
}

// change runs fn on one user's record and audits it.
func (c *Core) change(ctx context.Context, actor Actor, event, name string, fn func(t store.Txn, who *subject) (detail string, err error)) error {
	return c.store.Update(ctx, func(t store.Txn) error {
		who, err := c.wanted(t, name)
		if err != nil {
			return err
		}
		detail, err := fn(t, &who)
		if err != nil {
			return err
		}
		return c.auditAdmin(t, actor, event, who, detail)
	})
}

// wanted finds a user by name, or says that there is none.
func (c *Core) wanted(r store.Reader, name string) (subject, error) {
	who, err := c.lookup(r, name)
	if err == nil && !who.known {
		err = problem(ErrNoSuchUser, fmt.Sprintf("no user %s", who.name), "`latchkey user list` shows all")
	}
	return who, err
}

func (c *Core) auditAdmin(t store.Txn, actor Actor, event string, who subject, detail string) error {
	r := c.record(c.clock.Now(), Attempt{Door: DoorAdmin}, who, event, "done", "")
	r.Source, r.Actor, r.Detail = "", printable(actor.Name), detail
	return audit(t, r)
}

// User shows one user.
func (c *Core) User(ctx context.Context, name string) (info UserInfo, err error) {
	err = c.store.View(ctx, func(r store.Reader) error {
		who, err := c.wanted(r, name)
		if err != nil {
			return err
		}
		info, err = c.info(r, who.id)
		return err
	})
	return info, err
}

// Users shows all users in the order of their names.
func (c *Core) Users(ctx context.Context, fn func(UserInfo) bool) error {
	return c.store.View(ctx, func(r store.Reader) error {
		var failed error
		err := r.Scan([]byte{'n'}, nil, func(_, value []byte) bool {
			var n nameRecord
			if failed = cborDecode.Unmarshal(value, &n); failed != nil {
				return false
			}
			visible, err := c.published(r, n.Import)
			if err != nil || !visible {
				failed = err
				return err == nil
			}
			info, err := c.info(r, n.ID)
			if err != nil {
				failed = err
				return false
			}
			return fn(info)
		})
		return errors.Join(err, failed)
	})
}

func (c *Core) info(r store.Reader, id userID) (UserInfo, error) {
	var u userRecord
	found, err := get(r, keyUser(id), &u)
	if err != nil || !found {
		return UserInfo{}, errors.Join(err, fmt.Errorf("core: record of user %s: found %v", id, found))
	}
	now := c.clock.Now()
	info := UserInfo{
		ID: id.String(), Name: u.Name, Language: u.Language, Phone: u.Phone, Mail: u.Mail, Deliver: u.Deliver, Groups: append([]string{}, u.Groups...),
		Created: time.Unix(u.Created, 0).UTC(), Enabled: !u.Disabled, Expires: unix(u.Expires), HasPassword: len(u.Password) > 0,
		Epoch: u.Epoch, Answers: []AnswerInfo{}, Locks: []LockInfo{},
	}
	if c.codeValid(u.CodeWord, now) {
		info.CodeWord = unix(u.CodeWord.Until)
	} else if u.CodeWord != nil {
		info.CodeOver = true
	}
	if c.codeValid(u.Temporary, now) {
		info.Temporary = unix(u.Temporary.Until)
	}
	var answers answersRecord
	var state stateRecord
	if _, err := get(r, keyAnswers(id), &answers); err != nil {
		return info, err
	}
	if _, err := get(r, keyState(id), &state); err != nil {
		return info, err
	}
	o := &opened{answers: answers, state: state}
	for i := range answers.Items {
		info.Answers = append(info.Answers, c.answerInfo(o, &answers.Items[i], u.Language))
	}
	info.Missing = max(0, c.set.PINphrase.MinimumAnswers-c.countEnrolled(&answers))
	info.Enrolled = info.Missing == 0
	_, devices, err := c.devicesOf(r, id)
	if err != nil {
		return info, err
	}
	for i := range devices {
		if devices[i].State == deviceActive {
			info.Devices++
		}
	}
	if info.Messages, err = c.messageInfo(r, id); err != nil {
		return info, err
	}
	var counts countRecord
	if _, err := get(r, keyCount(id), &counts); err != nil {
		return info, err
	}
	info.Locks = c.locks(now, &u, &counts)
	info.Wrong = int(math.Round(counts.decayed(now, c.set.Locks.UserHalves)))
	return info, nil
}

func (c *Core) answerInfo(o *opened, item *answerRecord, lang string) AnswerInfo {
	usage := o.usage(item)
	a := AnswerInfo{
		Question: item.Question, Set: time.Unix(item.Set, 0).UTC(), Asked: len(usage.Used),
		Exposure: pinphrase.Exposure(item.Length, c.set.PINphrase.Positions, usage.Seen),
	}
	p := c.set.PINphrase
	short := item.Length <= p.Positions // since the configuration asks for more
	if short {
		a.Exposure = 0 // not NaN, which JSON has not
	}
	a.Renew = p.ExposureWarn > 0 && a.Exposure >= p.ExposureWarn
	a.Retired = short || usage.Retired || p.ExposureStop > 0 && a.Exposure >= p.ExposureStop
	if q, ok := c.question(item.Question); ok {
		a.Label = q.LabelIn(c.tag(lang), language.Tag(c.set.Language))
	} else {
		a.Label, a.Retired = "(not in the pool)", true
	}
	return a
}

func (c *Core) locks(now time.Time, u *userRecord, counts *countRecord) []LockInfo {
	locks := []LockInfo{}
	if u.Disabled {
		locks = append(locks, LockInfo{Kind: "disabled"})
	}
	if u.Expires != 0 && now.Unix() >= u.Expires {
		locks = append(locks, LockInfo{Kind: "expired"})
	}
	switch {
	case u.Locked && u.NotMe:
		locks = append(locks, LockInfo{Kind: "not-me"})
	case u.Locked:
		locks = append(locks, LockInfo{Kind: "admin"})
	}
	l := c.set.Locks
	if counts.ForGood && l.PermanentlyAfter > 0 {
		locks = append(locks, LockInfo{Kind: "for-good"})
	}
	if counts.userLocked(now, l) {
		// The count is rounded, so the lock ends when it has decayed to half below the limit.
		wait := time.Duration(float64(l.UserHalves) * math.Log2(counts.decayed(now, l.UserHalves)/(float64(l.UserAfter)-0.5)))
		until := now.Add(wait).UTC()
		locks = append(locks, LockInfo{Kind: "user", Until: &until})
	}
	for _, p := range counts.Pairs {
		if l.PairAfter > 0 && now.UnixMilli() < p.Until {
			until := time.UnixMilli(p.Until).UTC()
			locks = append(locks, LockInfo{Kind: "pair", Source: p.Source, Until: &until})
		}
	}
	return locks
}

// ChangeUser changes what an admin may change. Taking a group away or replacing a number
// raises the epoch.
func (c *Core) ChangeUser(ctx context.Context, actor Actor, name string, change UserChange) (info UserInfo, err error) {
	err = c.change(ctx, actor, "user.set", name, func(t store.Txn, who *subject) (string, error) {
		u, before := &who.user, who.user
		wish := NewUser{Name: u.Name, Language: u.Language, Phone: u.Phone, Mail: u.Mail, Groups: u.Groups}
		var what []string
		if change.Language != nil {
			wish.Language, what = *change.Language, append(what, "language")
		}
		if change.Phone != nil {
			wish.Phone, what = *change.Phone, append(what, "phone")
		}
		if change.Mail != nil {
			wish.Mail, what = *change.Mail, append(what, "mail")
		}
		if change.Groups != nil {
			wish.Groups, what = *change.Groups, append(what, "groups")
		}
		if change.Deliver != nil {
			if *change.Deliver != "" && c.carrier(*change.Deliver) == nil {
				return "", problem(ErrInvalid, fmt.Sprintf("no carrier %s", printable(*change.Deliver)), "one of those under carriers: in the configuration, or nothing")
			}
			u.Deliver, what = *change.Deliver, append(what, "deliver")
		}
		wish, err := c.check(wish)
		if err != nil {
			return "", err
		}
		if wish.Phone != u.Phone || wish.Mail != u.Mail || !slices.Equal(wish.Groups, u.Groups) {
			u.Epoch++
		}
		u.Language, u.Phone, u.Mail, u.Groups = wish.Language, wish.Phone, wish.Mail, wish.Groups
		if err := put(t, keyUser(who.id), u); err != nil {
			return "", err
		}
		if err := c.rehomed(t, *who, &before); err != nil {
			return "", err
		}
		info, err = c.info(t, who.id)
		return strings.Join(what, " "), err
	})
	return info, err
}

// RemoveUser removes a user and everything kept of them but the audit records.
func (c *Core) RemoveUser(ctx context.Context, actor Actor, name string) error {
	return c.change(ctx, actor, "user.remove", name, func(t store.Txn, who *subject) (string, error) {
		ids, _, err := c.devicesOf(t, who.id)
		if err != nil {
			return "", err
		}
		for _, id := range ids {
			t.Delete(keyDevice(id))
		}
		t.Delete(keyDevices(who.id))
		t.Delete(keyWaiting(who.id))
		t.Delete(keyGrace(who.id))
		t.Delete(keyName(who.name))
		for _, key := range [][]byte{keyUser(who.id), keyAnswers(who.id), keyState(who.id), keyCount(who.id), keyDeliveries(who.id), keyRecovery(who.id), keySessions(who.id)} {
			t.Delete(key)
		}
		return "", nil
	})
}

// changeRecord changes fields of the user's record; taken says that something was taken away, so that the
// epoch rises.
func (c *Core) changeRecord(ctx context.Context, actor Actor, event, name string, taken bool, fn func(u *userRecord) string) error {
	return c.change(ctx, actor, event, name, func(t store.Txn, who *subject) (string, error) {
		detail := fn(&who.user)
		if taken {
			who.user.Epoch++
		}
		return detail, put(t, keyUser(who.id), &who.user)
	})
}

// LockUser refuses the user until UnlockUser.
func (c *Core) LockUser(ctx context.Context, actor Actor, name string) error {
	return c.changeRecord(ctx, actor, "user.lock", name, true, func(u *userRecord) string { u.Locked, u.NotMe = true, false; return "" })
}

// UnlockUser lifts an admin's lock, or the user's own by "not me", and clears the pair, user and for-good counters. It keeps
// which sources had a success, and, from a helper, the row of wrong answers by telephone.
func (c *Core) UnlockUser(ctx context.Context, actor Actor, name string) error {
	return c.change(ctx, actor, "user.unlock", name, func(t store.Txn, who *subject) (string, error) {
		who.user.Locked, who.user.NotMe = false, false
		if err := put(t, keyUser(who.id), &who.user); err != nil {
			return "", err
		}
		var counts countRecord
		if found, err := get(t, keyCount(who.id), &counts); err != nil || !found {
			return "", err
		}
		var kept []pairRecord
		for _, p := range counts.Pairs {
			if actor.Role != RoleAdmin && p.Source == callSource.counterKey() {
				kept = append(kept, p) // whoever guesses by telephone does not give himself more tries
				continue
			}
			if p.Success > 0 {
				kept = append(kept, pairRecord{Source: p.Source, Success: p.Success})
			}
		}
		return "", put(t, keyCount(who.id), countRecord{Pairs: kept})
	})
}

// EnableUser enables or disables a user.
func (c *Core) EnableUser(ctx context.Context, actor Actor, name string, enabled bool) error {
	event := "user.disable"
	if enabled {
		event = "user.enable"
	}
	return c.changeRecord(ctx, actor, event, name, !enabled, func(u *userRecord) string { u.Disabled = !enabled; return "" })
}

// ExpireUser sets when the user ends; the zero time means never.
func (c *Core) ExpireUser(ctx context.Context, actor Actor, name string, at time.Time) error {
	return c.changeRecord(ctx, actor, "user.expire", name, !at.IsZero(), func(u *userRecord) string {
		if at.IsZero() {
			u.Expires = 0
			return "never"
		}
		u.Expires = max(at.Unix(), 1) // 0 means never
		return at.UTC().Format(time.RFC3339)
	})
}

// maxPassword is what a RADIUS User-Password can carry (RFC 2865 section 5.2).
const maxPassword = 128

// SetPassword sets the first factor that Latchkey keeps.
func (c *Core) SetPassword(ctx context.Context, actor Actor, name string, password Secret) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	if _, err := c.User(ctx, name); err != nil {
		return err // before 20 ms are spent on the hash
	}
	hash, err := c.passwords.Hash(ctx, "admin", password)
	if err != nil {
		return err
	}
	return c.change(ctx, actor, "user.password", name, func(t store.Txn, who *subject) (_ string, err error) {
		if who.user.Password, err = c.keys.Seal(hash, passwordContext(who.id)); err != nil {
			return "", err
		}
		if err := c.tellChange(t, who.id, &who.user, (*language.Changes).PasswordSet); err != nil {
			return "", err
		}
		who.user.Epoch++
		return "", put(t, keyUser(who.id), &who.user)
	})
}

func checkPassword(p secret.Secret) error {
	switch {
	case p.Len() < 8:
		return problem(ErrInvalid, "the password is too short", "at least 8 characters")
	case p.Len() > maxPassword:
		return problem(ErrInvalid, "the password is too long", fmt.Sprintf("at most %d bytes: RADIUS carries no more", maxPassword))
	case strings.ContainsAny(p.Reveal(), "\x00\r\n"):
		return problem(ErrInvalid, "the password has a NUL or a line break", "")
	}
	return nil
}

// NewCodeWord voids an unused code word and gives a new one.
func (c *Core) NewCodeWord(ctx context.Context, actor Actor, name string) (word Secret, until time.Time, err error) {
	err = c.change(ctx, actor, "user.codeword", name, func(t store.Txn, who *subject) (_ string, err error) {
		before := who.user
		if who.user.CodeWord, word, err = c.newCodeWord(who.id, who.user.Language); err != nil {
			return "", err
		}
		who.user.Epoch++ // whoever came in by the former one is out
		until = time.Unix(who.user.CodeWord.Until, 0).UTC()
		if err := c.tellChange(t, who.id, &before, (*language.Changes).CodeWordMade); err != nil {
			return "", err
		}
		return "", put(t, keyUser(who.id), &who.user)
	})
	return word, until, err
}

// TemporaryCode makes the helpdesk's code: eight letters, good for uses logins. It voids an
// earlier one.
func (c *Core) TemporaryCode(ctx context.Context, actor Actor, name string, valid time.Duration, uses int) (code Secret, until time.Time, err error) {
	if valid <= 0 || valid > 31*24*time.Hour || uses < 1 || uses > 100 {
		return code, until, problem(ErrInvalid, "a temporary code is valid for up to 31 days and 1 to 100 logins", "")
	}
	err = c.change(ctx, actor, "user.code", name, func(t store.Txn, who *subject) (_ string, err error) {
		if err := c.notify(t, c.clock.Now(), who.id, &who.user, notice{Kind: noticeTemporary}); err != nil {
			return "", err
		}
		code = newTemporary()
		if who.user.Temporary, err = c.sealCode(who.id, "temporary", code, valid, uses); err != nil {
			return "", err
		}
		until = time.Unix(who.user.Temporary.Until, 0).UTC()
		return fmt.Sprintf("for %s, %d uses", valid, uses), put(t, keyUser(who.id), &who.user)
	})
	return code, until, err
}
