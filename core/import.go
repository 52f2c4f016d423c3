package core

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// An import is staged in many transactions, since one cannot hold a million users, and
// published by one: names that point to an unpublished import are nobody's. What a crash
// leaves staged is swept away at the next start.

// rowsPerTxn keeps a batch well under store.MaxTxnKeys: three keys a row.
const rowsPerTxn = 500

// maxBadRows bounds the list of what was wrong.
const maxBadRows = 1000

// imports are those that run in this process, and a cache of those that were published, which
// they stay for ever.
type imports struct {
	mu        sync.RWMutex
	running   map[uint64]bool
	published map[uint64]bool
}

func (i *imports) runs(n uint64) bool {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.running[n]
}

func (i *imports) set(n uint64, running bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running == nil {
		i.running = map[uint64]bool{}
	}
	if running {
		i.running[n] = true
	} else {
		delete(i.running, n)
	}
}

// published tells whether users of import n are visible; 0 is no import.
func (c *Core) published(r store.Reader, n uint64) (bool, error) {
	if n == 0 {
		return true, nil
	}
	c.imports.mu.RLock()
	known := c.imports.published[n]
	c.imports.mu.RUnlock()
	if known {
		return true, nil
	}
	var i importRecord
	if found, err := get(r, keyImport(n), &i); err != nil || !found || !i.Published {
		return false, err
	}
	c.imports.mu.Lock()
	defer c.imports.mu.Unlock()
	if c.imports.published == nil {
		c.imports.published = map[uint64]bool{}
	}
	c.imports.published[n] = true
	return true, nil
}

// prepared is a row that was checked and whose costly parts are done.
type prepared struct {
	row     ImportRow
	user    NewUser
	hash    secret.Secret
	answers map[string]pinphrase.Answer
	weak    []RowError // taken all the same
}

type staged struct {
	id   userID
	name string
}

// Import takes all rows or none, unless keepGoing: then it leaves out the bad ones. See
// the contract in the admin socket's interface.
func (c *Core) Import(ctx context.Context, actor Actor, rows iter.Seq2[ImportRow, error], keepGoing bool,
	progress func(ImportProgress), codeWord func(Handover)) (taken int, bad []RowError, err error) {
	// Random: the clock may stand still, and a number met again would unpublish its users.
	n := binary.BigEndian.Uint64(randomBytes(8)) | 1
	c.imports.set(n, true)
	defer c.imports.set(n, false)
	err = c.store.Update(ctx, func(t store.Txn) error {
		return put(t, keyImport(n), importRecord{Started: c.clock.Now().Unix()})
	})
	if err != nil {
		return 0, nil, err
	}
	published := false
	defer func() {
		if !published {
			err = errors.Join(err, c.sweep(context.WithoutCancel(ctx), n))
		}
	}()

	refused := 0
	refuse := func(row ImportRow, err error) {
		refused++
		if len(bad) < maxBadRows {
			bad = append(bad, rowError(row, err))
		}
	}
	var batch []prepared
	var weak []RowError    // to be told with the next progress
	var newcomers []staged // those who need a code word, or are sent a message ahead
	flush := func() error {
		done, wrong, err := c.stage(ctx, n, batch)
		if err != nil {
			return err
		}
		for _, w := range wrong {
			refuse(w.row, w.err)
		}
		taken += len(batch) - len(wrong)
		newcomers = append(newcomers, done...)
		batch = batch[:0]
		if progress != nil {
			progress(ImportProgress{Rows: taken + refused, Refused: refused, Weak: weak})
			weak = nil
		}
		return nil
	}
	for row, err := range rows {
		if err != nil {
			return 0, bad, err
		}
		p, err := c.prepareRow(ctx, row)
		if err != nil {
			if !isProblem(err) {
				return 0, bad, err
			}
			refuse(row, err)
			continue
		}
		if len(weak) < maxBadRows {
			weak = append(weak, p.weak...)
		}
		if batch = append(batch, p); len(batch) == rowsPerTxn {
			if err := flush(); err != nil {
				return 0, bad, err
			}
		}
	}
	if err := flush(); err != nil {
		return 0, bad, err
	}
	if refused > 0 && !keepGoing {
		return 0, bad, problem(ErrRefused, fmt.Sprintf("%d rows are not usable, nothing was taken", refused),
			"mend them, or leave them out with --keep-going")
	}
	err = c.store.Update(ctx, func(t store.Txn) error {
		if err := put(t, keyImport(n), importRecord{Published: true, Started: c.clock.Now().Unix()}); err != nil {
			return err
		}
		return c.auditAdmin(t, actor, "user.import", subject{}, fmt.Sprintf("%d users, %d rows left out", taken, refused))
	})
	if err != nil {
		// Unknown may mean published: sweeping would then remove users. The next start finds out.
		published = errors.Is(err, store.ErrUnknown)
		return 0, bad, err
	}
	published = true
	if progress != nil {
		progress(ImportProgress{Rows: taken + refused, Refused: refused, Done: true})
	}
	if err := c.aheadOf(ctx, newcomers); err != nil {
		// The first login sends what is missing.
		c.log.Warn("not all messages were sent ahead", "error", err)
	}
	if err := c.sayCodeWords(ctx, newcomers, codeWord); err != nil {
		return taken, bad, problem(ErrRefused, fmt.Sprintf("%d users were taken, but not all code words could be said", taken),
			"`latchkey user codeword NAME` gives a new one")
	}
	return taken, bad, nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func rowError(row ImportRow, err error) RowError {
	r := RowError{Line: row.Line, Name: printable(row.Name), Error: err.Error()}
	var p *Problem
	if errors.As(err, &p) {
		r.Hint = p.Hint
	}
	return r
}

// prepareRow checks a row and does what is too slow or too failing for a transaction.
func (c *Core) prepareRow(ctx context.Context, row ImportRow) (p prepared, err error) {
	p.row = row
	if p.user, err = c.check(row.NewUser); err != nil {
		return p, err
	}
	if !row.Password.IsEmpty() {
		if err := checkPassword(row.Password); err != nil {
			return p, err
		}
		if p.hash, err = c.passwords.Hash(ctx, "import", row.Password); err != nil {
			return p, err
		}
	}
	p.answers = make(map[string]pinphrase.Answer, len(row.Answers))
	for _, question := range slices.Sorted(maps.Keys(row.Answers)) {
		_, answer, weak, err := c.judgeAnswer(question, row.Answers[question], AnswerOwner{Name: p.user.Name, Phone: p.user.Phone, Mail: p.user.Mail})
		if err != nil {
			return p, err
		}
		for _, w := range weak {
			p.weak = append(p.weak, RowError{Line: row.Line, Name: printable(row.Name), Error: "the answer to " + question + ": " + w.said(), Hint: w.hint()})
		}
		p.answers[question] = answer
	}
	return p, nil
}

type wrongRow struct {
	row ImportRow
	err error
}

// stage writes a batch in one transaction. Its users are nobody's until publication.
func (c *Core) stage(ctx context.Context, n uint64, batch []prepared) (newcomers []staged, wrong []wrongRow, err error) {
	err = c.store.Update(ctx, func(t store.Txn) error {
		newcomers, wrong = nil, nil
		for _, p := range batch {
			if err := c.nameFree(t, p.user.Name); err != nil {
				if !isProblem(err) {
					return err
				}
				var there nameRecord
				if found, errGet := get(t, keyName(p.user.Name), &there); errGet == nil && found && there.Import == n {
					err = problem(ErrUserExists, fmt.Sprintf("user %s stands in the file twice", p.user.Name), "")
				}
				wrong = append(wrong, wrongRow{p.row, err})
				continue
			}
			id, enrolled, err := c.stageRow(t, n, p)
			if err != nil {
				return err
			}
			if !enrolled || len(c.presend) > 0 {
				newcomers = append(newcomers, staged{id, p.user.Name})
			}
		}
		return nil
	})
	if errors.Is(err, store.ErrTooLarge) && len(batch) > 1 {
		newcomers, wrong, err = c.stage(ctx, n, batch[:len(batch)/2])
		if err != nil {
			return nil, nil, err
		}
		more, moreWrong, err := c.stage(ctx, n, batch[len(batch)/2:])
		return append(newcomers, more...), append(wrong, moreWrong...), err
	}
	return newcomers, wrong, err
}

func (c *Core) stageRow(t store.Txn, n uint64, p prepared) (id userID, enrolled bool, err error) {
	id = newUserID()
	u := c.newRecord(p.user)
	if !p.hash.IsEmpty() {
		if u.Password, err = c.keys.Seal(p.hash, passwordContext(id)); err != nil {
			return id, false, err
		}
	}
	var answers answersRecord
	for _, question := range slices.Sorted(maps.Keys(p.answers)) {
		if _, err := c.putAnswer(&answers, id, question, p.answers[question]); err != nil {
			return id, false, err
		}
	}
	if len(answers.Items) > 0 {
		if err := put(t, keyAnswers(id), &answers); err != nil {
			return id, false, err
		}
	}
	if enrolled = c.countEnrolled(&answers) >= c.set.PINphrase.MinimumAnswers; !enrolled {
		if u.CodeWord, _, err = c.newCodeWord(id, u.Language); err != nil {
			return id, false, err
		}
	}
	return id, enrolled, putNew(t, id, u, n)
}

// sayCodeWords tells the code words of those who were imported without enough answers.
func (c *Core) sayCodeWords(ctx context.Context, newcomers []staged, say func(Handover)) error {
	if say == nil {
		return nil
	}
	return c.store.View(ctx, func(r store.Reader) error {
		for _, s := range newcomers {
			var u userRecord
			if found, err := get(r, keyUser(s.id), &u); err != nil {
				return err
			} else if !found || u.CodeWord == nil {
				continue // changed in the meantime
			}
			word, err := c.keys.Open(u.CodeWord.Sealed, codeContext(s.id, "codeword", u.CodeWord))
			if err != nil {
				return err
			}
			say(Handover{
				Name: s.name, Language: string(c.tag(u.Language)), Until: time.Unix(u.CodeWord.Until, 0).UTC(), URL: c.selfURL(), Word: word,
			})
		}
		return nil
	})
}

// SweepImports removes what imports left that were never published. The daemon calls it at
// its start, before any import can run.
func (c *Core) SweepImports(ctx context.Context) error {
	var left []uint64
	err := c.store.View(ctx, func(r store.Reader) error {
		return r.Scan([]byte{'i'}, nil, func(key, value []byte) bool {
			var i importRecord
			var n uint64
			if cborDecode.Unmarshal(value, &i) == nil && !i.Published {
				if _, err := fmt.Sscanf(string(key), "i%016x", &n); err == nil && !c.imports.runs(n) {
					left = append(left, n)
				}
			}
			return true
		})
	})
	for _, n := range left {
		err = errors.Join(err, c.sweep(ctx, n))
	}
	return err
}

// sweep removes the staged users of an import, and then the import.
func (c *Core) sweep(ctx context.Context, n uint64) error {
	var from []byte
	for {
		type entry struct {
			key []byte
			id  userID
		}
		var found []entry
		err := c.store.View(ctx, func(r store.Reader) error {
			return r.Scan([]byte{'n'}, from, func(key, value []byte) bool {
				var name nameRecord
				if cborDecode.Unmarshal(value, &name) == nil && name.Import == n {
					found = append(found, entry{slices.Clone(key), name.ID})
				}
				return len(found) < rowsPerTxn
			})
		})
		if err != nil {
			return err
		}
		err = c.store.Update(ctx, func(t store.Txn) error {
			if len(found) < rowsPerTxn {
				t.Delete(keyImport(n))
			}
			for _, e := range found {
				t.Delete(keyUser(e.id))
				t.Delete(keyAnswers(e.id))
				// The name may have become another user's since.
				var name nameRecord
				if ok, err := get(t, e.key, &name); err != nil {
					return err
				} else if ok && name.Import == n {
					t.Delete(e.key)
				}
			}
			return nil
		})
		if err != nil || len(found) < rowsPerTxn {
			return err
		}
		from = append(found[len(found)-1].key, 0)
	}
}
