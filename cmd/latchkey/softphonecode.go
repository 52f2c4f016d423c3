package main

import (
	"context"
	"time"

	"github.com/latchkey/latchkey/phone"
)

// approveCode approves a login that can show nothing, and prints the code that is to be typed there.
func (s *softphone) approveCode(ctx context.Context, p *phone.Phone, login string) error {
	pin, err := s.secret(ctx, "PIN", false)
	if err != nil {
		return err
	}
	opened, err := p.Open(ctx, pin)
	if err != nil {
		return err
	}
	var meant []phone.Pending
	for _, one := range opened.Pendings {
		if one.Kind == phone.ByCode && (login == "" || one.ID.String() == login) {
			meant = append(meant, one)
		}
	}
	switch {
	case len(meant) == 0:
		return refusal{"no such login takes a code", "--symbol NAME, for one that shows a symbol"}
	case len(meant) > 1:
		return refusal{"two logins take a code", "--login ID, as latchkey softphone pending lists them"}
	}
	typed, err := opened.ApproveCode(ctx, meant[0].ID)
	if err != nil {
		return err
	}
	if s.json {
		return s.value(struct {
			Result  string        `json:"result"`
			Login   phone.Pending `json:"login"`
			Code    string        `json:"code"`
			Expires time.Time     `json:"expires"`
		}{"approved", meant[0], typed.Code.Reveal(), typed.Expires})
	}
	return s.done("Approved: %s. The code is %s: type it behind the password and a comma. It ends %s.",
		describe(meant[0]), typed.Code.Reveal(), distance(typed.Expires.Sub(s.now())))
}
