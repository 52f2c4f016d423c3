package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/fleet"
	"github.com/latchkey/latchkey/hostapi"
	"github.com/latchkey/latchkey/hostapi/hostdoor"
)

// Hosts of a fleet. They prove themselves in the handshake, by a certificate that only a handshake for fleet.ALPN asks
// for: browsers and phones never see the question. Who the host is, and whether it still is one, core reads from its
// state at each call.

// errNoCertificate is a call on a connection that was made for somebody else.
var errNoCertificate = refuse(codeNoCertificate, "a host shows its certificate in a handshake that names the protocol "+fleet.ALPN)

// tlsConfig is that of the certificates, and for hosts one that asks for theirs. Its times and its state are judged at
// each call, with words that a sysadmin can read; here only whether this appliance has signed it.
func (s *Server) tlsConfig() *tls.Config {
	usual := s.certificates.config()
	if s.hosts == nil {
		return usual
	}
	forHosts := usual.Clone()
	forHosts.MinVersion = tls.VersionTLS13
	forHosts.NextProtos = []string{"http/1.1"}
	forHosts.ClientAuth = tls.RequireAnyClientCert
	forHosts.ClientCAs = x509.NewCertPool()
	forHosts.ClientCAs.AddCert(s.hosts().HostAuthority())
	forHosts.SessionTicketsDisabled = true // each connection proves the key
	forHosts.VerifyConnection = func(c tls.ConnectionState) error {
		authority := s.hosts().HostAuthority()
		if len(c.PeerCertificates) != 1 || c.PeerCertificates[0].CheckSignatureFrom(authority) != nil {
			return fleet.ErrCertificate
		}
		_, err := fleet.IDOf(c.PeerCertificates[0])
		return err
	}
	usual.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedProtos, fleet.ALPN) {
			return forHosts, nil
		}
		return nil, nil
	}
	return usual
}

// hostCall is who calls, by the handshake.
func (s *Server) hostCall(r *request) (core.HostCall, error) {
	if s.hosts == nil {
		return core.HostCall{}, refuse(codeNotFound, "")
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) != 1 {
		return core.HostCall{}, errNoCertificate
	}
	return core.HostCall{Request: r.id, Certificate: r.TLS.PeerCertificates[0], Remote: r.remote.String()}, nil
}

// enrolHost is the one call of a host that has no certificate yet.
func (s *Server) enrolHost(w http.ResponseWriter, r *request) error {
	if s.hosts == nil {
		return refuse(codeNotFound, "")
	}
	return s.invited(w, r, func(body []byte) ([]byte, error) {
		return s.hosts().EnrolHost(r.Context(), core.HostEnrolCall{Request: r.id, Body: body, Remote: r.remote.String()})
	})
}

func (s *Server) renewHost(w http.ResponseWriter, r *request) error {
	call, err := s.hostCall(r)
	if err != nil {
		return err
	}
	body, err := readBody(w, r.Request)
	if err != nil {
		return err
	}
	release, err := s.admitHost(r, call)
	if err != nil {
		return err
	}
	defer release()
	reply, err := s.hosts().RenewHost(r.Context(), call, body)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, reply)
	return nil
}

// hostLogin serves begin and answer. An answer may wait for a phone: it has places of its own, and of them each host has
// its part.
func (s *Server) hostLogin(w http.ResponseWriter, r *request) error {
	call, err := s.hostCall(r)
	if err != nil {
		return err
	}
	release, err := s.admitHost(r, call)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	var told recorded
	s.hostDoor.ServeHTTP(&told, r.WithContext(context.WithValue(ctx, hostCallKey{}, call)))
	return told.tell(w)
}

type hostCallKey struct{}

// settleHost tells the door's half of hostapi who calls.
func (s *Server) settleHost(r *http.Request) (hostdoor.Caller, hostdoor.Rules, error) {
	call, ok := r.Context().Value(hostCallKey{}).(core.HostCall)
	if !ok {
		return hostdoor.Caller{}, hostdoor.Rules{}, errNoCertificate
	}
	hosts := s.hosts() // one snapshot for the whole call
	host, err := hosts.Host(r.Context(), call)
	if err != nil {
		return hostdoor.Caller{}, hostdoor.Rules{}, toHost(err)
	}
	return hostdoor.Caller{Host: host.Name, Trusted: true}, // core believes a host as far as its entry says
		hostdoor.Rules{Logins: hostLogins{hosts, call}, Policy: host.Policy, Services: host.Services}, nil
}

// hostLogins are core's logins by way of one host.
type hostLogins struct {
	core.Hosts
	call core.HostCall
}

func (l hostLogins) Begin(ctx context.Context, a core.Attempt) (core.Step, error) {
	step, err := l.HostBegin(ctx, l.call, a)
	return step, toHost(err)
}

func (l hostLogins) Answer(ctx context.Context, r core.Reply) (core.Step, error) {
	step, err := l.HostAnswer(ctx, l.call, r)
	return step, toHost(err)
}

// toHost makes a refusal of core one that a host is told; what is none stays an error without words.
func toHost(err error) error {
	var refused *core.DeviceError
	if !errors.As(err, &refused) {
		return err
	}
	p := problemOf(err)
	return &hostapi.Refused{Status: p.Status, Problem: hostapi.Problem{Text: refused.Text, Code: string(refused.Code)}}
}

// recorded is a reply of the door's half, before it is told in this server's words.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorded) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *recorded) WriteHeader(status int)      { w.status = status }
func (w *recorded) Write(b []byte) (int, error) { return w.body.Write(b) }

// tell passes a step on, and a refusal as a problem document, with the members that a helper reads.
func (w *recorded) tell(to http.ResponseWriter) error {
	if w.status == http.StatusOK {
		writeJSON(to, http.StatusOK, w.body.Bytes())
		return nil
	}
	var said hostapi.Problem
	_ = json.Unmarshal(w.body.Bytes(), &said)
	code := core.DeviceCode(said.Code)
	if _, known := answers[code]; !known {
		switch w.status {
		case http.StatusForbidden:
			code = codeNotForHost
		case http.StatusRequestEntityTooLarge:
			code = codeTooLarge
		case http.StatusServiceUnavailable:
			code = core.CodeBusy
		default:
			code = core.CodeBadRequest
		}
	}
	return refuse(code, said.Text)
}

// Bounds of what one host may have in work at once, and how often it may ask: a bastion's rush hour passes, a stolen
// host's flood does not.
const (
	hostPlaces   = 1024
	hostsOwn     = 64
	hostBurst    = 200
	hostEachTick = 20 // calls in a second, after the burst
)

// admitHost takes a place for a call of a host. The host is known by its certificate here, whatever core says of it.
func (s *Server) admitHost(r *request, call core.HostCall) (release func(), err error) {
	id, err := fleet.IDOf(call.Certificate)
	if err != nil {
		return nil, errNoCertificate
	}
	if !s.hostCalls.take(id.String(), s.now()) {
		return nil, refuse(core.CodeBusy, "too many calls from this host")
	}
	if !s.hostShare.enter(id.String()) {
		return nil, refuse(core.CodeBusy, "too many calls at once from this host")
	}
	return sync.OnceFunc(func() { s.hostShare.leave(id.String()) }), nil
}
