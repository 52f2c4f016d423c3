package web

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey/latchkey/core"
)

// enrol is the one call that no device signs: who it is says the invitation in its body.
func (s *Server) enrol(w http.ResponseWriter, r *request) error {
	return s.invited(w, r, func(body []byte) ([]byte, error) {
		return s.phones().Enrol(r.Context(), core.EnrolCall{Request: r.id, Body: body, Remote: r.remote.String()})
	})
}

// invited lets an invitation be spent. Only those that are refused count against their network: a company may enrol
// all its phones, or hosts, on one day.
func (s *Server) invited(w http.ResponseWriter, r *request, spend func(body []byte) (reply []byte, err error)) error {
	if !s.enrolments.has(network(r.remote), s.now()) {
		return refuse(core.CodeBusy, "")
	}
	body, err := readBody(w, r.Request)
	if err != nil {
		return err
	}
	release, err := s.enter(r.Context())
	if err != nil {
		return err
	}
	defer release()
	reply, err := spend(body)
	if err != nil {
		s.enrolments.take(network(r.remote), s.now())
		return err
	}
	writeJSON(w, http.StatusCreated, reply)
	return nil
}

// call carries one signed call to core.
func (s *Server) call(w http.ResponseWriter, r *request) error {
	c, err := s.read(w, r)
	if err != nil {
		return err
	}
	release, err := s.enter(r.Context())
	if err != nil {
		return err
	}
	defer release()
	reply, err := s.phones().Device(r.Context(), c)
	s.judge(r, c, err)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, reply)
	return nil
}

// judge learns from what core said of a call. A device's rate is charged with what it has proved to be its own: else
// an outsider could use it up in its name. A profile that was stolen, or an app that runs in circles, is slowed down by it.
func (s *Server) judge(r *request, c core.DeviceCall, err error) {
	s.strangers.judge(r.remote, c.Device, err, s.now())
	switch codeOf(err) {
	case core.CodeUnknownDevice, core.CodeBadSignature, core.CodeBusy:
	case "":
		if err != nil {
			return
		}
		fallthrough
	default:
		s.devices.take(c.Device, s.now())
	}
}

// read makes a call of a request. Headers come first: without them no body is read.
func (s *Server) read(w http.ResponseWriter, r *request) (core.DeviceCall, error) {
	head, err := readSigned(r.Header)
	if err != nil {
		return core.DeviceCall{}, err
	}
	if !s.strangers.admit(r.remote, head.device, s.now()) {
		return core.DeviceCall{}, refuse(core.CodeBusy, "")
	}
	if now := s.now(); !s.devices.has(head.device, now) {
		seconds := int(math.Ceil(s.devices.wait(head.device, now).Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(max(1, seconds)))
		return core.DeviceCall{}, refuse(codeTooManyCalls, "")
	}
	c := core.DeviceCall{
		Request: r.id, Method: r.Method, Path: r.URL.Path, Op: strings.TrimPrefix(r.URL.Path, devicePath),
		Device: head.device, Counter: head.counter, Signature: head.signature, Remote: r.remote.String(),
	}
	if r.Method == http.MethodGet {
		if r.ContentLength != 0 {
			return core.DeviceCall{}, refuse(core.CodeBadRequest, "this call has no body")
		}
		return c, nil
	}
	c.Body, err = readBody(w, r.Request)
	return c, err
}

// enter takes one of the places of calls in work. Above them callers wait for a moment, then hear that
// the appliance is busy: what is in work stays quick.
func (s *Server) enter(ctx context.Context) (release func(), err error) {
	return s.enterOne(ctx, s.places)
}

func (s *Server) enterOne(ctx context.Context, places chan struct{}) (release func(), err error) {
	leave := func() { <-places }
	select {
	case places <- struct{}{}:
		return leave, nil
	default:
	}
	patience := time.NewTimer(s.limits.Patience)
	defer patience.Stop()
	select {
	case places <- struct{}{}:
		return leave, nil
	case <-patience.C:
	case <-ctx.Done():
	}
	return nil, refuse(core.CodeBusy, "")
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
