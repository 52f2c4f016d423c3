package mail_test

import (
	"context"
	"errors"
	"mime"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
	"github.com/latchkey/latchkey/core/delivery/mail"
	"github.com/latchkey/latchkey/core/secret"
	"github.com/latchkey/latchkey/test/carriers/cert"
	"github.com/latchkey/latchkey/test/carriers/smtpd"
)

const (
	lutz   = "lutz@example.org"
	canary = "kAnArIeNvOgEl"
)

func letter(text string) core.Message {
	return core.Message{ID: "0a1b", To: secret.New(lutz), Subject: "Latchkey: Grüße", Text: secret.New(text)}
}

func open(t *testing.T, cfg mail.Config) *mail.Mailer {
	t.Helper()
	if cfg.From == "" {
		cfg.From = "Latchkey Gerät <latchkey@corp.example>"
	}
	m, err := mail.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if m.Address() != core.AddressMail {
		t.Errorf("its address is a %s", m.Address())
	}
	return m
}

func wantFault(t *testing.T, m *mail.Mailer, want core.CarrierFault, words string) *core.CarrierError {
	t.Helper()
	err := m.Send(t.Context(), letter(canary))
	var fault *core.CarrierError
	if !errors.As(err, &fault) || fault.Fault != want || !strings.Contains(fault.Text, words) {
		t.Fatalf("the error is %v, want one of %q with %q", err, want, words)
	}
	for _, s := range []string{canary, lutz, smtpd.Password} {
		if strings.Contains(fault.Error(), s) {
			t.Errorf("the error holds %q: %v", s, fault)
		}
	}
	return fault
}

func TestLetter(t *testing.T) {
	t.Parallel()
	pair := cert.New(t, "127.0.0.1")
	text := "PINphrase: Bitte geben Sie das 1. Zeichen Ihres ersten Urlaubsorts ein: äöüß €.\n.\n..ein Punkt\nFrom here " + strings.Repeat("lang ", 60) + "\n" + canary
	for name, o := range map[string]smtpd.Options{
		"STARTTLS": {Pair: &pair, Auth: true}, "implicit": {Pair: &pair, Auth: true, Implicit: true}, "on this machine": {},
	} {
		t.Run(name, func(t *testing.T) {
			server := smtpd.Start(t, o)
			cfg := mail.Config{Server: server.Address, CA: pair.CA}
			switch {
			case o.Implicit:
				cfg.Security = mail.Implicit
			case o.Pair == nil:
				cfg.Security = mail.None
			}
			if o.Auth {
				cfg.User, cfg.Password = smtpd.User, secret.New(smtpd.Password)
			}
			m := open(t, cfg)
			ctx, said := delivery.Listening(t.Context())
			if err := m.Send(ctx, letter(text)); err != nil {
				t.Fatalf("%v (%s)", err, *said)
			}
			if !strings.HasPrefix(*said, "250 ") {
				t.Errorf("said %q", *said)
			}
			got := server.Next(t)
			subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
			from, fromErr := new(mime.WordDecoder).DecodeHeader(got.Header.Get("From"))
			if err != nil || subject != "Latchkey: Grüße" || fromErr != nil || from != `"Latchkey Gerät" <latchkey@corp.example>` && from != "Latchkey Gerät <latchkey@corp.example>" {
				t.Errorf("subject %q, from %q", subject, from)
			}
			if got.Body != text || got.From != "latchkey@corp.example" || got.To != lutz || got.TLS != (o.Pair != nil) || got.User != cfg.User {
				t.Errorf("got %+v\nwant %q", got, text)
			}
			for header, want := range map[string]string{
				"Message-Id": "<latchkey.0a1b@corp.example>", "Auto-Submitted": "auto-generated", "Content-Type": "text/plain; charset=UTF-8", "To": "<" + lutz + ">",
			} {
				if got := got.Header.Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			if date, err := got.Header.Date(); err != nil || time.Since(date) > time.Minute {
				t.Errorf("dated %v, %v", date, err)
			}
		})
	}
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	pair := cert.New(t, "127.0.0.1")
	plain := smtpd.Start(t, smtpd.Options{})
	wantFault(t, open(t, mail.Config{Server: plain.Address}), core.CarrierDown, "does not offer STARTTLS")
	wantFault(t, open(t, mail.Config{Server: plain.Address, Security: mail.Implicit, Timeout: 2 * time.Second}), core.CarrierDown, "it ")
	server := smtpd.Start(t, smtpd.Options{Pair: &pair})
	wantFault(t, open(t, mail.Config{Server: server.Address}), core.CarrierDown, "authority is not known")
	other := cert.New(t, "elsewhere.example.org")
	wrong := smtpd.Start(t, smtpd.Options{Pair: &other})
	wantFault(t, open(t, mail.Config{Server: wrong.Address, CA: other.CA}), core.CarrierDown, "bears another name")
	for _, s := range []*smtpd.Server{plain, server, wrong} {
		if len(s.Letters) > 0 {
			t.Error("a letter went in the clear, or to a stranger")
		}
		until(t, "connections are closed", func() bool { return s.Open() == 0 })
	}
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	pair := cert.New(t, "127.0.0.1")
	for _, c := range []struct {
		step  string
		code  int
		more  smtp.EnhancedCode
		want  core.CarrierFault
		words string
	}{
		{"rcpt", 550, smtp.EnhancedCode{5, 1, 1}, core.CarrierRefused, "status 550 at the recipient (5.1.1)"},
		{"rcpt", 450, smtp.EnhancedCode{4, 2, 0}, core.CarrierDown, "status 450 at the recipient (4.2.0)"},
		{"rcpt", 451, smtp.EnhancedCode{4, 7, 1}, core.CarrierBusy, "451"}, {"rcpt", 452, smtp.EnhancedCode{4, 5, 3}, core.CarrierBusy, "452"},
		{"rcpt", 421, smtp.EnhancedCode{4, 3, 2}, core.CarrierBusy, "421"},
		{"mail", 550, smtp.EnhancedCode{5, 7, 1}, core.CarrierDown, "are from, user and password right?"}, {"mail", 451, smtp.EnhancedCode{4, 3, 0}, core.CarrierDown, "451"},
		{"end", 554, smtp.EnhancedCode{5, 6, 0}, core.CarrierRefused, "at the end of the text"}, {"end", 451, smtp.EnhancedCode{4, 3, 0}, core.CarrierDown, "451"},
		{"end", 552, smtp.EnhancedCode{5, 2, 2}, core.CarrierRefused, "552"},
	} {
		server := smtpd.Start(t, smtpd.Options{Pair: &pair, Refuse: func(step, value string) error {
			if step == c.step {
				return &smtp.SMTPError{Code: c.code, EnhancedCode: c.more, Message: "not " + value + " " + lutz + " " + canary}
			}
			return nil
		}})
		wantFault(t, open(t, mail.Config{Server: server.Address, CA: pair.CA}), c.want, c.words)
		if len(server.Letters) > 0 {
			t.Errorf("%s %d: a letter has arrived", c.step, c.code)
		}
		until(t, "connections are closed", func() bool { return server.Open() == 0 })
	}
	server := smtpd.Start(t, smtpd.Options{Pair: &pair, Auth: true})
	wrong := mail.Config{Server: server.Address, CA: pair.CA, User: smtpd.User, Password: secret.New("wrong-" + canary)}
	wantFault(t, open(t, wrong), core.CarrierDown, "status 535: the mail server does not take user and password")
	wantFault(t, open(t, mail.Config{Server: server.Address, CA: pair.CA}), core.CarrierDown, "status 530 at the sender")
	open2 := smtpd.Start(t, smtpd.Options{Pair: &pair})
	wrong.Server = open2.Address
	wantFault(t, open(t, wrong), core.CarrierDown, "AUTH is not offered")
}

// Unknown is what was sent as a whole and not answered; all else is known not to have been taken.
func TestConnections(t *testing.T) {
	t.Parallel()
	pair := cert.New(t, "127.0.0.1")
	wantFault(t, open(t, mail.Config{Server: "127.0.0.1:9"}), core.CarrierDown, "connection refused")
	cut := smtpd.Start(t, smtpd.Options{Pair: &pair, Hang: func(conn net.Conn) { _ = conn.Close() }})
	wantFault(t, open(t, mail.Config{Server: cut.Address, CA: pair.CA}), core.CarrierUnknown, "reply to the message was lost")
	held := make(chan struct{})
	slow := smtpd.Start(t, smtpd.Options{Pair: &pair, Hang: func(net.Conn) { <-held }})
	t.Cleanup(func() { close(held) })
	wantFault(t, open(t, mail.Config{Server: slow.Address, CA: pair.CA, Timeout: 500 * time.Millisecond}), core.CarrierUnknown, "in time")
	// A server that accepts and says nothing.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	wantFault(t, open(t, mail.Config{Server: listener.Addr().String(), Timeout: 300 * time.Millisecond}), core.CarrierDown, "in time")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var fault *core.CarrierError
	if err := open(t, mail.Config{Server: slow.Address, CA: pair.CA}).Send(ctx, letter("x")); !errors.As(err, &fault) || fault.Fault != core.CarrierDown {
		t.Errorf("given up before: %v", err)
	}
}

// What would be another header, or another recipient, is refused before anybody is connected.
func TestInjection(t *testing.T) {
	t.Parallel()
	m := open(t, mail.Config{Server: "127.0.0.1:9"})
	for _, message := range []core.Message{
		{To: secret.New("lutz@example.org\r\nBcc: x@example.org"), Text: secret.New("x")}, {To: secret.New("lutz@example.org, x@example.org"), Text: secret.New("x")},
		{To: secret.New("Lutz <lutz@example.org>"), Text: secret.New("x")}, {To: secret.New("lutz"), Text: secret.New("x")}, {Text: secret.New("x")},
		{To: secret.New("lutz@example.org>\r\nDATA"), Text: secret.New("x")}, {To: secret.New(lutz), Subject: "x\r\nBcc: x@example.org", Text: secret.New("x")},
		{To: secret.New(lutz), Subject: "x\x00", Text: secret.New("x")}, {To: secret.New(lutz), Subject: "x", Text: secret.New("\xff")}, {To: secret.New("+491711234567"), Text: secret.New("x")},
	} {
		var fault *core.CarrierError
		if err := m.Send(t.Context(), message); !errors.As(err, &fault) || fault.Fault != core.CarrierRefused {
			t.Errorf("%q %q: %v", message.To.Reveal(), message.Subject, err)
		}
	}
	server := smtpd.Start(t, smtpd.Options{})
	message := letter("x")
	message.ID = "a>\r\nBcc: x@y\r\n<"
	if err := open(t, mail.Config{Server: server.Address, Security: mail.None}).Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	if got := server.Next(t); got.Header.Get("Bcc") != "" || !strings.HasPrefix(got.Header.Get("Message-Id"), "<latchkey.a---Bcc") {
		t.Errorf("%q", got.Header)
	}
	for _, cfg := range []mail.Config{
		{Server: "mail", From: lutz}, {Server: ":25", From: lutz}, {Server: "x:0", From: lutz}, {Server: "x:25"}, {Server: "x:25", From: "x\r\ny@z"}, {Server: "x:25", From: lutz, CA: []byte("x")},
	} {
		if _, err := mail.New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
