package localapi

import (
	"context"
	"net/http"

	"github.com/latchkey/latchkey/core"
)

// The calls by which a helpdesk checks a caller, and their client.

func (s *Server) askCaller(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[nameRequest](w, r)
	if err != nil {
		return err
	}
	check, err := s.admin().AskCaller(r.Context(), actor, in.Name)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, check)
	return nil
}

func (s *Server) judgeCaller(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[callerRequest](w, r)
	if err != nil {
		return err
	}
	right, err := s.admin().JudgeCaller(r.Context(), actor, in.Name, in.ID, in.Text.Secret)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, CallerVerdict{Name: in.Name, Right: right})
	return nil
}

// AskCaller gives the question to ask a caller.
func (c *Client) AskCaller(ctx context.Context, name string) (check core.CallerCheck, err error) {
	return check, c.post(ctx, "/v1/user/verify/ask", nameRequest{name}, &check)
}

// JudgeCaller tells whether what the caller says is right.
func (c *Client) JudgeCaller(ctx context.Context, name, id string, text core.Secret) (verdict CallerVerdict, err error) {
	return verdict, c.post(ctx, "/v1/user/verify/judge", callerRequest{name, id, Disclosed{text}}, &verdict)
}
