package core

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/latchkey/latchkey/core/language"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
	"github.com/latchkey/latchkey/core/token"
)

// Answer hears the reply to a challenge. Everything that decides is read again inside the one
// transaction that consumes the challenge or counts the wrong try, with its audit record; the
// step leaves only when that is durable. An error wraps ErrSilence.
func (c *Core) Answer(ctx context.Context, r Reply) (Step, error) {
	type outcome struct {
		step Step
		err  error
	}
	ended := make(chan outcome, 1)
	step, later, err := c.AnswerLater(ctx, r, func() (context.Context, func(Step, error)) {
		return ctx, func(step Step, err error) { ended <- outcome{step, err} }
	})
	if later {
		o := <-ended
		step, err = o.step, o.err
	}
	return step, err
}

// AnswerLater is Answer for a door that keeps nobody waiting: where Answer would wait for the phone, it takes over
// what take gives, and says later.
func (c *Core) AnswerLater(ctx context.Context, r Reply, take Later) (step Step, later bool, err error) {
	claims, p, step, err := c.opens(ctx, r)
	switch {
	case p == nil:
	case claims.Kind == token.App || claims.Kind == token.AppDecoy:
		return c.await(ctx, r, p, claims, take)
	default:
		step, err = c.judged(ctx, r, p, claims)
	}
	return step, false, err
}

// opens reads the token of a reply. No policy says that the step ends it.
func (c *Core) opens(ctx context.Context, r Reply) (claims token.Claims, p *policy, step Step, err error) {
	a := r.Attempt
	dismiss := func(reason Reason) (token.Claims, *policy, Step, error) {
		step, err := c.dismiss(ctx, a, subject{name: printable(a.User), given: printable(a.User)}, reason)
		return claims, nil, step, err
	}
	p, ok := c.policies[a.Policy]
	if !ok {
		return dismiss(NoSuchPolicy)
	}
	claims, err = c.tokens.Open(c.clock.Now(), r.Token)
	switch {
	case errors.Is(err, token.ErrExpired):
		return dismiss(StaleToken)
	case err != nil:
		return dismiss(ForgedToken)
	case claims.Door != uint8(a.Door) || claims.Origin != c.origin(a):
		return dismiss(ForeignToken)
	case claims.Policy != p.hash || claims.First != (p.First != FirstNone) || claims.Form != formOf(claims.Kind, p):
		return dismiss(StaleToken)
	}
	return claims, p, Step{}, nil
}

// judged is the step of a reply that is right or wrong by itself.
func (c *Core) judged(ctx context.Context, r Reply, p *policy, claims token.Claims) (Step, error) {
	a := r.Attempt
	var step Step
	var said []func()
	err := c.store.Update(ctx, func(t store.Txn) error {
		j := judgement{Core: c, t: t, now: c.clock.Now(), a: a, p: p, claims: claims}
		if err := j.judge(r.Text); err != nil {
			return err
		}
		step, said = j.step, j.said
		return nil
	})
	if err != nil {
		return Step{}, silence(err)
	}
	tell(said)
	return step, nil
}

// judgement is one run of the transaction that decides on a reply.
type judgement struct {
	*Core
	t      store.Txn
	now    time.Time
	a      Attempt
	p      *policy
	claims token.Claims
	who    subject
	step   Step
	said   []func() // to be logged after the commit

	guessed bool   // the reply was compared with a code, and was none: it counts, whatever else is wrong with it
	session Secret // that an Accept at self-service has opened
}

func (j *judgement) judge(text secret.Secret) (err error) {
	if j.who, err = j.asked(j.t, j.a); err != nil {
		return err
	}
	id := j.who.id
	if !j.who.known {
		copy(id[:], mac(j.decoyKey, "id", j.who.name))
	}
	if id != j.claims.User {
		return j.dismiss(ForeignToken)
	}
	j.who.vouched = j.claims.First
	if j.who.user.Epoch != j.claims.Epoch {
		return j.dismiss(StaleToken)
	}
	pre, err := j.barrier(j.t, j.now, j.who, j.a)
	if err != nil {
		return err
	}
	if pre != "" {
		return j.wrong(pre)
	}
	if taken, err := j.temporary(text); err != nil || taken {
		return err
	}
	if taken, err := j.recovery(text); err != nil || taken {
		return err
	}
	if j.guessed, err = j.likeCode(text); err != nil {
		return err
	}
	if stale, err := j.phoneSince(); err != nil || stale {
		return errors.Join(err, j.dismiss(StaleToken))
	}
	if j.resends(text) {
		return j.resend()
	}
	switch j.claims.Kind {
	case token.PINphrase:
		return j.pinphrase(text)
	case token.CodeWord:
		return j.codeWord(text)
	case token.Decoy:
		if j.who.known {
			return j.wrong(AskedDecoy)
		}
		if j.who.barred {
			return j.wrong(NotForHost)
		}
		return j.wrong(UnknownUser)
	}
	return j.wrong(WrongAnswer) // a temporary code was asked for and not given
}

// phoneSince tells whether the user has got a phone since a question was asked that the phone is to be asked before.
func (j *judgement) phoneSince() (bool, error) {
	app, question := slices.Index(j.p.Second, MethodApp), slices.Index(j.p.Second, MethodPINphrase)
	if !j.who.known || !j.claims.First && !j.a.PasswordChecked || j.p.Fallback || app < 0 || question >= 0 && question < app || j.claims.Kind == token.Code {
		return false, nil
	}
	has, _, err := j.hasPhone(j.t, j.who.id)
	return has, err
}

// pinphrase judges the characters given against the open challenge.
func (j *judgement) pinphrase(text secret.Secret) error {
	name := j.p.series()
	o, err := j.opened(j.t, j.who, name)
	if errors.Is(err, errNotEnrolled) || errors.Is(err, pinphrase.ErrNoQuestion) {
		return j.dismiss(StaleToken)
	}
	if err != nil {
		return err
	}
	letters := pinphrase.CanonicalReply(text.Reveal())
	consumed := mac(j.replayKey, j.who.id.String(), letters)
	replayed := hmac.Equal(consumed, o.state.Series[name].Last)
	if o.record.ID != j.claims.Challenge {
		// The challenge was used up: by this very reply, where its Accept was lost on the way.
		if replayed {
			return j.dismiss(Replayed)
		}
		return j.dismiss(StaleToken)
	}
	answer, err := j.answerOf(j.who.id, o)
	if err != nil {
		return err
	}
	result := answer.Match(o.record.Set, text.Reveal(), j.set.PINphrase.Equivalents)
	if result != pinphrase.Right && replayed {
		return j.dismiss(Replayed)
	}
	seen, err := j.materialise(o, name)
	if err != nil {
		return err
	}
	if result != pinphrase.Right {
		// A wrong attempt shows the positions too.
		if seen {
			if err := put(j.t, keyState(j.who.id), &o.state); err != nil {
				return err
			}
		}
		if result.Malformed() {
			return j.wrong(Malformed)
		}
		return j.wrong(WrongAnswer)
	}
	if err := j.consume(o, name, consumed); err != nil {
		return err
	}
	var remark string
	item := o.answers.find(o.record.Question)
	if j.set.PINphrase.ExposureWarn > 0 && (o.record.Pressed ||
		pinphrase.Exposure(item.Length, j.set.PINphrase.Positions, o.usage(item).Seen) >= j.set.PINphrase.ExposureWarn) {
		tag := j.tag(j.who.user.Language, j.a.Language)
		label := o.question.LabelIn(tag, language.Tag(j.set.Language))
		remark = language.In(tag).Texts.RenewSoon(label)
		if err := j.notify(j.t, j.now, j.who.id, &j.who.user, notice{Kind: noticeExposure, What: label}); err != nil {
			return err
		}
		if o.record.Pressed {
			request, user := j.a.Request, j.who.name
			j.said = append(j.said, func() {
				j.log.Warn("a user's answers are all over the exposure limit", "request", request, "user", user)
			})
		}
	}
	if err := j.answered(); err != nil {
		return err
	}
	return j.accept(Right, remark)
}

// materialise writes the challenge that is being answered into the state, where it was derived so
// far, and notes that its positions were seen. It tells whether the state changed.
func (j *judgement) materialise(o *opened, name string) (changed bool, err error) {
	if changed, err = j.settle(j.t, j.who, o, name); err != nil {
		return false, err
	}
	item := o.answers.find(o.record.Question)
	usage := o.usage(item)
	before := usage.Seen
	usage.Observed(o.record.Set)
	changed = changed || usage.Seen != before
	o.state.Usage[item.Mark] = usage
	return changed, nil
}

// consume uses the open challenge up and prepares the next one. When no answer has a fresh
// set left, the series stays without, and the next login is refused in words.
func (j *judgement) consume(o *opened, name string, consumed []byte) error {
	next := *o
	err := j.draw(&next, j.who.id, randomness{})
	for _, item := range next.retired {
		usage := o.usage(item)
		usage.Retired = true
		o.state.Usage[item.Mark] = usage
	}
	switch {
	case errors.Is(err, pinphrase.ErrNoQuestion):
		o.state.Series[name] = seriesRecord{Last: consumed}
	case err != nil:
		return err
	default:
		for j.p.message() && markOf(j.state, next.record.ID) == markOf(j.state, o.record.ID) {
			// Of two messages with one mark the person would not know which to answer.
			_, _ = rand.Read(next.record.ID[:])
		}
		o.state.Asked++
		item := o.answers.find(next.record.Question)
		usage := o.usage(item)
		usage.Asked(next.record.Set, o.state.Asked)
		o.state.Usage[item.Mark] = usage
		o.state.Series[name] = seriesRecord{Open: next.record, Last: consumed}
	}
	o.bound()
	if err := put(j.t, keyState(j.who.id), &o.state); err != nil || j.presend[name] == nil || o.state.Series[name].Open.Question == "" {
		return err
	}
	_, err = j.send(j.t, j.now, j.who, j.presend[name].Deliver, name, &next, wishedAhead)
	return err
}

// maxUsed bounds the sets kept of one user, at 9 bytes each, well under store.MaxValueSize.
const maxUsed = 5000

// bound retires what has used up most where a user's record would grow too large: first an answer
// that is no longer given. A retired one needs its sets no more.
func (o *opened) bound() {
	total := 0
	for _, usage := range o.state.Usage {
		total += len(usage.Used)
	}
	if total <= maxUsed {
		return
	}
	given := map[[8]byte]bool{}
	for i := range o.answers.Items {
		given[o.answers.Items[i].Mark] = true
	}
	most, size := [8]byte{}, -1
	for mark, usage := range o.state.Usage {
		n := len(usage.Used)
		if n > 0 && !given[mark] {
			n += maxUsed
		}
		if n > size {
			most, size = mark, n
		}
	}
	usage := o.state.Usage[most]
	usage.Used, usage.Retired = nil, true
	o.state.Usage[most] = usage
}

// accept is the one place that lets somebody in: by the transaction that consumed, after it
// has read user, epoch, locks and policy.
func (j *judgement) accept(reason Reason, remark string) error {
	if j.a.Door == DoorSelfService {
		if stands, err := j.signedIn(reason); err != nil {
			return err
		} else if !stands {
			return j.dismiss(StaleToken)
		}
	}
	if stands, err := j.hostStands(); err != nil || !stands {
		return errors.Join(err, j.dismiss(HostRevoked))
	}
	if err := j.keepGrace(reason); err != nil {
		return err
	}
	var counts countRecord
	key := keyCount(j.who.id)
	if _, err := get(j.t, key, &counts); err != nil {
		return err
	}
	known := counts.pair(j.a.Source.counterKey())
	if j.a.Source.person() && (known == nil || known.Success == 0) {
		if err := j.notify(j.t, j.now, j.who.id, &j.who.user, notice{Kind: noticeSource, Source: j.a.Source.Value}); err != nil {
			return err
		}
	}
	if counts.right(j.now, j.a.Source) {
		if err := put(j.t, key, &counts); err != nil {
			return err
		}
	}
	return j.letIn(reason, remark)
}

// letIn audits an accept and makes its step.
func (j *judgement) letIn(reason Reason, remark string) error {
	r := j.record(j.now, j.a, j.who, eventLogin, "accept", reason)
	r.Reference = reference()
	if err := audit(j.t, r); err != nil {
		return err
	}
	tag := j.tag(j.who.user.Language, j.a.Language)
	j.step = Step{
		Kind: Accept, User: j.who.name, Reason: reason, Reference: r.Reference,
		Attributes: j.p.attributes(j.who.user.Groups), Text: j.spell(j.a, tag, remark), session: j.session,
	}
	return nil
}

// wrong counts a wrong try and rejects.
func (j *judgement) wrong(reason Reason) (err error) {
	// For good counts only what was compared and found wrong, after a right first factor.
	second := j.claims.First && (reason == WrongAnswer || reason == Malformed)
	if err = j.count(j.t, j.now, j.a, j.who, reason, second, &j.said); err != nil {
		return err
	}
	j.step, err = j.reject(j.t, j.now, j.a, j.who, reason)
	return err
}

// dismiss rejects without counting: nothing was compared.
func (j *judgement) dismiss(reason Reason) (err error) {
	if j.guessed {
		return j.wrong(WrongAnswer)
	}
	j.step, err = j.reject(j.t, j.now, j.a, j.who, reason)
	return err
}

// attributes are the reply attributes for a member of groups: a group's replace those of the
// same name of the policy; of several groups the first by name that has the attribute.
func (p *policy) attributes(groups []string) []Attribute {
	if len(p.Groups) == 0 || len(groups) == 0 {
		return p.Reply
	}
	replaced := map[string]bool{}
	var own []Attribute
	for _, g := range slices.Sorted(slices.Values(groups)) {
		mine := map[string]bool{}
		for _, at := range p.Groups[g] {
			if !replaced[at.Name] {
				own = append(own, at)
				mine[at.Name] = true
			}
		}
		for name := range mine {
			replaced[name] = true
		}
	}
	all := make([]Attribute, 0, len(p.Reply)+len(own))
	for _, at := range p.Reply {
		if !replaced[at.Name] {
			all = append(all, at)
		}
	}
	return append(all, own...)
}
