package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/pinphrase"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// How a session begins, and how a session proves once more whose it is. Factors go the way of any door, through
// Begin and Answer, with their counters and locks; the transaction that accepts opens the session.

// selfMark is what an attempt at self-service carries besides.
type selfMark struct {
	cookie Secret // of the browser that asks
	proof  bool   // the session of this cookie proves a factor; else a sign-in
}

const (
	// serviceProof is what the phone shows, and a token is bound to, when a session asks for a proof: who only meant
	// to sign in sees that more is asked for.
	serviceProof = "selfservice-change"
	maxTyped     = 1024 // bytes of a name, a password, a reply
)

// stepDocument is a Step as the page reads it.
type stepDocument struct {
	State    string          `json:"state"` // challenge, signed-in, proved
	Token    string          `json:"token,omitempty"`
	Prompt   string          `json:"prompt,omitempty"`
	Secret   bool            `json:"secret,omitempty"`
	Waiting  bool            `json:"waiting,omitempty"`
	Fallback bool            `json:"fallback,omitempty"`
	Resend   bool            `json:"resend,omitempty"`
	Symbols  []mobile.Symbol `json:"symbols,omitempty"` // one, or a pair in its order
	Guard    string          `json:"guard,omitempty"`
	Text     string          `json:"text,omitempty"`
}

func (c *Core) beginSignIn(ctx context.Context, call SelfCall, p *policy) (SelfReply, error) {
	var in struct {
		User     string      `json:"user"`
		Password typedSecret `json:"password"`
	}
	if err := call.body(&in); err != nil {
		return SelfReply{}, err
	}
	if p.First == FirstNone {
		// What nobody here checks is not checked: a name alone must show no question.
		return SelfReply{}, refuseCall(CodeNotOffered, "one signs in with the code word here")
	}
	if in.Password.Len() > maxTyped {
		return SelfReply{}, refuseCall(CodeBadRequest, "the password is too long")
	}
	a := call.attempt(p, in.User)
	a.Password, a.self = in.Password.Secret, selfMark{cookie: call.Session}
	step, err := c.Begin(ctx, a)
	return c.stepReply(step, err, "signed-in")
}

func (c *Core) answerSignIn(ctx context.Context, call SelfCall, p *policy) (SelfReply, error) {
	var in struct {
		User  string      `json:"user"`
		Token string      `json:"token"`
		Text  typedSecret `json:"text"`
	}
	if err := call.body(&in); err != nil {
		return SelfReply{}, err
	}
	if p.First == FirstNone {
		return SelfReply{}, refuseCall(CodeNotOffered, "one signs in with the code word here")
	}
	a := call.attempt(p, in.User)
	a.self = selfMark{cookie: call.Session}
	step, err := c.Answer(ctx, Reply{Attempt: a, Token: in.Token, Text: in.Text.Secret, Wait: call.Wait})
	return c.stepReply(step, err, "signed-in")
}

func (c *Core) beginProof(ctx context.Context, call SelfCall, p *policy) (SelfReply, error) {
	var in struct {
		Password typedSecret `json:"password"`
	}
	if err := call.body(&in); err != nil {
		return SelfReply{}, err
	}
	if p.First == FirstNone {
		return SelfReply{}, refuseCall(CodeAskAdmin, "nobody checks a first factor here")
	}
	if in.Password.Len() > maxTyped {
		return SelfReply{}, refuseCall(CodeBadRequest, "the password is too long")
	}
	a, err := c.proofAttempt(ctx, call, p)
	if err != nil {
		return SelfReply{Ended: errors.Is(err, errSignedOut)}, err
	}
	a.Password = in.Password.Secret
	step, err := c.Begin(ctx, a)
	return c.stepReply(step, err, "proved")
}

func (c *Core) answerProof(ctx context.Context, call SelfCall, p *policy) (SelfReply, error) {
	var in struct {
		Token string      `json:"token"`
		Text  typedSecret `json:"text"`
	}
	if err := call.body(&in); err != nil {
		return SelfReply{}, err
	}
	a, err := c.proofAttempt(ctx, call, p)
	if err != nil {
		return SelfReply{Ended: errors.Is(err, errSignedOut)}, err
	}
	step, err := c.Answer(ctx, Reply{Attempt: a, Token: in.Token, Text: in.Text.Secret, Wait: call.Wait})
	return c.stepReply(step, err, "proved")
}

// proofAttempt is an attempt of the session's own user, bound to the session.
func (c *Core) proofAttempt(ctx context.Context, call SelfCall, p *policy) (Attempt, error) {
	var name string
	err := c.store.Update(ctx, func(t store.Txn) error {
		k := selfCall{Core: c, t: t, now: c.clock.Now(), call: call, p: p}
		written, err := k.session(true)
		if err == nil && !written {
			err = errNothing
		}
		name = k.who.name
		return err
	})
	if refused := (*DeviceError)(nil); asRefusal(err, &refused) {
		return Attempt{}, refused
	}
	if err != nil && !errors.Is(err, errNothing) {
		return Attempt{}, silence(err)
	}
	a := call.attempt(p, name)
	a.Service, a.self = serviceProof, selfMark{cookie: call.Session, proof: true}
	return a, nil
}

// bind is what of an attempt's session its token is bound to.
func (m selfMark) bind() string {
	key, ok := sessionID(m.cookie)
	if !m.proof || !ok {
		return ""
	}
	return hex.EncodeToString(key[:])
}

func (c *Core) stepReply(step Step, err error, done string) (SelfReply, error) {
	if err != nil {
		return SelfReply{}, err
	}
	doc := stepDocument{State: "challenge", Token: step.Token, Prompt: step.Prompt, Secret: step.Secret, Waiting: step.Waiting, Resend: step.Resend, Fallback: step.Fallback}
	if step.Symbol != "" {
		doc.Symbols = step.Symbol.Parts()
	}
	reply := SelfReply{}
	switch {
	case step.Kind == Challenge:
	case step.Kind == Accept && (!step.session.IsEmpty() || done == "proved"):
		doc = stepDocument{State: done, Text: step.Text}
		if !step.session.IsEmpty() {
			reply.Session, reply.Lasts, doc.Guard = step.session, c.sessionLasts(), c.guard(step.session)
		}
	default:
		return SelfReply{}, refuseCall(CodeDenied, step.Text)
	}
	reply.Body, err = json.Marshal(doc)
	return reply, err
}

// signInByCodeWord takes the whole code word, once: spending it, the session and the audit record are one commit.
// A wrong word, an unknown name and a lock cost and sound alike.
func (c *Core) signInByCodeWord(ctx context.Context, call SelfCall, p *policy) (SelfReply, error) {
	var in struct {
		User     string      `json:"user"`
		CodeWord typedSecret `json:"code_word"`
	}
	if err := call.body(&in); err != nil {
		return SelfReply{}, err
	}
	if !c.set.CodeWords.SelfService {
		return SelfReply{}, refuseCall(CodeNotOffered, "code words open no self-service here")
	}
	if in.CodeWord.Len() > maxTyped {
		return SelfReply{}, refuseCall(CodeBadRequest, "the code word is too long")
	}
	var step Step
	var said []func()
	err := c.store.Update(ctx, func(t store.Txn) error {
		a := call.attempt(p, in.User)
		a.self = selfMark{cookie: call.Session}
		j := judgement{Core: c, t: t, now: c.clock.Now(), a: a, p: p}
		err := j.typedCodeWord(in.CodeWord.Secret)
		step, said = j.step, j.said
		return err
	})
	if err != nil {
		return SelfReply{}, silence(err)
	}
	tell(said)
	return c.stepReply(step, nil, "signed-in")
}

func (j *judgement) typedCodeWord(typed secret.Secret) (err error) {
	if j.who, err = j.lookup(j.t, j.a.User); err != nil {
		return err
	}
	right, err := j.isCodeWord(typed)
	if err != nil {
		return err
	}
	pre, err := j.refusal(j.t, j.now, j.who, j.a.Source)
	switch {
	case err != nil:
		return err
	case pre != "":
		return j.wrong(pre)
	case !j.who.known:
		return j.wrong(UnknownUser)
	case !right:
		return j.wrong(WrongCodeWord)
	}
	spent := *j.who.user.CodeWord
	spent.Typed = j.now.Unix()
	j.who.user.CodeWord = &spent
	if err := put(j.t, keyUser(j.who.id), &j.who.user); err != nil {
		return err
	}
	return j.accept(RightCodeWord, "")
}

// codeWordTypable tells whether a code word may still be typed whole, which is apart from the one login that it opens.
func (c *Core) codeWordTypable(r *codeRecord, now time.Time) bool {
	return c.set.CodeWords.SelfService && r != nil && r.Typed == 0 && r.Generation == c.generation && now.Unix() < r.Until
}

// isCodeWord compares in the same way for everybody: who has no code word is compared with something that opens
// alike and is nobody's.
func (j *judgement) isCodeWord(typed secret.Secret) (bool, error) {
	given := sha256.Sum256([]byte(codeWordForm(typed.Reveal())))
	r := j.who.user.CodeWord
	if !j.who.known || !j.codeWordTypable(r, j.now) {
		var g generationRecord
		if _, err := get(j.t, keyGeneration, &g); err != nil {
			return false, err
		}
		nobodys, err := j.keys.Open(g.Check, checkContext)
		if err != nil {
			return false, err
		}
		sum := sha256.Sum256([]byte(codeWordForm(nobodys.Reveal())))
		_ = secret.FromBytes(sum[:]).Equal(secret.FromBytes(given[:]))
		return false, nil
	}
	word, err := j.keys.Open(r.Sealed, codeContext(j.who.id, "codeword", r))
	if err != nil {
		return false, fmt.Errorf("code word of user %s: %w", j.who.id, err)
	}
	sum := sha256.Sum256([]byte(codeWordForm(word.Reveal())))
	return secret.FromBytes(sum[:]).Equal(secret.FromBytes(given[:])), nil
}

// codeWordForm is what of a code word counts: not case, spaces and hyphens; ü is ue.
func codeWordForm(text string) string {
	return strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss").Replace(pinphrase.CanonicalReply(text))
}

func asRefusal(err error, refused **DeviceError) bool { return errors.As(err, refused) }
