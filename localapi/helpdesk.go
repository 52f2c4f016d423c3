package localapi

import (
	"context"
	"net/http"

	"github.com/latchkey/latchkey/core"
)

// The calls of a helpdesk, and their client: who a caller is, and a code word on its way to its user.

func (s *Server) inviteUser(mailed bool) handler {
	return func(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
		in, err := decode[nameRequest](w, r)
		if err != nil {
			return err
		}
		handover, err := s.admin().InviteUser(r.Context(), actor, in.Name, mailed)
		return s.handOver(w, handover, err)
	}
}

func (s *Server) resetUser(w http.ResponseWriter, r *http.Request, actor core.Actor) error {
	in, err := decode[resetRequest](w, r)
	if err != nil {
		return err
	}
	handover, err := s.admin().ResetUser(r.Context(), actor, in.Name, in.Mail)
	return s.handOver(w, handover, err)
}

func (s *Server) handOver(w http.ResponseWriter, h core.Handover, err error) error {
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, Handover{
		Name: h.Name, Language: h.Language, Until: h.Until, URL: h.URL, Word: Disclosed{Secret: h.Word}, Rest: Disclosed{Secret: h.Rest}, MailedTo: h.MailedTo, Head: s.head(),
	})
	return nil
}

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
	return verdict, c.post(ctx, "/v1/user/verify/judge", callerRequest{name, id, Disclosed{Secret: text}}, &verdict)
}

// InviteUser makes a new code word. Mailed: half of it goes by mail.
func (c *Client) InviteUser(ctx context.Context, name string, mailed bool) (handover Handover, err error) {
	path := "/v1/user/invite"
	if mailed {
		path += "/mail"
	}
	return handover, c.post(ctx, path, nameRequest{name}, &handover)
}

// ResetUser takes a user's factors away, and makes a new code word.
func (c *Client) ResetUser(ctx context.Context, name string, mailed bool) (handover Handover, err error) {
	return handover, c.post(ctx, "/v1/user/reset", resetRequest{name, mailed}, &handover)
}

func (s *Server) showLetterHead(w http.ResponseWriter, _ *http.Request, _ core.Actor) error {
	writeJSON(w, http.StatusOK, s.head())
	return nil
}

// LetterHead is how letters look.
func (c *Client) LetterHead(ctx context.Context) (head LetterHead, err error) {
	return head, c.get(ctx, "/v1/letterhead", nil, &head)
}
