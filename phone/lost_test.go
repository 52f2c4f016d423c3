package phone

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/latchkey/latchkey/core/mobile"
)

// TestLostReplies cuts the connection after each kind of call has been carried out.
func TestLostReplies(t *testing.T) {
	a := newAppliance(t)
	path := statePath(t)
	lose := func(op string) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.loseReply = op
	}
	lose(enrolmentPath)
	p, err := Enrol(t.Context(), Config{Storage: File(path)}, a.invite().URL().Reveal(), "x", rightPIN)
	ok(t, err)
	a.with(func(d *device) { d.state = "active" })
	for _, op := range []string{"pin/evaluate", "open", "approve"} {
		lose(devicePath + op)
		w := a.login("sun")
		_, err := p.Approve(t.Context(), rightPIN, "sun")
		if ok(t, err); a.result(w) != "approved" {
			t.Errorf("%s: %s", op, a.result(w))
		}
	}
	for _, op := range []string{"renew/begin", "renew"} {
		lose(devicePath + op)
		ok(t, p.Renew(t.Context(), rightPIN))
	}
	if a.mu.Lock(); len(a.devices) != 1 || a.only().newest() != 3 || a.only().budget.Life != 0 {
		t.Errorf("%d devices, %+v", len(a.devices), a.only())
	}
	a.mu.Unlock()
}

// cutOff is a storage that fails at the n-th write, as a phone that goes off there.
type cutOff struct {
	Storage
	left int
}

var errOff = errors.New("off")

func (c *cutOff) Write(state []byte) error {
	if c.left--; c.left < 0 {
		return errOff
	}
	return c.Storage.Write(state)
}

// TestCutOff stops enrolment, renewal and change of PIN at every write; the next use finds its way.
func TestCutOff(t *testing.T) {
	for writes := 0; ; writes++ {
		a := newAppliance(t)
		path, inv := statePath(t), a.invite().URL().Reveal()
		_, err := Enrol(t.Context(), Config{Storage: &cutOff{File(path), writes}}, inv, "x", rightPIN)
		whole := err == nil
		if !whole {
			fails(t, err, errOff)
		}
		p, err := Enrol(t.Context(), Config{Storage: File(path)}, inv, "x", rightPIN)
		if whole {
			fails(t, err, ErrEnrolled)
			if writes < 4 {
				t.Errorf("only %d writes", writes)
			}
			break
		}
		if ok(t, err); p.CheckCode() == "" {
			status, err := p.Status(t.Context())
			if ok(t, err); len(status.CheckCode) != 8 {
				t.Error("no check code after a restart")
			}
		}
		a.with(func(d *device) { d.state = "active" })
		a.login("cup")
		_, err = p.Approve(t.Context(), rightPIN, "cup")
		ok(t, err)
	}
	for writes := 0; ; writes++ {
		a := newAppliance(t)
		p, path := enrolled(t, a)
		dying := &Phone{config: Config{Storage: &cutOff{File(path), writes}}, client: p.client}
		err := dying.ChangePIN(t.Context(), rightPIN, otherPIN)
		a.login("cup")
		_, errNew := p.Approve(t.Context(), otherPIN, "cup")
		if err == nil {
			ok(t, errNew)
			break
		}
		fails(t, err, errOff)
		if errNew != nil {
			fails(t, errNew, mobile.ErrWrongPIN)
			_, err = p.Approve(t.Context(), rightPIN, "cup")
			ok(t, err)
		}
	}
}

// TestNoReply: the appliance takes a renewal and never answers; the phone finds out.
func TestNoReply(t *testing.T) {
	a := newAppliance(t)
	p, path := enrolled(t, a)
	ctx, cancel := context.WithCancel(t.Context())
	a.mu.Lock()
	a.alter = func(at string, _ map[string]any) {
		if at == devicePath+"renew" {
			a.loseReply = at
			cancel()
		}
	}
	a.mu.Unlock()
	if err := p.ChangePIN(ctx, rightPIN, otherPIN); err == nil {
		t.Fatal("no error")
	}
	if state, _ := os.ReadFile(path); !bytes.Contains(state, []byte(`"next"`)) {
		t.Fatal("the new key was not kept")
	}
	a.login("cup")
	_, err := p.Approve(t.Context(), otherPIN, "cup")
	ok(t, err)
}

// TestCopy: the owner and a copy of the state cannot both go on.
func TestCopy(t *testing.T) {
	a := newAppliance(t)
	p, path := enrolled(t, a)
	text, err := os.ReadFile(path)
	ok(t, err)
	copied := statePath(t)
	ok(t, os.WriteFile(copied, text, 0o600))
	thief, err := Load(t.Context(), Config{Storage: File(copied)})
	ok(t, err)
	_, err = thief.Open(t.Context(), otherPIN)
	fails(t, err, mobile.ErrWrongPIN)
	_, err = p.Pendings(t.Context())
	fails(t, err, DeviceCloned)
	_, err = thief.Pendings(t.Context())
	fails(t, err, DeviceLocked)
}

// TestTogether: goroutines and a second Phone on the same file never look like a copy.
func TestTogether(t *testing.T) {
	a := newAppliance(t)
	p, path := enrolled(t, a)
	other, err := Load(t.Context(), Config{Storage: File(path)})
	ok(t, err)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := []*Phone{p, other}[i%2].Pendings(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
