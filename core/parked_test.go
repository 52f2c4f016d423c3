package core

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/core/store"
)

// parking are logins that wait, of a user with a phone.
type parking struct {
	*house
	phone *testPhone
	who   subject
	a     Attempt
}

func newParking(t *testing.T) *parking {
	h := newPhoneHouse(t)
	k := &parking{house: h, phone: h.newPhone("lutz", true)}
	k.a = Attempt{Request: "r", Door: DoorRADIUS, NAS: "vpn", Policy: "phone", User: "lutz", Source: Source{SourceNAS, "vpn"}}
	err := h.store.View(t.Context(), func(r store.Reader) (err error) {
		k.who, err = h.lookup(r, "lutz")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// pending stores one, whatever else waits, and gives the token that its login comes back with.
func (k *parking) pending() (pendingRecord, string) {
	k.t.Helper()
	p := k.policies["phone"]
	record, err := k.newPending(k.a, p, k.who, k.clock.Now(), nil)
	if err == nil {
		err = k.store.Update(k.t.Context(), func(t store.Txn) error { return storePending(t, waitingRecord{}, record) })
	}
	if err != nil {
		k.t.Fatal(err)
	}
	return record, k.askApp(k.a, p, k.who, k.clock.Now(), &record, 0, false).Token
}

// approve is what an approval leaves in the store.
func (k *parking) approve(records ...pendingRecord) {
	k.t.Helper()
	err := k.store.Update(k.t.Context(), func(t store.Txn) error {
		for _, p := range records {
			p.State, p.Device = pendingApproved, &k.phone.id
			if err := put(t, p.key(), p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		k.t.Error(err)
	}
}

// outcome is what one login that was parked has come to.
type outcome struct {
	calls atomic.Int32
	step  Step
	err   error
	ended chan struct{}
}

// park has a login wait. Only where it is for a moment need it not come to that.
func (k *parking) park(ctx context.Context, token string, wait time.Duration) *outcome {
	k.t.Helper()
	o := &outcome{ended: make(chan struct{})}
	step, later, err := k.AnswerLater(k.t.Context(), Reply{Attempt: k.a, Token: token, Wait: wait}, func() (context.Context, func(Step, error)) {
		return ctx, func(step Step, err error) {
			if o.calls.Add(1) > 1 {
				k.t.Error("a door hears twice")
				return
			}
			o.step, o.err = step, err
			close(o.ended)
		}
	})
	if !later {
		if err != nil || wait > time.Second {
			k.t.Fatalf("does not wait: %v, %v", step, err)
		}
		o.step = step // the approval was there already
		close(o.ended)
	}
	return o
}

func (o *outcome) wait(t *testing.T) (Step, error) {
	t.Helper()
	select {
	case <-o.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("a login is never told of")
	}
	return o.step, o.err
}

// empty checks that nobody is left in the table, nor at work.
func (k *parking) empty() {
	k.t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		k.waits.mu.Lock()
		by, doors, ready, workers := len(k.waits.by), len(k.waits.doors), len(k.waits.ready), k.waits.workers
		k.waits.mu.Unlock()
		if by+doors+ready+workers == 0 {
			return
		}
		if time.Now().After(end) {
			k.t.Fatalf("left: %d logins, %d doors, %d ready, %d workers", by, doors, ready, workers)
		}
	}
}

// TestTenThousandAreWoken: those that wait need no goroutines, and each is woken once, by its own approval.
func TestTenThousandAreWoken(t *testing.T) {
	k := newParking(t)
	const logins = 10_000
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	records, all := make([]pendingRecord, logins), make([]*outcome, logins)
	before := runtime.NumGoroutine()
	for i := range all {
		var token string
		records[i], token = k.pending()
		all[i] = k.park(ctx, token, 10*time.Minute)
	}
	if n := runtime.NumGoroutine() - before; n > mostLooks+50 {
		t.Errorf("%d goroutines for logins that wait", n)
	}
	k.approve(records[0])
	if step, err := all[0].wait(t); err != nil || step.Kind != Accept {
		t.Fatal(step, err)
	}
	for i := 1; i < 10; i++ {
		if all[i].calls.Load() != 0 {
			t.Error("another's approval ends a wait")
		}
	}
	for i := 1; i < logins; i += 500 {
		k.approve(records[i:min(i+500, logins)]...)
	}
	for _, o := range all {
		if step, err := o.wait(t); err != nil || step.Kind != Accept || step.Reason != RightApproval {
			t.Fatal(step, err)
		}
	}
	k.empty()
}

// TestApprovalAgainstTheDeadline: whichever comes first, there is one step now, one Accept in the end, and no more.
func TestApprovalAgainstTheDeadline(t *testing.T) {
	k := newParking(t)
	now, later := 0, 0
	for i := range 400 {
		record, token := k.pending()
		wait := time.Duration(1+i%4) * time.Millisecond
		approved := make(chan struct{})
		time.AfterFunc(wait+time.Duration(i%7-3)*100*time.Microsecond, func() { k.approve(record); close(approved) })
		step, err := k.park(t.Context(), token, wait).wait(t)
		<-approved
		if err == nil && step.Kind == Challenge {
			later++
			step, err = k.Answer(t.Context(), Reply{Attempt: k.a, Token: step.Token, Wait: time.Minute})
		} else {
			now++
		}
		if err != nil || step.Kind != Accept {
			t.Fatal(step, err)
		}
		if again, err := k.Answer(t.Context(), Reply{Attempt: k.a, Token: token}); err != nil || again.Kind != Reject {
			t.Fatal("a second time: ", again, err)
		}
	}
	t.Logf("%d approvals came before the deadline, %d after it", now, later)
	k.empty()
}

// TestParkedEndWithTheirDoor, those of another door wait on; who comes to a door that is closing does not wait.
func TestParkedEndWithTheirDoor(t *testing.T) {
	k := newParking(t)
	closing, closed := context.WithCancel(t.Context())
	other, leave := context.WithCancel(t.Context())
	defer leave()
	var ending []*outcome
	for range 500 {
		_, token := k.pending()
		ending = append(ending, k.park(closing, token, 10*time.Minute))
	}
	record, token := k.pending()
	staying := k.park(other, token, 10*time.Minute)
	closed()
	_, token = k.pending()
	for _, o := range append(ending, k.park(closing, token, 10*time.Minute)) {
		if step, err := o.wait(t); err != nil || step.Kind != Challenge || !step.Waiting {
			t.Fatal(step, err)
		}
	}
	if staying.calls.Load() != 0 {
		t.Error("another door's login has ended, too")
	}
	k.approve(record)
	if step, err := staying.wait(t); err != nil || step.Kind != Accept {
		t.Error(step, err)
	}
	k.empty()
}

// TestNoRoomToPark: the door has the step at once, and nothing stays.
func TestNoRoomToPark(t *testing.T) {
	k := newParking(t)
	_, token := k.pending()
	step, later, err := k.AnswerLater(t.Context(), Reply{Attempt: k.a, Token: token, Wait: time.Minute},
		func() (context.Context, func(Step, error)) { return nil, nil })
	if err != nil || later || step.Kind != Challenge || !step.Waiting {
		t.Error(step, later, err)
	}
	k.empty()
}

// TestFaultInALook: the login is told of once, as of silence, and the workers go on; so they do when a door breaks.
func TestFaultInALook(t *testing.T) {
	k := newParking(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	record, token := k.pending()
	broken := k.park(ctx, token, 10*time.Minute)
	k.waits.mu.Lock()
	k.waits.by[[8]byte(record.ID[:8])].policy = nil
	k.waits.hurry(k.waits.by[[8]byte(record.ID[:8])])
	k.waits.mu.Unlock()
	if step, err := broken.wait(t); !errors.Is(err, ErrFault) || !errors.Is(err, ErrSilence) || step.Kind != 0 {
		t.Errorf("%v, %v", step, err)
	}
	k.approve(record)
	if step, err := k.Answer(t.Context(), Reply{Attempt: k.a, Token: token}); err != nil || step.Kind != Accept {
		t.Errorf("after it %v, %v", step, err)
	}

	record, token = k.pending()
	_, _, err := k.AnswerLater(t.Context(), Reply{Attempt: k.a, Token: token, Wait: time.Minute},
		func() (context.Context, func(Step, error)) {
			return ctx, func(Step, error) { panic(fmt.Errorf("a door")) }
		})
	if err != nil {
		t.Fatal(err)
	}
	k.approve(record)
	k.empty()
	record, token = k.pending()
	well := k.park(ctx, token, 10*time.Minute)
	k.approve(record)
	if step, err := well.wait(t); err != nil || step.Kind != Accept {
		t.Errorf("the next gets %v, %v", step, err)
	}
	k.empty()
}

// TestDecoysAreParked as logins are, and end as they do.
func TestDecoysAreParked(t *testing.T) {
	k := newParking(t)
	_, token := k.pending()
	decoy := k.decoyApp(k.a, k.policies["phone"], k.who, k.clock.Now()).Token
	for name, token := range map[string]string{"login": token, "decoy": decoy} {
		if step, err := k.park(t.Context(), token, 50*time.Millisecond).wait(t); err != nil || step.Kind != Challenge || !step.Waiting {
			t.Error(name, step, err)
		}
	}
	k.now = k.now.Add(k.pendingFor())
	for name, token := range map[string]string{"login": token, "decoy": decoy} {
		if step, err := k.Answer(t.Context(), Reply{Attempt: k.a, Token: token, Text: secret.New("p"), Wait: time.Minute}); err != nil || step.Reason != PendingExpired {
			t.Error(name, step, err)
		}
	}
	k.empty()
}
