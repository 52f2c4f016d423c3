package localapi

import (
	"context"
	"net/http"
	"time"

	"github.com/latchkey/latchkey/core"
)

// What admins do to the hosts of the fleet.

// HostInvitation is the one place where an invitation of a host is shown.
type HostInvitation struct {
	Name    string    `json:"name"`
	URL     Disclosed `json:"url"`
	Expires time.Time `json:"expires"`
}

func (s *Server) inviteHost(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[hostInviteRequest](w, r)
	if err != nil {
		return err
	}
	const longest = 30 * 24 * time.Hour
	valid := time.Duration(in.Seconds) * time.Second
	if in.Seconds < 0 || in.Seconds > int64(longest/time.Second) {
		return refuse(http.StatusUnprocessableEntity, "an invitation is good for 30 days at most", "")
	}
	url, expires, err := s.admin().InviteHost(r.Context(), actor, in.Name, valid)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, HostInvitation{Name: in.Name, URL: Disclosed{Secret: url}, Expires: expires})
	return nil
}

func (s *Server) listHosts(w http.ResponseWriter, r *http.Request, _ core.Actor) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	hosts, err := s.admin().HostList(r.Context())
	if err != nil {
		return err
	}
	if hosts == nil {
		hosts = []core.HostInfo{}
	}
	writeJSON(w, http.StatusOK, hosts)
	return nil
}

func (s *Server) revokeHost(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	return oneHost(w, r, actor, s.admin().RevokeHost)
}

func (s *Server) unlockHost(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	return oneHost(w, r, actor, s.admin().UnlockHost)
}

func oneHost(w http.ResponseWriter, r *http.Request, actor core.Actor, do func(ctx context.Context, actor core.Actor, name string) error) error {
	in, err := decode[nameRequest](w, r)
	if err != nil {
		return err
	}
	return done(w, do(r.Context(), actor, in.Name))
}

// InviteHost gives an invitation for a machine, once; 0: for as long as usual.
func (c *Client) InviteHost(ctx context.Context, name string, valid time.Duration) (invitation HostInvitation, err error) {
	return invitation, c.post(ctx, "/v1/host/invite", hostInviteRequest{name, int64(valid / time.Second)}, &invitation)
}

// Hosts lists the fleet.
func (c *Client) Hosts(ctx context.Context) (hosts []core.HostInfo, err error) {
	return hosts, c.get(ctx, "/v1/hosts", nil, &hosts)
}

// RevokeHost takes a host away for good, or its invitation.
func (c *Client) RevokeHost(ctx context.Context, name string) error {
	return c.post(ctx, "/v1/host/revoke", nameRequest{name}, nil)
}

// UnlockHost clears a host's wrong tries, and confirms it after a restore.
func (c *Client) UnlockHost(ctx context.Context, name string) error {
	return c.post(ctx, "/v1/host/unlock", nameRequest{name}, nil)
}
