package phone

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/latchkey/latchkey/core/mobile"
	"github.com/latchkey/latchkey/core/secret"
)

var (
	rightPIN = secret.New("481516")
	otherPIN = secret.New("902714")
)

func enrolled(t *testing.T, a *appliance) (*Phone, string) {
	t.Helper()
	path := statePath(t)
	p, err := Enrol(t.Context(), Config{Storage: File(path)}, a.invite().URL().Reveal(), "my phone", rightPIN)
	if err != nil {
		t.Fatal(err)
	}
	a.with(func(d *device) {
		if d.state == "inert" && (p.CheckCode() != d.checkCode || len(d.checkCode) != 8) {
			t.Errorf("check code %q, the appliance has %q", p.CheckCode(), d.checkCode)
		}
		d.state = "active"
	})
	return p, path
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%v, want %v", err, want)
	}
}

func TestLife(t *testing.T) {
	a := newAppliance(t)
	_, path := enrolled(t, a)
	p, err := Load(t.Context(), Config{Storage: File(path)}) // as after a restart
	ok(t, err)
	defer p.Close()
	pendings, err := p.Pendings(t.Context())
	if ok(t, err); len(pendings) != 0 {
		t.Errorf("pendings: %v", pendings)
	}
	_, err = p.Open(t.Context(), rightPIN)
	fails(t, err, NoSuchPending)

	one, two := a.login("anchor"), a.login("moon")
	opened, err := p.Open(t.Context(), rightPIN)
	ok(t, err)
	if len(opened.Pendings) != 2 || len(opened.Symbols) != 9 || !slices.Contains(opened.Symbols, "anchor") || !slices.Contains(opened.Symbols, "moon") {
		t.Errorf("opened: %+v", opened)
	}
	id, err := opened.Approve(t.Context(), "moon")
	if ok(t, err); id != two.ID || a.result(two) != "approved" || a.result(one) != "ended" {
		t.Errorf("results %q and %q", a.result(one), a.result(two))
	}
	_, err = opened.Approve(t.Context(), "moon")
	fails(t, err, StaleNonce)

	one = a.login("anchor")
	_, err = p.Approve(t.Context(), rightPIN, "star")
	if fails(t, err, WrongSymbol); a.result(one) != "ended" {
		t.Error("a wrong symbol leaves the login open")
	}
	one = a.login("anchor")
	ok(t, p.Deny(t.Context(), one.ID, NotMe))
	if a.result(one) != "denied: not-me" {
		t.Error(a.result(one))
	}
	fails(t, p.Deny(t.Context(), one.ID, Cancel), NoSuchPending)

	ok(t, p.Rename(t.Context(), "old phone"))
	past, err := p.History(t.Context())
	if ok(t, err); len(past) != 1 || past[0].Result != "approved" {
		t.Errorf("history: %v", past)
	}
	status, err := p.Status(t.Context())
	if ok(t, err); status.State != "active" || status.User != "lutz" || status.Generation != 1 || status.CheckCode != "" {
		t.Errorf("status: %+v", status)
	}
	ok(t, p.Remove(t.Context()))
	_, err = os.Stat(path)
	fails(t, err, os.ErrNotExist)
	_, err = Load(t.Context(), Config{Storage: File(path)})
	fails(t, err, ErrNotEnrolled)
	a.with(func(d *device) {
		if d.name != "old phone" || d.state != "revoked" || d.budget.Life != 0 {
			t.Errorf("device %s, %s, %+v", d.name, d.state, d.budget)
		}
	})
}

// TestWrongPIN: five in a row lock, the count comes back with a right one, and twenty end it.
func TestWrongPIN(t *testing.T) {
	a := newAppliance(t)
	p, _ := enrolled(t, a)
	for left := 4; left > 0; left-- {
		_, err := p.Open(t.Context(), otherPIN)
		var wrong *WrongPIN
		if fails(t, err, mobile.ErrWrongPIN); !errors.As(err, &wrong) || wrong.Left != left {
			t.Fatalf("%v, want %d left", err, left)
		}
	}
	a.login("anchor")
	_, err := p.Approve(t.Context(), rightPIN, "anchor")
	ok(t, err)
	for range 5 {
		_, err := p.Open(t.Context(), otherPIN)
		fails(t, err, mobile.ErrWrongPIN)
	}
	_, err = p.Open(t.Context(), rightPIN)
	fails(t, err, PINLocked)
	for range 2 {
		a.with(func(d *device) { d.budget = d.budget.Unlock() })
		for range 5 {
			_, err := p.Open(t.Context(), otherPIN)
			fails(t, err, mobile.ErrWrongPIN)
		}
	}
	a.with(func(d *device) { d.budget = d.budget.Unlock() })
	_, err = p.Open(t.Context(), otherPIN)
	fails(t, err, mobile.ErrWrongPIN)
	_, err = p.Open(t.Context(), rightPIN)
	fails(t, err, PINErased)
}

func TestRenewAndChangePIN(t *testing.T) {
	a := newAppliance(t)
	p, path := enrolled(t, a)
	before, _ := os.ReadFile(path)
	ok(t, p.Renew(t.Context(), rightPIN))
	fails(t, p.ChangePIN(t.Context(), rightPIN, secret.New("123456")), mobile.ErrPINCommon)
	fails(t, p.ChangePIN(t.Context(), otherPIN, otherPIN), mobile.ErrWrongPIN)
	ok(t, p.ChangePIN(t.Context(), rightPIN, otherPIN))
	a.login("anchor")
	_, err := p.Approve(t.Context(), rightPIN, "anchor")
	fails(t, err, mobile.ErrWrongPIN)
	_, err = p.Approve(t.Context(), otherPIN, "anchor")
	ok(t, err)
	a.with(func(d *device) {
		if len(d.keys) != 1 || d.newest() != 3 || d.budget.Life != 2 || d.budget.Row != 0 {
			t.Errorf("keys %d, newest %d, budget %+v", len(d.keys), d.newest(), d.budget)
		}
	})
	after, _ := os.ReadFile(path)
	if bytes.Contains(after, []byte(`"next"`)) || bytes.Equal(before, after) {
		t.Error("the state was not settled")
	}
}
