package core

import (
	"strings"
	"testing"
)

// Self-service under policies that send the question to the person's own device.

func byMessage(s *Settings) {
	selfServed(s)
	s.SelfService.Policy = "two"
}

// fromMessage answers a step with what the last message asks for.
func (b *browser) fromMessage(p *post, op string, in doc, s stepDocument) stepDocument {
	b.t.Helper()
	p.deliver()
	letters, mark := p.read(p.sms.last(b.t))
	if !s.Resend || s.Waiting || !strings.Contains(s.Prompt, " "+mark+" ") || strings.Contains(s.Prompt, "Zeichen von") {
		b.t.Fatalf("mark %s: %+v", mark, s)
	}
	in["token"], in["text"] = s.Token, letters
	return b.step(op+"/answer", in)
}

// step makes a call that goes on with a step.
func (b *browser) step(op string, in doc) (s stepDocument) {
	b.t.Helper()
	b.must(op, in, &s)
	return s
}

func (p *post) signInByMessage(name string) *browser {
	p.t.Helper()
	b := p.browser()
	s := b.step("sign-in", doc{"user": name, "password": "latchkey-demo"})
	b.fromMessage(p, "sign-in", doc{"user": name}, s)
	return b
}

func TestSelfServiceByMessage(t *testing.T) {
	p := newPost(t, byMessage)
	p.equip("lutz", number)
	b := p.browser()
	s := b.step("sign-in", doc{"user": "lutz", "password": "latchkey-demo"})
	p.deliver()
	first := s.Token
	s = b.step("sign-in/answer", doc{"user": "lutz", "token": s.Token, "text": "resend"})
	if s.State != "challenge" || s.Token == first || !strings.HasPrefix(s.Prompt, "Eine Nachricht ist an Sie unterwegs. ") || !b.cookie.IsEmpty() {
		t.Fatalf("%+v", s)
	}
	p.deliver()
	if all := p.sms.messages(); len(all) != 2 || !all[0].Text.Equal(all[1].Text) {
		t.Fatalf("%d messages", len(all))
	}
	s = b.fromMessage(p, "sign-in", doc{"user": "lutz"}, s)
	if s.State != "signed-in" {
		t.Fatalf("%+v", s)
	}
	if o := b.overview(); o.Signed != "message" || o.Proof != nil {
		t.Errorf("%+v", o)
	}
	change := doc{"question": "pet", "answer": "Wackeldackel"}
	b.refused("answers/set", change, CodeProofNeeded)

	// The proof goes the same way, and is asked for again in the same way.
	s = b.step("proof", doc{"password": "latchkey-demo"})
	p.deliver()
	n := len(p.sms.messages())
	s = b.step("proof/answer", doc{"token": s.Token, "text": "resend"})
	s = b.fromMessage(p, "proof", doc{}, s)
	if o := b.overview(); s.State != "proved" || o.Proof == nil || o.Proof.Strength != "message" || o.Recovery.May != "yes" {
		t.Errorf("%+v %+v %+v", s, o.Proof, o.Recovery)
	}
	if len(p.sms.messages()) != n+1 {
		t.Errorf("%d messages, then %d", n, len(p.sms.messages()))
	}
	b.must("answers/set", change, nil)
	b.refused("devices/invite", doc{}, CodeAskAdmin)
	if info, _ := p.User(t.Context(), "lutz"); info.Wrong != 0 {
		t.Errorf("%d counted", info.Wrong)
	}
}

// TestAttackMessageOfSelfService: what was not asked by message is no message, and who cannot be reached gets in by
// nothing weaker.
func TestAttackMessageOfSelfService(t *testing.T) {
	p := newPost(t, byMessage)
	p.equip("lutz", number)
	b := p.signInByMessage("lutz")
	signIn := p.browser().step("sign-in", doc{"user": "lutz", "password": "latchkey-demo"})
	p.deliver()
	letters, _ := p.read(p.sms.last(t))
	b.refused("proof/answer", doc{"token": signIn.Token, "text": letters}, CodeDenied)
	proof := b.step("proof", doc{"password": "latchkey-demo"})
	p.browser().refused("sign-in/answer", doc{"user": "lutz", "token": proof.Token, "text": letters}, CodeDenied)
	// The characters of the prompt on the screen are another question's.
	screen := p.begin(attempt("lutz"))
	b.refused("proof/answer", doc{"token": screen.Token, "text": p.solve(screen.Prompt)}, CodeDenied)
	b.refused("proof/answer", doc{"token": proof.Token, "text": "zzz"}, CodeDenied)
	b.refused("answers/set", doc{"question": "pet", "answer": "Wackeldackel"}, CodeProofNeeded)

	p.enrol("nowhere")
	before := len(p.sms.messages()) + len(p.mail.messages())
	lost := p.browser()
	lost.refused("sign-in", doc{"user": "nowhere", "password": "latchkey-demo"}, CodeDenied)
	if e := p.audited(); e.Reason != NoAddress {
		t.Errorf("%+v", e)
	}
	lost.refused("sign-in", doc{"user": "lutz", "password": "wrong-password"}, CodeDenied)
	p.deliver()
	if n := len(p.sms.messages()) + len(p.mail.messages()); n != before {
		t.Errorf("%d messages for nobody", n-before)
	}
}

// TestPhoneOrMessageAtSelfService: from the phone to a message, which is the weaker proof.
func TestPhoneOrMessageAtSelfService(t *testing.T) {
	p := newPost(t, func(s *Settings) {
		withPhones(s)
		s.SelfService.Policy = "strong"
		s.Policies["strong"] = Policy{First: FirstPassword, Second: []Method{MethodApp, MethodPINphrase}, Realm: "default", Fallback: true, Deliver: []string{"sms"}}
	})
	p.equip("lutz", number)
	phone := p.newPhone("lutz", true)
	b := p.browser()
	b.byPhone(phone, "sign-in")
	s := b.step("proof", doc{"password": "latchkey-demo"})
	if !s.Waiting || !s.Fallback {
		t.Fatalf("%+v", s)
	}
	s = b.step("proof/answer", doc{"token": s.Token, "text": "p"})
	p.deliver()
	s = b.step("proof/answer", doc{"token": s.Token, "text": "resend"})
	b.fromMessage(p, "proof", doc{}, s)
	if o := b.overview(); o.Proof == nil || o.Proof.Strength != "message" || o.AddPhone != "proof" {
		t.Errorf("%+v", o)
	}
	b.refused("devices/invite", doc{}, CodeFactorTooWeak)
	b.must("answers/set", doc{"question": "pet", "answer": "Wackeldackel"}, nil)
	b.byPhone(phone, "proof")
	b.must("devices/invite", doc{}, nil)
}
