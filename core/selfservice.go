package core

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// Users who serve themselves: they sign in with their code word or their factors, and set, renew and
// take away what they log in with. This file is the way of a call; selfsession.go has the sessions,
// selfsignin.go how they begin, selffactors.go what a change needs, the others what can be changed.

// SelfServiceSettings is what stands under selfservice: in the configuration.
type SelfServiceSettings struct {
	Policy        string        // which policy a sign-in is under; empty: there is no self-service
	Idle          time.Duration // a session ends when nothing was asked for so long; 0: 10 min
	Lasts         time.Duration // and after so long in any case; 0: 1 h
	RecoveryCodes int           // how many are made; 0: none
	NotMeLocks    bool          // "that was not me" locks the user until an administrator has looked
}

// SelfCall is one call of the pages at /me/, as a door has read it.
type SelfCall struct {
	Request  string // the door's id of this request, for logs and audit
	Op       string // what stands behind /api/v1/me/: "sign-in/answer"; of the overview: ""
	Session  Secret // what the browser's cookie holds; empty: none
	Guard    Secret // the header that a page of this origin alone can send
	Body     []byte // JSON; empty for GET
	Remote   string // the address that it came from
	Language string // that the page speaks
	Wait     time.Duration
}

// SelfReply answers a SelfCall.
type SelfReply struct {
	Body []byte // a JSON document
	// Session is a new one for the browser's cookie, which holds for so long at most.
	Session Secret
	Lasts   time.Duration
	Ended   bool // the cookie is of no use any more
}

// SelfService is what the HTTPS door needs of core for the pages at /me/; *Core is one. An error is a
// *DeviceError, or internal: then the door says "busy" and nothing else.
type SelfService interface {
	Self(ctx context.Context, call SelfCall) (SelfReply, error)
}

// The codes of self-service, beside those of phones.
const (
	CodeSignedOut      DeviceCode = "signed-out"       // there is no session, or not any more
	CodeDenied         DeviceCode = "denied"           // a sign-in, or a proof, was refused; the text says what may be said
	CodeNotOffered     DeviceCode = "not-offered"      // the configuration does not offer this
	CodeProofNeeded    DeviceCode = "proof-needed"     // a change needs a factor, now
	CodeFactorTooWeak  DeviceCode = "factor-too-weak"  // the proof that is there is weaker than what would be changed
	CodeAskAdmin       DeviceCode = "ask-admin"        // only an administrator's invitation or code word leads on
	CodeNoSuchQuestion DeviceCode = "no-such-question" // not in the pool, or not answered
	CodeNoSuchDevice   DeviceCode = "no-such-device"
	CodeNoSuchLogin    DeviceCode = "no-such-login"
	CodeWrongCheckCode DeviceCode = "wrong-check-code" // no new phone of this session shows it
	CodeTooMany        DeviceCode = "too-many-devices"
	CodeBeyondHelp     DeviceCode = "device-beyond-help" // it cannot be unlocked here

	CodeTooFewLeft DeviceCode = "too-few-left" // below the minimum nobody could log in

	CodeAnswerShort    DeviceCode = "answer-too-short"
	CodeAnswerRepeats  DeviceCode = "answer-repeats"
	CodeAnswerCommon   DeviceCode = "answer-common"
	CodeAnswerPersonal DeviceCode = "answer-personal"
	CodeAnswerSame     DeviceCode = "answer-same"  // as it was
	CodeAnswerTwice    DeviceCode = "answer-twice" // another question has it
	CodeAnswerUnusable DeviceCode = "answer-unusable"
)

// selfCall is one run of the transaction that answers a call of a session.
type selfCall struct {
	*Core
	t    store.Txn
	now  time.Time
	call SelfCall
	p    *policy
	key  sessionKey
	s    sessionRecord
	who  subject
	// reply is filled in by the call; keep says that what was written is to be kept although it is refused.
	reply SelfReply
	keep  bool
	said  []func()
}

// selfOp answers one kind of call of a session. What it returns is the reply's document, or a *DeviceError.
type selfOp struct {
	run func(*selfCall) (any, error)
	// reads: it changes nothing, so that a page may be loaded anew without the guard.
	reads bool
}

func selfOps() map[string]selfOp {
	return map[string]selfOp{
		"":                {(*selfCall).overview, true},
		"sign-out":        {(*selfCall).signOut, false},
		"answers/set":     {(*selfCall).setAnswer, false},
		"answers/remove":  {(*selfCall).removeAnswer, false},
		"language":        {(*selfCall).setLanguage, false},
		"devices/invite":  {(*selfCall).inviteDevice, false},
		"devices/confirm": {(*selfCall).confirmDevice, false},
		"devices/rename":  {(*selfCall).renameDevice, false},
		"devices/lock":    {(*selfCall).lockDevice, false},
		"devices/unlock":  {(*selfCall).unlockDevice, false},
		"devices/revoke":  {(*selfCall).revokeDevice, false},
		"logins":          {(*selfCall).logins, true},
		"logins/not-me":   {(*selfCall).notMe, false},
		"recovery/make":   {(*selfCall).makeRecovery, false},
		"recovery/void":   {(*selfCall).voidRecovery, false},
	}
}

// Self answers a call.
func (c *Core) Self(ctx context.Context, call SelfCall) (SelfReply, error) {
	p, ok := c.policies[c.set.SelfService.Policy]
	if !ok {
		return SelfReply{}, refuseCall(CodeNotOffered, "there is no self-service here")
	}
	switch call.Op {
	case "options":
		return c.selfOptions(p)
	case "code-word":
		return c.signInByCodeWord(ctx, call, p)
	case "sign-in":
		return c.beginSignIn(ctx, call, p)
	case "sign-in/answer":
		return c.answerSignIn(ctx, call, p)
	case "proof":
		return c.beginProof(ctx, call, p)
	case "proof/answer":
		return c.answerProof(ctx, call, p)
	}
	if call.Op == "answers/set" {
		c.warmCommon(call)
	}
	o, ok := selfOps()[call.Op]
	if !ok {
		return SelfReply{}, refuseCall(CodeBadRequest, "there is no such call")
	}
	return c.selfChange(ctx, call, p, o)
}

// selfChange runs a call of a session in one transaction, which reads session, user and locks again.
func (c *Core) selfChange(ctx context.Context, call SelfCall, p *policy, o selfOp) (SelfReply, error) {
	var reply SelfReply
	var refused *DeviceError
	var said []func()
	err := c.store.Update(ctx, func(t store.Txn) error {
		reply, refused, said = SelfReply{}, nil, nil
		k := selfCall{Core: c, t: t, now: c.clock.Now(), call: call, p: p}
		written, err := k.session(!o.reads)
		if err != nil {
			return err
		}
		doc, err := o.run(&k)
		switch {
		case errors.As(err, &refused) && !k.keep:
			return err
		case err != nil && refused == nil:
			return err
		}
		reply, said = k.reply, k.said
		if refused == nil {
			if reply.Body, err = json.Marshal(doc); err != nil {
				return err
			}
		}
		if o.reads && !written {
			return errNothing
		}
		return nil
	})
	switch {
	case refused != nil:
		if err == nil {
			tell(said)
		}
		return SelfReply{}, refused
	case errors.As(err, &refused):
		return SelfReply{Ended: refused.Code == CodeSignedOut}, refused
	case err != nil && !errors.Is(err, errNothing):
		return SelfReply{}, silence(err)
	}
	tell(said)
	return reply, nil
}

// body reads the call's document, strictly.
func (call SelfCall) body(into any) error {
	d := json.NewDecoder(bytes.NewReader(call.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return refuseCall(CodeBadRequest, "the body is not as documented")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuseCall(CodeBadRequest, "something stands behind the body")
	}
	return nil
}

// warmCommon makes the list of common answers that a call will want, outside its transaction: it takes a moment
// the first time.
func (c *Core) warmCommon(call SelfCall) {
	var in struct {
		Question string `json:"question"`
	}
	if json.Unmarshal(call.Body, &in) == nil {
		if q, ok := c.question(in.Question); ok {
			c.commonRule(q)
		}
	}
}

// selfNAS is what logs, phones and counters call this door.
const selfNAS = "selfservice"

// attempt is a sign-in, or, with a session, the proof that a change needs.
func (call SelfCall) attempt(p *policy, user string) Attempt {
	return Attempt{
		Request: call.Request, Door: DoorSelfService, NAS: selfNAS, Policy: p.Name, Source: Source{SourcePerson, call.Remote},
		User: user, Language: call.Language,
	}
}

// audit records what the user did here.
func (k *selfCall) audit(event, detail string) error {
	r := k.record(k.now, k.call.attempt(k.p, k.who.name), k.who, event, "done", "")
	r.Actor, r.Detail = k.who.name, printable(detail)
	return audit(k.t, r)
}

// alert puts something before the administrators.
func (k *selfCall) alert(what, detail string) error {
	r := k.record(k.now, k.call.attempt(k.p, k.who.name), k.who, eventAlert, what, "")
	r.Actor, r.Detail = k.who.name, printable(detail)
	request, user := k.call.Request, k.who.name
	k.said = append(k.said, func() { k.log.Warn("alert", "request", request, "user", user, "what", what) })
	return audit(k.t, r)
}

// selfOptions says how one may sign in here, to anybody.
func (c *Core) selfOptions(p *policy) (SelfReply, error) {
	body, err := json.Marshal(map[string]any{
		"password": p.First != FirstNone, "code_word": c.set.CodeWords.SelfService, "language": string(c.tag()), "appliance": c.set.Device.Appliance,
	})
	return SelfReply{Body: body}, err
}

// typedSecret is a text of a JSON document that nothing prints.
type typedSecret struct{ secret.Secret }

// UnmarshalJSON takes a string.
func (s *typedSecret) UnmarshalJSON(b []byte) error {
	var text string
	err := json.Unmarshal(b, &text)
	s.Secret = secret.New(text)
	return err
}
