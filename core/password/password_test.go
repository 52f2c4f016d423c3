package password

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/latchkey/latchkey/core/secret"
)

// cheap keeps the tests fast; the parameters are not what they test.
var cheap = Params{Memory: 8, Time: 1, Threads: 1}

func TestHashAndVerify(t *testing.T) {
	h := Hash(secret.New("latchkey-demo"), cheap)
	if !strings.HasPrefix(h.Reveal(), "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Fatalf("parameters are not stored with the hash")
	}
	for _, c := range []struct {
		password string
		want     bool
	}{{"latchkey-demo", true}, {"latchkey-dem", false}, {"", false}, {"latchkey-demo\x00", false}} {
		if got, err := Verify(secret.New(c.password), h); got != c.want || err != nil {
			t.Errorf("%q: %v, %v", c.password, got, err)
		}
	}
}

// TestForeignHash checks a hash that the argon2 reference implementation made
// (echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 24, from its README's parameters).
func TestForeignHash(t *testing.T) {
	h := secret.New("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if ok, err := Verify(secret.New("password"), h); !ok || err != nil {
		t.Errorf("right: %v, %v", ok, err)
	}
	if ok, err := Verify(secret.New("passwore"), h); ok || err != nil {
		t.Errorf("wrong: %v, %v", ok, err)
	}
}

func TestDamagedHashesAreErrors(t *testing.T) {
	for _, bad := range []string{
		"", "x", "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=1,p=1$$AAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$",
	} {
		if ok, err := Verify(secret.New("x"), secret.New(bad)); ok || !errors.Is(err, ErrHash) {
			t.Errorf("%q: %v, %v", bad, ok, err)
		}
	}
}

func TestUnknownUsersPayAndAreNeverRight(t *testing.T) {
	p := NewPool(PoolConfig{Params: cheap})
	ok, err := p.Verify(context.Background(), "vpn", secret.New("nobody has this password"), secret.Secret{})
	if ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

// TestSourcesTakeTurns fills the queue of one source and then lets another come: it is second, not last.
func TestSourcesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(PoolConfig{Params: cheap, PerSource: 5})
		if err := p.acquire(t.Context(), "busy"); err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 16)
		wait := func(source string) {
			go func() {
				if err := p.acquire(t.Context(), source); err != nil {
					order <- err.Error()
					return
				}
				order <- source
				p.release()
			}()
			synctest.Wait()
		}
		for range 5 {
			wait("flood")
		}
		wait("flood") // one too many
		if got := <-order; got != ErrBusy.Error() {
			t.Fatalf("the sixth of a source that may have five waiting: %q", got)
		}
		wait("other")
		p.release()
		synctest.Wait()
		if a, b := <-order, <-order; a != "flood" || b != "other" {
			t.Errorf("order %s, %s", a, b)
		}
		for range 4 {
			<-order
		}
		if p.running != 0 || p.waiting != 0 || len(p.queues) != 0 {
			t.Errorf("left: %d running, %d waiting, %d queues", p.running, p.waiting, len(p.queues))
		}
	})
}

func TestGivingUpLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(PoolConfig{Params: cheap})
		_ = p.acquire(t.Context(), "a")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.acquire(ctx, "a") }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		p.release()
		if p.running != 0 || p.waiting != 0 {
			t.Errorf("left: %d running, %d waiting", p.running, p.waiting)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	h := Hash(secret.New("latchkey-demo"), Default)
	for b.Loop() {
		_, _ = Verify(secret.New("latchkey-demo"), h)
	}
}
