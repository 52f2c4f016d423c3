// Package smtpd runs a mail server for tests: github.com/emersion/go-smtp on loopback, with an inbox.
package smtpd

import (
	"crypto/tls"
	"io"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/latchkey/latchkey/test/carriers/cert"
)

// User and Password are those of its one account.
const (
	User     = "latchkey"
	Password = "mail & geheim"
)

// Options are not needed.
type Options struct {
	Pair     *cert.Pair // nil: no TLS
	Implicit bool       // TLS from the first byte
	Auth     bool       // nothing is taken without a log-in
	// At a step (mail, rcpt, data, end) the server answers with this error; nil: it takes it.
	Refuse func(step, value string) error
	// Hang is called when the whole message is there, before the reply.
	Hang func(conn net.Conn)
}

// Letter is a message that the server has taken.
type Letter struct {
	From, To string
	Header   mail.Header
	Body     string // decoded, with \n
	Raw      string
	TLS      bool
	User     string
}

// Server is a running mail server.
type Server struct {
	Address string // host:port
	Letters chan Letter

	options Options
	mu      sync.Mutex
	conns   int
}

// Start begins a server, which ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{Letters: make(chan Letter, 100), options: o}
	server := smtp.NewServer(smtp.BackendFunc(s.session))
	server.Domain = "mail.test"
	server.ReadTimeout, server.WriteTimeout = 30*time.Second, 30*time.Second
	server.AllowInsecureAuth = o.Pair == nil
	server.ErrorLog = quiet{}
	var config *tls.Config
	if o.Pair != nil {
		pair, err := tls.LoadX509KeyPair(o.Pair.CertificateFile, o.Pair.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		config = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = listener.Addr().String()
	if o.Implicit {
		listener = tls.NewListener(listener, config)
	} else {
		server.TLSConfig = config
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return s
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// Open is how many connections are open.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

// Next waits for the next letter.
func (s *Server) Next(t testing.TB) Letter {
	t.Helper()
	select {
	case l := <-s.Letters:
		return l
	case <-time.After(30 * time.Second):
		t.Fatal("no letter has come")
		return Letter{}
	}
}

type session struct {
	server *Server
	conn   *smtp.Conn
	letter Letter
}

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	s.conns++
	s.mu.Unlock()
	return &session{server: s, conn: c}, nil
}

func (s *session) refuse(step, value string) error {
	if s.server.options.Refuse == nil {
		return nil
	}
	return s.server.options.Refuse(step, value)
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string {
	if !s.server.options.Auth {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth implements smtp.AuthSession.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != User || password != Password {
			return smtp.ErrAuthFailed
		}
		s.letter.User = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.options.Auth && s.letter.User == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "log in"}
	}
	s.letter.From = from
	return s.refuse("mail", from)
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.letter.To = to
	return s.refuse("rcpt", to)
}

func (s *session) Data(r io.Reader) error {
	if err := s.refuse("data", ""); err != nil {
		return err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.server.options.Hang != nil {
		s.server.options.Hang(s.conn.Conn())
	}
	if err := s.refuse("end", ""); err != nil {
		return err
	}
	l := s.letter
	_, l.TLS = s.conn.TLSConnectionState()
	l.Raw = string(raw)
	l.Header, l.Body = decoded(l.Raw)
	s.server.Letters <- l
	return nil
}

func (s *session) Reset() {}

func (s *session) Logout() error {
	s.server.mu.Lock()
	s.server.conns--
	s.server.mu.Unlock()
	return nil
}

func decoded(raw string) (mail.Header, string) {
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		return nil, ""
	}
	body, _ := io.ReadAll(decoding(m))
	return m.Header, strings.TrimRight(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n")
}
