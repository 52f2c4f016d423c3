package core

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hear writes down the receipts that came.
func (p *post) hear() {
	p.t.Helper()
	for {
		select {
		case r := <-p.reports:
			if err := p.newest.Load().reported(p.t.Context(), r); err != nil {
				p.t.Fatal(err)
			}
		default:
			return
		}
	}
}

func (p *post) messageState(name string) string {
	p.t.Helper()
	u, err := p.User(p.t.Context(), name)
	if err != nil || len(u.Messages) != 1 {
		p.t.Fatalf("%v: %+v", err, u.Messages)
	}
	return u.Messages[0].Carrier + " " + u.Messages[0].State
}

func TestAReceiptOfFailureGoesToTheNextCarrier(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	s := p.begin(two("lutz"))
	p.deliver()
	first := p.sms.last(t)
	if got := p.messageState("lutz"); got != "sms taken" {
		t.Fatal(got)
	}
	p.now = p.now.Add(30 * time.Second)
	first.Report(false, "UNDELIV, error 027")
	p.hear()
	p.deliver()
	m := p.mail.last(t)
	if len(p.sms.messages()) != 1 || len(p.mail.messages()) != 1 || p.left() != 0 || p.messageState("lutz") != "mail taken" || m.ID == first.ID {
		t.Fatalf("%d by SMS, %d by mail, %s", len(p.sms.messages()), len(p.mail.messages()), p.messageState("lutz"))
	}
	if e := p.events("undelivered"); len(e) != 1 || !strings.Contains(e[0].Detail, "by sms, UNDELIV, error 027") || e[0].User != "lutz" {
		t.Errorf("%+v", e)
	}
	// The same again, the opposite, and one that the first carrier made up: nothing.
	first.Report(false, "UNDELIV")
	first.Report(true, "DELIVRD")
	p.hear()
	p.deliver()
	if len(p.sms.messages())+len(p.mail.messages()) != 2 || len(p.events("undelivered")) != 1 || p.messageState("lutz") != "mail taken" {
		t.Error("a receipt counted twice")
	}
	// The second one fails, too: nobody is asked twice.
	m.Report(false, "bounced")
	p.hear()
	p.deliver()
	if len(p.sms.messages())+len(p.mail.messages()) != 2 || p.messageState("lutz") != "mail undelivered" {
		t.Error(p.messageState("lutz"))
	}
	letters, mark := p.read(m)
	if _, was := p.read(first); mark != was {
		t.Errorf("mark %s, was %s", mark, was)
	}
	want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
}

func TestAReceiptOfSuccess(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	s := p.begin(two("lutz"))
	p.deliver()
	p.sms.last(t).Report(true, "DELIVRD")
	p.hear()
	p.deliver()
	if got := p.messageState("lutz"); got != "sms delivered" || len(p.events("delivered")) != 1 || len(p.mail.messages()) != 0 {
		t.Error(got)
	}
	letters, _ := p.read(p.sms.last(t))
	want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
}

// What came in between makes a receipt late: then it is written down and does nothing.
func TestALateReceipt(t *testing.T) {
	for name, between := range map[string]func(*post, Step){
		"its time is over": func(p *post, _ Step) { p.now = p.now.Add(121 * time.Second) },
		"answered": func(p *post, s Step) {
			letters, _ := p.read(p.sms.last(p.t))
			want(p.t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
		},
		"sent again": func(p *post, s Step) {
			p.answer(two("lutz"), s.Token, Resend)
			p.deliver()
		},
		"locked": func(p *post, _ Step) {
			if err := p.LockUser(p.t.Context(), root, "lutz"); err != nil {
				p.t.Fatal(err)
			}
		},
		"another number": func(p *post, _ Step) {
			other := "+491719999999"
			if _, err := p.ChangeUser(p.t.Context(), root, "lutz", UserChange{Phone: &other}); err != nil {
				p.t.Fatal(err)
			}
		},
		"no such user": func(p *post, _ Step) {
			if err := p.RemoveUser(p.t.Context(), root, "lutz"); err != nil {
				p.t.Fatal(err)
			}
		},
		"no other carrier": func(p *post, _ Step) { p.SetCarriers(map[string]Carrier{"sms": p.sms}) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t)
			p.equip("lutz", number)
			s := p.begin(two("lutz"))
			p.deliver()
			first := p.sms.last(t)
			between(p, s)
			before := len(p.sms.messages())
			first.Report(false, "UNDELIV")
			p.hear()
			p.deliver()
			if len(p.sms.messages()) != before || len(p.mail.messages()) != 0 || len(p.events("undelivered")) != 1 {
				t.Errorf("%d by SMS, %d by mail, audited %d", len(p.sms.messages()), len(p.mail.messages()), len(p.events("undelivered")))
			}
		})
	}
}

// A receipt that is quicker than the sender, and one about the first part of a message that was not taken over: in
// whatever order they come, the next carrier has it once.
func TestAReceiptBeforeTheSenderKnows(t *testing.T) {
	for _, taken := range []bool{true, false} {
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprintf("taken %v, early %v", taken, early), func(t *testing.T) {
				p := newPost(t)
				p.equip("lutz", number)
				var heard atomic.Int32
				var kept Message
				p.sms.fault = func(_ int, m Message) error {
					kept = m
					if early {
						heard.Add(1)
						m.Report(false, "UNDELIV")
						p.hear() // all of it, before the carrier's own word counts
					}
					if taken {
						return nil
					}
					return &CarrierError{Fault: CarrierRefused, Text: "the second part"}
				}
				s := p.begin(two("lutz"))
				p.deliver()
				if !early {
					kept.Report(false, "UNDELIV")
					p.hear()
					p.deliver()
				}
				if len(p.mail.messages()) != 1 || p.left() != 0 || p.sms.tries != 1 {
					t.Fatalf("%d by mail, %d left, %d tries by SMS", len(p.mail.messages()), p.left(), p.sms.tries)
				}
				letters, _ := p.read(p.mail.last(t))
				want(t, p.answer(two("lutz"), s.Token, letters), Accept, Right)
			})
		}
	}
}

// A carrier that floods costs no memory.
func TestTooManyReceipts(t *testing.T) {
	p := newPost(t)
	p.equip("lutz", number)
	for range maxHeard + 10 {
		p.Core.report(&awaited{record: outboxRecord{Kind: outboxChallenge}})(false, "UNDELIV")
	}
	if len(p.reports) != maxHeard {
		t.Error(len(p.reports))
	}
}
