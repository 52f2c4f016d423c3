package localapi

import (
	"context"
	"net/http"

	"github.com/latchkey/latchkey/core"
)

// inviteDevice's reply is the one place where an invitation is shown.
func (s *Server) inviteDevice(trusted bool) handler {
	return func(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
		in, err := decode[nameRequest](w, r)
		if err != nil {
			return err
		}
		url, expires, err := s.admin().InviteDevice(r.Context(), actor, in.Name, trusted)
		if err != nil {
			return err
		}
		writeJSON(w, http.StatusCreated, Invitation{Name: in.Name, URL: Disclosed{Secret: url}, Expires: expires, Trusted: trusted})
		return nil
	}
}

func (s *Server) listDevices(w http.ResponseWriter, r *http.Request, _ core.Actor) error {
	q, err := parameters(r, "name")
	if err != nil {
		return err
	}
	devices, err := s.admin().Devices(r.Context(), q.text("name"))
	if err != nil {
		return err
	}
	if devices == nil {
		devices = []core.DeviceInfo{}
	}
	writeJSON(w, http.StatusOK, devices)
	return nil
}

func (s *Server) confirmDevice(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[confirmRequest](w, r)
	if err != nil {
		return err
	}
	device, err := s.admin().ConfirmDevice(r.Context(), actor, in.Name, in.Code)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, device)
	return nil
}

func (s *Server) unlockDevice(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	return oneDevice(w, r, actor, s.admin().UnlockDevice)
}

func (s *Server) revokeDevice(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	return oneDevice(w, r, actor, s.admin().RevokeDevice)
}

// oneDevice is a call that takes a user and a device of hers and gives nothing.
func oneDevice(w http.ResponseWriter, r *http.Request, actor core.Actor, do func(ctx context.Context, actor core.Actor, name, device string) error) error {
	in, err := decode[deviceRequest](w, r)
	if err != nil {
		return err
	}
	return done(w, do(r.Context(), actor, in.Name, in.Device))
}
