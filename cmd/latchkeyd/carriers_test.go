package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey/latchkey/config"
	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
)

func mailTo(server string) config.Carrier {
	return config.Carrier{Name: "mail", Mail: &config.Mail{Server: server, TLS: "none", From: "a@example.org"}}
}

func centre(window int) config.Carrier {
	return config.Carrier{Name: "sms", SMPP: &config.SMPP{Address: "127.0.0.1:9", SystemID: "x", Source: "Latchkey", SourceTON: -1, SourceNPI: -1, Window: window, Timeout: time.Second}}
}

// Carriers are taken all or none; what has not changed stays; what core holds stays, too.
func TestTakeCarriers(t *testing.T) {
	c := newCarriers(slog.New(slog.DiscardHandler))
	defer c.close()
	first, err := c.take([]config.Carrier{centre(7), mailTo("127.0.0.1:9")})
	if err != nil || len(first) != 2 {
		t.Fatal(err, first)
	}
	sms, post := c.slots["sms"].current(), c.slots["mail"].current()
	if first["sms"].(core.AtOnce).AtOnce() != 7 || first["mail"].(core.AtOnce).AtOnce() != 0 || first["mail"].Address() != core.AddressMail {
		t.Error("a slot does not say what its carrier does")
	}
	if _, err := c.take([]config.Carrier{centre(8), mailTo("nowhere")}); err == nil || !strings.Contains(err.Error(), "carriers.mail: server") {
		t.Errorf("a carrier that cannot be made: %v", err)
	}
	if c.slots["sms"].current() != sms || c.slots["mail"].current() != post {
		t.Error("half of a configuration was taken")
	}
	second, err := c.take([]config.Carrier{centre(8), mailTo("127.0.0.1:9")})
	if err != nil || second["sms"] != first["sms"] || c.slots["sms"].current() == sms || c.slots["mail"].current() != post {
		t.Errorf("%v: the changed one is to be swapped in its slot, and the other left alone", err)
	}
	if first["sms"].(core.AtOnce).AtOnce() != 8 {
		t.Error("who holds the slot does not see the new carrier")
	}
	third, err := c.take([]config.Carrier{mailTo("127.0.0.1:9")})
	if _, ok := third["sms"]; ok || err != nil || len(c.status()) != 1 {
		t.Errorf("%v: a carrier that was taken away is there", err)
	}
	if _, err := c.take(nil); err != nil || c.status() != nil {
		t.Errorf("%v: %v", err, c.status())
	}
}

// Messages and reloads may meet: no message meets a carrier that takes none because a reload has closed it, but with
// an error that lets it be tried again.
func TestReloadsUnderLoad(t *testing.T) {
	c := newCarriers(slog.New(slog.DiscardHandler))
	defer c.close()
	all, err := c.take([]config.Carrier{centre(1)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for ctx.Err() == nil {
				err := all["sms"].Send(ctx, core.Message{To: secret.New("+491711234567"), Text: secret.New("x")})
				if text := faultText(err); !strings.HasPrefix(text, "down: ") {
					t.Errorf("%s", text)
				}
			}
		})
	}
	for window := 2; ctx.Err() == nil; window++ {
		if _, err := c.take([]config.Carrier{centre(window)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	senders.Wait()
	if s := c.status()[0]; s.Failed == 0 || s.Sent != 0 || s.Up || !strings.HasPrefix(s.LastError, "down: ") || s.LastErrorAt == nil {
		t.Errorf("%+v", s)
	}
}
