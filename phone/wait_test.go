package phone

import (
	"context"
	"testing"
	"time"
)

func TestWait(t *testing.T) {
	for _, streaming := range []bool{true, false} {
		a := newAppliance(t)
		a.noEvents = !streaming
		p, path := enrolled(t, a)
		p.config.Poll = 10 * time.Millisecond
		old := a.login("house")
		pendings, err := p.Wait(t.Context())
		if ok(t, err); len(pendings) != 1 {
			t.Fatalf("%v", pendings)
		}
		type woken struct {
			pendings []Pending
			err      error
		}
		woke := make(chan woken)
		go func() {
			pendings, err := p.Wait(t.Context(), old.ID)
			woke <- woken{pendings, err}
		}()
		// Others may call meanwhile: waiting does not hold the lock.
		other, err := Load(t.Context(), Config{Storage: File(path)})
		ok(t, err)
		_, err = other.Pendings(t.Context())
		ok(t, err)
		begun := time.Now()
		a.login("music")
		w := <-woke
		if ok(t, w.err); len(w.pendings) != 2 {
			t.Errorf("%v", w.pendings)
		}
		t.Logf("streaming %v: woken after %v", streaming, time.Since(begun))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = p.Wait(ctx)
		fails(t, err, context.Canceled)
		a.with(func(d *device) { d.state = "revoked" })
		_, err = p.Wait(t.Context())
		fails(t, err, DeviceRevoked)
	}
}

// TestSilentStream: a stream that has died without a word is opened anew.
func TestSilentStream(t *testing.T) {
	a := newAppliance(t)
	p, _ := enrolled(t, a)
	p.config.Silence, p.config.Poll = 50*time.Millisecond, time.Millisecond
	done := make(chan error)
	go func() {
		_, err := p.Wait(t.Context())
		done <- err
	}()
	for range 3 {
		<-a.opened
	}
	a.login("clover")
	ok(t, <-done)
}
