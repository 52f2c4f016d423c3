// Package mail brings messages to a mail server over SMTP: one connection a message, encrypted unless the
// administrator has said otherwise.
//
// It must never know why a message is sent. No error and no log holds the text, the recipient in full or what the
// server answered, which often repeats the recipient.
package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
	"github.com/latchkey/latchkey/core/delivery/dial"
)

// Security is how the connection is encrypted.
type Security string

// The ways.
const (
	StartTLS Security = "starttls" // required: a server that does not offer it gets no message
	Implicit Security = "implicit" // TLS from the first byte, mostly on port 465
	None     Security = "none"     // a server on this machine
)

// Config describes a mail server. Server and From are needed.
type Config struct {
	Server   string   // host:port
	Security Security // empty: StartTLS
	User     string   // empty: no authentication
	Password core.Secret
	From     string        // an address, perhaps with a name: "Latchkey <latchkey@example.org>"
	Hello    string        // the name that EHLO says; empty: the domain of From
	Timeout  time.Duration // of one message; 0: 30s
	CA       []byte        // PEM, instead of the system's authorities
	Now      func() time.Time
}

// Mailer is a core.Carrier.
type Mailer struct {
	config Config
	host   string
	port   int
	from   *netmail.Address
	domain string
	secure *tls.Config
	// implicit is secure where TLS begins with the connection; nil: with STARTTLS, or not at all.
	implicit *tls.Config
}

// New makes a Mailer, or says what is wrong with its configuration. It does no I/O.
func New(cfg Config) (*Mailer, error) {
	m := &Mailer{config: cfg}
	host, port, err := net.SplitHostPort(cfg.Server)
	if err == nil {
		m.port, err = strconv.Atoi(port)
	}
	if err != nil || host == "" || m.port < 1 || m.port > 65535 {
		return nil, errors.New("server: is no host:port")
	}
	m.host = host
	if m.from, err = netmail.ParseAddress(cfg.From); err != nil || hasControl(cfg.From) {
		return nil, errors.New("from: is no address")
	}
	_, m.domain, _ = strings.Cut(m.from.Address, "@")
	if m.config.Security == "" {
		m.config.Security = StartTLS
	}
	if m.config.Hello == "" {
		m.config.Hello = m.domain
	}
	if m.config.Timeout <= 0 {
		m.config.Timeout = 30 * time.Second
	}
	if m.config.Now == nil {
		m.config.Now = time.Now
	}
	if m.secure, err = dial.TLS(cfg.CA, host); err != nil {
		return nil, err
	}
	if m.config.Security == Implicit {
		m.implicit = m.secure
	}
	return m, nil
}

// Address implements core.Carrier.
func (m *Mailer) Address() core.AddressKind { return core.AddressMail }

// Close does nothing: no connection outlives its message.
func (m *Mailer) Close() {}

// Send implements core.Carrier.
func (m *Mailer) Send(ctx context.Context, message core.Message) error {
	letter, unfit := m.letter(message)
	if unfit != nil {
		return unfit
	}
	ctx, cancel := context.WithTimeout(ctx, m.config.Timeout)
	defer cancel()
	// The library leaves a connection open that it could not use, and forgets the context once it is connected: the
	// connection ends with this try.
	client, err := m.client(func(of context.Context, _, address string) (net.Conn, error) {
		conn, err := dial.Open(of, address, m.implicit)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	})
	if err != nil {
		return delivery.Fault(core.CarrierDown, "the configuration makes no client")
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return notConnected(ctx, err)
	}
	if err := client.SendWithSMTPClient(session, letter); err != nil && !letter.IsDelivered() {
		return notTaken(ctx, err)
	}
	delivery.Answer(ctx, "250 "+letter.ServerResponse())
	_ = client.CloseWithSMTPClient(session)
	return nil
}

// client is made for one message: the library's own is written to while it is used.
func (m *Mailer) client(open gomail.DialContextFunc) (*gomail.Client, error) {
	// The context ends a try; the library's own limit, whose error does not say that it was one, never comes first.
	const never = time.Minute
	options := []gomail.Option{
		gomail.WithPort(m.port), gomail.WithHELO(m.config.Hello), gomail.WithTimeout(m.config.Timeout + never),
		gomail.WithTLSConfig(m.secure), gomail.WithDialContextFunc(open), gomail.WithoutNoop(), gomail.WithoutRset(),
	}
	switch m.config.Security {
	case Implicit:
		options = append(options, gomail.WithSSL())
	case None:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if m.config.User != "" {
		options = append(options, gomail.WithUsername(m.config.User), gomail.WithPassword(m.config.Password.Reveal()),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	return gomail.NewClient(m.host, options...)
}

// letter writes the message. What does not fit is this message's own fault.
func (m *Mailer) letter(message core.Message) (*gomail.Msg, *core.CarrierError) {
	to := message.To.Reveal()
	address, err := netmail.ParseAddress(to)
	switch {
	case err != nil || address.Address != to || hasControl(to):
		return nil, delivery.Fault(core.CarrierRefused, "the address is no mail address")
	case hasControl(message.Subject) || !utf8.ValidString(message.Subject):
		return nil, delivery.Fault(core.CarrierRefused, "the subject holds a line break or another control character")
	case !utf8.ValidString(message.Text.Reveal()):
		return nil, delivery.Fault(core.CarrierRefused, "the text is not valid UTF-8")
	}
	letter := gomail.NewMsg(gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	letter.FromMailAddress(m.from)
	letter.ToMailAddress(address)
	letter.Subject(message.Subject)
	letter.SetDateWithValue(m.config.Now())
	if message.ID != "" {
		letter.SetMessageIDWithValue(messageID(message.ID, m.domain))
	}
	// Nobody's absence note need answer, and no list need pass it on (RFC 3834 section 5).
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	letter.SetBodyString(gomail.TypeTextPlain, message.Text.Reveal())
	return letter, nil
}

// messageID is the same at every try, so that a reader sees a message once that came twice.
func messageID(id, domain string) string {
	plain := strings.Map(func(r rune) rune {
		if r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.", r)) {
			return r
		}
		return '-'
	}, id)
	return "latchkey." + strings.Trim(plain, ".") + "@" + domain
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// notConnected is what went wrong before any message was named: the next try may go well.
func notConnected(ctx context.Context, err error) *core.CarrierError {
	var refused *textproto.Error
	if errors.As(err, &refused) {
		delivery.Answer(ctx, refused.Error())
		switch {
		case refused.Code == 535 || refused.Code == 534 || refused.Code == 530 || refused.Code == 538:
			return delivery.Fault(core.CarrierDown, "status %d: the mail server does not take user and password", refused.Code)
		case refused.Code == 421:
			return delivery.Busy(0, "status 421: the mail server has no time")
		}
		return delivery.Fault(core.CarrierDown, "status %d before the message", refused.Code)
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "does not support STARTTLS"):
		return delivery.Fault(core.CarrierDown, "the mail server does not offer STARTTLS, and nothing goes there in the clear")
	case strings.Contains(text, "does not support SMTP AUTH"):
		return delivery.Fault(core.CarrierDown, "the mail server takes no user and password here (AUTH is not offered)")
	case errors.Is(err, gomail.ErrNoSupportedAuthDiscovered), errors.Is(err, gomail.ErrPlainAuthNotSupported):
		return delivery.Fault(core.CarrierDown, "the mail server offers no way of AUTH that Latchkey has")
	}
	return delivery.Fault(core.CarrierDown, "the mail server: %s", dial.Words(ended(ctx, err)))
}

// ended prefers the reason why a try was cut short to what it looked like.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// notTaken reads the reply to the message (RFC 5321 section 4.2).
func notTaken(ctx context.Context, err error) *core.CarrierError {
	var e *gomail.SendError
	if !errors.As(err, &e) {
		return delivery.Fault(core.CarrierUnknown, "the mail server: %s", dial.Words(ended(ctx, err)))
	}
	code, at := e.ErrorCode(), steps[e.Reason]
	if at == "" {
		at = "the message"
	}
	if enhanced := e.EnhancedStatusCode(); enhanced != "" {
		at += " (" + enhanced + ")"
	}
	delivery.Answer(ctx, e.Error())
	switch {
	case code == 0 && e.Reason == gomail.ErrSMTPDataClose:
		// The whole message is there, and the reply is not.
		return delivery.Fault(core.CarrierUnknown, "the mail server's reply to the message was lost: %s", dial.Words(ended(ctx, err)))
	case code == 0:
		return delivery.Fault(core.CarrierDown, "the mail server, at %s: %s", at, dial.Words(ended(ctx, err)))
	case code == 421, code < 500 && strings.HasPrefix(e.EnhancedStatusCode(), "4.7."), code == 452:
		return delivery.Busy(0, "status %d at %s", code, at)
	case code < 500:
		return delivery.Fault(core.CarrierDown, "status %d at %s: later, says the mail server", code, at)
	case code == 530 || e.Reason == gomail.ErrSMTPMailFrom:
		return delivery.Fault(core.CarrierDown, "status %d at %s: are from, user and password right?", code, at)
	}
	return delivery.Fault(core.CarrierRefused, "status %d at %s", code, at)
}

var steps = map[gomail.SendErrReason]string{
	gomail.ErrSMTPMailFrom: "the sender", gomail.ErrSMTPRcptTo: "the recipient", gomail.ErrSMTPData: "the beginning of the text",
	gomail.ErrWriteContent: "the text", gomail.ErrSMTPDataClose: "the end of the text",
}
